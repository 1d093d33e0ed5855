#include "sync/core/freshness.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "sync/core/ladder.hpp"

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);
constexpr double hour = 1.0 / 24;  // in days

Millis days(double count) {
  return Millis(static_cast<std::int64_t>(count * 86'400'000));
}

// A link that was fetched just now and is well known.
LinkOutlook link_with(double changes_per_day) {
  return {.id_hash = 17,
          .evidence = {.changes = static_cast<float>(1e4 * changes_per_day),
                       .days = 1e4F,
                       .hooked = 0,
                       .missed = 0},
          .has_webhook = false,
          .weight = 1,
          .refreshed_at = UpstreamTime(now - minutes(1)),
          .fetched_at = now,
          .looked_at = now};
}

InstitutionOutlook bank(double period, double spread) {
  return {
      .rhythm = {.regular = true, .period = days(period), .spread = days(spread), .gap_median = days(period)},
      .prior = {}};
}

CallPrices price(double fetch) {
  return {.fetch = fetch, .peek = fetch / 2};
}

const FreshnessPolicy wide{.min_interval = minutes(1), .max_interval = hours(24 * 30), .peeks = true};

// ---- what each way costs a day, computed here by the law, to compare with what was chosen ----
struct Way {
  VisitReason reason = VisitReason::rate;
  bool peek = false;
  std::uint32_t refreshes = 0;
  double cost = never();
};

struct Case {
  double rate, period, spread;
  CallPrices prices;

  double chance() const { return -std::expm1(-rate * period); }
  double cost_of(VisitReason reason, bool peek, std::uint32_t refreshes) const {
    const double look = peek ? prices.peek : prices.fetch;
    if (reason == VisitReason::rate) {
      const double worth = chance() / period;
      const double wait = std::sqrt(2 * look / worth);
      const double fetches = peek ? prices.fetch * -std::expm1(-wait / period) / wait : 0;
      return worth * wait / 2 + look / wait + fetches;
    }
    if (reason == VisitReason::ladder) {
      const double unit = chance() * spread;
      const LadderPlan plan = ladder_plan(look / unit, period / spread);
      if (plan.first == never()) return never();
      return (unit * plan.cost + (peek ? prices.fetch : 0)) / period;
    }
    const double k = refreshes;
    const double wide_spread = spread * std::sqrt(k);
    const SingleLook single = single_look(k, k * period / wide_spread);
    return (chance() * (period * k * (k - 1) / 2 + wide_spread * single.cost) + prices.fetch) / (k * period);
  }
  // Of the ways with or without peeks.
  double least_cost(bool peek) const {
    double least = cost_of(VisitReason::rate, peek, 0);
    least = std::min(least, cost_of(VisitReason::ladder, peek, 1));
    for (std::uint32_t k = 1; !peek && k <= 48 && k * period <= 30; ++k)
      least = std::min(least, cost_of(VisitReason::batch, false, k));
    return least;
  }
};

TEST(PlanVisit, TakesTheCheapestWay) {
  int by_reason[7] = {};
  for (const double rate : {0.02, 0.2, 1.0, 4.0, 15.0}) {
    for (const double period : {1 * hour, 4 * hour, 6 * hour, 12 * hour, 24 * hour}) {
      for (const double share : {0.02, 0.06, 0.15, 0.24}) {
        for (double fetch = 1e-5; fetch < 30; fetch *= 3) {
          const Case at{.rate = rate, .period = period, .spread = share * period, .prices = price(fetch)};
          const VisitPlan plan =
              plan_visit(link_with(rate), bank(period, share * period), at.prices, wide, now);
          if (plan.reason == VisitReason::floor) continue;
          ++by_reason[static_cast<int>(plan.reason)];
          const double chosen = at.cost_of(plan.reason, plan.peek, plan.refreshes);
          // A link may like peeks a fifth less than they are worth.
          EXPECT_LE(chosen, 1.01 * at.least_cost(false));
          EXPECT_LE(chosen, 1.21 * at.least_cost(true))
              << rate << " a day, period " << period << ", spread " << share << ", price " << fetch << ": "
              << to_string(plan.reason) << (plan.peek ? " peek " : " ") << plan.refreshes;
        }
      }
    }
  }
  for (const VisitReason reason : {VisitReason::ladder, VisitReason::batch, VisitReason::rate})
    EXPECT_GT(by_reason[static_cast<int>(reason)], 20) << to_string(reason);
}

