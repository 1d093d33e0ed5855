#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

// Answers whose link says that its data cannot be read, and answers that say something about a product only.
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

constexpr std::pair<const char*, const char*> unreadable_states[] = {
    {"error", "incomplete"}, {"connecting", ""}, {"awaiting_token_exchange", ""}, {"deleted", ""}};

LinkText saying(const char* state, const char* code, const char* clock = clock_1) {
  return {.state = state, .error_code = code, .clock = clock};
}

struct ReadableData : testing::Test {
  ReadableData() {
    link.page({.created = {posted("t1"), posted("t2"), pending("p1")}, .next = "c1"});
    link.accounts({account("acc_1")});
    link.news();
    link.now += hours(1);
  }
  OneLink link;
};

TEST_F(ReadableData, WithoutItAPageIsALookAtTheLink) {
  for (const auto& [state, code] : unreadable_states) {
    SCOPED_TRACE(std::string(state) + ' ' + code);
    OneLink by_page = link;
    OneLink by_look = link;
    // Under a new clock an empty answer would replace the pending set.
    const auto update = by_page.page({.created = {posted("x")},
                                      .removed = {"t1"},
                                      .next = "c2",
                                      .more = true,
                                      .link = saying(state, code, clock_2),
                                      .accounts = std::vector<std::string>{account("acc_2")}});
    by_look.look(saying(state, code, clock_2));
    EXPECT_FALSE(update.more);
    EXPECT_FALSE(update.accounts_next);
    EXPECT_THAT(by_page.visible(), ElementsAre("p1?", "t1", "t2"));
    EXPECT_EQ(by_page.store.accounts.size(), 1u);
    EXPECT_EQ(by_page.record(), by_look.record());
    EXPECT_EQ(by_page.news(), by_look.news());
    EXPECT_EQ(by_page.record().cursor->text, "c1");
  }
}

TEST_F(ReadableData, WithoutItAResyncStaysOpenAndSweepsNothing) {
  link.fails(Errc::cursor_rejected);
  link.page({.created = {posted("t1")}, .next = "n1", .more = true});
  link.page({.next = "n2", .link = saying("error", "incomplete")});
  EXPECT_TRUE(link.record().resync);
  EXPECT_TRUE(link.record().drain.open);
  EXPECT_EQ(link.record().cursor->text, "n1");
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1", "t2"));
  // Reconnected, the replay goes on where it was.
  link.page({.created = {posted("t2")}, .next = "n2"});
  EXPECT_THAT(link.visible(), ElementsAre("t1", "t2"));
  EXPECT_FALSE(link.record().resync);
}

