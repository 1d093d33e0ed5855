#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/json_value.hpp"
#include "sync/core/types.hpp"

namespace syncd::cli {

// What the commands have in common.

inline constexpr core::Millis wait_max{60'000};  // how long the daemon waits at most

core::WallTime wall_now();
void print(std::string_view text);
// Something of what was printed so far went nowhere: a full disk, a closed descriptor.
bool print_failed();
// With a line's end behind it; answers the exit code of success.
int print_json(std::string_view json);
int print_items(const std::vector<JsonValue>& items);
// `/v1/links/ID` and `rest`.
std::string link_path(const std::string& link_id, std::string_view rest = {});

}  // namespace syncd::cli
