#include "daemon/admin/access.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

constexpr std::string_view bearer = "bearer ";
constexpr std::uint16_t http_port = 80;
constexpr std::uint16_t https_port = 443;

std::string lower(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string_view detail_of(std::string_view reason) {
  if (reason == "token_missing") {
    return "send a token as Authorization: Bearer mks_...; moneykitctl tokens create makes one";
  }
  if (reason == "token_malformed") {
    return "the Authorization header must be Bearer, one space and a token: mks_ and 43 characters";
  }
  if (reason == "token_expired") return "the token has expired; moneykitctl tokens create makes another one";
  if (reason == "token_revoked") return "the token was revoked; moneykitctl tokens create makes another one";
  return "there is no such token; moneykitctl tokens ls shows the names of those there are";
}

HttpResponse unauthorized(std::string_view reason) {
  HttpResponse response = problem(401, reason, detail_of(reason));
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

HttpResponse too_many(core::Millis wait) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  return try_later(429, "too_many_bad_tokens",
                   fmt::format("too many requests with bad tokens; try again in {} s", seconds), wait);
}

// The token behind the scheme, whose name may be written in any case (RFC 9110 section 11.1); empty: another
// scheme.
std::string_view bearer_token(std::string_view value) {
  if (lower(value.substr(0, bearer.size())) != bearer) return {};
  return value.substr(bearer.size());
}

}  // namespace

Caller caller_of(const Peer& peer) {
  return {.actor = fmt::format("uid:{}", peer.uid), .role = Role::admin, .uid = peer.uid};
}

HttpResponse role_too_low(Role has, Role needed) {
  return problem(
      403, "role_too_low",
      fmt::format("this needs the role {}, and the token has {}", to_string(needed), to_string(has)));
}

bool is_valid_idempotency_key(std::string_view key) {
  const bool visible = std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7F; });
  return visible && !key.empty() && key.size() <= idempotency_key_bytes_max;
}

std::vector<std::string> own_hosts(const ListenAddress& address, bool tls) {
  const bool all = address.address == "0.0.0.0" || address.address == "::";
  const bool v6 = address.address.find(':') != std::string::npos;
  std::vector<std::string> names{"localhost"};
  if (!all) names.push_back(lower(v6 ? "[" + address.address + "]" : address.address));
  std::vector<std::string> hosts;
  for (const std::string& name : names) {
    hosts.push_back(fmt::format("{}:{}", name, address.port));
    if (address.port == (tls ? https_port : http_port)) hosts.push_back(name);
  }
  return hosts;
}

Access::Access(AccessOptions options, std::function<const TokenTable&()> tokens)
    : options_(std::move(options)), tokens_(std::move(tokens)), failures_(options_.limits) {
}

bool Access::is_own_host(std::string_view host) const {
  return std::ranges::find(options_.hosts, lower(host)) != options_.hosts.end();
}

std::optional<HttpResponse> Access::refuse_host(const HttpRequest& request) const {
  if (!request.host || request.host->empty())
    return problem(400, "host_missing", "the request has no Host header");
  if (is_own_host(*request.host)) return std::nullopt;
  return problem(421, "wrong_host",
                 "this listener does not answer for that host; add it to admin.allowed_hosts if it should");
}

std::optional<HttpResponse> Access::refuse_source(const HttpRequest& request) const {
  if (auto refusal = refuse_host(request)) return refusal;
  if (request.origin) {
    const std::string_view scheme = options_.tls ? "https://" : "http://";
    const std::string_view origin = *request.origin;
    if (!origin.starts_with(scheme) || !is_own_host(origin.substr(scheme.size())))
      return problem(403, "wrong_origin", "a page of another origin may not ask here");
  }
  const bool foreign =
      request.sec_fetch_site && *request.sec_fetch_site != "same-origin" && *request.sec_fetch_site != "none";
  // A link elsewhere, in a dashboard or a mail, may lead to the page: it knows nothing before somebody signs
  // in, and nobody can frame it.
  const bool opens_page = request.method == "GET" && request.target == "/" && !request.origin;
  if (foreign && !opens_page) return problem(403, "wrong_origin", "a page of another site may not ask here");
  return std::nullopt;
}

std::optional<HttpResponse> Access::page_file(const HttpRequest& request) const {
  if (!options_.page) return std::nullopt;
  auto file = options_.page(request.target);
  if (!file || request.method == "GET") return file;
  HttpResponse refused = problem(405, "method_not_allowed", "this path answers GET and HEAD");
  refused.allow = "GET, HEAD";
  return refused;
}

HttpResponse Access::refuse_token(const HttpRequest& request, std::string_view reason,
                                  std::string_view name) {
  const core::Millis wait = failures_.fail(request.remote, options_.steady_now());
  const bool turned_away = wait > core::Millis{0};
  if (options_.on_bad_token) {
    options_.on_bad_token(
        {.remote = request.remote, .reason = reason, .name = name, .turned_away = turned_away});
  }
  return turned_away ? too_many(wait) : unauthorized(reason);
}

std::expected<Caller, HttpResponse> Access::identify(const HttpRequest& request) {
  if (!request.authorization) return std::unexpected(unauthorized("token_missing"));
  const std::string_view text = bearer_token(request.authorization->reveal());
  if (!has_token_form(text)) return std::unexpected(refuse_token(request, "token_malformed", {}));
  const Token* const token = tokens_().match(hash_of_token(text));
  if (token == nullptr) return std::unexpected(refuse_token(request, "token_unknown", {}));
  switch (state_of(*token, options_.wall_now())) {
    case TokenState::live:
      return Caller{.actor = "token:" + token->name, .role = token->role, .expires_at = token->expires_at};
    case TokenState::expired:
      return std::unexpected(refuse_token(request, "token_expired", token->name));
    case TokenState::revoked:
      return std::unexpected(refuse_token(request, "token_revoked", token->name));
  }
  return std::unexpected(refuse_token(request, "token_unknown", {}));
}

}  // namespace syncd::daemon
