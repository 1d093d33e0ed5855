#include "sync/engine/verify.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/verify_world.hpp"

namespace syncd::test {
namespace {

using core::VerifyReport;
using core::VerifyResult;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

api::Task<void> repair(engine::Engine& engine, api::SteadyTime deadline,
                       std::optional<core::CycleReport>& report) {
  core::LinkId link_id{the_link};
  const auto begun = co_await engine.repair(link_id, by_a_test);
  EXPECT_TRUE(begun);
  report = co_await engine.wait_for_repair(std::move(link_id), deadline);
}

TEST(Verify, OfASoundLinkFindsNothingAndWritesNothing) {
  VerifyWorld world;
  world.sync({the_link});
  const auto rows = world.rows();
  const std::uint64_t commits = world.port.commits;
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::match) << report.reason << report.detail;
  EXPECT_TRUE(report.transactions_compared && report.accounts_compared);
  EXPECT_EQ(report.rows, 5u);
  EXPECT_EQ(report.pages, 2u);
  EXPECT_EQ(report.requests, 3u);
  EXPECT_FALSE(report.by_audit);
  EXPECT_EQ(world.rows(), rows);
  EXPECT_THAT(world.news(), IsEmpty());
  EXPECT_EQ(world.port.commits, commits + 1) << "of the one ordinary visit";
  EXPECT_EQ(world.record().cursor, core::Cursor{"e"});
  EXPECT_THAT(world.port.notes.at("verify/mk_1"), HasSubstr(" 1 0 0 0 0 0 0 5 3 "));
}

TEST(Verify, FindsPlantedDamageExactlyAndRepairCorrectsExactlyThat) {
  VerifyWorld world;
  world.sync({the_link});
  world.lose("a");
  world.plant("b", posted("b", "666.00"));
  world.plant("x", posted("x"));
  world.plant("p2", pending("p2"), true);
  const auto damaged = world.rows();
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::mismatch);
  EXPECT_THAT(report.transactions.missing_ids, ElementsAre("a"));
  EXPECT_THAT(report.transactions.changed_ids, ElementsAre("b"));
  EXPECT_THAT(report.transactions.extra_ids, ElementsAre("p2", "x"));
  EXPECT_FALSE(report.accounts.any());
  EXPECT_EQ(world.rows(), damaged) << "verify never writes";
  EXPECT_THAT(world.news(), IsEmpty());

  std::optional<core::CycleReport> cycle;
  world.io.start(repair(*world.engine, world.io.timers.steady_now() + minutes(10), cycle));
  world.io.pass(minutes(5));
  ASSERT_TRUE(cycle);
  EXPECT_FALSE(cycle->error);
  EXPECT_EQ(cycle->created, 1u);
  EXPECT_EQ(cycle->updated, 1u);
  EXPECT_EQ(cycle->removed, 2u);
  EXPECT_THAT(world.news(),
              testing::UnorderedElementsAre("transaction.created a verify", "transaction.updated b verify",
                                            "transaction.removed p2 verify", "transaction.removed x verify"));
  EXPECT_FALSE(world.record().repairing);
  world.io.pass(minutes(3));
  EXPECT_EQ(world.verify().result, VerifyResult::match);
}

TEST(Verify, FindsDamagedAccountsUnderTheClockOfTheirPull) {
  VerifyWorld world;
  world.sync({the_link});
  // The embedded accounts are now the ones that were applied last: they are not compared again.
  EXPECT_EQ(world.verify().result, VerifyResult::match);
  world.port.model.accounts[the_id()]["acc_1"].json = account("acc_1", "5.00");
  world.port.model.accounts[the_id()]["acc_9"] = {.account_id = "acc_9", .json = account("acc_9")};
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::mismatch) << report.reason;
  EXPECT_THAT(report.accounts.changed_ids, ElementsAre("acc_1"));
  EXPECT_THAT(report.accounts.extra_ids, ElementsAre("acc_9"));
  EXPECT_FALSE(report.transactions.any());
}

