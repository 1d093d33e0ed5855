#include "daemon/held_clock.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

namespace syncd::daemon {

namespace {

constexpr std::string_view version = "v1";
constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();

std::int64_t number_of(const std::optional<core::WallTime>& time) {
  return time ? time->time_since_epoch().count() : none;
}

std::optional<core::WallTime> time_of(std::int64_t number) {
  if (number == none) return std::nullopt;
  return core::WallTime{core::Millis{number}};
}

}  // namespace

void HeldClock::look(core::WallTime now, core::Millis ran, core::Millis period) {
  ran_ += std::max(ran, core::Millis{0});
  lowest_ = lowest_ ? std::min(*lowest_, now) : now;
  last_ = now;
  if (ran_ < period) return;
  held_ = lowest_;
  lowest_ = now;
  ran_ = core::Millis{0};
}

std::optional<core::WallTime> HeldClock::held() const {
  if (!held_ || !last_) return std::nullopt;
  return std::min(*held_, *last_);
}

std::string HeldClock::encode() const {
  return fmt::format("{} {} {} {}", version, number_of(held_), number_of(lowest_), ran_.count());
}

std::optional<HeldClock> HeldClock::decode(std::string_view text) {
  if (!text.starts_with(version)) return std::nullopt;
  text.remove_prefix(version.size());
  std::array<std::int64_t, 3> numbers{};
  for (std::int64_t& number : numbers) {
    if (!text.starts_with(' ')) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  if (!text.empty() || numbers[2] < 0) return std::nullopt;
  HeldClock clock;
  clock.held_ = time_of(numbers[0]);
  clock.lowest_ = time_of(numbers[1]);
  clock.ran_ = core::Millis{numbers[2]};
  return clock;
}

}  // namespace syncd::daemon
