#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace syncd::test {

struct SimulationResult {
  std::vector<std::string> violations;  // empty: every invariant held
  std::uint64_t hash = 0;               // of the feed and of every request: the same for the same seed
  std::vector<std::string> events;      // what the world did, for a report
  std::uint64_t commits = 0;
  std::uint64_t requests = 0;
  std::uint64_t faults = 0;
  std::uint64_t restarts = 0;
  std::uint64_t feed_entries = 0;
  std::uint64_t relinks_opened = 0;
  std::uint64_t resyncs = 0;
  std::uint64_t throttled = 0;  // 429 answers that arrived
};

// Some virtual days of the real scheduler, cycle, client and reducer against the upstream model: a warm-up, a
// time in which everything may go wrong that the seed has drawn, then everything is healed and the local copy
// must come true.
SimulationResult simulate(std::uint64_t seed);

}  // namespace syncd::test