TEST_F(ReadableData, WithoutItADrainKeepsWhatItHasStaged) {
  link.page({.created = {pending("p2")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  link.page({.next = "c3", .link = saying("connecting", "", clock_2)});
  EXPECT_TRUE(link.record().drain.open);
  EXPECT_EQ(link.store.staged.size(), 1u);
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1", "t2"));
  link.page({.next = "c3", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("p2?", "t1", "t2"));
}

TEST_F(ReadableData, WithoutItNoAccountIsGone) {
  for (const auto& [state, code] : unreadable_states) {
    SCOPED_TRACE(std::string(state) + ' ' + code);
    OneLink other = link;
    const core::LinkRecord before = other.record();
    other.accounts({}, saying(state, code));
    EXPECT_FALSE(other.store.accounts.at("acc_1").gone);
    EXPECT_EQ(other.record().counts, before.counts);
    EXPECT_EQ(other.record().accounts_pulled_at, before.accounts_pulled_at);
    EXPECT_EQ(other.record().upstream_state, state);
    EXPECT_NE(other.record().status, LinkStatus::active);
  }
}

TEST_F(ReadableData, LooksDuringAnOpenDrainAreEachCounted) {
  link.page({.created = {posted("t3")}, .next = "c2", .more = true});
  const LinkText connecting = saying("connecting", "");
  link.page({.next = "c3", .link = connecting});
  Millis waited = link.until_due();
  for (std::uint32_t i = 2; i <= 4; ++i) {
    link.look(connecting);
    EXPECT_EQ(link.record().failures, i);
    EXPECT_GT(link.until_due(), waited);
    waited = link.until_due();
  }
}

TEST_F(ReadableData, IsTakenFromALinkThatMerelyWaits) {
  for (const char* code : {"auth_expired", "institution_error", "no_accounts", "payment_error"}) {
    OneLink other = link;
    other.page({.created = {posted("t3")}, .next = "c2", .link = saying("error", code)});
    EXPECT_THAT(other.visible(), ElementsAre("p1?", "t1", "t2", "t3")) << code;
    EXPECT_EQ(other.record().cursor->text, "c2") << code;
  }
}

// ---- the transactions product ----

// The answer itself is the proof: link.products may leave the product out.
TEST(TransactionsProduct, IsProvenByAnAnswerOfTheFeed) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1", .link = {.has_transactions = false}});
  EXPECT_TRUE(link.record().has_transactions_product);
  link.accounts({account("acc_1")}, {.has_transactions = false});
  EXPECT_TRUE(link.record().has_transactions_product);
  link.look({.has_transactions = false});
  EXPECT_TRUE(link.record().has_transactions_product);
  link.fails(Errc::cursor_rejected);  // no cursor is held now
  link.look({.has_transactions = false});
  EXPECT_TRUE(link.record().has_transactions_product);
}

TEST(TransactionsProduct, ThatNeverAnsweredIsWhatTheLinkSays) {
  OneLink link;
  link.look({.has_transactions = false});
  EXPECT_FALSE(link.record().has_transactions_product);
  // One that names no product at all has said nothing about this one.
  OneLink silent;
  silent.look({.has_transactions = false, .has_accounts = false});
  EXPECT_TRUE(silent.record().has_transactions_product);
}

// The authorisation has ended, which shows at a product while the state still says connected.
TEST(ProductError, AuthExpiredOpensTheRelinkEntryOfAConnectedLink) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.accounts({account("acc_1")});
  link.news();
  link.page({.created = {posted("t2")}, .next = "c2", .link = {.product_error = "auth_expired"}});
  EXPECT_THAT(link.visible(), ElementsAre("t1", "t2"));
  EXPECT_THAT(link.news(), ElementsAre("transaction.created t2", "relink.opened mk_1", "link.status mk_1"));
  EXPECT_EQ(link.record().status, LinkStatus::relink);
  EXPECT_EQ(link.store.relink->reason, "auth_expired");
  EXPECT_EQ(link.record().last_error->code, Errc::relink_required);
  EXPECT_FALSE(link.look({.product_error = "auth_expired"}).more);
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_TRUE(link.look({}).more);
  link.page({.next = "c3"});
  EXPECT_THAT(link.news(), ElementsAre("relink.resolved mk_1", "link.status mk_1"));
}

// ---- refused products ----

const core::Error refused{.code = Errc::forbidden, .message = "403", .http_status = 403};

TEST(ForbiddenAccounts, LeaveTheTransactions) {
  OneLink link;
  EXPECT_TRUE(link.page({.created = {posted("t1")}, .next = "c1"}).accounts_next);
  link.fails(refused, Endpoint::accounts);
  EXPECT_TRUE(link.record().accounts_forbidden);
  EXPECT_EQ(link.record().status, LinkStatus::active);
  EXPECT_EQ(link.record().failures, 0u);
  EXPECT_EQ(link.record().last_success_at, link.now);
  EXPECT_GT(link.until_due(), Millis(0));
  // Not asked again ...
  EXPECT_FALSE(link.page({.created = {posted("t2")}, .next = "c2"}).accounts_next);
  EXPECT_EQ(link.record().status, LinkStatus::active);
  // ... before the cycle that may.
  link.retry_refused = true;
  EXPECT_TRUE(link.page({.next = "c3"}).accounts_next);
  link.accounts({account("acc_1")});
  EXPECT_FALSE(link.record().accounts_forbidden);
}

TEST(ForbiddenAccounts, InTheMiddleOfADrainAreNoSuccessYet) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1", .more = true});
  link.fails(refused, Endpoint::accounts);
  EXPECT_TRUE(link.record().accounts_forbidden);
  EXPECT_EQ(link.record().status, LinkStatus::active);
  EXPECT_EQ(link.record().last_success_at, core::WallTime{});
  EXPECT_TRUE(link.record().drain.open);
  link.page({.next = "c2"});
  EXPECT_EQ(link.record().last_success_at, link.now);
}

// Reconnected, but its data is not here yet: what it waited for stays on record until then.
TEST(ForbiddenAccounts, BeforeAReconnectedLinkIsDrainedLeaveItWaiting) {
  OneLink link;
  link.page({.next = "c1"});
  link.look(saying("error", "auth_expired"));
  link.page({.created = {posted("t1")}, .next = "c2", .more = true});
  EXPECT_EQ(link.record().upstream_state, "connected");
  link.fails(refused, Endpoint::accounts);
  EXPECT_EQ(link.record().status, LinkStatus::relink);
  EXPECT_EQ(link.record().last_error->api_code, "auth_expired");
  EXPECT_EQ(link.store.relink->status, core::RelinkStatus::open);
  link.page({.next = "c3"});
  EXPECT_EQ(link.record().status, LinkStatus::active);
}

TEST(ForbiddenAccounts, DoNotHideWhatIsWrongWithTheLink) {
  OneLink link;
  link.page({.next = "c1", .link = saying("error", "auth_expired")});
  link.fails(refused, Endpoint::accounts);
  EXPECT_TRUE(link.record().accounts_forbidden);
  EXPECT_EQ(link.record().status, LinkStatus::relink);
  EXPECT_EQ(link.record().last_error->api_code, "auth_expired");
}

TEST(ForbiddenProducts, BlockTogetherInWhicheverOrder) {
  OneLink feed_first;
  feed_first.page({.next = "c1"});
  feed_first.fails(refused, Endpoint::sync);
  EXPECT_EQ(feed_first.record().status, LinkStatus::active);
  feed_first.fails(refused, Endpoint::accounts);
  EXPECT_EQ(feed_first.record().status, LinkStatus::blocked);

  OneLink accounts_first;
  accounts_first.page({.next = "c1"});
  accounts_first.fails(refused, Endpoint::accounts);
  EXPECT_EQ(accounts_first.record().status, LinkStatus::active);
  EXPECT_FALSE(accounts_first.fails(refused, Endpoint::sync).accounts_next);
  EXPECT_EQ(accounts_first.record().status, LinkStatus::blocked);
  EXPECT_GT(accounts_first.until_due(), Millis(hours(20)));
}

TEST(ForbiddenProducts, AreBothTriedAgainOfABlockedLink) {
  OneLink link;
  link.page({.next = "c1"});
  link.fails(refused, Endpoint::sync);
  link.fails(refused, Endpoint::accounts);
  link.retry_refused = true;
  EXPECT_TRUE(link.fails(refused, Endpoint::sync).accounts_next);
  link.accounts({account("acc_1")});
  EXPECT_EQ(link.record().status, LinkStatus::active);
}

TEST(ForbiddenProducts, OfAReconnectedLinkEndTheWaitForItsOwner) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.look(saying("error", "auth_expired"));
  link.news();
  link.retry_refused = true;
  EXPECT_TRUE(link.look({}).more);
  link.fails(refused, Endpoint::sync);
  EXPECT_EQ(link.record().status, LinkStatus::relink);  // the accounts may be granted
  link.fails(refused, Endpoint::accounts);
  EXPECT_EQ(link.record().status, LinkStatus::blocked);
  EXPECT_EQ(link.store.relink->resolved_by, "reconnected");
  EXPECT_THAT(link.news(), ElementsAre("relink.resolved mk_1", "link.status mk_1"));
}

