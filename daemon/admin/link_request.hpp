#pragma once

#include <expected>
#include <string>

#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// Reads the body of POST /v1/links: `{"link_id", "customer_user_id"?, "tags"?}`, nothing else, no member
// twice. The error names the member and the reason.
std::expected<engine::NewLink, std::string> parse_new_link(std::string body);

}  // namespace syncd::daemon
