#pragma once

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

// Backups of the daemon's store. Those that need no daemon (verify, drill, restore) are moneykit-syncd's.

// Waits for the end of the backup, with its progress on standard error.
CliResult<int> create_backup(const Session& session);
CliResult<int> list_backups(const Session& session);

}  // namespace syncd::cli
