#include "tests/sim/retry_windows.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

namespace syncd::test {

namespace {

constexpr core::Millis unusable_means{60'000};
constexpr core::Millis longest{3'600'000};

// The number written in `digits` characters; -1: something else.
int number_at(std::string_view text, std::size_t at, std::size_t digits) {
  int number = -1;
  const char* const end = text.data() + at + digits;
  const auto read = std::from_chars(text.data() + at, end, number);
  return read.ptr == end ? number : -1;
}

// Sun, 06 Nov 1994 08:49:37 GMT: the only form this upstream writes.
std::optional<core::WallTime> read_date(std::string_view text) {
  static constexpr std::string_view months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  const std::size_t month = months.find(text.substr(8, 3));
  const int day = number_at(text, 5, 2), year = number_at(text, 12, 4);
  const int hour = number_at(text, 17, 2), minute = number_at(text, 20, 2), second = number_at(text, 23, 2);
  if (month == std::string_view::npos || std::min({day, year, hour, minute, second}) < 0) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  const auto clock = std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second);
  return core::WallTime(std::chrono::sys_days(date) + clock);
}

}  // namespace

AskedWait asked_wait(std::string_view retry_after, core::WallTime received) {
  const bool negative = retry_after.starts_with('-');
  const std::string_view digits = negative ? retry_after.substr(1) : retry_after;
  const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  if (number && negative) return {received, "negative"};
  if (number) {
    const std::int64_t seconds = digits.size() > 6 ? 1'000'000 : std::stoll(std::string(digits));
    return {received + std::min(core::Millis(seconds * 1000), longest), "seconds"};
  }
  if (const auto date = read_date(retry_after))
    return {std::clamp(*date, received, received + longest), "date"};
  return {received + unusable_means, "unusable"};
}

}  // namespace syncd::test
