#include "sync/core/step.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/core/classify.hpp"
#include "tests/unit/core/one_link.hpp"

namespace syncd::test {
namespace {

using core::Endpoint;
using core::Errc;
using core::LinkStatus;
using core::Millis;
using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;

// Synced once, accounts pulled, nothing wrong.
OneLink healthy() {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.accounts({account("acc_1")});
  link.news();
  link.now += hours(1);
  return link;
}

LinkText in_error(const char* code) {
  return {.state = "error", .error_code = code};
}

// ---- success ----

TEST(Success, EndsADrain) {
  const OneLink link = healthy();
  EXPECT_EQ(link.record().status, LinkStatus::active);
  EXPECT_EQ(link.record().failures, 0u);
  EXPECT_FALSE(link.record().last_error);
  EXPECT_EQ(link.record().last_success_at, link.now - hours(1));
  EXPECT_EQ(link.record().institution_id, "chase");
}

TEST(Success, IsNotYetWhenThereIsMore) {
  OneLink link;
  const auto update = link.page({.created = {posted("t1")}, .next = "c1", .more = true});
  EXPECT_TRUE(update.more);
  EXPECT_FALSE(update.accounts_next);
  EXPECT_EQ(link.record().last_success_at, core::WallTime{});
  EXPECT_EQ(link.record().next_due_at, link.now);
  EXPECT_TRUE(link.record().drain.open);
  EXPECT_EQ(link.record().drain.pages, 1u);
}

TEST(Success, KeepsTheCursorWhenTheLastPageHasNone) {
  OneLink link = healthy();
  link.page({.next = ""});
  EXPECT_EQ(link.record().cursor->text, "c1");
}

TEST(AccountsPull, IsDueFirstThenByClockAndByInterval) {
  OneLink link;
  EXPECT_TRUE(link.page({.next = "c1"}).accounts_next);
  link.accounts({account("acc_1")});
  EXPECT_FALSE(link.page({.next = "c2"}).accounts_next);
  EXPECT_TRUE(link.page({.next = "c3", .link = {.accounts_clock = clock_1}}).accounts_next);
  link.accounts({account("acc_1")}, {.accounts_clock = clock_1});
  EXPECT_FALSE(link.page({.next = "c4", .link = {.accounts_clock = clock_1}}).accounts_next);
  link.now += link.policy.accounts_interval;
  EXPECT_TRUE(link.page({.next = "c5", .link = {.accounts_clock = clock_1}}).accounts_next);
}

// A clock that was years ahead and has been put right must not put the pull off for years.
TEST(AccountsPull, IsDueWhenTheClockHasGoneBackBehindTheLastOne) {
  OneLink link;
  link.page({.next = "c1"});
  link.accounts({account("acc_1")});
  link.now -= hours(24 * 365);
  EXPECT_TRUE(link.page({.next = "c2"}).accounts_next);
  link.accounts({account("acc_1")});
  EXPECT_FALSE(link.page({.next = "c3"}).accounts_next);
}

TEST(AccountsPull, ThatShowsNoClockIsNotRepeatedForEver) {
  OneLink link;
  link.page({.next = "c1", .link = {.accounts_clock = clock_1}});
  link.accounts({account("acc_1")});  // refreshed_at is null here, as has been seen upstream
  EXPECT_FALSE(link.page({.next = "c2", .link = {.accounts_clock = clock_1}}).accounts_next);
}

// A server that lags behind must not take back what a whole pull has brought.
TEST(AccountsPull, IsNotUndoneByAPageUnderAnOlderClock) {
  OneLink link;
  link.page({.next = "c1", .link = {.accounts_clock = clock_2}});
  link.accounts({account("acc_1", "2.00")}, {.accounts_clock = clock_2});
  link.page({.next = "c2",
             .link = {.accounts_clock = clock_1},
             .accounts = std::vector<std::string>{account("acc_1", "1.00")}});
  EXPECT_EQ(link.store.accounts.at("acc_1").json, account("acc_1", "2.00"));
  link.page({.next = "c3",
             .link = {.accounts_clock = clock_3},
             .accounts = std::vector<std::string>{account("acc_1", "3.00")}});
  EXPECT_EQ(link.store.accounts.at("acc_1").json, account("acc_1", "3.00"));
}

TEST(AccountsOnlyLink, SucceedsByItsAccounts) {
  OneLink link;
  link.accounts({account("acc_1")}, {.has_transactions = false});
  EXPECT_FALSE(link.record().has_transactions_product);
  EXPECT_EQ(link.record().status, LinkStatus::active);
  EXPECT_EQ(link.record().last_success_at, link.now);
  EXPECT_GT(link.until_due(), Millis(0));
}

// Nothing but its accounts speaks for it, so each answer is a visit, even two in one moment.
TEST(AccountsOnlyLink, WaitsLongerWithEachAnswerThatItsOwnerIsNeeded) {
  OneLink link;
  const LinkText expired{.state = "error", .error_code = "auth_expired", .has_transactions = false};
  for (std::uint32_t visit = 0; visit < 3; ++visit) {
    link.accounts({account("acc_1")}, expired);
    EXPECT_EQ(link.record().status, LinkStatus::relink);
    EXPECT_EQ(link.record().failures, visit);
  }
}

// ---- what the link says of itself ----

struct Condition {
  const char* state;
  const char* code;
  LinkStatus status;
  Errc error;
  Millis due_max;
};

TEST(LinkState, DecidesTheStatus) {
  const Condition conditions[] = {
      {"error", "auth_expired", LinkStatus::relink, Errc::relink_required, hours(6)},
      {"error", "invalid_credentials", LinkStatus::relink, Errc::relink_required, hours(6)},
      {"error", "user_oauth_denied", LinkStatus::relink, Errc::relink_required, hours(6)},
      {"error", "user_input_incorrect", LinkStatus::relink, Errc::relink_required, hours(6)},
      {"error", "user_error", LinkStatus::relink, Errc::relink_required, hours(6)},
      {"error", "incomplete", LinkStatus::relink, Errc::relink_required, hours(6)},
      {"error", "user_setup_required", LinkStatus::relink, Errc::relink_required, hours(6)},
      {"error", "institution_error", LinkStatus::backoff, Errc::upstream_state, minutes(15)},
      {"error", "provider_error", LinkStatus::backoff, Errc::upstream_state, minutes(15)},
      {"error", "system_error", LinkStatus::backoff, Errc::upstream_state, minutes(15)},
      {"error", "payment_error", LinkStatus::backoff, Errc::upstream_state, minutes(15)},
      {"error", "", LinkStatus::backoff, Errc::upstream_state, minutes(15)},
      {"hibernating", "", LinkStatus::backoff, Errc::upstream_state, minutes(15)},
      {"connecting", "", LinkStatus::backoff, Errc::upstream_state, minutes(15)},
      {"awaiting_token_exchange", "", LinkStatus::backoff, Errc::upstream_state, minutes(15)},
      {"error", "no_accounts", LinkStatus::blocked, Errc::forbidden, hours(24)},
      {"deleted", "", LinkStatus::gone, Errc::gone, hours(24)},
  };
  for (const Condition& test : conditions) {
    SCOPED_TRACE(std::string(test.state) + ' ' + test.code);
    const LinkText says{.state = test.state, .error_code = test.code};
    for (const bool by_page : {true, false}) {
      OneLink link = healthy();
      by_page ? link.page({.next = "c2", .link = says}) : link.look(says);
      EXPECT_EQ(link.record().status, test.status);
      ASSERT_TRUE(link.record().last_error);
      EXPECT_EQ(link.record().last_error->code, test.error);
      EXPECT_EQ(link.record().upstream_state, test.state);
      EXPECT_EQ(link.record().upstream_error_code, test.code);
      const Lines news = link.news();
      EXPECT_EQ(std::ranges::count(news, "relink.opened mk_1"), test.status == LinkStatus::relink ? 1 : 0);
      EXPECT_EQ(news.back(), "link.status mk_1");
      if (test.status == LinkStatus::gone) continue;
      EXPECT_LE(link.until_due(), test.due_max);
      EXPECT_GE(link.until_due(), test.due_max * 9 / 10);
    }
  }
}

TEST(LinkState, DataThatComesWithAnErrorIsStored) {
  OneLink link = healthy();
  link.page({.created = {posted("t2")}, .next = "c2", .link = in_error("auth_expired")});
  EXPECT_THAT(link.visible(), ElementsAre("t1", "t2"));
  EXPECT_THAT(link.news(), ElementsAre("transaction.created t2", "relink.opened mk_1", "link.status mk_1"));
  EXPECT_EQ(link.last_entry().before, R"({"status":"active"})");
  EXPECT_EQ(link.last_entry().after, R"({"status":"relink","reason":"auth_expired"})");
}

TEST(LinkState, ADrainOfManyPagesWaitsOnce) {
  for (const char* code : {"auth_expired", "institution_error"}) {
    SCOPED_TRACE(code);
    OneLink one = healthy();
    one.page({.next = "c2", .link = in_error(code)});
    OneLink many = healthy();
    for (int i = 0; i < 9; ++i) {
      const auto update = many.page({.created = {posted("m" + std::to_string(i))},
                                     .next = "m" + std::to_string(i),
                                     .more = true,
                                     .link = in_error(code)});
      EXPECT_TRUE(update.more);
      EXPECT_EQ(many.until_due(), Millis(0));  // a crash here must not cost hours
    }
    many.page({.next = "c2", .link = in_error(code)});
    EXPECT_EQ(many.record().failures, one.record().failures);
    EXPECT_EQ(many.until_due(), one.until_due());
  }
}

TEST(LinkState, ConnectedByALookGoesOnToTheFeed) {
  OneLink link = healthy();
  link.look(in_error("auth_expired"));
  const auto update = link.look({});
  EXPECT_TRUE(update.more);
  EXPECT_EQ(link.until_due(), Millis(0));
  EXPECT_EQ(link.record().status, LinkStatus::relink);  // until its data is here
}

// ---- the relink queue ----

TEST(Relink, OpensOnceHoweverOftenItIsSaid) {
  OneLink link = healthy();
  link.page({.next = "c2", .link = in_error("auth_expired")});
  ASSERT_TRUE(link.store.relink);
  EXPECT_EQ(link.store.relink->status, core::RelinkStatus::open);
  EXPECT_EQ(link.store.relink->reason, "auth_expired");
  EXPECT_EQ(link.store.relink->opened_at, link.now);
  EXPECT_EQ(link.store.relink->institution_id, "chase");
  EXPECT_EQ(link.store.relink->last_success_at, link.now - hours(1));
  EXPECT_THAT(link.news(), ElementsAre("relink.opened mk_1", "link.status mk_1"));

  link.page({.next = "c3", .link = in_error("auth_expired")});
  link.look(in_error("auth_expired"));
  link.fails(Errc::relink_required);
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_EQ(link.store.relink->version, 1u);
  EXPECT_EQ(link.record().failures, 3u);
}

TEST(Relink, AnotherReasonMovesTheVersionOnly) {
  OneLink link = healthy();
  link.look(in_error("auth_expired"));
  link.news();
  link.look(in_error("invalid_credentials"));
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_EQ(link.store.relink->reason, "invalid_credentials");
  EXPECT_EQ(link.store.relink->version, 2u);
  EXPECT_EQ(link.store.relink->reopened, 0u);
}

TEST(Relink, ResolvesWhenConnectedAndDrained) {
  OneLink link = healthy();
  link.look(in_error("auth_expired"));
  link.news();
  link.page({.created = {posted("t2")}, .next = "c2", .more = true});
  EXPECT_EQ(link.store.relink->status, core::RelinkStatus::open);
  link.page({.next = "c3"});
  EXPECT_THAT(link.news(), ElementsAre("transaction.created t2", "relink.resolved mk_1", "link.status mk_1"));
  EXPECT_EQ(link.store.relink->status, core::RelinkStatus::resolved);
  EXPECT_EQ(link.store.relink->resolved_by, "reconnected");
  EXPECT_EQ(link.store.relink->resolved_at, link.now);
  EXPECT_EQ(link.record().status, LinkStatus::active);
}

TEST(Relink, LaterExpiryOpensTheSameEntryAgain) {
  OneLink link = healthy();
  link.look(in_error("auth_expired"));
  link.page({.next = "c2"});
  link.news();
  link.look(in_error("auth_expired"));
  EXPECT_THAT(link.news(), ElementsAre("relink.opened mk_1", "link.status mk_1"));
  EXPECT_EQ(link.store.relink->reopened, 1u);
  EXPECT_EQ(link.store.relink->version, 3u);
  EXPECT_EQ(link.store.relink->resolved_at, core::WallTime{});
  EXPECT_EQ(link.store.relink->resolved_by, "");
}

TEST(Relink, ResolvesWhenTheLinkIsGone) {
  for (const bool by_page : {true, false}) {
    OneLink link = healthy();
    link.look(in_error("auth_expired"));
    link.news();
    by_page ? link.page({.next = "c2", .link = {.state = "deleted"}}) : link.fails(Errc::gone);
    EXPECT_THAT(link.news(), ElementsAre("relink.resolved mk_1", "link.status mk_1"));
    EXPECT_EQ(link.store.relink->resolved_by, "gone");
    EXPECT_THAT(link.visible(), ElementsAre("t1"));  // data is kept
  }
}

TEST(Relink, OtherFailuresDoNotHideIt) {
  for (const Errc code : {Errc::transport, Errc::server, Errc::timeout, Errc::protocol, Errc::forbidden,
                          Errc::upstream_state, Errc::throttled}) {
    OneLink link = healthy();
    link.look(in_error("auth_expired"));
    link.fails(code);
    EXPECT_EQ(link.record().status, LinkStatus::relink) << to_string(code);
    EXPECT_EQ(link.store.relink->status, core::RelinkStatus::open);
  }
}

TEST(Relink, IsFoundAgainAfterAPause) {
  OneLink link = healthy();
  link.look(in_error("auth_expired"));
  link.news();
  link.pause();
  EXPECT_EQ(link.record().status, LinkStatus::paused);
  link.resume();
  EXPECT_EQ(link.record().status, LinkStatus::relink);
  EXPECT_EQ(link.until_due(), Millis(0));
  EXPECT_THAT(link.news(), ElementsAre("link.status mk_1", "link.status mk_1"));
}

// ---- failures ----

TEST(PassingFailure, BacksOffAndRecovers) {
  for (const Errc code : {Errc::transport, Errc::timeout, Errc::server}) {
    OneLink link = healthy();
    for (std::uint32_t i = 1; i <= 12; ++i) {
      link.entropy = i;
      link.fails(code);
      EXPECT_EQ(link.record().status, LinkStatus::backoff);
      EXPECT_EQ(link.record().failures, i);
      EXPECT_GE(link.until_due(), Millis(1000));
      EXPECT_LE(link.until_due(), std::min<Millis>(hours(6), minutes(1) * (1 << (i - 1))));
    }
    EXPECT_THAT(link.news(), ElementsAre("link.status mk_1"));
    EXPECT_THAT(link.visible(), ElementsAre("t1"));
    link.page({.next = "c2"});
    EXPECT_EQ(link.record().status, LinkStatus::active);
    EXPECT_EQ(link.record().failures, 0u);
    EXPECT_FALSE(link.record().last_error);
    EXPECT_THAT(link.news(), ElementsAre("link.status mk_1"));
  }
}

TEST(PassingFailure, OfAServerThatNamesATimeWaitsThatLong) {
  OneLink link = healthy();
  link.fails(core::Error{.code = Errc::server, .message = "503", .retry_after = minutes(40)});
  EXPECT_GE(link.until_due(), Millis(minutes(40)));
  link.fails(core::Error{.code = Errc::server, .message = "503", .retry_after = hours(1000)});
  EXPECT_LE(link.until_due(), link.policy.max_interval);
}

// A link whose feed answers while its accounts do not must be asked ever more slowly, and not change its
// status twice per visit.
TEST(FailureOfTheAccountsAlone, IsCountedAcrossCycles) {
  for (const Errc code : {Errc::server, Errc::protocol}) {
    SCOPED_TRACE(to_string(code));
    OneLink link;
    link.page({.next = "c0"});
    link.fails(code, Endpoint::accounts);
    link.news();
    for (std::uint32_t i = 1; i < 8; ++i) {
      const auto page =
          link.page({.created = {posted("t" + std::to_string(i))}, .next = "c" + std::to_string(i)});
      EXPECT_TRUE(page.accounts_next);
      link.fails(code, Endpoint::accounts);
      EXPECT_EQ(link.record().failures, i + 1);
    }
    EXPECT_EQ(link.record().status, code == Errc::protocol ? LinkStatus::quarantined : LinkStatus::backoff);
    const Lines news = link.news();
    EXPECT_EQ(std::ranges::count(news, "link.status mk_1"), code == Errc::protocol ? 1 : 0);
    link.page({.next = "c9"});
    link.accounts({account("acc_1")});
    EXPECT_EQ(link.record().status, LinkStatus::active);
    EXPECT_EQ(link.record().failures, 0u);
  }
}

TEST(Throttled, WaitsForTheWindowAndLeavesTheLinkAlone) {
  OneLink link = healthy();
  link.fails(Errc::transport);
  const core::LinkRecord before = link.record();
  link.news();
  link.fails(core::Error{.code = Errc::throttled, .message = "429", .retry_after = minutes(2)});
  EXPECT_EQ(link.record().failures, before.failures);
  EXPECT_EQ(link.record().status, before.status);
  EXPECT_EQ(link.record().last_error, before.last_error);
  EXPECT_GE(link.until_due(), Millis(minutes(2)));
  EXPECT_LE(link.until_due(), Millis(minutes(2)) * 111 / 100);
  EXPECT_THAT(link.news(), IsEmpty());
}

TEST(Throttled, WithoutATimeWaitsAMinuteAndNeverMuchMoreThanAnHour) {
  OneLink link = healthy();
  link.fails(Errc::throttled);
  EXPECT_GE(link.until_due(), Millis(minutes(1)));
  EXPECT_LE(link.until_due(), Millis(minutes(1)) * 111 / 100);
  link.fails(core::Error{.code = Errc::throttled, .message = "429", .retry_after = hours(90'000)});
  EXPECT_LE(link.until_due(), Millis(hours(1)) * 111 / 100);
}

TEST(Protocol, QuarantinesAfterSomeTriesAndKeepsEvidence) {
  OneLink link = healthy();
  const core::Error error{.code = Errc::protocol, .message = "no json", .body_bytes = 12, .body_digest = {1}};
  for (std::uint32_t i = 1; i < link.policy.protocol_failures_max; ++i) {
    link.fails(error);
    EXPECT_EQ(link.record().status, LinkStatus::backoff);
    EXPECT_THAT(link.store.dead_letters, IsEmpty());
  }
  link.fails(error);
  EXPECT_EQ(link.record().status, LinkStatus::quarantined);
  ASSERT_EQ(link.store.dead_letters.size(), 1u);
  EXPECT_EQ(link.store.dead_letters[0].reason, "no json");
  EXPECT_EQ(link.store.dead_letters[0].body_bytes, 12u);
  EXPECT_EQ(link.store.dead_letters[0].body_digest, core::Digest{1});
  EXPECT_LE(link.until_due(), link.policy.max_interval);
  link.page({.next = "c2"});
  EXPECT_EQ(link.record().status, LinkStatus::active);
  EXPECT_EQ(link.record().protocol_failures, 0u);
}

TEST(Forbidden, TransactionsLeavesTheAccounts) {
  OneLink link = healthy();
  link.news();
  const auto update = link.fails(core::Error{.code = Errc::forbidden, .message = "403", .http_status = 403});
  EXPECT_TRUE(update.accounts_next);
  EXPECT_TRUE(link.record().transactions_forbidden);
  EXPECT_EQ(link.record().status, LinkStatus::active);
  link.accounts({account("acc_1")});
  EXPECT_EQ(link.record().status, LinkStatus::active);
  EXPECT_GT(link.until_due(), Millis(0));
  EXPECT_THAT(link.news(), IsEmpty());
  link.page({.next = "c2"});
  EXPECT_FALSE(link.record().transactions_forbidden);
}

TEST(Forbidden, BothBlocksTheLink) {
  OneLink link = healthy();
  const core::Error refused{.code = Errc::forbidden, .message = "403", .http_status = 403};
  link.fails(refused, Endpoint::sync);
  link.fails(refused, Endpoint::accounts);
  EXPECT_EQ(link.record().status, LinkStatus::blocked);
  EXPECT_GT(link.until_due(), Millis(hours(20)));
}

TEST(Forbidden, LinkOfSomebodyElseIsBlockedAtOnce) {
  OneLink link = healthy();
  link.fails(core::Error{.code = Errc::forbidden, .message = "401", .http_status = 401});
  EXPECT_EQ(link.record().status, LinkStatus::blocked);
}

TEST(Gone, RetiresTheLinkAndDropsWhatWasCollected) {
  OneLink link = healthy();
  link.page({.created = {pending("p1")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  link.news();
  link.fails(Errc::gone);
  EXPECT_EQ(link.record().status, LinkStatus::gone);
  EXPECT_THAT(link.store.staged, IsEmpty());
  EXPECT_FALSE(link.record().drain.open);
  EXPECT_THAT(link.news(), ElementsAre("link.status mk_1"));
}

// ---- full resync ----

struct Resync : testing::Test {
  Resync() {
    link.page({.created = {posted("t1"), posted("t2", "2.00"), pending("p1")}, .next = "c1"});
    link.accounts({account("acc_1")});
    link.news();
  }
  OneLink link;
};

TEST_F(Resync, BeginsANewGenerationAndKeepsEverythingVisible) {
  const auto update = link.fails(Errc::cursor_rejected);
  EXPECT_TRUE(update.more);
  EXPECT_EQ(link.record().generation, 2u);
  EXPECT_TRUE(link.record().resync);
  EXPECT_FALSE(link.record().cursor);
  EXPECT_EQ(link.until_due(), Millis(0));
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1", "t2"));
  EXPECT_THAT(link.news(), IsEmpty());
}

TEST_F(Resync, TellsTrueDifferencesOnlyAndSweepsAtTheEnd) {
  link.fails(Errc::cursor_rejected);
  const auto first = link.page({.created = {posted("t1")}, .next = "n1", .more = true});
  EXPECT_EQ(first.transaction_puts.size(), 1u);  // into the new generation
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1", "t2"));
  link.page({.created = {posted("t3")}, .next = "n2"});
  EXPECT_THAT(link.visible(), ElementsAre("t1", "t3"));
  EXPECT_THAT(link.news(),
              ElementsAre("transaction.created t3", "transaction.removed p1", "transaction.removed t2"));
  EXPECT_FALSE(link.record().resync);
  EXPECT_EQ(link.record().cursor->text, "n2");
}

TEST_F(Resync, OfTheSameHistoryIsNoNews) {
  link.fails(Errc::cursor_rejected);
  link.page({.created = {posted("t1"), pending("p1")}, .next = "n1", .more = true});
  link.page({.created = {posted("t2", "2.00")}, .next = "n2"});
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1", "t2"));
  EXPECT_EQ(link.store.rows["t2"].generation, 2u);
}

TEST_F(Resync, RefusedInTheMiddleBeginsAnotherGeneration) {
  link.fails(Errc::cursor_rejected);
  link.page({.created = {posted("t1")}, .next = "n1", .more = true});
  link.fails(Errc::cursor_rejected);
  EXPECT_EQ(link.record().generation, 3u);
  EXPECT_TRUE(link.record().resync);
  EXPECT_FALSE(link.record().drain.open);
}

TEST_F(Resync, SweepsWhatOnlyTheRefusedAttemptHasMet) {
  link.fails(Errc::cursor_rejected);
  link.page({.created = {posted("t1"), posted("t3")}, .next = "n1", .more = true});
  link.fails(Errc::cursor_rejected);
  link.news();
  link.page({.created = {posted("t2", "2.00"), pending("p1")}, .next = "n2"});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t2"));
  EXPECT_THAT(link.news(), ElementsAre("transaction.removed t1", "transaction.removed t3"));
}

TEST_F(Resync, IsLimitedWithinADay) {
  for (std::uint32_t i = 0; i < link.policy.resyncs_per_day_max; ++i) {
    EXPECT_TRUE(link.fails(Errc::cursor_rejected).more);
    link.page({.created = {posted("t1")}, .next = "n" + std::to_string(i)});
  }
  const auto update = link.fails(Errc::cursor_rejected);
  EXPECT_FALSE(update.more);
  EXPECT_EQ(link.record().status, LinkStatus::backoff);
  EXPECT_EQ(link.record().protocol_failures, 1u);
  EXPECT_TRUE(link.record().cursor);
  link.now += hours(24);
  EXPECT_TRUE(link.fails(Errc::cursor_rejected).more);
}

TEST_F(Resync, IsNotLimitedByAWindowOfAClockThatWasWrong) {
  for (std::uint32_t i = 0; i < link.policy.resyncs_per_day_max; ++i) {
    EXPECT_TRUE(link.fails(Errc::cursor_rejected).more);
    link.page({.created = {posted("t1")}, .next = "n" + std::to_string(i)});
  }
  link.now -= hours(24 * 365);
  EXPECT_TRUE(link.fails(Errc::cursor_rejected).more);
  EXPECT_EQ(link.record().resyncs_in_window, 1u);
}

// ---- operator actions ----

TEST(Operator, AddIsDueAtOnce) {
  const core::WallTime now{Millis(1'000'000)};
  const auto update = core::step_add({core::LinkId{"mk_9"}, "user_9", {"a", "b"}}, now);
  EXPECT_EQ(update.expected_fence, 0u);
  EXPECT_EQ(update.record.next_due_at, now);
  EXPECT_EQ(update.record.customer_user_id, "user_9");
  ASSERT_EQ(update.changes.size(), 1u);
  EXPECT_EQ(update.changes[0].kind, core::ChangeKind::link_added);
  EXPECT_EQ(update.changes[0].id, "mk_9");
  EXPECT_EQ(update.changes[0].after, R"({"status":"active"})");
}

// Whoever computed an update from the record as it was before has lost: a cycle in flight against an
// operator's action, and an action against a page that was committed in between.
TEST(Operator, EveryUpdateRaisesTheFence) {
  OneLink link = healthy();
  const std::uint64_t fence = link.record().fence;
  const auto paused = link.pause();
  EXPECT_EQ(paused.expected_fence, fence);
  EXPECT_EQ(link.record().fence, fence + 1);
  EXPECT_THAT(link.news(), ElementsAre("link.status mk_1"));
}

TEST(Operator, APageRaisesTheFenceToo) {
  OneLink link = healthy();
  const std::uint64_t fence = link.record().fence;
  link.page({.next = "c2"});
  EXPECT_EQ(link.record().fence, fence + 1);
}

TEST(Operator, WordsOfUpstreamCannotBendTheFeed) {
  OneLink link = healthy();
  link.page({.next = "c2", .link = in_error(R"(a\"b\\c\u0007)")});
  EXPECT_EQ(link.last_entry().after, R"({"status":"backoff","reason":"abc"})");
}

}  // namespace
}  // namespace syncd::test
