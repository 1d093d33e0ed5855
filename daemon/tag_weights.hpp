#pragma once

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "daemon/config_table.hpp"
#include "sync/core/policy.hpp"

namespace syncd::daemon {

inline constexpr std::size_t tag_weights_max = 32;

// `schedule.weights`: texts `TAG=WEIGHT`, each split at its last `=`. A tag is as upstream takes them: 1 to
// 99 characters, the first one a letter or digit; none comes twice. A weight is a decimal number of 0.01 to
// 100.
std::expected<std::vector<core::TagWeight>, Refusal> parse_tag_weights(std::span<const std::string> texts);

}  // namespace syncd::daemon
