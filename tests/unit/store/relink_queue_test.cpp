#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/store/sample_values.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

using core::RelinkStatus;
using store::RelinkFilter;
using State = store::RelinkFilter::State;

class RelinkQueueTest : public StoreTest {
 protected:
  RelinkQueueTest() { open(); }

  void put(const std::string& link, RelinkStatus status, std::int64_t opened_ms,
           std::int64_t resolved_ms = 0) {
    const auto held = store_->load(core::LinkId{link});
    ASSERT_TRUE(held);
    auto update = *held ? update_of(link, (*held)->fence) : update_of(link, 0);
    core::RelinkEntry entry;
    entry.link_id = update.link_id;
    entry.status = status;
    entry.reason = opened_ms % 2 == 0 ? "auth_expired" : "invalid_credentials";
    entry.institution_id = opened_ms % 3 == 0 ? "chase" : "ally";
    entry.assignee = status == RelinkStatus::claimed ? "uid:7" : "";
    entry.customer_user_id = "user-" + link;
    entry.opened_at = at_ms(opened_ms);
    entry.resolved_at = at_ms(resolved_ms);
    update.relink = entry;
    commit(update);
  }
  // All pages, `limit` entries each.
  std::vector<std::string> list(const RelinkFilter& filter, std::size_t limit = 2) {
    std::vector<std::string> links;
    std::string after;
    do {
      auto page = store_->relink_entries(after, limit, filter);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) return links;
      EXPECT_LE(page->items.size(), limit);
      for (const core::RelinkEntry& entry : page->items)
        links.push_back(entry.link_id.str());
      after = page->next;
    } while (!after.empty());
    return links;
  }
};

using Links = std::vector<std::string>;

TEST_F(RelinkQueueTest, IsInTheOrderOfOpeningAndEnd) {
  put("b", RelinkStatus::open, 3);
  put("a", RelinkStatus::claimed, 5);
  put("ccc", RelinkStatus::session_issued, 4);
  put("d", RelinkStatus::resolved, 1, 20);
  put("e", RelinkStatus::dismissed, 2, 10);
  EXPECT_EQ(list({}), (Links{"b", "ccc", "a"}));
  EXPECT_EQ(list({.newest_first = true}), (Links{"a", "ccc", "b"}));
  EXPECT_EQ(list({.state = State::resolved}), (Links{"e", "d"}));
  EXPECT_EQ(list({.state = State::resolved, .newest_first = true}), (Links{"d", "e"}));
  EXPECT_EQ(list({.state = State::any}, 1), (Links{"b", "ccc", "a", "e", "d"}));
  EXPECT_EQ(list({.state = State::open}), (Links{"b"}));
  EXPECT_EQ(list({.state = State::claimed}), (Links{"a"}));
  EXPECT_EQ(list({.state = State::session_issued}), (Links{"ccc"}));
}

TEST_F(RelinkQueueTest, FiltersByWhatPeopleAskFor) {
  for (int i = 1; i <= 12; ++i)
    put("link" + std::to_string(i), i % 4 == 0 ? RelinkStatus::claimed : RelinkStatus::open, i);
  EXPECT_EQ(list({.institution_id = "chase"}), (Links{"link3", "link6", "link9", "link12"}));
  EXPECT_EQ(list({.institution_id = "chase", .reason = "auth_expired"}), (Links{"link6", "link12"}));
  EXPECT_EQ(list({.assignee = "uid:7"}), (Links{"link4", "link8", "link12"}));
  EXPECT_EQ(list({.search = "link1"}), (Links{"link1", "link10", "link11", "link12"}));
  EXPECT_EQ(list({.search = "user-link2"}), (Links{"link2"}));
  EXPECT_EQ(list({.search = "ink"}), (Links{}));
}

// The entry keeps one place, whatever becomes of it.
TEST_F(RelinkQueueTest, AnEntryMovesWithItsState) {
  put("a", RelinkStatus::open, 1);
  put("a", RelinkStatus::claimed, 1);
  EXPECT_EQ(list({.state = State::any}), (Links{"a"}));
  put("a", RelinkStatus::resolved, 1, 9);
  EXPECT_EQ(list({}), (Links{}));
  EXPECT_EQ(list({.state = State::any}), (Links{"a"}));
  put("a", RelinkStatus::open, 30);
  EXPECT_EQ(list({.state = State::any}), (Links{"a"}));
  EXPECT_EQ(list({.state = State::open}), (Links{"a"}));
}

