#pragma once

#include <random>

#include "sync/api/timers.hpp"

namespace syncd::engine {

// The production clock. A jump of the wall clock moves no sleeper: waiting is on the steady clock alone.
class SystemTimers final : public api::Timers {
 public:
  explicit SystemTimers(api::IoExecutor executor);
  core::WallTime wall_now() override;
  api::SteadyTime steady_now() override;
  std::uint64_t random() override;
  api::Task<void> sleep_until(api::SteadyTime due) override;

 private:
  api::IoExecutor executor_;
  std::mt19937_64 random_;
};

}  // namespace syncd::engine
