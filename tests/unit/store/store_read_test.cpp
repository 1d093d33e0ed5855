#include <algorithm>
#include <map>

#include "tests/unit/store/sample_values.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

class StoreReadTest : public StoreTest {
 protected:
  void SetUp() override { open(); }
};

TEST_F(StoreReadTest, LookupUnitesAllQuestionsSortedAndOnce) {
  commit(update_of("link", 0));
  auto page = update_of("link");
  page.transaction_puts = {row_of("a"), row_of("b"), row_of("c"), row_of("d")};
  page.transaction_puts[0].generation = 2;
  page.transaction_puts[1].pending = true;
  page.transaction_puts[2].generation = 2;
  page.transaction_puts[3].generation = 1;
  commit(page);
  const auto held = lookup(
      {.link_id = core::LinkId{"link"}, .transaction_ids = {"b", "c"}, .pending = true, .stale_below = 2});
  EXPECT_EQ(ids_of(held.transactions), (std::vector<std::string>{"b", "c", "d"}));
}

TEST_F(StoreReadTest, LookupOfUnsortedIdsIsSorted) {
  commit(update_of("link", 0));
  auto page = update_of("link");
  page.transaction_puts = {row_of("a"), row_of("b"), row_of("c")};
  commit(page);
  const auto held = lookup({.link_id = core::LinkId{"link"}, .transaction_ids = {"c", "a", "b"}});
  EXPECT_EQ(ids_of(held.transactions), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(StoreReadTest, LookupOfMoreIdsThanOneRound) {
  commit(update_of("link", 0));
  std::vector<std::string> ids;
  for (int i = 10'000; i < 11'700; ++i)
    ids.push_back("t" + std::to_string(i));
  auto page = update_of("link");
  for (const auto& id : ids)
    page.transaction_puts.push_back(row_of(id));
  commit(page);
  reopen();  // from files, not from memory
  core::LookupRequest request{.link_id = core::LinkId{"link"}, .transaction_ids = {ids.begin(), ids.end()}};
  EXPECT_EQ(ids_of(lookup(request).transactions), ids);
}

TEST_F(StoreReadTest, LookupSeesOnlyItsLink) {
  for (const auto* link : {"l", "link", "link2", "m"}) {
    commit(update_of(link, 0));
    auto page = update_of(link);
    page.transaction_puts = {row_of("t")};
    page.transaction_puts[0].pending = true;
    page.account_puts = {{.account_id = "a", .json = "{}"}};
    commit(page);
  }
  const auto held = lookup({.link_id = core::LinkId{"link"},
                            .transaction_ids = {},
                            .pending = true,
                            .accounts = true,
                            .stale_below = 5});
  EXPECT_EQ(held.transactions.size(), 1u);
  EXPECT_EQ(held.accounts.size(), 1u);
  EXPECT_FALSE(held.relink);
  EXPECT_TRUE(
      lookup({.link_id = core::LinkId{"nobody"}, .transaction_ids = {}, .pending = true, .accounts = true})
          .accounts.empty());
}

TEST_F(StoreReadTest, EveryLinkIsVisitedOnce) {
  std::map<std::string, core::LinkStatus> expected;
  for (int i = 0; i < 300; ++i) {
    auto update = update_of("link" + std::to_string(i), 0);
    update.record.status = static_cast<core::LinkStatus>(1 + i % 7);
    update.record.next_due_at = at_ms(1000 + i);
    update.record.last_success_at = at_ms(500 + i);
    update.record.recent_sends = {{.endpoint = core::Endpoint::sync, .at = at_ms(i)}};
    expected[update.link_id.str()] = update.record.status;
    commit(update);
  }
  std::map<std::string, core::LinkStatus> seen;
  const auto done = store_->for_each_link([&](const store::LinkSummary& link) {
    EXPECT_TRUE(seen.emplace(link.link_id.str(), link.status).second);
    const auto number = std::stoll(link.link_id.str().substr(4));
    EXPECT_EQ(link.next_due_at, at_ms(1000 + number));
    EXPECT_EQ(link.last_success_at, at_ms(500 + number));
    ASSERT_EQ(link.recent_sends.size(), 1u);
    EXPECT_EQ(link.recent_sends[0].at, at_ms(number));
  });
  ASSERT_TRUE(done);
  EXPECT_EQ(seen, expected);
}

TEST_F(StoreReadTest, TheEstimateCountsLinksAndNotTheirUsers) {
  constexpr int links = 300;
  for (int i = 0; i < links; ++i) {
    auto update = update_of("link" + std::to_string(i), 0);
    if (i % 3 != 0) update.record.customer_user_id = "user-" + std::to_string(i);
    commit(update);
  }
  reopen();
  EXPECT_EQ(store_->links_estimate(), links);
  commit(update_of("one more", 0));
  reopen();
  EXPECT_EQ(store_->links_estimate(), links + 1);  // from two tables
}

TEST_F(StoreReadTest, ListingsPageThroughEverythingOnce) {
  commit(update_of("link", 0));
  std::vector<std::string> ids;
  for (int i = 10; i < 35; ++i)
    ids.push_back("t" + std::to_string(i));
  auto page = update_of("link");
  for (const auto& id : ids) {
    page.transaction_puts.push_back(row_of(id));
    page.account_puts.push_back({.account_id = id, .json = "{}"});
  }
  commit(page);
  for (const std::size_t limit : {1u, 7u, 25u, 26u}) {
    std::vector<std::string> rows, accounts;
    std::string after;
    do {
      const auto listing = store_->transactions(core::LinkId{"link"}, after, limit);
      ASSERT_TRUE(listing);
      EXPECT_LE(listing->items.size(), limit);
      for (const auto& row : listing->items)
        rows.push_back(row.transaction_id);
      after = listing->next;
    } while (!after.empty());
    do {
      const auto listing = store_->accounts(core::LinkId{"link"}, after, limit);
      ASSERT_TRUE(listing);
      for (const auto& account : listing->items)
        accounts.push_back(account.account_id);
      after = listing->next;
    } while (!after.empty());
    EXPECT_EQ(rows, ids) << limit;
    EXPECT_EQ(accounts, ids) << limit;
  }
  // A place that is no row is a place all the same; the end has no next.
  EXPECT_EQ(store_->transactions(core::LinkId{"link"}, "t33zzz", 10)->items.size(), 1u);
  EXPECT_EQ(store_->transactions(core::LinkId{"link"}, "", 25)->next, "");
  EXPECT_EQ(store_->transactions(core::LinkId{"link"}, "", 0)->items.size(), 1u);
  EXPECT_TRUE(store_->transactions(core::LinkId{""}, "", 10)->items.empty());
}

TEST_F(StoreReadTest, LinksAreListedByStatus) {
  for (int i = 10; i < 30; ++i) {
    auto update = update_of("link" + std::to_string(i), 0);
    if (i % 4 == 0) update.record.status = core::LinkStatus::relink;
    commit(update);
  }
  std::vector<std::string> found;
  std::string after;
  do {
    const auto listing = store_->links(after, 2, core::LinkStatus::relink);
    ASSERT_TRUE(listing);
    for (const auto& record : listing->items)
      found.push_back(record.link_id.str());
    after = listing->next;
  } while (!after.empty());
  EXPECT_EQ(found, (std::vector<std::string>{"link12", "link16", "link20", "link24", "link28"}));
  EXPECT_EQ(store_->links("", 1000, {})->items.size(), 20u);
  EXPECT_TRUE(store_->links("", 1000, core::LinkStatus::gone)->items.empty());
}

TEST_F(StoreReadTest, RelinkEntriesAreListedByStatus) {
  for (const auto* link : {"a", "b", "c"}) {
    auto update = update_of(link, 0);
    update.relink = sample_relink();
    update.relink->link_id = update.link_id;
    if (link[0] == 'b') update.relink->status = core::RelinkStatus::open;
    commit(update);
  }
  using State = store::RelinkFilter::State;
  EXPECT_EQ(store_->relink_entries("", 10, {.state = State::any})->items.size(), 3u);
  const auto open = store_->relink_entries("", 10, {.state = State::open});
  ASSERT_TRUE(open);
  ASSERT_EQ(open->items.size(), 1u);
  EXPECT_EQ(open->items[0].link_id.str(), "b");
  const auto first = store_->relink_entries("", 1, {.state = State::resolved});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->items.at(0).link_id.str(), "a");
  EXPECT_EQ(store_->relink_entries(first->next, 1, {.state = State::resolved})->items.at(0).link_id.str(),
            "c");
  EXPECT_EQ(store_->relink_entry(core::LinkId{"c"})->value().version, 5u);
  EXPECT_FALSE(*store_->relink_entry(core::LinkId{"z"}));
}

TEST_F(StoreReadTest, DeadLettersAreListedInTheOrderOfTime) {
  for (const std::int64_t ms : {30, 10, 20}) {
    auto update = update_of("link:" + std::to_string(ms), 0);
    update.dead_letter = sample_dead_letter();
    update.dead_letter->link_id = update.link_id;
    update.dead_letter->at = at_ms(ms);
    commit(update);
  }
  std::vector<std::int64_t> times;
  std::string after;
  do {
    const auto listing = store_->dead_letters(after, 1);
    ASSERT_TRUE(listing) << listing.error().message;
    for (const auto& letter : listing->items)
      times.push_back(letter.at.time_since_epoch().count());
    after = listing->next;
  } while (!after.empty());
  EXPECT_EQ(times, (std::vector<std::int64_t>{10, 20, 30}));
  for (const auto* bad : {"x", "10", "10:", ":a", "10 a"}) {
    const auto refused = store_->dead_letters(bad, 1);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, core::Errc::invalid);
  }
  EXPECT_TRUE(store_->healthy());
}

}  // namespace
}  // namespace syncd::test
