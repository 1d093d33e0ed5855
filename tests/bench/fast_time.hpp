#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace syncd::bench {

// The time of programs that run with the preloaded clock (fast_clock.cpp), for whoever starts and watches
// them in real time.
class FastTime {
 public:
  // `begin_unix_ms`: what their wall clocks show now.
  FastTime(std::int64_t factor, std::int64_t begin_unix_ms)
      : factor_(factor), begin_unix_ms_(begin_unix_ms), begun_(std::chrono::system_clock::now()) {}

  // For programs that this one starts from now on.
  void preload(const std::string& library) const {
    const auto real = std::chrono::duration_cast<std::chrono::nanoseconds>(begun_.time_since_epoch());
    const std::string clock = std::to_string(factor_) + ' ' + std::to_string(real.count()) + ' ' +
                              std::to_string(begin_unix_ms_) + "000000";
    ::setenv("SYNCD_FAST_CLOCK", clock.c_str(), 1);
    ::setenv("LD_PRELOAD", library.c_str(), 1);
  }

  std::int64_t begin_unix_ms() const { return begin_unix_ms_; }
  std::int64_t now_unix_ms() const {
    const auto passed = std::chrono::system_clock::now() - begun_;
    return begin_unix_ms_ + std::chrono::duration_cast<std::chrono::milliseconds>(passed * factor_).count();
  }
  std::chrono::milliseconds real_until(std::int64_t unix_ms) const {
    return std::chrono::milliseconds((unix_ms - now_unix_ms()) / factor_ + 1);
  }

 private:
  std::int64_t factor_;
  std::int64_t begin_unix_ms_;
  std::chrono::system_clock::time_point begun_;
};

}  // namespace syncd::bench
