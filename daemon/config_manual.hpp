#pragma once

#include <string>

namespace syncd::daemon {

// moneykit-syncd.toml(5): every key of the configuration table, for man(1).
std::string configuration_manual();

}  // namespace syncd::daemon
