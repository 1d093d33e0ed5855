#pragma once

#include <string>
#include <string_view>

namespace syncd::core {

// One text for all ways to write the same decimal number, without arithmetic: `10.10`, `10.1` and `101e-1`
// are all `101e-1`, zeros of any sign are `0`. A text that is not a JSON number (or has an exponent of more
// than six digits) stays as it is.
std::string plain_decimal(std::string_view text);

}  // namespace syncd::core
