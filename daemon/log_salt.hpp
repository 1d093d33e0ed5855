#pragma once

#include <string>

#include "sync/core/result.hpp"

namespace syncd::daemon {

// The secret behind link references in logs: 16 random bytes in `<directory>/log-salt`, made on first use
// with mode 0600.
core::Result<std::string> load_log_salt(const std::string& directory);

}  // namespace syncd::daemon
