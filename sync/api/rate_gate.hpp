#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/budget.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"
#include "sync/core/update.hpp"

namespace syncd::api {

// Requests per minute that upstream allows. 1 to 1,000,000 each.
struct Budgets {
  std::uint32_t sync_per_app = 600;
  std::uint32_t sync_per_link = 15;
  std::uint32_t accounts_per_app = 600;
  std::uint32_t accounts_per_link = 4;
  std::uint32_t link_per_app = 1000;
  std::uint32_t link_per_link = 15;
  std::uint32_t links_per_app = 600;
  std::uint32_t token_per_client = 300;
};

// How much of an endpoint's budget is in use; for metrics and the status page.
struct BudgetUse {
  core::Endpoint endpoint = core::Endpoint::sync;
  std::uint32_t limit = 0;
  std::uint32_t used = 0;     // in the last minute
  std::uint32_t waiting = 0;  // tasks
  std::optional<core::WallTime> frozen_until;
};

// Holds every request back until the budgets of its endpoint, per app and per link, allow it and no
// Retry-After window is open. Manual and webhook causes may use a
// reserve (a tenth) that the others leave free.
//
// The promise holds across restarts: what was sent is stored with each link and, at a clean stop, as a
// snapshot; after a crash the requests that may have gone out unrecorded are assumed to have been sent at the
// moment of the start.
//
// Thread: the io thread. Lifetime: outlives every task that waits in it.
class RateGate {
 public:
  RateGate(Timers& timers, const Budgets& budgets);

  // Returns when one request may be sent now, and counts it. `link_id` empty: not about a link. Errors:
  // cancelled.
  Task<core::Result<void>> acquire(core::Endpoint endpoint, core::LinkId link_id, core::Cause cause);
  // When acquire() would return if nobody else asked before; a cycle that would wait long yields its worker
  // instead.
  SteadyTime available_at(core::Endpoint endpoint, const core::LinkId& link_id, core::Cause cause);

  // No request to the endpoint before `until`; never shortens a window. Windows longer than an hour are cut
  // to one.
  void freeze(core::Endpoint endpoint, core::WallTime until);
  // Called with every window that freeze() opens or extends, so that somebody can store it.
  void on_freeze(std::function<void(const core::GateFreeze&)> tell) { tell_freeze_ = std::move(tell); }
  std::optional<core::WallTime> frozen_until(core::Endpoint endpoint) const;

  // This link's requests of the last minute, to be stored with it.
  std::vector<core::RecentSend> recent_sends(const core::LinkId& link_id);

  // ---- start and stop ----
  // What a restart found stored with a link.
  void seed(const core::LinkId& link_id, const std::vector<core::RecentSend>& sends);
  // The last run did not stop cleanly: up to `in_flight_max` cycles may have sent requests that no record
  // shows.
  void assume_crash(std::uint32_t in_flight_max);
  // The windows as a text for restore(); empty when there is too much to write, which is then a crash to the
  // next run.
  std::string snapshot();
  // False when the text is not understood: nothing was restored.
  bool restore(std::string_view snapshot);

  std::vector<BudgetUse> use();
  void set_budgets(const Budgets& budgets);

 private:
  struct Send {
    core::Endpoint endpoint;
    SteadyTime at;
  };
  core::SlidingMinute& app_window(core::Endpoint endpoint);
  std::uint32_t limit_per_link(core::Endpoint endpoint) const;
  SteadyTime link_available_at(core::Endpoint endpoint, const core::LinkId& link_id, SteadyTime now);
  void count(core::Endpoint endpoint, const core::LinkId& link_id, SteadyTime now);
  void seed_at(core::Endpoint endpoint, const core::LinkId& link_id, SteadyTime at, std::uint32_t requests);
  void forget_old(SteadyTime now);
  core::WallTime to_wall(SteadyTime at);
  SteadyTime to_steady(core::WallTime at);

  Timers& timers_;
  Budgets budgets_;
  std::vector<core::SlidingMinute> app_;                       // by endpoint
  std::array<SteadyTime, core::endpoint_count + 1> frozen_{};  // by endpoint; the epoch: not frozen
  std::array<std::uint32_t, core::endpoint_count + 1> waiting_{};
  std::unordered_map<core::LinkId, std::vector<Send>> links_;  // the last minute only
  std::function<void(const core::GateFreeze&)> tell_freeze_;
  SteadyTime forget_at_{};
  SteadyTime crash_shadow_until_{};  // until then each link is charged for unrecorded requests
};

}  // namespace syncd::api
