#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace syncd::daemon {

// What unprivileged users may still write on the file system of a directory, and its size.
struct DiskSpace {
  std::uint64_t free_bytes = 0;
  std::uint64_t total_bytes = 0;
};
// nullopt: the directory does not exist or cannot be asked. A directory that is still to be made counts as
// its parent.
std::optional<DiskSpace> disk_space(const std::string& directory);

// Below this nothing is fetched: RocksDB needs room for the next table before it can remove old ones, and
// often ends the process when it finds none.
struct SpaceLimits {
  std::uint64_t free_bytes_min = 0;
  std::uint64_t free_percent_min = 0;  // 0 to 100
};
// The larger of the two limits, in bytes.
std::uint64_t least_free_bytes(const DiskSpace& space, const SpaceLimits& limits);
// Once low it stays low until a tenth more than the limit is free, so that fetching does not flap.
bool is_low(const DiskSpace& space, const SpaceLimits& limits, bool was_low);

// "17 MiB free, 1024 MiB needed"
std::string describe_space(std::uint64_t free_bytes, std::uint64_t needed_bytes);

}  // namespace syncd::daemon
