#include "sync/core/classify.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace syncd::core {
namespace {

struct ErrorCodeMeaning {
  std::string_view code;
  LinkHealth health;
  bool data_readable = true;
};

constexpr std::array<ErrorCodeMeaning, 11> error_code_meanings{{
    {"auth_expired", LinkHealth::needs_owner},
    {"user_setup_required", LinkHealth::needs_owner},
    {"invalid_credentials", LinkHealth::needs_owner},
    {"user_oauth_denied", LinkHealth::needs_owner},
    {"user_input_incorrect", LinkHealth::needs_owner},
    {"user_error", LinkHealth::needs_owner},
    {"incomplete", LinkHealth::needs_owner, false},
    {"no_accounts", LinkHealth::unsupported},
    {"institution_error", LinkHealth::outage},
    {"provider_error", LinkHealth::outage},
    {"system_error", LinkHealth::outage},
}};

struct Verdict {
  Errc code;
  std::string_view meaning;
};

// What a 422 says about the link.
Verdict verdict_of_state(std::string_view link_error_code) {
  const LinkHealth health = condition_of_error_code(link_error_code).health;
  if (health == LinkHealth::needs_owner) return {Errc::relink_required, "the link's owner must act"};
  if (health == LinkHealth::deleted) return {Errc::gone, "the link was deleted"};
  if (health == LinkHealth::unsupported) return {Errc::forbidden, "the link has nothing of this kind"};
  return {Errc::upstream_state, "the link cannot be read at the moment"};
}

// Calls that people make about sessions and links; no schedule makes them.
bool is_act(const ErrorContext& context) {
  switch (context.endpoint) {
    case Endpoint::link_session:
    case Endpoint::exchange_token:
    case Endpoint::user_links:
    case Endpoint::delete_link:
    case Endpoint::update_link:
    case Endpoint::products:
      return true;
    default:
      return false;
  }
}

// The request was about a link, whether or not it named one.
bool concerns_link(const ErrorContext& context) {
  return context.link_call || context.endpoint == Endpoint::exchange_token ||
         context.endpoint == Endpoint::user_links;
}

Verdict verdict_of_401(std::string_view api_code, const ErrorContext& context) {
  if (concerns_link(context) && api_code == "link_error.unauthorized_access") {
    return {Errc::forbidden, "the link does not belong to these credentials"};
  }
  return {Errc::auth, "the credentials were refused"};
}

// Codes of which it is known that they mean the link itself.
constexpr std::array<std::string_view, 6> codes_about_links{
    "link_error.bad_state",           "link_error.not_found",        "link_error.deleted",
    "link_error.unauthorized_access", "link_error.forbidden_action", "link_error.bad_config"};

// How a cursor that has ended is reported is not documented: whatever could be that.
bool may_mean_cursor(std::string_view api_code, const ErrorContext& context) {
  return context.sent_cursor && context.endpoint == Endpoint::sync &&
         std::ranges::find(codes_about_links, api_code) == codes_about_links.end();
}

constexpr Verdict cursor_refused{Errc::cursor_rejected, "the stored cursor was not accepted"};

bool is_about_link(std::string_view api_code, const ErrorContext& context) {
  return concerns_link(context) && api_code.starts_with("link_error.");
}

// 404 and 410 end a link only when upstream itself says so about a link.
Verdict verdict_of_absence(std::string_view api_code, const ErrorContext& context) {
  if (may_mean_cursor(api_code, context)) return cursor_refused;
  if (is_about_link(api_code, context))
    return {Errc::gone, "upstream does not know the link: deleted there, or its id is misspelt"};
  if (context.endpoint == Endpoint::user_links)
    return {Errc::not_found, "upstream does not know this customer user"};
  return {Errc::protocol, "the address is not known upstream; check upstream.base_url"};
}

Verdict verdict_of_bad_request(int status, const ErrorAnswer& answer, const ErrorContext& context) {
  if (answer.error_code.starts_with("api_error.auth.")) return {Errc::auth, "the credentials were refused"};
  const bool names_state = answer.error_code == "link_error.bad_state" || !answer.link_error_code.empty();
  if (status == 422 && names_state) return verdict_of_state(answer.link_error_code);
  if (may_mean_cursor(answer.error_code, context)) return cursor_refused;
  if (status == 422 && is_about_link(answer.error_code, context)) return verdict_of_state({});
  return {Errc::protocol, "the request was refused as malformed"};
}

// What only the calls of people are told; nullopt: what every call is told.
std::optional<Verdict> verdict_of_act(int status, const ErrorAnswer& answer, const ErrorContext& context) {
  if (context.endpoint == Endpoint::exchange_token &&
      answer.error_code == "link_session_error.invalid_token_exchange") {
    return Verdict{Errc::invalid,
                   "the token is unknown, used before or too old; look whether the user's new link is there "
                   "already, otherwise begin a new session"};
  }
  if (answer.error_code == "link_session_error.forbidden_config") {
    return Verdict{Errc::forbidden,
                   "this app may not ask for such a session; in the MoneyKit dashboard, register the origin "
                   "of redirect_uri and check the products and countries of the app"};
  }
  if (answer.error_code == "api_error.request.validation_failed")
    return Verdict{Errc::invalid, "upstream does not accept what was asked for"};
  if (status != 422 || (answer.error_code != "link_error.bad_state" && answer.link_error_code.empty()))
    return std::nullopt;
  if (answer.link_error_code == "deleted") return verdict_of_state(answer.link_error_code);
  return Verdict{Errc::upstream_state, "the link's state does not allow it"};
}

// A refusal with upstream's own body.
Verdict verdict_of_refusal(int status, const ErrorAnswer& answer, const ErrorContext& context) {
  if (is_act(context)) {
    if (const auto verdict = verdict_of_act(status, answer, context)) return *verdict;
  }
  switch (status) {
    case 400:
    case 422:
      return verdict_of_bad_request(status, answer, context);
    case 401:
      return verdict_of_401(answer.error_code, context);
    case 403:
      return {Errc::forbidden, "this is not ours to read"};
    case 404:
    case 410:
      return verdict_of_absence(answer.error_code, context);
    default:
      return {Errc::protocol, "the request was refused"};
  }
}

// Without a code something between us and upstream may have answered, and that must not condemn a link or the
// credentials. It may have been about the cursor when it is JSON: the link object is asked before that is
// believed.
Verdict verdict_without_code(int status, bool json, const ErrorContext& context) {
  const bool refused = status == 400 || status == 404 || status == 410 || status == 422;
  if (refused && json && may_mean_cursor({}, context)) return cursor_refused;
  const bool proxy = status == 401 || status == 403 || status == 404 || status == 407 || status == 410;
  if (proxy)
    return {Errc::server, "the answer is not MoneyKit's; something in front of it may have answered"};
  return {Errc::protocol, "the request was refused without a reason"};
}

// `answer`: nullptr when the body was no JSON object.
Verdict verdict_of(int status, const ErrorAnswer* answer, const ErrorContext& context) {
  if (status == 408) return {Errc::timeout, "the request took too long to arrive"};
  if (status == 429) return {Errc::throttled, "too many requests"};
  if (status >= 500) return {Errc::server, "the server failed"};
  if (status >= 300 && status < 400) return {Errc::server, "redirects are not followed"};
  if (status < 400) return {Errc::protocol, "this status was not expected"};
  const bool coded = answer != nullptr && !answer->error_code.empty();
  if (coded) return verdict_of_refusal(status, *answer, context);
  return verdict_without_code(status, answer != nullptr, context);
}

// What is stored stays readable meanwhile.
LinkCondition condition_of_connected(const LinkObject& link) {
  for (const ProductInfo* product : {&link.transactions, &link.accounts}) {
    if (!product->failing) continue;
    const LinkCondition condition = condition_of_error_code(product->error_code);
    if (condition.health == LinkHealth::needs_owner) {
      return {.health = LinkHealth::needs_owner, .reason = condition.reason};
    }
  }
  return {.health = LinkHealth::connected, .reason = link.state};
}

}  // namespace