TEST(PlanVisit, WithoutARhythmFollowsTheSquareRootLaw) {
  FreshnessPolicy policy = wide;
  policy.peeks = false;
  for (const double rate : {0.1, 1.0, 10.0}) {
    for (const double fetch : {0.001, 0.01, 0.1}) {
      const VisitPlan plan = plan_visit(link_with(rate), {}, price(fetch), policy, now);
      EXPECT_EQ(plan.reason, VisitReason::rate);
      EXPECT_FALSE(plan.peek);
      const double wait = static_cast<double>((plan.due_at - now).count()) / 86'400'000;
      EXPECT_NEAR(wait, std::sqrt(2 * fetch / rate), 0.031 * wait) << rate << ' ' << fetch;
    }
  }
}

TEST(PlanVisit, AHigherPriceOrASmallerWeightIsALaterVisit) {
  LinkOutlook link = link_with(1);
  WallTime before = now;
  for (double fetch = 1e-5; fetch < 10; fetch *= 1.3) {
    const VisitPlan plan = plan_visit(link, {}, price(fetch), wide, now);
    if (plan.reason == VisitReason::floor) break;  // spread over the last 3 % of the longest wait
    EXPECT_GE(plan.due_at, before) << fetch;
    before = plan.due_at;
  }
  // Without peeks: where they begin to pay, the next look comes sooner.
  FreshnessPolicy plain = wide;
  plain.peeks = false;
  before = now;
  for (double weight = 100; weight > 0.01; weight /= 1.3) {
    link.weight = weight;
    const VisitPlan plan = plan_visit(link, {}, price(0.01), plain, now);
    if (plan.reason == VisitReason::floor) break;
    EXPECT_GE(plan.due_at, before) << weight;
    before = plan.due_at;
  }
}

// The dearer a call is, the fewer of them the chosen ways make for each refresh.
TEST(PlanVisit, AHigherPriceIsFewerVisitsOfARhythmicBank) {
  double before = 0;
  for (double fetch = 1e-4; fetch < 10; fetch *= 10) {
    const VisitPlan plan = plan_visit(link_with(1), bank(6 * hour, 0.3 * hour), price(fetch), wide, now);
    const double wait = static_cast<double>((plan.due_at - now).count());
    EXPECT_GT(wait, before) << fetch;
    before = wait;
  }
}

TEST(PlanVisit, LooksJustAfterTheExpectedRefreshAndAgainWhenItIsLate) {
  LinkOutlook link = link_with(3);
  const InstitutionOutlook six = bank(6 * hour, 0.25 * hour);
  const VisitPlan first = plan_visit(link, six, price(0.003), wide, now);
  EXPECT_EQ(first.reason, VisitReason::ladder);
  EXPECT_EQ(first.refreshes, 1U);
  const WallTime expected = now - minutes(1) + hours(6);
  EXPECT_GT(first.due_at, expected - minutes(45));
  EXPECT_LT(first.due_at, expected + minutes(60));
  // It did not come: again soon, and in the end with the next one.
  WallTime at = first.due_at;
  for (int look = 0; look < 30 && at < expected + hours(4); ++look) {
    const VisitPlan again = plan_visit(link, six, price(0.003), wide, at);
    EXPECT_GT(again.due_at, at);
    at = again.due_at;
  }
  EXPECT_NEAR(std::chrono::duration<double>(at - expected - hours(6)).count(), 0, 3600.0 * 1.5);
  // And when nothing comes for days the rhythm is not believed.
  const VisitPlan late = plan_visit(link, six, price(0.003), wide, now + hours(48));
  EXPECT_EQ(late.reason, VisitReason::rate);
}

// Our clock is behind: waiting for it to reach the refresh would make the next look late by as much.
TEST(PlanVisit, ARefreshThatIsStillToComeIsTakenForJustNow) {
  const InstitutionOutlook six = bank(6 * hour, 0.25 * hour);
  LinkOutlook link = link_with(3);
  link.refreshed_at = UpstreamTime(now);
  const VisitPlan right = plan_visit(link, six, price(0.003), wide, now);
  ASSERT_EQ(right.reason, VisitReason::ladder);
  link.refreshed_at = UpstreamTime(now + minutes(50));
  const VisitPlan behind = plan_visit(link, six, price(0.003), wide, now);
  EXPECT_EQ(behind.reason, VisitReason::ladder);
  EXPECT_EQ(behind.due_at, right.due_at);
}

