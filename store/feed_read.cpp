#include <algorithm>

#include <fmt/format.h>

#include "store/codec.hpp"
#include "store/feed.hpp"
#include "store/keys.hpp"
#include "store/store_impl.hpp"

namespace syncd::store {
namespace {

constexpr std::size_t entries_max = 1000;
constexpr std::size_t bytes_max = 8 << 20;  // texts in one answer; one entry is always given

}  // namespace

// Publishes everything up to the head, not only what is shown: the head is shown too, and a consumer may
// begin there. A caller that is far behind costs one write, not one per answer.
core::Result<void> Store::Impl::publish() {
  if (feed.head == high_water.published) return {};
  auto raised = high_water;
  raised.epoch = feed.epoch;
  raised.published = feed.head;
  if (auto saved = save_high_water(options.path, raised, disk); !saved) {
    return std::unexpected(database->failed("publish changes", saved.error()));
  }
  high_water = raised;
  return {};
}

core::Result<FeedSlice> Store::feed(std::uint64_t after, std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (auto published = impl_->publish(); !published) return std::unexpected(published.error());
  const auto& position = impl_->feed;
  FeedSlice slice{.entries = {}, .epoch = position.epoch, .head = position.head};
  FeedWindow window{
      .after = after, .limit = std::min(limit, entries_max), .bytes = 0, .bytes_max = bytes_max};
  if (after >= position.head || window.limit == 0) return slice;

  Scan scan(*impl_->database, Family::feed, feed_key(position.epoch, 0), feed_key(position.epoch + 1, 0));
  scan.seek_back(feed_key(position.epoch, after + 1));  // the block that holds the next entry
  std::uint64_t expected = 0;                           // first sequence of the next block; 0: any
  for (; scan.valid() && !window.full(slice.entries.size()); scan.next()) {
    const auto key = parse_feed_key(scan.key());
    if (!key || (expected != 0 && key->first_sequence != expected)) {
      return std::unexpected(impl_->database->failed("read the feed", damaged("feed key")));
    }
    const auto size =
        decode_feed_block(scan.value(), position.epoch, key->first_sequence, window, slice.entries);
    if (!size) return std::unexpected(impl_->database->failed("read the feed", size.error()));
    expected = key->first_sequence + *size;
  }
  if (auto done = scan.finish("read the feed"); !done) return std::unexpected(done.error());
  // The head says that there is a next entry: not finding it means a gap.
  if (slice.entries.empty() || slice.entries.front().sequence != after + 1) {
    return std::unexpected(impl_->database->failed("read the feed", damaged("feed block")));
  }
  return slice;
}

}  // namespace syncd::store
