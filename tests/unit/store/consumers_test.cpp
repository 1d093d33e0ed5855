#include "store/consumers.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/store/hex.hpp"
#include "tests/unit/store/store_fixture.hpp"

// The named consumers of the feed.
namespace syncd::test {
namespace {

using store::ConsumerMove;
using store::ConsumerStart;
using store::ConsumerState;
using store::FeedConsumer;
using store::FeedPosition;
using Added = store::AddedConsumer::Outcome;
using Moved = store::MovedConsumer::Outcome;

TEST(FeedConsumerValue, HasTheseBytes) {
  const FeedConsumer consumer{.name = "books",
                              .created_at = at_ms(1),
                              .acknowledged = {.epoch = 300, .sequence = 128},
                              .acknowledged_at = at_ms(-1)};
  std::string value;
  store::encode_feed_consumer(value, consumer);
  EXPECT_EQ(to_hex(value),
            "01"
            "02"
            "ac02"
            "8001"
            "01");  // format, created at, epoch, sequence, acknowledged at
  EXPECT_EQ(store::decode_feed_consumer("books", value), consumer);
}

TEST(FeedConsumerValue, RefusesWhatItDidNotWrite) {
  std::string value;
  store::encode_feed_consumer(value, FeedConsumer());
  for (std::size_t bytes = 0; bytes < value.size(); ++bytes)
    EXPECT_FALSE(store::decode_feed_consumer("books", value.substr(0, bytes))) << bytes;
  EXPECT_FALSE(store::decode_feed_consumer("books", value + '\0'));
  EXPECT_FALSE(store::decode_feed_consumer("Books", value));
  value.front() = 2;
  EXPECT_FALSE(store::decode_feed_consumer("books", value));
}

TEST(FeedConsumerName, IsALabelAndAPathSegment) {
  for (const char* name : {"a", "0", "ledger-2", "a.b_c-d"})
    EXPECT_TRUE(store::is_valid_consumer_name(name)) << name;
  EXPECT_TRUE(store::is_valid_consumer_name(std::string(64, 'x')));
  for (const char* name : {"", "-a", ".", "A", "a b", "a/b", "\xc3\xa4", "a\n"})
    EXPECT_FALSE(store::is_valid_consumer_name(name)) << name;
  EXPECT_FALSE(store::is_valid_consumer_name(std::string(65, 'x')));
}

class ConsumersTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    commit(update_of("link", 0));
  }
  void add_changes(int count) {
    for (int i = 0; i < count; ++i) {
      auto update = update_of("link");
      update.at = at_ms(1000 * ++changes_);
      update.changes.push_back(created("t", "{}"));
      commit(update);
    }
  }
  static core::AuditNote act(std::string action, std::uint8_t key = 0) {
    core::AuditNote note{.actor = "uid:1", .action = std::move(action)};
    note.request_key[0] = key;
    return note;
  }
  store::AddedConsumer add(std::string_view name, ConsumerStart start = ConsumerStart::head,
                           std::uint8_t key = 0) {
    auto added = store_->add_consumer(name, start, at_ms(5), act("consumers.add", key));
    EXPECT_TRUE(added) << added.error().message;
    return added.value_or(store::AddedConsumer{});
  }
  store::MovedConsumer move(ConsumerMove how, FeedPosition to, std::int64_t ms = 77) {
    auto moved = store_->move_consumer("books", to, how, at_ms(ms), act("consumers.reset"));
    EXPECT_TRUE(moved) << moved.error().message;
    return moved.value_or(store::MovedConsumer{});
  }
  Moved ack(std::uint64_t sequence, std::uint64_t epoch = 1) {
    return move(ConsumerMove::acknowledge, {epoch, sequence}).outcome;
  }
  store::ConsumerView view(std::string_view name = "books") {
    const auto look = store_->consumer(name);
    EXPECT_TRUE(look && look->found);
    return look && look->found ? *look->found : store::ConsumerView{};
  }

  std::int64_t changes_ = 0;
};

TEST_F(ConsumersTest, BeginsBehindOrInFrontOfAllThereIs) {
  add_changes(3);
  EXPECT_EQ(add("books").outcome, Added::added);
  EXPECT_EQ(add("ledger", ConsumerStart::first).outcome, Added::added);
  EXPECT_EQ(
      view().consumer,
      (FeedConsumer{.name = "books", .created_at = at_ms(5), .acknowledged = {1, 3}, .acknowledged_at = {}}));
  EXPECT_EQ(view().lag, 0u);
  EXPECT_EQ(view().oldest_unread_at, std::nullopt);
  EXPECT_EQ(view("ledger").consumer.acknowledged, (FeedPosition{1, 0}));
  EXPECT_EQ(view("ledger").lag, 3u);
  EXPECT_EQ(view("ledger").oldest_unread_at, at_ms(1000));
  add_changes(1);
  EXPECT_EQ(view().lag, 1u);
  EXPECT_EQ(view().oldest_unread_at, at_ms(4000));
  EXPECT_EQ(view().state, ConsumerState::live);
  EXPECT_EQ(store_->stats().published, 3u) << "where a consumer begins is a promise";
}

TEST_F(ConsumersTest, AddingAgainChangesNothing) {
  add_changes(2);
  add("books", ConsumerStart::first);
  const auto again = add("books", ConsumerStart::head);
  EXPECT_EQ(again.outcome, Added::existed);
  EXPECT_EQ(again.look.found->consumer.acknowledged, (FeedPosition{1, 0}));
  EXPECT_EQ(store_->audit_entries(0, 10)->entries.size(), 1u);
}

