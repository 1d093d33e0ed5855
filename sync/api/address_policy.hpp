#pragma once

#include <boost/asio/ip/address.hpp>

namespace syncd::api {

// True for addresses of the public internet. False for everything that leads inside: loopback, private (RFC
// 1918, ULA), link-local, carrier-grade NAT, multicast, documentation, benchmarking, reserved and unspecified
// ones, and IPv6 forms that carry such an IPv4 address (mapped, NAT64) or any (6to4, Teredo, compatible). A
// name that suddenly resolves to one of these must not make the daemon send credentials there.
bool is_public_address(const boost::asio::ip::address& address);

// 127.0.0.0/8, ::1 and the mapped form of the former.
bool is_loopback_address(const boost::asio::ip::address& address);

}  // namespace syncd::api
