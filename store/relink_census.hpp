#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/relink.hpp"
#include "sync/core/types.hpp"

namespace syncd::store {

// Places that one call of Store::count_relinks looks at: about a millisecond, then other work gets the store.
inline constexpr std::size_t relink_places_counted_max = 2'000;
// Reasons with their statuses that are told apart; further ones count as `relink_reason_other`, by status.
inline constexpr std::size_t relink_totals_max = 128;
inline constexpr std::string_view relink_reason_other = "other";

// How many entries stand in one half of the relink queue, as far as it was walked.
struct RelinkCensus {
  struct Total {
    std::string reason;  // upstream's code
    core::RelinkStatus status = core::RelinkStatus::open;
    std::uint64_t entries = 0;
    bool operator==(const Total&) const = default;
  };
  std::vector<Total> totals = {};  // one for each reason and status that occur, in no order
  std::uint64_t entries = 0;       // all of them
  // Of the first place: when the oldest live entry was opened, when the first of the others ended.
  std::optional<core::WallTime> earliest_at = {};
  std::string next = {};  // where the walk goes on, opaque; empty: at the start
  bool finished = false;  // the walk has come to the end

  void add(std::string_view reason, core::RelinkStatus status);
  bool operator==(const RelinkCensus&) const = default;
};

}  // namespace syncd::store
