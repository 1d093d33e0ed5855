#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>

#include "tests/sandbox/model/upstream.hpp"

namespace syncd::sandbox {

/// One request and its answer as they went over the wire, kept for inspection.
struct Exchange {
  std::uint64_t number;
  TimePoint at;
  std::string method;
  std::string target;
  std::string request_body;
  int status;
  std::string fault;
  std::string body;
};

/// The model, its clocks and the recorder: all state of the server program. One thread.
class Sandbox {
 public:
  /// `speed`: how many seconds pass at the banks for one on the wall.
  Sandbox(UpstreamOptions options, double speed, std::size_t exchanges_kept);

  [[nodiscard]] TimePoint wire_now() const;
  /// The banks' time: it starts at the wall clock's and then runs `speed` times as fast.
  [[nodiscard]] TimePoint now() const;
  [[nodiscard]] double speed() const { return speed_; }
  void set_speed(double speed);
  void advance(Milliseconds by) { base_ += by; }

  HttpResponse respond(const HttpRequest& request);

  [[nodiscard]] Upstream& upstream() { return upstream_; }
  [[nodiscard]] const std::deque<Exchange>& exchanges() const { return exchanges_; }
  void keep_exchanges(std::size_t count);

 private:
  double speed_;
  TimePoint base_wall_;
  TimePoint base_;
  std::size_t exchanges_kept_;
  std::uint64_t exchange_number_ = 0;
  std::deque<Exchange> exchanges_;
  Upstream upstream_;
};

}  // namespace syncd::sandbox