// Nothing says how old the stored accounts are: a pull of the visit makes them new before they are compared.
TEST(Verify, AccountsWithoutAClockArePulledFirst) {
  VerifyWorld world;
  world.accounts_clock = "";
  world.sync({the_link});
  world.truth_accounts = {account("acc_1", "42.00"), account("acc_2")};
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::match) << report.accounts.changed << report.reason;
  EXPECT_TRUE(report.accounts_compared);
}

// ---- upstream moves ----

// Calls `move` when the second page of the second reading is asked for.
void move_while_read(VerifyWorld& world, std::function<void()> move) {
  world.instead = [move = std::move(move)](const api::HttpCall& call) mutable {
    if (asks_for_page(call) && cursor_of(call) == "n3" && move) std::exchange(move, nullptr)();
    return std::optional<FakeTransport::Answer>{};
  };
}

TEST(Verify, ARefreshMeanwhileIsNoMismatch) {
  VerifyWorld world;
  world.sync({the_link});
  int visits = 0;
  world.instead = [&](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
    if (!asks_for_page(call)) return std::nullopt;
    if (cursor_of(call) != "e") return std::nullopt;
    ++visits;
    if (visits == 1) {
      // Behind this visit upstream rebuilds its pending rows and changes a row.
      FakeTransport::Answer now = world.page(the_link, "e");
      world.truth = {posted("a"), posted("b", "11.00"), posted("c"), posted("d"), pending("q")};
      world.clock = clock_2;
      return now;
    }
    PageText news{.created = {pending("q")}, .updated = {posted("b", "11.00")}, .next = "e"};
    news.link = {.clock = clock_2, .accounts_clock = clock_1};
    return json_reply(200, news.json());
  };
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::match) << report.reason;
  EXPECT_EQ(visits, 2) << "what differed was looked at again";
  EXPECT_THAT(world.news(), testing::UnorderedElementsAre("transaction.created q schedule",
                                                          "transaction.updated b schedule",
                                                          "transaction.removed p schedule"));
}

TEST(Verify, TwoRefreshesMeanwhileSayNothing) {
  VerifyWorld world;
  world.sync({the_link});
  int visits = 0;
  world.instead = [&](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
    if (!asks_for_page(call) || cursor_of(call) != "e") return std::nullopt;
    FakeTransport::Answer now = world.page(the_link, "e");
    ++visits;
    world.truth[1] = posted("b", std::to_string(visits) + "1.00");
    world.clock = clock_2;
    if (visits == 1) return now;
    PageText news{.updated = {posted("b", "31.00")}, .next = "e"};
    news.link = {.clock = clock_3, .accounts_clock = clock_1};
    return json_reply(200, news.json());
  };
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::incomplete);
  EXPECT_EQ(report.reason, "moved");
}

TEST(Verify, ARefreshBetweenItsPagesHidesNothingThatNoVisitNamed) {
  VerifyWorld world;
  world.sync({the_link});
  world.plant("x", posted("x"));
  move_while_read(world, [&] { world.clock = clock_2; });
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.result, VerifyResult::mismatch) << report.reason;
  EXPECT_THAT(report.transactions.extra_ids, ElementsAre("x"));
  EXPECT_FALSE(report.transactions.missing + report.transactions.changed > 0);
}

// ---- every way to end without a verdict ----

TEST(Verify, AnAnswerThatMustNotBeBelievedIsToldAndNotRecorded) {
  struct Case {
    const char* name;
    std::function<FakeTransport::Answer()> answer;
    const char* reason;
  };
  const auto page = [](PageText text) { return json_reply(200, text.json()); };
  const Case cases[] = {
      {"no JSON", [] { return json_reply(200, "{"); }, "protocol"},
      {"another link", [&] { return page({.link = {.id = "mk_2"}}); }, "protocol"},
      {"no cursor", [&] { return page({.next = "", .more = true}); }, "protocol"},
      {"a repeated cursor", [&] { return page({.next = "n3", .more = true}); }, "protocol"},
      {"a server error", [] { return error_reply(503, "down"); }, "server"},
      {"no link", [] { return error_reply(404, "link_error.not_found"); }, "gone"},
      {"no access", [] { return error_reply(403, "link_error.forbidden_action"); }, "forbidden"},
      {"an outage", [&] { return page({.link = {.state = "error", .error_code = "institution_error"}}); },
       "status"},
      {"a link that waits", [&] { return page({.link = {.state = "error", .error_code = "auth_expired"}}); },
       "status"},
  };
  for (const Case& test : cases) {
    SCOPED_TRACE(test.name);
    VerifyWorld world;
    world.sync({the_link});
    world.instead = [&](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
      if (asks_for_page(call) && cursor_of(call) == "n3") return test.answer();
      return std::nullopt;
    };
    const VerifyReport report = world.verify();
    EXPECT_EQ(report.result, VerifyResult::incomplete);
    EXPECT_EQ(report.reason, test.reason) << report.detail;
    EXPECT_EQ(world.record().status, core::LinkStatus::active);
    EXPECT_EQ(world.record().protocol_failures, 0u);
    EXPECT_THAT(world.port.model.dead_letters, IsEmpty());
    EXPECT_FALSE(world.observer.auth_refused);
  }
}