TEST(ForbiddenProducts, OfALinkThatStillWaitsLeaveItsEntry) {
  OneLink link;
  link.page({.next = "c1"});
  link.look(saying("error", "auth_expired"));
  link.fails(refused, Endpoint::sync);
  link.fails(refused, Endpoint::accounts);
  link.fails(refused, Endpoint::link);
  EXPECT_EQ(link.record().status, LinkStatus::relink);
  EXPECT_EQ(link.store.relink->status, core::RelinkStatus::open);
}

// That the link was connected before it said so is no sign that somebody has reconnected it.
TEST(ForbiddenProducts, BehindARefusalForWantOfTheOwnerLeaveItsEntry) {
  OneLink link;
  link.page({.next = "c1"});
  const core::Error expired{.code = Errc::relink_required,
                            .message = "422",
                            .http_status = 422,
                            .api_code = "link_error.bad_state",
                            .link_error_code = "auth_expired"};
  link.fails(expired, Endpoint::sync);
  EXPECT_EQ(link.record().upstream_state, "error");
  EXPECT_EQ(link.record().upstream_error_code, "auth_expired");
  link.retry_refused = true;
  link.fails(refused, Endpoint::sync);
  link.fails(refused, Endpoint::accounts);
  EXPECT_EQ(link.record().status, LinkStatus::relink);
  EXPECT_EQ(link.store.relink->status, core::RelinkStatus::open);
}

