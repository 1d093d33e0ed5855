#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/core/budget.hpp"

namespace syncd::core {
namespace {

// The most requests that any 60 s hold, both ends included.
std::size_t most_in_a_minute(std::vector<std::int64_t> times) {
  std::ranges::sort(times);
  std::size_t most = 0;
  for (auto from = times.begin(); from != times.end(); ++from) {
    const auto to = std::upper_bound(from, times.end(), *from + 60'000);
    most = std::max(most, static_cast<std::size_t>(to - from));
  }
  return most;
}

struct Sender {
  explicit Sender(std::uint32_t limit) : minute(limit) {}
  // Asks after a pause, and sends when allowed: at once, or after having waited for it.
  void ask(std::int64_t pause, bool patient, std::uint32_t reserve) {
    now += pause;
    std::int64_t at = minute.earliest_ms(now, reserve);
    if (at > now && !patient) return;
    RC_ASSERT(at >= now);
    RC_ASSERT(minute.earliest_ms(at, reserve) == at);
    now = at;
    minute.count(now);
    sent.push_back(now);
  }
  SlidingMinute minute;
  std::int64_t now = 1'000'000;
  std::vector<std::int64_t> sent;
};

RC_GTEST_PROP(SlidingMinuteProperty, NoSlidingMinuteExceedsTheLimit, ()) {
  const auto limit = *rc::gen::inRange<std::uint32_t>(1, 12);
  Sender sender(limit);
  const auto steps = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
  for (const std::uint32_t step : steps) {
    const std::int64_t pause = step % 3 == 0 ? 0 : step % 20'000;
    sender.ask(pause, (step >> 16) % 2 == 0, (step >> 20) % limit);
  }
  RC_ASSERT(most_in_a_minute(sender.sent) <= limit);
}

RC_GTEST_PROP(SlidingMinuteProperty, NorDoesItAcrossRestarts, ()) {
  const auto limit = *rc::gen::inRange<std::uint32_t>(1, 12);
  Sender sender(limit);
  const auto steps = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
  for (const std::uint32_t step : steps) {
    if (step % 11 == 0) {
      sender.minute = SlidingMinute(limit);
      for (const std::int64_t at : sender.sent)
        sender.minute.seed(at, sender.now, 1);
    }
    sender.ask(step % 10'000, true, 0);
  }
  RC_ASSERT(most_in_a_minute(sender.sent) <= limit);
}

// The price of the slots is at most one second: a budget that was spent at once is free 61 s later.
RC_GTEST_PROP(SlidingMinuteProperty, NobodyWaitsLongerThanAMinuteAndASecond, ()) {
  const auto limit = *rc::gen::inRange<std::uint32_t>(1, 1000);
  const auto start = *rc::gen::inRange<std::int64_t>(0, 10'000'000);
  SlidingMinute minute(limit);
  for (std::uint32_t i = 0; i < limit; ++i)
    minute.count(start);
  RC_ASSERT(minute.earliest_ms(start) <= start + 61'000);
  RC_ASSERT(minute.earliest_ms(start) > start + 60'000);
}

}  // namespace
}  // namespace syncd::core
