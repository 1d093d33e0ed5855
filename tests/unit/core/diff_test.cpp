#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

namespace syncd::test {
namespace {

using core::ChangeKind;
using testing::ElementsAre;
using testing::IsEmpty;

// A link that holds posted row t1 and account acc_1, with its news read.
OneLink with_t1() {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.accounts({account("acc_1")});
  link.news();
  return link;
}

TEST(Upsert, UnknownRowIsCreated) {
  OneLink link;
  const auto update = link.page({.created = {posted("t1")}});
  EXPECT_EQ(update.created, 1u);
  EXPECT_THAT(link.news(), ElementsAre("account.created acc_1", "transaction.created t1"));
  EXPECT_EQ(link.last_entry().before, "");
  EXPECT_EQ(link.last_entry().after, posted("t1"));
  EXPECT_EQ(link.store.rows["t1"].json, posted("t1"));
}

TEST(Upsert, KnownRowIsUpdatedWithBeforeAndAfter) {
  OneLink link = with_t1();
  const auto update = link.page({.updated = {posted("t1", "11.00")}, .next = "c2"});
  EXPECT_EQ(update.updated, 1u);
  EXPECT_THAT(link.news(), ElementsAre("transaction.updated t1"));
  EXPECT_EQ(link.last_entry().before, posted("t1"));
  EXPECT_EQ(link.last_entry().after, posted("t1", "11.00"));
}

TEST(Upsert, SameBytesWriteNothing) {
  OneLink link = with_t1();
  const auto update = link.page({.created = {posted("t1")}, .updated = {posted("t1")}, .next = "c2"});
  EXPECT_THAT(update.transaction_puts, IsEmpty());
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_EQ(link.record().cursor->text, "c2");
}

TEST(Upsert, SameMeaningInAnotherOrderWritesNothing) {
  OneLink link = with_t1();
  const auto update = link.page({.updated = {reordered({.id = "t1"})}, .next = "c2"});
  EXPECT_THAT(update.transaction_puts, IsEmpty());
  EXPECT_THAT(link.news(), IsEmpty());
}

TEST(Upsert, AnotherTextOfTheSameNumberIsADifference) {
  OneLink link = with_t1();
  link.page({.updated = {posted("t1", "10.000")}, .next = "c2"});
  EXPECT_THAT(link.news(), ElementsAre("transaction.updated t1"));
}

TEST(Upsert, UpdateOfAnUnknownRowCreatesIt) {
  OneLink link = with_t1();
  link.page({.updated = {posted("t2")}, .next = "c2"});
  EXPECT_THAT(link.news(), ElementsAre("transaction.created t2"));
}

TEST(Upsert, RowThatMovesToAnotherAccountIsOneUpdate) {
  OneLink link = with_t1();
  link.page({.updated = {RowText{.id = "t1", .account = "acc_2"}.json()},
             .next = "c2",
             .accounts = {{account("acc_1"), account("acc_2")}}});
  EXPECT_THAT(link.news(), ElementsAre("account.created acc_2", "transaction.updated t1"));
  EXPECT_EQ(link.store.rows["t1"].account_id, "acc_2");
}

TEST(Remove, KnownRowIsRemovedOnce) {
  OneLink link = with_t1();
  link.page({.removed = {"t1", "t1"}, .next = "c2"});
  EXPECT_THAT(link.news(), ElementsAre("transaction.removed t1"));
  EXPECT_EQ(link.last_entry().before, posted("t1"));
  EXPECT_EQ(link.last_entry().after, "");
  EXPECT_THAT(link.visible(), IsEmpty());
}

TEST(Remove, UnknownRowIsNoNews) {
  OneLink link = with_t1();
  const auto update = link.page({.removed = {"never_seen"}, .next = "c2"});
  EXPECT_EQ(update.removed, 0u);
  EXPECT_THAT(link.news(), IsEmpty());
}

struct OnePage {
  const char* name;
  PageText page;
  Lines news;
  Lines rows;
};

// The order within a page is created, updated, removed; the last word counts, and makes at most one entry.
TEST(LastWord, CountsWithinAPage) {
  const OnePage cases[] = {
      {"created and updated",
       {.created = {posted("t2", "1.00")}, .updated = {posted("t2", "2.00")}},
       {"transaction.created t2"},
       {"t1", "t2"}},
      {"created twice",
       {.created = {posted("t2", "1.00"), posted("t2", "2.00")}},
       {"transaction.created t2"},
       {"t1", "t2"}},
      {"created and removed", {.created = {posted("t2")}, .removed = {"t2"}}, {}, {"t1"}},
      {"updated and removed",
       {.updated = {posted("t1", "5.00")}, .removed = {"t1"}},
       {"transaction.removed t1"},
       {}},
      {"pending and posted",
       {.created = {pending("t2")}, .updated = {posted("t2")}},
       {"transaction.created t2"},
       {"t1", "t2"}},
      {"entries are in the order of ids",
       {.created = {posted("t3"), posted("t2")}},
       {"transaction.created t2", "transaction.created t3"},
       {"t1", "t2", "t3"}},
  };
  for (const OnePage& test : cases) {
    SCOPED_TRACE(test.name);
    OneLink link = with_t1();
    PageText page = test.page;
    page.next = "c2";
    link.page(page);
    EXPECT_EQ(link.news(), test.news);
    EXPECT_EQ(link.visible(), test.rows);
  }
}

// Ids that are alike in front, in their length or all through must come in the order of their bytes: the
// update is checked for it when it is applied.
TEST(LastWord, IdsOfAnyShapeAreInTheirOrder) {
  const std::vector<std::vector<std::string>> shapes = {
      {"b", "a", "ab", "abc", "abcdefghij", "abcdefghi", "abcdefgh", "abcdefg"},
      {"txn_b", "txn_", "txn_a", "txn_\xC3\xA9", "txn_z", "txn_aaaaaaaaaaaaaaaab", "txn_aaaaaaaaaaaaaaaaa"},
      {"same", "same", "same"},
  };
  for (const auto& ids : shapes) {
    OneLink link;
    PageText page{.next = "c1"};
    for (const std::string& id : ids)
      page.created.push_back(posted(id));
    link.page(page);
    const std::set<std::string> expected(ids.begin(), ids.end());
    EXPECT_EQ(link.visible(), Lines(expected.begin(), expected.end()));
  }
}

TEST(LastWord, OfCreatedTwiceIsTheSecond) {
  OneLink link = with_t1();
  link.page({.created = {posted("t2", "1.00"), posted("t2", "2.00")}, .next = "c2"});
  EXPECT_EQ(link.store.rows["t2"].json, posted("t2", "2.00"));
}

TEST(LastWord, RemovedOnOnePageAndCreatedOnTheNextIsThere) {
  OneLink link = with_t1();
  link.page({.removed = {"t1"}, .next = "c2", .more = true});
  link.page({.created = {posted("t1")}, .next = "c3"});
  EXPECT_THAT(link.news(), ElementsAre("transaction.removed t1", "transaction.created t1"));
  EXPECT_THAT(link.visible(), ElementsAre("t1"));
}

// ---- accounts ----

TEST(EmbeddedAccounts, UnchangedArrayIsNotEvenLookedAt) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.news();
  const auto page = core::parse_page(PageText{.next = "c2"}.json());
  ASSERT_TRUE(page);
  EXPECT_FALSE(core::plan_lookup(link.record(), **page, nullptr).accounts);
  link.page({.next = "c2"});
  EXPECT_THAT(link.news(), IsEmpty());
}

TEST(EmbeddedAccounts, BalanceThatMovedIsAnUpdate) {
  OneLink link = with_t1();
  link.page({.next = "c2", .accounts = {{account("acc_1", "2.00")}}});
  EXPECT_THAT(link.news(), ElementsAre("account.updated acc_1"));
  EXPECT_EQ(link.last_entry().before, account("acc_1", "1.00"));
  EXPECT_EQ(link.last_entry().after, account("acc_1", "2.00"));
}

TEST(EmbeddedAccounts, NeverMakeAnAccountGone) {
  OneLink link = with_t1();
  link.page({.next = "c2", .accounts = std::vector<std::string>{}});
  link.page({.next = "c3", .accounts = std::nullopt});
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_EQ(link.record().counts.accounts, 1u);
}

TEST(EmbeddedAccounts, ListedTwiceTheLastCounts) {
  OneLink link = with_t1();
  link.page({.next = "c2", .accounts = {{account("acc_2", "1.00"), account("acc_2", "2.00")}}});
  EXPECT_THAT(link.news(), ElementsAre("account.created acc_2"));
  EXPECT_EQ(link.store.accounts["acc_2"].json, account("acc_2", "2.00"));
}

TEST(FullPull, AccountThatIsMissingIsGoneAndMayReturn) {
  OneLink link = with_t1();
  link.accounts({});
  EXPECT_THAT(link.news(), ElementsAre("account.gone acc_1"));
  EXPECT_TRUE(link.store.accounts["acc_1"].gone);
  EXPECT_EQ(link.store.accounts["acc_1"].gone_since, link.now);
  EXPECT_THAT(link.visible(), ElementsAre("t1"));  // its transactions stay

  link.accounts({});
  EXPECT_THAT(link.news(), IsEmpty());

  link.accounts({account("acc_1", "3.00")});
  EXPECT_THAT(link.news(), ElementsAre("account.returned acc_1"));
  EXPECT_EQ(link.last_entry().before, "");
  EXPECT_EQ(link.last_entry().after, account("acc_1", "3.00"));
  EXPECT_FALSE(link.store.accounts["acc_1"].gone);
}

TEST(FullPull, TheSameAccountsAreNoNews) {
  OneLink link = with_t1();
  const auto update = link.accounts({account("acc_1")});
  EXPECT_THAT(update.account_puts, IsEmpty());
  EXPECT_THAT(link.news(), IsEmpty());
}

// As many as an answer may hold, in any order, half of them twice.
TEST(FullPull, OfVeryManyAccounts) {
  constexpr int accounts = 40'000;
  OneLink link = with_t1();
  std::vector<std::string> rows;
  for (int i = 0; i < accounts; ++i)
    rows.push_back(account("a" + std::to_string(i * 7919 % accounts), "1.00"));
  for (int i = 0; i < accounts / 2; ++i)
    rows.push_back(account("a" + std::to_string(i), "2.00"));
  link.accounts(rows);
  EXPECT_EQ(link.record().counts.accounts, static_cast<std::uint64_t>(accounts));
  EXPECT_EQ(link.store.accounts["a0"].json, account("a0", "2.00"));
  EXPECT_EQ(link.store.accounts["a39999"].json, account("a39999", "1.00"));
  EXPECT_TRUE(link.store.accounts["acc_1"].gone);
  link.news();
  link.accounts(rows);
  EXPECT_THAT(link.news(), IsEmpty());
}

TEST(UnknownAccount, IsFoundAmongVeryMany) {
  constexpr int accounts = 30'000;
  OneLink link;
  PageText page{.accounts = std::vector<std::string>{}};
  for (int i = 0; i < accounts; ++i) {
    const std::string id = "a" + std::to_string(i * 7919 % accounts);
    page.accounts->push_back(account(id));
    page.created.push_back(RowText{.id = "t" + std::to_string(i), .account = id}.json());
  }
  link.page(page);
  link.accounts(*page.accounts);
  EXPECT_FALSE(link.page(page).accounts_next);
  page.updated = {RowText{.id = "t0", .account = "another"}.json()};
  EXPECT_TRUE(link.page(page).accounts_next);
}

TEST(UnknownAccount, WantsAFullPull) {
  OneLink link = with_t1();
  const auto update = link.page({.created = {RowText{.id = "t2", .account = "acc_9"}.json()}, .next = "c2"});
  EXPECT_TRUE(link.record().accounts_wanted);
  EXPECT_TRUE(update.accounts_next);
  link.accounts({account("acc_1"), account("acc_9")});
  EXPECT_FALSE(link.record().accounts_wanted);
}

TEST(UnknownAccount, IsOneThatIsGoneToo) {
  OneLink link = with_t1();
  link.accounts({});
  const auto update = link.page({.created = {posted("t2")}, .next = "c2", .accounts = std::nullopt});
  EXPECT_TRUE(update.accounts_next);
}

TEST(UnknownAccount, IsNotOneThatThePageBrings) {
  OneLink link = with_t1();
  const auto update = link.page({.created = {RowText{.id = "t2", .account = "acc_9"}.json()},
                                 .next = "c2",
                                 .accounts = {{account("acc_9")}}});
  EXPECT_FALSE(update.accounts_next);
}

// ---- which pending row a posted one settles ----

struct Settles {
  const char* name;
  std::vector<RowText> pending_rows;
  std::vector<RowText> posted_rows;
  std::map<std::string, std::string> from;  // posted id to pending id, empty: none
};

TEST(PostedFrom, IsTheUniqueBestMatchOrNothing) {
  const Settles cases[] = {
      {"the same payment", {{.id = "p1"}}, {{.id = "t1"}}, {{"t1", "p1"}}},
      {"another amount", {{.id = "p1"}}, {{.id = "t1", .amount = "10.01"}}, {{"t1", ""}}},
      {"another account", {{.id = "p1"}}, {{.id = "t1", .account = "acc_2"}}, {{"t1", ""}}},
      {"ten days later", {{.id = "p1"}}, {{.id = "t1", .date = "2025-05-10"}}, {{"t1", "p1"}}},
      {"eleven days later", {{.id = "p1"}}, {{.id = "t1", .date = "2025-05-11"}}, {{"t1", ""}}},
      {"two equal candidates", {{.id = "p1"}, {.id = "p2"}}, {{.id = "t1"}}, {{"t1", ""}}},
      {"the description decides",
       {{.id = "p1"}, {.id = "p2", .words = "TEA"}},
       {{.id = "t1", .words = "TEA"}},
       {{"t1", "p2"}}},
      {"the date decides",
       {{.id = "p1"}, {.id = "p2", .date = "2025-05-01"}},
       {{.id = "t1", .date = "2025-05-01"}},
       {{"t1", "p2"}}},
      {"two claims on one", {{.id = "p1"}}, {{.id = "t1"}, {.id = "t2"}}, {{"t1", ""}, {"t2", ""}}},
      {"two equal pairs",
       {{.id = "p1"}, {.id = "p2"}},
       {{.id = "t1"}, {.id = "t2"}},
       {{"t1", ""}, {"t2", ""}}},
  };
  for (const Settles& test : cases) {
    SCOPED_TRACE(test.name);
    OneLink link;
    PageText first{.next = "c1"};
    for (RowText row : test.pending_rows) {
      row.pending = true;
      first.created.push_back(row.json());
    }
    link.page(first);
    PageText second{.next = "c2", .link = {.clock = clock_2}};
    for (const RowText& row : test.posted_rows)
      second.created.push_back(row.json());
    link.page(second);
    for (const auto& [id, from] : test.from)
      EXPECT_EQ(link.store.rows[id].posted_from, from) << id;
  }
}

TEST(PostedFrom, StaysThroughLaterUpdates) {
  OneLink link;
  link.page({.created = {pending("p1")}, .next = "c1"});
  link.page({.created = {posted("t1")}, .next = "c2", .link = {.clock = clock_2}});
  link.page({.updated = {posted("t1", "10.50")}, .next = "c3", .link = {.clock = clock_3}});
  EXPECT_EQ(link.store.rows["t1"].posted_from, "p1");
}

TEST(PostedFrom, IsNoRowThatStaysUnderAnUnchangedClock) {
  OneLink link;
  link.page({.created = {pending("p1")}, .next = "c1"});
  link.page({.created = {posted("t1")}, .next = "c2"});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1"));
  EXPECT_EQ(link.store.rows["t1"].posted_from, "");
}

// ---- the same, over the pages of a drain ----

// Holds pending p1 and p2, which nothing but their amounts (1.00 and 2.00) tells apart.
struct PostedFromOverPages : testing::Test {
  PostedFromOverPages() {
    link.page({.created = {pending("p1", "1.00"), pending("p2", "2.00")}, .next = "c1"});
    link.accounts({account("acc_1")});
    link.news();
  }
  // One more page of a drain under clock_2.
  core::LinkUpdate page(PageText text, bool more) {
    text.next = "n" + std::to_string(++pages_);
    text.more = more;
    text.link.clock = clock_2;
    return link.page(text);
  }
  std::string from(const std::string& id) { return link.store.rows.at(id).posted_from; }

