#include "sync/core/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

namespace syncd::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::shared_ptr<const core::Page> parsed(const PageText& text) {
  auto page = core::parse_page(text.json());
  EXPECT_TRUE(page) << page.error().message;
  return *page;
}

// ---- what must not be believed ----

TEST(CursorGuard, MissingWhileThereIsMore) {
  OneLink link;
  EXPECT_THAT(link.refuses({.next = "", .more = true}), HasSubstr("missing"));
  EXPECT_EQ(link.refuses({.next = "", .more = false}), "");
}

TEST(CursorGuard, RepeatedWhileThereIsMore) {
  OneLink link;
  link.page({.next = "c1"});
  EXPECT_THAT(link.refuses({.next = "c1", .more = true}), HasSubstr("repeats"));
  EXPECT_EQ(link.refuses({.next = "c1", .more = false}), "");
}

// Circles of two to ten cursors, also back to where the drain began.
TEST(CursorGuard, GoingRoundInACircle) {
  for (int length = 2; length <= 10; ++length) {
    OneLink link;
    link.page({.next = "start"});
    for (int i = 1; i < length; ++i)
      link.page(
          {.created = {posted("t" + std::to_string(i))}, .next = "c" + std::to_string(i), .more = true});
    EXPECT_THAT(link.refuses({.next = "start", .more = true}), HasSubstr("circle")) << length;
    if (length > 2) EXPECT_THAT(link.refuses({.next = "c1", .more = true}), HasSubstr("circle")) << length;
    EXPECT_EQ(link.refuses({.next = "fresh", .more = true}), "") << length;
  }
}

TEST(CursorGuard, RefusedPageLeavesEverythingButTheFailure) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.news();
  link.page_or_failure({.created = {posted("t2")}, .next = "c1", .more = true});
  EXPECT_THAT(link.visible(), ElementsAre("t1"));
  EXPECT_EQ(link.record().cursor->text, "c1");
  EXPECT_EQ(link.record().protocol_failures, 1u);
  EXPECT_THAT(link.news(), ElementsAre("link.status mk_1"));
}

TEST(DrainGuard, PagesThatChangeNothingAndPromiseMore) {
  OneLink link;
  link.policy.drain_idle_pages_max = 3;
  for (int i = 0; i < 3; ++i) {
    const PageText idle{.next = "i" + std::to_string(i), .more = true, .accounts = std::nullopt};
    EXPECT_EQ(link.refuses(idle), "");
    link.page(idle);
  }
  EXPECT_THAT(link.refuses({.next = "i9", .more = true}), HasSubstr("changed nothing"));
  EXPECT_EQ(link.refuses({.next = "i9", .more = false}), "");
}

TEST(DrainGuard, APageThatChangesSomethingCountsAnew) {
  OneLink link;
  link.policy.drain_idle_pages_max = 2;
  link.page({.next = "c1", .more = true, .accounts = std::nullopt});
  link.page({.created = {posted("t1")}, .next = "c2", .more = true});
  EXPECT_EQ(link.record().drain.idle_pages, 0u);
}

TEST(DrainGuard, DrainWithoutEnd) {
  OneLink link;
  link.policy.drain_pages_max = 3;
  for (int i = 0; i < 3; ++i)
    link.page({.created = {posted("t" + std::to_string(i))}, .next = "c" + std::to_string(i), .more = true});
  EXPECT_THAT(link.refuses({.next = "c9", .more = true}), HasSubstr("after 3 pages"));
}

TEST(Answer, AboutAnotherLinkIsRefusedWithEvidence) {
  OneLink link;
  const PageText text{.link = {.id = "mk_2"}};
  const auto page = parsed(text);
  const auto refusal = core::check_page(link.record(), *page, link.policy);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, core::Errc::protocol);
  EXPECT_EQ(refusal->body_bytes, text.json().size());
  EXPECT_EQ(refusal->body_digest, core::digest_of(text.json()));
  EXPECT_THAT(refusal->message, testing::Not(HasSubstr("mk_2")));
}

// ---- what is looked up ----

