#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/sim/hazards.hpp"
#include "tests/sim/invariants.hpp"
#include "tests/sim/model_store.hpp"
#include "tests/sim/tally.hpp"

namespace syncd::test {

// One run: its seed, and how much of what the seed draws takes place.
struct Plan {
  std::uint64_t seed = 1;
  std::uint64_t links_max = 8;         // at the start, 1 to 8
  std::uint64_t steps_max = 60;        // of the time in which everything may go wrong
  HazardSet without{};                 // kinds that are switched off
  bool trace = false;                  // also tell of every request and commit
  Sabotage sabotage = Sabotage::none;  // by a defect on purpose, at the first reset of a link
  // Arguments of the runner that lead to this run.
  std::string arguments() const;
};

struct SimulationResult {
  std::vector<Violation> violations;  // empty: every invariant held
  std::uint64_t hash = 0;             // of the feed and of every request: the same for the same plan
  std::vector<std::string> events;    // what the world did, for a report
  Tally tally;                        // what went wrong how often, and what was done
};

// Some virtual days of the real scheduler, cycle, client, reducer and commit queue against the upstream
// model: a warm-up, a time in which everything may go wrong that the seed has drawn, a quiet time in which
// nothing goes wrong and nobody helps, then the owners repair their links. At the end of the quiet time and
// of the last the local copy must be true. An exception that leaves it is a violation of
// Invariant::termination.
SimulationResult simulate(const Plan& plan);

// More links than the budget can serve in an interval, for an hour with a restart in the middle: whoever is
// longest overdue comes next, and nobody waits longer than two rounds.
SimulationResult simulate_crowd(std::uint64_t seed);

}  // namespace syncd::test
