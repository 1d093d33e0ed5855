#pragma once

#include <cstdint>
#include <vector>

#include "tests/sandbox/model/options.hpp"

// Banks made up to measure freshness with: institutions that refresh nearly periodically or when something
// happens, and people who are very unlike in how much happens to them. A refresh of theirs brings news only
// if there is any.
namespace syncd::sandbox {

/// How a made-up institution refreshes.
struct RefreshHabit {
  Milliseconds period{};  ///< of a periodic one; of an event-driven one: the longest time without a refresh
  double spread = 0.0;  ///< standard deviation of a refresh about its place in the grid, share of the period
  bool event_driven = false;  ///< refreshes soon after something happened
};

/// 120 of them, `bank_000` to `bank_119`, the most popular first.
const std::vector<Institution>& made_up_institutions();
/// One of them by popularity (the nth is chosen in proportion to 1/n).
const Institution& pick_made_up_institution(std::uint64_t seed, std::uint64_t number);

/// Rows a day that a link's people make: a median of one, heavy tails; 0 for the 15 % to whom nothing
/// happens.
double activity_of(std::uint64_t link_seed);
/// When the `step`th row after `after` happens: days are busy, nights are not. TimePoint::max() for the
/// dormant. `pace`: how many times faster all of this runs than it would (days are as much shorter).
TimePoint next_activity(std::uint64_t link_seed, std::uint64_t step, double rows_per_day, double pace,
                        TimePoint after);

/// The place in a periodic institution's grid whose refresh comes next.
struct RefreshSlot {
  std::int64_t slot;
  TimePoint at;
};
/// The first refresh after `after` in a slot beyond `last`; each twentieth slot is skipped, by chance.
RefreshSlot next_slot(const RefreshHabit& habit, std::uint64_t link_seed, double pace, std::int64_t last,
                      TimePoint after);

}  // namespace syncd::sandbox
