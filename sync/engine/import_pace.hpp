#pragma once

#include <cstdint>

#include "sync/api/timers.hpp"
#include "sync/core/types.hpp"
#include "sync/engine/place_row.hpp"

namespace syncd::engine {

// When links that are imported are visited first: one behind the other, at half of the budget, so that the
// other half stays with the links that are there already, however many are imported. Pure.
class ImportPace {
 public:
  // How long the next link waits: nothing for the first, at most `wait_max`. `budget`: calls a minute.
  core::Millis next(api::SteadyTime now, std::uint32_t budget, core::Millis wait_max);

 private:
  PlaceRow places_;
};

}  // namespace syncd::engine
