#include "store/keys.hpp"

#include <algorithm>
#include <utility>

#include "store/bytes.hpp"

namespace syncd::store {
namespace {

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

void append_link(std::string& out, std::string_view link_id) {
  const auto bytes = link_id.size();
  out.push_back(static_cast<char>((bytes >> 8) & 0xff));
  out.push_back(static_cast<char>(bytes & 0xff));
  out.append(link_id);
}

std::string linked_key(std::string_view link_id, std::uint8_t kind, std::string_view id) {
  std::string key;
  key.reserve(3 + link_id.size() + id.size());
  append_link(key, link_id);
  key.push_back(static_cast<char>(kind));
  key.append(id);
  return key;
}

std::string_view read_link(Reader& in) {
  const auto high = in.u8();
  const auto low = in.u8();
  const auto link_id = in.raw(std::size_t{high} << 8 | low);
  if (!is_storable_id(link_id)) in.refuse();
  return link_id;
}

}  // namespace

bool is_storable_id(std::string_view id) {
  return !id.empty() && id.size() <= core::id_bytes_max;
}

std::string link_key(std::string_view link_id) {
  std::string key;
  key.reserve(2 + link_id.size());
  append_link(key, link_id);
  return key;
}

std::string account_key(std::string_view link_id, std::string_view account_id) {
  return linked_key(link_id, std::to_underlying(AccountKind::account), account_id);
}

std::string link_object_key(std::string_view link_id) {
  return linked_key(link_id, std::to_underlying(AccountKind::link_object), {});
}

std::string row_key(std::string_view link_id, RowKind kind, std::string_view transaction_id) {
  return linked_key(link_id, std::to_underlying(kind), transaction_id);
}

std::string feed_key(std::uint64_t epoch, std::uint64_t first_sequence) {
  std::string key;
  Writer out(key);
  out.u64(epoch);
  out.u64(first_sequence);
  return key;
}

std::string link_feed_key(std::string_view link_id, std::uint64_t epoch, std::uint64_t first_sequence) {
  return linked_key(link_id, std::to_underlying(AccountKind::feed_block), feed_key(epoch, first_sequence));
}

std::string dead_letter_key(core::WallTime at, std::string_view link_id) {
  std::string key;
  Writer(key).u64(static_cast<std::uint64_t>(at.time_since_epoch().count()) ^ sign_bit);
  append_link(key, link_id);
  return key;
}

std::string audit_key(std::uint64_t sequence) {
  std::string key;
  Writer(key).u64(sequence);
  return key;
}

std::string user_prefix(std::string_view prefix) {
  std::string key(links_end);
  key.append(prefix);
  return key;
}

std::string user_link_key(std::string_view customer_user_id, std::string_view link_id) {
  std::string key = user_prefix(customer_user_id);
  key.push_back('\0');
  append_link(key, link_id);
  return key;
}

std::string queue_begin(bool live) {
  std::string key(links_end);
  key.push_back(live ? '\1' : '\2');
  return key;
}

std::string queue_end(bool live) {
  std::string key(links_end);
  key.push_back(live ? '\2' : '\3');
  return key;
}

std::string queue_key(bool live, core::WallTime at, std::string_view link_id) {
  std::string key = queue_begin(live);
  Writer(key).u64(static_cast<std::uint64_t>(at.time_since_epoch().count()) ^ sign_bit);
  append_link(key, link_id);
  return key;
}

std::string queue_key(const core::RelinkEntry& entry) {
  const bool live = core::is_live(entry.status);
  return queue_key(live, live ? entry.opened_at : entry.resolved_at, entry.link_id.str());
}

std::string kind_prefix(std::string_view link_id, std::uint8_t kind) {
  return linked_key(link_id, kind, {});
}

std::string kind_prefix_end(std::string_view link_id, std::uint8_t kind) {
  return linked_key(link_id, static_cast<std::uint8_t>(kind + 1), {});
}

// Behind every kind.
std::string link_key_end(std::string_view link_id) {
  std::string key = link_key(link_id);
  key.push_back('\xff');
  return key;
}

std::optional<std::string_view> parse_link_key(std::string_view key) {
  Reader in(key);
  const auto link_id = read_link(in);
  if (!in.finished()) return std::nullopt;
  return link_id;
}

std::optional<LinkedKey> parse_linked_key(std::string_view key) {
  Reader in(key);
  LinkedKey parsed;
  parsed.link_id = read_link(in);
  parsed.kind = in.u8();
  if (!in.ok()) return std::nullopt;
  parsed.id = in.rest();
  return parsed;
}

std::optional<FeedKey> parse_feed_key(std::string_view key) {
  Reader in(key);
  FeedKey parsed;
  parsed.epoch = in.u64();
  parsed.first_sequence = in.u64();
  if (!in.finished()) return std::nullopt;
  return parsed;
}

std::optional<FeedKey> parse_link_feed_key(std::string_view key) {
  const auto linked = parse_linked_key(key);
  if (!linked || linked->kind != std::to_underlying(AccountKind::feed_block)) return std::nullopt;
  return parse_feed_key(linked->id);
}

std::optional<DeadLetterKey> parse_dead_letter_key(std::string_view key) {
  Reader in(key);
  DeadLetterKey parsed;
  parsed.at = core::WallTime{core::Millis{static_cast<std::int64_t>(in.u64() ^ sign_bit)}};
  parsed.link_id = read_link(in);
  if (!in.finished()) return std::nullopt;
  return parsed;
}

std::optional<QueueKey> parse_queue_key(std::string_view key) {
  for (const bool live : {true, false}) {
    const std::string begin = queue_begin(live);
    if (!key.starts_with(begin)) continue;
    Reader in(key.substr(begin.size()));
    QueueKey parsed{.live = live, .at = {}, .link_id = {}};
    parsed.at = core::WallTime{core::Millis{static_cast<std::int64_t>(in.u64() ^ sign_bit)}};
    parsed.link_id = read_link(in);
    if (!in.finished()) return std::nullopt;
    return parsed;
  }
  return std::nullopt;
}

std::optional<UserLinkKey> parse_user_link_key(std::string_view key) {
  if (!key.starts_with(links_end)) return std::nullopt;
  key.remove_prefix(links_end.size());
  const auto end = key.find('\0');
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  Reader in(key.substr(end + 1));
  const UserLinkKey parsed{.customer_user_id = key.substr(0, end), .link_id = read_link(in)};
  if (!in.finished()) return std::nullopt;
  return parsed;
}

std::optional<std::uint64_t> parse_audit_key(std::string_view key) {
  Reader in(key);
  const auto sequence = in.u64();
  if (!in.finished() || sequence == 0) return std::nullopt;
  return sequence;
}

std::string freeze_key(core::Endpoint endpoint) {
  std::string key(meta_key::freeze_prefix);
  key.push_back(static_cast<char>(std::to_underlying(endpoint)));
  return key;
}

std::string behind_prefix(std::string_view prefix) {
  std::string end(prefix);
  while (end.back() == '\xff')
    end.pop_back();
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

std::string hook_key(const core::Digest& key) {
  std::string name(meta_key::hook_key);
  name.append(key.begin(), key.end());
  return name;
}

std::string hook_time_key(core::WallTime at, const core::Digest& key) {
  std::string name(meta_key::hook_time);
  Writer(name).u64(static_cast<std::uint64_t>(at.time_since_epoch().count()) ^ sign_bit);
  name.append(key.begin(), key.end());
  return name;
}

std::optional<HookTimeKey> parse_hook_time_key(std::string_view key) {
  if (!key.starts_with(meta_key::hook_time)) return std::nullopt;
  Reader in(key.substr(meta_key::hook_time.size()));
  HookTimeKey parsed;
  parsed.at = core::WallTime{core::Millis{static_cast<std::int64_t>(in.u64() ^ sign_bit)}};
  const std::string_view digest = in.raw(parsed.key.size());
  if (!in.finished()) return std::nullopt;
  std::ranges::transform(digest, parsed.key.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return parsed;
}

std::string note_key(std::string_view name) {
  std::string key(meta_key::note_prefix);
  key.append(name);
  return key;
}

}  // namespace syncd::store