// ---- failures in a row ----

struct FailuresInARow : ReadableData {
  void fail_protocol() {
    const core::Error error{.code = Errc::protocol, .message = "no json"};
    link.fails(error);
  }
};

TEST_F(FailuresInARow, EndWithAPageThatBringsSomething) {
  for (int i = 0; i < 20; ++i) {
    fail_protocol();
    EXPECT_EQ(link.record().protocol_failures, 1u);
    EXPECT_EQ(link.record().failures, 1u);
    link.page({.created = {posted("n" + std::to_string(i))}, .next = "n" + std::to_string(i), .more = true});
    EXPECT_EQ(link.record().protocol_failures, 0u);
    EXPECT_EQ(link.record().failures, 0u);
  }
  EXPECT_EQ(link.record().status, LinkStatus::backoff);  // until the drain has ended
}

TEST_F(FailuresInARow, DoNotEndWithAPageThatOnlyPromisesMore) {
  fail_protocol();
  link.page({.next = "n1", .more = true});
  EXPECT_EQ(link.record().protocol_failures, 1u);
  EXPECT_EQ(link.record().failures, 1u);
}

TEST_F(FailuresInARow, OfTheFeedEndWithItsDrainThoughTheAccountsAreStillToBeAsked) {
  fail_protocol();
  link.now += link.policy.accounts_interval;
  EXPECT_TRUE(link.page({.next = "c2"}).accounts_next);
  EXPECT_EQ(link.record().status, LinkStatus::active);
  EXPECT_EQ(link.record().protocol_failures, 0u);
}

TEST_F(FailuresInARow, OfTheAccountsDoNotEndWithPages) {
  link.now += link.policy.accounts_interval;
  link.page({.next = "c2"});
  const core::Error error{.code = Errc::protocol, .message = "no json"};
  link.fails(error, Endpoint::accounts);
  link.page({.created = {posted("t3")}, .next = "c3", .more = true});
  EXPECT_TRUE(link.page({.next = "c4"}).accounts_next);
  EXPECT_EQ(link.record().protocol_failures, 1u);
  EXPECT_EQ(link.record().status, LinkStatus::backoff);
  link.accounts({account("acc_1")});
  EXPECT_EQ(link.record().protocol_failures, 0u);
  EXPECT_EQ(link.record().status, LinkStatus::active);
}

TEST(ThrottledForNoTime, WaitsASecondAtLeast) {
  OneLink link;
  link.page({.next = "c1"});
  for (const Millis none : {Millis(0), Millis(-5'000), Millis(1)}) {
    link.fails(core::Error{.code = Errc::throttled, .message = "429", .retry_after = none});
    EXPECT_GE(link.until_due(), Millis(1000));
  }
}

// 503 and its like: that link waits as long, however early its own backoff would have had it; but not for
// ever.
TEST(ToldWhenToComeBack, ALinkIsNotDueBefore) {
  OneLink link;
  link.page({.next = "c1"});
  for (int failure = 0; failure < 20; ++failure) {
    const core::Error error{
        .code = Errc::server, .message = "503", .http_status = 503, .retry_after = minutes(40)};
    link.fails(error);
    EXPECT_GE(link.until_due(), minutes(40)) << failure;
  }
  link.fails(core::Error{.code = Errc::server, .message = "503", .retry_after = hours(900)});
  EXPECT_LE(link.until_due(), link.policy.max_interval);
}

}  // namespace
}  // namespace syncd::test
