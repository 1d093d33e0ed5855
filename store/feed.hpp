#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.hpp"
#include "sync/core/update.hpp"

namespace syncd::store {

// The feed is stored in blocks: one value holds all entries of one LinkUpdate, its key the sequence of the
// first. Five hundred rows of a page cost one key, and an entry need not repeat link, time and cause. Large
// blocks are packed with LZ4 before they reach the log: the images of a page are much alike.

// `changes` is not empty.
void encode_feed_block(std::string& out, const core::LinkUpdate& update);

// A block of a purged link: what it held is gone, and each of its `count` entries reads as link.purged.
struct FeedBlockHead {
  std::uint64_t count = 0;
  core::WallTime at{};
  core::Cause cause = core::Cause::schedule;
  std::string link_id;
  bool purges_only = false;  // no entry of it is anything but link.purged
};
core::Result<FeedBlockHead> decode_feed_block_head(std::string_view value);
void encode_erased_feed_block(std::string& out, const FeedBlockHead& head);

// The number of entries in a block, without reading them.
core::Result<std::uint64_t> decode_feed_block_size(std::string_view value);

// Appends the block's entries with a sequence above `after` to `entries` until it holds `limit` of them, or
// until `bytes` (in and out: a running total of their texts) reaches `bytes_max`. The block begins at
// `first_sequence`. Answers the number of entries in the block.
struct FeedWindow {
  std::uint64_t after = 0;
  std::size_t limit = 0;
  std::size_t bytes = 0;
  std::size_t bytes_max = 0;

  bool full(std::size_t entries) const { return entries >= limit || (entries > 0 && bytes >= bytes_max); }
};
core::Result<std::uint64_t> decode_feed_block(std::string_view value, std::uint64_t epoch,
                                              std::uint64_t first_sequence, FeedWindow& window,
                                              std::vector<FeedEntry>& entries);

// Where the feed stands; stored in `meta` by each commit that adds to it.
struct FeedState {
  std::uint64_t epoch = 1;
  std::uint64_t head = 0;  // highest sequence that exists in this epoch
  bool operator==(const FeedState&) const = default;
};
void encode_feed_state(std::string& out, const FeedState& state);
core::Result<FeedState> decode_feed_state(std::string_view value);

// Where the feed of that epoch begins; written with each cut, so that a front that is missing otherwise is
// known for damage.
struct FeedFront {
  std::uint64_t epoch = 1;
  std::uint64_t first = 1;  // lowest sequence that is left
  bool operator==(const FeedFront&) const = default;
};
void encode_feed_front(std::string& out, const FeedFront& front);
core::Result<FeedFront> decode_feed_front(std::string_view value);

}  // namespace syncd::store
