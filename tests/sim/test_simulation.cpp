#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/sim/campaign.hpp"
#include "tests/sim/fault_table.hpp"
#include "tests/sim/last_words.hpp"
#include "tests/sim/retry_windows.hpp"
#include "tests/sim/shrink.hpp"
#include "tests/sim/world.hpp"

// The seeds of a run are fresh ones, and printed: SYNCD_SIM_FIRST=<first> runs the same again, which
// scripts/test sets by the sources, and SYNCD_SIM_SEEDS=<count> says how many each case takes.
// scripts/simulate runs many of them, and one of them event by event.

namespace syncd::test {
namespace {

constexpr std::uint64_t seeds_per_block = 500;
constexpr std::uint64_t blocks = 4;
constexpr std::uint64_t crowds = 20;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// Never the same twice: from the clock, in steps that no run overtakes.
std::uint64_t first_seed() {
  // tidy: allow seam: what is fresh comes from outside
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_1970).count();
  return from_environment("SYNCD_SIM_FIRST", static_cast<std::uint64_t>(seconds) * 10'000);
}

void silent(const std::string&) {
}

class FreshSeeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(FreshSeeds, KeepEveryInvariant) {
  const std::uint64_t first = first_seed();
  CampaignOptions options;
  options.seeds = from_environment("SYNCD_SIM_SEEDS", seeds_per_block);
  options.first = first + GetParam() * options.seeds;
  std::cout << "seeds " << options.first << " to " << options.first + options.seeds - 1
            << "; SYNCD_SIM_FIRST=" << first << " runs them again\n"
            << std::flush;
  const Campaign campaign = run_campaign(options);
  std::cout << listing(campaign.tally);
  if (!campaign.failed.empty())
    ADD_FAILURE() << "VIOLATION " << campaign.failure << '\n' << explain(campaign.failed.front(), silent);
  if (!campaign.failed.empty()) return;
  for (const std::string& what : shortfalls(campaign.tally, campaign.done))
    ADD_FAILURE() << "too rare: " << what;
}

INSTANTIATE_TEST_SUITE_P(Simulation, FreshSeeds, testing::Range<std::uint64_t>(0, blocks));

// Seeds that once failed do not fail again.
TEST(Simulation, RegressionSeeds) {
  std::ifstream file(SIM_REGRESSION_SEEDS);
  std::uint64_t count = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    Plan plan;
    plan.seed = std::strtoull(line.c_str(), nullptr, 10);
    const SimulationResult result = simulate(plan);
    EXPECT_TRUE(result.violations.empty()) << line << '\n' << report(plan, result);
    ++count;
  }
  EXPECT_GT(count, 0u);
}

TEST(Simulation, SameSeedSameHash) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Plan plan{.seed = seed};
    const SimulationResult first = simulate(plan);
    const SimulationResult second = simulate(plan);
    EXPECT_EQ(first.hash, second.hash) << "seed " << seed;
    EXPECT_EQ(first.tally.counts(), second.tally.counts()) << "seed " << seed;
    hashes.insert(first.hash);
  }
  EXPECT_EQ(hashes.size(), 5u);
}

// A store that forgets one removal, armed by the reset of a link: found, named, and made as small as that.
TEST(Simulation, ShrinksWhatFails) {
  Plan failing{.sabotage = Sabotage::forgets_a_removal};
  while (simulate(failing).violations.empty() && failing.seed < 100)
    ++failing.seed;
  const SimulationResult whole = simulate(failing);
  ASSERT_FALSE(whole.violations.empty());
  const Smallest smallest = shrink(failing, silent);
  const SimulationResult again = simulate(smallest.plan);
  ASSERT_FALSE(again.violations.empty());
  EXPECT_TRUE(std::ranges::any_of(again.violations, [&](const Violation& violation) {
    return violation.invariant == whole.violations.front().invariant;
  }));
  EXPECT_FALSE(smallest.plan.without.has(Hazard::link_reset)) << "without it nothing fails";
  EXPECT_GE(smallest.plan.without.size(), hazard_count - 3) << smallest.plan.arguments();
  EXPECT_LE(smallest.plan.links_max, 2u);
  EXPECT_LT(smallest.plan.steps_max, failing.steps_max);
  Plan innocent = smallest.plan;
  innocent.without.set(Hazard::link_reset);
  EXPECT_TRUE(simulate(innocent).violations.empty());
  const std::string text = report(smallest.plan, again);
  EXPECT_NE(text.find("VIOLATION I-"), std::string::npos);
  EXPECT_NE(text.find("scripts/simulate --from "), std::string::npos);
}