TEST(Lookup, NothingForAPageWithoutNews) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  const auto page = parsed({.next = "c2"});
  const auto request = core::plan_lookup(link.record(), *page, nullptr);
  EXPECT_THAT(request.transaction_ids, IsEmpty());
  EXPECT_FALSE(request.pending || request.staged || request.accounts || request.relink);
  EXPECT_EQ(request.stale_below, 0u);
}

TEST(Lookup, EachIdOnceAndSorted) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  const auto page =
      parsed({.created = {posted("b"), posted("a")}, .updated = {posted("b")}, .removed = {"c"}});
  EXPECT_THAT(core::plan_lookup(link.record(), *page, nullptr).transaction_ids, ElementsAre("a", "b", "c"));
}

TEST(Lookup, NoRowsWhileNoneAreHeld) {
  const OneLink link;
  const auto page = parsed({.created = {posted("a")}});
  EXPECT_THAT(core::plan_lookup(link.record(), *page, nullptr).transaction_ids, IsEmpty());
}

TEST(Lookup, DuringTheFirstDrainOnlyWhatItHasStored) {
  OneLink link;
  auto seen = core::SeenRows::for_first_drain(link.record());
  ASSERT_TRUE(seen);
  const PageText first{.created = {posted("t1")}, .next = "c1", .more = true};
  link.page(first);
  seen->add(*parsed(first));
  const auto page = parsed({.created = {posted("t1"), posted("t2")}, .next = "c2"});
  EXPECT_THAT(core::plan_lookup(link.record(), *page, &*seen).transaction_ids, ElementsAre("t1"));
  EXPECT_FALSE(core::SeenRows::for_first_drain(link.record()));
}

