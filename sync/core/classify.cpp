#include "sync/core/classify.hpp"

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
  switch (condition_of_error_code(link_error_code).health) {
    case LinkHealth::needs_owner:
      return {Errc::relink_required, "the link's owner must act"};
    case LinkHealth::deleted:
      return {Errc::gone, "the link was deleted"};
    case LinkHealth::unsupported:
      return {Errc::forbidden, "the link has nothing of this kind"};
    case LinkHealth::connected:
    case LinkHealth::outage:
    case LinkHealth::not_ready:
      break;
  }
  return {Errc::upstream_state, "the link cannot be read at the moment"};
}

Verdict verdict_of_401(std::string_view api_code, const ErrorContext& context) {
  if (context.link_call && api_code == "link_error.unauthorized_access") {
    return {Errc::forbidden, "the link does not belong to these credentials"};
  }
  return {Errc::auth, "the credentials were refused"};
}

// 404 and 410 end a link only when upstream itself says so about a link.
Verdict verdict_of_absence(std::string_view api_code, const ErrorContext& context) {
  if (context.link_call && api_code.starts_with("link_error.")) {
    return {Errc::gone, "the link does not exist any more"};
  }
  return {Errc::protocol, "the address is not known upstream; check upstream.base_url"};
}

Verdict verdict_of_bad_request(int status, const ErrorAnswer& answer, const ErrorContext& context) {
  if (answer.error_code.starts_with("api_error.auth.")) return {Errc::auth, "the credentials were refused"};
  const bool names_state = answer.error_code == "link_error.bad_state" || !answer.link_error_code.empty();
  if (status == 422 && names_state) return verdict_of_state(answer.link_error_code);
  if (context.sent_cursor && context.endpoint == Endpoint::sync) {
    return {Errc::cursor_rejected, "the stored cursor was not accepted"};
  }
  return {Errc::protocol, "the request was refused as malformed"};
}

// A refusal with upstream's own body.
Verdict verdict_of_refusal(int status, const ErrorAnswer& answer, const ErrorContext& context) {
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

// `answer`: with a code, otherwise nullptr: then something between us and upstream may have answered, and
// that must not condemn a link or the credentials.
Verdict verdict_of(int status, const ErrorAnswer* answer, const ErrorContext& context) {
  if (status == 408) return {Errc::timeout, "the request took too long to arrive"};
  if (status == 429) return {Errc::throttled, "too many requests"};
  if (status >= 500) return {Errc::server, "the server failed"};
  if (status >= 300 && status < 400) return {Errc::server, "redirects are not followed"};
  if (status < 400) return {Errc::protocol, "this status was not expected"};
  if (answer != nullptr) return verdict_of_refusal(status, *answer, context);
  const bool proxy = status == 401 || status == 403 || status == 404 || status == 407 || status == 410;
  if (proxy)
    return {Errc::server, "the answer is not MoneyKit's; something in front of it may have answered"};
  return {Errc::protocol, "the request was refused without a reason"};
}

}  // namespace

Error classify_status(int http_status, const ErrorAnswer* answer, const ErrorContext& context,
                      std::optional<Millis> retry_after) {
  if (answer != nullptr && answer->error_code.empty()) answer = nullptr;
  const Verdict verdict = verdict_of(http_status, answer, context);
  Error error{.code = verdict.code, .message = {}, .http_status = http_status};
  error.message = fmt::format("{} call: HTTP {}", to_string(context.endpoint), http_status);
  if (answer != nullptr) {
    error.api_code = answer->error_code;
    error.link_error_code = answer->link_error_code;
    fmt::format_to(std::back_inserter(error.message), " {}", error.api_code);
    if (!error.link_error_code.empty()) {
      fmt::format_to(std::back_inserter(error.message), " ({})", error.link_error_code);
    }
  }
  fmt::format_to(std::back_inserter(error.message), ": {}", verdict.meaning);
  const bool waits = error.code == Errc::throttled || error.code == Errc::server;
  if (waits) error.retry_after = retry_after;
  return error;
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
  if (link.state == "connected") return {.health = LinkHealth::connected, .reason = link.state};
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
