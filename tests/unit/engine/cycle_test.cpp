#include "sync/engine/cycle.hpp"

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/api/fake_upstream.hpp"
#include "tests/unit/core/one_link.hpp"
#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {
namespace {

using core::Errc;
using core::LinkStatus;
using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;

// The one link's store behind the port.
class LinkInStore final : public engine::StorePort {
 public:
  explicit LinkInStore(OneLinkStore& store) : store_(store) {}
  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId) override {
    co_return std::optional<core::LinkRecord>(store_.record);
  }
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) override {
    co_return store_.lookup(request);
  }
  api::Task<core::Result<void>> commit(core::LinkUpdate update) override {
    store_.apply(update);
    co_return core::Result<void>{};
  }
  api::Task<core::Result<void>> record_act(core::AuditNote) override { co_return core::Result<void>{}; }
  api::Task<core::Result<void>> put_freeze(core::GateFreeze) override { co_return core::Result<void>{}; }
  bool healthy() const override { return true; }

 private:
  OneLinkStore& store_;
};

std::string parameter(const api::HttpCall& call, std::string_view name) {
  const std::size_t at = call.target.find(name);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size();
  return call.target.substr(begin, call.target.find('&', begin) - begin);
}

FakeTransport::Answer page_reply(const PageText& text) {
  return json_reply(200, text.json());
}
FakeTransport::Answer link_reply(const LinkText& text) {
  return json_reply(200, text.json());
}
FakeTransport::Answer accounts_reply(const LinkText& link = {}) {
  return json_reply(200, fmt::format(R"({{"accounts":[{}],"link":{}}})", account("acc_1"), link.json()));
}
FakeTransport::Answer too_large() {
  const core::Error error{.code = Errc::protocol, .message = "body larger than allowed", .too_large = true};
  return std::unexpected(api::TransportError{.error = error});
}

// Cycles of one link that was synced at `last` before the test begins, its accounts included.
struct CycleTest : testing::Test {
  CycleTest() {
    visit();
    EXPECT_EQ(record().status, LinkStatus::active);
    EXPECT_EQ(record().cursor->text, "c1");
    forget_calls();
  }

  FakeTransport::Answer answer(const api::HttpCall& call) {
    if (call.target.find("/transactions/sync") != std::string::npos) {
      ++sync_calls;
      sizes.push_back(parameter(call, "size="));
      return sync(parameter(call, "cursor="));
    }
    const bool of_accounts = call.target.ends_with("/accounts");
    ++(of_accounts ? accounts_calls : link_calls);
    return of_accounts ? accounts() : link();
  }

  api::Task<void> run(core::Cause cause, std::optional<engine::CycleOutcome>& outcome) {
    const engine::CycleContext context{.timers = io.timers,
                                       .upstream = upstream,
                                       .gate = gate,
                                       .store = port,
                                       .policy = one.policy,
                                       .stopping = stopping,
                                       .news = news,
                                       .planner = plans ? &planner : nullptr};
    const core::LinkId link_id{the_link};
    outcome = co_await engine::run_cycle(context, link_id, cause);
  }

  core::CycleReport visit(core::Cause cause = core::Cause::schedule) {
    io.pass(minutes(2));  // the budgets of the visit before are free again
    std::optional<engine::CycleOutcome> outcome;
    io.start(run(cause, outcome));
    io.pass(minutes(2));
    EXPECT_TRUE(outcome);
    return outcome ? outcome->report : core::CycleReport{};
  }

  void forget_calls() {
    sync_calls = accounts_calls = link_calls = 0;
    sizes.clear();
  }
  const core::LinkRecord& record() const { return one.store.record; }

