#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/bench/drawn_fleet.hpp"
#include "tests/bench/fast_time.hpp"

namespace syncd::bench {

// What the real daemon and the real sandbox are told.
struct RealDay {
  bool adaptive = true;
  bool peeks = false;
  bool hooks = false;
  std::uint32_t sync_per_minute = 12;
  std::uint32_t link_per_minute = 20;
  std::int64_t turn_ms = 0;  // between two visits of one link, unless adaptive
  double learning_days = 1;
  double measured_days = 1;
};

// Of the measured days; times are those of the programs.
struct RealFigures {
  std::vector<std::string> link_ids;  // as the sandbox chose them, in the order of the drawn fleet
  // From each refresh that brought a row to the row's entry in the feed; the end, if it has none.
  std::vector<double> delays_min;
  std::uint64_t unseen = 0;  // of them, without an entry
  double met_mean_min = 0;   // the daemon's metric: of all refreshes that a visit met
  std::uint64_t syncs = 0;   // requests by the sandbox's count
  std::uint64_t looks = 0;
  std::uint32_t most_in_minute = 0;                  // syncs that arrived in any sliding minute
  std::uint64_t failed_cycles = 0;                   // since the start
  std::uint64_t hooks_told = 0, hooks_given_up = 0;  // since the start
};

// The two programs with the clock of `time`, which begins at the drawn fleet's 0 when this is called; `dir`
// is theirs. Returns when the last day is over. Throws test::e2e::Failed.
RealFigures run_real_day(const RealDay& day, const DrawnFleet& drawn, const FastTime& time,
                         const std::filesystem::path& dir);

}  // namespace syncd::bench
