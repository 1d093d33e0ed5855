#include "tests/unit/store/sample_values.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

using core::Errc;
using store::CommitOutcome;

class StoreCommitTest : public StoreTest {
 protected:
  void SetUp() override { open(); }
  core::LinkRecord load(std::string_view link) {
    auto record = store_->load(core::LinkId{std::string(link)});
    EXPECT_TRUE(record) << record.error().message;
    EXPECT_TRUE(record && *record);
    return record && *record ? **record : core::LinkRecord{};
  }
  std::vector<CommitOutcome> commit_all(const std::vector<const core::LinkUpdate*>& updates) {
    auto outcomes = store_->commit(updates);
    EXPECT_TRUE(outcomes) << outcomes.error().message;
    return outcomes ? *outcomes : std::vector<CommitOutcome>{};
  }
};

TEST_F(StoreCommitTest, UnknownLinkIsNotThere) {
  const auto record = store_->load(core::LinkId{"nobody"});
  ASSERT_TRUE(record);
  EXPECT_FALSE(*record);
  EXPECT_FALSE(*store_->load(core::LinkId{std::string(300, 'x')}));
  EXPECT_FALSE(*store_->load(core::LinkId{}));
}

TEST_F(StoreCommitTest, WholeRecordComesBackAlsoAfterReopening) {
  auto update = update_of("link", 0);
  update.record = sample_link();
  commit(update);
  EXPECT_EQ(load("link"), sample_link());
  reopen();
  EXPECT_EQ(load("link"), sample_link());
}

TEST_F(StoreCommitTest, AddingTwiceIsAConflict) {
  commit(update_of("link", 0));
  EXPECT_EQ(try_commit(update_of("link", 0)), CommitOutcome::conflict);
  reopen();
  EXPECT_EQ(try_commit(update_of("link", 0)), CommitOutcome::conflict);
}

TEST_F(StoreCommitTest, ChangingAMissingLinkIsAConflict) {
  EXPECT_EQ(try_commit(update_of("link", 1)), CommitOutcome::conflict);
  EXPECT_FALSE(*store_->load(core::LinkId{"link"}));
  commit(update_of("link", 0));  // also when the cache has learnt that it was missing
}

TEST_F(StoreCommitTest, RaisedFenceRefusesWhatWasComputedBefore) {
  commit(update_of("link", 0));
  auto action = update_of("link", 1);
  action.record.fence = 2;
  action.record.status = core::LinkStatus::paused;
  commit(action);

  auto stale = update_of("link", 1);
  stale.transaction_puts = {row_of("t1")};
  stale.changes = {created("t1", "{}")};
  EXPECT_EQ(try_commit(stale), CommitOutcome::conflict);
  EXPECT_EQ(load("link").status, core::LinkStatus::paused);
  EXPECT_TRUE(lookup({.link_id = core::LinkId{"link"}, .transaction_ids = {"t1"}}).transactions.empty());
  EXPECT_EQ(feed(0).head, 0u);

  reopen();  // the same without anything cached
  EXPECT_EQ(try_commit(stale), CommitOutcome::conflict);
  commit(update_of("link", 2));
}

TEST_F(StoreCommitTest, UpdatesOfOneLinkInOneCallSeeEachOther) {
  const auto add = update_of("link", 0);
  auto second = update_of("link", 1);
  second.record.fence = 2;
  const auto stale = update_of("link", 1);
  auto last = update_of("link", 2);
  last.record.failures = 7;
  const auto outcomes = commit_all({&add, &second, &stale, &last});
  const std::vector expected{CommitOutcome::committed, CommitOutcome::committed, CommitOutcome::conflict,
                             CommitOutcome::committed};
  EXPECT_EQ(outcomes, expected);
  EXPECT_EQ(load("link").fence, 2u);
  EXPECT_EQ(load("link").failures, 7u);
  EXPECT_EQ(store_->stats().commits, 1u);
}

TEST_F(StoreCommitTest, NothingToWriteIsNoCommit) {
  EXPECT_TRUE(commit_all({}).empty());
  EXPECT_EQ(try_commit(update_of("link", 5)), CommitOutcome::conflict);
  EXPECT_EQ(store_->stats().commits, 0u);
}

