#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace syncd::core {

// Calendar arithmetic in the proleptic Gregorian calendar, without any time zone.

struct CivilDate {
  int year = 0;  // 1 to 9999
  unsigned month = 0;
  unsigned day = 0;
};

// Exactly YYYY-MM-DD and a day that exists (years 0001 to 9999).
std::optional<CivilDate> parse_civil_date(std::string_view text);
bool is_civil_date(int year, unsigned month, unsigned day);
std::chrono::sys_days sys_days_of(const CivilDate& date);

// Exactly `count` decimal digits at the front of `text`, which are removed; nullopt leaves `text` as it was.
// count <= 9.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t count);

}  // namespace syncd::core
