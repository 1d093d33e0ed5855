#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/codec.hpp"
#include "store/health_impl.hpp"
#include "store/keys.hpp"
#include "store/migration_impl.hpp"
#include "tests/unit/store/sample_values.hpp"
#include "tests/unit/store/store_fixture.hpp"

// What a purge leaves of a link on the disk, and what the feed tells of one link.
namespace syncd::test {
namespace {

using core::ChangeKind;
using store::CommitOutcome;
using store::Family;

class PurgeTest : public StoreTest {
 protected:
  PurgeTest() { open(); }

  // A page with `rows` rows, an account, the link object, an entry and a letter.
  void fill(const std::string& link, int page, int rows = 3) {
    const std::uint64_t fence = page == 0 ? 0 : static_cast<std::uint64_t>(page);
    auto update = update_of(link, fence);
    update.record.fence = fence + 1;
    update.record.customer_user_id = "user-" + link;
    std::vector<std::string> ids;
    for (int i = 0; i < rows; ++i)
      ids.push_back(link + "-row-" + std::to_string(page * 100'000 + 10'000 + i));
    const std::string secret = R"({"description":"secret of )" + link + "\"}";
    for (const std::string& id : ids) {
      auto row = row_of(id, secret);
      row.pending = true;
      update.transaction_puts.push_back(row);
      update.changes.push_back(created(id, secret));
    }
    update.staged_puts.push_back(row_of("staged", secret));
    update.account_puts.push_back({.account_id = "account", .json = secret});
    update.link_object = secret;
    update.relink = core::RelinkEntry{.link_id = update.link_id, .opened_at = at_ms(5)};
    update.dead_letter =
        core::DeadLetter{.link_id = update.link_id, .at = at_ms(1000 + page), .reason = secret};
    commit(update);
  }
  core::LinkUpdate purge_of(const std::string& link, std::uint64_t fence) {
    auto update = update_of(link, fence);
    update.record.fence = fence + 1;
    update.record.customer_user_id = "user-" + link;
    update.purge = true;
    update.changes.push_back({ChangeKind::link_purged, link_id_, {}, R"({"accounts":1})"});
    update.notes.push_back({"purged/x", "now"});
    update.notes.push_back({"verify/x", std::nullopt});
    update.audit = core::AuditNote{.actor = "uid:1", .action = "links.purge"};
    return update;
  }
  core::Result<std::unique_ptr<store::Database>> raw() {
    store_.reset();
    return store::Database::open(options_.path + "/db", options_, store::host_disk(), false,
                                 std::make_shared<store::Health>());
  }
  // Keys and values, of all families but the audit log and the notes, in which `text` stands.
  std::vector<std::string> found(const std::string& text) {
    std::vector<std::string> places;
    auto database = raw();
    for (const Family family : {Family::links, Family::accounts, Family::transactions, Family::feed,
                                Family::relink, Family::dead_letters}) {
      for (store::Scan scan(**database, family, {}, {}); scan.valid(); scan.next()) {
        if (scan.key().contains(text) || scan.value().contains(text))
          places.push_back(std::to_string(static_cast<int>(family)) + ":" + std::string(scan.key()));
      }
    }
    database->reset();
    open();
    return places;
  }
  std::vector<store::FeedEntry> feed_of(const std::string& link, std::size_t limit = 2) {
    std::vector<store::FeedEntry> all;
    for (std::uint64_t before = 0;;) {
      auto page = store_->link_feed(core::LinkId{link}, before, limit);
      EXPECT_TRUE(page) << page.error().message;
      if (!page || page->empty()) return all;
      EXPECT_LE(page->size(), limit);
      before = page->back().sequence;
      for (auto& entry : *page)
        all.push_back(std::move(entry));
      if (before == 1) return all;
    }
  }

