#pragma once

#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::test {

// What a 429 asks for, read here without the client's own reader, in the world's true time.
struct AskedWait {
  core::WallTime until{};
  std::string_view form;  // seconds, date, negative, unusable
};

// Seconds count from the moment the answer arrived; a date is upstream's clock, which is the true one.
// Nothing usable means a minute, and nobody is held to more than an hour.
AskedWait asked_wait(std::string_view retry_after, core::WallTime received);

}  // namespace syncd::test
