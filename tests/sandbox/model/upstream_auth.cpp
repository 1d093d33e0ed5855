// Credentials: the two header forms, tokens, introspection and the key set.
#include "tests/sandbox/model/upstream_impl.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::string_view basic_prefix = "Basic ";
constexpr std::string_view bearer_prefix = "Bearer ";
constexpr std::size_t tokens_max = 10'000;
constexpr std::uint64_t stream_token = 0x401;

std::optional<std::string_view> after_prefix(const std::string* header, std::string_view prefix) {
  if (header == nullptr || header->size() <= prefix.size() ||
      !equals_ignoring_case(std::string_view(*header).substr(0, prefix.size()), prefix)) {
    return std::nullopt;
  }
  return std::string_view(*header).substr(prefix.size());
}

const std::string* form_item(const QueryItems& items, std::string_view name) {
  for (const auto& [key, value] : items) {
    if (key == name) {
      return &value;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<HttpResponse> Upstream::Impl::refuse_credentials(const Call& call) {
  const Headers& headers = call.request.headers;
  const std::string* const id = find_header(headers, "X-Client-Id");
  const std::string* const secret = find_header(headers, "X-Client-Secret");
  if (id != nullptr || secret != nullptr) {
    const bool id_good = id != nullptr && *id == options.client_id;
    const bool secret_good = secret != nullptr && *secret == options.client_secret;
    // The key set asks for the id alone.
    if (id_good && (secret_good || (call.endpoint == Endpoint::jwks && secret == nullptr))) {
      return std::nullopt;
    }
    return unauthorized();
  }
  const auto bearer = after_prefix(find_header(headers, "Authorization"), bearer_prefix);
  if (!bearer) {
    return unauthorized();
  }
  const auto token = tokens.find(*bearer);
  if (token == tokens.end()) {
    return unauthorized();
  }
  if (call.wire_now >= token->second) {
    return expired_access_token();
  }
  return std::nullopt;
}

HttpResponse Upstream::Impl::issue_token(const Call& call) {
  const auto form = parse_form(call.request.body);
  if (!form) {
    return error_response(400, "api_error.auth.unauthorized", "Malformed form");
  }
  const std::string* const grant = form_item(*form, "grant_type");
  if (grant == nullptr || *grant != "client_credentials") {
    return error_response(400, "api_error.auth.unauthorized", "Invalid grant_type");
  }
  std::string id;
  std::string secret;
  if (const auto basic = after_prefix(find_header(call.request.headers, "Authorization"), basic_prefix)) {
    const auto pair = base64_decode(*basic).value_or("");
    const auto colon = pair.find(':');
    if (colon != std::string::npos) {
      id = pair.substr(0, colon);
      secret = pair.substr(colon + 1);
    }
  } else if (const std::string* const form_id = form_item(*form, "client_id")) {
    const std::string* const form_secret = form_item(*form, "client_secret");
    id = *form_id;
    secret = form_secret == nullptr ? "" : *form_secret;
  }
  if (id != options.client_id || secret != options.client_secret) {
    return unauthorized("Invalid client credentials");
  }
  if (tokens.size() >= tokens_max) {
    std::erase_if(tokens, [&](const auto& token) { return call.wire_now >= token.second; });
  }
  ++counter;
  const std::string token = make_id("", hash_words(options.seed, stream_token, counter, 1),
                                    hash_words(options.seed, stream_token, counter, 2));
  tokens[token] = call.wire_now + options.token_life;
  return json_response(201, "{\"access_token\":\"" + token + "\",\"token_type\":\"bearer\",\"expires_in\":" +
                                std::to_string(options.token_life.count()) + "}");
}

HttpResponse Upstream::Impl::introspect() {
  const std::string app =
      json_string(make_id("app_", hash_words(options.seed, 0xa1), hash_words(options.seed, 0xa2)));
  return json_response(200, "{\"client_id\":" + json_string(options.client_id) +
                                R"(,"client_name":"sandbox","scope":"sandbox","app":{"app_id":)" + app +
                                R"(,"name":"Sandbox App","id":)" + app +
                                R"(,"app_name":"Sandbox App"},"disabled_at":null})");
}

HttpResponse Upstream::Impl::key_set() {
  return json_response(200, hooks.keys().key_set());
}

}  // namespace syncd::sandbox
