#include "store/feed.hpp"

#include <algorithm>
#include <limits>
#include <lz4.h>
#include <utility>

#include "store/codec.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view block_name = "feed block";
constexpr std::string_view state_name = "feed position";
constexpr std::string_view front_name = "feed beginning";

core::ChangeKind get_kind(Reader& in) {
  const auto kind = in.u8();
  if (kind < 1 || kind > core::change_kind_count) in.refuse();
  return static_cast<core::ChangeKind>(kind);
}

// How a block's content is written behind its count of entries.
enum Packing : std::uint8_t { plain = 0, lz4 = 1, erased = 2 };

// Below this a block is not worth packing.
constexpr std::size_t packed_bytes_min = 512;
// LZ4 makes nothing shorter than this fraction: a size that claims more is damage.
constexpr std::size_t packed_times_max = 255;

// Everything of a block but its count.
void put_content(std::string& out, const core::LinkUpdate& update) {
  std::size_t bytes = 64 + update.link_id.str().size();
  for (const auto& change : update.changes)
    bytes += 16 + change.id.size() + change.before.size() + change.after.size();
  out.reserve(bytes);
  Writer writer(out);
  put_time(writer, update.at);
  writer.u8(std::to_underlying(update.cause));
  writer.text(update.link_id.str());
  for (const auto& change : update.changes) {
    writer.u8(std::to_underlying(change.kind));
    writer.text(change.id);
    writer.text(change.before);
    writer.text(change.after);
  }
}

// False, with `out` as it was, when nothing is gained.
bool pack(std::string& out, const std::string& content) {
  const auto before = out.size();
  Writer writer(out);
  writer.u8(lz4);
  writer.varint(content.size());
  const auto head = out.size();
  const int source_bytes = static_cast<int>(content.size());
  const int room = LZ4_compressBound(source_bytes);
  out.resize(head + static_cast<std::size_t>(room));
  const int packed = LZ4_compress_default(content.data(), out.data() + head, source_bytes, room);
  const bool gained = packed > 0 && static_cast<std::size_t>(packed) < content.size();
  out.resize(gained ? head + static_cast<std::size_t>(packed) : before);
  return gained;
}

// A block in reading: what stands before its entries, and the reader of them.
struct OpenBlock {
  FeedBlockHead head;
  bool is_erased = false;
  std::string unpacked;  // owns what `in` reads of a packed block
  Reader in{std::string_view{}};
};

// The content of a block: a view into `in`, or into `unpacked`. Refuses `in` when it is damaged.
std::string_view get_content(Reader& in, std::uint8_t packing, std::string& unpacked) {
  if (packing == plain || packing == erased) return in.raw(in.rest().size());
  if (packing != lz4) in.refuse();
  const auto bytes = in.varint();
  const auto packed = in.raw(in.rest().size());
  if (!in.ok() || bytes > LZ4_MAX_INPUT_SIZE || bytes > packed.size() * packed_times_max) {
    in.refuse();
    return {};
  }
  unpacked.resize(bytes);
  const int done = LZ4_decompress_safe(packed.data(), unpacked.data(), static_cast<int>(packed.size()),
                                       static_cast<int>(bytes));
  if (done < 0 || static_cast<std::uint64_t>(done) != bytes) in.refuse();
  return unpacked;
}

core::Cause get_cause(Reader& in) {
  const auto cause = in.u8();
  if (cause < std::to_underlying(core::Cause::schedule) || cause > std::to_underlying(core::Cause::probe)) {
    in.refuse();
  }
  return static_cast<core::Cause>(cause);
}

// `block` stays where it is: its reader may point into it.
core::Result<void> open_block(std::string_view value, OpenBlock& block) {
  Reader whole(value);
  if (auto format = read_format(whole, block_name); !format) return format;
  block.head.count = whole.varint();
  const auto packing = whole.u8();
  block.is_erased = packing == erased;
  block.in = Reader(get_content(whole, packing, block.unpacked));
  if (!whole.finished()) return std::unexpected(damaged(block_name));
  block.head.at = get_wall_time(block.in);
  block.head.cause = get_cause(block.in);
  block.head.link_id = block.in.text();
  if (!block.in.ok() || block.head.count == 0) return std::unexpected(damaged(block_name));
  return {};
}

struct BlockEntry {
  core::ChangeKind kind = core::ChangeKind::link_purged;
  std::string_view id;
  std::string_view before;
  std::string_view after;
};

