#pragma once

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "daemon/config_table.hpp"
#include "sync/core/policy.hpp"

namespace syncd::daemon {

inline constexpr std::size_t tag_weights_max = 32;

// `schedule.weights`: texts `TAG=WEIGHT`, each split at its last `=`; a tag is any that a link can have
// (core::is_valid_tag), a weight 0.01 to 100 in decimal.
std::expected<std::vector<core::TagWeight>, Refusal> parse_tag_weights(std::span<const std::string> texts);

}  // namespace syncd::daemon
