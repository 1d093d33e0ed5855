#pragma once

#include "daemon/options.hpp"

namespace syncd::daemon {

// The commands for backups that need no daemon. Each prints its steps with what they found and how long they
// took, and gives the exit code: 0 all is well, 1 there is no such backup or nothing was to be done, 74 the
// backup is damaged or the disk failed, 78 it is not for this program or configuration.
int verify_backup(const Options& options);
// Puts the backup back into a directory of its own, opens it as a daemon would, reads everything and removes
// the copy.
int drill_backup(const Options& options);
int restore_backup(const Options& options);

}  // namespace syncd::daemon
