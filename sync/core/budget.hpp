#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::core {

// Counts requests in a sliding minute. At no moment do more than `limit` requests fall into any 60 s,
// whatever the pattern of calls: time is cut into one-second slots and a request must fit beside everything
// of its own slot and the 60 before it. Costs one 61st of the budget and knows no bursts beyond it.
//
// Time is any steady millisecond count that does not go backwards; an earlier time is read as the latest
// seen.
class SlidingMinute {
 public:
  explicit SlidingMinute(std::uint32_t limit_per_minute) : limit_(limit_per_minute) {}

  // The earliest time, not before `now_ms`, at which one more request fits below `limit - reserve`.
  // 0 <= reserve < limit.
  std::int64_t earliest_ms(std::int64_t now_ms, std::uint32_t reserve = 0);
  // Counts one request at `now_ms`, which must satisfy earliest_ms(now_ms) == now_ms.
  void count(std::int64_t now_ms);
  // Counts requests of the past, as a restart finds them recorded; may exceed the limit.
  void seed(std::int64_t at_ms, std::int64_t now_ms, std::uint32_t requests);

  std::uint32_t used(std::int64_t now_ms);
  std::uint32_t limit() const { return limit_; }
  void set_limit(std::uint32_t limit_per_minute) { limit_ = limit_per_minute; }

 private:
  static constexpr std::int64_t slot_ms = 1000;
  static constexpr std::size_t slots = 61;
  void move_to(std::int64_t now_ms);

  std::uint32_t limit_;
  std::uint32_t total_ = 0;
  std::int64_t newest_slot_ = std::numeric_limits<std::int64_t>::min() / 4;
  std::array<std::uint32_t, slots> count_{};
};

}  // namespace syncd::core
