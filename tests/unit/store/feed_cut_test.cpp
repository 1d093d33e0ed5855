#include <algorithm>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/consumers.hpp"
#include "store/database_impl.hpp"
#include "store/health_impl.hpp"
#include "store/keys.hpp"
#include "tests/unit/store/store_fixture.hpp"

// How the feed loses its beginning, and what that does to those who follow it.
namespace syncd::test {
namespace {

using store::ConsumerMove;
using store::ConsumerStart;
using store::ConsumerState;
using store::Family;

class FeedCutTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    for (const char* link : {"a", "b"})
      commit(update_of(link, 0));
  }
  // One block of `entries` changes.
  void add_block(const std::string& link, std::int64_t at, int entries = 1) {
    std::vector<std::string> ids;
    for (int i = 0; i < entries; ++i)
      ids.push_back(link + std::to_string(i));
    auto update = update_of(link);
    update.at = at_ms(at);
    for (const auto& id : ids)
      update.changes.push_back(created(id, "{}"));
    commit(update);
  }
  void add_consumer(const std::string& name, ConsumerStart start = ConsumerStart::first) {
    ASSERT_EQ(store_->add_consumer(name, start, at_ms(1), note())->outcome,
              store::AddedConsumer::Outcome::added);
  }
  void ack(const std::string& name, std::uint64_t sequence) {
    const std::uint64_t epoch = store_->consumers()->feed.epoch;
    ASSERT_EQ(
        store_->move_consumer(name, {epoch, sequence}, ConsumerMove::acknowledge, at_ms(1), note())->outcome,
        store::MovedConsumer::Outcome::moved);
  }
  static core::AuditNote note() { return {.actor = "uid:1", .action = "x"}; }
  store::FeedCut cut(std::int64_t before, std::int64_t hard_before = 0) {
    auto cut = store_->cut_feed({.before = at_ms(before), .hard_before = at_ms(hard_before)});
    EXPECT_TRUE(cut) << cut.error().message;
    return cut.value_or(store::FeedCut{});
  }
  ConsumerState state(const std::string& name) { return store_->consumer(name)->found->state; }
  std::vector<std::uint64_t> link_feed(const std::string& link) {
    std::vector<std::uint64_t> sequences;
    const auto entries = store_->link_feed(core::LinkId{link}, 0, 1000);
    EXPECT_TRUE(entries) << entries.error().message;
    for (const auto& entry : *entries)
      sequences.push_back(entry.sequence);
    return sequences;
  }
  // Keys of blocks, and of their places among the links' keys.
  std::pair<std::size_t, std::size_t> keys() {
    store_.reset();
    auto database = store::Database::open(options_.path + "/db", options_, store::host_disk(), false,
                                          std::make_shared<store::Health>());
    EXPECT_TRUE(database);
    std::size_t blocks = 0;
    std::size_t places = 0;
    for (store::Scan scan(**database, Family::feed, {}, {}); scan.valid(); scan.next())
      ++blocks;
    for (store::Scan scan(**database, Family::accounts, {}, {}); scan.valid(); scan.next())
      places += store::parse_link_feed_key(scan.key()) ? 1u : 0u;
    database->reset();
    open();
    return {blocks, places};
  }
};

TEST_F(FeedCutTest, CutsWholeBlocksThatAreOldEnough) {
  add_block("a", 100, 3);
  add_block("b", 200, 2);
  add_block("a", 300, 2);
  EXPECT_EQ(cut(100).blocks, 0u) << "not older than";
  const auto done = cut(300);
  EXPECT_EQ(done.blocks, 2u);
  EXPECT_EQ(done.entries, 5u);
  EXPECT_TRUE(done.finished);
  EXPECT_EQ(done.feed, (store::FeedBounds{.epoch = 1, .first = 6, .head = 7}));
  const auto left = feed(5);
  ASSERT_EQ(left.entries.size(), 2u);
  EXPECT_EQ(left.entries.front().sequence, 6u);
  EXPECT_EQ(left.first, 6u);
  EXPECT_EQ(link_feed("a"), (std::vector<std::uint64_t>{7, 6}));
  EXPECT_EQ(link_feed("b"), std::vector<std::uint64_t>{});
  EXPECT_EQ(keys(), (std::pair<std::size_t, std::size_t>{1, 1}));
}