TEST_F(StoreCommitTest, LinkObjectIsKeptUntilAnotherOneComes) {
  const auto with_object = [](std::string_view json, std::uint64_t fence) {
    auto update = update_of("link", fence);
    if (!json.empty()) update.link_object = json;
    return update;
  };
  const auto object = [this] { return store_->link_object(core::LinkId{"link"}).value(); };
  EXPECT_EQ(object(), "");
  commit(with_object("{\"a\":1}", 0));
  EXPECT_EQ(object(), "{\"a\":1}");
  commit(with_object("", 1));
  EXPECT_EQ(object(), "{\"a\":1}");
  reopen();
  commit(with_object("{\"a\":2}", 1));
  EXPECT_EQ(object(), "{\"a\":2}");
  const auto first = with_object("{\"a\":3}", 1);
  const auto second = with_object("{\"a\":4}", 1);
  commit_all({&first, &second});
  reopen();
  EXPECT_EQ(object(), "{\"a\":4}");
}

TEST_F(StoreCommitTest, RowsArePutReplacedAndErased) {
  commit(update_of("link", 0));
  auto page = update_of("link");
  page.transaction_puts = {row_of("t1", "{\"v\":1}"), row_of("t2", "{\"v\":1}")};
  page.transaction_puts[0].posted_from = "p";
  page.transaction_puts[0].generation = 4;
  commit(page);
  auto next = update_of("link");
  next.transaction_puts = {row_of("t2", "{\"v\":2}"), row_of("t3")};
  next.transaction_erases = {{.transaction_id = "t1"}};
  const auto held =
      lookup({.link_id = core::LinkId{"link"}, .transaction_ids = {"t0", "t1", "t2", "t3"}}).transactions;
  ASSERT_EQ(held.size(), 2u);
  EXPECT_EQ(held[0], (core::StoredTransaction{.transaction_id = "t1",
                                              .account_id = "acc_1",
                                              .json = "{\"v\":1}",
                                              .generation = 4,
                                              .posted_from = "p"}));
  commit(next);
  const auto after =
      lookup({.link_id = core::LinkId{"link"}, .transaction_ids = {"t1", "t2", "t3"}}).transactions;
  EXPECT_EQ(ids_of(after), (std::vector<std::string>{"t2", "t3"}));
  EXPECT_EQ(after[0].json, "{\"v\":2}");
}

TEST_F(StoreCommitTest, PendingRowsAreFoundByTheirIndex) {
  commit(update_of("link", 0));
  auto page = update_of("link");
  page.transaction_puts = {row_of("a"), row_of("b"), row_of("c")};
  page.transaction_puts[1].pending = true;
  page.transaction_puts[2].pending = true;
  commit(page);
  const core::LookupRequest pending{.link_id = core::LinkId{"link"}, .transaction_ids = {}, .pending = true};
  EXPECT_EQ(ids_of(lookup(pending).transactions), (std::vector<std::string>{"b", "c"}));

  auto posted = update_of("link");
  posted.transaction_puts = {row_of("b")};
  posted.transaction_puts[0].was_pending = true;
  posted.transaction_erases = {{.transaction_id = "c", .was_pending = true}};
  commit(posted);
  EXPECT_TRUE(lookup(pending).transactions.empty());

  auto again = update_of("link");
  again.transaction_puts = {row_of("a")};
  again.transaction_puts[0].pending = true;
  commit(again);
  again.transaction_puts[0].was_pending = true;  // stays pending
  commit(again);
  EXPECT_EQ(ids_of(lookup(pending).transactions), std::vector<std::string>{"a"});
}

TEST_F(StoreCommitTest, StagedRowsAreInvisibleUntilTheyAreVisible) {
  commit(update_of("link", 0));
  auto page = update_of("link");
  page.staged_puts = {row_of("s1"), row_of("s2")};
  page.staged_puts[0].pending = true;
  commit(page);
  const auto link = core::LinkId{"link"};
  auto held = lookup({.link_id = link, .transaction_ids = {"s1", "s2"}, .pending = true, .stale_below = 9});
  EXPECT_TRUE(held.transactions.empty());
  EXPECT_TRUE(held.staged.empty());
  EXPECT_TRUE(store_->transactions(link, "", 10)->items.empty());

  held = lookup({.link_id = link, .transaction_ids = {}, .staged = true});
  EXPECT_EQ(ids_of(held.staged), (std::vector<std::string>{"s1", "s2"}));
  EXPECT_TRUE(held.staged[0].pending);

  auto next = update_of("link");
  next.staged_erases = {"s1"};
  next.staged_puts = {row_of("s3")};
  commit(next);
  EXPECT_EQ(ids_of(lookup({.link_id = link, .transaction_ids = {}, .staged = true}).staged),
            (std::vector<std::string>{"s2", "s3"}));
}

