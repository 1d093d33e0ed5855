#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace syncd::daemon {

// A value of the configuration in the message that refuses it. A long one is not repeated: it may be a secret
// that was put in the wrong place.
inline std::string shown_value(std::string_view value) {
  constexpr std::size_t bytes_max = 16;
  return value.size() <= bytes_max ? fmt::format("\"{}\"", value) : std::string("the value");
}

}  // namespace syncd::daemon
