#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <utility>

#include <boost/asio/io_context.hpp>

#include "sync/api/timers.hpp"
#include "sync/api/waiters.hpp"

namespace syncd::test {

// Virtual time: a plain ordered map of sleepers. The io_context is only the run queue, so the order of
// everything is a function of the seed. The wall clock is the true time plus an offset that the world may
// move; while the machine sleeps the true time goes on and the steady clock stands still.
class VirtualTimers final : public api::Timers {
 public:
  VirtualTimers(boost::asio::io_context& io, core::WallTime wall_start, std::uint64_t seed);

  core::WallTime wall_now() override { return true_now() + wall_offset_; }
  api::SteadyTime steady_now() override { return now_; }
  std::uint64_t random() override { return random_(); }
  api::Task<void> sleep_until(api::SteadyTime due) override;

  // What the world's time really is, whatever the process believes.
  core::WallTime true_now() const { return wall_start_ + now_.time_since_epoch() + asleep_; }
  void jump_wall_clock(core::Millis by) { wall_offset_ += by; }
  core::Millis wall_offset() const { return wall_offset_; }
  void suspend(core::Millis by) { asleep_ += by; }
  std::size_t sleepers() const { return sleepers_.size(); }

  // Runs everything that is ready, then moves time from sleeper to sleeper, until `end`.
  void run_until(api::SteadyTime end);
  // The same until `done` says so or `end` is reached. True: done.
  template <class Done>
  bool run_until(api::SteadyTime end, Done done) {
    for (;;) {
      settle();
      if (done()) return true;
      if (!wake_next(end)) return done();
    }
  }

 private:
  using Key = std::pair<api::SteadyTime, std::uint64_t>;
  void settle();
  bool wake_next(api::SteadyTime end);

  boost::asio::io_context& io_;
  core::WallTime wall_start_;
  core::Millis wall_offset_{};
  core::Millis asleep_{};
  api::SteadyTime now_{};
  std::uint64_t sequence_ = 0;
  std::map<Key, api::Waiters*> sleepers_;
  std::mt19937_64 random_;
};

}  // namespace syncd::test
