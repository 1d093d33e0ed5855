#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/verify_world.hpp"

// Dead letters and repairs in the hands of an operator.
namespace syncd::test {
namespace {

using core::Errc;
using core::LinkStatus;
using std::chrono::hours;
using std::chrono::minutes;
using testing::IsEmpty;
using testing::SizeIs;

using Outcome = std::optional<core::Result<LinkStatus>>;

api::Task<void> retry(engine::Engine& engine, core::WallTime at, Outcome& outcome) {
  core::LinkId link_id{the_link};
  outcome = co_await engine.retry_letter(std::move(link_id), at, by_a_test);
}

api::Task<void> drop(engine::Engine& engine, core::WallTime at, Outcome& outcome) {
  core::LinkId link_id{the_link};
  outcome = co_await engine.drop_letter(std::move(link_id), at, by_a_test);
}

api::Task<void> pause(engine::Engine& engine, Outcome& outcome) {
  core::LinkId link_id{the_link};
  outcome = co_await engine.pause(std::move(link_id), by_a_test);
}

api::Task<void> repair(engine::Engine& engine, Outcome& outcome) {
  core::LinkId link_id{the_link};
  outcome = co_await engine.repair(std::move(link_id), by_a_test);
}

api::Task<void> register_link(engine::Engine& engine) {
  engine::NewLink link{core::LinkId{the_link}, {}, {}};
  const auto added = co_await engine.add_link(std::move(link), by_a_test);
  EXPECT_TRUE(added);
}

// A link that was quarantined and has one letter.
struct Letters : testing::Test {
  Letters() {
    world.sync({the_link});
    broken = true;
    world.instead = [this](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
      if (broken && asks_for_page(call)) return json_reply(200, "{");
      return std::nullopt;
    };
    EXPECT_TRUE(world.engine->sync_now(core::LinkId{the_link}));
    world.io.pass(hours(3));
    EXPECT_EQ(world.record().status, LinkStatus::quarantined);
    EXPECT_THAT(world.port.model.dead_letters, SizeIs(1));
    at = world.port.model.dead_letters.at(0).at;
  }

  VerifyWorld world;
  bool broken = false;
  core::WallTime at{};
  Outcome outcome;
};

TEST_F(Letters, RetryVisitsAtOnceAndOnlyOnce) {
  broken = false;
  world.io.start(retry(*world.engine, at, outcome));
  ASSERT_TRUE(outcome && *outcome) << (*outcome).error().message;
  EXPECT_EQ(**outcome, LinkStatus::active);
  world.io.pass(minutes(1));
  EXPECT_FALSE(world.observer.cycles.back().error);
  EXPECT_EQ(world.record().status, LinkStatus::active);
  ASSERT_THAT(world.port.model.dead_letters, SizeIs(1)) << "the evidence is kept";
  EXPECT_NE(world.port.model.dead_letters[0].retried_at, core::WallTime{});
  const std::uint64_t commits = world.port.commits;
  world.io.start(retry(*world.engine, at, outcome));
  ASSERT_FALSE(*outcome);
  EXPECT_EQ((*outcome).error().code, Errc::conflict);
  EXPECT_EQ(world.port.commits, commits);
}

// Two operators press the same button.
TEST_F(Letters, TwoRetriesAtOnceAreOne) {
  Outcome second;
  world.port.before_commit = [&] { world.io.group.spawn(retry(*world.engine, at, second)); };
  world.io.start(retry(*world.engine, at, outcome));
  world.io.settle();
  ASSERT_TRUE(outcome && second);
  EXPECT_NE(outcome->has_value(), second->has_value());
  const Outcome& refused = *outcome ? second : outcome;
  EXPECT_EQ((*refused).error().code, Errc::conflict);
}

TEST_F(Letters, DropTakesTheLetterOnce) {
  world.io.start(drop(*world.engine, at, outcome));
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ(**outcome, LinkStatus::quarantined) << "the link is where it was";
  EXPECT_THAT(world.port.model.dead_letters, IsEmpty());
  for (const auto action : {&drop, &retry}) {
    world.io.start(action(*world.engine, at, outcome));
    ASSERT_FALSE(*outcome);
    EXPECT_EQ((*outcome).error().code, Errc::not_found);
  }
}

TEST_F(Letters, OfAPausedLinkIsNotRetried) {
  world.io.start(pause(*world.engine, outcome));
  world.io.start(retry(*world.engine, at, outcome));
  ASSERT_FALSE(*outcome);
  EXPECT_EQ((*outcome).error().code, Errc::conflict);
  EXPECT_EQ(world.port.model.dead_letters.at(0).retried_at, core::WallTime{});
  world.io.start(drop(*world.engine, at, outcome));
  EXPECT_TRUE(*outcome) << "but thrown away";
}

TEST(Repair, IsRefusedWhereItCannotBegin) {
  VerifyWorld world;
  world.sync({the_link});
  Outcome outcome;
  world.record().status = LinkStatus::relink;
  world.io.start(repair(*world.engine, outcome));
  EXPECT_EQ((*outcome).error().code, Errc::conflict);
  world.record().status = LinkStatus::gone;
  world.io.start(repair(*world.engine, outcome));
  EXPECT_EQ((*outcome).error().code, Errc::conflict);
  world.record().status = LinkStatus::active;
  world.record().cursor.reset();
  world.io.start(repair(*world.engine, outcome));
  EXPECT_EQ((*outcome).error().code, Errc::conflict) << "its first drain is under way";
  world.record().cursor = core::Cursor{"e"};
  world.io.start(pause(*world.engine, outcome));
  world.io.start(repair(*world.engine, outcome));
  EXPECT_EQ((*outcome).error().code, Errc::conflict);
}

// A world whose bank answers the first page of a history and then fails.
struct HalfRead : testing::Test {
  HalfRead() {
    world.instead = [this](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
      if (!asks_for_page(call)) return std::nullopt;
      if (cursor_of(call) == "e" && refuses_cursor) return error_reply(400, "api_error.cursor");
      if (cursor_of(call) == "n3" && fails) return error_reply(503, "down");
      return std::nullopt;
    };
  }

