#include "sync/api/rate_gate.hpp"

#include <algorithm>
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
    auto result = co_await gate.acquire(endpoint, link_id, cause);
    grants.push_back({endpoint, std::move(link_id), timers.steady_now(), std::move(result)});
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
  ask("x", Cause::manual);
  ask("y", Cause::webhook);
  EXPECT_EQ(grants.size(), 20u);
  ask("z", Cause::manual);
  EXPECT_EQ(grants.size(), 20u);
  EXPECT_EQ(gate.use()[0].used, 20u);
  EXPECT_EQ(gate.use()[0].waiting, 3u);
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
  auto result = co_await gate.acquire(Endpoint::sync, link_id, Cause::schedule);
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
  gate.assume_crash(2);  // two cycles, up to four requests each
  EXPECT_EQ(gate.use()[0].used, 8u);
  ask("a", Cause::manual);
  EXPECT_EQ(grants.size(), 0u);  // three per link: it may have used them all
  world.pass(seconds(61));
  EXPECT_EQ(grants.size(), 1u);
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
  ASSERT_TRUE(api::RateGate(world.timers, budgets).restore("v1\n" + good));
  for (const std::string& bad :
       {std::string(), std::string("v2\n"), "v1\n" + good + "1 2", "v1\n" + good + "x\n",
        "v1\n" + good + "0 1 1 a\n", "v1\n" + good + "7 1 1 a\n", "v1\n" + good + "1 1 5 a\n",
        "v1\n" + good + "1 1 4000000000 \n", "v1\n" + good + "1 9223372036854775807 1 a\n",
        "v1\n" + good + "1 -9223372036854775808 1 a\n", "v1\n" + good + "1 1 1a\n", "v1\n" + good + "\n",
        "v1\n" + good + "1 1 1 a\x01\n"}) {
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
