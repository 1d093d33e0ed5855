#pragma once

#include <expected>
#include <string>

#include "daemon/config.hpp"
#include "sync/api/secret.hpp"

namespace syncd::daemon {

// The client secret, from the configured file or the systemd credential. The problem says what to do when
// there is neither, or when others could read it. A configured path is named only where something lies at it:
// otherwise it may be the secret itself.
std::expected<api::Secret, ConfigProblem> read_client_secret(const Config& config);

// Where systemd put the credentials of this process; empty: it passed none.
std::string credentials_directory();

// The message without the path, unless there is something at it.
std::string without_path(std::string message, const std::string& path);

}  // namespace syncd::daemon
