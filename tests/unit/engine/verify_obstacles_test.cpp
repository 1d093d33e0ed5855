#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/engine/verify.hpp"
#include "tests/unit/engine/verify_world.hpp"

// What keeps a verify from its work, and how it says so.
namespace syncd::test {
namespace {

using core::VerifyReport;
using core::VerifyResult;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::IsEmpty;

std::size_t calls(const VerifyWorld& world) {
  return world.transport.calls().size();
}

// ---- nothing may be asked ----

TEST(VerifyObstacle, AHoldIsToldAtOnceAndNothingIsAsked) {
  VerifyWorld world;
  world.sync({the_link});
  world.port.notes.clear();
  const std::size_t before = calls(world);
  world.engine->hold(true);
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::incomplete);
  EXPECT_EQ(report.reason, "hold");
  EXPECT_EQ(calls(world), before);
  EXPECT_THAT(world.port.notes, IsEmpty()) << "it says nothing about the link, and the store may be full";
}

TEST(VerifyObstacle, AHoldEndsAVerifyBeforeItsNextRequest) {
  VerifyWorld world;
  world.sync({the_link});
  std::size_t before = 0;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (cursor_of(call) == "n3") {
      world.engine->hold(true);
      before = calls(world);
    }
    return std::nullopt;
  };
  EXPECT_EQ(world.verify().reason, "hold");
  EXPECT_EQ(calls(world), before) << "no accounts, no visit";
  world.instead = {};
  world.engine->hold(false);
  world.io.pass(minutes(2));
  EXPECT_EQ(world.verify().result, VerifyResult::match);
}

TEST(VerifyObstacle, AnAuthIncidentIsLeftToItsProbe) {
  VerifyWorld world;
  world.sync({the_link});
  world.instead = [](const api::HttpCall&) -> Answer {
    return error_reply(401, "api_error.auth.unauthorized");
  };
  ASSERT_TRUE(world.engine->sync_now(the_id()));
  world.io.pass(seconds(1));
  ASSERT_TRUE(world.engine->status().auth_refused);
  const std::size_t before = world.transport.count("/links/");
  EXPECT_EQ(world.verify().reason, "auth");
  EXPECT_EQ(world.transport.count("/links/"), before);
}

TEST(VerifyObstacle, AStoreThatFailsIsNotAsked) {
  VerifyWorld world;
  world.sync({the_link});
  const std::size_t before = calls(world);
  world.port.well = false;
  EXPECT_EQ(world.verify().reason, "storage");
  EXPECT_EQ(calls(world), before);
}

// A visit that waits for a store that has failed meanwhile would wait for half an hour.
TEST(VerifyObstacle, EndsItsWaitForAVisit) {
  VerifyWorld world;
  world.sync({the_link});
  world.plant("x", posted("x"));
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (asks_for_accounts(call)) world.port.well = false;
    return std::nullopt;
  };
  EXPECT_EQ(world.verify().reason, "storage");
}

// ---- the right word ----

TEST(VerifyObstacle, ALinkThatWasPausedInTheLineIsToldSo) {
  VerifyWorld world;
  world.sync({"mk_1", "mk_2"});
  ASSERT_TRUE(world.engine->verify(core::LinkId{"mk_1"}));
  ASSERT_TRUE(world.engine->verify(core::LinkId{"mk_2"}));
  world.io.start(pause(*world.engine, "mk_2"));
  world.io.pass(minutes(5));
  ASSERT_EQ(world.observer.verifies.size(), 2u);
  EXPECT_EQ(world.observer.verifies[1].link_id.str(), "mk_2");
  EXPECT_EQ(world.observer.verifies[1].reason, "status");
}

