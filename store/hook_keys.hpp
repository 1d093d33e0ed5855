#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sync/core/types.hpp"

namespace syncd::store {

// What is known without reading of the webhooks that were accepted.
struct HookKeys {
  bool loaded = false;
  std::uint64_t count = 0;
  std::string front;                          // none is before this key: what was erased is not passed again
  std::optional<core::WallTime> oldest_at{};  // as of the last look; nullopt: there was none, or no look yet
};

}  // namespace syncd::store
