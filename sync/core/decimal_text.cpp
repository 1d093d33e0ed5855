#include "sync/core/decimal_text.hpp"

#include <charconv>
#include <cstdint>
#include <optional>

namespace syncd::core {

namespace {

constexpr std::size_t exponent_digits_max = 6;

// Those at the front of `text`, which are removed.
std::string_view take_run(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && text[length] >= '0' && text[length] <= '9')
    ++length;
  const std::string_view run = text.substr(0, length);
  text.remove_prefix(length);
  return run;
}

// What stands behind the `e`; nullopt: no exponent, or one that is too long.
std::optional<std::int64_t> exponent_of(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view run = take_run(text);
  if (!text.empty() || run.empty() || run.size() > exponent_digits_max) return std::nullopt;
  std::int64_t value = 0;
  std::from_chars(run.data(), run.data() + run.size(), value);
  return negative ? -value : value;
}

}  // namespace

std::string plain_decimal(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  std::string digits{take_run(rest)};
  if (digits.empty()) return std::string(text);
  std::int64_t exponent = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::string_view fraction = take_run(rest);
    if (fraction.empty()) return std::string(text);
    digits += fraction;
    exponent -= static_cast<std::int64_t>(fraction.size());
  }
  if (rest.starts_with('e') || rest.starts_with('E')) {
    const std::optional<std::int64_t> written = exponent_of(rest.substr(1));
    if (!written) return std::string(text);
    exponent += *written;
    rest = {};
  }
  if (!rest.empty()) return std::string(text);
  digits.erase(0, digits.find_first_not_of('0'));
  if (digits.empty()) return "0";
  const std::size_t end = digits.find_last_not_of('0') + 1;
  exponent += static_cast<std::int64_t>(digits.size() - end);
  digits.resize(end);
  return (negative ? "-" : "") + digits + 'e' + std::to_string(exponent);
}

}  // namespace syncd::core
