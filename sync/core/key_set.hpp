#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/result.hpp"

namespace syncd::core {

// A key with which upstream signs its webhooks: a point of P-256. Whether it lies on the curve is for whoever
// makes a key of it to find out.
struct PublicKey {
  std::string kid;
  std::array<std::uint8_t, 32> x{};
  std::array<std::uint8_t, 32> y{};
  bool operator==(const PublicKey&) const = default;
};

struct KeySetAnswer {
  std::vector<PublicKey> keys;  // 1 to keys_max, each kid once
  std::uint32_t skipped = 0;    // keys for something else
};

inline constexpr std::size_t key_set_bytes_max = 64 * 1024;
inline constexpr std::size_t keys_max = 32;
inline constexpr std::size_t kid_bytes_max = 128;

// 1 to kid_bytes_max bytes of UTF-8 without control characters.
bool is_valid_kid(std::string_view kid);

// The body of GET /.well-known/jwks.json (RFC 7517). Keys of another type, curve, use or algorithm are
// skipped. Refused whole, as Errc::protocol: one that is larger than key_set_bytes_max or has more than
// keys_max keys, names a kid twice, has no key of ours, or holds a private part: whoever published that can
// be imitated by everybody.
Result<KeySetAnswer> parse_key_set(std::string body);

}  // namespace syncd::core
