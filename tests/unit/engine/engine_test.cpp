#include "sync/engine/engine.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/engine/engine_world.hpp"

namespace syncd::test {
namespace {

using core::Cause;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

api::Task<void> pause(engine::Engine& engine, std::optional<core::Result<core::LinkStatus>>& result) {
  core::LinkId link_id{"mk_1"};
  result = co_await engine.pause(std::move(link_id), by_a_test);
}

api::Task<void> wait_for_cycle(engine::Engine& engine, api::SteadyTime deadline,
                               std::optional<core::CycleReport>& report, bool& ended) {
  core::LinkId link_id{"mk_1"};
  report = co_await engine.wait_for_cycle(std::move(link_id), deadline);
  ended = true;
}

TEST(Engine, ALinkThatIsAskedForAgainAndAgainWaitsOnce) {
  EngineWorld world;
  world.know("mk_1", world.now());
  for (int i = 0; i < 1000; ++i)
    ASSERT_TRUE(world.engine->sync_now(core::LinkId{"mk_1"}));
  EXPECT_EQ(world.engine->status().due, 1u);
}

// Between reading a record and writing it back with the new status, a cycle may have committed a page.
TEST(Engine, APauseKeepsThePageThatWasCommittedMeanwhile) {
  EngineWorld world;
  world.know("mk_1", world.now() + hours(1));
  world.start();
  world.store.after_load = [&] {
    core::LinkUpdate page;
    page.record = world.store.links["mk_1"];
    page.link_id = page.record.link_id;
    page.expected_fence = page.record.fence++;
    page.record.cursor = core::Cursor{"behind the page"};
    page.record.counts.transactions = 500;
    ASSERT_TRUE(world.store.apply(page));
  };
  std::optional<core::Result<core::LinkStatus>> paused;
  world.io.start(pause(*world.engine, paused));
  ASSERT_TRUE(paused && *paused);
  const core::LinkRecord& record = world.store.links["mk_1"];
  EXPECT_EQ(record.status, core::LinkStatus::paused);
  EXPECT_EQ(record.cursor, core::Cursor{"behind the page"});
  EXPECT_EQ(record.counts.transactions, 500u);
}

// A pause may come while a visit is under way that is then held back: the link is put back nowhere.
TEST(Engine, ALinkPausedDuringAVisitThatIsHeldBackIsVisitedByNothing) {
  EngineWorld world;
  world.know("mk_1", world.now());
  std::optional<core::Result<core::LinkStatus>> paused;
  world.store.after_load = [&] {
    world.gate.freeze(core::Endpoint::sync, world.now() + seconds(40));
    world.io.group.spawn(pause(*world.engine, paused));
  };
  world.start();
  world.io.settle();
  ASSERT_TRUE(paused && *paused);
  const std::uint64_t loads = world.store.loads;
  EXPECT_FALSE(world.engine->status().next_due_at);
  world.io.pass(minutes(2));
  EXPECT_EQ(world.store.loads, loads);
  EXPECT_TRUE(world.transport.calls().empty());
}

// More links than the budget: nobody is taken off the schedule only to be put back, and nobody is forgotten.
TEST(Engine, ASpentBudgetLeavesTheScheduleAlone) {
  EngineWorld world({.sync_per_app = 20});
  for (int i = 0; i < 100; ++i)
    world.know("mk_" + std::to_string(i), world.now());
  world.start();
  world.io.pass(seconds(59));
  EXPECT_EQ(world.observer.cycles.size(), 18u);  // a tenth is kept for manual visits
  EXPECT_LE(world.store.loads, 18u + engine::EngineOptions{}.workers);
  EXPECT_TRUE(std::ranges::none_of(world.observer.cycles, &core::CycleReport::yielded));
}

// The pulse for the watchdog is not what finds a link: with hardly any, each is visited at its time, and at
// once when a slot of the budget comes free.
TEST(Engine, NoLinkWaitsForThePulse) {
  EngineWorld world({.sync_per_app = 20}, {.policy = {}, .idle_look = hours(1)});
  const std::uint64_t at_rest = world.engine->heartbeat();
  world.know("mk_later", world.now() + minutes(10));
  for (int i = 0; i < 30; ++i)
    world.know("mk_" + std::to_string(i), world.now());
  world.start();
  world.io.pass(seconds(62));
  EXPECT_EQ(world.observer.cycles.size(), 30u);
  const std::uint64_t idle_from = world.engine->heartbeat();
  EXPECT_GT(idle_from, at_rest);
  world.io.pass(minutes(8));
  EXPECT_EQ(world.engine->heartbeat(), idle_from);
  world.io.pass(minutes(1));
  ASSERT_EQ(world.observer.cycles.size(), 31u);
  EXPECT_EQ(world.observer.cycles.back().link_id.str(), "mk_later");
  EXPECT_LT(world.observer.cycles.back().schedule_lag, seconds(1));
}

// The watchdog looks for a pulse also when nothing is to be done.
TEST(Engine, HasAPulseWhenIdle) {
  EngineWorld world;
  world.start();
  const std::uint64_t before = world.engine->heartbeat();
  world.io.pass(seconds(10));
  EXPECT_GE(world.engine->heartbeat(), before + 9);
}

TEST(Engine, WithTooLittleBudgetTheLongestOverdueComeFirst) {
  EngineWorld world({.sync_per_app = 20}, {.policy = {.interval = minutes(1), .max_interval = minutes(1)}});
  std::vector<std::string> by_due;
  for (int i = 0; i < 100; ++i) {
    by_due.push_back("mk_" + std::to_string(i));
    world.know(by_due.back(), world.now() - hours(10) + minutes(i));
  }
  world.start();
  // 18 a minute: one round takes six of them, and nobody is visited twice before everybody was once.
  world.io.pass(minutes(6));
  ASSERT_GE(world.observer.cycles.size(), 100u);
  std::vector<std::string> visited;
  for (const core::CycleReport& report : world.observer.cycles)
    visited.push_back(report.link_id.str());
  visited.resize(100);
  EXPECT_EQ(std::vector(visited.begin(), visited.begin() + 18),
            std::vector(by_due.begin(), by_due.begin() + 18));
  std::ranges::sort(visited);
  std::ranges::sort(by_due);
  EXPECT_EQ(visited, by_due);
}

TEST(Engine, TellsHowLateAVisitBegan) {
  EngineWorld world;
  world.know("mk_1", world.now() - minutes(7));
  world.start();
  world.io.pass(seconds(5));
  ASSERT_EQ(world.observer.cycles.size(), 1u);
  EXPECT_GE(world.observer.cycles[0].schedule_lag, minutes(7));
  EXPECT_LT(world.observer.cycles[0].schedule_lag, minutes(7) + seconds(2));
}

// A manual visit that has to wait for the budget stays a manual one, and who waits for it hears of the visit.
TEST(Engine, SyncNowWaitsForTheBudgetAndReportsTheVisit) {
  EngineWorld world({.sync_per_link = 1});
  world.know("mk_1", world.now());
  world.start();
  world.io.pass(seconds(1));
  ASSERT_EQ(world.observer.cycles.size(), 1u);
  ASSERT_TRUE(world.engine->sync_now(core::LinkId{"mk_1"}));
  std::optional<core::CycleReport> report;
  bool ended = false;
  world.io.start(wait_for_cycle(*world.engine, world.io.timers.steady_now() + minutes(5), report, ended));
  world.io.pass(seconds(30));
  EXPECT_FALSE(ended);
  world.io.pass(minutes(1));
  ASSERT_TRUE(ended && report);
  EXPECT_FALSE(report->yielded);
  EXPECT_EQ(report->cause, Cause::manual);
  EXPECT_EQ(report->pages, 1u);
}

// A link that waits for its owner is looked at whatever the budget of the feed; then it has to wait like
// others.
TEST(Engine, SyncNowOfALinkThatIsConnectedAgainWaitsWithoutTurningRound) {
  EngineWorld world;
  world.know("mk_1", world.now() + hours(1), core::LinkStatus::relink);
  world.start();
  world.gate.freeze(core::Endpoint::sync, world.now() + seconds(40));
  ASSERT_TRUE(world.engine->sync_now(core::LinkId{"mk_1"}));
  world.io.pass(seconds(39));
  EXPECT_EQ(world.transport.calls().size(), 1u);
  EXPECT_LE(world.store.loads, 3u);
  world.io.pass(seconds(3));
  ASSERT_EQ(world.observer.cycles.size(), 1u);
  EXPECT_EQ(world.observer.cycles[0].cause, Cause::manual);
  EXPECT_EQ(world.store.links["mk_1"].status, core::LinkStatus::active);
}

TEST(Engine, SyncNowWaitsForARetryAfterWindow) {
  EngineWorld world;
  world.know("mk_1", world.now() + hours(1));
  world.start();
  world.gate.freeze(core::Endpoint::sync, world.now() + seconds(40));
  ASSERT_TRUE(world.engine->sync_now(core::LinkId{"mk_1"}));
  world.io.pass(seconds(39));
  EXPECT_TRUE(world.transport.calls().empty());
  EXPECT_LE(world.store.loads, 1u);
  world.io.pass(seconds(3));
  ASSERT_EQ(world.observer.cycles.size(), 1u);
  EXPECT_EQ(world.observer.cycles[0].cause, Cause::manual);
}

}  // namespace
}  // namespace syncd::test
