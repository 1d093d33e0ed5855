#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sync/core/freshness.hpp"
#include "tests/bench/fleet.hpp"

namespace syncd::bench {

// How the fleet is visited.
enum class Scheme : std::uint8_t {
  uniform,    // every link in its turn
  sqrt_true,  // by the square-root law, with rates that nobody can know
  sweep,      // every link each 48 hours; webhooks do the rest
  policy,     // ours
};

struct FreshnessRun {
  Scheme scheme = Scheme::policy;
  bool peeks = false;
  bool hooks = false;
  FleetShape fleet = {};
  std::uint64_t links = 100'000;  // that the budget is for; fewer are visited, with as much less of it
  std::uint32_t sync_per_minute = 600;
  std::uint32_t link_per_minute = 1000;
  core::FreshnessPolicy bounds = {};
  double learning_days = 28;
  double measured_days = 14;
  std::uint64_t seed = 1;
};

// What became of the changed refreshes of the measured days. Minutes.
struct FreshnessResult {
  double mean_min = 0, p95_min = 0, p99_min = 0;
  double within_hour = 0;  // share
  double gap_max_h = 0;    // between two fetches or peeks of one link
  std::uint64_t changes = 0, fetches = 0, peeks = 0;
  std::uint32_t most_in_minute = 0;  // fetches, any sliding minute
  std::uint32_t allowed_in_minute = 0;
  double max_interval_h = 0;                          // that the policy kept
  double refreshes_per_day = 0, changed_per_day = 0;  // of a link
};

// The real table of links, gate and planner, in virtual time; a fetch takes no time.
FreshnessResult run_freshness(const FreshnessRun& run);

}  // namespace syncd::bench
