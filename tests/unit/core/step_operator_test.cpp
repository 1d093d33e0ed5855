#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

// What an operator does to a link beside pausing it.
namespace syncd::test {
namespace {

using core::Cause;
using core::Errc;
using core::LinkStatus;
using testing::ElementsAre;
using testing::IsEmpty;

OneLink healthy() {
  OneLink link;
  link.page({.created = {posted("a"), posted("b"), pending("p")}, .next = "c1"});
  link.accounts({account("acc_1")});
  link.news();
  return link;
}

void lose(OneLink& link, const std::string& id) {
  link.store.rows.erase(id);
  --link.store.record.counts.transactions;
}

std::vector<Cause> causes(const OneLink& link, std::size_t from) {
  std::vector<Cause> found;
  for (std::size_t i = from; i < link.store.feed.size(); ++i)
    found.push_back(link.store.feed[i].cause);
  return found;
}

TEST(Repair, OfASoundLinkTellsNothing) {
  OneLink link = healthy();
  const std::uint32_t generation = link.record().generation;
  link.repair();
  EXPECT_FALSE(link.record().cursor);
  EXPECT_TRUE(link.record().repairing);
  EXPECT_EQ(link.record().generation, generation + 1);
  EXPECT_EQ(link.record().next_due_at, link.now);
  EXPECT_EQ(link.record().resyncs_in_window, 0u) << "those are for cursors that upstream refuses";
  EXPECT_THAT(link.visible(), ElementsAre("a", "b", "p?"));
  const auto end = link.page({.created = {posted("a"), posted("b"), pending("p")}, .next = "n1"});
  EXPECT_TRUE(end.accounts_next) << "the accounts belong to it";
  link.accounts({account("acc_1")});
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_FALSE(link.record().repairing);
  EXPECT_FALSE(link.record().resync);
}

TEST(Repair, TellsTheTrueDifferencesWithItsCause) {
  OneLink link = healthy();
  link.store.rows.erase("a");
  link.store.rows["b"].json = posted("b", "99.00");
  link.store.rows["x"] = link.store.rows["b"];
  link.store.rows["x"].transaction_id = "x";
  link.store.accounts["acc_1"].json = account("acc_1", "77.00");
  const std::size_t told = link.store.feed.size();
  link.repair();
  link.page({.created = {posted("a")}, .next = "n1", .more = true, .accounts = std::nullopt});
  link.page({.created = {posted("b"), pending("p")}, .next = "n2", .accounts = std::nullopt});
  link.accounts({account("acc_1")});
  EXPECT_THAT(link.news(), ElementsAre("transaction.created a", "transaction.updated b",
                                       "transaction.removed x", "account.updated acc_1"));
  EXPECT_THAT(causes(link, told), ElementsAre(Cause::verify, Cause::verify, Cause::verify, Cause::verify));
  // Behind it, news are news again.
  link.page({.created = {posted("c")}, .next = "n3"});
  EXPECT_EQ(link.last_entry().cause, Cause::schedule);
}

// The process may end between any two pages: what it was about is in the record.
TEST(Repair, IsKnownByTheRecordAlone) {
  OneLink link = healthy();
  lose(link, "b");
  link.repair();
  link.page({.created = {posted("a")}, .next = "n1", .more = true});
  const core::LinkRecord kept = link.record();
  EXPECT_TRUE(kept.repairing && kept.resync);
  link.fails(Errc::transport);
  EXPECT_TRUE(link.record().repairing);
  link.news();
  const std::size_t told = link.store.feed.size();
  link.page({.created = {posted("b"), pending("p")}, .next = "n2"});
  EXPECT_THAT(link.news(), testing::Contains("transaction.created b"));
  EXPECT_THAT(causes(link, told), testing::Each(Cause::verify));
}

TEST(Repair, GoesOnWhenItsCursorIsRefused) {
  OneLink link = healthy();
  lose(link, "b");
  link.repair();
  link.page({.created = {posted("a")}, .next = "n1", .more = true});
  link.fails(Errc::cursor_rejected);
  EXPECT_TRUE(link.record().repairing);
  link.page({.created = {posted("a"), posted("b"), pending("p")}, .next = "n2"});
  EXPECT_EQ(link.last_entry().cause, Cause::verify);
  link.accounts({account("acc_1")});
  EXPECT_FALSE(link.record().repairing);
}

TEST(Repair, OfALinkWithoutTransactionsPullsItsAccounts) {
  OneLink link;
  const LinkText without{.accounts_clock = clock_1, .has_transactions = false};
  link.look(without);
  link.accounts({account("acc_1")}, without);
  link.news();
  link.store.accounts["acc_1"].json = account("acc_1", "77.00");
  link.repair();
  EXPECT_FALSE(link.record().resync) << "its feed was never asked";
  link.accounts({account("acc_1")}, without);
  EXPECT_THAT(link.news(), ElementsAre("account.updated acc_1"));
  EXPECT_EQ(link.last_entry().cause, Cause::verify);
  EXPECT_FALSE(link.record().repairing);
}

// What is refused cannot be repaired: the repair is over, and the next one begins anew.
TEST(Repair, EndsWhenItsAccountsAreRefused) {
  OneLink link = healthy();
  link.repair();
  link.page({.created = {posted("a"), posted("b"), pending("p")}, .next = "n1"});
  EXPECT_TRUE(link.record().repairing);
  const core::Error refusal{.code = Errc::forbidden, .message = "no", .http_status = 403};
  link.fails(refusal, core::Endpoint::accounts);
  EXPECT_TRUE(link.record().accounts_forbidden);
  EXPECT_FALSE(link.record().repairing);
  EXPECT_EQ(link.record().status, LinkStatus::active);
}

TEST(Repair, OfAccountsAloneEndsWhenTheyAreRefused) {
  OneLink link;
  const LinkText without{.accounts_clock = clock_1, .has_transactions = false};
  link.look(without);
  link.accounts({account("acc_1")}, without);
  link.repair();
  const core::Error refusal{.code = Errc::forbidden, .message = "no", .http_status = 403};
  link.fails(refusal, core::Endpoint::accounts);
  EXPECT_EQ(link.record().status, LinkStatus::blocked);
  EXPECT_FALSE(link.record().repairing);
}

// The feed is refused in the middle of the replay: it goes on, with its cause, when it is granted again.
TEST(Repair, WaitsForARefusedFeed) {
  OneLink link = healthy();
  lose(link, "b");
  link.repair();
  link.page({.created = {posted("a")}, .next = "n1", .more = true});
  const core::Error refusal{.code = Errc::forbidden, .message = "no", .http_status = 403};
  link.fails(refusal, core::Endpoint::sync);
  link.store.accounts["acc_1"].json = account("acc_1", "77.00");
  link.accounts({account("acc_1")});
  EXPECT_TRUE(link.record().repairing && link.record().resync);
  EXPECT_EQ(link.last_entry().cause, Cause::verify) << "of its accounts, too";
  link.page({.created = {posted("b"), pending("p")}, .next = "n2"});
  EXPECT_EQ(link.last_entry().cause, Cause::verify);
  EXPECT_FALSE(link.record().repairing);
}

// ---- dead letters ----

OneLink quarantined() {
  OneLink link = healthy();
  const core::Error error{.code = Errc::protocol, .message = "no json", .redacted_body = "[?]"};
  for (std::uint32_t i = 0; i < link.policy.protocol_failures_max; ++i)
    link.fails(error);
  EXPECT_EQ(link.record().status, LinkStatus::quarantined);
  link.news();
  return link;
}

TEST(DeadLetter, KeepsTheStructureOfTheBodyOnlyWhenTold) {
  OneLink link = quarantined();
  EXPECT_EQ(link.store.dead_letters.at(0).redacted_body, "");
  link.policy.keep_redacted_bodies = true;
  link.now += std::chrono::hours(1);
  link.fails(core::Error{.code = Errc::protocol, .message = "no json", .redacted_body = "[?]"});
  EXPECT_EQ(link.store.dead_letters.at(1).redacted_body, "[?]");
}

TEST(DeadLetter, RetryLeavesTheQuarantineAndKeepsTheLetter) {
  OneLink link = quarantined();
  const core::DeadLetter letter = link.store.dead_letters.at(0);
  link.now += std::chrono::hours(1);
  const core::WallTime last_attempt = link.record().last_attempt_at;
  link.retry_letter(letter.at);
  EXPECT_EQ(link.record().status, LinkStatus::active);
  EXPECT_EQ(link.record().protocol_failures, 0u);
  EXPECT_EQ(link.record().failures, 0u);
  EXPECT_EQ(link.record().next_due_at, link.now);
  EXPECT_EQ(link.record().last_attempt_at, last_attempt) << "nothing was asked yet";
  EXPECT_THAT(link.news(), ElementsAre("link.status mk_1"));
  ASSERT_EQ(link.store.dead_letters.size(), 1u);
  core::DeadLetter expected = letter;
  expected.retried_at = link.now;
  EXPECT_EQ(link.store.dead_letters[0], expected);
  // The same failure again is a failure like any first one.
  link.fails(core::Error{.code = Errc::protocol, .message = "no json"});
  EXPECT_EQ(link.record().status, LinkStatus::backoff);
}

TEST(DeadLetter, DropTakesTheLetterAndNothingElse) {
  OneLink link = quarantined();
  const core::LinkRecord before = link.record();
  link.drop_letter(link.store.dead_letters.at(0).at);
  EXPECT_THAT(link.store.dead_letters, IsEmpty());
  EXPECT_THAT(link.news(), IsEmpty());
  core::LinkRecord expected = before;
  ++expected.fence;
  EXPECT_EQ(link.record(), expected);
}

}  // namespace
}  // namespace syncd::test
