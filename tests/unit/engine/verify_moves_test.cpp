#include <functional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/verify_world.hpp"

// What a verify says when upstream and the copy move while it reads: nothing that is not so.
namespace syncd::test {
namespace {

using core::VerifyReport;
using core::VerifyResult;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// News behind the end of the history, in pages of one row: `b` has changed, seven rows are new.
Answer news_page(const api::HttpCall& call) {
  constexpr int pages = 7;
  const std::string cursor = cursor_of(call);
  if (!asks_for_page(call) || !cursor.starts_with("e")) return std::nullopt;
  const int at = cursor == "e" ? 0 : std::stoi(cursor.substr(1));
  PageText page{.next = fmt::format("e{}", std::min(at + 1, pages)), .more = at + 1 < pages};
  page.link = {.clock = clock_2, .accounts_clock = clock_1};
  if (at < pages) page.created = {posted(fmt::format("t{}", at))};
  if (at == 0) page.updated = {posted("b", "11.00")};
  return json_reply(200, page.json());
}

// ---- rows ----

// Between the reading and the comparison a visit runs out of its link's budget in the middle of its drain.
TEST(VerifyMoves, ACopyInTheMiddleOfADrainIsNotCompared) {
  VerifyWorld world({.sync_per_link = 4});
  world.sync({the_link});
  bool moved = false;
  bool drain_was_open = false;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (asks_for_accounts(call)) {
      moved = true;
      EXPECT_TRUE(world.engine->sync_now(the_id()));
    }
    drain_was_open |= world.record().drain.open && world.record().drain.pages == 3;
    return moved ? news_page(call) : std::nullopt;
  };
  ASSERT_TRUE(world.engine->verify(the_id()));
  world.io.pass(minutes(20));
  ASSERT_TRUE(moved && drain_was_open);
  ASSERT_EQ(world.observer.verifies.size(), 1u);
  EXPECT_EQ(world.observer.verifies[0].result, VerifyResult::incomplete);
  EXPECT_EQ(world.observer.verifies[0].reason, "moved");
}

// Before the reading, after it and behind the last visit upstream says something else of `b`; `x` is damage.
struct TwoRefreshes {
  explicit TwoRefreshes(std::string clock_behind_the_first, std::string clock_behind_the_second) {
    world.clock = clock_behind_the_first.empty() ? "" : clock_1;
    world.sync({the_link});
    world.instead = [this, first = std::move(clock_behind_the_first),
                     second = std::move(clock_behind_the_second)](const api::HttpCall& call) -> Answer {
      if (!asks_for_page(call) || cursor_of(call) != "e") return std::nullopt;
      if (++visits == 1) {
        FakeTransport::Answer now = world.page(the_link, "e");
        world.truth[1] = posted("b", "11.00");
        world.clock = first;
        return now;
      }
      PageText news{.updated = {posted("b", "31.00")}, .next = "e"};
      news.link = {.clock = second, .accounts_clock = clock_1};
      return json_reply(200, news.json());
    };
  }
  VerifyWorld world;
  int visits = 0;
};

TEST(VerifyMoves, ARowThatChangedTwiceHidesNoDamage) {
  TwoRefreshes twice(clock_2, clock_3);
  twice.world.plant("x", posted("x"));
  twice.world.lose("d");
  const VerifyReport report = twice.world.verify();
  EXPECT_EQ(report.result, VerifyResult::mismatch) << report.reason;
  EXPECT_THAT(report.transactions.extra_ids, ElementsAre("x"));
  EXPECT_THAT(report.transactions.missing_ids, ElementsAre("d"));
  EXPECT_EQ(report.transactions.changed, 0u) << "b is as upstream told last";
}

TEST(VerifyMoves, WithoutAClockARowThatChangedTwiceIsNoMismatch) {
  TwoRefreshes twice("", "");
  EXPECT_EQ(twice.world.verify().reason, "moved");
  EXPECT_EQ(twice.visits, 2);
}

TEST(VerifyMoves, WithoutAClockDamageIsFound) {
  TwoRefreshes twice("", "");
  twice.world.plant("x", posted("x"));
  twice.world.plant("p2", pending("p2"), true);
  const VerifyReport report = twice.world.verify();
  EXPECT_EQ(report.result, VerifyResult::mismatch) << report.reason;
  EXPECT_THAT(report.transactions.extra_ids, ElementsAre("p2", "x"));
  EXPECT_EQ(report.transactions.changed, 0u);
}

// The pending set was rebuilt twice: nothing of it is known, but `x` is posted.
TEST(VerifyMoves, PendingRowsAreJudgedByTheClock) {
  VerifyWorld world;
  world.sync({the_link});
  world.plant("x", posted("x"));
  int visits = 0;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (!asks_for_page(call) || cursor_of(call) != "e") return std::nullopt;
    if (++visits == 1) {
      FakeTransport::Answer now = world.page(the_link, "e");
      world.truth.back() = pending("q");
      world.clock = clock_2;
      return now;
    }
    PageText news{.next = "e"};
    news.link = {.clock = clock_3, .accounts_clock = clock_1};
    return json_reply(200, news.json());
  };
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::mismatch) << report.reason;
  EXPECT_THAT(report.transactions.extra_ids, ElementsAre("x"));
  EXPECT_EQ(report.transactions.missing, 0u) << "q came and went";
}

