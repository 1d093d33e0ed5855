#pragma once

#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

// What the last relink of a link did to its data.
CliResult<int> show_continuity(const Session& session, const std::string& link_id);
// One line for the entry, with its end; empty: nothing was compared, or it cannot be told.
std::string continuity_line(const Session& session, const std::string& link_id);

// Pure: the daemon's report for people.
std::string render_continuity(const JsonValue& report, core::WallTime now);

}  // namespace syncd::cli
