#include "daemon/cli/output_file.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "daemon/exit_codes.hpp"

namespace syncd::cli {

namespace {

constexpr std::size_t held_back_max = 64 * 1024;
constexpr mode_t owner_only = 0600;
constexpr const char* descriptors_folder = "/proc/self/fd";
constexpr int names_tried_max = 100;

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

CliError OutputFile::failed(std::string_view what) const {
  const std::string where = path_.empty() ? "standard output" : path_;
  const std::string_view left = path_.empty() ? "" : "; no file was written";
  return {daemon::exit_io,
          fmt::format("cannot {} {}: {}{}", what, where, std::generic_category().message(errno), left)};
}

CliResult<OutputFile> OutputFile::open(std::string path) {
  OutputFile file;
  file.path_ = std::move(path);
  if (file.path_.empty()) {
    file.descriptor_ = STDOUT_FILENO;
    return file;
  }
  file.folder_ = folder_of(file.path_);
  struct stat there{};
  const bool exists = lstat(file.path_.c_str(), &there) == 0;
  // It would be replaced by a file: a device, a pipe or somebody's link is not to be lost.
  if (exists && !S_ISREG(there.st_mode)) {
    return std::unexpected(CliError{
        daemon::exit_usage, fmt::format("{} is not a regular file: name another one, or leave --output out "
                                        "and redirect standard output",
                                        file.path_)});
  }
  // Without /proc such a file could not be given a name later.
  const bool can_be_named = access(descriptors_folder, X_OK) == 0;
  if (can_be_named)
    file.descriptor_ = ::open(file.folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, owner_only);
  if (file.descriptor_ >= 0) return file;
  std::string name = file.folder_ + "/.moneykitctl-XXXXXX";
  file.descriptor_ = mkostemp(name.data(), O_CLOEXEC);
  if (file.descriptor_ < 0) return std::unexpected(file.failed("write"));
  file.temporary_ = std::move(name);
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      folder_(std::move(other.folder_)),
      temporary_(std::exchange(other.temporary_, {})),
      buffer_(std::move(other.buffer_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0 && descriptor_ != STDOUT_FILENO) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

CliResult<void> OutputFile::write(std::string_view text) {
  buffer_ += text;
  return buffer_.size() < held_back_max ? CliResult<void>{} : flush();
}

CliResult<void> OutputFile::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(failed("write"));
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  buffer_.clear();
  return {};
}

// A file without a name gets one that is free: only a rename can take the place of another file.
CliResult<void> OutputFile::make_named() {
  const std::string self = fmt::format("{}/{}", descriptors_folder, descriptor_);
  for (int number = 0; number < names_tried_max; ++number) {
    std::string name = fmt::format("{}/.moneykitctl-{}-{}", folder_, getpid(), number);
    if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = std::move(name);
      return {};
    }
    if (errno != EEXIST) break;
  }
  return std::unexpected(failed("write"));
}

CliResult<void> OutputFile::commit() {
  if (auto flushed = flush(); !flushed) return flushed;
  if (is_standard_output()) return {};
  if (fsync(descriptor_) != 0) return std::unexpected(failed("write"));
  if (temporary_.empty()) {
    if (auto named = make_named(); !named) return named;
  }
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return std::unexpected(failed("write"));
  temporary_.clear();
  const int folder = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && fsync(folder) == 0;
  if (folder >= 0) close(folder);
  if (!synced) return std::unexpected(failed("make durable"));
  return {};
}

}  // namespace syncd::cli