// The visit of the verify ends with its drain open because the daemon stops, not because of the link.
TEST(VerifyObstacle, AStopInTheMiddleOfItsVisitIsNoResult) {
  VerifyWorld world;
  world.sync({the_link});
  bool stopped = false;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    const std::string cursor = cursor_of(call);
    if (!asks_for_page(call) || !cursor.starts_with("e")) return std::nullopt;
    const int at = cursor == "e" ? 0 : std::stoi(cursor.substr(1));
    if (at == 2) {
      stopped = true;
      world.io.group.spawn(world.engine->stop(world.io.timers.steady_now() + minutes(1)));
    }
    return json_reply(200, PageText{.created = {posted(fmt::format("t{}", at))},
                                    .next = fmt::format("e{}", at + 1),
                                    .more = true}
                               .json());
  };
  ASSERT_TRUE(world.engine->verify(the_id()));
  world.io.pass(minutes(2));
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(world.record().drain.open);
  EXPECT_THAT(world.observer.verifies, IsEmpty());
  EXPECT_FALSE(world.port.notes.contains("verify/mk_1"));
}

using Purging = std::optional<core::Result<engine::Purged>>;

api::Task<void> purge(engine::Engine& engine, Purging& purged) {
  core::LinkId link_id = the_id();
  auto answer = co_await engine.purge(std::move(link_id), false, by_a_test);
  purged.emplace(std::move(answer));
}

// Nothing that was found out about it is left.
TEST(VerifyObstacle, ALinkThatIsPurgedMeanwhile) {
  VerifyWorld world;
  world.sync({the_link});
  Purging purged;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (is_reading(call) && !purged) world.io.start(purge(*world.engine, purged));
    return std::nullopt;
  };
  ASSERT_TRUE(world.engine->verify(the_id()));
  world.io.pass(minutes(5));
  ASSERT_TRUE(purged && *purged);
  EXPECT_FALSE(world.port.notes.contains("verify/mk_1"));
}

// ---- what it spends ----

// One after another: a crash takes the requests of all of them for those of one cycle.
TEST(VerifyObstacle, VerifiesInARowKeepTheirDistance) {
  VerifyWorld world;
  world.sync({"mk_1", "mk_2", "mk_3"});
  std::vector<api::SteadyTime> at;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (is_reading(call) || asks_for_accounts(call)) at.push_back(world.io.timers.steady_now());
    return std::nullopt;
  };
  for (const char* link_id : {"mk_1", "mk_2", "mk_3"})
    ASSERT_TRUE(world.engine->verify(core::LinkId{link_id}));
  world.io.pass(minutes(5));
  ASSERT_EQ(world.observer.verifies.size(), 3u);
  ASSERT_EQ(at.size(), 9u);
  for (std::size_t i = 1; i < at.size(); ++i)
    EXPECT_GE(at[i] - at[i - 1], engine::verify_request_gap) << i;
}

api::Task<void> hint(engine::Engine& engine, std::string link_id) {
  core::LinkId told{std::move(link_id)};
  const core::Digest key{};
  const auto outcome = co_await engine.hint(std::move(told), key);
  EXPECT_TRUE(outcome);
}

// Told of while its pages are read, it waits for the budget in the queue of those that were told of; the
// verify claims it from there for its accounts, and the queue is looked through meanwhile.
TEST(VerifyWaits, AHintThatStandsInItsQueueOutlivesAClaim) {
  VerifyWorld world;
  world.sync({the_link, "mk_2"});
  bool read_to_end = false;
  bool looked_through = false;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (is_reading(call) && cursor_of(call) == "n3" && !std::exchange(read_to_end, true)) {
      world.gate.freeze(core::Endpoint::sync, world.io.timers.wall_now() + minutes(1));
      world.io.group.spawn(hint(*world.engine, the_link));
    } else if (asks_for_accounts(call) && read_to_end && !std::exchange(looked_through, true)) {
      world.io.group.spawn(hint(*world.engine, "mk_2"));
    }
    return std::nullopt;
  };
  ASSERT_TRUE(world.engine->verify(the_id()));
  world.io.pass(minutes(60));
  EXPECT_TRUE(looked_through);
  const auto followed = [](const core::CycleReport& report) {
    return report.link_id == the_id() && report.cause == core::Cause::webhook;
  };
  EXPECT_TRUE(std::ranges::any_of(world.observer.cycles, followed));
  EXPECT_EQ(world.engine->hints_waiting(), 0U);
}

}  // namespace
}  // namespace syncd::test