  VirtualIo io;
  OneLink one;
  LinkInStore port{one.store};
  bool stopping = false;
  bool plans = false;  // by the adaptive policy
  std::shared_ptr<core::VisitNews> news;
  core::VisitPlanner planner{core::FreshnessPolicy{}};
  std::function<FakeTransport::Answer(const std::string& cursor)> sync = [](const std::string&) {
    return page_reply({.created = {posted("t1")}, .next = "c1"});
  };
  std::function<FakeTransport::Answer()> accounts = [] { return accounts_reply(); };
  std::function<FakeTransport::Answer()> link = [] { return link_reply({}); };
  int sync_calls = 0, accounts_calls = 0, link_calls = 0;
  std::vector<std::string> sizes;  // of the sync calls
  FakeTransport transport{[this](const api::HttpCall& call) { return answer(call); }};
  api::RateGate gate{io.timers, {}};
  api::MoneykitApi upstream{transport, gate, io.timers, {}, [](const core::HttpReport&) {}};
};

// ---- a 422 that does not say what the state is ----

TEST_F(CycleTest, StateWithoutACodeIsReadFromTheLink) {
  for (const char* code : {"link_error.bad_state", "link_error.new_word"}) {
    sync = [code](const std::string&) { return error_reply(422, code); };
    // The unknown word may be about the cursor, too: the link is asked in either case.
    link = [] { return link_reply({.state = "error", .error_code = "auth_expired"}); };
    visit();
    EXPECT_EQ(record().status, LinkStatus::relink) << code;
    EXPECT_EQ(one.store.relink->reason, "auth_expired");
    EXPECT_EQ(link_calls, 1);
    forget_calls();
    sync = [](const std::string&) { return page_reply({.next = "c1"}); };
    link = [] { return link_reply({}); };
    visit();
    EXPECT_EQ(record().status, LinkStatus::active);
    forget_calls();
  }
}

TEST_F(CycleTest, StateWithoutACodeOfAConnectedLinkBacksOff) {
  sync = [](const std::string&) { return error_reply(422, "link_error.bad_state"); };
  const auto report = visit();
  EXPECT_EQ(link_calls, 1);
  EXPECT_EQ(report.error->code, Errc::upstream_state);
  EXPECT_EQ(record().status, LinkStatus::backoff);
  EXPECT_EQ(record().cursor->text, "c1");
}

TEST_F(CycleTest, StateWithoutACodeIsReadFromTheLinkForAccountsToo) {
  one.store.record.accounts_wanted = true;
  accounts = [] { return error_reply(422, "link_error.bad_state"); };
  link = [] { return link_reply({.state = "error", .error_code = "invalid_credentials"}); };
  visit();
  EXPECT_EQ(link_calls, 1);
  EXPECT_EQ(one.store.relink->reason, "invalid_credentials");
}

// ---- a cursor that upstream does not accept ----

struct Form {
  int status;
  const char* body;
};
constexpr Form rejections[] = {
    {400, R"({"error_code":"api_error.cursor.invalid"})"},
    {422, R"({"error_code":"api_error.request.validation_failed","validation_errors":[]})"},
    {404, R"({"error_code":"api_error.not_found"})"},
    {404, R"({"error_code":"link_error.not_found"})"},
    {410, R"({"error_code":"cursor_error.expired"})"},
    {400, R"({"detail":"bad cursor"})"},
    {404, R"({"detail":"Not Found"})"},
    {410, R"({"message":"gone"})"},
    {422, R"({"detail":[{"loc":["query","cursor"],"msg":"unknown","type":"value_error"}]})"},
};

TEST_F(CycleTest, RejectedCursorOfALinkThatLivesStartsTheHistoryOver) {
  one.policy.resyncs_per_day_max = 100;
  int number = 0;
  for (const Form& form : rejections) {
    SCOPED_TRACE(std::to_string(form.status) + ' ' + form.body);
    const std::string fresh = "n" + std::to_string(++number);
    sync = [&](const std::string& cursor) {
      if (!cursor.empty()) return FakeTransport::Answer(json_reply(form.status, form.body));
      return page_reply({.created = {posted("t1"), posted("t2")}, .next = fresh});
    };
    const auto report = visit();
    EXPECT_TRUE(report.resync_started);
    EXPECT_FALSE(report.error);
    EXPECT_EQ(link_calls, 1);
    EXPECT_EQ(record().status, LinkStatus::active);
    EXPECT_EQ(record().cursor->text, fresh);
    EXPECT_EQ(record().protocol_failures, 0u);
    forget_calls();
  }
  EXPECT_THAT(one.visible(), ElementsAre("t1", "t2"));
}

