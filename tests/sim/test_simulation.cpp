#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include <gtest/gtest.h>

#include "tests/sim/world.hpp"

// Seeds are consecutive numbers: a failure names its seed, and
//   SYNCD_SIM_SEED=<seed> bin/tests/sim --gtest_filter='*OneSeed*'
// shows the same run again, event by event.

namespace syncd::test {
namespace {

constexpr std::uint64_t seeds_per_block = 125;
constexpr std::size_t violations_shown_max = 8;

std::string describe(std::uint64_t seed, const SimulationResult& result) {
  std::string text = "seed " + std::to_string(seed) + "\n";
  for (const std::string& event : result.events)
    text += "  " + event + "\n";
  for (std::size_t i = 0; i < result.violations.size() && i < violations_shown_max; ++i) {
    text += "VIOLATION " + result.violations[i] + "\n";
  }
  return text;
}

struct Totals {
  std::uint64_t commits = 0, requests = 0, faults = 0, restarts = 0, relinks = 0, resyncs = 0, throttled = 0;
  void add(const SimulationResult& result) {
    commits += result.commits;
    requests += result.requests;
    faults += result.faults;
    restarts += result.restarts;
    relinks += result.relinks_opened;
    resyncs += result.resyncs;
    throttled += result.throttled;
  }
};

class Seeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Seeds, KeepEveryInvariant) {
  const std::uint64_t first = GetParam() * seeds_per_block + 1;
  Totals totals;
  for (std::uint64_t seed = first; seed < first + seeds_per_block; ++seed) {
    const SimulationResult result = simulate(seed);
    EXPECT_TRUE(result.violations.empty()) << describe(seed, result);
    totals.add(result);
  }
  std::cout << "seeds " << first << " to " << first + seeds_per_block - 1 << ": " << totals.commits
            << " commits, " << totals.requests << " requests, " << totals.faults << " faulty answers, "
            << totals.restarts << " restarts, " << totals.relinks << " relink entries, " << totals.resyncs
            << " resyncs, " << totals.throttled << " times throttled\n";
  // A run in which nothing went wrong proves nothing.
  EXPECT_GT(totals.faults, 200u);
  EXPECT_GT(totals.restarts, 100u);
  EXPECT_GT(totals.relinks, 50u);
  EXPECT_GT(totals.resyncs, 20u);
  EXPECT_GT(totals.throttled, 20u);
}

INSTANTIATE_TEST_SUITE_P(Simulation, Seeds, testing::Values(0, 1, 2, 3));

TEST(Simulation, SameSeedSameHash) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const SimulationResult first = simulate(seed);
    const SimulationResult second = simulate(seed);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_NE(first.hash, 0u);
  }
}

TEST(Simulation, OneSeed) {
  const char* wanted = std::getenv("SYNCD_SIM_SEED");
  const std::uint64_t seed = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 1;
  const SimulationResult result = simulate(seed);
  EXPECT_TRUE(result.violations.empty());
  EXPECT_GT(result.commits, 0u);
  if (wanted != nullptr) std::cout << describe(seed, result);
}

}  // namespace
}  // namespace syncd::test
