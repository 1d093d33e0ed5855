#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace syncd::daemon {

struct ListenAddress {
  std::string address;  // an IP address, without brackets
  std::uint16_t port = 0;
};

// `127.0.0.1:9464`, `[::1]:9464` or `localhost:9464`; port 0 lets the system choose. The error is a reason
// for people.
std::expected<ListenAddress, std::string> parse_listen_address(std::string_view text);

}  // namespace syncd::daemon
