#include "sync/engine/peek_row.hpp"

#include <algorithm>

namespace syncd::engine {

api::SteadyTime PeekRow::place(LinkTable::Slot slot, api::SteadyTime opens, double calls_per_minute) {
  waiting_.insert(slot);
  const Fine from = std::max(free_at_, Fine(opens));
  if (from >= opens + wait_max) return opens + wait_max;  // its place stays free
  const std::chrono::duration<double, std::micro> gap = std::chrono::minutes(1) / calls_per_minute;
  free_at_ = from + std::chrono::duration_cast<std::chrono::microseconds>(gap);
  return std::chrono::ceil<core::Millis>(from);
}

}  // namespace syncd::engine
