#pragma once

#include <cstdint>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// What AdminView::revision() begins with in a run that started at `started_at`: above the numbers of every
// run that started earlier, as long as none sees a thousand changes in each millisecond. So whoever waits
// across a restart hears of it. Below 2^52, so that 2^52 changes fit in behind it: exact as a number of
// JavaScript.
constexpr std::uint64_t first_revision(core::WallTime started_at) {
  constexpr std::uint64_t changes_a_millisecond = 1024;
  constexpr std::uint64_t first_max = (std::uint64_t{1} << 52) - 1;
  const auto started_ms = static_cast<std::uint64_t>(started_at.time_since_epoch().count());
  return started_ms * changes_a_millisecond & first_max;
}

}  // namespace syncd::daemon
