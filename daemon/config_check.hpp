#pragma once

#include <expected>
#include <vector>

#include "daemon/config.hpp"

namespace syncd::daemon {

// What a start would need from the machine: the client secret, the certificate authorities, the certificate
// of the admin API's TCP listener, places for the admin socket and the store. Only of values that are known.
std::vector<ConfigProblem> check_machine(const ConfigReading& reading);

// load_config() and check_machine() in one: either a configuration that a start can work with, or every
// problem there is, of the values and of the machine.
std::expected<LoadedConfig, std::vector<ConfigProblem>> load_checked_config(const std::string& path,
                                                                            const Environment& environment);

}  // namespace syncd::daemon
