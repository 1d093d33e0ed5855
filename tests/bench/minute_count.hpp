#pragma once

#include <cstdint>
#include <deque>

namespace syncd::bench {

// Requests of one endpoint in any sliding minute, counted beside the gate.
class MinuteCount {
 public:
  std::uint32_t add(std::int64_t now_ms) {
    sent_ms_.push_back(now_ms);
    while (sent_ms_.front() <= now_ms - 60'000)
      sent_ms_.pop_front();
    return static_cast<std::uint32_t>(sent_ms_.size());
  }

 private:
  std::deque<std::int64_t> sent_ms_;
};

}  // namespace syncd::bench
