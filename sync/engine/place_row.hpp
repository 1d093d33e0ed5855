#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "sync/api/timers.hpp"
#include "sync/core/types.hpp"

namespace syncd::engine {

// Places in time, one behind the other at a pace that may be finer than a millisecond. Pure.
class PlaceRow {
 public:
  using Fine = std::chrono::time_point<api::SteadyTime::clock, std::chrono::microseconds>;

  // The next place, not before `earliest`; the one behind it is at least `gap` later. nullopt: it would be
  // `wait_max` or more behind `earliest`, and stays free.
  std::optional<Fine> next(api::SteadyTime earliest, std::chrono::microseconds gap, core::Millis wait_max) {
    const Fine place = std::max(free_at_, Fine(earliest));
    if (place >= earliest + wait_max) return std::nullopt;
    free_at_ = place + gap;
    return place;
  }

 private:
  Fine free_at_{};  // behind the last one's place
};

}  // namespace syncd::engine