TEST_F(RelinkQueueTest, TwoChangesInOneBatchLeaveOnePlace) {
  auto first = update_of("a", 0);
  first.relink = core::RelinkEntry{.link_id = first.link_id, .opened_at = at_ms(1)};
  auto second = update_of("a", first.record.fence);
  second.relink = core::RelinkEntry{.link_id = second.link_id,
                                    .status = RelinkStatus::resolved,
                                    .opened_at = at_ms(1),
                                    .resolved_at = at_ms(2)};
  const core::LinkUpdate* both[] = {&first, &second};
  ASSERT_TRUE(store_->commit(both));
  EXPECT_EQ(list({.state = State::any}), (Links{"a"}));
  EXPECT_EQ(list({}), (Links{}));
}

TEST_F(RelinkQueueTest, RefusesAPlaceThatIsNone) {
  for (const char* place : {"x", "1:", "1:5", "3:5:a", "1:x:a", "1:5:"}) {
    const auto refused = store_->relink_entries(place, 10, {});
    ASSERT_FALSE(refused) << place;
    EXPECT_EQ(refused.error().code, core::Errc::invalid);
  }
  EXPECT_TRUE(store_->healthy());
}

TEST_F(RelinkQueueTest, AListLeavesTheHistoryOut) {
  auto update = update_of("link", 0);
  update.relink = sample_relink();
  commit(update);
  const auto page = store_->relink_entries("", 10, {.state = State::any});
  ASSERT_TRUE(page) << page.error().message;
  core::RelinkEntry listed = sample_relink();
  listed.history.clear();
  listed.history_dropped = 0;
  EXPECT_EQ(page->items, std::vector{listed});
  EXPECT_EQ(store_->relink_entry(update.link_id).value(), sample_relink());
}

// ---- counting ----

using Total = store::RelinkCensus::Total;

TEST_F(RelinkQueueTest, EachHalfIsCountedByReasonAndStatus) {
  put("b", RelinkStatus::open, 3);
  put("a", RelinkStatus::claimed, 5);
  put("c", RelinkStatus::open, 7);
  put("d", RelinkStatus::open, 4);
  put("e", RelinkStatus::resolved, 1, 20);
  put("f", RelinkStatus::dismissed, 2, 10);
  const auto live = store_->count_relinks(true, {});
  ASSERT_TRUE(live) << live.error().message;
  EXPECT_TRUE(live->finished);
  EXPECT_EQ(live->entries, 4u);
  EXPECT_EQ(live->earliest_at, at_ms(3));
  EXPECT_THAT(live->totals,
              testing::UnorderedElementsAre(Total{"invalid_credentials", RelinkStatus::open, 2},
                                            Total{"invalid_credentials", RelinkStatus::claimed, 1},
                                            Total{"auth_expired", RelinkStatus::open, 1}));
  const auto ended = store_->count_relinks(false, {});
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(ended->entries, 2u);
  EXPECT_EQ(ended->earliest_at, at_ms(10));
  EXPECT_THAT(ended->totals,
              testing::UnorderedElementsAre(Total{"invalid_credentials", RelinkStatus::resolved, 1},
                                            Total{"auth_expired", RelinkStatus::dismissed, 1}));
}

TEST_F(RelinkQueueTest, AnEmptyHalfIsCountedAtOnce) {
  put("a", RelinkStatus::resolved, 1, 2);
  const auto live = store_->count_relinks(true, {});
  ASSERT_TRUE(live) << live.error().message;
  EXPECT_EQ(*live, (store::RelinkCensus{.finished = true}));
}

TEST_F(RelinkQueueTest, OneCallCountsSoManyPlaces) {
  const std::size_t entries = 2 * store::relink_places_counted_max + 1;
  std::vector<core::LinkUpdate> updates;
  for (std::size_t i = 0; i < entries; ++i) {
    updates.push_back(update_of("link" + std::to_string(i), 0));
    updates.back().relink = core::RelinkEntry{.link_id = updates.back().link_id,
                                              .reason = i % 3 == 0 ? "auth_expired" : "user_error",
                                              .opened_at = at_ms(static_cast<std::int64_t>(entries - i))};
  }
  std::vector<const core::LinkUpdate*> group;
  for (const core::LinkUpdate& update : updates)
    group.push_back(&update);
  ASSERT_TRUE(store_->commit(group));
  core::Result<store::RelinkCensus> census;
  for (const std::size_t counted :
       {store::relink_places_counted_max, 2 * store::relink_places_counted_max, entries}) {
    census = store_->count_relinks(true, std::move(*census));
    ASSERT_TRUE(census) << census.error().message;
    EXPECT_EQ(census->entries, counted);
    EXPECT_EQ(census->finished, counted == entries);
  }
  EXPECT_EQ(census->earliest_at, at_ms(1));
  EXPECT_THAT(census->totals,
              testing::UnorderedElementsAre(Total{"auth_expired", RelinkStatus::open, (entries + 2) / 3},
                                            Total{"user_error", RelinkStatus::open, entries * 2 / 3}));
}