// A server that lags behind answers the reading: what it does not know yet is in the copy already.
TEST(VerifyMoves, AnOldReadingProvesNothing) {
  VerifyWorld world;
  world.sync({the_link});
  world.truth.push_back(posted("late"));
  world.clock = clock_2;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (!asks_for_page(call) || is_reading(call)) return std::nullopt;
    PageText news{.created = {posted("late"), pending("p")}, .next = "e"};
    news.link = {.clock = clock_2, .accounts_clock = clock_1};
    return json_reply(200, news.json());
  };
  ASSERT_TRUE(world.engine->sync_now(the_id()));
  world.io.pass(minutes(3));
  ASSERT_EQ(world.rows().size(), world.truth.size());
  world.truth.pop_back();
  world.clock = clock_1;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (!asks_for_page(call) || is_reading(call)) return std::nullopt;
    PageText quiet{.next = "e"};
    quiet.link = {.clock = clock_2, .accounts_clock = clock_1};
    return json_reply(200, quiet.json());
  };
  EXPECT_EQ(world.verify().reason, "moved");
}

// Likewise when it answers the visit behind the reading.
TEST(VerifyMoves, AVisitThatLagsBehindProvesNothing) {
  VerifyWorld world;
  world.sync({the_link});
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (!asks_for_page(call)) return std::nullopt;
    if (is_reading(call)) {
      world.clock = clock_2;
      world.truth[1] = posted("b", "11.00");
      return std::nullopt;
    }
    PageText quiet{.next = "e"};
    quiet.link = {.clock = clock_1, .accounts_clock = clock_1};
    return json_reply(200, quiet.json());
  };
  EXPECT_EQ(world.verify().reason, "moved");
}

// A repair in between replays the history: what it wrote is not older than the reading.
TEST(VerifyMoves, AResyncMeanwhileIsWaitedFor) {
  VerifyWorld world;
  world.sync({the_link});
  world.plant("x", posted("x"));
  bool refused = false;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (asks_for_accounts(call)) {
      world.record().cursor.reset();
      world.record().resync = true;
      ++world.record().generation;
      refused = true;
    }
    return std::nullopt;
  };
  const VerifyReport report = world.verify();
  EXPECT_TRUE(refused);
  EXPECT_EQ(report.result, VerifyResult::match) << report.reason << " the replay removed it";
  EXPECT_FALSE(world.rows().contains("x"));
  EXPECT_FALSE(world.record().resync);
}

// ---- accounts ----

FakeTransport::Answer accounts_answer(const std::string& json, const std::string& clock) {
  const LinkText link{.accounts_clock = clock};
  return json_reply(200, fmt::format(R"({{"accounts":[{}],"link":{}}})", json, link.json()));
}

// A visit brings a balance of the next refresh with its page and cannot pull the accounts yet.
TEST(VerifyMoves, AccountsAreJudgedByTheClockOfThatComparison) {
  VerifyWorld world({.accounts_per_link = 1});
  world.sync({the_link});
  bool asked = false;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (!asks_for_accounts(call) || asked) return std::nullopt;
    asked = true;
    FakeTransport::Answer now = world.answer(call);
    world.truth_accounts = {account("acc_1", "2.00")};
    world.accounts_clock = clock_2;
    EXPECT_TRUE(world.engine->sync_now(the_id()));
    return now;
  };
  const VerifyReport report = world.verify();
  EXPECT_TRUE(asked);
  EXPECT_EQ(report.result, VerifyResult::incomplete);
  EXPECT_EQ(report.reason, "moved");
  EXPECT_FALSE(report.accounts.any());
}

