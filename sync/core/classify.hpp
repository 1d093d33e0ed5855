#pragma once

#include <optional>
#include <string_view>

#include "sync/core/page.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// Retry-After as delta-seconds or as an IMF-fixdate (RFC 9110 10.2.3 and 5.6.7; obsolete date forms too). A
// date is taken relative to `date` (the answer's own Date header) when that is present, else to `now`: a
// wrong local clock must not turn into years. One second to `longest`. nullopt: absent, not understood, or
// not in the future (zero, negative, past).
inline constexpr Millis retry_after_max{3'600'000};
std::optional<Millis> parse_retry_after(std::string_view value, std::string_view date, WallTime now,
                                        Millis longest = retry_after_max);

// Delay to use for a 429 that says nothing.
inline constexpr Millis retry_after_default{60'000};
inline constexpr Millis retry_after_min{1'000};
// A bank that was asked for news too soon may want a day, or its next opening.
inline constexpr Millis refresh_retry_after_max = std::chrono::hours(48);

struct ErrorContext {
  Endpoint endpoint = Endpoint::sync;
  // The request carried a cursor: a 400, 404, 410 or 422 that has no known meaning about the link may be
  // about that.
  bool sent_cursor = false;
  bool link_call = true;  // the request named a link
};

// Turns a non-2xx answer into an Error. `answer` is the parsed body, or nullptr when it was no JSON object.
// Three verdicts are to be believed only beside the link object (GET /links/{id}), see is_doubtful().
//
// What people ask for (link_session, exchange_token, user_links, delete_link, update_link, products) is
// refused with `invalid` when the request itself is not accepted, `forbidden` when the app may not ask for
// it, `upstream_state` when the link's state does not allow it, `gone` when upstream does not know the link,
// and `not_found` when it does not know the user; never with `relink_required`.
Error classify_status(int http_status, const ErrorAnswer* answer, const ErrorContext& context,
                      std::optional<Millis> retry_after);

// The answer may mean the link, its cursor or something in the way: a 404 about a link, a refused cursor, and
// a 422 about a state that it does not name. What the link object says decides.
bool is_doubtful(const Error& error);

// Met again and again, the error ends in a quarantine, also one that the link object turns into a breach of
// the protocol.
bool may_quarantine(const Error& error);

// What a link's own state says, independent of the request having worked.
enum class LinkHealth : std::uint8_t {
  connected,
  needs_owner,  // relink: auth_expired and its kin
  outage,       // institution, provider or MoneyKit: slow retry, keep reading
  not_ready,    // connecting, awaiting_token_exchange: nothing to read yet
  unsupported,  // no_accounts: nothing there for us
  deleted,
};
struct LinkCondition {
  LinkHealth health = LinkHealth::connected;
  std::string_view reason;    // upstream's word
  bool data_readable = true;  // `incomplete`, not_ready and deleted forbid data calls
  bool known = true;          // false: a state or code this version does not know; treated as an outage
};
// A connected link one of whose products could not be refreshed for want of its owner needs its owner,
// although its state has not followed (yet).
LinkCondition condition_of(const LinkObject& link);
// The same for a `link_error_code` of a 422.
LinkCondition condition_of_error_code(std::string_view link_error_code);

}  // namespace syncd::core