  std::string link_id_ = "mk_1";
};

TEST_F(PurgeTest, LeavesNothingOfTheLinkAndEverythingOfTheOthers) {
  for (int page = 0; page < 3; ++page) {
    fill("mk_1", page);
    fill("mk_2", page);
  }
  ASSERT_TRUE(store_->put_note("verify/x", "v1"));
  ASSERT_FALSE(found("secret of mk_1").empty()) << "the search finds what is there";
  const auto others = found("secret of mk_2");
  commit(purge_of("mk_1", 3));
  EXPECT_EQ(found("secret of mk_1"), std::vector<std::string>{});
  EXPECT_EQ(found("mk_1-row"), std::vector<std::string>{});
  EXPECT_EQ(found("user-mk_1"), std::vector<std::string>{});
  EXPECT_EQ(found("secret of mk_2"), others);
  EXPECT_EQ(*store_->load(core::LinkId{"mk_1"}), std::nullopt);
  EXPECT_TRUE(*store_->load(core::LinkId{"mk_2"}));
  EXPECT_EQ(*store_->relink_entry(core::LinkId{"mk_1"}), std::nullopt);
  EXPECT_EQ(store_->relink_entries("", 10, {})->items.size(), 1u);
  EXPECT_EQ(store_->dead_letters("", 10)->items.size(), 3u);
  EXPECT_EQ(store_->transactions(core::LinkId{"mk_2"}, "", 100)->items.size(), 9u);
  EXPECT_EQ(*store_->note("purged/x"), "now");
  EXPECT_EQ(*store_->note("verify/x"), std::nullopt);
  EXPECT_EQ(store_->audit_entries(0, 10)->entries.at(0).note.action, "links.purge");
}

// What a visit or a verify that was under way has found out of a link comes too late for the purge.
TEST_F(PurgeTest, NothingIsNotedOfItAfterwards) {
  fill("mk_1", 0);
  const core::LinkId link_id{"mk_1"};
  EXPECT_EQ(store_->put_link_note(link_id, "verify/x", "before"), true);
  EXPECT_EQ(*store_->note("verify/x"), "before");
  commit(purge_of("mk_1", 1));
  EXPECT_EQ(store_->put_link_note(link_id, "verify/x", "secret of mk_1"), false);
  EXPECT_EQ(*store_->note("verify/x"), std::nullopt);
}

// A consumer that is behind hears that the link is purged where it would have heard of its rows.
TEST_F(PurgeTest, TheFeedStaysGapFree) {
  fill("mk_1", 0);
  fill("mk_2", 0);
  fill("mk_1", 1, 400);
  const auto before = feed(0);
  commit(purge_of("mk_1", 2));
  const auto after = feed(0);
  ASSERT_EQ(after.entries.size(), before.entries.size() + 1);
  for (std::size_t i = 0; i < before.entries.size(); ++i) {
    const auto& was = before.entries[i];
    const auto& is = after.entries[i];
    EXPECT_EQ(is.sequence, was.sequence);
    EXPECT_EQ(is.at, was.at);
    EXPECT_EQ(is.link_id, was.link_id);
    if (was.link_id.str() == "mk_2") {
      EXPECT_EQ(is.after, was.after);
      continue;
    }
    EXPECT_EQ(is.kind, ChangeKind::link_purged);
    EXPECT_EQ(is.id, "mk_1");
    EXPECT_EQ(is.before + is.after, "");
  }
  EXPECT_EQ(after.entries.back().after, R"({"accounts":1})") << "the receipt";
  const auto middle = feed(before.entries.size() - 5, 3);
  ASSERT_EQ(middle.entries.size(), 3u);
  EXPECT_EQ(middle.entries.front().sequence, before.entries.size() - 4);
  reopen();
  EXPECT_EQ(feed(0).entries.size(), after.entries.size());
}

TEST_F(PurgeTest, IsRefusedWhenTheRecordHasMoved) {
  fill("mk_1", 0);
  EXPECT_EQ(try_commit(purge_of("mk_1", 7)), CommitOutcome::conflict);
  EXPECT_TRUE(*store_->load(core::LinkId{"mk_1"}));
  commit(purge_of("mk_1", 1));
  EXPECT_EQ(try_commit(purge_of("mk_1", 1)), CommitOutcome::conflict) << "once";
  const auto page = update_of("mk_1", 1);
  EXPECT_EQ(try_commit(page), CommitOutcome::conflict) << "a page of the link that is no more";
}

TEST_F(PurgeTest, RefusesAnUpdateThatWritesRowsAsWell) {
  fill("mk_1", 0);
  auto update = purge_of("mk_1", 1);
  update.transaction_puts.push_back(row_of("t1"));
  const core::LinkUpdate* one = &update;
  const auto refused = store_->commit({&one, 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::Errc::invalid);
  EXPECT_TRUE(store_->healthy());
}

// A page and the purge in one call: what the page puts no scan of the purge can find.
TEST_F(PurgeTest, IsRefusedWhereItsOwnBatchHasWritten) {
  fill("mk_1", 0);
  auto page = update_of("mk_1", 1);
  page.record.fence = 2;
  page.transaction_puts.push_back(row_of("late"));
  const auto purge = purge_of("mk_1", 2);
  const core::LinkUpdate* two[] = {&page, &purge};
  const auto outcomes = store_->commit(two);
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(*outcomes, (std::vector<CommitOutcome>{CommitOutcome::committed, CommitOutcome::conflict}));
  EXPECT_EQ(store_->transactions(core::LinkId{"mk_1"}, "", 100)->items.size(), 4u);
  commit(purge);
  EXPECT_EQ(store_->transactions(core::LinkId{"mk_1"}, "", 100)->items.size(), 0u);
}

// The purge, the link again with a page, and once more the purge.
TEST_F(PurgeTest, TheLinkMayComeBackInTheSameBatch) {
  fill("mk_1", 0);
  const auto purge = purge_of("mk_1", 1);
  auto again = update_of("mk_1", 0);
  again.record.fence = 9;
  again.transaction_puts.push_back(row_of("again", R"({"description":"kept of mk_1"})"));
  again.changes.push_back(created("again", R"({"description":"kept of mk_1"})"));
  const core::LinkUpdate* two[] = {&purge, &again};
  const auto outcomes = store_->commit(two);
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(*outcomes, std::vector<CommitOutcome>(2, CommitOutcome::committed));
  EXPECT_EQ(found("secret of mk_1"), std::vector<std::string>{});
  EXPECT_EQ(store_->relink_entries("", 10, {.state = store::RelinkFilter::State::any})->items.size(), 0u);
  EXPECT_EQ(store_->transactions(core::LinkId{"mk_1"}, "", 100)->items.size(), 1u);
  EXPECT_EQ(feed_of("mk_1").size(), 2u) << "the receipt and what came behind it";
  commit(purge_of("mk_1", 9));
  EXPECT_EQ(found("kept of mk_1"), std::vector<std::string>{});
  EXPECT_EQ(feed(0).entries.size(), 3u + 1u + 1u + 1u);
  EXPECT_EQ(feed(0).entries[3].after, R"({"accounts":1})") << "the first receipt stays";
}

TEST_F(PurgeTest, OfALongHistory) {
  options_.sync_writes = false;
  reopen();
  for (int page = 0; page < 50; ++page)
    fill("mk_1", page, 500);
  fill("mk_10", 0);
  commit(purge_of("mk_1", 50));
  EXPECT_EQ(found("mk_1-row"), std::vector<std::string>{});
  EXPECT_EQ(store_->transactions(core::LinkId{"mk_1"}, "", 100)->items.size(), 0u);
  EXPECT_EQ(store_->transactions(core::LinkId{"mk_10"}, "", 100)->items.size(), 3u);
  EXPECT_EQ(feed(0, 1000).entries.size(), 1000u);
}

// ---- what the feed tells of one link ----

TEST_F(PurgeTest, TheFeedOfALinkIsItsPartOfTheFeedBackwards) {
  for (int page = 0; page < 4; ++page) {
    fill("mk_1", page, 3 + page);
    fill("mk_2", page, 2);
  }
  const auto whole = feed(0);
  std::vector<std::uint64_t> expected;
  for (const auto& entry : whole.entries) {
    if (entry.link_id.str() == "mk_1") expected.insert(expected.begin(), entry.sequence);
  }
  for (const std::size_t limit : {1u, 2u, 5u, 1000u}) {
    std::vector<std::uint64_t> sequences;
    for (const auto& entry : feed_of("mk_1", limit)) {
      sequences.push_back(entry.sequence);
      EXPECT_EQ(entry.after, R"({"description":"secret of mk_1"})");
    }
    EXPECT_EQ(sequences, expected) << limit;
  }
  EXPECT_TRUE(feed_of("mk_3").empty());
  EXPECT_EQ(store_->stats().published, whole.head) << "what is shown is published";
}

// A store of the second version has no places of blocks: they are made when it is opened.
TEST_F(PurgeTest, AnOlderStoreGetsThePlacesOfItsBlocks) {
  options_.sync_writes = false;
  reopen();
  for (int page = 0; page < 2'500; ++page)
    fill("mk_1", page, 1);
  const auto newest = feed_of("mk_1", 1000);
  {
    auto database = raw();
    rocksdb::WriteBatch batch;
    const std::string begin = store::link_feed_key("mk_1", 0, 0);
    const std::string end = store::link_feed_key("mk_1", ~std::uint64_t{0}, 0);
    batch.DeleteRange((*database)->family(Family::accounts), begin, end);
    batch.Put((*database)->family(Family::meta), store::to_slice(store::meta_key::schema),
              store::encode_schema_version(2));
    ASSERT_TRUE((*database)->write(batch, true));
  }
  open();
  EXPECT_NE(store_->notices().at(0).find("converted from schema version 2 to 4"), std::string::npos);
  EXPECT_EQ(feed_of("mk_1", 1000).size(), newest.size());
  commit(purge_of("mk_1", 2'500));
  EXPECT_EQ(found("secret of mk_1"), std::vector<std::string>{});
}

}  // namespace
}  // namespace syncd::test