TEST_F(CycleTest, RejectedCursorIsNotBelievedWhenTheLinkSaysMore) {
  sync = [](const std::string&) { return FakeTransport::Answer(json_reply(422, R"({"detail":[]})")); };
  link = [] { return link_reply({.state = "error", .error_code = "institution_error"}); };
  visit();
  EXPECT_EQ(record().status, LinkStatus::backoff);
  EXPECT_EQ(record().cursor->text, "c1");
  link = [] { return error_reply(503, "down"); };
  visit();
  EXPECT_EQ(record().cursor->text, "c1");
  link = [] { return error_reply(404, "link_error.not_found"); };
  visit();
  EXPECT_EQ(record().status, LinkStatus::gone);
  EXPECT_EQ(record().cursor->text, "c1");
}

TEST_F(CycleTest, RejectedCursorBySomethingInFrontOfUpstreamIsKept) {
  sync = [](const std::string&) {
    api::HttpReply reply = json_reply(404, "<html>");
    reply.json = false;
    return FakeTransport::Answer(std::move(reply));
  };
  const auto report = visit();
  EXPECT_EQ(report.error->code, Errc::server);
  EXPECT_EQ(link_calls, 0);
  EXPECT_EQ(record().cursor->text, "c1");
}

TEST_F(CycleTest, RejectedCursorsAreLimitedPerDay) {
  one.policy.resyncs_per_day_max = 1;
  sync = [](const std::string& cursor) {
    if (!cursor.empty()) return error_reply(404, "api_error.not_found");
    return json_reply(200, PageText{.created = {posted("t1")}, .next = "n1"}.json());
  };
  EXPECT_TRUE(visit().resync_started);
  const auto report = visit();
  EXPECT_FALSE(report.resync_started);
  EXPECT_EQ(record().protocol_failures, 1u);
  EXPECT_EQ(record().cursor->text, "n1");
}

// Without a cursor there is nothing to reject.
TEST_F(CycleTest, AFeedThatIsNotFoundFromTheStartIsAProtocolError) {
  sync = [](const std::string&) { return error_reply(404, "link_error.not_found"); };
  const auto report = visit();
  EXPECT_TRUE(report.resync_started);
  EXPECT_EQ(report.error->code, Errc::protocol);
  EXPECT_EQ(record().protocol_failures, 1u);
}

// ---- answers that are too large (J-8) ----

TEST_F(CycleTest, TooLargeAnAnswerIsAskedForInSmallerPages) {
  sync = [this](const std::string& cursor) {
    if (std::stoi(sizes.back()) > 100) return too_large();
    return page_reply({.next = cursor + "n", .more = cursor == "c1"});
  };
  const auto report = visit();
  EXPECT_THAT(sizes, ElementsAre("500", "250", "125", "62", "62"));  // for the rest of the cycle
  EXPECT_FALSE(report.error);
  EXPECT_TRUE(report.drained);
  EXPECT_EQ(record().protocol_failures, 0u);
  forget_calls();
  visit();
  EXPECT_EQ(sizes.front(), "500");
}

TEST_F(CycleTest, TooLargeInEverySizeIsAProtocolError) {
  sync = [](const std::string&) { return too_large(); };
  const auto report = visit();
  EXPECT_THAT(sizes, ElementsAre("500", "250", "125", "62", "31", "16"));
  EXPECT_EQ(report.error->code, Errc::protocol);
  EXPECT_EQ(record().protocol_failures, 1u);
  EXPECT_EQ(record().cursor->text, "c1");
}

TEST_F(CycleTest, TooLargeAnAnswerPassesTheGateEachTime) {
  one.policy.page_size = 500;
  api::Budgets budgets;
  budgets.sync_per_link = 3;
  gate.set_budgets(budgets);
  sync = [](const std::string&) { return too_large(); };
  const auto report = visit();
  EXPECT_EQ(sync_calls, 3);
  EXPECT_TRUE(report.yielded);
}

// ---- data that cannot be read ----

