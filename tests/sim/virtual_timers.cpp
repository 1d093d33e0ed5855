#include "tests/sim/virtual_timers.hpp"

namespace syncd::test {

VirtualTimers::VirtualTimers(boost::asio::io_context& io, core::WallTime wall_start, std::uint64_t seed)
    : io_(io), wall_start_(wall_start), random_(seed) {
}

api::Task<void> VirtualTimers::sleep_until(api::SteadyTime due) {
  api::Waiters waiter(io_.get_executor());
  const Key key{std::max(due, now_), sequence_++};
  sleepers_.emplace(key, &waiter);
  co_await waiter.wait();
  sleepers_.erase(key);
}

void VirtualTimers::settle() {
  io_.restart();
  io_.poll();
}

bool VirtualTimers::wake_next(api::SteadyTime end) {
  if (sleepers_.empty() || sleepers_.begin()->first.first > end) {
    now_ = std::max(now_, end);
    return false;
  }
  const auto next = sleepers_.begin();
  now_ = std::max(now_, next->first.first);
  api::Waiters* const waiter = next->second;
  sleepers_.erase(next);
  waiter->notify_all();
  return true;
}

void VirtualTimers::run_until(api::SteadyTime end) {
  run_until(end, [] { return false; });
}

}  // namespace syncd::test
