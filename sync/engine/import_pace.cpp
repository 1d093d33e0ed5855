#include "sync/engine/import_pace.hpp"

#include <algorithm>

namespace syncd::engine {

core::Millis ImportPace::next(api::SteadyTime now, std::uint32_t budget, core::Millis wait_max) {
  constexpr std::chrono::microseconds minute = std::chrono::minutes(1);
  const std::chrono::microseconds gap = minute / std::max<std::uint32_t>(budget / 2, 1);
  const Fine from = std::max(free_at_, Fine(now));
  const core::Millis wait = std::chrono::floor<core::Millis>(from - now);
  if (wait >= wait_max) return wait_max;  // its place stays free: the next one is as late
  free_at_ = from + gap;
  return wait;
}

}  // namespace syncd::engine
