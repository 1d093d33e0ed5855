#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"
#include "sync/core/update.hpp"

namespace syncd::core {

// What one cycle did: one log line and one metric record each.
struct CycleReport {
  LinkId link_id;
  std::string institution_id;
  std::string provider;
  Cause cause = Cause::schedule;
  std::optional<Error> error;  // empty: success
  LinkStatus status_before = LinkStatus::active;
  LinkStatus status_after = LinkStatus::active;
  std::uint32_t pages = 0;
  std::uint64_t created = 0, updated = 0, removed = 0;
  std::uint64_t account_changes = 0;
  std::uint32_t unknown_values = 0;
  bool resync_started = false;
  bool relink_opened = false;
  bool relink_resolved = false;
  bool dead_letter = false;
  bool drained = false;  // the last page was committed
  bool peeked = false;   // the link object was asked first, for news
  bool yielded = false;  // there is more to do, but others come first or the budget is spent
  Millis duration{};
  Millis schedule_lag{};  // start after due
  // From upstream's refresh to our commit of the last page of what it brought; empty when no refresh was met,
  // or history was read. Below zero: upstream's clock is ahead of ours.
  std::optional<Millis> visibility_delay;
  Arm arm = Arm::adaptive;                   // of an adaptive schedule
  std::optional<UpstreamTime> refreshed_at;  // upstream's clock as the visit saw it last; empty: it did not
  WallTime next_due_at{};
};

// The cycle has committed a change of a row or an account.
inline bool brought_change(const CycleReport& report) {
  return report.created + report.updated + report.removed + report.account_changes > 0;
}

// How a cycle ended, in one word for logs, metrics and the admin API: `success`, `yielded` (committed so far,
// more to do later) or the kind of its error.
std::string_view outcome_of(const CycleReport& report);

// One HTTP exchange with upstream.
struct HttpReport {
  Endpoint endpoint = Endpoint::sync;
  int status = 0;               // 0: no answer
  std::optional<Errc> failure;  // empty: a 2xx answer
  Millis duration{};
  std::uint64_t body_bytes = 0;
};

// One group of commits that shared a synced write.
struct CommitReport {
  std::uint32_t updates = 0;
  Millis duration{};
};

}  // namespace syncd::core