TEST_F(CycleTest, ALinkThatCannotBeReadIsAskedForNothingElse) {
  one.store.record.accounts_wanted = true;
  one.store.record.transactions_forbidden = true;  // the accounts alone would be next
  sync = [](const std::string&) {
    return page_reply({.next = "c2", .link = {.state = "error", .error_code = "incomplete"}});
  };
  const auto report = visit(core::Cause::manual);
  EXPECT_EQ(sync_calls, 1);
  EXPECT_EQ(accounts_calls, 0);
  EXPECT_FALSE(report.drained);
  EXPECT_EQ(report.error->code, Errc::relink_required);
  EXPECT_EQ(record().cursor->text, "c1");
}

// ---- refused products ----

TEST_F(CycleTest, RefusedAccountsAreTriedOnceADayAndWhenSomebodyAsks) {
  one.store.record.accounts_wanted = true;
  accounts = [] { return error_reply(403, "link_error.forbidden_action"); };
  EXPECT_EQ(visit().error->code, Errc::forbidden);
  EXPECT_EQ(accounts_calls, 1);
  EXPECT_EQ(record().status, LinkStatus::active);
  EXPECT_FALSE(visit().error);
  EXPECT_EQ(accounts_calls, 1);
  visit(core::Cause::manual);
  EXPECT_EQ(accounts_calls, 2);
  io.pass(hours(24));
  visit();
  EXPECT_EQ(accounts_calls, 3);
  EXPECT_EQ(sync_calls, 4);
  accounts = [] { return accounts_reply(); };
  visit(core::Cause::manual);
  EXPECT_FALSE(record().accounts_forbidden);
}

// No link, and no part of one, waits longer than the longest interval.
TEST_F(CycleTest, ARefusedProductIsAskedForAgainWithinTheLongestInterval) {
  one.policy.max_interval = hours(8);
  accounts = [] { return error_reply(403, "link_error.forbidden_action"); };
  io.pass(hours(7));  // a pull of the accounts is due
  visit();
  EXPECT_EQ(accounts_calls, 1);
  io.pass(hours(7));
  visit();
  EXPECT_EQ(accounts_calls, 1);
  io.pass(hours(1));
  visit();
  EXPECT_EQ(accounts_calls, 2);
}

// Refused by a clock that was ahead, and has been put right since.
TEST_F(CycleTest, ARefusalIsNotBelievedForLongerThanTheLongestInterval) {
  one.policy.max_interval = hours(8);
  accounts = [] { return error_reply(403, "link_error.forbidden_action"); };
  io.pass(hours(7));  // a pull of the accounts is due
  visit();
  EXPECT_EQ(accounts_calls, 1);
  visit();
  EXPECT_EQ(accounts_calls, 1);
  io.timers.jump_wall_clock(-hours(1));
  visit();
  EXPECT_EQ(accounts_calls, 2);
}

// Between a look that found the link connected and its feed the budget may have been spent by others.
TEST_F(CycleTest, ALookThatFoundTheLinkConnectedIsNotRepeatedAtOnce) {
  sync = [](const std::string&) {
    return page_reply({.next = "c2", .link = {.state = "error", .error_code = "auth_expired"}});
  };
  visit();
  ASSERT_EQ(record().status, LinkStatus::relink);
  link = [this] {
    gate.freeze(core::Endpoint::sync, io.timers.wall_now() + minutes(1));
    return link_reply({});
  };
  sync = [](const std::string&) { return page_reply({.next = "c3"}); };
  visit();
  EXPECT_EQ(link_calls, 1);
  EXPECT_EQ(record().status, LinkStatus::relink);
  visit();
  EXPECT_EQ(link_calls, 1);
  EXPECT_EQ(record().status, LinkStatus::active);
}

TEST_F(CycleTest, BothProductsRefusedBlockTheLinkAndAreTriedAtEachOfItsVisits) {
  sync = [](const std::string&) { return error_reply(403, "link_error.forbidden_action"); };
  accounts = [] { return error_reply(403, "link_error.forbidden_action"); };
  visit();
  EXPECT_EQ(record().status, LinkStatus::blocked);
  visit();  // on the same day
  EXPECT_EQ(sync_calls, 2);
  EXPECT_EQ(accounts_calls, 2);
  sync = [](const std::string&) { return page_reply({.next = "c2"}); };
  visit();
  EXPECT_EQ(record().status, LinkStatus::active);
}

