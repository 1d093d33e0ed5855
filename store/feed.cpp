#include "store/feed.hpp"

#include <limits>
#include <lz4.h>
#include <utility>

#include "store/codec.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view block_name = "feed block";
constexpr std::string_view state_name = "feed position";

core::ChangeKind get_kind(Reader& in) {
  const auto kind = in.u8();
  if (kind < 1 || kind > core::change_kind_count) in.refuse();
  return static_cast<core::ChangeKind>(kind);
}

// How a block's content is written behind its count of entries.
enum Packing : std::uint8_t { plain = 0, lz4 = 1 };

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

// The content of a block: a view into `in`, or into `unpacked`. Refuses `in` when it is damaged.
std::string_view get_content(Reader& in, std::string& unpacked) {
  const auto packing = in.u8();
  if (packing == plain) return in.raw(in.rest().size());
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

core::Result<std::uint64_t> decode_feed_block(std::string_view value, std::uint64_t epoch,
                                              std::uint64_t first_sequence, FeedWindow& window,
                                              std::vector<FeedEntry>& entries) {
  Reader whole(value);
  if (auto format = read_format(whole, block_name); !format) return std::unexpected(format.error());
  const auto count = whole.varint();
  std::string unpacked;
  Reader in(get_content(whole, unpacked));
  if (!whole.finished()) return std::unexpected(damaged(block_name));
  const auto at = get_wall_time(in);
  const auto cause = get_cause(in);
  const auto link_id = in.text();
  if (!in.ok() || count == 0) return std::unexpected(damaged(block_name));
  for (std::size_t i = 0; i < count; ++i) {
    const auto kind = get_kind(in);
    const auto id = in.text();
    const auto before = in.text();
    const auto after = in.text();
    if (!in.ok()) return std::unexpected(damaged(block_name));
    const auto sequence = first_sequence + i;
    if (sequence <= window.after) continue;
    if (window.full(entries.size())) return count;
    window.bytes += id.size() + before.size() + after.size();
    entries.push_back({.epoch = epoch,
                       .sequence = sequence,
                       .at = at,
                       .link_id = core::LinkId{std::string(link_id)},
                       .kind = kind,
                       .id = std::string(id),
                       .before = std::string(before),
                       .after = std::string(after),
                       .cause = cause});
  }
  if (!in.finished()) return std::unexpected(damaged(block_name));
  return count;
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

}  // namespace syncd::store