TEST(Verify, RefusedCredentialsAreTheServicesIncident) {
  VerifyWorld world;
  world.sync({the_link});
  world.instead = [&](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
    if (asks_for_page(call) && cursor_of(call) == "n3")
      return error_reply(401, "api_error.auth.unauthorized");
    return std::nullopt;
  };
  EXPECT_EQ(world.verify().reason, "auth");
  EXPECT_TRUE(world.observer.auth_refused);
}

TEST(Verify, AFailedVisitEndsIt) {
  VerifyWorld world;
  world.sync({the_link});
  world.instead = [&](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
    if (asks_for_page(call)) return error_reply(503, "down");
    return std::nullopt;
  };
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.reason, "server");
  EXPECT_EQ(world.null_cursor_calls, 0u);
  EXPECT_EQ(world.record().status, core::LinkStatus::backoff) << "as any visit does";
}

TEST(Verify, LargerAnswersThanAllowedAreAskedForInParts) {
  VerifyWorld world;
  world.sync({the_link});
  std::vector<std::string> sizes;
  world.instead = [&](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
    if (!asks_for_page(call) || cursor_of(call) == "e") return std::nullopt;
    const std::size_t at = call.target.find("size=") + 5;
    sizes.push_back(call.target.substr(at, call.target.find('&', at) - at));
    if (sizes.size() > 2) return std::nullopt;
    const core::Error error{.code = core::Errc::protocol, .message = "too large", .too_large = true};
    return std::unexpected(api::TransportError{.error = error});
  };
  EXPECT_EQ(world.verify().result, VerifyResult::match);
  EXPECT_THAT(sizes, ElementsAre("500", "250", "125", "125"));
}

TEST(Verify, ALinkWithTooManyRowsIsNotEvenRead) {
  VerifyWorld world;
  world.sync({the_link});
  world.record().counts.transactions = core::verify_rows_max + 1;
  EXPECT_EQ(world.verify().reason, "too_large");
  EXPECT_EQ(world.null_cursor_calls, 0u);
}

TEST(Verify, ALinkThatIsPausedMeanwhileIsLeftAlone) {
  VerifyWorld world;
  world.sync({the_link});
  move_while_read(world, [&] { world.io.group.spawn(pause(*world.engine)); });
  const VerifyReport report = world.verify();
  EXPECT_EQ(report.reason, "status");
  EXPECT_EQ(world.record().status, core::LinkStatus::paused);
  EXPECT_FALSE(world.engine->status().next_due_at) << "it is back in no schedule";
  const auto again = world.engine->verify(the_id());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, core::Errc::conflict);
  EXPECT_EQ(world.engine->verify(core::LinkId{"mk_9"}).error().code, core::Errc::not_found);
}

TEST(Verify, AStopGivesItUp) {
  VerifyWorld world;
  world.sync({the_link});
  bool asked = false;
  move_while_read(world, [&] {
    asked = true;
    world.io.group.spawn(world.engine->stop(world.io.timers.steady_now()));
  });
  ASSERT_TRUE(world.engine->verify(the_id()));
  world.io.pass(minutes(1));
  EXPECT_TRUE(asked);
  EXPECT_THAT(world.observer.verifies, IsEmpty());
  EXPECT_FALSE(world.port.notes.contains("verify/mk_1"));
}

