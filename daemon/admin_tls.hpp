#pragma once

#include <expected>
#include <memory>

#include "daemon/admin/server_tls.hpp"
#include "daemon/config.hpp"

namespace syncd::daemon {

// What secures the admin API's TCP listener, from the configured files or the systemd credential; null: plain
// http, or no such listener. The problem says what to do. A path is named only where something lies at it:
// otherwise it may be a secret.
std::expected<std::shared_ptr<const ServerTls>, ConfigProblem> load_admin_tls(const Config& config,
                                                                              core::WallTime now);

}  // namespace syncd::daemon
