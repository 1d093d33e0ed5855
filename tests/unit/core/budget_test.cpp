#include "sync/core/budget.hpp"

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

TEST(SlidingMinute, LetsTheLimitThroughAtOnceAndThenWaits) {
  SlidingMinute minute(3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(minute.earliest_ms(10'500), 10'500);
    minute.count(10'500);
  }
  EXPECT_EQ(minute.earliest_ms(10'600), 71'000);  // the 61st second after the slot of the first
  EXPECT_EQ(minute.earliest_ms(70'999), 71'000);
  EXPECT_EQ(minute.earliest_ms(71'000), 71'000);
  EXPECT_EQ(minute.used(71'000), 0u);
}

TEST(SlidingMinute, KnowsWhichRequestsLeaveFirst) {
  SlidingMinute minute(2);
  minute.count(0);
  minute.count(30'000);
  EXPECT_EQ(minute.earliest_ms(40'000), 61'000);
  minute.count(61'000);
  EXPECT_EQ(minute.earliest_ms(61'000), 91'000);
}

TEST(SlidingMinute, ReserveIsLeftFree) {
  SlidingMinute minute(10);
  for (int i = 0; i < 9; ++i)
    minute.count(0);
  EXPECT_EQ(minute.earliest_ms(0, 1), 61'000);
  EXPECT_EQ(minute.earliest_ms(0, 0), 0);
}

TEST(SlidingMinute, ReserveNeverClosesTheGateWhole) {
  SlidingMinute minute(1);
  EXPECT_EQ(minute.earliest_ms(0, 1), 0);
  EXPECT_EQ(minute.earliest_ms(0, 100), 0);
}

TEST(SlidingMinute, SeedsOfThePastCountUntilTheyLeave) {
  SlidingMinute minute(5);
  minute.seed(-20'000, 0, 5);
  EXPECT_EQ(minute.used(0), 5u);
  EXPECT_EQ(minute.earliest_ms(0), 41'000);
}

// The epoch is nothing special: half a second before it lies in the second before it.
TEST(SlidingMinute, PartsOfASecondBeforeTheEpochBelongToTheSecondTheyLieIn) {
  SlidingMinute minute(5);
  minute.seed(-500, 0, 5);
  EXPECT_EQ(minute.earliest_ms(0), 60'000);
}

TEST(SlidingMinute, SeedsMayExceedTheLimit) {
  SlidingMinute minute(5);
  minute.seed(-20'000, 0, 9);
  minute.seed(-10'000, 0, 9);
  EXPECT_EQ(minute.earliest_ms(0), 51'000);
}

TEST(SlidingMinute, SeedsOfLongAgoAndOfTheFuture) {
  SlidingMinute minute(5);
  minute.seed(-100'000, 0, 3);
  EXPECT_EQ(minute.used(0), 0u);
  minute.seed(500'000, 0, 3);  // a clock that was set back: counted as now
  EXPECT_EQ(minute.used(0), 3u);
  EXPECT_EQ(minute.used(61'000), 0u);
}

TEST(SlidingMinute, TimeThatGoesBackIsReadAsTheLatestSeen) {
  SlidingMinute minute(2);
  minute.count(100'000);
  minute.count(50'000);
  EXPECT_EQ(minute.used(110'000), 2u);
  EXPECT_EQ(minute.earliest_ms(110'000), 161'000);
}

TEST(SlidingMinute, LimitThatShrinksHoldsAtOnce) {
  SlidingMinute minute(10);
  for (int i = 0; i < 6; ++i)
    minute.count(i * 1000);
  minute.set_limit(3);
  EXPECT_EQ(minute.earliest_ms(6'000), 64'000);  // when only two are left
}

TEST(SlidingMinute, LongSilenceForgetsEverything) {
  SlidingMinute minute(1);
  minute.count(0);
  EXPECT_EQ(minute.earliest_ms(10'000'000'000), 10'000'000'000);
}

// ---- YieldingBudget ----

constexpr std::int64_t minute_ms = 60'000;

TEST(YieldingBudget, IsWholeUntilUpstreamRefuses) {
  const YieldingBudget budget(600);
  EXPECT_EQ(budget.allowed(0), 600u);
  EXPECT_EQ(budget.allowed(1000 * minute_ms), 600u);
}

TEST(YieldingBudget, ARefusalHalvesItAndAHundredthComesBackEachMinute) {
  YieldingBudget budget(600);
  budget.refused(0, 0);
  EXPECT_EQ(budget.allowed(0), 300u);
  EXPECT_EQ(budget.allowed(minute_ms), 306u);
  EXPECT_EQ(budget.allowed(49 * minute_ms), 594u);
  EXPECT_EQ(budget.allowed(50 * minute_ms), 600u);
  EXPECT_EQ(budget.allowed(5000 * minute_ms), 600u) << "never more than was configured";
}

TEST(YieldingBudget, RefusalsOfOneBurstCountOnce) {
  YieldingBudget budget(600);
  for (int at_ms = 0; at_ms < 61'000; at_ms += 500)
    budget.refused(at_ms, at_ms);
  EXPECT_EQ(budget.allowed(60'500), 300u);
  budget.refused(61'000, 61'000);
  EXPECT_EQ(budget.allowed(61'000), 150u);
}

TEST(YieldingBudget, ATenthIsAlwaysLeft) {
  YieldingBudget budget(600);
  for (int i = 0; i < 10; ++i)
    budget.refused(i * 61'000, 0);
  EXPECT_EQ(budget.allowed(9 * 61'000), 60u);
  YieldingBudget least(1);
  least.refused(0, 0);
  EXPECT_EQ(least.allowed(0), 1u);
}

TEST(YieldingBudget, DoesNotRecoverWhileNothingMayBeSent) {
  YieldingBudget budget(600);
  budget.refused(0, 30 * minute_ms);
  EXPECT_EQ(budget.allowed(30 * minute_ms), 300u);
  EXPECT_EQ(budget.allowed(31 * minute_ms), 306u);
}

TEST(YieldingBudget, AnotherConfigurationDoesNotUndoARefusal) {
  YieldingBudget budget(600);
  budget.refused(0, 0);
  budget.set_configured(600);
  EXPECT_EQ(budget.allowed(0), 300u);
  budget.set_configured(200);
  EXPECT_EQ(budget.allowed(0), 200u);
  budget.set_configured(6000);
  EXPECT_EQ(budget.allowed(0), 300u);
  budget.refused(100'000, 100'000);  // 1.67 minutes later: 400 of 6,000, a tenth of which would be more
  EXPECT_EQ(budget.allowed(100'000), 400u);
}

}  // namespace
}  // namespace syncd::core
