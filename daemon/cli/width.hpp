#pragma once

#include <cstddef>
#include <string_view>

namespace syncd::cli {

// How many columns of a terminal a character takes: 0, 1 or 2.
std::size_t columns_of(char32_t point);
// Of text that has no control characters, see printable(). A byte that begins no character takes one.
std::size_t columns_of(std::string_view text);

}  // namespace syncd::cli