TEST_F(RelinkQueueTest, ACountGoesOnOnlyWhereOneEnded) {
  for (const char* place : {"x", "1:", "2:3:link"}) {
    const auto refused = store_->count_relinks(true, {.next = place});
    ASSERT_FALSE(refused) << place;
    EXPECT_EQ(refused.error().code, core::Errc::invalid);
  }
  EXPECT_TRUE(store_->healthy());
}

TEST(RelinkCensus, ReasonsBeyondTheBoundCountAsOthers) {
  store::RelinkCensus census;
  for (std::size_t i = 0; i < 2 * store::relink_totals_max; ++i)
    census.add("reason" + std::to_string(i), RelinkStatus::open);
  census.add("reason0", RelinkStatus::open);
  EXPECT_EQ(census.entries, 2 * store::relink_totals_max + 1);
  EXPECT_EQ(census.totals.size(), store::relink_totals_max + 1);
  EXPECT_EQ(census.totals.front(), (Total{"reason0", RelinkStatus::open, 2}));
  EXPECT_EQ(census.totals.back(),
            (Total{std::string(store::relink_reason_other), RelinkStatus::open, store::relink_totals_max}));
}

// ---- links by what people know of them ----

class SearchTest : public StoreTest {
 protected:
  SearchTest() {
    open();
    add("mk_a", "ann");
    add("mk_b", "bob");
    add("mk_long_b", "bob");
    add("x", "");
    add("bo", "zoe");
  }
  void add(const std::string& link, const std::string& user) {
    auto update = update_of(link, 0);
    update.record.customer_user_id = user;
    commit(update);
  }
  Links found(std::string_view prefix, std::size_t limit = 1) {
    Links links;
    std::string after;
    do {
      auto page = store_->search_links(prefix, after, limit);
      EXPECT_TRUE(page) << page.error().message;
      if (!page) return links;
      for (const core::LinkRecord& record : page->items)
        links.push_back(record.link_id.str());
      after = page->next;
    } while (!after.empty());
    return links;
  }
};

TEST_F(SearchTest, FindsIdsAndUsersByTheirBeginning) {
  EXPECT_EQ(found("mk_"), (Links{"mk_a", "mk_b", "mk_long_b"}));
  EXPECT_EQ(found("mk_b"), (Links{"mk_b"}));
  EXPECT_EQ(found("bo"), (Links{"bo", "mk_b", "mk_long_b"}));
  EXPECT_EQ(found("bo", 10), (Links{"bo", "mk_b", "mk_long_b"}));
  EXPECT_EQ(found("ann"), (Links{"mk_a"}));
  EXPECT_EQ(found("nn"), (Links{}));
  EXPECT_EQ(found("y"), (Links{}));
}

TEST_F(SearchTest, ALinkThatIsFoundInBothWaysComesOnce) {
  add("bobby", "bobby");
  EXPECT_EQ(found("bob"), (Links{"bobby", "mk_b", "mk_long_b"}));
}

// The discovery had registered the link, and somebody says later whose it is.
TEST_F(SearchTest, FindsALinkWhoseUserWasNamedLater) {
  auto update = update_of("x", 1);
  update.record.customer_user_id = "xenia";
  update.audit = core::AuditNote{.actor = "uid:1", .action = "links.complete", .detail = {}};
  commit(update);
  EXPECT_EQ(found("xen"), (Links{"x"}));
}

TEST_F(SearchTest, RefusesAPlaceThatIsNone) {
  for (const char* place : {"x", "i:", "u:", "u:9:a", "u:1:a", "u:x:ab"})
    EXPECT_FALSE(store_->search_links("a", place, 10)) << place;
  EXPECT_TRUE(store_->healthy());
}

}  // namespace
}  // namespace syncd::test