// Nothing tells news from damage; the pull of the visit has made them new in any case.
TEST(VerifyMoves, AccountsWithoutAClockThatGoOnChangingAreNotJudged) {
  VerifyWorld world;
  world.accounts_clock = "";
  world.sync({the_link});
  int pulls = 0;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (asks_for_accounts(call)) world.truth_accounts = {account("acc_1", fmt::format("{}.00", ++pulls))};
    return std::nullopt;
  };
  const VerifyReport report = world.verify();
  EXPECT_GE(pulls, 3);
  EXPECT_EQ(report.result, VerifyResult::incomplete);
  EXPECT_EQ(report.reason, "moved");
}

TEST(VerifyMoves, AccountsThatChangedOnceWithoutAClockMatch) {
  VerifyWorld world;
  world.accounts_clock = "";
  world.sync({the_link});
  int pulls = 0;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (asks_for_accounts(call) && ++pulls == 2) world.truth_accounts = {account("acc_1", "2.00")};
    return std::nullopt;
  };
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::match) << report.reason;
  EXPECT_TRUE(report.accounts_compared);
}

// The copy does not get there: what differs may be news, and that is no match.
TEST(VerifyMoves, DifferingAccountsOfAnotherClockAreNoMatch) {
  VerifyWorld world;
  world.sync({the_link});
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (!asks_for_accounts(call)) return std::nullopt;
    return accounts_answer(account("acc_1", "9.00"), clock_2);
  };
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::incomplete);
  EXPECT_EQ(report.reason, "moved");
}

// Answers before and behind it show the same clock, but this one may be of a server that lags behind.
TEST(VerifyMoves, AnAccountsAnswerWithoutTheClockProvesNothing) {
  VerifyWorld world;
  world.sync({the_link});
  // The embedded accounts are now the ones that were applied last: they are not compared again.
  EXPECT_EQ(world.verify().result, VerifyResult::match);
  world.port.model.accounts[the_id()]["acc_1"].json = account("acc_1", "5.00");
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (!asks_for_accounts(call)) return std::nullopt;
    return accounts_answer(account("acc_1"), "");
  };
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::incomplete);
  EXPECT_EQ(report.reason, "moved");
}

// The feed is granted while the accounts are read: it was not read, and its rows are not compared.
TEST(VerifyMoves, AProductThatIsGrantedMeanwhileIsNotCompared) {
  VerifyWorld world;
  world.sync({the_link});
  world.record().transactions_forbidden = true;
  world.record().refused_retry_at = world.io.timers.wall_now() + minutes(60);
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (asks_for_accounts(call) && world.record().transactions_forbidden && !world.observer.cycles.empty() &&
        world.engine->status().in_flight == 0)
      world.record().transactions_forbidden = false;
    return std::nullopt;
  };
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::incomplete);
  EXPECT_EQ(report.reason, "moved");
  EXPECT_FALSE(report.transactions.any());
}

// ---- a waiting visit ----

// A link whose visit waits for its budget with a cause of its own is not visited earlier for being claimed.
TEST(VerifyMoves, AClaimBringsNoVisitForward) {
  VerifyWorld world({.sync_per_link = 4});
  world.sync({the_link});
  bool moved = false;
  std::size_t cycles = 0;
  world.instead = [&](const api::HttpCall& call) -> Answer {
    if (cursor_of(call) == "n3" && !moved) {
      moved = true;
      EXPECT_TRUE(world.engine->sync_now(the_id()));
      cycles = world.observer.cycles.size();
    }
    return moved ? news_page(call) : std::nullopt;
  };
  ASSERT_TRUE(world.engine->verify(the_id()));
  while (!moved)
    world.io.pass(seconds(1));
  const std::size_t accounts_before = world.transport.count("/accounts");
  world.io.pass(seconds(20));
  ASSERT_GT(world.transport.count("/accounts"), accounts_before) << "it was claimed meanwhile";
  ASSERT_EQ(world.observer.cycles.size(), cycles + 1);
  EXPECT_EQ(world.observer.cycles.back().cause, core::Cause::manual);
  EXPECT_TRUE(world.observer.cycles.back().yielded);
  world.io.pass(minutes(3));
  EXPECT_TRUE(world.rows().contains("t6")) << "it came to its end";
}

}  // namespace
}  // namespace syncd::test