TEST(Lookup, PendingSetAndStageWhenTheyAreReplaced) {
  OneLink link;
  link.page({.created = {pending("p1")}, .next = "c1"});
  link.page({.created = {pending("p2")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  const auto more = parsed({.next = "c3", .more = true, .link = {.clock = clock_2}});
  EXPECT_FALSE(core::plan_lookup(link.record(), *more, nullptr).staged);
  const auto last = parsed({.next = "c3", .link = {.clock = clock_2}});
  const auto request = core::plan_lookup(link.record(), *last, nullptr);
  EXPECT_TRUE(request.pending);
  EXPECT_TRUE(request.staged);
}

// One page of rows with these ids.
void add_rows(core::SeenRows& seen, const std::vector<std::string>& ids) {
  core::Page page;
  for (const std::string& id : ids)
    page.created.emplace_back().transaction_id = id;
  seen.add(page);
}

std::vector<std::string> many_ids(std::string_view prefix, int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i)
    ids.push_back(std::string(prefix) + std::to_string(i));
  return ids;
}

// Whatever may have left a row in the store makes every id worth a look.
TEST(SeenRows, AreOnlyForALinkThatHoldsNothing) {
  const core::LinkRecord fresh = OneLink().record();
  ASSERT_TRUE(core::SeenRows::for_first_drain(fresh));
  core::LinkRecord with_cursor = fresh;
  with_cursor.cursor = core::Cursor{"c1"};
  EXPECT_FALSE(core::SeenRows::for_first_drain(with_cursor));
  core::LinkRecord in_resync = fresh;
  in_resync.resync = true;
  EXPECT_FALSE(core::SeenRows::for_first_drain(in_resync));
  core::LinkRecord in_drain = fresh;
  in_drain.drain.open = true;
  EXPECT_FALSE(core::SeenRows::for_first_drain(in_drain));
  core::LinkRecord with_rows = fresh;
  with_rows.counts.transactions = 1;
  EXPECT_FALSE(core::SeenRows::for_first_drain(with_rows));
}

TEST(SeenRows, KnowAllOfTheirsAndHardlyAnyOther) {
  auto seen = core::SeenRows::for_first_drain(OneLink().record());
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->may_hold("a0"));
  for (const char* prefix : {"a", "b", "c", "a"})
    add_rows(*seen, many_ids(prefix, 5'000));
  for (const char* prefix : {"a", "b", "c"}) {
    for (const std::string& id : many_ids(prefix, 5'000))
      ASSERT_TRUE(seen->may_hold(id)) << id;
  }
  const auto others = many_ids("d", 5'000);
  EXPECT_LT(std::ranges::count_if(others, [&](const std::string& id) { return seen->may_hold(id); }), 5);
}

TEST(SeenRows, GiveUpBeyondTheirBound) {
  auto seen = core::SeenRows::for_first_drain(OneLink().record());
  ASSERT_TRUE(seen);
  for (const char* prefix : {"a", "b", "c", "d", "e"})
    add_rows(*seen, many_ids(prefix, 100'000));
  EXPECT_FALSE(seen->may_hold("other"));
  add_rows(*seen, {"one more"});
  EXPECT_TRUE(seen->may_hold("other"));
  add_rows(*seen, {"and another"});
  EXPECT_TRUE(seen->may_hold("other"));
}

TEST(Lookup, NoPendingRowsWhileTheyStay) {
  OneLink link;
  link.page({.created = {pending("p1")}, .next = "c1"});
  const auto more =
      parsed({.created = {posted("t1")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  EXPECT_FALSE(core::plan_lookup(link.record(), *more, nullptr).pending);
  const auto unchanged = parsed({.created = {posted("t1")}, .next = "c2"});
  EXPECT_FALSE(core::plan_lookup(link.record(), *unchanged, nullptr).pending);
}

TEST(Lookup, WhatEarlierPagesPostedWhenThePendingSetIsReplaced) {
  OneLink link;
  link.page({.created = {pending("p1")}, .next = "c1"});
  link.page({.created = {posted("t2"), posted("t1")}, .next = "c2", .more = true});
  const auto more = parsed({.next = "c3", .more = true, .link = {.clock = clock_2}});
  EXPECT_THAT(core::plan_lookup(link.record(), *more, nullptr).transaction_ids, IsEmpty());
  const auto unchanged = parsed({.next = "c3"});
  EXPECT_THAT(core::plan_lookup(link.record(), *unchanged, nullptr).transaction_ids, IsEmpty());
  const auto last = parsed({.removed = {"t1"}, .next = "c3", .link = {.clock = clock_2}});
  EXPECT_THAT(core::plan_lookup(link.record(), *last, nullptr).transaction_ids, ElementsAre("t1", "t2"));
}

TEST(Lookup, StaleRowsAtTheEndOfAResync) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.fails(core::Errc::cursor_rejected);
  const auto more = parsed({.next = "c3", .more = true});
  EXPECT_EQ(core::plan_lookup(link.record(), *more, nullptr).stale_below, 0u);
  const auto last = parsed({.next = "c3"});
  EXPECT_EQ(core::plan_lookup(link.record(), *last, nullptr).stale_below, 2u);
}

// The owner may have been asked before the pause, which a page that was under way finds in the record.
TEST(Lookup, RelinkEntryOfAPausedLink) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  const auto page = parsed({.next = "c2"});
  EXPECT_FALSE(core::plan_lookup(link.record(), *page, nullptr).relink);
  link.pause();
  EXPECT_TRUE(core::plan_lookup(link.record(), *page, nullptr).relink);
}

TEST(Lookup, PendingSetThatAnUpdateBrings) {
  OneLink link;
  link.page({.created = {pending("p1")}, .next = "c1"});
  const auto update = parsed({.updated = {posted("t1"), pending("p1", "11.00")}, .next = "c2"});
  EXPECT_TRUE(core::brings_pending(*update));
  EXPECT_TRUE(core::plan_lookup(link.record(), *update, nullptr).pending);
}

TEST(Lookup, RelinkEntryWhereItMayMatter) {
  OneLink link;
  const auto expired = parsed({.link = {.state = "error", .error_code = "auth_expired"}});
  EXPECT_TRUE(core::plan_lookup(link.record(), *expired, nullptr).relink);
  link.look({.state = "error", .error_code = "auth_expired"});
  const auto connected = parsed({});
  EXPECT_TRUE(core::plan_lookup(link.record(), *connected, nullptr).relink);
}

}  // namespace
}  // namespace syncd::test
