#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace syncd::metrics {

// What this process uses. A value that the system does not show (a hardened unit may hide parts of /proc) is
// empty.
struct ProcessUsage {
  std::optional<std::chrono::nanoseconds> cpu;  // user and system time of all threads
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> virtual_bytes;
  std::optional<std::uint64_t> open_fds;
  std::optional<std::uint64_t> max_fds;  // soft limit
  std::optional<std::uint64_t> threads;
};

// Reads `<proc>/self/statm`, `<proc>/self/stat` and `<proc>/self/fd` and asks the kernel for the rest; never
// fails as a whole. The fd directory is listed: microseconds for hundreds of descriptors.
ProcessUsage read_process_usage(const std::string& proc = "/proc");

}  // namespace syncd::metrics
