#pragma once

#include <functional>
#include <string_view>

#include "daemon/options.hpp"

namespace syncd::daemon {

// Where a command writes, line by line.
struct Terminal {
  std::function<void(std::string_view line)> out;
  std::function<void(std::string_view line)> error;
};

// The commands for backups that need no daemon. Each prints its steps with what they found and how long they
// took, and gives the exit code: 0 all is well, 1 there is no such backup or nothing was to be done, 74 the
// backup is damaged or the disk failed, 78 it is not for this program or configuration.
int verify_backup(const Options& options, const Terminal& terminal);
// Puts the backup back into a directory of its own, opens it as a daemon would, reads everything and removes
// the copy.
int drill_backup(const Options& options, const Terminal& terminal);
int restore_backup(const Options& options, const Terminal& terminal);

}  // namespace syncd::daemon