// ---- beside ordinary visits ----

// Its own budget is small: between the pages of the verify, the link is visited when it is due, and once
// asked.
TEST(Verify, VisitsOfTheLinkGoOnBetweenItsRequests) {
  VerifyWorld world({.sync_per_link = 4});
  for (int i = 0; i < 40; ++i)
    world.truth.push_back(posted("t" + std::to_string(i)));
  world.io.start(add(*world.engine));
  world.io.pass(minutes(20));
  ASSERT_EQ(world.rows().size(), world.truth.size());
  ASSERT_TRUE(world.engine->verify(the_id()));
  world.io.pass(minutes(2));
  ASSERT_THAT(world.observer.verifies, IsEmpty()) << "15 pages at two a minute";
  const std::size_t cycles = world.observer.cycles.size();
  ASSERT_TRUE(world.engine->sync_now(the_id()));
  world.io.pass(seconds(61));
  EXPECT_GT(world.observer.cycles.size(), cycles);
  EXPECT_EQ(world.observer.cycles.back().cause, core::Cause::manual);
  world.io.pass(minutes(20));
  ASSERT_EQ(world.observer.verifies.size(), 1u);
  EXPECT_EQ(world.observer.verifies[0].result, VerifyResult::match) << world.observer.verifies[0].reason;
}

TEST(Verify, GivesUpWhenOthersNeedTheBudget) {
  VerifyWorld world({.sync_per_app = 20});
  world.sync({the_link});
  // Somebody keeps more than half of the budget busy.
  const core::LinkId other{"mk_other"};
  const auto busy = [&](int quarters) {
    for (; quarters > 0; --quarters) {
      for (int i = 0; i < 3; ++i)
        EXPECT_TRUE(world.gate.try_take(core::Endpoint::sync, other, core::Cause::schedule));
      world.io.pass(seconds(15));
    }
  };
  busy(5);
  const std::size_t calls = world.transport.calls().size();
  ASSERT_TRUE(world.engine->verify(the_id()));
  busy(46);
  ASSERT_EQ(world.observer.verifies.size(), 1u);
  EXPECT_EQ(world.observer.verifies[0].reason, "budget");
  EXPECT_EQ(world.transport.calls().size(), calls) << "nor was it visited";
}

// A crash takes the requests of one more cycle for sent: a minute has no more of them than that.
TEST(Verify, SpacesItsRequests) {
  VerifyWorld world({.sync_per_app = 100'000, .sync_per_link = 100'000});
  for (int i = 0; i < 600; ++i)
    world.truth.push_back(posted("t" + std::to_string(i)));
  world.sync({the_link});
  ASSERT_TRUE(world.engine->verify(the_id()));
  world.io.pass(seconds(1));
  const std::size_t before = world.transport.calls().size();
  world.io.pass(seconds(60));
  EXPECT_LE(world.transport.calls().size() - before, 51u);
  EXPECT_GE(world.transport.calls().size() - before, 40u);
}

// ---- asked for by people ----

api::Task<void> ask(engine::Engine& engine, std::string link_id, api::SteadyTime deadline,
                    std::optional<core::Result<engine::VerifyState>>& state) {
  core::LinkId link{std::move(link_id)};
  state = co_await engine.verify_state(std::move(link), deadline);
}

TEST(Verifier, TellsWhereAVerifyStandsAndWhatItFound) {
  using enum engine::VerifyState::Phase;
  VerifyWorld world;
  world.sync({"mk_1", "mk_2"});
  std::optional<core::Result<engine::VerifyState>> state;
  world.io.start(ask(*world.engine, "mk_1", {}, state));
  EXPECT_EQ((**state).phase, never);
  ASSERT_TRUE(world.engine->verify(core::LinkId{"mk_1"}));
  ASSERT_TRUE(world.engine->verify(core::LinkId{"mk_2"}));
  ASSERT_TRUE(world.engine->verify(core::LinkId{"mk_2"})) << "joins";
  world.io.settle();
  world.io.start(ask(*world.engine, "mk_1", {}, state));
  EXPECT_EQ((**state).phase, running);
  world.io.start(ask(*world.engine, "mk_2", {}, state));
  EXPECT_EQ((**state).phase, waiting);
  state.reset();
  world.io.start(ask(*world.engine, "mk_2", world.io.timers.steady_now() + hours(1), state));
  EXPECT_FALSE(state) << "it waits for the end";
  world.io.pass(minutes(5));
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((**state).phase, done);
  EXPECT_EQ((**state).report->result, VerifyResult::match);
  EXPECT_EQ(world.observer.verifies.size(), 2u);
}

