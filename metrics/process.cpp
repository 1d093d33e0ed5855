#include "metrics/process.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

namespace syncd::metrics {
namespace {

void read_memory(const std::string& proc, ProcessUsage& usage) {
  std::ifstream statm(proc + "/self/statm");
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> virtual_pages >> resident_pages)) return;
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  if (page_bytes <= 0) return;
  usage.virtual_bytes = virtual_pages * static_cast<std::uint64_t>(page_bytes);
  usage.resident_bytes = resident_pages * static_cast<std::uint64_t>(page_bytes);
}

std::optional<std::uint64_t> count_open_fds(const std::string& proc) {
  std::error_code failed;
  std::filesystem::directory_iterator entry(proc + "/self/fd", failed);
  std::uint64_t count = 0;
  while (!failed && entry != std::filesystem::directory_iterator()) {
    ++count;
    entry.increment(failed);
  }
  if (failed || count == 0) return std::nullopt;
  return count - 1;  // the listing itself holds one open
}

}  // namespace

ProcessUsage read_process_usage(const std::string& proc) {
  ProcessUsage usage;
  std::timespec cpu{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0) {
    usage.cpu = std::chrono::seconds(cpu.tv_sec) + std::chrono::nanoseconds(cpu.tv_nsec);
  }
  read_memory(proc, usage);
  usage.open_fds = count_open_fds(proc);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    usage.max_fds = limit.rlim_cur;
  return usage;
}

}  // namespace syncd::metrics