  // Neither the place in the history nor what the differences will be called may change.
  void expect_refused(std::string_view reason) {
    ASSERT_EQ(world.record().cursor, core::Cursor{"n3"});
    const std::uint32_t generation = world.record().generation;
    const std::uint64_t commits = world.port.commits;
    world.io.start(repair(*world.engine, outcome));
    ASSERT_TRUE(outcome && !*outcome);
    EXPECT_EQ((*outcome).error().code, Errc::conflict);
    EXPECT_THAT((*outcome).error().message, testing::HasSubstr(reason));
    EXPECT_EQ(world.port.commits, commits);
    EXPECT_EQ(world.record().generation, generation);
    EXPECT_EQ(world.record().cursor, core::Cursor{"n3"});
    EXPECT_FALSE(world.record().repairing);
  }

  void expect_accepted_at_the_end(core::Cause told_as) {
    fails = refuses_cursor = false;
    EXPECT_TRUE(world.engine->sync_now(core::LinkId{the_link}));
    world.io.pass(minutes(3));
    EXPECT_EQ(world.rows().size(), world.truth.size());
    EXPECT_THAT(world.news(), testing::Each(testing::EndsWith(core::to_string(told_as))));
    EXPECT_EQ(world.null_cursor_calls, 1u) << "went on where it was";
    world.io.start(repair(*world.engine, outcome));
    EXPECT_TRUE(outcome && *outcome);
    world.io.pass(minutes(3));
    EXPECT_EQ(world.null_cursor_calls, 2u);
  }