TEST(Verifier, HasABoundForThoseThatWait) {
  VerifyWorld world;
  std::vector<std::string> ids;
  for (int i = 0; i < 70; ++i)
    ids.push_back("mk_" + std::to_string(i));
  world.sync(ids);
  std::size_t taken = 0;
  while (taken < ids.size() && world.engine->verify(core::LinkId{ids[taken]}))
    ++taken;
  EXPECT_GE(taken, engine::Verifier::line_max);
  EXPECT_LE(taken, engine::Verifier::line_max + 1);
}

TEST(Verifier, KnowsTheLastResultAfterARestart) {
  VerifyWorld world;
  world.sync({the_link});
  world.port.notes["verify/mk_1"] = "v1 1700000000000 2 1 0 0 0 0 0 9 3 ";
  std::optional<core::Result<engine::VerifyState>> state;
  world.io.start(ask(*world.engine, the_link, {}, state));
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((**state).phase, engine::VerifyState::Phase::done);
  EXPECT_EQ((**state).report->transactions.missing, 1u);
}

// ---- the rolling audit ----

std::vector<std::string> audited(const VerifyWorld& world) {
  std::vector<std::string> ids;
  for (const VerifyReport& report : world.observer.verifies) {
    EXPECT_TRUE(report.by_audit);
    ids.push_back(report.link_id.str());
  }
  return ids;
}

TEST(Audit, VisitsEveryActiveLinkOncePerIntervalInTheOrderOfKeys) {
  VerifyWorld world({}, {.verify_interval = hours(3)});
  world.sync({"mk_1", "mk_2", "mk_3"});
  world.io.pass(minutes(54));
  EXPECT_THAT(audited(world), IsEmpty()) << "a pace of one hour";
  world.io.pass(minutes(144));
  EXPECT_THAT(audited(world), ElementsAre("mk_1", "mk_2", "mk_3"));
  world.io.pass(hours(3));
  EXPECT_THAT(audited(world), ElementsAre("mk_1", "mk_2", "mk_3", "mk_1", "mk_2", "mk_3"));
}

TEST(Audit, PassesOverLinksThatCannotBeAsked) {
  VerifyWorld world({}, {.verify_interval = hours(2)});
  world.sync({"mk_1", "mk_2"});
  world.io.start(pause(*world.engine));
  world.io.pass(minutes(270));
  EXPECT_THAT(audited(world), ElementsAre("mk_2", "mk_2"));
}

TEST(Audit, GoesOnAfterARestartWhereItWas) {
  VerifyWorld::Notes notes;
  {
    VerifyWorld world({}, {.verify_interval = hours(3)});
    world.sync({"mk_1", "mk_2", "mk_3"});
    world.io.pass(minutes(126));
    EXPECT_THAT(audited(world), ElementsAre("mk_1", "mk_2"));
    notes = world.port.notes;
  }
  VerifyWorld world({}, {.verify_interval = hours(3)}, notes);
  world.sync({"mk_1", "mk_2", "mk_3"});
  world.io.pass(minutes(132));
  EXPECT_THAT(audited(world), ElementsAre("mk_3", "mk_1")) << "not from the start";
}

TEST(Audit, IsOffWithoutAnInterval) {
  VerifyWorld world;
  world.sync({the_link});
  world.io.pass(hours(6));
  EXPECT_THAT(world.observer.verifies, IsEmpty());
  EXPECT_EQ(world.null_cursor_calls, 0u);
  core::Policy policy;
  policy.verify_interval = hours(1);
  world.engine->set_policy(policy);
  world.io.pass(hours(2));
  EXPECT_FALSE(world.observer.verifies.empty()) << "a reload turns it on";
}

}  // namespace
}  // namespace syncd::test
