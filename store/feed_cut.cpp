#include <algorithm>
#include <limits>
#include <utility>

#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/store_impl.hpp"

// How the feed loses its beginning.
namespace syncd::store {
namespace {

// One call keeps the store's thread for some ten milliseconds.
constexpr std::uint64_t blocks_cut_max = 256;
constexpr std::size_t bytes_cut_max = 4 << 20;

constexpr std::string_view doing = "cut the feed";

// The lowest position of a consumer that the cut waits for.
std::uint64_t lowest_live(const std::map<std::string, FeedConsumer, std::less<>>& consumers,
                          const FeedBounds& feed) {
  std::uint64_t lowest = std::numeric_limits<std::uint64_t>::max();
  for (const auto& [name, consumer] : consumers) {
    if (state_of(consumer, feed) == ConsumerState::live)
      lowest = std::min(lowest, consumer.acknowledged.sequence);
  }
  return lowest;
}

// A block at the front, and whether it may go.
struct FrontBlock {
  FeedKey key;
  FeedBlockHead head;

  std::uint64_t last() const { return key.first_sequence + head.count - 1; }
  bool may_go(const FeedCutLimits& limits, const FeedBounds& feed, std::uint64_t hold) const {
    if (head.at >= limits.before) return false;
    if (key.epoch != feed.epoch) return true;
    // The newest one stays: by its end a start sees that nothing is lost.
    if (last() >= feed.head) return false;
    return last() <= hold || head.at < limits.hard_before;
  }
};

}  // namespace

core::Result<FeedCut> Store::cut_feed(const FeedCutLimits& limits) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  auto& database = *impl_->database;
  auto& batch = impl_->batch;
  batch.Clear();
  const FeedBounds before = impl_->feed_bounds();
  FeedCut cut{.blocks = 0, .entries = 0, .overtaken = {}, .finished = false, .feed = before};
  std::uint64_t hold = lowest_live(impl_->consumers, before);
  std::string behind = impl_->feed_front;
  std::size_t bytes = 0;
  Scan scan(database, Family::feed, behind, feed_key(before.epoch + 1, 0));
  for (; scan.valid() && cut.blocks < blocks_cut_max && bytes < bytes_cut_max; scan.next()) {
    const auto key = parse_feed_key(scan.key());
    auto head = decode_feed_block_head(scan.value());
    if (!key) return std::unexpected(database.failed(doing, damaged("feed key")));
    if (!head) return std::unexpected(database.failed(doing, head.error()));
    if (key->epoch == before.epoch && key->first_sequence != cut.feed.first)
      return std::unexpected(database.failed(doing, damaged("feed block")));
    const FrontBlock block{.key = *key, .head = std::move(*head)};
    if (!block.may_go(limits, cut.feed, hold)) {
      cut.finished = true;
      break;
    }
    batch.Delete(database.family(Family::feed), to_slice(scan.key()));
    batch.Delete(database.family(Family::accounts),
                 link_feed_key(block.head.link_id, key->epoch, key->first_sequence));
    ++cut.blocks;
    bytes += scan.value().size();
    behind = std::string(scan.key()) + '\0';
    if (key->epoch != before.epoch) continue;
    cut.entries += block.head.count;
    cut.feed.first = block.last() + 1;
    if (block.last() > hold) hold = lowest_live(impl_->consumers, cut.feed);
  }
  if (!scan.valid()) {
    if (auto done = scan.finish(doing); !done) return std::unexpected(done.error());
    cut.finished = true;
  }
  if (cut.blocks == 0) return cut;
  std::string front;
  encode_feed_front(front, {.epoch = cut.feed.epoch, .first = cut.feed.first});
  batch.Put(database.family(Family::meta), to_slice(meta_key::feed_front), front);
  if (auto written = database.write(batch, impl_->options.sync_writes); !written)
    return std::unexpected(written.error());
  ++impl_->commits;
  impl_->feed_first = cut.feed.first;
  impl_->feed_front = std::move(behind);
  for (const auto& [name, consumer] : impl_->consumers) {
    const bool was_live = state_of(consumer, before) == ConsumerState::live;
    if (was_live && state_of(consumer, cut.feed) == ConsumerState::overtaken) cut.overtaken.push_back(name);
  }
  return cut;
}

}  // namespace syncd::store
