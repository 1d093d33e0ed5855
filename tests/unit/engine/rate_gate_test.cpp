#include "sync/api/rate_gate.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {
namespace {

using api::SteadyTime;
using core::Cause;
using core::Endpoint;
using core::Errc;
using core::LinkId;
using core::Millis;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct Grant {
  Endpoint endpoint;
  LinkId link_id;
  SteadyTime at;
  core::Result<void> result;
};

struct RateGateTest : testing::Test {
  ~RateGateTest() override { world.stop(); }

  static api::Task<void> take(api::RateGate& gate, VirtualTimers& timers, std::vector<Grant>& grants,
                              Endpoint endpoint, LinkId link_id, Cause cause) {
    core::Result<void> result;
    {
      api::RateGate::Turn turn(gate, endpoint, link_id, cause);
      do {
        result = co_await turn.wait();
      } while (result && !turn.take());
    }
    grants.push_back({endpoint, std::move(link_id), timers.steady_now(), std::move(result)});
  }
  static api::Task<void> wait_for(api::RateGate::Turn& turn, std::optional<core::Result<void>>& waited) {
    auto result = co_await turn.wait();
    waited.emplace(std::move(result));
  }
  void ask(const std::string& link, Cause cause = Cause::schedule, Endpoint endpoint = Endpoint::sync) {
    world.start(take(gate, world.timers, grants, endpoint, LinkId{link}, cause));
  }
  Millis now() { return world.timers.steady_now().time_since_epoch(); }

