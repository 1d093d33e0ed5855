#include "sync/engine/system_timers.hpp"

#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace syncd::engine {

namespace {
using Timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>, api::IoExecutor>;
std::uint64_t seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) ^ device();
}
}  // namespace

SystemTimers::SystemTimers(api::IoExecutor executor) : executor_(executor), random_(seed()) {
}

core::WallTime SystemTimers::wall_now() {
  return std::chrono::time_point_cast<core::Millis>(std::chrono::system_clock::now());
}

api::SteadyTime SystemTimers::steady_now() {
  return std::chrono::time_point_cast<core::Millis>(std::chrono::steady_clock::now());
}

std::uint64_t SystemTimers::random() {
  return random_();
}

api::Task<void> SystemTimers::sleep_until(api::SteadyTime due) {
  // Rounded up: a sleeper that wakes a fraction of a millisecond early would find itself before its time.
  Timer timer(executor_, std::chrono::steady_clock::time_point(due) + std::chrono::milliseconds(1));
  const auto token = boost::asio::as_tuple(boost::asio::use_awaitable_t<api::IoExecutor>{});
  const auto [error] = co_await timer.async_wait(token);
  static_cast<void>(error);  // cancelled or expired: the caller asks its cancellation state
}

}  // namespace syncd::engine
