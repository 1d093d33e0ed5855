#include <algorithm>
#include <cstdint>
#include <ranges>

#include <fmt/format.h>

#include "store/codec.hpp"
#include "store/feed.hpp"
#include "store/keys.hpp"
#include "store/store_impl.hpp"

namespace syncd::store {
namespace {

constexpr std::size_t entries_max = 1000;
constexpr std::size_t bytes_max = 8 << 20;  // texts in one answer; one entry is always given

// Appends the block's entries below `before`, newest first, until `window` is full.
core::Result<void> append_backwards(std::string_view block, const FeedKey& place, std::uint64_t before,
                                    FeedWindow& window, std::vector<FeedEntry>& entries) {
  FeedWindow all{.after = 0, .limit = SIZE_MAX, .bytes = 0, .bytes_max = SIZE_MAX};
  std::vector<FeedEntry> of_block;
  const auto size = decode_feed_block(block, place.epoch, place.first_sequence, all, of_block);
  if (!size) return std::unexpected(size.error());
  for (auto& entry : std::views::reverse(of_block)) {
    if (entry.sequence >= before) continue;
    if (window.full(entries.size())) break;
    window.bytes += entry.id.size() + entry.before.size() + entry.after.size();
    entries.push_back(std::move(entry));
  }
  return {};
}

}  // namespace

// Publishes everything up to the head, not only what is shown: the head is shown too, and a consumer may
// begin there. A caller that is far behind costs one write, not one per answer.
core::Result<void> Store::Impl::publish() {
  if (feed.head == high_water.published) return {};
  auto raised = high_water;
  raised.epoch = feed.epoch;
  raised.published = feed.head;
  if (auto saved = save_high_water(options.path, raised, disk); !saved) {
    return std::unexpected(database->failed("publish changes", saved.error(), StoreOperation::write));
  }
  high_water = raised;
  return {};
}

core::Result<FeedSlice> Store::feed(std::uint64_t after, std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (auto published = impl_->publish(); !published) return std::unexpected(published.error());
  const auto& position = impl_->feed;
  FeedSlice slice{.entries = {}, .epoch = position.epoch, .head = position.head, .first = impl_->feed_first};
  FeedWindow window{
      .after = after, .limit = std::min(limit, entries_max), .bytes = 0, .bytes_max = bytes_max};
  if (after >= position.head || window.limit == 0 || slice.is_cut(after)) return slice;

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

core::Result<std::vector<FeedEntry>> Store::link_feed(const core::LinkId& link_id, std::uint64_t before,
                                                      std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  std::vector<FeedEntry> entries;
  if (!is_storable_id(link_id.str())) return entries;
  if (auto published = impl_->publish(); !published) return std::unexpected(published.error());
  constexpr std::string_view doing = "read a link's changes";
  auto& database = *impl_->database;
  const auto [epoch, head] = impl_->feed;
  const std::uint64_t end = before == 0 ? head + 1 : before;
  FeedWindow window{.after = 0,
                    .limit = std::clamp<std::size_t>(limit, 1, entries_max),
                    .bytes = 0,
                    .bytes_max = bytes_max};
  const std::string begin = link_feed_key(link_id.str(), epoch, 0);
  Scan scan(database, Family::accounts, begin, link_feed_key(link_id.str(), epoch + 1, 0));
  scan.seek_back(link_feed_key(link_id.str(), epoch, end - 1));
  for (; scan.valid() && !window.full(entries.size()); scan.previous()) {
    const auto place = parse_link_feed_key(scan.key());
    if (!place) return std::unexpected(database.failed(doing, damaged("place in the feed")));
    rocksdb::PinnableSlice block;
    const auto found = database.get(Family::feed, feed_key(place->epoch, place->first_sequence), block);
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::unexpected(database.failed(doing, damaged("feed block")));
    const auto appended = append_backwards(to_view(block), *place, end, window, entries);
    if (!appended) return std::unexpected(database.failed(doing, appended.error()));
  }
  if (auto done = scan.finish(doing); !done) return std::unexpected(done.error());
  return entries;
}

}  // namespace syncd::store
