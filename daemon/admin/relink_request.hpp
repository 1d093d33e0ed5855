#pragma once

#include <expected>
#include <string>

#include "sync/core/relink.hpp"

namespace syncd::daemon {

// Reads the body of an act on a relink entry: `{"version", ...}`, with what the kind takes beside it. All but
// a note must name the version that the person saw. The error names the member and the reason.
std::expected<core::RelinkRequest, std::string> parse_relink_request(core::RelinkRequest::Kind kind,
                                                                     std::string body);

}  // namespace syncd::daemon