TEST_F(StoreCommitTest, StagedClearDropsOldRowsAndThoseOfTheSameCall) {
  commit(update_of("link", 0));
  commit(update_of("other", 0));
  auto old = update_of("link");
  old.staged_puts = {row_of("old")};
  commit(old);
  auto others = update_of("other");
  others.staged_puts = {row_of("kept")};
  auto first = update_of("link");
  first.staged_puts = {row_of("first")};
  auto second = update_of("link");
  second.staged_clear = true;
  second.staged_puts = {row_of("second")};
  commit_all({&others, &first, &second});
  EXPECT_EQ(ids_of(lookup({.link_id = core::LinkId{"link"}, .transaction_ids = {}, .staged = true}).staged),
            std::vector<std::string>{"second"});
  EXPECT_EQ(ids_of(lookup({.link_id = core::LinkId{"other"}, .transaction_ids = {}, .staged = true}).staged),
            std::vector<std::string>{"kept"});
}

TEST_F(StoreCommitTest, AccountsRelinkDeadLettersAndFreezes) {
  auto update = update_of("link", 0);
  update.account_puts = {{.account_id = "a1", .json = "{\"b\":1}"},
                         {.account_id = "a2", .json = "{}", .gone = true, .gone_since = at_ms(5)}};
  update.relink = sample_relink();
  update.dead_letter = sample_dead_letter();
  commit(update);
  ASSERT_TRUE(store_->put_freeze({.endpoint = core::Endpoint::accounts, .until = at_ms(9000)}));
  reopen();

  const auto held =
      lookup({.link_id = core::LinkId{"link"}, .transaction_ids = {}, .accounts = true, .relink = true});
  ASSERT_EQ(held.accounts.size(), 2u);
  EXPECT_EQ(held.accounts[0], (core::StoredAccount{.account_id = "a1", .json = "{\"b\":1}"}));
  EXPECT_EQ(held.accounts[1],
            (core::StoredAccount{.account_id = "a2", .json = "{}", .gone = true, .gone_since = at_ms(5)}));
  EXPECT_EQ(held.relink, sample_relink());
  const auto letters = store_->dead_letters("", 10);
  ASSERT_TRUE(letters);
  EXPECT_EQ(letters->items, std::vector{sample_dead_letter()});
  const auto freezes = store_->freezes();
  ASSERT_TRUE(freezes);
  EXPECT_EQ(*freezes,
            (std::vector<core::GateFreeze>{{.endpoint = core::Endpoint::accounts, .until = at_ms(9000)}}));
}

TEST_F(StoreCommitTest, LongIdsAreKept) {
  const std::string link(256, 'l');
  const std::string account(256, 'a');
  const std::string row(256, 't');
  commit(update_of(link, 0));
  auto update = update_of(link);
  update.transaction_puts = {row_of(row)};
  update.account_puts = {{.account_id = account, .json = "{}"}};
  update.changes = {created(row, "{}")};
  commit(update);
  reopen();
  const auto held = lookup({.link_id = core::LinkId{link}, .transaction_ids = {row}, .accounts = true});
  EXPECT_EQ(ids_of(held.transactions), std::vector<std::string>{row});
  EXPECT_EQ(held.accounts.at(0).account_id, account);
  EXPECT_EQ(feed(0).entries.at(0).id, row);
}

