#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/freshness.hpp"
#include "sync/core/outlook.hpp"
#include "sync/core/price.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// The same for a link as long as the share is; a greater share only moves links to the control group.
Arm arm_of(std::uint64_t id_hash, double control_share);

// The note under which the planner's state outlives the process; see Engine::restore_planner().
inline constexpr std::string_view planner_note = "planner";

// What all links share of the budgets.
struct FleetBudget {
  std::uint64_t links = 0;  // that the schedule visits
  std::uint32_t sync_per_minute = 600;
  std::uint32_t link_per_minute = 1000;
  // What is configured, where 429s have cut what may be used; 0: the same. It decides how long a link may
  // wait.
  std::uint32_t sync_configured = 0;
  bool operator==(const FleetBudget&) const = default;
};

// The state behind plan_visit(): what the visits taught, and the prices that keep them inside the budgets.
// Pure; the caller brings the time.
class VisitPlanner {
 public:
  explicit VisitPlanner(const FreshnessPolicy& policy) { set_policy(policy); }
  void set_policy(const FreshnessPolicy& policy);
  void set_fleet(const FleetBudget& fleet);

  VisitPlan plan(const LinkOutlook& link, std::string_view institution_id, std::string_view provider,
                 WallTime now);
  // What plan() decides, but for the visits that are made only to learn.
  VisitPlan preview(const LinkOutlook& link, std::string_view institution_id, std::string_view provider,
                    WallTime now) const;
  // In turn: as often as the budget allows all of them on average, by the link's phase.
  VisitPlan turn(std::uint64_t id_hash, WallTime now) const;
  // How long a turn takes; bounded by min_interval and max_interval.
  Millis turn_interval() const;
  // Longer than the policy's where that alone would take too much of the budget.
  Millis max_interval() const { return bounds_.max_interval; }

  // The link's clock was looked at and stands at `shown` now; `link` is as before.
  void note_look(const LinkOutlook& link, std::string_view institution_id, std::string_view provider,
                 std::optional<UpstreamTime> shown);
  // What a fetch at `now` has found; gives the link's new evidence.
  ChangeEvidence note_fetch(const LinkOutlook& link, std::string_view institution_id,
                            std::string_view provider, WallTime now, bool changed, FoundBy by);

  // Requests for a feed went out.
  void count_fetches(std::uint32_t requests = 1) { fetches_ += requests; }
  // The same, because a webhook told of the link.
  void count_told(std::uint32_t requests = 1) { told_ += requests; }
  void count_peek() { ++peeks_; }
  bool tick_due(WallTime now) const;
  // Moves the prices when their time has come; `overdue`: links that are due and not being visited,
  // `peeks_waiting`: those whose peek was turned away by its budget.
  void tick(WallTime now, std::uint64_t overdue, std::uint64_t peeks_waiting);

  // Forgets what was counted: it was no time of visits.
  void skip_window(WallTime now);

  const FleetBudget& fleet() const { return fleet_; }
  CallPrices prices() const { return {.fetch = fetch_.value(), .peek = peek_.value()}; }
  const Outlooks& outlooks() const { return outlooks_; }

  // A note of the store that keeps this over a restart.
  std::string encode() const;
  // A note that is not understood: nothing is known.
  void decode(std::string_view note);

 private:
  FreshnessPolicy policy_;
  FreshnessPolicy bounds_;  // the same with max_interval as it can be kept
  FleetBudget fleet_;
  Outlooks outlooks_;
  CallPrice fetch_, peek_;
  std::uint64_t fetches_ = 0, told_ = 0, peeks_ = 0;  // since retuned_at_
  WallTime retuned_at_{};
};

// Of a budget, what the schedule may count on: others have a reserve, the sliding minute costs a slot, and a
// little stays free so that what is due goes out soon.
double schedulable(std::uint32_t per_minute);

}  // namespace syncd::core