  OneLink link;

 private:
  int pages_ = 0;
};

TEST_F(PostedFromOverPages, IsNamedWhenTheDrainEnds) {
  page({.created = {posted("t1", "1.00")}}, true);
  EXPECT_EQ(from("t1"), "");
  const auto last = page({.created = {posted("t2", "2.00")}}, false);
  EXPECT_EQ(from("t1"), "p1");
  EXPECT_EQ(from("t2"), "p2");
  EXPECT_EQ(last.created, 1u);
  EXPECT_EQ(last.updated, 0u);
  // Upstream says the same of t1 as before: no entry of its own.
  EXPECT_THAT(link.news(), ElementsAre("transaction.created t1", "transaction.created t2",
                                       "transaction.removed p1", "transaction.removed p2"));
  EXPECT_EQ(link.record().drain, core::DrainState{});
}

TEST_F(PostedFromOverPages, TwoPagesThatClaimOneRowAreNoMatch) {
  page({.created = {posted("t1", "1.00")}}, true);
  page({.created = {posted("t2", "1.00")}}, true);
  page({.created = {posted("t3", "2.00")}}, false);
  EXPECT_EQ(from("t1"), "");
  EXPECT_EQ(from("t2"), "");
  EXPECT_EQ(from("t3"), "p2");
}

TEST_F(PostedFromOverPages, IsNoRowThatAnotherPageListsAgain) {
  for (const bool before : {true, false}) {
    SCOPED_TRACE(before);
    link = OneLink();
    link.page({.created = {pending("p1", "1.00")}, .next = "c1"});
    const PageText again{.created = {pending("p1", "1.00")}};
    const PageText settles{.created = {posted("t1", "1.00")}};
    page(before ? again : settles, true);
    page(before ? settles : again, true);
    page({}, false);
    EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1"));
    EXPECT_EQ(from("t1"), "");
  }
}

TEST_F(PostedFromOverPages, IsNoRowThatTheLastPageListsAgain) {
  page({.created = {posted("t1", "1.00"), posted("t2", "2.00")}}, true);
  page({.created = {pending("p1", "1.00")}}, false);
  EXPECT_EQ(from("t1"), "");
  EXPECT_EQ(from("t2"), "p2");
}

TEST_F(PostedFromOverPages, IsARowThatWasListedBeforeTheSetWasRebuiltWithoutIt) {
  page({.created = {posted("t1", "1.00"), pending("p1", "1.00")}}, true);
  link.page({.created = {pending("p2", "2.00")}, .next = "end", .link = {.clock = clock_3}});
  EXPECT_THAT(link.visible(), ElementsAre("p2?", "t1"));
  EXPECT_EQ(from("t1"), "p1");
}

TEST_F(PostedFromOverPages, IsOfTheRowAsItIsAtTheEnd) {
  page({.created = {posted("t1", "9.00"), posted("t2", "9.00")}}, true);
  page({.updated = {posted("t1", "1.00")}}, true);
  page({.updated = {posted("t2", "2.00")}}, false);
  EXPECT_EQ(from("t1"), "p1");
  EXPECT_EQ(from("t2"), "p2");
}

TEST_F(PostedFromOverPages, RowThatIsGoneByThenClaimsNothing) {
  for (const bool on_last_page : {true, false}) {
    SCOPED_TRACE(on_last_page);
    link = OneLink();
    link.page({.created = {pending("p1", "1.00")}, .next = "c1"});
    page({.created = {posted("t1", "1.00"), posted("t2", "1.00")}}, true);
    page({.removed = {"t2"}}, !on_last_page);
    if (!on_last_page) page({}, false);
    EXPECT_THAT(link.visible(), ElementsAre("t1"));
    EXPECT_EQ(from("t1"), "p1");
  }
}

TEST_F(PostedFromOverPages, RowThatTurnedPendingByThenHasNone) {
  for (const bool on_last_page : {true, false}) {
    SCOPED_TRACE(on_last_page);
    link = OneLink();
    link.page({.created = {pending("p1", "1.00")}, .next = "c1"});
    page({.created = {posted("t1", "1.00")}}, true);
    page({.created = {pending("t1", "1.00")}}, !on_last_page);
    if (!on_last_page) page({}, false);
    EXPECT_THAT(link.visible(), ElementsAre("t1?"));
    EXPECT_EQ(from("t1"), "");
  }
}

// t1 was not pending before the drain, so nothing can have come from it.
TEST_F(PostedFromOverPages, IsNoRowThatTurnedPendingInTheDrainOnly) {
  link.page({.created = {posted("t1", "5.00")}, .next = "c1b"});
  page({.created = {pending("t1", "5.00")}}, true);
  page({.created = {posted("t5", "5.00")}}, true);
  link.page({.next = "end", .link = {.clock = clock_3}});
  EXPECT_THAT(link.visible(), ElementsAre("t5"));
  EXPECT_EQ(from("t5"), "");
}

TEST_F(PostedFromOverPages, NothingIsNamedWhenThePendingRowsStay) {
  link.page({.created = {posted("t1", "1.00")}, .next = "c2", .more = true});
  link.page({.next = "c3"});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "p2?", "t1"));
  EXPECT_EQ(from("t1"), "");
}

