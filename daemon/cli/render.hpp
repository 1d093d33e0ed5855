#pragma once

#include <string>
#include <vector>

#include "daemon/cli/json_value.hpp"
#include "daemon/cli/look.hpp"
#include "sync/core/types.hpp"

namespace syncd::cli {

// The daemon's answers for people. Pure: text in, text out.
using Items = std::vector<JsonValue>;

// `timestamp (3h ago)`
std::string time_and_age(const JsonValue& value, std::string_view path, core::WallTime now);

// `2 active, 1 relink`
std::string tally(const Items& items, std::string_view member);

std::string render_status(const JsonValue& status, core::WallTime now, const Look& look = {});
std::string render_links(const Items& links, core::WallTime now, const Look& look = {});
std::string render_link(const JsonValue& link, core::WallTime now, const Look& look = {});
// Why the link is due when it is; what the budget buys.
std::string render_explanation(const JsonValue& explanation, core::WallTime now, const Look& look = {});
std::string render_plan(const JsonValue& plan, const Look& look = {});
std::string render_cycle(const JsonValue& report, core::WallTime now, const Look& look = {});
std::string render_accounts(const Items& accounts, core::WallTime now, const Look& look = {});
std::string render_transactions(const Items& transactions, const Look& look = {});
std::string render_relinks(const Items& entries, core::WallTime now, const Look& look = {});
std::string render_relink(const JsonValue& entry, core::WallTime now, const Look& look = {});
std::string render_acts(const Items& acts, core::WallTime now, const Look& look = {});
std::string render_incidents(const Items& incidents, core::WallTime now, const Look& look = {});
// What verify answered about one link, and about many.
std::string render_verify(const JsonValue& answer, core::WallTime now, const Look& look = {});
std::string render_verifies(const Items& answers, const Look& look = {});
// `[#####.....] 5/10 links, 1 differs`: without a line's end.
std::string render_progress(std::size_t done, std::size_t all, std::size_t differing);
std::string render_dead_letters(const Items& letters, core::WallTime now, const Look& look = {});
std::string render_dead_letter(const JsonValue& letter, core::WallTime now, const Look& look = {});
std::string render_tokens(const Items& tokens, core::WallTime now, const Look& look = {});
std::string render_backups(const Items& backups, core::WallTime now, const Look& look = {});
std::string render_consumers(const Items& consumers, core::WallTime now, const Look& look = {});
// One line per entry, without a heading: it may be followed.
std::string render_feed_entry(const JsonValue& entry);

}  // namespace syncd::cli