TEST_F(StoreCommitTest, ImpossibleUpdatesAreRefusedWholeAndTheStoreStaysHealthy) {
  const auto good = update_of("good", 0);
  const auto expect_invalid = [&](const core::LinkUpdate& bad) {
    const core::LinkUpdate* both[] = {&good, &bad};
    const auto refused = store_->commit(both);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::invalid);
  };
  expect_invalid(update_of("", 0));
  expect_invalid(update_of(std::string(257, 'x'), 0));
  auto mixed = update_of("a", 0);
  mixed.record.link_id = core::LinkId{"b"};
  expect_invalid(mixed);
  auto no_fence = update_of("a", 0);
  no_fence.record.fence = 0;
  expect_invalid(no_fence);
  auto long_row = update_of("a", 0);
  const std::string id(257, 'x');
  long_row.transaction_puts = {row_of(id)};
  expect_invalid(long_row);
  auto no_row = update_of("a", 0);
  no_row.staged_puts = {row_of("")};
  expect_invalid(no_row);
  auto no_account = update_of("a", 0);
  no_account.account_puts = {{.account_id = "", .json = "{}"}};
  expect_invalid(no_account);
  auto foreign_relink = update_of("a", 0);
  foreign_relink.relink = sample_relink();
  expect_invalid(foreign_relink);
  auto foreign_letter = update_of("a", 0);
  foreign_letter.dead_letter = sample_dead_letter();
  expect_invalid(foreign_letter);
  EXPECT_TRUE(store_->healthy());
  EXPECT_FALSE(*store_->load(core::LinkId{"good"}));
  commit(good);
}

// More links than the cache remembers: the fence must be right all the same.
TEST_F(StoreCommitTest, FencesHoldBeyondTheCache) {
  constexpr int links = 6000;
  std::vector<core::LinkUpdate> updates;
  for (int i = 0; i < links; ++i)
    updates.push_back(update_of("link" + std::to_string(i), 0));
  std::vector<const core::LinkUpdate*> pointers;
  for (const auto& update : updates)
    pointers.push_back(&update);
  for (const auto outcome : commit_all(pointers))
    ASSERT_EQ(outcome, CommitOutcome::committed);
  for (const auto outcome : commit_all(pointers))
    ASSERT_EQ(outcome, CommitOutcome::conflict);
  for (int i = 0; i < links; i += 97)
    EXPECT_EQ(try_commit(updates[static_cast<std::size_t>(i)]), CommitOutcome::conflict);
}

TEST_F(StoreCommitTest, NotesAreTakenOnce) {
  EXPECT_EQ(store_->take_note("budget"), std::nullopt);
  ASSERT_TRUE(store_->put_note("budget", "v1"));
  ASSERT_TRUE(store_->put_note("budget", std::string("v\0two", 5)));
  reopen();
  EXPECT_EQ(store_->take_note("budget"), std::string("v\0two", 5));
  EXPECT_EQ(store_->take_note("budget"), std::nullopt);
  reopen();
  EXPECT_EQ(store_->take_note("budget"), std::nullopt);
}

TEST_F(StoreCommitTest, StatsCountCommitsAndBytes) {
  commit(update_of("link", 0));
  auto stats = store_->stats();
  EXPECT_EQ(stats.commits, 1u);
  EXPECT_GT(stats.disk_bytes, 0u);
  EXPECT_GT(stats.disk_free_bytes, 0u);
  EXPECT_GT(stats.memtable_bytes, 0u);
  EXPECT_FALSE(stats.write_stopped);
}

TEST_F(StoreCommitTest, StatsTellWhatTheDatabaseCounts) {
  const auto before = store_->stats();
  commit(update_of("link", 0));
  const auto stats = store_->stats();
  EXPECT_EQ(stats.tables.wal_syncs, before.tables.wal_syncs + 1) << "one synced write";
  EXPECT_GT(stats.tables.wal_bytes, before.tables.wal_bytes);
  EXPECT_GT(stats.tables.keys_written, before.tables.keys_written);
  ASSERT_TRUE(store_->load(core::LinkId{"link"}));
  EXPECT_EQ(store_->stats().tables.keys_read, stats.tables.keys_read + 1);
  EXPECT_EQ(stats.tables.flush_written_bytes, 0u);
  EXPECT_EQ(stats.running_compactions, 0u);
  EXPECT_EQ(stats.dead_letters, 0u);
  for (const std::uint64_t errors : stats.errors)
    EXPECT_EQ(errors, 0u);
  reopen();  // what was in memory is in tables now
  std::uint64_t files = 0;
  for (const std::uint64_t level : store_->stats().level_files)
    files += level;
  EXPECT_GT(files, 0u);
  ASSERT_TRUE(store_->load(core::LinkId{"link"}));
  const auto read = store_->stats().tables;
  EXPECT_GT(read.block_cache_hits + read.block_cache_misses, 0u);
}

}  // namespace
}  // namespace syncd::test
