#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace syncd::daemon {

struct ListenAddress {
  std::string address;  // an IP address, without brackets
  std::uint16_t port = 0;
};

// `127.0.0.1:9464`, `[::1]:9464` or `localhost:9464`; port 0 lets the system choose. The error is a reason
// for people.
std::expected<ListenAddress, std::string> parse_listen_address(std::string_view text);

// Whether only this machine can reach it: 127.0.0.0/8 and ::1.
bool is_loopback(const ListenAddress& listen);

inline constexpr std::size_t hosts_max = 16;
// Hosts as in a Host header, `HOST[:PORT]`, separated by blanks, in lower case; an empty text has none. The
// error is a reason for people.
std::expected<std::vector<std::string>, std::string> parse_hosts(std::string_view text);

}  // namespace syncd::daemon
