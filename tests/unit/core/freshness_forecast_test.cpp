#include "sync/core/freshness_forecast.hpp"

#include <array>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);
const FreshnessPolicy policy{.min_interval = minutes(5), .max_interval = hours(24), .peeks = true};

Forecast of(std::uint64_t links, double webhook_share = 0, const FleetModel& model = assumed_fleet()) {
  return forecast(model, policy, {.links = links, .sync_per_minute = 600, .link_per_minute = 1000},
                  webhook_share);
}

FleetModel without_rhythm() {
  FleetModel model = assumed_fleet();
  for (LinkKind& kind : model.kinds)
    kind.rhythm = {};
  return model;
}

void expect_within(double reckoned, double measured, double share, const char* what) {
  EXPECT_GT(reckoned, measured * (1 - share)) << what;
  EXPECT_LT(reckoned, measured * (1 + share)) << what;
}

// ---- what the simulation has measured (docs/freshness.md, scripts/bench freshness), in minutes ----
struct Measured {
  std::uint64_t links;
  double in_turn, policy, policy_p95;
};

TEST(Forecast, IsNearWhatTheSimulationMeasures) {
  for (const Measured& one : {Measured{50'000, 48.5, 9.11, 26}, {100'000, 96.8, 19.4, 56}}) {
    const Forecast reckoned = of(one.links);
    expect_within(reckoned.in_turn.mean_minutes, one.in_turn, 0.05, "in turn");
    expect_within(reckoned.without_peeks.mean_minutes, one.policy, 0.15, "policy");
    expect_within(reckoned.without_peeks.p95_minutes, one.policy_p95, 0.15, "policy, 95 %");
  }
  expect_within(of(100'000).in_turn.p95_minutes, 184, 0.05, "in turn, 95 %");
  expect_within(of(200'000).without_peeks.mean_minutes, 49, 0.15, "200,000");
  expect_within(of(600'000).without_peeks.mean_minutes, 342, 0.15, "600,000");
  expect_within(of(100'000, 0, without_rhythm()).without_peeks.mean_minutes, 55.4, 0.1, "no rhythm");
}

TEST(Forecast, KnowsWhatPeeksGive) {
  expect_within(of(50'000).with_peeks.mean_minutes, 4.2, 0.3, "50,000");
  expect_within(of(100'000).with_peeks.mean_minutes, 7.75, 0.3, "100,000");
  expect_within(of(100'000, 0, without_rhythm()).with_peeks.mean_minutes, 33, 0.3, "no rhythm");
  expect_within(of(200'000).with_peeks.mean_minutes, 18.6, 0.3, "200,000");
  expect_within(of(600'000).with_peeks.mean_minutes, 231, 0.3, "600,000");
}

TEST(Forecast, CountsWhatWebhooksTell) {
  FleetModel model = assumed_fleet();
  model.webhook_recall = 0.97;
  struct Hooked {
    std::uint64_t links;
    double without_peeks, with_peeks;
  };
  for (const Hooked& one : {Hooked{50'000, 1.01, 0.78}, {100'000, 1.73, 0.98}, {200'000, 3.74, 1.55}}) {
    const Forecast reckoned = of(one.links, 0.9, model);
    expect_within(reckoned.without_peeks.mean_minutes, one.without_peeks, 0.3, "hooks");
    expect_within(reckoned.with_peeks.mean_minutes, one.with_peeks, 0.3, "hooks and peeks");
  }
}

TEST(Forecast, TheDemandIsTheBudget) {
  for (const std::uint64_t links : {60'000U, 100'000U, 250'000U, 600'000U}) {
    const Forecast reckoned = of(links);
    for (const ForecastDelay* delay : {&reckoned.in_turn, &reckoned.without_peeks, &reckoned.with_peeks}) {
      EXPECT_TRUE(delay->affordable);
      EXPECT_LE(delay->fetches_per_minute, 1.06 * schedulable(600)) << links;
      EXPECT_LE(delay->peeks_per_minute, 1.06 * schedulable(1000)) << links;
      EXPECT_LT(delay->mean_minutes, delay->p95_minutes);
    }
    EXPECT_GT(reckoned.without_peeks.fetches_per_minute, 0.95 * schedulable(600)) << links;
    EXPECT_EQ(reckoned.without_peeks.peeks_per_minute, 0);
    EXPECT_GT(reckoned.with_peeks.peeks_per_minute, 0) << links;
  }
  // A budget that nothing uses up is no reason to ask more often than may be.
  const Forecast few = of(100);
  EXPECT_LT(few.without_peeks.fetches_per_minute, 0.5 * schedulable(600));
  EXPECT_EQ(few.turn_interval, minutes(5));
  EXPECT_NEAR(few.in_turn.mean_minutes, 2.5, 0.01);
  EXPECT_LT(few.without_peeks.mean_minutes, 5);
}

TEST(Forecast, MoreLinksAreLaterAndWebhooksSooner) {
  double before = 0;
  for (std::uint64_t links = 20'000; links <= 640'000; links *= 2) {
    const Forecast plain = of(links);
    EXPECT_GT(plain.without_peeks.mean_minutes, before) << links;
    before = plain.without_peeks.mean_minutes;
    EXPECT_LE(plain.with_peeks.mean_minutes, 1.02 * plain.without_peeks.mean_minutes) << links;
    EXPECT_LT(plain.without_peeks.mean_minutes, plain.in_turn.mean_minutes) << links;
    EXPECT_LT(of(links, 0.5).without_peeks.mean_minutes, plain.without_peeks.mean_minutes) << links;
  }
}

TEST(Forecast, SaysWhenTheBudgetIsNotEnough) {
  // Every link has a webhook that tells nearly everything: the visits that these ask for are too many.
  const Forecast all = of(forecast_links_max, 1);
  EXPECT_FALSE(all.in_turn.affordable);
  EXPECT_FALSE(all.without_peeks.affordable);
  EXPECT_FALSE(all.with_peeks.affordable);
  EXPECT_EQ(all.with_peeks.mean_minutes, 0);
  const Forecast one = of(1);
  EXPECT_TRUE(one.in_turn.affordable && one.without_peeks.affordable && one.with_peeks.affordable);
  EXPECT_EQ(one.max_interval, hours(24));
  EXPECT_GT(of(600'000).max_interval, hours(40)) << "the promise is stretched as the planner does";
}

TEST(Forecast, IsTheSameEachTime) {
  const Forecast a = of(123'456, 0.37);
  const Forecast b = of(123'456, 0.37);
  EXPECT_EQ(a.with_peeks.mean_minutes, b.with_peeks.mean_minutes);
  EXPECT_EQ(a.with_peeks.p95_minutes, b.with_peeks.p95_minutes);
  EXPECT_EQ(a.without_peeks.prices.fetch, b.without_peeks.prices.fetch);
}

// ---- the model ----

double share_of(const FleetModel& model) {
  double sum = 0;
  for (const LinkKind& kind : model.kinds)
    sum += kind.share;
  return sum;
}

TEST(FleetModel, IsTheDefaultAsLongAsNothingIsKnown) {
  const FleetModel model = model_of(Outlooks{});
  EXPECT_EQ(model.kinds.size(), 6U);
  EXPECT_NEAR(share_of(model), 1, 1e-9);
  EXPECT_EQ(model.known_share, 0);
  EXPECT_EQ(model.webhook_share, 0);
  EXPECT_EQ(model.webhook_recall, 0.9);
}

void watch(Outlooks& outlooks, const std::string& bank, int days, double changes, Millis period) {
  for (int day = 0; day < days; ++day)
    outlooks.note_fetch(bank, "mk", now, hours(24), changes);
  for (int gap = 0; period > Millis(0) && gap < 32; ++gap)
    outlooks.note_gap(bank, "mk", period + minutes(gap % 5), period, UpstreamTime(now));
}

// As many short gaps as long ones, none near a multiple of another.
void watch_without_rhythm(Outlooks& outlooks, const std::string& bank, int days) {
  watch(outlooks, bank, days, 1, Millis(0));
  for (int gap = 0; gap < 64; ++gap) {
    const Millis length = minutes(30 + 97 * gap % 700);
    outlooks.note_gap(bank, "mk", length, length, UpstreamTime(now));
  }
}

TEST(FleetModel, IsWhatTheVisitsHaveTaught) {
  Outlooks outlooks;
  watch(outlooks, "six", 60, 2, hours(6));
  watch_without_rhythm(outlooks, "odd", 20);
  watch(outlooks, "new", 20, 1, Millis(0));
  const FleetModel model = model_of(outlooks);
  EXPECT_NEAR(share_of(model), 1, 1e-9);
  EXPECT_NEAR(model.known_share, 0.8, 1e-9) << "of the new one's links it is not known";
  double six = 0;
  for (const LinkKind& kind : model.kinds) {
    const bool near_six = std::abs((kind.rhythm.period - hours(6)).count()) < 600'000;
    if (kind.rhythm.regular && near_six) six += kind.share;
  }
  EXPECT_NEAR(six, 0.6 + 0.2 * 0.8 * 0.45, 0.01) << "its own links, and those that are taken for such";
}

TEST(FleetModel, LearnsHowManyWebhooksThereAreAndWhatTheyTell) {
  Outlooks outlooks;
  watch(outlooks, "bank", 100, 1, hours(6));
  for (int day = 0; day < 60; ++day)
    outlooks.note_webhook(hours(24), true, day < 30 ? FoundBy::hook : FoundBy::poll);
  const FleetModel model = model_of(outlooks);
  EXPECT_NEAR(model.webhook_share, 0.6, 1e-9);
  EXPECT_NEAR(model.webhook_recall, 39.0 / 70, 1e-9);
  // What a person asked for says nothing about webhooks.
  outlooks.note_webhook(hours(0), true, FoundBy::other);
  outlooks.note_webhook(hours(0), false, FoundBy::poll);
  EXPECT_EQ(model_of(outlooks).webhook_recall, model.webhook_recall);
}

TEST(FleetModel, HasFewKindsHoweverManyInstitutionsThereAre) {
  Outlooks outlooks;
  for (int bank = 0; bank < 200; ++bank)
    watch(outlooks, "bank" + std::to_string(bank), 10, 1, minutes(40 + 17 * bank));
  const FleetModel model = model_of(outlooks);
  EXPECT_LE(model.kinds.size(), 7U);
  EXPECT_GE(model.kinds.size(), 4U);
  EXPECT_NEAR(share_of(model), 1, 1e-9);
  EXPECT_NEAR(model.known_share, 1, 1e-9);
}

// What is taught as the assumed fleet is reckoned as that.
TEST(Forecast, OfALearnedFleetIsThatOfTheSameAssumedOne) {
  Outlooks outlooks;
  struct Bank {
    int links, period_h;
  };
  int number = 0;
  for (const Bank& bank : {Bank{20, 0}, {8, 4}, {36, 6}, {12, 8}, {12, 12}, {12, 24}}) {
    const std::string name = "bank" + std::to_string(number++);
    if (bank.period_h == 0) {
      watch_without_rhythm(outlooks, name, 10 * bank.links);
      continue;
    }
    for (int day = 0; day < 10 * bank.links; ++day)
      outlooks.note_fetch(name, "mk", now, hours(24), 1.98);
    // Gaps with a standard deviation of 6 %.
    const Millis period = hours(bank.period_h);
    for (int gap = 0; gap < 128; ++gap) {
      const Millis off(static_cast<std::int64_t>(0.06 * std::sqrt(2) * std::sin(gap) *
                                                 static_cast<double>(period.count())));
      outlooks.note_gap(name, "mk", period + off, period + off, UpstreamTime(now));
    }
  }
  const Forecast learned = of(100'000, 0, model_of(outlooks));
  const Forecast assumed = of(100'000);
  expect_within(learned.without_peeks.mean_minutes, assumed.without_peeks.mean_minutes, 0.15, "without");
  expect_within(learned.with_peeks.mean_minutes, assumed.with_peeks.mean_minutes, 0.15, "with peeks");
}

}  // namespace
}  // namespace syncd::core
