#pragma once

#include <string>
#include <vector>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct RefreshOptions {
  std::string link_id;
  std::vector<std::string> products;  // none: those that the daemon's configuration names
};

// Asks the link's bank anew, which MoneyKit may charge for. Exit code 1 when nothing was asked for.
CliResult<int> refresh_link(const Session& session, const RefreshOptions& options);

}  // namespace syncd::cli