TEST_F(CycleTest, RefusedByAReconnectedLinkResolvesTheEntryAndBlocks) {
  sync = [](const std::string&) {
    return page_reply({.next = "c1", .link = {.state = "error", .error_code = "auth_expired"}});
  };
  visit();
  EXPECT_EQ(record().status, LinkStatus::relink);
  sync = [](const std::string&) { return error_reply(403, "link_error.forbidden_action"); };
  accounts = [] { return error_reply(403, "link_error.forbidden_action"); };
  const auto report = visit();
  EXPECT_EQ(link_calls, 1);
  EXPECT_TRUE(report.relink_resolved);
  EXPECT_EQ(record().status, LinkStatus::blocked);
  EXPECT_EQ(one.store.relink->resolved_by, "reconnected");
}

// ---- answers about another link ----

TEST_F(CycleTest, ALinkObjectOfAnotherLinkIsRefused) {
  sync = [](const std::string&) { return error_reply(422, "link_error.bad_state"); };
  link = [] { return link_reply({.id = "mk_2", .state = "error", .error_code = "auth_expired"}); };
  const auto report = visit();
  EXPECT_EQ(link_calls, 1);
  EXPECT_EQ(report.error->code, Errc::protocol);
  EXPECT_EQ(record().protocol_failures, 1u);
  EXPECT_EQ(record().status, LinkStatus::backoff);
  EXPECT_FALSE(one.store.relink);
}

TEST_F(CycleTest, AccountsOfAnotherLinkAreRefused) {
  one.store.record.accounts_wanted = true;
  accounts = [] {
    return json_reply(200, fmt::format(R"({{"accounts":[{}],"link":{}}})", account("acc_9"),
                                       LinkText{.id = "mk_2"}.json()));
  };
  const auto report = visit();
  EXPECT_EQ(accounts_calls, 1);
  EXPECT_EQ(report.error->code, Errc::protocol);
  EXPECT_FALSE(one.store.accounts.contains("acc_9"));
}

// ---- bounds of a cycle ----

TEST_F(CycleTest, ALongDrainYieldsAfterItsPages) {
  one.policy.cycle_pages_max = 3;
  sync = [](const std::string& cursor) { return page_reply({.next = cursor + "n", .more = true}); };
  const auto report = visit();
  EXPECT_EQ(sync_calls, 3);
  EXPECT_TRUE(report.yielded);
  EXPECT_EQ(record().cursor->text, "c1nnn");
  visit();
  EXPECT_EQ(record().cursor->text, "c1nnnnnn");
}

// Paused between being taken from the schedule and being read.
TEST_F(CycleTest, APausedLinkIsNotVisited) {
  one.store.record.status = LinkStatus::paused;
  EXPECT_EQ(visit().status_after, LinkStatus::paused);
  EXPECT_EQ(sync_calls + link_calls + accounts_calls, 0);
  EXPECT_EQ(record().status, LinkStatus::paused);
}

// ---- our delay ----

struct DelayTest : CycleTest {
  DelayTest() {
    one.store.record.transactions_clock = io.timers.wall_now() - hours(10);
    one.store.record.pending_clock = one.store.record.transactions_clock;
  }
};

// What upstream prints.
std::string clock_text(core::WallTime at) {
  return core::format_wall_time(at);
}

TEST_F(DelayTest, TheDelayIsFromTheRefreshToTheCommitThatEndsItsDrain) {
  const core::WallTime refreshed = io.timers.wall_now() - minutes(30);
  sync = [&](const std::string& cursor) {
    return page_reply({.next = cursor == "c1" ? "c2" : "c3",
                       .more = cursor == "c1",
                       .link = {.clock = clock_text(refreshed)}});
  };
  const auto report = visit();
  EXPECT_EQ(report.pages, 2u);
  ASSERT_TRUE(report.visibility_delay);
  EXPECT_GE(*report.visibility_delay, minutes(32)) << "visit() waits two minutes first";
  EXPECT_LT(*report.visibility_delay, minutes(33));
  EXPECT_FALSE(visit().visibility_delay) << "the same refresh again";
}