TEST_F(ConsumersTest, ThereIsRoomForSixtyFour) {
  for (std::size_t i = 0; i < store::feed_consumers_max; ++i)
    EXPECT_EQ(add("c" + std::to_string(i)).outcome, Added::added);
  EXPECT_EQ(add("more").outcome, Added::no_room);
  ASSERT_EQ(store_->remove_consumer("c7", at_ms(1), act("consumers.remove")),
            store::RemovedConsumer::removed);
  EXPECT_EQ(add("more").outcome, Added::added);
  EXPECT_EQ(store_->consumers()->consumers.size(), store::feed_consumers_max);
  EXPECT_EQ(store_->add_consumer("No", ConsumerStart::head, at_ms(1), act("x")).error().code,
            core::Errc::invalid);
}

TEST_F(ConsumersTest, AcknowledgesForwardOnly) {
  add("books", ConsumerStart::first);
  add_changes(5);
  EXPECT_EQ(ack(1), Moved::ahead) << "that was never shown: a crash might take it back";
  feed(0, 1);
  EXPECT_EQ(ack(3), Moved::moved);
  EXPECT_EQ(ack(3), Moved::moved) << "said again";
  EXPECT_EQ(ack(2), Moved::behind);
  EXPECT_EQ(ack(6), Moved::ahead);
  EXPECT_EQ(ack(4, 2), Moved::other_epoch);
  EXPECT_EQ(view().consumer.acknowledged, (FeedPosition{1, 3})) << "what is refused moves nothing";
  EXPECT_EQ(view().consumer.acknowledged_at, at_ms(77));
  EXPECT_EQ(store_->move_consumer("nobody", {1, 3}, ConsumerMove::acknowledge, at_ms(1), act("x"))->outcome,
            Moved::unknown);
  EXPECT_EQ(store_->audit_entries(0, 10)->entries.size(), 1u) << "an acknowledgement is no act";
}

TEST_F(ConsumersTest, AnAcknowledgementThatIsRepeatedCostsNoWrite) {
  add_changes(2);
  add("books");
  const auto commits = store_->stats().commits;
  EXPECT_EQ(ack(2), Moved::moved) << "the first one is kept: it says that somebody is there";
  EXPECT_EQ(store_->stats().commits, commits + 1);
  EXPECT_EQ(ack(2), Moved::moved);
  EXPECT_EQ(store_->stats().commits, commits + 1);
}

TEST_F(ConsumersTest, AResetMovesAnywhereAndIsAnAct) {
  add_changes(5);
  add("books");
  EXPECT_EQ(move(ConsumerMove::reset, {1, 2}).outcome, Moved::moved);
  EXPECT_EQ(view().lag, 3u);
  EXPECT_EQ(move(ConsumerMove::reset, {1, 6}).outcome, Moved::ahead);
  EXPECT_EQ(move(ConsumerMove::reset, {7, 0}).outcome, Moved::other_epoch);
  EXPECT_EQ(store_->audit_entries(0, 10)->entries.front().note.action, "consumers.reset");
  EXPECT_EQ(store_->audit_entries(0, 10)->entries.size(), 2u);
}

TEST_F(ConsumersTest, SurvivesAReopening) {
  add_changes(4);
  add("books");
  add("ledger", ConsumerStart::first);
  feed(0);
  ASSERT_EQ(store_->remove_consumer("ledger", at_ms(1), act("consumers.remove")),
            store::RemovedConsumer::removed);
  EXPECT_EQ(store_->remove_consumer("ledger", at_ms(1), act("x")), store::RemovedConsumer::unknown);
  ASSERT_EQ(ack(4), Moved::moved);
  const auto before = store_->consumers();
  reopen();
  const auto after = store_->consumers();
  ASSERT_EQ(after->consumers.size(), 1u);
  EXPECT_EQ(after->consumers[0].consumer, before->consumers[0].consumer);
  EXPECT_EQ(after->feed, (store::FeedBounds{.epoch = 1, .first = 1, .head = 4}));
}

// The same request comes twice because its answer was lost.
TEST_F(ConsumersTest, KnowsTheKeyOfARequest) {
  add("books", ConsumerStart::head, 7);
  EXPECT_EQ(add("books", ConsumerStart::head, 7).outcome, Added::existed);
  EXPECT_EQ(add("other", ConsumerStart::head, 7).outcome, Added::known_act);
  EXPECT_EQ(store_->remove_consumer("books", at_ms(1), act("x", 8)), store::RemovedConsumer::removed);
  EXPECT_EQ(store_->remove_consumer("books", at_ms(1), act("x", 8)), store::RemovedConsumer::known_act);
}

// The feed began anew, as behind a restored backup: the consumer has to, too.
TEST_F(ConsumersTest, ANewEpochIsToldAndNeverPassedOver) {
  add_changes(3);
  add("books", ConsumerStart::first);
  feed(0);
  ASSERT_EQ(ack(2), Moved::moved);
  store_.reset();
  std::filesystem::remove(options_.path + "/feed-high-water");
  open();
  const auto bounds = store_->consumers()->feed;
  ASSERT_EQ(bounds.epoch, 2u);
  add_changes(2);
  feed(0);
  EXPECT_EQ(view().state, ConsumerState::other_epoch);
  EXPECT_EQ(view().lag, 2u) << "of the present epoch it knows nothing";
  EXPECT_EQ(view().oldest_unread_at, at_ms(4000));
  EXPECT_EQ(ack(2, 1), Moved::other_epoch);
  EXPECT_EQ(ack(2, 2), Moved::other_epoch) << "it must say that it begins anew";
  EXPECT_EQ(move(ConsumerMove::reset, {2, 1}).outcome, Moved::moved);
  EXPECT_EQ(view().state, ConsumerState::live);
  EXPECT_EQ(ack(2, 2), Moved::moved);
}

}  // namespace
}  // namespace syncd::test
