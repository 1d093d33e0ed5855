#include "sync/core/planner.hpp"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);
const FreshnessPolicy policy{.min_interval = minutes(5), .max_interval = hours(24), .peeks = true};
const FleetBudget hundred_thousand{.links = 100'000, .sync_per_minute = 600, .link_per_minute = 1000};

VisitPlanner planner_of(const FleetBudget& fleet) {
  VisitPlanner planner(policy);
  planner.set_fleet(fleet);
  return planner;
}

LinkOutlook link_at(WallTime time) {
  return {.id_hash = 5,
          .evidence = {},
          .has_webhook = false,
          .weight = 1,
          .refreshed_at = UpstreamTime(time - hours(1)),
          .fetched_at = time,
          .looked_at = time};
}

// Teaches the planner the rhythm of a bank with one link, which is looked at each half hour.
void teach(VisitPlanner& planner, Millis period) {
  LinkOutlook link = link_at(now - hours(24 * 20));
  for (WallTime at = link.looked_at; at < now; at += minutes(30)) {
    const auto count = (at - WallTime{}) / period;
    const UpstreamTime shown(WallTime{} + count * period + minutes(count % 7));
    planner.note_look(link, "bank", "moneykit", shown);
    link.refreshed_at = shown;
    link.looked_at = at;
  }
}

TEST(Arm, IsAShareOfTheLinksThatOnlyGrows) {
  int control = 0;
  for (int at = 0; at < 20'000; ++at) {
    const std::uint64_t hash = stable_hash("link" + std::to_string(at));
    if (arm_of(hash, 0.05) == Arm::control) {
      ++control;
      EXPECT_EQ(arm_of(hash, 0.2), Arm::control);
    }
    EXPECT_EQ(arm_of(hash, 0), Arm::adaptive);
    EXPECT_EQ(arm_of(hash, 1), Arm::control);
  }
  EXPECT_NEAR(control, 1000, 120);
  EXPECT_EQ(to_string(Arm::control), "control");
  EXPECT_EQ(to_string(Arm::adaptive), "adaptive");
}

TEST(VisitPlanner, BeginsWithThePriceOfItsFleet) {
  CallPrice price;
  price.set_fleet(100'000, schedulable(600));
  EXPECT_DOUBLE_EQ(planner_of(hundred_thousand).prices().fetch, price.value());
  EXPECT_LT(planner_of(hundred_thousand).prices().peek, price.value());
  // Before anybody has said how many there are, and after all of them are gone.
  EXPECT_GT(VisitPlanner(policy).prices().fetch, 0);
  VisitPlanner planner = planner_of(hundred_thousand);
  planner.set_fleet({.links = 0, .sync_per_minute = 600, .link_per_minute = 1000});
  EXPECT_GT(planner.prices().fetch, 0);
  EXPECT_EQ(planner.max_interval(), hours(24));
}

TEST(VisitPlanner, StretchesAPromiseThatCannotBeKept) {
  EXPECT_EQ(planner_of(hundred_thousand).max_interval(), hours(24));
  const VisitPlanner planner =
      planner_of({.links = 600'000, .sync_per_minute = 600, .link_per_minute = 1000});
  EXPECT_GT(planner.max_interval(), hours(40));
  const double visits =
      600'000.0 / std::chrono::duration<double, std::ratio<60>>(planner.max_interval()).count();
  EXPECT_NEAR(visits / schedulable(600), 0.4, 0.001);
  LinkOutlook link = link_at(now);
  link.evidence = {.changes = 0, .days = 1000, .hooked = 0, .missed = 0};
  VisitPlanner copy = planner;
  const VisitPlan plan = copy.plan(link, "bank", "moneykit", now);
  EXPECT_LE(plan.due_at, now + planner.max_interval());
}

TEST(VisitPlanner, ATurnIsOnceInEachInterval) {
  const VisitPlanner planner = planner_of(hundred_thousand);
  EXPECT_NEAR(std::chrono::duration<double>(planner.turn_interval()).count(), 60 * 100'000 / schedulable(600),
              1);
  for (int at = 0; at < 200; ++at) {
    const std::uint64_t hash = stable_hash("link" + std::to_string(at));
    const VisitPlan plan = planner.turn(hash, now);
    EXPECT_EQ(plan.reason, VisitReason::turn);
    EXPECT_GT(plan.due_at, now + planner.turn_interval() / 20);
    EXPECT_LE(plan.due_at, now + planner.turn_interval() * 21 / 20 + Millis(1));
    // Looking again before it comes near finds the same.
    if (plan.due_at - now > planner.turn_interval() / 2)
      EXPECT_EQ(planner.turn(hash, now + planner.turn_interval() / 4).due_at, plan.due_at);
    EXPECT_EQ(planner.turn(hash, plan.due_at).due_at, plan.due_at + planner.turn_interval());
  }
  EXPECT_EQ(planner_of({.links = 1, .sync_per_minute = 600, .link_per_minute = 1000}).turn_interval(),
            minutes(5));
}

TEST(VisitPlanner, LearnsFromLooksAndFetches) {
  VisitPlanner planner = planner_of(hundred_thousand);
  teach(planner, hours(6));
  const RefreshRhythm rhythm = planner.outlooks().of("bank", "moneykit").rhythm;
  EXPECT_TRUE(rhythm.regular);
  EXPECT_NEAR(std::chrono::duration<double>(rhythm.period - hours(6)).count(), 0, 300);
  const LinkOutlook link = link_at(now - hours(12));
  const ChangeEvidence evidence = planner.note_fetch(link, "bank", "moneykit", now, true, FoundBy::hook);
  EXPECT_FLOAT_EQ(evidence.days, 0.5);
  EXPECT_GT(evidence.changes, 0.9F);
  EXPECT_EQ(evidence.hooked, 1);
  // A clock that goes back, or that nobody showed, teaches nothing.
  VisitPlanner other = planner_of(hundred_thousand);
  other.note_look(link, "bank", "moneykit", std::nullopt);
  other.note_look(link, "bank", "moneykit", *link.refreshed_at - hours(3));
  LinkOutlook unknown = link;
  unknown.refreshed_at.reset();
  other.note_look(unknown, "bank", "moneykit", UpstreamTime(now));
  EXPECT_EQ(other.outlooks().institutions(), 0U);
}

TEST(VisitPlanner, LooksSoonerNowAndThenToLearn) {
  VisitPlanner planner = planner_of(hundred_thousand);
  LinkOutlook link = link_at(now);
  link.evidence = {.changes = 0, .days = 100, .hooked = 0, .missed = 0};
  EXPECT_EQ(planner.plan(link, "bank", "moneykit", now).reason, VisitReason::learn);
  EXPECT_NE(planner.plan(link, "bank", "moneykit", now + minutes(1)).reason, VisitReason::learn);
  link.refreshed_at.reset();
  EXPECT_NE(planner.plan(link, "bank", "moneykit", now + hours(1)).reason, VisitReason::learn);
}

TEST(VisitPlanner, MovesThePricesByWhatFallsDue) {
  VisitPlanner planner = planner_of(hundred_thousand);
  const CallPrices before = planner.prices();
  planner.tick(now, 0, 0);
  for (int i = 0; i < 20'000; ++i)
    planner.count_fetches();
  planner.tick(now + minutes(9), 0, 0);
  EXPECT_EQ(planner.prices().fetch, before.fetch) << "not yet";
  planner.tick(now + minutes(10), 0, 0);
  EXPECT_GT(planner.prices().fetch, before.fetch);
  EXPECT_LT(planner.prices().peek, before.peek);
  // A clock that is set, or a long pause, moves nothing.
  const CallPrices after = planner.prices();
  planner.tick(now + hours(24 * 30), 0, 0);
  planner.tick(now, 0, 0);
  EXPECT_EQ(planner.prices().fetch, after.fetch);
  planner.tick(now + minutes(10), 100'000, 0);
  EXPECT_GT(planner.prices().fetch, 0.5 * after.fetch);
}

TEST(VisitPlanner, ComesBackFromItsNote) {
  VisitPlanner planner = planner_of(hundred_thousand);
  teach(planner, hours(6));
  planner.tick(now, 0, 0);
  planner.tick(now + minutes(10), 0, 0);
  VisitPlanner read = planner_of(hundred_thousand);
  read.decode(planner.encode());
  EXPECT_EQ(read.prices().fetch, planner.prices().fetch);
  EXPECT_EQ(read.prices().peek, planner.prices().peek);
  EXPECT_EQ(read.outlooks().of("bank", "moneykit").rhythm.period,
            planner.outlooks().of("bank", "moneykit").rhythm.period);
  EXPECT_EQ(read.encode(), planner.encode());
  // Before the fleet is known, as at a start.
  VisitPlanner early(policy);
  early.decode(planner.encode());
  early.set_fleet(hundred_thousand);
  EXPECT_EQ(early.prices().fetch, planner.prices().fetch);
}

TEST(VisitPlanner, ThePricesOfACutBudgetAreNotThoseOfAWholeOne) {
  FleetBudget cut = hundred_thousand;
  cut.sync_per_minute /= 4;
  const VisitPlanner while_cut = planner_of(cut);
  const VisitPlanner whole = planner_of(hundred_thousand);
  ASSERT_GT(while_cut.prices().fetch, 10 * whole.prices().fetch);
  VisitPlanner read(policy);
  read.decode(while_cut.encode());
  read.set_fleet(hundred_thousand);
  EXPECT_NEAR(read.prices().fetch, whole.prices().fetch, 1e-9);
  VisitPlanner late = planner_of(hundred_thousand);
  late.decode(while_cut.encode());
  EXPECT_NEAR(late.prices().fetch, whole.prices().fetch, 1e-9);
}

TEST(VisitPlanner, ACutBudgetDoesNotMakeTheLongestWaitLonger) {
  const FleetBudget whole{.links = 300'000, .sync_per_minute = 600, .link_per_minute = 1000};
  FleetBudget cut = whole;
  cut.sync_per_minute = 60;
  ASSERT_GT(planner_of(cut).max_interval(), planner_of(whole).max_interval());
  cut.sync_configured = 600;
  EXPECT_EQ(planner_of(cut).max_interval(), planner_of(whole).max_interval());
}

TEST(VisitPlanner, WhatWaitsWhileNothingIsVisitedMovesNoPrice) {
  VisitPlanner planner = planner_of(hundred_thousand);
  planner.tick(now, 0, 0);
  const CallPrices before = planner.prices();
  for (int i = 1; i <= 72; ++i)
    planner.skip_window(now + minutes(10 * i));
  EXPECT_EQ(planner.prices().fetch, before.fetch);
  planner.tick(now + minutes(730), 100'000, 0);
  EXPECT_LT(planner.prices().fetch, 1.1 * before.fetch) << "the time before was none of visits";
}

TEST(VisitPlanner, OfADamagedNoteNothingIsKnown) {
  VisitPlanner planner = planner_of(hundred_thousand);
  teach(planner, hours(6));
  planner.tick(now, 0, 0);
  planner.tick(now + minutes(10), 0, 0);
  const std::string note = planner.encode();
  const VisitPlanner fresh = planner_of(hundred_thousand);
  const auto knows_nothing = [&](const std::string& bad) {
    VisitPlanner read = fresh;
    read.decode(note);
    EXPECT_EQ(read.outlooks().institutions(), 1U);
    read = fresh;
    read.decode(bad);
    EXPECT_EQ(read.outlooks().institutions(), 0U) << bad;
    EXPECT_EQ(read.prices().fetch, fresh.prices().fetch) << bad;
  };
  for (std::size_t at = 0; at < note.size(); ++at) {
    for (const int bit : {0, 3, 6}) {
      std::string bad = note;
      bad[at] = static_cast<char>(bad[at] ^ (1 << bit));
      knows_nothing(bad);
    }
    knows_nothing(note.substr(0, at));
  }
  knows_nothing(note + "x");
  knows_nothing("rubbish\nand more of it\n");
}

}  // namespace
}  // namespace syncd::core