TEST_F(FeedCutTest, WhoeverIsBehindTheCutIsToldSo) {
  add_block("a", 100, 3);
  add_block("a", 200, 2);
  cut(200);
  for (const std::uint64_t after : {0u, 1u, 2u}) {
    const auto slice = feed(after);
    EXPECT_TRUE(slice.is_cut(after));
    EXPECT_TRUE(slice.entries.empty()) << "nothing is passed over in silence";
    EXPECT_EQ(slice.first, 4u);
    EXPECT_EQ(slice.head, 5u);
  }
  for (const std::uint64_t after : {3ull, 4ull, 5ull, 99ull, ~0ull})
    EXPECT_FALSE(feed(after).is_cut(after)) << after;
  EXPECT_EQ(feed(3).entries.size(), 2u);
  EXPECT_TRUE(store_->healthy());
}

TEST_F(FeedCutTest, TheNewestBlockStaysAndAStartFindsTheFeedWhole) {
  add_block("a", 100, 3);
  add_block("a", 200, 4);
  feed(0);
  const auto done = cut(1'000'000, 1'000'000);
  EXPECT_EQ(done.feed.first, 4u);
  EXPECT_TRUE(done.finished);
  reopen();
  EXPECT_TRUE(store_->notices().empty()) << store_->notices().front();
  EXPECT_EQ(store_->consumers()->feed, (store::FeedBounds{.epoch = 1, .first = 4, .head = 7}));
  EXPECT_EQ(store_->stats().published, 7u);
  add_block("b", 300, 1);
  EXPECT_EQ(feed(7).entries.at(0).sequence, 8u);
}

