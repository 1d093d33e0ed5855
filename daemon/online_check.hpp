#pragma once

#include <string>

#include "daemon/config.hpp"

namespace syncd::daemon {

struct OnlineCheck {
  int exit_code = 0;
  std::string message;  // for people
};

// Asks upstream who we are with the configured credentials: one request, nothing is stored.
OnlineCheck check_online(const Config& config);

}  // namespace syncd::daemon
