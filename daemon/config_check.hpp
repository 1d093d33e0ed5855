#pragma once

#include <cstdint>
#include <expected>
#include <vector>

#include "daemon/config.hpp"

namespace syncd::daemon {

// What a start would need from the machine: the client secret, the certificate authorities, the certificate
// of the admin API's TCP listener, places for the admin socket and the store. Only of values that are known.
//
// `needed`: without the certificate, which a start can do without: the TCP listener then stays shut.
enum class MachineCheck : std::uint8_t { everything, needed };
std::vector<ConfigProblem> check_machine(const ConfigReading& reading, MachineCheck extent);

// load_config() and check_machine() in one: either a configuration that a start can work with, or every
// problem there is, of the values and of the machine.
std::expected<LoadedConfig, std::vector<ConfigProblem>> load_checked_config(
    const std::string& path, const Environment& environment, MachineCheck extent = MachineCheck::everything);

}  // namespace syncd::daemon
