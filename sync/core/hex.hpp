#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace syncd::core {

// Lower-case hexadecimal digits, two for each byte.
template <class Bytes>
std::string hex_of(const Bytes& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 0xf];
  }
  return text;
}

}  // namespace syncd::core
