#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

namespace syncd::core {

// Numbers in the texts that the daemon keeps for itself (notes of the store, snapshots): each ends with one
// character, which a number does not contain.

// Takes the number at the beginning of the text, and `behind` with it. False: there is none, and the text is
// as it was.
template <class Number>
bool take_number(std::string_view& text, Number& value, char behind) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || length == text.size() || *end != behind) return false;
  value = number;
  text.remove_prefix(length + 1);
  return true;
}

// In the fewest digits that give the same number again.
template <class Number>
void put_number(std::string& text, Number value, char behind) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), error == std::errc{} ? end : digits.data());
  text += behind;
}

}  // namespace syncd::core