BlockEntry get_entry(OpenBlock& block) {
  BlockEntry entry;
  if (block.is_erased) {
    entry.id = block.head.link_id;
    return entry;
  }
  entry.kind = get_kind(block.in);
  entry.id = block.in.text();
  entry.before = block.in.text();
  entry.after = block.in.text();
  return entry;
}

}  // namespace

void encode_feed_block(std::string& out, const core::LinkUpdate& update) {
  std::string content;
  put_content(content, update);
  Writer writer(out);
  writer.u8(value_format);
  writer.varint(update.changes.size());
  const bool small = content.size() < packed_bytes_min || content.size() > LZ4_MAX_INPUT_SIZE;
  if (small || !pack(out, content)) {
    writer.u8(plain);
    writer.raw(content);
  }
}

core::Result<std::uint64_t> decode_feed_block_size(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, block_name); !format) return std::unexpected(format.error());
  const auto count = in.varint();
  if (!in.ok() || count == 0) return std::unexpected(damaged(block_name));
  return count;
}

core::Result<FeedBlockHead> decode_feed_block_head(std::string_view value) {
  OpenBlock block;
  if (auto opened = open_block(value, block); !opened) return std::unexpected(opened.error());
  block.head.purges_only = true;
  for (std::uint64_t i = 0; i < block.head.count && block.head.purges_only; ++i) {
    block.head.purges_only = get_entry(block).kind == core::ChangeKind::link_purged;
    if (!block.in.ok()) return std::unexpected(damaged(block_name));
    if (block.is_erased) break;
  }
  return std::move(block.head);
}

void encode_erased_feed_block(std::string& out, const FeedBlockHead& head) {
  Writer writer(out);
  writer.u8(value_format);
  writer.varint(head.count);
  writer.u8(erased);
  put_time(writer, head.at);
  writer.u8(std::to_underlying(head.cause));
  writer.text(head.link_id);
}

core::Result<std::uint64_t> decode_feed_block(std::string_view value, std::uint64_t epoch,
                                              std::uint64_t first_sequence, FeedWindow& window,
                                              std::vector<FeedEntry>& entries) {
  OpenBlock block;
  if (auto opened = open_block(value, block); !opened) return std::unexpected(opened.error());
  // Entries of an erased block take no bytes: a damaged count must not be counted up to.
  const bool skips = block.is_erased && window.after >= first_sequence;
  std::uint64_t i = skips ? std::min(block.head.count, window.after - first_sequence + 1) : 0;
  for (; i < block.head.count; ++i) {
    const auto sequence = first_sequence + i;
    const BlockEntry entry = get_entry(block);
    if (!block.in.ok()) return std::unexpected(damaged(block_name));
    if (sequence <= window.after) continue;
    if (window.full(entries.size())) return block.head.count;
    window.bytes += entry.id.size() + entry.before.size() + entry.after.size();
    entries.push_back({.epoch = epoch,
                       .sequence = sequence,
                       .at = block.head.at,
                       .link_id = core::LinkId{block.head.link_id},
                       .kind = entry.kind,
                       .id = std::string(entry.id),
                       .before = std::string(entry.before),
                       .after = std::string(entry.after),
                       .cause = block.head.cause});
  }
  if (!block.in.finished()) return std::unexpected(damaged(block_name));
  return block.head.count;
}

void encode_feed_state(std::string& out, const FeedState& state) {
  Writer writer(out);
  writer.u8(value_format);
  writer.varint(state.epoch);
  writer.varint(state.head);
}

core::Result<FeedState> decode_feed_state(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, state_name); !format) return std::unexpected(format.error());
  FeedState state;
  state.epoch = in.varint();
  state.head = in.varint();
  if (!in.finished() || state.epoch == 0) return std::unexpected(damaged(state_name));
  return state;
}

void encode_feed_front(std::string& out, const FeedFront& front) {
  Writer writer(out);
  writer.u8(value_format);
  writer.varint(front.epoch);
  writer.varint(front.first);
}

core::Result<FeedFront> decode_feed_front(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, front_name); !format) return std::unexpected(format.error());
  FeedFront front;
  front.epoch = in.varint();
  front.first = in.varint();
  if (!in.finished() || front.epoch == 0 || front.first == 0) return std::unexpected(damaged(front_name));
  return front;
}

}  // namespace syncd::store
