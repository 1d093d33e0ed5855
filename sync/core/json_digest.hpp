#pragma once

#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::core {

// Equal for texts that same_json() calls the same, and for no others as far as a digest can tell.
Digest json_digest(std::string_view json);

}  // namespace syncd::core