TEST_F(FeedCutTest, NeverCutsInFrontOfTheSlowestLiveConsumer) {
  for (int i = 1; i <= 6; ++i)
    add_block("a", 100 * i, 2);  // the entries 2 i - 1 and 2 i
  feed(0);
  add_consumer("slow");
  add_consumer("fast");
  ack("fast", 12);
  EXPECT_EQ(cut(10'000).blocks, 0u);
  ack("slow", 3);  // in the middle of the second block
  EXPECT_EQ(cut(10'000).feed.first, 3u);
  ack("slow", 4);
  EXPECT_EQ(cut(10'000).feed.first, 5u);
  EXPECT_EQ(state("slow"), ConsumerState::live);
  EXPECT_EQ(feed(4).entries.front().sequence, 5u);
  ASSERT_EQ(store_->remove_consumer("slow", at_ms(1), note()), store::RemovedConsumer::removed);
  EXPECT_EQ(cut(10'000).feed.first, 11u);
}

TEST_F(FeedCutTest, AHoldEndsWithTheSecondLimit) {
  for (int i = 1; i <= 6; ++i)
    add_block("a", 100 * i);
  feed(0);
  add_consumer("dead");
  add_consumer("slow");
  add_consumer("fast", ConsumerStart::head);
  ack("slow", 2);
  const auto done = cut(10'000, 350);
  EXPECT_EQ(done.overtaken, (std::vector<std::string>{"dead", "slow"}));
  EXPECT_EQ(done.feed.first, 6u) << "with both overtaken nobody holds the others";
  EXPECT_EQ(state("dead"), ConsumerState::overtaken);
  EXPECT_EQ(state("fast"), ConsumerState::live);
  EXPECT_EQ(store_->consumer("dead")->found->lag, 6u);
  EXPECT_EQ(store_->consumer("dead")->found->oldest_unread_at, at_ms(600));
  EXPECT_TRUE(cut(10'000, 350).overtaken.empty()) << "told once";
  // It had read on and says so only now.
  ack("slow", 5);
  EXPECT_EQ(state("slow"), ConsumerState::live);
  EXPECT_EQ(store_->move_consumer("dead", {1, 4}, ConsumerMove::reset, at_ms(1), note())->outcome,
            store::MovedConsumer::Outcome::cut);
  EXPECT_EQ(store_->move_consumer("dead", {1, 5}, ConsumerMove::reset, at_ms(1), note())->outcome,
            store::MovedConsumer::Outcome::moved);
  EXPECT_EQ(state("dead"), ConsumerState::live);
}

// The hold of whoever is overtaken ends; that of a consumer in front of it does not.
TEST_F(FeedCutTest, AnotherHoldStandsBehindABrokenOne) {
  for (const int at : {100, 200, 900, 1000})
    add_block("a", at);
  feed(0);
  add_consumer("dead");
  add_consumer("slow");
  ack("slow", 2);
  const auto done = cut(10'000, 500);
  EXPECT_EQ(done.overtaken, std::vector<std::string>{"dead"});
  EXPECT_EQ(done.feed.first, 3u);
  EXPECT_EQ(state("slow"), ConsumerState::live);
}

TEST_F(FeedCutTest, ABlockFromTheFutureHoldsWhatIsBehindIt) {
  add_block("a", 100);
  add_block("a", 90'000);
  add_block("a", 200);
  add_block("a", 300);
  EXPECT_EQ(cut(1'000).feed.first, 2u);
  EXPECT_EQ(cut(100'000).feed.first, 4u);
}

TEST_F(FeedCutTest, AConsumerOfAnEarlierEpochHoldsNothingAndItsBlocksGoByAge) {
  add_block("a", 100);
  add_block("a", 200);
  feed(0);
  add_consumer("old");
  store_.reset();
  std::filesystem::remove(options_.path + "/feed-high-water");
  open();
  add_block("a", 300);
  add_block("b", 400);
  EXPECT_EQ(cut(200).blocks, 1u);
  const auto done = cut(10'000);
  EXPECT_EQ(done.blocks, 2u);
  EXPECT_EQ(done.entries, 1u) << "those of the earlier epoch count for nothing";
  EXPECT_TRUE(done.overtaken.empty());
  EXPECT_EQ(state("old"), ConsumerState::other_epoch);
  EXPECT_EQ(done.feed, (store::FeedBounds{.epoch = 2, .first = 2, .head = 2}));
  EXPECT_EQ(keys(), (std::pair<std::size_t, std::size_t>{1, 1}));
}

TEST_F(FeedCutTest, ACutAndAPurgeDoNotMindEachOther) {
  for (int i = 1; i <= 4; ++i)
    add_block(i % 2 == 0 ? "a" : "b", 100 * i, 2);
  cut(150);
  auto purge = update_of("b", 1);
  purge.at = at_ms(500);
  purge.record.fence = 2;
  purge.purge = true;
  purge.changes.push_back({core::ChangeKind::link_purged, "b", {}, "{}"});
  commit(purge);
  const auto slice = feed(2);
  ASSERT_EQ(slice.entries.size(), 7u);
  EXPECT_EQ(slice.entries.front().sequence, 3u);
  EXPECT_EQ(slice.entries.at(2).kind, core::ChangeKind::link_purged);
  EXPECT_EQ(cut(450).feed.first, 9u);
  EXPECT_EQ(link_feed("a"), std::vector<std::uint64_t>{});
  EXPECT_EQ(keys(), (std::pair<std::size_t, std::size_t>{1, 1}));
}

TEST_F(FeedCutTest, OneCallDoesABoundedAmount) {
  options_.sync_writes = false;
  reopen();
  for (int i = 0; i < 600; ++i)
    add_block("a", 100);
  const auto first = cut(1'000);
  EXPECT_EQ(first.blocks, 256u);
  EXPECT_FALSE(first.finished);
  reopen();
  EXPECT_EQ(cut(1'000).blocks, 256u);
  const auto last = cut(1'000);
  EXPECT_EQ(last.blocks, 600u - 512u - 1u);
  EXPECT_TRUE(last.finished);
  EXPECT_EQ(last.feed.first, 600u);
}

// Any mixture of changes, consumers, acknowledgements, cuts and restarts, beside a model of what must be.
class FeedCutInAnyOrder : public FeedCutTest, public testing::WithParamInterface<unsigned> {
 protected:
  static constexpr std::uint64_t nobody = std::numeric_limits<std::uint64_t>::max();

  void SetUp() override {
    options_.sync_writes = false;
    FeedCutTest::SetUp();
  }
  std::uint64_t any(std::uint64_t below) { return random_() % below; }

  void step() {
    now_ += static_cast<std::int64_t>(any(50));
    const std::string name = "c" + std::to_string(any(4));
    const bool there = acked_.contains(name);
    const auto what = any(9);
    if (what < 3) {
      change();
    } else if (what < 4 && !there) {
      add_consumer(name, any(2) == 0 ? ConsumerStart::head : ConsumerStart::first);
      acked_[name] = store_->consumer(name)->found->consumer.acknowledged.sequence;
    } else if (what < 6 && there) {
      read_on(name);
    } else if (what == 7 && any(8) == 0) {
      reopen();
    } else if (what == 8) {
      cut_something();
    }
  }

  void change() {
    const int entries = 1 + static_cast<int>(any(4));
    add_block(any(2) == 0 ? "a" : "b", now_, entries);
    head_ += static_cast<std::uint64_t>(entries);
    blocks_.push_back({.at = now_, .last = head_});
  }

  // A consumer reads what follows its position, or hears that it is gone and leaves.
  void read_on(const std::string& name) {
    std::uint64_t& at = acked_[name];
    const auto slice = feed(at, 1 + any(6));
    ASSERT_EQ(slice.is_cut(at), at + 1 < first_);
    ASSERT_EQ(state(name), slice.is_cut(at) ? ConsumerState::overtaken : ConsumerState::live);
    if (slice.is_cut(at)) {
      ASSERT_EQ(store_->remove_consumer(name, at_ms(1), note()), store::RemovedConsumer::removed);
      acked_.erase(name);
    } else if (!slice.entries.empty()) {
      ASSERT_EQ(slice.entries.front().sequence, at + 1) << "nothing is passed over";
      at = slice.entries.back().sequence;
      ack(name, at);
    }
  }

  std::uint64_t hold() const {
    std::uint64_t lowest = nobody;
    for (const auto& [name, sequence] : acked_) {
      if (sequence + 1 >= first_) lowest = std::min(lowest, sequence);
    }
    return lowest;
  }

  // Block by block, as the rule says it.
  void cut_something() {
    const std::int64_t before = now_ - static_cast<std::int64_t>(any(1'500));
    const std::int64_t hard = any(3) == 0 ? before - static_cast<std::int64_t>(any(1'500)) : 0;
    const auto done = cut(before, hard);
    ASSERT_TRUE(done.finished);
    while (!blocks_.empty() && blocks_.front().last < head_) {
      const auto [at, last] = blocks_.front();
      if (at >= before || (last > hold() && at >= hard)) break;
      first_ = last + 1;
      blocks_.pop_front();
    }
    ASSERT_EQ(done.feed.first, first_);
  }

  void check() {
    ASSERT_EQ(store_->consumers()->feed, (store::FeedBounds{.epoch = 1, .first = first_, .head = head_}));
    std::uint64_t expected = first_;
    for (const auto& entry : feed(first_ - 1).entries)
      ASSERT_EQ(entry.sequence, expected++) << "what is left has no gap";
    ASSERT_EQ(expected, head_ + 1);
  }

  struct Block {
    std::int64_t at = 0;
    std::uint64_t last = 0;
  };
  std::mt19937 random_{GetParam()};
  std::int64_t now_ = 1'000;
  std::uint64_t head_ = 0;
  std::uint64_t first_ = 1;
  std::deque<Block> blocks_;                    // that are left
  std::map<std::string, std::uint64_t> acked_;  // as the consumers know it
};

TEST_P(FeedCutInAnyOrder, NothingIsCutInFrontOfALiveConsumerAndNothingElseStays) {
  for (int number = 0; number < 400 && !HasFatalFailure(); ++number) {
    SCOPED_TRACE("step " + std::to_string(number));
    step();
    check();
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, FeedCutInAnyOrder, testing::Range(1U, 9U));

}  // namespace
}  // namespace syncd::test
