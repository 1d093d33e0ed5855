#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sandbox/model/options.hpp"

namespace syncd::sandbox {

struct PlannedLink {
  std::string institution;
  std::vector<PlannedRefresh> refreshes;
};

/// A line `link INSTITUTION` begins a link; each line behind it is one of its refreshes, the earliest first:
/// `AT_UNIX_MS CHANGED HOOK_MS`. CHANGED is 0 or 1; HOOK_MS is how long the hook travels, `-`: none is sent.
/// The error names the line.
std::expected<std::vector<PlannedLink>, std::string> parse_refresh_file(std::string_view text);

}  // namespace syncd::sandbox