Error classify_status(int http_status, const ErrorAnswer* answer, const ErrorContext& context,
                      std::optional<Millis> retry_after) {
  const Verdict verdict = verdict_of(http_status, answer, context);
  Error error{.code = verdict.code, .message = {}, .http_status = http_status};
  error.message = fmt::format("{} call: HTTP {}", to_string(context.endpoint), http_status);
  if (answer != nullptr && !answer->error_code.empty()) {
    error.api_code = answer->error_code;
    error.link_error_code = answer->link_error_code;
    fmt::format_to(std::back_inserter(error.message), " {}", error.api_code);
    if (!error.link_error_code.empty()) {
      fmt::format_to(std::back_inserter(error.message), " ({})", error.link_error_code);
    }
  }
  fmt::format_to(std::back_inserter(error.message), ": {}", verdict.meaning);
  if (answer != nullptr && !answer->refused_fields.empty())
    fmt::format_to(std::back_inserter(error.message), ": {}", fmt::join(answer->refused_fields, ", "));
  const bool waits = error.code == Errc::throttled || error.code == Errc::server;
  if (waits) error.retry_after = retry_after;
  return error;
}

bool is_doubtful(const Error& error) {
  switch (error.code) {
    case Errc::gone:
      return error.http_status == 404;
    case Errc::cursor_rejected:
      return true;
    case Errc::upstream_state:
      return error.http_status == 422 && !condition_of_error_code(error.link_error_code).known;
    default:
      return false;
  }
}

bool may_quarantine(const Error& error) {
  return error.code == Errc::protocol || error.code == Errc::cursor_rejected ||
         (error.code == Errc::gone && is_doubtful(error));
}

LinkCondition condition_of_error_code(std::string_view link_error_code) {
  for (const ErrorCodeMeaning& meaning : error_code_meanings) {
    if (meaning.code == link_error_code) {
      return {.health = meaning.health, .reason = meaning.code, .data_readable = meaning.data_readable};
    }
  }
  if (link_error_code == "deleted") {
    return {.health = LinkHealth::deleted, .reason = "deleted", .data_readable = false};
  }
  // Unknown never means healthy, and never bothers an owner.
  return {.health = LinkHealth::outage, .reason = link_error_code, .known = false};
}

LinkCondition condition_of(const LinkObject& link) {
  if (link.state == "connected") return condition_of_connected(link);
  if (link.state == "error") {
    LinkCondition condition = condition_of_error_code(link.error_code);
    if (condition.reason.empty()) condition.reason = link.state;
    return condition;
  }
  if (link.state == "connecting" || link.state == "awaiting_token_exchange") {
    return {.health = LinkHealth::not_ready, .reason = link.state, .data_readable = false};
  }
  if (link.state == "deleted") {
    return {.health = LinkHealth::deleted, .reason = link.state, .data_readable = false};
  }
  return {.health = LinkHealth::outage, .reason = link.state, .known = false};
}

}  // namespace syncd::core
