#pragma once

#include <expected>
#include <string>

#include "daemon/admin/token_table.hpp"

namespace syncd::daemon {

// Reads the body of POST /v1/tokens, `{"name", "role", "lifetime"}`: all three, once each, and nothing else.
// The table judges the name and the lifetime. The error is for people.
std::expected<NewToken, std::string> parse_new_token(std::string body);

}  // namespace syncd::daemon
