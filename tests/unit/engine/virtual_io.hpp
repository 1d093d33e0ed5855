#pragma once

#include <exception>
#include <functional>

#include <boost/asio/io_context.hpp>

#include "sync/engine/task_group.hpp"
#include "tests/sim/virtual_timers.hpp"

namespace syncd::test {

// An io thread in virtual time with one group of tasks.
struct VirtualIo {
  // Everything that is ready runs, then time moves on by `by`.
  void pass(core::Millis by) { timers.run_until(timers.steady_now() + by); }
  void settle() { pass(core::Millis(0)); }
  // Runs `task` as one of the group until nothing is ready.
  void start(api::Task<void> task) {
    group.spawn(std::move(task));
    settle();
  }
  // Ends what still runs.
  void stop() {
    group.cancel();
    settle();
  }

  boost::asio::io_context io;
  VirtualTimers timers{io, core::WallTime(core::Millis(1'700'000'000'000)), 1};
  engine::TaskGroup group{io.get_executor(), [](std::exception_ptr error) { std::rethrow_exception(error); }};
};

}  // namespace syncd::test
