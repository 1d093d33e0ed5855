#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
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

// Holds every request back until the budgets of its endpoint, per app and per link, allow it and no Retry-After
// window is open. First come, first served within a priority; manual and webhook causes may use a reserve that the
// others leave free.
//
// Thread: the io thread. Lifetime: outlives every task that waits in it.
class RateGate {
 public:
  RateGate(Timers& timers, const Budgets& budgets);

  // Returns when one request may be sent now, and counts it. `link_id` empty: not about a link. Errors: cancelled.
  Task<core::Result<void>> acquire(core::Endpoint endpoint, core::LinkId link_id, core::Cause cause);

  // No request to the endpoint before `until`; never shortens a window.
  void freeze(core::Endpoint endpoint, core::WallTime until);
  // The open windows, to be stored.
  std::vector<core::GateFreeze> freezes() const;

  // This link's requests of the last minute, to be stored with it.
  std::vector<core::RecentSend> recent_sends(const core::LinkId& link_id);
  // What a restart found stored. `uncommitted_max`: requests that may have gone out unrecorded before a crash; counted
  // as sent now.
  void seed(core::Endpoint endpoint, const core::LinkId& link_id, core::WallTime sent_at);
  void seed_app(core::Endpoint endpoint, std::uint32_t uncommitted_max);

  std::vector<BudgetUse> use();
  void set_budgets(const Budgets& budgets);

 private:
  struct LinkWindow {
    std::deque<std::pair<core::Endpoint, SteadyTime>> sends;
  };
  std::uint32_t limit_per_link(core::Endpoint endpoint) const;
  SteadyTime earliest(core::Endpoint endpoint, const core::LinkId& link_id, core::Cause cause, SteadyTime now);
  void count(core::Endpoint endpoint, const core::LinkId& link_id, SteadyTime now);
  void forget_old(SteadyTime now);

  Timers& timers_;
  Budgets budgets_;
  std::vector<core::SlidingMinute> app_;           // by endpoint
  std::vector<std::optional<core::WallTime>> frozen_;  // by endpoint
  std::vector<std::uint32_t> waiting_;             // by endpoint
  std::unordered_map<core::LinkId, LinkWindow> links_;
  SteadyTime forgot_at_{};
  SteadyTime started_at_;
};

}  // namespace syncd::api
