#include "sync/core/civil.hpp"

namespace syncd::core {

std::optional<unsigned> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[i];
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool is_civil_date(int year, unsigned month, unsigned day) {
  using namespace std::chrono;
  if (year < 1 || year > 9999) return false;
  return year_month_day{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}}.ok();
}

std::optional<CivilDate> parse_civil_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = take_digits(text, 4);
  text.remove_prefix(1);
  const auto month = take_digits(text, 2);
  text.remove_prefix(1);
  const auto day = take_digits(text, 2);
  if (!year || !month || !day) return std::nullopt;
  const CivilDate date{.year = static_cast<int>(*year), .month = *month, .day = *day};
  if (!is_civil_date(date.year, date.month, date.day)) return std::nullopt;
  return date;
}

std::chrono::sys_days sys_days_of(const CivilDate& date) {
  using namespace std::chrono;
  return sys_days{year_month_day{year{date.year}, month{date.month}, day{date.day}}};
}

}  // namespace syncd::core