// A look shows the new clock before the rows are here.
TEST_F(DelayTest, ALookDoesNotTakeTheDelayAway) {
  const core::WallTime refreshed = io.timers.wall_now() - minutes(30);
  sync = [](const std::string&) { return error_reply(422, "link_error.bad_state"); };
  link = [&] { return link_reply({.clock = clock_text(refreshed)}); };
  EXPECT_FALSE(visit().visibility_delay);
  EXPECT_EQ(record().transactions_clock, core::UpstreamTime(refreshed));
  sync = [&](const std::string&) {
    return page_reply({.next = "c2", .link = {.clock = clock_text(refreshed)}});
  };
  EXPECT_TRUE(visit().visibility_delay);
}

TEST_F(DelayTest, HistoryHasNoDelay) {
  const core::WallTime start = io.timers.wall_now();
  int refreshes = 0;
  sync = [&](const std::string& cursor) -> FakeTransport::Answer {
    if (cursor == "c1") return error_reply(404, "api_error.not_found");
    return page_reply({.created = {posted("t1")},
                       .next = "n" + cursor,
                       .more = cursor.size() < 3,
                       .link = {.clock = clock_text(start + minutes(++refreshes))}});
  };
  const auto resync = visit();
  EXPECT_TRUE(resync.resync_started);
  EXPECT_TRUE(resync.drained);
  EXPECT_FALSE(resync.visibility_delay);
  // A first drain, in whose middle upstream refreshes.
  one.store.record.last_success_at = {};
  const auto first = visit();
  EXPECT_TRUE(first.drained);
  EXPECT_FALSE(first.visibility_delay);
  EXPECT_TRUE(visit().visibility_delay) << "the next refresh is no history";
}

TEST_F(DelayTest, AClockAheadOfOursIsToldAsItIs) {
  const core::WallTime ahead = io.timers.wall_now() + hours(2);
  sync = [&](const std::string&) { return page_reply({.next = "c2", .link = {.clock = clock_text(ahead)}}); };
  const auto report = visit();
  ASSERT_TRUE(report.visibility_delay);
  EXPECT_LT(*report.visibility_delay, -hours(1));
}

// A visit that asks for the link object first, and for the feed only if that shows news.
struct PeekTest : CycleTest {
  PeekTest() {
    plans = true;
    planner.set_fleet({.links = 1});
    one.store.record.freshness.peek_next = true;
    one.store.record.freshness.fetched_at = record().last_success_at;
    forget_calls();
  }
};

TEST_F(PeekTest, WithoutNewsTheFeedIsNotAsked) {
  const core::WallTime succeeded_at = record().last_success_at;
  const auto report = visit();
  EXPECT_TRUE(report.peeked);
  EXPECT_FALSE(report.error);
  EXPECT_EQ(link_calls, 1);
  EXPECT_EQ(sync_calls, 0);
  EXPECT_EQ(record().status, LinkStatus::active);
  EXPECT_GT(record().next_due_at, io.timers.wall_now());
  EXPECT_EQ(record().last_success_at, succeeded_at) << "nothing was fetched";
  EXPECT_GT(record().freshness.looked_at, record().freshness.fetched_at);
}

TEST_F(PeekTest, AClockThatAdvancedIsNews) {
  link = [] { return link_reply({.clock = clock_2}); };
  const auto report = visit();
  EXPECT_TRUE(report.drained);
  EXPECT_EQ(link_calls, 1);
  EXPECT_EQ(sync_calls, 1);
  EXPECT_EQ(record().freshness.fetched_at, record().last_success_at);
}

