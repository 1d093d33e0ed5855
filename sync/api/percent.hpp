#pragma once

#include <string>
#include <string_view>

namespace syncd::api {

// Appends `text` with everything but RFC 3986 unreserved characters as %XX: safe in a path segment, in a
// query value and in a form value alike.
void append_percent_encoded(std::string& out, std::string_view text);

}  // namespace syncd::api
