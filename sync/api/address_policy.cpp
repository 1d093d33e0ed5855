#include "sync/api/address_policy.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace syncd::api {

namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

struct Range4 {
  std::uint32_t base;
  unsigned prefix_bits;
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

// The IANA IPv4 special-purpose registry, whatever is not globally reachable, and multicast.
constexpr std::array special4 = {
    Range4{v4(0, 0, 0, 0), 8},      Range4{v4(10, 0, 0, 0), 8},     Range4{v4(100, 64, 0, 0), 10},
    Range4{v4(127, 0, 0, 0), 8},    Range4{v4(169, 254, 0, 0), 16}, Range4{v4(172, 16, 0, 0), 12},
    Range4{v4(192, 0, 0, 0), 24},   Range4{v4(192, 0, 2, 0), 24},   Range4{v4(192, 88, 99, 0), 24},
    Range4{v4(192, 168, 0, 0), 16}, Range4{v4(198, 18, 0, 0), 15},  Range4{v4(198, 51, 100, 0), 24},
    Range4{v4(203, 0, 113, 0), 24}, Range4{v4(224, 0, 0, 0), 4},    Range4{v4(240, 0, 0, 0), 4},
};

bool is_public(const address_v4& ip) {
  const std::uint32_t bits = ip.to_uint();
  return std::ranges::none_of(
      special4, [bits](const Range4& range) { return (bits ^ range.base) >> (32 - range.prefix_bits) == 0; });
}

address_v4 last_four(const address_v6::bytes_type& bytes) {
  return address_v4({bytes[12], bytes[13], bytes[14], bytes[15]});
}

bool starts_with(const address_v6::bytes_type& bytes, std::initializer_list<unsigned char> prefix) {
  return std::ranges::equal(prefix, std::ranges::subrange(bytes.begin(), bytes.begin() + prefix.size()));
}

// ::ffff:a.b.c.d is the IPv4 address itself, for the kernel too.
std::optional<address_v4> mapped(const address_v6& ip) {
  if (!ip.is_v4_mapped()) return std::nullopt;
  return last_four(ip.to_bytes());
}

bool is_public(const address_v6& ip) {
  if (const auto inner = mapped(ip)) return is_public(*inner);
  const address_v6::bytes_type bytes = ip.to_bytes();
  if (starts_with(bytes, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))
    return is_public(last_four(bytes));
  if ((bytes[0] & 0xe0U) != 0x20) return false;                           // only 2000::/3 is global unicast
  if (starts_with(bytes, {0x20, 0x02})) return false;                     // 6to4
  if (starts_with(bytes, {0x20, 0x01, 0x0d, 0xb8})) return false;         // documentation
  if (starts_with(bytes, {0x3f, 0xff}) && bytes[2] < 0x10) return false;  // documentation, 3fff::/20
  // 2001::/23: protocol assignments (Teredo, benchmarking, ORCHID).
  return !(starts_with(bytes, {0x20, 0x01}) && bytes[2] < 0x02);
}

}  // namespace

bool is_public_address(const address& ip) {
  return ip.is_v4() ? is_public(ip.to_v4()) : is_public(ip.to_v6());
}

bool is_loopback_address(const address& ip) {
  if (ip.is_v6()) {
    if (const auto inner = mapped(ip.to_v6())) return inner->is_loopback();
  }
  return ip.is_loopback();
}

}  // namespace syncd::api
