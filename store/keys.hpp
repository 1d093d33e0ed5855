#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/relink.hpp"
#include "sync/core/types.hpp"

namespace syncd::store {

// Keys on disk; a contract with every store ever written.
//
// A link's part of a key is the id's length (2 bytes, big-endian) and its bytes, so that no id can run into
// what follows it. Links therefore sort by length, then by bytes.
//
//   links, relink          link                              the record, the entry
//   links                  0xff, user id, 0, link            empty value: a link of that user
//   relink                 0xff, 1 or 2, time, link          the entry's place in the queue: live ones by the
//                                                            time of their opening, others by their end
//   accounts               link, kind 1, account id          the account
//                          link, kind 2                      upstream's link object
//                          link, kind 3, epoch, sequence     empty value: a block of the feed is about the
//                          link
//   transactions           link, kind 1, transaction id      the visible row
//                          link, kind 2, transaction id      empty value: the visible row is pending
//                          link, kind 3, transaction id      a staged pending row, invisible to readers
//   feed                   epoch, first sequence             8 bytes each, big-endian
//   consumers              the name
//   dead_letters           time in ms (sign flipped, 8 bytes, big-endian), link
//   audit                  sequence, 8 bytes, big-endian
//   meta                   a name
enum class RowKind : std::uint8_t { visible = 1, pending_index = 2, staged = 3 };
enum class AccountKind : std::uint8_t { account = 1, link_object = 2, feed_block = 3 };

// 1 to core::id_bytes_max bytes: what a key can hold.
bool is_storable_id(std::string_view id);

std::string link_key(std::string_view link_id);
std::string account_key(std::string_view link_id, std::string_view account_id);
std::string link_object_key(std::string_view link_id);
std::string row_key(std::string_view link_id, RowKind kind, std::string_view transaction_id);
std::string feed_key(std::uint64_t epoch, std::uint64_t first_sequence);
// That the block of that feed_key() is about the link.
std::string link_feed_key(std::string_view link_id, std::uint64_t epoch, std::uint64_t first_sequence);
std::string dead_letter_key(core::WallTime at, std::string_view link_id);
std::string audit_key(std::uint64_t sequence);

// Behind every link_key(), and before what else is in the families of links and entries: a length begins with
// 0 or 1.
inline constexpr std::string_view links_end = "\xff";
// `customer_user_id` must satisfy core::is_valid_id: no control character, so the 0 ends it.
std::string user_link_key(std::string_view customer_user_id, std::string_view link_id);
// Before the links of all users whose ids begin with `prefix`.
std::string user_prefix(std::string_view prefix);
// Where an entry stands in the queue.
std::string queue_key(const core::RelinkEntry& entry);
// Before the first of the live, or of the other, places; behind them.
std::string queue_begin(bool live);
std::string queue_end(bool live);
std::string queue_key(bool live, core::WallTime at, std::string_view link_id);

// All keys with one link and kind are in [prefix, prefix_end).
std::string kind_prefix(std::string_view link_id, std::uint8_t kind);
std::string kind_prefix_end(std::string_view link_id, std::uint8_t kind);

// All keys of a link in the families of accounts and transactions are in [link_key, link_key_end).
std::string link_key_end(std::string_view link_id);

struct LinkedKey {
  std::string_view link_id;
  std::uint8_t kind = 0;
  std::string_view id;
};
struct FeedKey {
  std::uint64_t epoch = 0;
  std::uint64_t first_sequence = 0;
};
struct DeadLetterKey {
  core::WallTime at{};
  std::string_view link_id;
};
struct QueueKey {
  bool live = false;
  core::WallTime at{};
  std::string_view link_id;
};
struct UserLinkKey {
  std::string_view customer_user_id;
  std::string_view link_id;
};

// nullopt: not a key of this form. Views point into `key`.
std::optional<std::string_view> parse_link_key(std::string_view key);
std::optional<LinkedKey> parse_linked_key(std::string_view key);
std::optional<FeedKey> parse_feed_key(std::string_view key);
// The block's place, of a link_feed_key().
std::optional<FeedKey> parse_link_feed_key(std::string_view key);
std::optional<DeadLetterKey> parse_dead_letter_key(std::string_view key);
std::optional<QueueKey> parse_queue_key(std::string_view key);
std::optional<UserLinkKey> parse_user_link_key(std::string_view key);
std::optional<std::uint64_t> parse_audit_key(std::string_view key);

namespace meta_key {
inline constexpr std::string_view schema = "schema";
inline constexpr std::string_view migration = "migration";  // absent when none was begun
inline constexpr std::string_view instance = "instance";
inline constexpr std::string_view environment = "environment";
inline constexpr std::string_view upstream = "upstream";
inline constexpr std::string_view feed = "feed";
inline constexpr std::string_view feed_front = "feed-front";  // absent: nothing was cut off
inline constexpr std::string_view audit = "audit";            // absent: no act so far
inline constexpr std::string_view freeze_prefix = "freeze/";  // + endpoint, 1 byte
inline constexpr std::string_view note_prefix = "note/";      // + name
inline constexpr std::string_view hook_count = "hook/count";  // of the two below; absent: none
inline constexpr std::string_view hook_key = "hook/key/";     // + digest: when that webhook was accepted
inline constexpr std::string_view hook_time = "hook/time/";   // + that time, 8 bytes, + digest: empty value
}  // namespace meta_key

std::string freeze_key(core::Endpoint endpoint);
std::string note_key(std::string_view name);
// Behind every key that begins with `prefix`, which is not all 0xff.
std::string behind_prefix(std::string_view prefix);
std::string hook_key(const core::Digest& key);
std::string hook_time_key(core::WallTime at, const core::Digest& key);
struct HookTimeKey {
  core::WallTime at{};
  core::Digest key{};
};
std::optional<HookTimeKey> parse_hook_time_key(std::string_view key);

}  // namespace syncd::store
