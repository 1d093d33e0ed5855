#include "store/feed.hpp"

#include <limits>
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

core::Cause get_cause(Reader& in) {
  const auto cause = in.u8();
  if (cause < std::to_underlying(core::Cause::schedule) || cause > std::to_underlying(core::Cause::probe)) {
    in.refuse();
  }
  return static_cast<core::Cause>(cause);
}

}  // namespace

void encode_feed_block(std::string& out, const core::LinkUpdate& update) {
  Writer writer(out);
  writer.u8(value_format);
  writer.varint(update.changes.size());
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

core::Result<std::uint64_t> decode_feed_block_size(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, block_name); !format) return std::unexpected(format.error());
  const auto count = in.count();
  if (!in.ok() || count == 0) return std::unexpected(damaged(block_name));
  return count;
}

core::Result<std::uint64_t> decode_feed_block(std::string_view value, std::uint64_t epoch,
                                              std::uint64_t first_sequence, FeedWindow& window,
                                              std::vector<FeedEntry>& entries) {
  Reader in(value);
  if (auto format = read_format(in, block_name); !format) return std::unexpected(format.error());
  const auto count = in.count();
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
