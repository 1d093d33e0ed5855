#include <gtest/gtest.h>

#include "tests/bench/freshness.hpp"

namespace syncd::bench {
namespace {

// A small fleet with its share of the budget that 100,000 links have; small enough for every build.
FreshnessRun small_run(Scheme scheme, bool peeks, bool hooks) {
  FreshnessRun run;
  run.scheme = scheme;
  run.peeks = peeks;
  run.hooks = hooks;
  run.fleet.links = 1'000;
  run.fleet.institutions = 30;
  run.learning_days = 10;
  run.measured_days = 5;
  return run;
}

// What holds of every run.
FreshnessResult checked(const FreshnessRun& run) {
  const FreshnessResult result = run_freshness(run);
  EXPECT_EQ(result.over_budget, 0U);
  EXPECT_LE(result.most_in_minute, result.allowed_in_minute);
  EXPECT_GT(result.changes, 1'000U);
  EXPECT_LE(result.gap_max_h, result.max_interval_h + 1);
  return result;
}

double uniform_min() {
  static const double mean = checked(small_run(Scheme::uniform, false, false)).mean_min;
  return mean;
}

TEST(Freshness, PolicyIsFarBelowUniform) {
  const FreshnessResult result = checked(small_run(Scheme::policy, false, false));
  EXPECT_LE(result.mean_min, 0.40 * uniform_min());
  EXPECT_LE(result.fetch_gap_max_h, result.max_interval_h + 1);
}

TEST(Freshness, PeeksMakeItBetter) {
  const FreshnessResult result = checked(small_run(Scheme::policy, true, false));
  EXPECT_LE(result.mean_min, 0.25 * uniform_min());
  EXPECT_LE(result.fetch_gap_max_h, result.max_interval_h + 1) << "of the feed itself";
}

TEST(Freshness, HooksAndPeeksMakeItAMatterOfMinutes) {
  const FreshnessResult result = checked(small_run(Scheme::policy, true, true));
  EXPECT_LE(result.mean_min, 0.04 * uniform_min());
  EXPECT_LE(result.fetch_gap_max_h, result.max_interval_h + 1);
}

// Where nothing can be foreseen it does as well as the law that is told how often each link changes.
TEST(Freshness, WithoutAnyRhythmIsThatOfTheSquareRootLaw) {
  FreshnessRun ours = small_run(Scheme::policy, false, false);
  FreshnessRun law = small_run(Scheme::sqrt_true, false, false);
  ours.fleet.periodic_share = law.fleet.periodic_share = 0;
  EXPECT_LE(checked(ours).mean_min, 1.05 * checked(law).mean_min);
}

// Links that count more are seen sooner for the same calls, and the others pay for it.
TEST(Freshness, WeightsMoveCallsAndAddNone) {
  FreshnessRun run = small_run(Scheme::policy, false, false);
  run.heavy_tenths = 2;
  const FreshnessResult plain = checked(run);
  run.heavy_weight = 8;
  const FreshnessResult weighted = checked(run);
  EXPECT_LE(weighted.heavy_mean_min, 0.85 * plain.heavy_mean_min);
  EXPECT_GT(weighted.others_mean_min, plain.others_mean_min);
  EXPECT_LE(weighted.others_mean_min, 1.6 * plain.others_mean_min);
  EXPECT_LE(weighted.calls_per_minute, 1.03 * plain.calls_per_minute);
}

TEST(Freshness, OfTheSameSeedIsTheSame) {
  FreshnessRun run = small_run(Scheme::policy, true, true);
  run.learning_days = 1;
  run.measured_days = 1;
  const FreshnessResult first = run_freshness(run);
  const FreshnessResult second = run_freshness(run);
  EXPECT_EQ(first.mean_min, second.mean_min);
  EXPECT_EQ(first.fetches, second.fetches);
  run.seed = 2;
  EXPECT_NE(run_freshness(run).mean_min, first.mean_min);
}

// Something goes wrong for six hours, or for good: within a day the delay is what it is without it, and no
// link starves. Links that are added for good: what it is where they have always been.
class FreshnessAfter : public testing::TestWithParam<Fault> {};

TEST_P(FreshnessAfter, IsSoonWhatItWas) {
  FreshnessRun run = small_run(Scheme::policy, true, GetParam() == Fault::hooks_dark);
  run.fault = GetParam();
  run.learning_days = 6;
  run.measured_days = 7;
  run.fault_day = 3;
  const FreshnessResult result = run_freshness(run);
  // Six hours of so few links are too few to judge by.
  EXPECT_GT(result.calm_second_day_min, 0);
  EXPECT_LE(result.second_day_min, 1.25 * result.calm_second_day_min) << "meanwhile " << result.during_min;
  EXPECT_LE(result.gap_max_h, result.max_interval_h + 1 + run.fault_hours);
  EXPECT_EQ(result.over_budget, 0U);
}

INSTANTIATE_TEST_SUITE_P(EachFault, FreshnessAfter,
                         testing::Values(Fault::hooks_dark, Fault::budget_halved, Fault::clock_ahead,
                                         Fault::clock_behind, Fault::clock_month, Fault::links_deleted,
                                         Fault::links_added, Fault::bank_dark));

}  // namespace
}  // namespace syncd::bench
