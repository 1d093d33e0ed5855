#pragma once

#include <string>
#include <vector>

#include "daemon/cli/json_value.hpp"
#include "sync/core/types.hpp"

namespace syncd::cli {

// The daemon's answers for people. Pure: text in, text out.
using Items = std::vector<JsonValue>;

std::string render_status(const JsonValue& status, core::WallTime now);
std::string render_links(const Items& links, core::WallTime now);
std::string render_link(const JsonValue& link, core::WallTime now);
std::string render_cycle(const JsonValue& report, core::WallTime now);
std::string render_accounts(const Items& accounts, core::WallTime now);
std::string render_transactions(const Items& transactions);
std::string render_relinks(const Items& entries, core::WallTime now);
std::string render_relink(const JsonValue& entry, core::WallTime now);
// One line per entry, without a heading: it may be followed.
std::string render_feed_entry(const JsonValue& entry);

}  // namespace syncd::cli