TEST(PlanVisit, WebhooksSpareVisits) {
  LinkOutlook link = link_with(1);
  const VisitPlan without = plan_visit(link, {}, price(0.01), wide, now);
  EXPECT_EQ(without.recall, 0);
  link.has_webhook = true;
  link.evidence.hooked = 50;
  const VisitPlan with = plan_visit(link, {}, price(0.01), wide, now);
  EXPECT_GT(with.recall, 0.95);
  EXPECT_GT(with.due_at - now, 3 * (without.due_at - now));
}

TEST(PlanVisit, AsksTheFeedItselfWithinMaxInterval) {
  const FreshnessPolicy policy{.min_interval = minutes(5), .max_interval = hours(24), .peeks = true};
  LinkOutlook link = link_with(0.001);
  link.refreshed_at.reset();
  link.fetched_at = now - hours(20);
  const VisitPlan plan = plan_visit(link, {}, {.fetch = 1, .peek = 0.001}, policy, now);
  EXPECT_FALSE(plan.peek);
  EXPECT_EQ(plan.reason, VisitReason::floor);
  EXPECT_LE(plan.due_at, link.fetched_at + hours(24));
  EXPECT_GE(plan.due_at, link.fetched_at + hours(23));
  // Overdue already: as soon as may be.
  link.fetched_at = now - hours(30);
  EXPECT_EQ(plan_visit(link, {}, {.fetch = 1, .peek = 0.001}, policy, now).due_at, now + minutes(5));
  // Never, or by a clock that was wrong: not by way of the link object.
  for (const WallTime unknown : {WallTime{}, now + hours(700)}) {
    link.fetched_at = unknown;
    const VisitPlan next = plan_visit(link, {}, {.fetch = 1, .peek = 0.001}, policy, now);
    EXPECT_FALSE(next.peek);
    EXPECT_LE(next.due_at, now + hours(24));
  }
}

// Links that were fetched together are not fetched together a day later.
TEST(PlanVisit, FeedsThatWereFetchedTogetherComeApart) {
  const FreshnessPolicy policy{.min_interval = minutes(5), .max_interval = hours(24), .peeks = true};
  WallTime first = WallTime::max();
  WallTime last = WallTime::min();
  for (std::uint64_t id = 1; id <= 100; ++id) {
    LinkOutlook link = link_with(0.001);
    link.id_hash = stable_hash("mk_" + std::to_string(id));
    link.refreshed_at.reset();
    link.fetched_at = now - hours(20);
    const VisitPlan plan = plan_visit(link, {}, {.fetch = 1, .peek = 0.001}, policy, now);
    ASSERT_EQ(plan.reason, VisitReason::floor);
    first = std::min(first, plan.due_at);
    last = std::max(last, plan.due_at);
  }
  EXPECT_LE(last, now + hours(4));
  EXPECT_GT(last - first, minutes(35));
}

// However alike links are: a price that rises a little moves some of them from fetches to peeks, not all.
TEST(PlanVisit, LinksTurnToPeeksOneByOne) {
  const FreshnessPolicy policy{.min_interval = minutes(5), .max_interval = hours(24), .peeks = true};
  const auto peeks_at = [&](double fetch) {
    int peeks = 0;
    for (std::uint64_t id = 1; id <= 200; ++id) {
      LinkOutlook link = link_with(2);
      link.id_hash = stable_hash("mk_" + std::to_string(id));
      link.refreshed_at.reset();
      link.fetched_at = now;
      peeks += plan_visit(link, {}, {.fetch = fetch, .peek = 0.001}, policy, now).peek ? 1 : 0;
    }
    return peeks;
  };
  int some = 0;
  for (double fetch = 0.0005; fetch < 1; fetch *= 1.05) {
    const int peeks = peeks_at(fetch);
    some += peeks > 10 && peeks < 190 ? 1 : 0;
  }
  EXPECT_GE(some, 4);
}

