#include "store/consumers.hpp"

#include <algorithm>
#include <utility>

#include "store/codec.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view value_name = "feed consumer";

}  // namespace

void encode_feed_consumer(std::string& out, const FeedConsumer& consumer) {
  Writer writer(out);
  writer.u8(value_format);
  put_time(writer, consumer.created_at);
  writer.varint(consumer.acknowledged.epoch);
  writer.varint(consumer.acknowledged.sequence);
  put_time(writer, consumer.acknowledged_at);
}

core::Result<FeedConsumer> decode_feed_consumer(std::string_view name, std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, value_name); !format) return std::unexpected(format.error());
  FeedConsumer consumer;
  consumer.name = name;
  consumer.created_at = get_wall_time(in);
  consumer.acknowledged.epoch = in.varint();
  consumer.acknowledged.sequence = in.varint();
  consumer.acknowledged_at = get_wall_time(in);
  if (!in.finished() || !is_valid_consumer_name(name)) return std::unexpected(damaged(value_name));
  return consumer;
}

std::string_view to_string(ConsumerState state) {
  switch (state) {
    case ConsumerState::live:
      return "live";
    case ConsumerState::overtaken:
      return "overtaken";
    case ConsumerState::other_epoch:
      return "other_epoch";
  }
  return "unknown";
}

ConsumerState state_of(const FeedConsumer& consumer, const FeedBounds& feed) {
  if (consumer.acknowledged.epoch != feed.epoch) return ConsumerState::other_epoch;
  return consumer.acknowledged.sequence + 1 < feed.first ? ConsumerState::overtaken : ConsumerState::live;
}

std::uint64_t lag_of(const FeedConsumer& consumer, const FeedBounds& feed) {
  if (consumer.acknowledged.epoch != feed.epoch) return feed.head;
  return feed.head - std::min(feed.head, consumer.acknowledged.sequence);
}

}  // namespace syncd::store