TEST_F(PostedFromOverPages, MatchingIsGivenUpBeyondItsBound) {
  for (const std::size_t rows : {core::drain_posted_max, core::drain_posted_max + 1}) {
    SCOPED_TRACE(rows);
    link = OneLink();
    link.page({.created = {pending("p1", "1.00")}, .next = "c1"});
    PageText many;
    for (std::size_t i = 1; i < rows; ++i)
      many.created.push_back(posted("x" + std::to_string(i), "7.00"));
    page(many, true);
    page({.created = {posted("t1", "1.00")}}, true);
    const bool fits = rows == core::drain_posted_max;
    EXPECT_EQ(link.record().drain.posted_ids.size(), fits ? rows : 0u);
    EXPECT_EQ(link.record().drain.match_given_up, !fits);
    page({}, false);
    EXPECT_EQ(from("t1"), fits ? "p1" : "");
    EXPECT_FALSE(link.record().drain.match_given_up);
  }
}

TEST(PostedFrom, NothingIsRememberedWhileNoRowIsPending) {
  OneLink link;
  link.page({.created = {posted("t1"), pending("p1")}, .next = "c1", .more = true});
  link.page({.created = {posted("t2")}, .next = "c2", .more = true});
  EXPECT_THAT(link.record().drain.posted_ids, IsEmpty());
}

TEST(PostedFrom, IsNoRowThatIsStillPending) {
  OneLink link;
  link.page({.created = {pending("p1")}, .next = "c1"});
  link.page({.created = {pending("p1")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  link.page({.created = {posted("t1")}, .next = "c3", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1"));
  EXPECT_EQ(link.store.rows["t1"].posted_from, "");
}

}  // namespace
}  // namespace syncd::test
