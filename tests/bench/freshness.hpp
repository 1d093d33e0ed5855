#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sync/core/freshness.hpp"
#include "tests/bench/drawn_fleet.hpp"
#include "tests/bench/fleet.hpp"

namespace syncd::bench {

// How the fleet is visited.
enum class Scheme : std::uint8_t {
  uniform,    // every link in its turn
  sqrt_true,  // by the square-root law, with rates that nobody can know
  sweep,      // every link each 48 hours; webhooks do the rest
  policy,     // ours
};

// What goes wrong, for a while, or changes for good.
enum class Fault : std::uint8_t {
  none,
  hooks_dark,     // webhooks that are sent do not arrive
  budget_halved,  // of both endpoints
  clock_ahead,    // the daemon's wall clock, by an hour
  clock_behind,
  clock_month,    // ahead by 30 days
  links_deleted,  // a fifth of them, for good
  links_added,    // half as many more, all at once, for good; with first calls at half of the budget
  bank_dark,  // the institution with the most links refreshes nothing; what happens there comes afterwards
};

struct FreshnessRun {
  Scheme scheme = Scheme::policy;
  bool peeks = false;
  bool hooks = false;
  FleetShape fleet = {};
  // These are visited, fleet.links of them, and none are made.
  std::shared_ptr<const std::vector<LinkSource>> recorded = {};
  std::uint64_t links = 100'000;  // that the budget is for; fewer are visited, with as much less of it
  std::uint32_t sync_per_minute = 600;
  std::uint32_t link_per_minute = 1000;
  core::FreshnessPolicy bounds = {};
  std::uint32_t heavy_tenths = 0;  // of the links count
  double heavy_weight = 1;         // so much
  double learning_days = 28;
  double measured_days = 14;
  std::uint64_t seed = 1;
  // Plays this instead of drawing from the seed, and begins as the daemon does with links that are imported:
  // with their first drains, at half of the budget. Outlives the run.
  const DrawnFleet* drawn = nullptr;
  Fault fault = Fault::none;
  double fault_day = 7;  // of the measured ones
  double fault_hours = 6;
};

// What became of the changed refreshes of the measured days. Minutes.
struct FreshnessResult {
  double mean_min = 0, p95_min = 0, p99_min = 0;
  double heavy_mean_min = 0, others_mean_min = 0;
  double within_hour = 0;   // share
  double met_mean_min = 0;  // as the daemon's metric has it: of refreshes that a fetch met, changed or not
  double gap_max_h = 0;     // between two fetches or peeks of one link
  double fetch_gap_max_h = 0;
  std::uint64_t changes = 0, fetches = 0, peeks = 0;
  std::uint32_t most_in_minute = 0;  // fetches, any sliding minute
  std::uint32_t allowed_in_minute = 0;
  std::uint64_t over_budget = 0;                      // requests of either endpoint, by a count of our own
  double max_interval_h = 0;                          // that the policy kept
  double refreshes_per_day = 0, changed_per_day = 0;  // of a link
  double calls_per_minute = 0;                        // fetches, scaled to the whole fleet
  // With a fault: mean delays of changes refreshed in the hours that it lasts (of a lasting change: in the
  // first six), of the same hours in a run without it, and how many hours after its end the mean of each six
  // hours, of the next two days, is within 1.25 of what it is without it.
  double calm_min = 0, during_min = 0;
  double recovered_h = 0;
  double calm_second_day_min = 0, second_day_min = 0;  // the second day after its end
  std::vector<double> after_min;                       // of each six hours after its end
};

// The real table of links, gate and planner, in virtual time; a fetch takes no time.
FreshnessResult run_freshness(const FreshnessRun& run);

}  // namespace syncd::bench