// The news was committed with the look: it must not be forgotten when the drain has to wait.
TEST_F(PeekTest, NewsThatCouldNotBeFetchedAreFetchedAtTheNextVisit) {
  link = [] { return link_reply({.clock = clock_2}); };
  sync = [](const std::string&) { return error_reply(503, "api_error.server"); };
  EXPECT_TRUE(visit().error);
  EXPECT_FALSE(record().freshness.peek_next);
  sync = [](const std::string&) { return page_reply({.next = "c2", .link = {.clock = clock_2}}); };
  forget_calls();
  EXPECT_TRUE(visit().drained);
  EXPECT_EQ(link_calls, 0);
  EXPECT_EQ(sync_calls, 1);
}

TEST_F(PeekTest, ALinkThatNeedsItsOwnerIsSeenByAPeek) {
  link = [] { return link_reply({.state = "error", .error_code = "auth_expired"}); };
  const auto report = visit();
  EXPECT_TRUE(report.relink_opened);
  EXPECT_EQ(record().status, LinkStatus::relink);
  EXPECT_EQ(sync_calls, 0);
}

TEST_F(PeekTest, WhoAsksForASyncGetsOne) {
  EXPECT_TRUE(visit(core::Cause::manual).drained);
  EXPECT_EQ(link_calls, 0);
  EXPECT_EQ(sync_calls, 1);
}

// A verify compares with what its visit has heard of upstream.
TEST_F(PeekTest, WhoListensHearsThePages) {
  news = std::make_shared<core::VisitNews>();
  EXPECT_TRUE(visit().drained);
  EXPECT_EQ(link_calls, 0);
  EXPECT_TRUE(news->clock());
}

TEST_F(PeekTest, AFailedPeekIsAResult) {
  link = [] { return error_reply(503, "api_error.server"); };
  const auto report = visit();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, Errc::server);
  EXPECT_EQ(record().status, LinkStatus::backoff);
  EXPECT_EQ(sync_calls, 0);
}

TEST_F(PeekTest, AnAnswerAboutAnotherLinkIsRefused) {
  link = [] { return link_reply({.id = "mk_2", .clock = clock_2}); };
  const auto report = visit();
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code, Errc::protocol);
  EXPECT_EQ(sync_calls, 0);
}

TEST_F(PeekTest, OneThatTimesOutIsAResultAndOneThatIsCancelledIsNone) {
  const core::LinkRecord before = record();
  link = []() -> FakeTransport::Answer {
    return std::unexpected(api::TransportError{.error = {.code = Errc::cancelled, .message = "stopping"}});
  };
  EXPECT_EQ(visit().error.value().code, Errc::cancelled);
  EXPECT_EQ(record(), before);
  link = []() -> FakeTransport::Answer {
    return std::unexpected(api::TransportError{.error = {.code = Errc::timeout, .message = "no answer"}});
  };
  EXPECT_EQ(visit().error.value().code, Errc::timeout);
  EXPECT_EQ(record().status, LinkStatus::backoff);
  EXPECT_EQ(sync_calls, 0);
}

TEST_F(PeekTest, OneThatItsBudgetTurnsAwayStaysAPeek) {
  gate.freeze(core::Endpoint::link, io.timers.wall_now() + minutes(30));
  const core::LinkRecord before = record();
  const auto report = visit();
  EXPECT_TRUE(report.yielded);
  EXPECT_TRUE(report.peeked) << "it fell due";
  EXPECT_GT(report.next_due_at, io.timers.wall_now() + minutes(20));
  EXPECT_EQ(link_calls + sync_calls, 0);
  EXPECT_EQ(record(), before);
}

TEST_F(PeekTest, OneThatComesTooLateForTheFeedIsNone) {
  gate.freeze(core::Endpoint::link, io.timers.wall_now() + hours(30));
  one.store.record.freshness.fetched_at = io.timers.wall_now() - planner.max_interval();
  const auto report = visit();
  EXPECT_FALSE(report.peeked);
  EXPECT_TRUE(report.drained);
  EXPECT_EQ(link_calls, 0);
  EXPECT_EQ(sync_calls, 1);
}

TEST_F(PeekTest, AtAStopNothingIsAsked) {
  stopping = true;
  EXPECT_FALSE(visit().error);
  EXPECT_EQ(link_calls + sync_calls, 0);
}

}  // namespace
}  // namespace syncd::test