// No defect of the daemon can break this one here, where the store that numbers the feed is a model.
TEST(Simulation, AGapInTheFeedIsSeen) {
  Plan failing{.sabotage = Sabotage::skips_a_sequence};
  while (simulate(failing).violations.empty() && failing.seed < 100)
    ++failing.seed;
  const SimulationResult result = simulate(failing);
  ASSERT_FALSE(result.violations.empty());
  EXPECT_EQ(result.violations.front().invariant, Invariant::gap_free_feed)
      << result.violations.front().text();
  failing.sabotage = Sabotage::none;
  EXPECT_TRUE(simulate(failing).violations.empty());
}

// Of thousands of seeds, the one that ends the process is known.
TEST(Simulation, NamesTheSeedThatEndsTheProcess) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  constexpr int signals[] = {SIGABRT};  // the others are the sanitizer's
#else
  constexpr int signals[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE};
#endif
  for (const int signal : signals) {
    const auto end_it = [signal] {
      const LastWords last_words(20260607);
      std::raise(signal);
    };
    EXPECT_EXIT(end_it(), testing::KilledBySignal(signal),
                "seed 20260607 ended the process\nrun it again: scripts/simulate --seeds 1 --from 20260607");
  }
}

TEST(Simulation, EveryKindOfFaultIsCounted) {
  std::set<std::string_view> names;
  std::set<std::string_view> tallies;
  for (std::size_t i = 0; i < hazard_count; ++i) {
    const auto hazard = static_cast<Hazard>(i);
    EXPECT_EQ(hazard_named(name_of(hazard)), hazard);
    EXPECT_TRUE(names.insert(name_of(hazard)).second) << name_of(hazard);
    std::uint64_t least = 0;
    for (const FaultRow& row : fault_table()) {
      if (row.hazard == hazard) least = std::max(least, row.least);
    }
    EXPECT_GE(blocks * least, 50U) << name_of(hazard) << " may happen too rarely";
  }
  for (const FaultRow& row : fault_table()) {
    EXPECT_TRUE(tallies.insert(row.tally).second) << row.tally;
    if (!row.ids.empty()) EXPECT_GE(blocks * row.least, 50U) << row.tally << " may happen too rarely";
  }
  EXPECT_EQ(HazardSet::parse("crash,reload")->text(), "crash,reload");
  EXPECT_FALSE(HazardSet::parse("crash,nonsense"));
}

// The windows of the oracle are its own reading of the header.
TEST(Simulation, ReadsBothFormsOfRetryAfter) {
  using std::chrono::seconds;
  const core::WallTime now(std::chrono::sys_days(std::chrono::year(2025) / 12 / 18) + std::chrono::hours(8));
  EXPECT_EQ(asked_wait("7", now).until, now + seconds(7));
  EXPECT_EQ(asked_wait("Thu, 18 Dec 2025 08:00:42 GMT", now).until, now + seconds(42));
  EXPECT_EQ(asked_wait("Thu, 18 Dec 2025 07:00:00 GMT", now).until, now);
  EXPECT_EQ(asked_wait("-5", now).until, now);
  EXPECT_EQ(asked_wait("soon", now).until, now + seconds(60));
  EXPECT_EQ(asked_wait("", now).until, now + seconds(60));
  EXPECT_EQ(asked_wait("315360000", now).until, now + seconds(3600));
}

// More links than the budget can serve: nobody is forgotten for the sake of others.
TEST(Simulation, NobodyStarves) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= crowds; ++seed) {
    const SimulationResult result = simulate_crowd(seed);
    EXPECT_TRUE(result.violations.empty())
        << "seed " << seed << ": " << (result.violations.empty() ? "" : result.violations.front().text());
    tally.add(result.tally);
  }
  std::cout << listing(tally);
  EXPECT_GE(tally.of("visit judged"), crowds * 300);
  EXPECT_GE(tally.of("budget used up"), crowds);
}

}  // namespace
}  // namespace syncd::test
