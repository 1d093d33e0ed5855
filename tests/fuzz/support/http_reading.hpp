#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace syncd::fuzz {

// A second reading of an HTTP/1.1 response, by the rules that the client promises to keep (exactly one
// framing, in its plainest form) and nothing else.
struct HttpReading {
  int status = 0;
  std::string body = {};
  std::size_t bytes = 0;  // of the response, interim answers before it included
};

// nullopt: not a whole response by these rules.
std::optional<HttpReading> read_http_response(std::string_view text);

}  // namespace syncd::fuzz
