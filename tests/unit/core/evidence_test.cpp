#include "sync/core/evidence.hpp"

#include <cmath>
#include <limits>
#include <random>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using std::chrono::hours;

Millis days(double count) {
  return Millis(static_cast<std::int64_t>(count * 86'400'000));
}

// The estimate after `watched` days of a link with so many changes a day, as a mean over links.
double learned_rate(double rate, Millis interval, double watched) {
  constexpr int links = 40;
  std::mt19937_64 random(7);
  std::bernoulli_distribution changed(
      -std::expm1(-rate * static_cast<double>(interval.count()) / 86'400'000));
  double sum = 0;
  for (int link = 0; link < links; ++link) {
    ChangeEvidence evidence;
    for (Millis at(0); at < days(watched); at += interval)
      note_fetch(evidence, interval, changed(random), FoundBy::poll, ChangePrior());
    sum += changes_per_day(evidence, ChangePrior());
  }
  return sum / links;
}

TEST(Evidence, LearnsTheRateHoweverOftenTheLinkIsVisited) {
  for (const double rate : {0.2, 0.7, 1.0, 3.0, 8.0}) {
    for (const Millis interval : {Millis(hours(1)), Millis(hours(4)), Millis(hours(12)), Millis(hours(24))}) {
      // With many changes behind each bit it tells nothing.
      if (rate * static_cast<double>(interval.count()) / 86'400'000 > 2) continue;
      const double learned = learned_rate(rate, interval, 150);
      EXPECT_GT(learned, 0.75 * rate) << rate << " a day, every " << interval.count() << " ms";
      EXPECT_LT(learned, 1.25 * rate) << rate << " a day, every " << interval.count() << " ms";
    }
  }
}

TEST(Evidence, OneBitOfALongTimeStandsForTheChangesThatAreExpectedBehindIt) {
  ChangeEvidence evidence{.changes = 40, .days = 10, .hooked = 0, .missed = 0};
  const double found = note_fetch(evidence, days(2), true, FoundBy::poll, ChangePrior());
  EXPECT_NEAR(found, 2 * 40.5 / 10.5, 0.1);
  ChangeEvidence fresh{.changes = 40, .days = 10, .hooked = 0, .missed = 0};
  EXPECT_NEAR(note_fetch(fresh, Millis(1000), true, FoundBy::poll, ChangePrior()), 1, 0.01);
  EXPECT_EQ(note_fetch(fresh, days(2), false, FoundBy::poll, ChangePrior()), 0);
}

TEST(Evidence, IsForgottenWithAHalfLifeOfThreeWeeks) {
  ChangeEvidence evidence{.changes = 80, .days = 20, .hooked = 16, .missed = 8};
  for (int visit = 0; visit < 84; ++visit)
    note_fetch(evidence, hours(6), false, FoundBy::poll, ChangePrior());
  EXPECT_NEAR(evidence.changes, 40, 0.01);
  EXPECT_NEAR(evidence.hooked, 8, 0.01);
  EXPECT_NEAR(evidence.missed, 4, 0.01);
  // Ten days of the old ones, and 21 new ones that are partly forgotten again.
  EXPECT_NEAR(evidence.days, 10 + 21 / (2 * std::log(2)), 0.2);
}

TEST(Evidence, TimesThatNobodyWatchedAreCut) {
  ChangeEvidence back;
  note_fetch(back, days(-30), false, FoundBy::poll, ChangePrior());
  EXPECT_EQ(back.days, 0);
  ChangeEvidence long_ago;
  note_fetch(long_ago, days(400), false, FoundBy::poll, ChangePrior());
  EXPECT_FLOAT_EQ(long_ago.days, static_cast<float>(watched_days_max));
}

TEST(Evidence, WithoutAnyThePriorIsBelieved) {
  EXPECT_DOUBLE_EQ(changes_per_day(ChangeEvidence(), {.changes = 0.5F, .days = 0.25F}), 2);
  EXPECT_GT(changes_per_day(ChangeEvidence(), {.changes = 0, .days = 0.5F}), 0);
}

TEST(Evidence, StaysANumberWhateverHappens) {
  ChangeEvidence evidence;
  for (int visit = 0; visit < 3000; ++visit)
    note_fetch(evidence, visit % 2 == 0 ? Millis(0) : days(1000), true, FoundBy::hook, ChangePrior());
  EXPECT_TRUE(std::isfinite(changes_per_day(evidence, ChangePrior())));
  ChangeEvidence huge{.changes = std::numeric_limits<float>::max(),
                      .days = 0,
                      .hooked = std::numeric_limits<float>::max(),
                      .missed = 0};
  note_fetch(huge, days(1), true, FoundBy::hook, ChangePrior());
  EXPECT_TRUE(std::isfinite(huge.changes));
  EXPECT_TRUE(std::isfinite(changes_per_day(huge, ChangePrior())));
}

TEST(Recall, IsNoneWithoutAWebhook) {
  EXPECT_EQ(webhook_recall({.changes = 9, .days = 9, .hooked = 100, .missed = 0}, false), 0);
}

TEST(Recall, FallsWithEachMissAndRisesWithEachHook) {
  ChangeEvidence evidence;
  double before = webhook_recall(evidence, true);
  EXPECT_NEAR(before, 0.9, 1e-9);
  for (int miss = 0; miss < 10; ++miss) {
    note_fetch(evidence, hours(1), true, FoundBy::poll, ChangePrior());
    EXPECT_LT(webhook_recall(evidence, true), before);
    before = webhook_recall(evidence, true);
  }
  EXPECT_LT(before, 0.5);
  // What found nothing says nothing of webhooks.
  note_fetch(evidence, Millis(0), false, FoundBy::hook, ChangePrior());
  EXPECT_EQ(webhook_recall(evidence, true), before);
  for (int hook = 0; hook < 100; ++hook) {
    note_fetch(evidence, hours(1), true, FoundBy::hook, ChangePrior());
    EXPECT_GT(webhook_recall(evidence, true), before);
    before = webhook_recall(evidence, true);
  }
  EXPECT_GT(before, 0.85);
  EXPECT_LT(webhook_recall({.changes = 0, .days = 0, .hooked = 1e7F, .missed = 0}, true), 1);
}

}  // namespace
}  // namespace syncd::core
