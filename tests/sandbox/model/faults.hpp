#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sandbox/model/http.hpp"

namespace syncd::sandbox {

enum class FaultKind : std::uint8_t {
  latency,              ///< delay_ms; other rules still apply
  reset,                ///< TCP reset instead of an answer
  close,                ///< orderly close instead of an answer
  slow,                 ///< bytes_per_second; other rules still apply
  status,               ///< status, body, content_type
  cut,                  ///< declare the whole body, send at_byte bytes, close
  malformed,            ///< 200 with a body of the given variant
  wrong_link,           ///< another link's id in the answer
  repeat_cursor,        ///< has_more with the cursor that was sent
  cyclic_cursor,        ///< has_more with cursors that repeat after `length`
  endless,              ///< has_more for ever, always with a new cursor
  bad_cursor,           ///< has_more with `next` of variant null, empty, absent, number or huge
  refuse_cursor,        ///< status 400 or 422, only for requests that send a cursor
  expired_token,        ///< 401 api_error.auth.expired_access_token
  unauthorized,         ///< 401 api_error.auth.unauthorized
  unauthorized_access,  ///< 401 link_error.unauthorized_access
  forbidden,            ///< 403 link_error.forbidden_action
  not_found,            ///< 404 link_error.not_found
  deleted,              ///< 410 link_error.deleted
  bad_state,            ///< 422 link_error.bad_state with link_error_code
  throttle,             ///< 429 with Retry-After of the given form
  repeated_rows,        ///< some rows of a page are listed twice, first in an outdated form
  odd_lists,            ///< created rows listed as updated, and the removal of a row nobody knows
  replica_lag,          ///< the page of a replica that has not seen the last refresh
  // Of hooks only; decided once for a hook, when what it tells of happens.
  hook_dark,             ///< never sent
  hook_wrong_signature,  ///< a signature that does not hold
  hook_unknown_kid,      ///< signed with a key that no key set lists
  hook_wrong_body,       ///< the body was changed after it was signed
  hook_other_link,       ///< names another link: variant known (one of the app's) or unknown (nobody's)
};
/// Whether it applies to hooks, and to nothing else.
bool hook_fault(FaultKind kind);
std::string_view fault_name(FaultKind kind);

/// One rule: when it applies, and what it does. Rules are tried in order; the first that fires decides,
/// except that latency and slow only add to the answer.
struct FaultRule {
  // When. An unset member matches everything.
  std::optional<Endpoint> endpoint{};
  std::string link_id{};
  std::optional<std::uint64_t> nth{};    ///< only the nth matching request, counted from 1
  std::optional<std::uint64_t> every{};  ///< only each such matching request
  double probability = 1.0;              ///< of those left, by seed
  std::optional<std::uint64_t> count{};  ///< stop after so many firings
  std::optional<TimePoint> from{};       ///< in wire time
  std::optional<TimePoint> until{};

  // What.
  FaultKind kind = FaultKind::latency;
  std::uint32_t delay_ms = 0;
  std::uint32_t delay_ms_max = 0;  ///< latency: uniform in [delay_ms, delay_ms_max] when larger
  std::uint32_t bytes_per_second = 0;
  int status = 0;
  std::string body{};
  std::string content_type{};
  std::size_t at_byte = 0;
  /// malformed: truncated (default), html, garbage, empty, duplicate_key, bad_utf8, deep, trailing, array,
  /// null_lists, wrong_types, bom, nul, lone_surrogate, control, odd_number, long_id, empty_id. bad_cursor:
  /// see above. throttle: seconds (default), date, absurd, negative, past_date, text, none.
  std::string variant{};
  std::int64_t retry_after_seconds = 30;
  std::uint32_t length = 3;
  std::string error_code{};  ///< bad_state: link_error_code, default auth_expired
};

/// Reads `{"rules":[...]}` or a bare array; the error names the rule and the member.
std::expected<std::vector<FaultRule>, std::string> parse_fault_script(std::string_view json);

struct FaultContext {
  Endpoint endpoint;
  std::string_view link_id;
  bool has_cursor;
  TimePoint wire_now;
};

/// What fired for one request: the additive parts and at most one decisive rule.
struct FaultDecision {
  Transport transport;
  std::optional<FaultRule> rule;
};

/// The rules with their counters and random streams. Each rule draws from its own stream, so that adding one
/// does not disturb the others.
class FaultPlan {
 public:
  explicit FaultPlan(std::uint64_t seed) : seed_(seed) {}

  void set(std::vector<FaultRule> rules);
  void add(FaultRule rule);
  void clear() { rules_.clear(); }
  [[nodiscard]] bool empty() const { return rules_.empty(); }
  /// Firings of each rule, in the order of the rules.
  [[nodiscard]] std::vector<std::uint64_t> firings() const;

  FaultDecision decide(const FaultContext& context);

 private:
  struct Active {
    FaultRule rule;
    std::uint64_t number = 0;
    std::uint64_t matched = 0;
    std::uint64_t fired = 0;
  };
  bool fires(Active& active, const FaultContext& context) const;

  std::uint64_t seed_;
  std::uint64_t next_number_ = 0;
  std::vector<Active> rules_;
};

}  // namespace syncd::sandbox
