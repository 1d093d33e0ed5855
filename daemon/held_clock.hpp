#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// A wall clock that is believed only after it has held: what is thrown away by its age must not go because a
// clock jumped forward for some hours (decision 019). The time that holds is the lowest that the wall clock
// showed in the last whole period of running; how long the process ran is measured by the steady clock, and
// counts on over restarts. Pure.
class HeldClock {
 public:
  // One more look, `ran` after the one before it (zero: the first of this run). `period`: how long a time
  // must have held; what is under way is judged by the new one at once.
  void look(core::WallTime now, core::Millis ran, core::Millis period);

  // Nothing before the first period is over; never above what the wall clock showed last.
  std::optional<core::WallTime> held() const;

  // A line of text for the store. nullopt: not one that encode() made.
  std::string encode() const;
  static std::optional<HeldClock> decode(std::string_view text);
  bool operator==(const HeldClock&) const = default;

 private:
  std::optional<core::WallTime> held_;    // the lowest of the last whole period
  std::optional<core::WallTime> lowest_;  // of the period that is under way
  std::optional<core::WallTime> last_;
  core::Millis ran_{0};  // of that period
};

}  // namespace syncd::daemon
