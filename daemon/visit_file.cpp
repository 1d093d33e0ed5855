#include "daemon/visit_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "daemon/visit_line.hpp"

namespace syncd::daemon {

namespace {

core::Error failure(const std::string& path, int error_number) {
  return {.code = core::Errc::storage,
          .message = fmt::format("{}: {}", path, std::generic_category().message(error_number))};
}

class OpenFile {
 public:
  // O_NONBLOCK: what is no file must not hold the thread up.
  explicit OpenFile(const std::string& path)
      : file_(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)) {}
  ~OpenFile() {
    if (file_ >= 0) close(file_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // Sets errno when there is none.
  std::optional<std::uint64_t> bytes() const {
    struct stat about{};
    if (file_ < 0 || fstat(file_, &about) != 0) return std::nullopt;
    if (!S_ISREG(about.st_mode)) {
      errno = EINVAL;
      return std::nullopt;
    }
    return static_cast<std::uint64_t>(about.st_size);
  }
  std::string read_at(std::uint64_t begin, std::size_t bytes) const {
    std::string text(bytes, '\0');
    const ssize_t got = pread(file_, text.data(), bytes, static_cast<off_t>(begin));
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }
  // All of it or nothing: what was written of it is taken back. False: errno says why.
  bool append(std::string_view text, std::uint64_t bytes_before) const {
    errno = ENOSPC;  // of a write that came to its end too soon
    if (write(file_, text.data(), text.size()) == static_cast<ssize_t>(text.size())) return true;
    const int error_number = errno;
    if (ftruncate(file_, static_cast<off_t>(bytes_before)) != 0) return false;  // the next line ends it
    errno = error_number;
    return false;
  }

 private:
  int file_;
};

// As many whole lines as fit.
std::string_view lines_within(std::string_view lines, std::uint64_t bytes) {
  if (lines.size() <= bytes) return lines;
  const std::size_t newline = bytes > 0 ? lines.rfind('\n', bytes - 1) : std::string_view::npos;
  return newline == std::string_view::npos ? std::string_view{} : lines.substr(0, newline + 1);
}

// What must stand in front of the next line; empty: the file is of another form.
std::optional<std::string_view> before_next_line(const OpenFile& file, std::uint64_t bytes) {
  if (bytes == 0) return visit_trace_head;
  if (file.read_at(0, visit_trace_head.size()) != visit_trace_head) return std::nullopt;
  return file.read_at(bytes - 1, 1) == "\n" ? std::string_view{} : std::string_view{"\n"};
}

}  // namespace

AppendedVisits append_visits(const std::string& directory, std::string_view lines,
                             std::uint64_t file_bytes_max) {
  const std::string path = fmt::format("{}/{}", directory, visit_file_name);
  const std::string before_path = fmt::format("{}/{}", directory, visit_file_before_name);
  AppendedVisits appended;
  bool fresh = false;  // there was no room in the file before this one
  while (!lines.empty()) {
    const OpenFile file(path);
    const auto bytes = file.bytes();
    if (!bytes) {
      appended.error = failure(path, errno);
      return appended;
    }
    const auto head = before_next_line(file, *bytes);
    const std::uint64_t used = *bytes + (head ? head->size() : 0);
    const std::string_view fitting =
        head && used < file_bytes_max ? lines_within(lines, file_bytes_max - used) : std::string_view{};
    if (fitting.empty()) {
      if (std::exchange(fresh, true)) {
        appended.error = failure(path, EFBIG);
        return appended;
      }
      if (std::rename(path.c_str(), before_path.c_str()) == 0) continue;
      appended.error = failure(before_path, errno);
      return appended;
    }
    if (!file.append(std::string(*head) + std::string(fitting), *bytes)) {
      appended.error = failure(path, errno);
      return appended;
    }
    fresh = false;
    appended.lines += static_cast<std::uint64_t>(std::ranges::count(fitting, '\n'));
    lines.remove_prefix(fitting.size());
  }
  return appended;
}

}  // namespace syncd::daemon
