#include "sync/engine/import_pace.hpp"

#include <algorithm>

namespace syncd::engine {

core::Millis ImportPace::next(api::SteadyTime now, std::uint32_t budget, core::Millis wait_max) {
  constexpr std::chrono::microseconds minute = std::chrono::minutes(1);
  const std::chrono::microseconds gap = minute / std::max<std::uint32_t>(budget / 2, 1);
  const auto place = places_.next(now, gap, wait_max);
  return place ? std::chrono::floor<core::Millis>(*place - now) : wait_max;
}

}  // namespace syncd::engine