// Where a fetch costs no more than a peek, nobody peeks.
TEST(PlanVisit, PeeksOnlyWhereTheyAreCheaper) {
  const FreshnessPolicy policy{.min_interval = minutes(5), .max_interval = hours(24), .peeks = true};
  for (std::uint64_t id = 1; id <= 200; ++id) {
    LinkOutlook link = link_with(2);
    link.id_hash = stable_hash("mk_" + std::to_string(id));
    for (const InstitutionOutlook& institution : {InstitutionOutlook{}, bank(6 * hour, 0.5 * hour)})
      EXPECT_FALSE(plan_visit(link, institution, {.fetch = 1e-4, .peek = 1e-4}, policy, now).peek);
  }
}

TEST(PlanVisit, APeekThatIsLateDoesNotPutOffTheFeed) {
  const Millis day = hours(24);
  EXPECT_TRUE(may_peek(now - day + minutes(30) + Millis(1), day, now));
  EXPECT_FALSE(may_peek(now - day + minutes(30), day, now)) << "the next visit would be late";
  EXPECT_FALSE(may_peek(now - day, day, now));
  EXPECT_TRUE(may_peek(now - minutes(55), hours(1), now)) << "of a short interval a sixteenth";
  EXPECT_FALSE(may_peek(now - minutes(57), hours(1), now));
  EXPECT_FALSE(may_peek(now - 2 * day, day, now));
  EXPECT_FALSE(may_peek(WallTime{}, day, now)) << "never fetched";
  EXPECT_FALSE(may_peek(now + hours(1), day, now)) << "dated by a clock that was wrong";
}

TEST(PlanVisit, PeeksWhereMostLooksFindNothing) {
  const LinkOutlook link = link_with(4);
  const VisitPlan plan =
      plan_visit(link, bank(6 * hour, 0.25 * hour), {.fetch = 0.003, .peek = 0.0001}, wide, now);
  EXPECT_TRUE(plan.peek);
  FreshnessPolicy policy = wide;
  policy.peeks = false;
  EXPECT_FALSE(
      plan_visit(link, bank(6 * hour, 0.25 * hour), {.fetch = 0.003, .peek = 0.0001}, policy, now).peek);
}

TEST(PlanVisit, SpreadsLinksThatAreAlike) {
  LinkOutlook link = link_with(1);
  link.refreshed_at.reset();
  WallTime least = WallTime::max();
  WallTime most = WallTime::min();
  for (std::uint64_t at = 0; at < 1000; ++at) {
    link.id_hash = stable_hash("link" + std::to_string(at));
    const WallTime due = plan_visit(link, {}, price(0.01), wide, now).due_at;
    least = std::min(least, due);
    most = std::max(most, due);
  }
  const double middle = static_cast<double>(((least - now) + (most - now)).count()) / 2;
  EXPECT_NEAR(static_cast<double>((most - least).count()), 0.06 * middle, 0.005 * middle);
}

TEST(PlanLearningVisit, IsAsFarAheadAsTheClockHasStood) {
  LinkOutlook link = link_with(1);
  link.refreshed_at = UpstreamTime(now - hours(4));
  const auto plan = plan_learning_visit(link, wide, now);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->reason, VisitReason::learn);
  EXPECT_GT(plan->due_at, now + hours(3));
  EXPECT_LT(plan->due_at, now + hours(4));
  link.refreshed_at.reset();
  EXPECT_FALSE(plan_learning_visit(link, wide, now));
  link.refreshed_at = UpstreamTime(now - hours(24 * 60));
  EXPECT_FALSE(plan_learning_visit(link, wide, now)) << "nobody waits so long";
}

TEST(VisitReasonText, IsTheReason) {
  EXPECT_EQ(to_string(VisitReason::ladder), "ladder");
  EXPECT_EQ(to_string(VisitReason::batch), "batch");
  EXPECT_EQ(to_string(VisitReason::rate), "rate");
  EXPECT_EQ(to_string(VisitReason::floor), "floor");
  EXPECT_EQ(to_string(VisitReason::turn), "turn");
  EXPECT_EQ(to_string(VisitReason::learn), "learn");
}

}  // namespace
}  // namespace syncd::core
