#include "metrics/process.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
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

std::optional<std::uint64_t> count_threads(const std::string& proc) {
  std::ifstream stat(proc + "/self/stat");
  std::string line;
  if (!std::getline(stat, line)) return std::nullopt;
  // The second field is the name of the program, in brackets, and may have anything in it.
  const std::size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(end_of_name + 1));
  constexpr int fields_between = 17;  // from the third to the one before the twentieth
  std::string skipped;
  for (int i = 0; i < fields_between; ++i)
    fields >> skipped;
  std::uint64_t threads = 0;
  if (!(fields >> threads)) return std::nullopt;
  return threads;
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
  usage.threads = count_threads(proc);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    usage.max_fds = limit.rlim_cur;
  return usage;
}

}  // namespace syncd::metrics
