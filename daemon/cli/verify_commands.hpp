#pragma once

#include <cstdint>
#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct VerifyOptions {
  std::string link_id;     // one link, or
  std::size_t sample = 0;  // so many active ones, drawn by lot
};

// Exit codes: 0 all as upstream has it, 1 something differs, 69 nothing differs but something could not be
// compared.
CliResult<int> verify_links(const Session& session, const VerifyOptions& options);
// A dry run verifies. Asks on the terminal unless `confirmed`.
CliResult<int> repair_link(const Session& session, const std::string& link_id, bool confirmed);

CliResult<int> list_dead_letters(const Session& session);
CliResult<int> show_dead_letter(const Session& session, const std::string& id);
CliResult<int> retry_dead_letter(const Session& session, const std::string& id);
CliResult<int> drop_dead_letter(const Session& session, const std::string& id);

}  // namespace syncd::cli
