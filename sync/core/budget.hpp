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

// What is left of a budget when upstream refuses requests that it had room for: half, and never less than a
// tenth of what was configured; then a hundredth of that more each minute, until it is whole again. Refusals
// of one burst count once. Time is any steady millisecond count.
class YieldingBudget {
 public:
  explicit YieldingBudget(std::uint32_t configured) : configured_(configured) {}

  // Upstream refused one at `now_ms`, and wants none before `until_ms`: what nobody tries proves nothing, so
  // only then does it begin to recover.
  void refused(std::int64_t now_ms, std::int64_t until_ms);
  // At least 1, at most what is configured.
  std::uint32_t allowed(std::int64_t now_ms) const;
  // Another configuration does not undo what upstream said.
  void set_configured(std::uint32_t configured) { configured_ = configured; }

 private:
  static constexpr std::int64_t burst_ms = 61'000;  // as long as a request counts

  std::uint32_t configured_;
  std::uint32_t left_ = 0;        // at the last refusal
  std::int64_t cut_ms_ = 0;       // when that was
  std::int64_t recovers_ms_ = 0;  // since when it recovers
  bool cut_ = false;
};

}  // namespace syncd::core
