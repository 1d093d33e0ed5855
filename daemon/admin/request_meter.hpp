#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "sync/api/timers.hpp"

namespace syncd::daemon {

// One request of the admin API that was answered.
struct AnsweredRequest {
  std::optional<std::size_t> route;  // its place in AdminRoutes::list_routes(); nullopt: it met none
  bool reads = false;                // GET or HEAD
  bool waits = false;                // it was asked to wait for something to happen
  int status = 0;
  core::Millis took{};
};

// Tells of every request how it went. Thread: the io thread.
class RequestMeter {
 public:
  // `timers` outlives it.
  RequestMeter(api::Timers& timers, std::function<void(const AnsweredRequest&)> tell)
      : timers_(timers), tell_(std::move(tell)) {}

  api::SteadyTime now() { return timers_.steady_now(); }
  void note(AnsweredRequest request, api::SteadyTime began_at) {
    request.took = timers_.steady_now() - began_at;
    tell_(request);
  }

 private:
  api::Timers& timers_;
  std::function<void(const AnsweredRequest&)> tell_;
};

}  // namespace syncd::daemon
