#pragma once

#include <cstdint>
#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct VerifyOptions {
  std::string link_id;     // one link, or
  std::size_t sample = 0;  // so many active ones, drawn by lot
};

// Exit codes: 0 all as upstream has it, 1 something differs (and nothing else ends with 1), 65 the daemon
// refused, 69 nothing differs but something could not be compared. A sample of which the daemon heard only a
// part is printed as far as it goes, with every other link as incomplete, and is an error all the same.
CliResult<int> verify_links(const Session& session, const VerifyOptions& options);
// A dry run verifies. Asks first.
CliResult<int> repair_link(const Session& session, const std::string& link_id);

CliResult<int> list_dead_letters(const Session& session);
CliResult<int> show_dead_letter(const Session& session, const std::string& id);
CliResult<int> retry_dead_letter(const Session& session, const std::string& id);
// Asks first.
CliResult<int> drop_dead_letter(const Session& session, const std::string& id);

}  // namespace syncd::cli
