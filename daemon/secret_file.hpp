#pragma once

#include <expected>
#include <vector>

#include "daemon/config.hpp"
#include "sync/api/secret.hpp"

namespace syncd::daemon {

// The client secret, from the configured file or the systemd credential. The problem says what to do when
// there is neither, or when others could read it. A configured path is named only where something lies at it:
// otherwise it may be the secret itself.
std::expected<api::Secret, ConfigProblem> read_client_secret(const Config& config);

}  // namespace syncd::daemon
