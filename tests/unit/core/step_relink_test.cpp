#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

// What people do to an entry, and what the link's own state does to it behind them.
namespace syncd::test {
namespace {

using core::LinkStatus;
using core::RelinkStatus;
using Kind = core::RelinkRequest::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

LinkText in_error(const char* code) {
  return {.state = "error", .error_code = code};
}

// Its owner must act.
OneLink waiting() {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.accounts({account("acc_1")});
  link.look(in_error("auth_expired"));
  link.news();
  return link;
}

std::vector<std::string> steps(const OneLink& link) {
  std::vector<std::string> kinds;
  for (const core::RelinkEvent& event : link.store.relink->history)
    kinds.emplace_back(core::to_string(event.kind));
  return kinds;
}

// Whoever knows whose link it is was slower than the discovery, and than its owner's trouble.
TEST(Relink, LearnsWhoseItsLinkIs) {
  OneLink link = waiting();
  link.store.record.customer_user_id.clear();
  link.store.relink->customer_user_id.clear();
  const core::LinkRecord before = link.record();
  const std::uint64_t version = link.store.relink->version;
  const core::Registration registration{core::LinkId{the_link}, "user_7", {"a"}};
  EXPECT_TRUE(core::completes(registration, before));
  const auto update = link.complete(registration);
  EXPECT_TRUE(update.changes.empty());
  EXPECT_EQ(link.record().customer_user_id, "user_7");
  EXPECT_EQ(link.record().tags, std::vector<std::string>{"a"});
  EXPECT_EQ(link.record().status, LinkStatus::relink);
  EXPECT_EQ(link.record().fence, before.fence + 1);
  EXPECT_EQ(link.record().next_due_at, before.next_due_at);
  EXPECT_EQ(link.record().last_attempt_at, before.last_attempt_at);
  EXPECT_EQ(link.store.relink->customer_user_id, "user_7");
  EXPECT_EQ(link.store.relink->version, version + 1);
  EXPECT_FALSE(core::completes(registration, link.record()));
}

TEST(Relink, KeepsWhatItsRegistrationSaid) {
  OneLink link = waiting();
  const std::uint64_t version = link.store.relink->version;
  const core::Registration other{core::LinkId{the_link}, "user_8", {"a"}};
  EXPECT_TRUE(core::completes(other, link.record())) << "it has no tags";
  link.complete(other);
  EXPECT_EQ(link.record().customer_user_id, "user_1");
  EXPECT_EQ(link.record().tags, std::vector<std::string>{"a"});
  EXPECT_EQ(link.store.relink->version, version);
  EXPECT_FALSE(core::completes({core::LinkId{the_link}, "user_8", {"b"}}, link.record()));
  EXPECT_FALSE(core::completes({core::LinkId{the_link}, {}, {}}, link.record()));
}

TEST(Relink, WorkOnAnEntryIsNoNews) {
  OneLink link = waiting();
  const core::LinkRecord before = link.record();
  link.act(Kind::claim);
  link.act(Kind::note);
  link.act(Kind::session);
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_EQ(link.record().status, LinkStatus::relink);
  EXPECT_EQ(link.record().next_due_at, before.next_due_at);
  EXPECT_EQ(link.record().last_attempt_at, before.last_attempt_at) << "nothing was tried";
  EXPECT_EQ(link.record().fence, before.fence + 3);
  link.look(in_error("auth_expired"));
  EXPECT_EQ(link.store.relink->status, RelinkStatus::session_issued)
      << "a look that says the same changes nothing";
}

TEST(Relink, AnEntryThatIsWorkedOnClosesByItself) {
  for (const Kind kind : {Kind::claim, Kind::session}) {
    OneLink link = waiting();
    link.act(kind);
    link.page({.created = {posted("t2")}, .next = "c2"});
    EXPECT_EQ(link.store.relink->status, RelinkStatus::resolved);
    EXPECT_EQ(link.store.relink->resolved_by, "reconnected");
    EXPECT_THAT(link.news(), testing::Contains("relink.resolved mk_1"));
  }
}

TEST(Relink, ADismissedEntryStaysClosedForTheSameReason) {
  OneLink link = waiting();
  link.act(Kind::dismiss);
  EXPECT_THAT(link.news(), ElementsAre("relink.resolved mk_1"));
  EXPECT_EQ(link.record().status, LinkStatus::relink) << "the link waits all the same";
  link.look(in_error("auth_expired"));
  link.page({.next = "c2", .link = in_error("auth_expired")});
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_EQ(link.store.relink->status, RelinkStatus::dismissed);
  link.pause();
  link.resume();
  EXPECT_EQ(link.record().status, LinkStatus::relink);
}

TEST(Relink, AnotherReasonOpensADismissedEntry) {
  OneLink link = waiting();
  link.act(Kind::dismiss);
  link.news();
  link.look(in_error("invalid_credentials"));
  EXPECT_THAT(link.news(), ElementsAre("relink.opened mk_1"));
  EXPECT_EQ(link.store.relink->status, RelinkStatus::open);
  EXPECT_EQ(link.store.relink->reopened, 1u);
}

// The feed has heard that it is closed; what is left is how the wait ended.
TEST(Relink, TheEndOfADismissedWaitIsNoted) {
  OneLink link = waiting();
  link.act(Kind::dismiss);
  link.news();
  link.page({.next = "c2"});
  EXPECT_THAT(link.news(), ElementsAre("link.status mk_1"));
  EXPECT_EQ(link.store.relink->status, RelinkStatus::resolved);
  EXPECT_EQ(link.store.relink->resolved_by, "reconnected");
  link.look(in_error("auth_expired"));
  EXPECT_THAT(link.news(), ElementsAre("relink.opened mk_1", "link.status mk_1"));
}

TEST(Relink, ADismissedEntryIsOpenedByAPerson) {
  OneLink link = waiting();
  const core::WallTime opened_at = link.store.relink->opened_at;
  link.act(Kind::dismiss);
  link.news();
  link.act(Kind::reopen);
  EXPECT_THAT(link.news(), ElementsAre("relink.opened mk_1"));
  EXPECT_EQ(link.store.relink->opened_at, opened_at);
}

TEST(Relink, TheHistoryTellsAllOfIt) {
  OneLink link = waiting();
  link.act(Kind::claim);
  link.look(in_error("invalid_credentials"));
  link.page({.next = "c2"});
  link.look(in_error("auth_expired"));
  EXPECT_EQ(steps(link),
            (std::vector<std::string>{"opened", "claimed", "reason_changed", "resolved", "reopened"}));
  EXPECT_EQ(link.store.relink->assignee, "") << "what is opened anew is nobody's";
  EXPECT_EQ(link.store.relink->version, 5u);
}

}  // namespace
}  // namespace syncd::test
