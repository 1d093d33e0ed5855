#include "sync/engine/peek_row.hpp"

namespace syncd::engine {

api::SteadyTime PeekRow::place(LinkTable::Slot slot, api::SteadyTime opens, double calls_per_minute) {
  waiting_.insert(slot);
  const std::chrono::duration<double, std::micro> gap = std::chrono::minutes(1) / calls_per_minute;
  const auto place =
      places_.next(opens, std::chrono::duration_cast<std::chrono::microseconds>(gap), wait_max);
  return place ? std::chrono::ceil<core::Millis>(*place) : opens + wait_max;
}

}  // namespace syncd::engine
