#pragma once

#include <expected>
#include <string>
#include <vector>

#include "daemon/config.hpp"
#include "sync/api/secret.hpp"

namespace syncd::daemon {

// The client secret, from the configured file or the systemd credential. The problem says what to do when
// there is neither, or when others could read it.
std::expected<api::Secret, ConfigProblem> read_client_secret(const Config& config);

// Checks what a start would need from the file system: the client secret and the CA file.
std::vector<ConfigProblem> check_files(const Config& config);

}  // namespace syncd::daemon