  VerifyWorld world;
  bool fails = true;
  bool refuses_cursor = false;
  Outcome outcome;
};

TEST_F(HalfRead, FirstHistoryIsNotRepaired) {
  world.io.start(register_link(*world.engine));
  world.io.pass(minutes(1));
  expect_refused("for the first time");
  expect_accepted_at_the_end(core::Cause::manual);
}

// Upstream shows no clock that the end of a drain could be known by.
TEST_F(HalfRead, FirstHistoryWithoutAClockIsNotRepaired) {
  world.clock.clear();
  world.io.start(register_link(*world.engine));
  world.io.pass(minutes(1));
  expect_refused("for the first time");
  expect_accepted_at_the_end(core::Cause::manual);
}

// The accounts came alone for a while, and with success; now the feed is granted.
TEST_F(HalfRead, FirstHistoryBehindAccountsIsNotRepaired) {
  world.io.start(register_link(*world.engine));
  world.io.pass(minutes(1));
  world.record().last_success_at = world.io.timers.wall_now();
  expect_refused("for the first time");
}

TEST_F(HalfRead, ResyncIsNotRepaired) {
  fails = false;
  world.sync({the_link});
  fails = refuses_cursor = true;
  EXPECT_TRUE(world.engine->sync_now(core::LinkId{the_link}));
  world.io.pass(minutes(1));
  ASSERT_TRUE(world.record().resync);
  expect_refused("read again already");
  expect_accepted_at_the_end(core::Cause::manual);
}

// Further pages behind a history that was read are no reason to refuse.
TEST_F(HalfRead, OrdinaryDrainIsRepaired) {
  fails = false;
  world.sync({the_link});
  fails = true;
  world.record().cursor = core::Cursor{"n3"};
  world.record().drain.open = true;
  world.record().drain.pages = 1;
  world.record().drain.clock = world.record().transactions_clock;
  world.io.start(repair(*world.engine, outcome));
  EXPECT_TRUE(outcome && *outcome);
  world.io.pass(minutes(1));
  EXPECT_EQ(world.null_cursor_calls, 1u);
}

// One that is under way is not begun again: it would start from the first page each time somebody asks.
TEST(Repair, IsBegunOnce) {
  VerifyWorld world;
  world.sync({the_link});
  world.instead = [](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
    if (asks_for_page(call) && cursor_of(call) == "n3") return error_reply(503, "down");
    return std::nullopt;
  };
  Outcome outcome;
  world.io.start(repair(*world.engine, outcome));
  world.io.pass(minutes(1));
  EXPECT_TRUE(world.record().repairing && world.record().cursor == core::Cursor{"n3"});
  const std::uint32_t generation = world.record().generation;
  world.io.start(repair(*world.engine, outcome));
  EXPECT_TRUE(*outcome);
  EXPECT_EQ(world.record().generation, generation);
  EXPECT_EQ(world.record().cursor, core::Cursor{"n3"});
}

// The replay has ended, the accounts behind it cannot be had: whoever asks again is served.
TEST(RepairByOperator, OneWhoseAccountsFailIsNotTheLast) {
  VerifyWorld world;
  world.sync({the_link});
  bool failing = true;
  world.instead = [&](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
    if (failing && asks_for_accounts(call)) return error_reply(503, "down");
    return std::nullopt;
  };
  Outcome outcome;
  world.io.start(repair(*world.engine, outcome));
  ASSERT_TRUE(outcome && *outcome);
  world.io.pass(std::chrono::seconds(30));
  EXPECT_EQ(world.null_cursor_calls, 1u);
  EXPECT_TRUE(world.record().repairing) << "the accounts are asked again";
  EXPECT_FALSE(world.record().resync);
  world.lose("a");
  failing = false;
  world.io.start(repair(*world.engine, outcome));
  ASSERT_TRUE(outcome && *outcome);
  world.io.pass(minutes(3));
  EXPECT_EQ(world.null_cursor_calls, 2u);
  EXPECT_TRUE(world.rows().contains("a"));
  EXPECT_FALSE(world.record().repairing);
}

TEST(RepairByOperator, OneUnderWayGoesOn) {
  VerifyWorld world({.sync_per_link = 1});
  world.io.start(register_link(*world.engine));
  world.io.pass(minutes(10));
  world.null_cursor_calls = 0;
  Outcome outcome;
  world.io.start(repair(*world.engine, outcome));
  world.io.pass(std::chrono::seconds(1));
  ASSERT_TRUE(world.record().resync);
  const std::uint32_t generation = world.record().generation;
  world.io.start(repair(*world.engine, outcome));
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ(world.record().generation, generation) << "does not begin anew";
  world.io.pass(minutes(5));
  EXPECT_FALSE(world.record().repairing);
  EXPECT_EQ(world.null_cursor_calls, 1u);
}

}  // namespace
}  // namespace syncd::test