  VirtualIo world;
  api::Budgets budgets{.sync_per_app = 20, .sync_per_link = 3, .accounts_per_link = 2};
  api::RateGate gate{world.timers, budgets};
  std::vector<Grant> grants;
};

TEST_F(RateGateTest, BudgetPerLinkHolds) {
  for (int i = 0; i < 4; ++i)
    ask("a");
  EXPECT_EQ(grants.size(), 3u);
  ask("b");
  EXPECT_EQ(grants.size(), 4u);  // another link is not held up
  world.pass(seconds(60));
  EXPECT_EQ(grants.size(), 4u);
  world.pass(seconds(1));
  EXPECT_EQ(grants.size(), 5u);
}

TEST_F(RateGateTest, EndpointsHaveBudgetsOfTheirOwn) {
  for (int i = 0; i < 3; ++i)
    ask("a");
  ask("a", Cause::schedule, Endpoint::link);
  ask("a", Cause::schedule, Endpoint::accounts);
  ask("a", Cause::schedule, Endpoint::accounts);
  EXPECT_EQ(grants.size(), 6u);
  ask("a", Cause::schedule, Endpoint::accounts);
  EXPECT_EQ(grants.size(), 6u);
}

TEST_F(RateGateTest, ATenthIsKeptForPeople) {
  for (int i = 0; i < 20; ++i)
    ask("link_" + std::to_string(i));
  EXPECT_EQ(grants.size(), 18u);
  ask("w", Cause::webhook);
  EXPECT_EQ(grants.size(), 18u) << "upstream may tell of more than there is room for";
  ask("x", Cause::manual);
  ask("y", Cause::manual);
  EXPECT_EQ(grants.size(), 20u);
  ask("z", Cause::manual);
  EXPECT_EQ(grants.size(), 20u);
  EXPECT_EQ(gate.use()[0].used, 20u);
  EXPECT_EQ(gate.use()[0].waiting, 4u);
}

// The schedule that follows upstream's clock always uses more than half.
TEST(RateGateShares, VerifiesHaveThreeInAHundredHoweverMuchTheOthersUse) {
  VirtualIo world;
  api::RateGate gate{world.timers, {.sync_per_app = 200, .sync_per_link = 10}};
  int links = 0;
  const auto send = [&](int requests, Cause cause) {
    int sent = 0;
    for (int i = 0; i < requests; ++i)
      sent += gate.try_take(Endpoint::sync, LinkId("link_" + std::to_string(++links)), cause) ? 1 : 0;
    return sent;
  };
  EXPECT_EQ(send(150, Cause::schedule), 150);
  EXPECT_EQ(send(20, Cause::verify), 6);
  EXPECT_EQ(send(100, Cause::schedule), 24) << "up to what is kept for people";
  EXPECT_EQ(send(100, Cause::manual), 20);
  world.pass(seconds(62));
  EXPECT_EQ(send(179, Cause::schedule), 179);
  EXPECT_EQ(send(20, Cause::verify), 1) << "nothing of what is kept for people";
  world.stop();
}

TEST_F(RateGateTest, AVerifyLeavesHalfOfEachBudgetFree) {
  for (int i = 0; i < 12; ++i)
    ask("link_" + std::to_string(i), Cause::verify);
  EXPECT_EQ(grants.size(), 10u);
  for (int i = 0; i < 9; ++i)
    ask("other_" + std::to_string(i));
  EXPECT_EQ(grants.size(), 18u) << "eight of the nine";
  world.pass(seconds(61));
  // Those eight and the ninth are older than the verifies that waited: these still leave half to others.
  EXPECT_EQ(grants.size(), 21u);
  for (int i = 0; i < 15; ++i)
    ask("more_" + std::to_string(i));
  EXPECT_EQ(grants.size(), 21u + 15u);
}

TEST_F(RateGateTest, AVerifyLeavesItsLinkRoomForAVisit) {
  for (int i = 0; i < 3; ++i)
    ask("a", Cause::verify);
  EXPECT_EQ(grants.size(), 2u);
  EXPECT_GT(gate.available_at(Endpoint::sync, LinkId{"a"}, Cause::verify), world.timers.steady_now());
  ask("a");
  EXPECT_EQ(grants.size(), 3u);
  // What the visit took counts for the verify, too.
  ask("b");
  ask("b");
  ask("b", Cause::verify);
  EXPECT_EQ(grants.size(), 5u);
}

TEST_F(RateGateTest, NobodyWaitsBehindAVerify) {
  for (int i = 0; i < 17; ++i)
    ask("link_" + std::to_string(i));
  ask("x", Cause::verify);
  ask("y", Cause::verify);
  EXPECT_EQ(grants.size(), 17u);
  ask("z");
  ASSERT_EQ(grants.size(), 18u) << "the place before the tenth is the schedule's";
  EXPECT_EQ(grants.back().link_id, LinkId{"z"});
}

TEST_F(RateGateTest, NoRequestInsideAFrozenWindow) {
  gate.freeze(Endpoint::sync, world.timers.wall_now() + minutes(2));
  gate.freeze(Endpoint::sync, world.timers.wall_now() + minutes(1));  // never shortens
  ask("a", Cause::manual);
  ask("a", Cause::manual, Endpoint::link);
  EXPECT_EQ(grants.size(), 1u);  // the other endpoint is open
  world.pass(minutes(2) - Millis(1));
  EXPECT_EQ(grants.size(), 1u);
  ASSERT_TRUE(gate.frozen_until(Endpoint::sync));
  world.pass(Millis(1));
  EXPECT_EQ(grants.size(), 2u);
  EXPECT_FALSE(gate.frozen_until(Endpoint::sync));
}

TEST_F(RateGateTest, AbsurdWindowsAreCutToAnHour) {
  gate.freeze(Endpoint::sync, world.timers.wall_now() + hours(100'000));
  ask("a");
  world.pass(hours(1));
  EXPECT_EQ(grants.size(), 1u);
  gate.freeze(Endpoint::sync, world.timers.wall_now() - hours(5));
  ask("a");
  EXPECT_EQ(grants.size(), 2u);
}

TEST_F(RateGateTest, WindowsAreToldOnceEach) {
  std::vector<core::GateFreeze> told;
  gate.on_freeze([&](const core::GateFreeze& freeze) { told.push_back(freeze); });
  const core::WallTime until = world.timers.wall_now() + minutes(2);
  gate.freeze(Endpoint::sync, until);
  gate.freeze(Endpoint::sync, until - minutes(1));
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], (core::GateFreeze{Endpoint::sync, until}));
}

TEST_F(RateGateTest, WaitersAreCancelled) {
  gate.freeze(Endpoint::sync, world.timers.wall_now() + minutes(2));
  ask("a");
  world.group.cancel();
  world.settle();
  ASSERT_EQ(grants.size(), 1u);
  ASSERT_FALSE(grants[0].result);
  EXPECT_EQ(grants[0].result.error().code, Errc::cancelled);
  EXPECT_EQ(world.group.size(), 0u);
  EXPECT_EQ(gate.use()[0].waiting, 0u);
  EXPECT_EQ(gate.use()[0].used, 0u);
}

// Somebody else has work of this task in hand when it is told to end; it must not sleep an hour afterwards.
api::Task<void> deaf_then_take(VirtualTimers& timers, api::RateGate& gate, std::vector<Grant>& grants) {
  const boost::asio::io_context::executor_type executor = co_await boost::asio::this_coro::executor;
  api::Waiters waiters(executor);
  auto release = [&waiters] { waiters.notify_all(); };
  boost::asio::post(executor, [executor, release] { boost::asio::post(executor, release); });
  co_await waiters.wait_uncancellable();
  const LinkId link_id("a");
  api::RateGate::Turn turn(gate, Endpoint::sync, link_id, Cause::schedule);
  auto result = co_await turn.wait();
  grants.push_back({Endpoint::sync, link_id, timers.steady_now(), std::move(result)});
}

TEST_F(RateGateTest, TaskThatWasCancelledBeforeItAskedDoesNotWait) {
  gate.freeze(Endpoint::sync, world.timers.wall_now() + hours(1));
  boost::asio::post(world.io, [this] {
    world.group.spawn(deaf_then_take(world.timers, gate, grants));
    world.group.cancel();
  });
  world.settle();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_FALSE(grants[0].result);
}

TEST_F(RateGateTest, BudgetsMayChangeWhileTasksWait) {
  for (int i = 0; i < 4; ++i)
    ask("a");
  EXPECT_EQ(grants.size(), 3u);
  budgets.sync_per_link = 5;
  gate.set_budgets(budgets);
  ask("a");
  EXPECT_EQ(grants.size(), 4u);
}

// ---- the line ----

TEST_F(RateGateTest, ARequestIsCountedWhenItGoesOutAndNotBefore) {
  const LinkId link_id("a");
  api::RateGate::Turn turn(gate, Endpoint::sync, link_id, Cause::schedule);
  std::optional<core::Result<void>> waited;
  world.start(wait_for(turn, waited));
  ASSERT_TRUE(waited && *waited);
  EXPECT_EQ(gate.use()[0].used, 0u);
  gate.freeze(Endpoint::sync, world.timers.wall_now() + minutes(1));
  EXPECT_FALSE(turn.take());
  EXPECT_EQ(gate.use()[0].used, 0u);
  world.pass(minutes(1));
  EXPECT_TRUE(turn.take());
  EXPECT_EQ(gate.use()[0].used, 1u);
}

TEST_F(RateGateTest, WhoComesLaterLeavesTheFreeSlotToTheLine) {
  ask("first");
  world.pass(seconds(10));
  for (int i = 0; i < 17; ++i)
    ask("link_" + std::to_string(i));
  const LinkId early("early");
  const LinkId late("late");
  {
    api::RateGate::Turn turn(gate, Endpoint::sync, early, Cause::schedule);
    world.pass(seconds(51));  // the first one's slot, and no other, is free again
    EXPECT_FALSE(gate.try_take(Endpoint::sync, late, Cause::schedule));
    EXPECT_GT(gate.available_at(Endpoint::sync, late, Cause::schedule), world.timers.steady_now());
    EXPECT_TRUE(gate.try_take(Endpoint::sync, late, Cause::manual));  // the reserve is not in that line
    gate.set_budgets({.sync_per_app = 21, .sync_per_link = 3});
    EXPECT_TRUE(turn.take());
  }
  EXPECT_FALSE(gate.try_take(Endpoint::sync, late, Cause::schedule));
}

TEST_F(RateGateTest, NobodyWaitsForOneThatItsOwnLinkHoldsBack) {
  for (int i = 0; i < 4; ++i)
    ask("a");  // three go, one waits for its link
  for (int i = 0; i < 14; ++i)
    ask("link_" + std::to_string(i));
  EXPECT_EQ(gate.use()[0].used, 17u);
  EXPECT_TRUE(gate.try_take(Endpoint::sync, LinkId{"b"}, Cause::schedule));
}

TEST_F(RateGateTest, TheLineIsServedInOrderOneForEachFreeSlot) {
  for (int i = 0; i < 18; ++i) {
    ask("link_" + std::to_string(i));
    world.pass(seconds(2));
  }
  for (const char* link : {"p", "q", "r", "s"})
    ask(link);
  world.pass(seconds(61));
  ASSERT_EQ(grants.size(), 22u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(grants[18 + i].link_id.str(), std::string(1, static_cast<char>('p' + i)));
    EXPECT_EQ(grants[18 + i].at, grants[i].at + seconds(61)) << "not woken before its own slot was free";
  }
}

// ---- across a restart ----

TEST_F(RateGateTest, WhatWasSentIsRememberedWithTheLink) {
  for (int i = 0; i < 3; ++i)
    ask("a");
  const auto sends = gate.recent_sends(LinkId{"a"});
  EXPECT_EQ(sends.size(), 3u);
  world.pass(seconds(20));
  api::RateGate next(world.timers, budgets);
  next.seed(LinkId{"a"}, sends);
  EXPECT_EQ(next.use()[0].used, 3u);
  EXPECT_GT(next.available_at(Endpoint::sync, LinkId{"a"}, Cause::manual), world.timers.steady_now());
  EXPECT_EQ(next.available_at(Endpoint::sync, LinkId{"b"}, Cause::manual), world.timers.steady_now());
  world.pass(seconds(41));
  EXPECT_EQ(next.available_at(Endpoint::sync, LinkId{"a"}, Cause::manual), world.timers.steady_now());
}

TEST_F(RateGateTest, SendsFromAFutureClockCountAsNow) {
  gate.seed(LinkId{"a"}, {3, {Endpoint::sync, world.timers.wall_now() + hours(9)}});
  EXPECT_EQ(gate.available_at(Endpoint::sync, LinkId{"a"}, Cause::manual),
            world.timers.steady_now() + seconds(61));
}

TEST_F(RateGateTest, AfterACrashTheUnrecordedIsAssumedSent) {
  budgets.sync_per_app = 1000;
  gate.set_budgets(budgets);
  gate.assume_crash(2);
  // Two cycles at a time, each of up to four requests, ended by an auth refusal as often as a minute allows.
  EXPECT_EQ(gate.use()[0].used, 2u * 4u * 14u);
  ask("a", Cause::manual);
  EXPECT_EQ(grants.size(), 0u);  // three per link: it may have used them all
  world.pass(seconds(61));
  EXPECT_EQ(grants.size(), 1u);
}

TEST_F(RateGateTest, AfterACrashWhatNoRecordEverShowsIsSpent) {
  gate.assume_crash(1);
  for (const api::BudgetUse& use : gate.use()) {
    const bool never_recorded = use.endpoint == Endpoint::links || use.endpoint == Endpoint::token ||
                                use.endpoint == Endpoint::introspect;
    if (never_recorded) EXPECT_EQ(use.used, use.limit);
  }
  ask("", Cause::manual, Endpoint::token);
  ask("", Cause::manual, Endpoint::links);
  world.pass(seconds(60));
  EXPECT_EQ(grants.size(), 0u);
  world.pass(seconds(1));
  EXPECT_EQ(grants.size(), 2u);
}

TEST_F(RateGateTest, WhatTheSnapshotCountedIsNotSeededAgain) {
  for (int i = 0; i < 3; ++i)
    ask("a");
  api::RateGate next(world.timers, budgets);
  ASSERT_TRUE(next.restore(gate.snapshot()));
  next.seed(LinkId{"a"}, gate.recent_sends(LinkId{"a"}));
  EXPECT_EQ(next.use()[0].used, 3u);
  EXPECT_EQ(next.recent_sends(LinkId{"a"}).size(), 3u);
}

TEST_F(RateGateTest, OpenWindowsSurviveARestartAndASteppedClock) {
  for (const hours step : {hours(0), hours(5), hours(-5)}) {
    api::RateGate last(world.timers, budgets);
    last.freeze(Endpoint::sync, world.timers.wall_now() + minutes(10));
    world.timers.jump_wall_clock(step);
    world.pass(minutes(1));
    const std::string snapshot = last.snapshot();
    world.pass(minutes(2));  // stopped
    api::RateGate next(world.timers, budgets);
    ASSERT_TRUE(next.restore(snapshot));
    EXPECT_EQ(next.frozen_until(Endpoint::sync), world.timers.wall_now() + minutes(7));
    EXPECT_FALSE(next.frozen_until(Endpoint::accounts));
  }
}

TEST_F(RateGateTest, AClockSetBackWhileStoppedMakesNoWindowLonger) {
  gate.freeze(Endpoint::sync, world.timers.wall_now() + minutes(10));
  const std::string snapshot = gate.snapshot();
  world.timers.jump_wall_clock(-hours(3));
  api::RateGate next(world.timers, budgets);
  ASSERT_TRUE(next.restore(snapshot));
  EXPECT_EQ(next.frozen_until(Endpoint::sync), world.timers.wall_now() + minutes(10));
}

TEST_F(RateGateTest, ARunThatSentNothingLeavesNothing) {
  EXPECT_EQ(gate.snapshot(), api::RateGate::nothing_sent());
  api::RateGate next(world.timers, budgets);
  EXPECT_TRUE(next.restore(api::RateGate::nothing_sent()));
}

TEST_F(RateGateTest, AfterACrashOfManyTheBudgetIsSpentButNotMore) {
  gate.assume_crash(1'000'000);
  EXPECT_EQ(gate.use()[0].used, 20u);
  world.pass(seconds(61));
  EXPECT_EQ(gate.use()[0].used, 0u);
}

TEST_F(RateGateTest, SnapshotSurvivesARestart) {
  for (int i = 0; i < 3; ++i)
    ask("a b");
  ask("", Cause::schedule, Endpoint::token);
  const std::string snapshot = gate.snapshot();
  world.pass(seconds(5));
  api::RateGate next(world.timers, budgets);
  ASSERT_TRUE(next.restore(snapshot));
  const auto before = gate.use();
  const auto after = next.use();
  for (std::size_t i = 0; i < before.size(); ++i)
    EXPECT_EQ(after[i].used, before[i].used);
  EXPECT_EQ(next.recent_sends(LinkId{"a b"}), gate.recent_sends(LinkId{"a b"}));
}

TEST_F(RateGateTest, SnapshotThatIsNotUnderstoodRestoresNothing) {
  const std::string good =
      "1 " + std::to_string(world.timers.wall_now().time_since_epoch().count()) + " 1 a\n";
  ASSERT_TRUE(api::RateGate(world.timers, budgets).restore("v2\n" + good));
  for (const std::string& bad :
       {std::string(), std::string("v1\n"), "v2\n" + good + "1 2", "v2\n" + good + "x\n",
        "v2\n" + good + "0 1 1 a\n", "v2\n" + good + "99 1 1 a\n", "v2\n" + good + "1 1 5 a\n",
        "v2\n" + good + "1 1 4000000000 \n", "v2\n" + good + "1 9223372036854775807 1 a\n",
        "v2\n" + good + "1 -9223372036854775808 1 a\n", "v2\n" + good + "1 1 1a\n", "v2\n" + good + "\n",
        "v2\n" + good + "1 1 1 a\x01\n", "v2\n" + good + "frozen \n", "v2\n" + good + "frozen 1 1 1 x\n",
        "v2\n" + good + "frozen 99 1 1 \n", "v2\n" + good + "frozen 1 1 3600001 \n",
        "v2\n" + good + "frozen 1 1 -1 \n", "v2\n" + good + "frozen 1 -1 1 \n"}) {
    api::RateGate next(world.timers, budgets);
    EXPECT_FALSE(next.restore(bad)) << bad;
    EXPECT_EQ(next.use()[0].used, 0u) << bad;
  }
}

// ---- the promise ----

// No sliding minute exceeds a budget, per app and per link, whatever the pattern of calls, freezes and
// restarts.
TEST_F(RateGateTest, NoSlidingMinuteExceedsABudget) {
  std::mt19937_64 random(7);
  for (int step = 0; step < 3000; ++step) {
    const auto cause = random() % 5 == 0 ? Cause::manual : Cause::schedule;
    if (world.group.size() < 40) ask("link_" + std::to_string(random() % 9), cause);
    if (random() % 400 == 0) gate.freeze(Endpoint::sync, world.timers.wall_now() + seconds(random() % 50));
    world.pass(Millis(random() % 2000));
  }
  ASSERT_GT(grants.size(), 500u);
  const auto most_in_a_minute = [this](const std::string& link) {
    std::vector<SteadyTime> times;
    for (const Grant& grant : grants) {
      if (link.empty() || grant.link_id.str() == link) times.push_back(grant.at);
    }
    std::ptrdiff_t most = 0;
    for (auto from = times.begin(); from != times.end(); ++from) {
      const auto to = std::upper_bound(from, times.end(), *from + seconds(60));
      most = std::max(most, to - from);
    }
    return most;
  };
  EXPECT_LE(most_in_a_minute(""), 20);
  for (int i = 0; i < 9; ++i)
    EXPECT_LE(most_in_a_minute("link_" + std::to_string(i)), 3);
}

}  // namespace
}  // namespace syncd::test
