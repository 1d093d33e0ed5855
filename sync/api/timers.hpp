#pragma once

#include <chrono>
#include <cstdint>

#include "sync/api/task.hpp"
#include "sync/core/types.hpp"

namespace syncd::api {

using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::milliseconds>;

// The only way to time and chance for everything above the socket. The simulation replaces it whole.
// Owned by the composition root; outlives every task.
class Timers {
 public:
  virtual ~Timers() = default;
  virtual core::WallTime wall_now() = 0;
  virtual SteadyTime steady_now() = 0;
  virtual std::uint64_t random() = 0;  // uniform over 64 bits; not for secrets
  // Returns when the steady clock has reached `due`, or at once when the calling task was cancelled (ask
  // this_coro::cancellation_state). Never throws.
  virtual Task<void> sleep_until(SteadyTime due) = 0;
};

}  // namespace syncd::api
