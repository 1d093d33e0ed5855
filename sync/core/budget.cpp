#include "sync/core/budget.hpp"

#include <algorithm>
#include <cassert>

namespace syncd::core {

namespace {
constexpr std::int64_t floor_div(std::int64_t value, std::int64_t divisor) {
  const std::int64_t quotient = value / divisor;
  return (value % divisor != 0 && value < 0) ? quotient - 1 : quotient;
}
std::size_t index_of(std::int64_t slot, std::size_t slots) {
  const auto size = static_cast<std::int64_t>(slots);
  return static_cast<std::size_t>(((slot % size) + size) % size);
}
}  // namespace

void SlidingMinute::move_to(std::int64_t now_ms) {
  const std::int64_t slot = floor_div(now_ms, slot_ms);
  if (slot <= newest_slot_) return;
  const std::int64_t steps = std::min<std::int64_t>(slot - newest_slot_, static_cast<std::int64_t>(slots));
  for (std::int64_t step = 1; step <= steps; ++step) {
    std::uint32_t& expired = count_[index_of(newest_slot_ + step, slots)];
    total_ -= expired;
    expired = 0;
  }
  newest_slot_ = slot;
}

std::int64_t SlidingMinute::earliest_ms(std::int64_t now_ms, std::uint32_t reserve) {
  move_to(now_ms);
  const std::uint32_t usable = reserve < limit_ ? limit_ - reserve : 1;
  if (total_ < usable) return now_ms;
  std::uint32_t left = total_;
  // From the oldest on. The newest slot need not be asked: without it nothing is left.
  for (std::int64_t age = static_cast<std::int64_t>(slots) - 1; age > 0; --age) {
    const std::int64_t slot = newest_slot_ - age;
    left -= count_[index_of(slot, slots)];
    if (left < usable) return std::max(now_ms, (slot + static_cast<std::int64_t>(slots)) * slot_ms);
  }
  return std::max(now_ms, (newest_slot_ + static_cast<std::int64_t>(slots)) * slot_ms);
}

void SlidingMinute::count(std::int64_t now_ms) {
  move_to(now_ms);
  assert(total_ < limit_);
  ++count_[index_of(newest_slot_, slots)];
  ++total_;
}

void SlidingMinute::seed(std::int64_t at_ms, std::int64_t now_ms, std::uint32_t requests) {
  move_to(now_ms);
  const std::int64_t slot = std::min(floor_div(at_ms, slot_ms), newest_slot_);
  if (slot <= newest_slot_ - static_cast<std::int64_t>(slots)) return;
  count_[index_of(slot, slots)] += requests;
  total_ += requests;
}

std::uint32_t SlidingMinute::used(std::int64_t now_ms) {
  move_to(now_ms);
  return total_;
}

void YieldingBudget::refused(std::int64_t now_ms, std::int64_t until_ms) {
  constexpr std::uint32_t least_part = 10;
  const std::uint32_t before = allowed(now_ms);
  const bool same_burst = cut_ && now_ms < cut_ms_ + burst_ms;
  // Where more was configured since, a tenth may be more than what was left.
  left_ = same_burst ? before : std::min(before, std::max({before / 2, configured_ / least_part, 1U}));
  if (!same_burst) cut_ms_ = now_ms;
  recovers_ms_ = std::max({now_ms, until_ms, cut_ ? recovers_ms_ : now_ms});
  cut_ = true;
}

std::uint32_t YieldingBudget::allowed(std::int64_t now_ms) const {
  constexpr std::int64_t recovery_ms = 100LL * 60'000;  // of all of it
  if (!cut_) return configured_;
  const std::int64_t passed = std::clamp<std::int64_t>(now_ms - recovers_ms_, 0, recovery_ms);
  const std::int64_t back = passed * configured_ / recovery_ms;
  return static_cast<std::uint32_t>(std::min<std::int64_t>(left_ + back, configured_));
}

}  // namespace syncd::core
