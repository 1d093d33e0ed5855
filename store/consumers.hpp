#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::store {

struct FeedPosition {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  bool operator==(const FeedPosition&) const = default;
};

// Somebody who follows the feed: a bookmark with a name (decision 019).
struct FeedConsumer {
  std::string name;
  core::WallTime created_at{};
  FeedPosition acknowledged;         // everything up to there is applied
  core::WallTime acknowledged_at{};  // when it was last put there, also by a reset; the epoch: never
  bool operator==(const FeedConsumer&) const = default;
};

inline constexpr std::size_t feed_consumers_max = 64;
inline constexpr std::size_t consumer_name_bytes_max = 64;
// `[a-z0-9][a-z0-9._-]*`, 64 bytes at most.
constexpr bool is_valid_consumer_name(std::string_view name) {
  constexpr std::string_view first = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::string_view further = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.empty() && name.size() <= consumer_name_bytes_max &&
         first.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of(further) == std::string_view::npos;
}

// The value in the family of consumers, whose key is the name.
void encode_feed_consumer(std::string& out, const FeedConsumer& consumer);
core::Result<FeedConsumer> decode_feed_consumer(std::string_view name, std::string_view value);

// What there is of the feed: the entries `first` to `head`. A feed that never had an entry: 1 and 0.
struct FeedBounds {
  std::uint64_t epoch = 0;
  std::uint64_t first = 1;
  std::uint64_t head = 0;
  bool operator==(const FeedBounds&) const = default;
};

// Only a live consumer is waited for. `overtaken`: entries that it has not acknowledged are cut off;
// `other_epoch`: its position is one of another epoch. Both begin anew with the rows.
enum class ConsumerState : std::uint8_t { live, overtaken, other_epoch };
std::string_view to_string(ConsumerState state);
ConsumerState state_of(const FeedConsumer& consumer, const FeedBounds& feed);
// Entries of the present epoch that it has not acknowledged, also those that are cut off.
std::uint64_t lag_of(const FeedConsumer& consumer, const FeedBounds& feed);

struct ConsumerView {
  FeedConsumer consumer;
  ConsumerState state = ConsumerState::live;
  std::uint64_t lag = 0;
  // When the oldest entry that is left and that it has not acknowledged was made; nullopt: there is none.
  std::optional<core::WallTime> oldest_unread_at;
};

struct ConsumerList {
  std::vector<ConsumerView> consumers;  // in the order of their names
  FeedBounds feed;
};

// One consumer, or none of that name, and the feed beside it.
struct ConsumerLook {
  std::optional<ConsumerView> found;
  FeedBounds feed;
};

// Where a new consumer begins: behind all that there is, or in front of it.
enum class ConsumerStart : std::uint8_t { head, first };

struct AddedConsumer {
  enum class Outcome : std::uint8_t {
    added,
    existed,    // it is as it was
    no_room,    // there are feed_consumers_max
    known_act,  // the act's request_key is known already, as of Store::record_act
  };
  Outcome outcome = Outcome::added;
  ConsumerLook look;
};

enum class ConsumerMove : std::uint8_t { acknowledge, reset };

struct MovedConsumer {
  enum class Outcome : std::uint8_t {
    moved,  // also when it was there already
    unknown,
    other_epoch,  // the position's epoch is not the present one; of an acknowledgement, nor is the consumer's
    behind,       // an acknowledgement that goes back
    ahead,        // nobody was shown that sequence yet
    cut,          // a reset to where not all that follows is left
    known_act,
  };
  Outcome outcome = Outcome::moved;
  ConsumerLook look;  // as it is now
};

enum class RemovedConsumer : std::uint8_t { removed, unknown, known_act };

// What may be cut off the feed's front.
struct FeedCutLimits {
  core::WallTime before{};       // blocks from before this time
  core::WallTime hard_before{};  // from before this one also in front of a live consumer; not above `before`
};

struct FeedCut {
  std::uint64_t blocks = 0;
  std::uint64_t entries = 0;           // of the present epoch; nobody could read the others
  std::vector<std::string> overtaken;  // consumers that were live before
  bool finished = false;               // nothing more may be cut now
  FeedBounds feed;                     // afterwards
};

}  // namespace syncd::store
