#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// Reads `500ms`, `30s`, `5m`, `6h`, `1d`, and sums with falling units such as `1h30m`; no sign, no fraction,
// no space, at most ten years. The error is a reason for people.
std::expected<core::Millis, std::string> parse_duration(std::string_view text);

// The shortest text that parse_duration() reads back to the same value: `90m` stays `1h30m`, zero is `0s`.
std::string format_duration(core::Millis duration);

}  // namespace syncd::daemon
