#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sandbox/model/http.hpp"

namespace syncd::sandbox {

/// How server times are written. The public material shows an offset, a `Z` and no zone at all (read as UTC).
enum class TimestampForm : std::uint8_t { offset, zulu, none, mixed };

/// Appends prefix and 22 characters of the identifier alphabet (57 letters, no 0 1 I O l).
void append_id(std::string& out, std::string_view prefix, std::uint64_t high, std::uint64_t low);
std::string make_id(std::string_view prefix, std::uint64_t high, std::uint64_t low);

/// A UUID's text, from 128 bits.
std::string uuid_text(std::uint64_t high, std::uint64_t low);

/// Appends a JSON string literal, quoted and escaped.
void append_json_string(std::string& out, std::string_view text);
std::string json_string(std::string_view text);

/// Appends cents as a decimal with exactly two fraction digits, "12.05" or "-0.40".
void append_cents(std::string& out, std::int64_t cents);
void append_number(std::string& out, std::int64_t value);

/// Appends "YYYY-MM-DD" for days since 1970-01-01.
void append_date(std::string& out, std::int32_t day);
/// Reads "YYYY-MM-DD"; nothing else, and only real calendar days.
std::optional<std::int32_t> parse_date(std::string_view text);

/// Appends an unquoted timestamp with microseconds; `extra` picks the digits below a millisecond and, for
/// TimestampForm::mixed, the form.
void append_timestamp(std::string& out, TimePoint at, TimestampForm form, std::uint64_t extra);
std::string timestamp(TimePoint at, TimestampForm form = TimestampForm::offset, std::uint64_t extra = 0);

/// IMF-fixdate of RFC 9110, whole seconds (fractions are cut).
std::string http_date(TimePoint at);

std::string base64url(std::string_view bytes);                       ///< padded with '='
std::optional<std::string> base64url_decode(std::string_view text);  ///< nullopt unless padded base64url
std::optional<std::string> base64_decode(std::string_view text);     ///< RFC 4648 section 4, padded
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
std::string percent_encode(std::string_view text);

using QueryItems = std::vector<std::pair<std::string, std::string>>;

/// A target split into decoded path segments and decoded query items, in order, repeats kept.
struct Target {
  std::vector<std::string> segments;
  QueryItems query;

  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> all(std::string_view name) const;
};
/// nullopt when the target does not start with '/' or holds a broken percent escape.
std::optional<Target> parse_target(std::string_view target);
std::optional<QueryItems> parse_form(std::string_view text);

bool equals_ignoring_case(std::string_view a, std::string_view b);
/// First header of that name, ignoring case; nullptr when absent.
const std::string* find_header(const Headers& headers, std::string_view name);

}  // namespace syncd::sandbox
