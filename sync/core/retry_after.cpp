#include <algorithm>
#include <array>

#include "sync/core/civil.hpp"
#include "sync/core/classify.hpp"

namespace syncd::core {
namespace {

using Seconds = std::chrono::sys_seconds;

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> long_days{"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                    "Friday", "Saturday", "Sunday"};

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// The day's name is checked for being one and not against the date: the date decides.
bool take_day_name(std::string_view& text, bool full) {
  return std::ranges::any_of(long_days,
                             [&](std::string_view day) { return take(text, full ? day : day.substr(0, 3)); });
}

std::optional<unsigned> take_month(std::string_view& text) {
  for (unsigned i = 0; i < months.size(); ++i) {
    if (take(text, months[i])) return i + 1;
  }
  return std::nullopt;
}

// hh:mm:ss; a leap second counts as the one before it.
std::optional<std::chrono::seconds> take_clock(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ":")) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || !take(text, ":")) return std::nullopt;
  const auto second = take_digits(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  return std::chrono::seconds{*hour * 3600 + *minute * 60 + std::min(*second, 59u)};
}

std::optional<Seconds> join(int year, unsigned month, unsigned day, std::chrono::seconds clock) {
  const CivilDate date{.year = year, .month = month, .day = day};
  if (!is_civil_date(date.year, month, day)) return std::nullopt;
  return sys_days_of(date) + clock;
}

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<Seconds> parse_imf_fixdate(std::string_view text) {
  if (!take_day_name(text, false) || !take(text, ", ")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take(text, " ")) return std::nullopt;
  const auto month = take_month(text);
  if (!month || !take(text, " ")) return std::nullopt;
  const auto year = take_digits(text, 4);
  if (!year || !take(text, " ")) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock || text != " GMT") return std::nullopt;
  return join(static_cast<int>(*year), *month, *day, *clock);
}

// Sunday, 06-Nov-94 08:49:37 GMT. A year that seems more than 50 years ahead is in the past century.
std::optional<Seconds> parse_rfc850(std::string_view text, WallTime now) {
  if (!take_day_name(text, true) || !take(text, ", ")) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day || !take(text, "-")) return std::nullopt;
  const auto month = take_month(text);
  if (!month || !take(text, "-")) return std::nullopt;
  const auto short_year = take_digits(text, 2);
  if (!short_year || !take(text, " ")) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock || text != " GMT") return std::nullopt;
  const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(now)};
  const int this_year = static_cast<int>(today.year());
  int year = this_year - this_year % 100 + static_cast<int>(*short_year);
  if (year > this_year + 50) year -= 100;
  return join(year, *month, *day, *clock);
}

// Sun Nov  6 08:49:37 1994
std::optional<Seconds> parse_asctime(std::string_view text) {
  if (!take_day_name(text, false) || !take(text, " ")) return std::nullopt;
  const auto month = take_month(text);
  if (!month || !take(text, " ")) return std::nullopt;
  const auto day = take(text, " ") ? take_digits(text, 1) : take_digits(text, 2);
  if (!day || !take(text, " ")) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock || !take(text, " ")) return std::nullopt;
  const auto year = take_digits(text, 4);
  if (!year || !text.empty()) return std::nullopt;
  return join(static_cast<int>(*year), *month, *day, *clock);
}

std::optional<Seconds> parse_http_date(std::string_view text, WallTime now) {
  if (const auto time = parse_imf_fixdate(text)) return time;
  if (const auto time = parse_rfc850(text, now)) return time;
  return parse_asctime(text);
}

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Digits of any length; what is beyond the cap is the cap.
std::optional<Millis> parse_delta(std::string_view text, Millis cap) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  Millis delay{0};
  for (const char c : text)
    delay = std::min(delay * 10 + Millis{(c - '0') * 1000}, cap);
  return delay;
}

// An answer that asks for no wait at all would have everybody back at once: it has named no time.
std::optional<Millis> in_the_future(Millis delay, Millis longest) {
  if (delay <= Millis{0}) return std::nullopt;
  return std::clamp(delay, retry_after_min, longest);
}

}  // namespace

std::optional<Millis> parse_retry_after(std::string_view value, std::string_view date, WallTime now,
                                        Millis longest) {
  value = trim(value);
  if (const auto delay = parse_delta(value, longest)) return in_the_future(*delay, longest);
  const auto until = parse_http_date(value, now);
  if (!until) return std::nullopt;
  const auto server_now = parse_http_date(trim(date), now);
  const WallTime from = server_now ? WallTime{*server_now} : now;
  return in_the_future(WallTime{*until} - from, longest);
}

}  // namespace syncd::core
