#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/files.hpp"
#include "sync/core/result.hpp"

namespace syncd::store {

using InstanceId = std::array<std::uint8_t, 16>;
std::string to_hex(const InstanceId& id);

// What consumers may have seen of the feed, kept outside the database: a database that lost its newest
// commits (a damaged log, an older copy put back) cannot know it, and would give the same sequences to other
// changes.
struct HighWater {
  InstanceId instance{};
  std::uint64_t epoch = 1;
  std::uint64_t published = 0;
  bool operator==(const HighWater&) const = default;
};

inline constexpr std::string_view high_water_name = "feed-high-water";
inline constexpr std::size_t high_water_bytes = 45;

// "mksynchw", format byte 1, instance (16), epoch (8), published (8), CRC-32C of all before (4); big-endian.
std::string encode_high_water(const HighWater& mark);
// Errc::invalid for a newer format, nullopt for anything damaged.
core::Result<std::optional<HighWater>> decode_high_water(std::string_view content);

// nullopt: missing or damaged; both mean that nobody knows what was published.
core::Result<std::optional<HighWater>> load_high_water(const std::string& directory,
                                                       const Disk& disk = host_disk());
core::Result<void> save_high_water(const std::string& directory, const HighWater& mark,
                                   const Disk& disk = host_disk());

// CRC-32C (Castagnoli, reflected, as in RFC 3720).
std::uint32_t crc32c(std::string_view bytes);

}  // namespace syncd::store
