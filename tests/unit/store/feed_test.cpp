#include "store/feed.hpp"

#include <limits>

#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

class FeedTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    commit(update_of("link", 0));
  }
  // One commit with `count` changes named first, first + 1 ...
  void commit_changes(int first, int count) {
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i)
      ids.push_back("t" + std::to_string(first + i));
    auto update = update_of("link");
    update.cause = core::Cause::webhook;
    for (const auto& id : ids)
      update.changes.push_back(created(id, "{}"));
    commit(update);
  }
};

TEST_F(FeedTest, EmptyFeedHasHeadZeroInEpochOne) {
  const auto slice = feed(0);
  EXPECT_TRUE(slice.entries.empty());
  EXPECT_EQ(slice.epoch, 1u);
  EXPECT_EQ(slice.head, 0u);
}

TEST_F(FeedTest, SequencesHaveNoGapAndEntriesKeepWhatWasCommitted) {
  commit_changes(1, 3);
  commit_changes(4, 1);
  const auto slice = feed(0);
  ASSERT_EQ(slice.entries.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(slice.entries[i].sequence, i + 1);
    EXPECT_EQ(slice.entries[i].id, "t" + std::to_string(i + 1));
    EXPECT_EQ(slice.entries[i].epoch, 1u);
    EXPECT_EQ(slice.entries[i].link_id.str(), "link");
    EXPECT_EQ(slice.entries[i].kind, core::ChangeKind::transaction_created);
    EXPECT_EQ(slice.entries[i].before, "");
    EXPECT_EQ(slice.entries[i].after, "{}");
    EXPECT_EQ(slice.entries[i].at, at_ms(1'700'000'000'000));
    EXPECT_EQ(slice.entries[i].cause, core::Cause::webhook);
  }
}

// Every start and every limit over blocks of 1, 2, 3 ... entries.
TEST_F(FeedTest, AnyWindowAcrossBlocks) {
  int next = 1;
  for (const int size : {1, 2, 3, 1, 5, 2}) {
    commit_changes(next, size);
    next += size;
  }
  const auto head = static_cast<std::uint64_t>(next - 1);
  for (std::uint64_t after = 0; after <= head + 2; ++after) {
    for (std::size_t limit = 1; limit <= head + 1; ++limit) {
      const auto slice = feed(after, limit);
      EXPECT_EQ(slice.head, head);
      const auto left = after >= head ? 0 : head - after;
      ASSERT_EQ(slice.entries.size(), std::min<std::uint64_t>(left, limit)) << after << " " << limit;
      for (std::size_t i = 0; i < slice.entries.size(); ++i) {
        EXPECT_EQ(slice.entries[i].sequence, after + 1 + i);
        EXPECT_EQ(slice.entries[i].id, "t" + std::to_string(after + 1 + i));
      }
    }
  }
}

TEST_F(FeedTest, BeyondTheHeadAndAtTheEndOfNumbersThereIsNothing) {
  commit_changes(1, 2);
  EXPECT_TRUE(feed(2).entries.empty());
  EXPECT_TRUE(feed(std::numeric_limits<std::uint64_t>::max()).entries.empty());
  EXPECT_TRUE(feed(0, 0).entries.empty());
}

TEST_F(FeedTest, OneAnswerHoldsAtMostAThousandEntries) {
  commit_changes(1, 1500);
  EXPECT_EQ(feed(0, 5000).entries.size(), 1000u);
  EXPECT_EQ(feed(1000, 5000).entries.size(), 500u);
}

TEST_F(FeedTest, LargeTextsAreSplitOverAnswers) {
  const std::string large(3 << 20, 'x');
  for (int i = 0; i < 4; ++i) {
    auto update = update_of("link");
    update.changes.push_back(created("t", large));
    commit(update);
  }
  std::uint64_t after = 0;
  int answers = 0;
  while (after < 4) {
    const auto slice = feed(after);
    ASSERT_FALSE(slice.entries.empty());
    after = slice.entries.back().sequence;
    ++answers;
  }
  EXPECT_EQ(answers, 2);
}

TEST_F(FeedTest, GoesOnAfterReopening) {
  commit_changes(1, 3);
  reopen();
  commit_changes(4, 2);
  const auto slice = feed(0);
  EXPECT_EQ(slice.epoch, 1u);
  ASSERT_EQ(slice.entries.size(), 5u);
  EXPECT_EQ(slice.entries[4].sequence, 5u);
}

TEST_F(FeedTest, ConflictingUpdateTakesNoSequence) {
  auto refused = update_of("link", 99);
  refused.changes.push_back(created("no", "{}"));
  auto accepted = update_of("link");
  accepted.changes.push_back(created("yes", "{}"));
  const core::LinkUpdate* both[] = {&refused, &accepted};
  ASSERT_TRUE(store_->commit(both));
  const auto slice = feed(0);
  ASSERT_EQ(slice.entries.size(), 1u);
  EXPECT_EQ(slice.entries[0].sequence, 1u);
  EXPECT_EQ(slice.entries[0].id, "yes");
}

TEST_F(FeedTest, ReadingPublishesUpToTheHeadAndOnlyReadingDoes) {
  commit_changes(1, 3);
  EXPECT_EQ(store_->stats().published, 0u);
  feed(0, 1);
  EXPECT_EQ(store_->stats().published, 3u);
  EXPECT_EQ(store_->stats().feed_head, 3u);
  EXPECT_EQ(store_->stats().feed_epoch, 1u);
}

}  // namespace
}  // namespace syncd::test
