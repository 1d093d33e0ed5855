#include "daemon/disk_space.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

namespace syncd::daemon {

std::optional<DiskSpace> disk_space(const std::string& directory) {
  std::error_code error;
  auto info = std::filesystem::space(directory, error);
  if (error) info = std::filesystem::space(std::filesystem::path(directory).parent_path(), error);
  if (error) return std::nullopt;
  return DiskSpace{.free_bytes = info.available, .total_bytes = info.capacity};
}

std::uint64_t least_free_bytes(const DiskSpace& space, const SpaceLimits& limits) {
  return std::max(limits.free_bytes_min, space.total_bytes / 100 * limits.free_percent_min);
}

bool is_low(const DiskSpace& space, const SpaceLimits& limits, bool was_low) {
  const std::uint64_t least = least_free_bytes(space, limits);
  return space.free_bytes < (was_low ? least + least / 10 : least);
}

std::string describe_space(std::uint64_t free_bytes, std::uint64_t needed_bytes) {
  constexpr std::uint64_t mebibyte = 1 << 20;
  return fmt::format("{} MiB free, {} MiB needed", free_bytes / mebibyte,
                     (needed_bytes + mebibyte - 1) / mebibyte);
}

}  // namespace syncd::daemon
