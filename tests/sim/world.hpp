#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/tally.hpp"

namespace syncd::test {

struct SimulationResult {
  std::vector<std::string> violations;  // empty: every invariant held
  std::uint64_t hash = 0;               // of the feed and of every request: the same for the same seed
  std::vector<std::string> events;      // what the world did, for a report
  Tally tally;                          // what went wrong how often, and what was done
};

// Some virtual days of the real scheduler, cycle, client and reducer against the upstream model: a warm-up, a
// time in which everything may go wrong that the seed has drawn, a quiet time in which nothing goes wrong and
// nobody helps, then the owners repair their links. At the end of the quiet time and of the last the local
// copy must be true.
SimulationResult simulate(std::uint64_t seed);

// More links than the budget can serve in an interval, for an hour with a restart in the middle: whoever is
// longest overdue comes next, and nobody waits longer than two rounds.
SimulationResult simulate_crowd(std::uint64_t seed);

}  // namespace syncd::test
