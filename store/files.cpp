#include "store/files.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace syncd::store {
namespace {

std::string cause_of(int error) {
  return std::error_code(error, std::system_category()).message();
}

std::unexpected<core::Error> failed(std::string_view doing, const std::string& path, int error) {
  return core::fail(core::Errc::storage, fmt::format("cannot {} {}: {}", doing, path, cause_of(error)));
}

template <class Call>
auto retry_interrupted(Call call) {
  auto answer = call();
  while (answer < 0 && errno == EINTR)
    answer = call();
  return answer;
}

core::Result<void> write_all(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const auto written = retry_interrupted([&] { return ::write(fd, content.data(), content.size()); });
    if (written < 0) return failed("write", path, errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

core::Result<void> sync_directory(const std::string& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return failed("open", directory, errno);
  if (::fsync(fd.get()) != 0) return failed("sync", directory, errno);
  return {};
}

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

core::Result<std::optional<std::string>> read_small_file(const std::string& path, std::size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    if (errno == ENOENT) return std::nullopt;
    return failed("open", path, errno);
  }
  std::string content(bytes_max + 1, '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const auto got =
        retry_interrupted([&] { return ::read(fd.get(), content.data() + filled, content.size() - filled); });
    if (got < 0) return failed("read", path, errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  content.resize(filled);
  return content;
}

core::Result<void> write_durably(const std::string& directory, const std::string& name,
                                 std::string_view content) {
  const auto path = directory + "/" + name;
  const auto temporary = path + ".tmp";
  {
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd.valid()) return failed("create", temporary, errno);
    if (auto written = write_all(fd.get(), temporary, content); !written) return written;
    if (::fdatasync(fd.get()) != 0) return failed("sync", temporary, errno);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed("replace", path, errno);
  return sync_directory(directory);
}

core::Result<void> remove_durably(const std::string& directory, const std::string& name) {
  const auto path = directory + "/" + name;
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return failed("remove", path, errno);
  }
  return sync_directory(directory);
}

core::Result<void> prepare_directory(const std::string& path) {
  if (path.empty()) return core::fail(core::Errc::storage, "[store] path is empty; set it to a directory");
  if (::mkdir(path.c_str(), 0700) == 0) {
    const auto parent =
        (std::filesystem::path(path) / "").parent_path().parent_path();  // of "a/b" and "a/b/": "a"
    return sync_directory(parent.empty() ? "." : parent.string());
  }
  const int error = errno;
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    const auto next =
        error == ENOENT ? "create its parent directory" : "check the permissions of its parent directory";
    return core::fail(core::Errc::storage, fmt::format("store {} cannot be created: {}; {} or choose another "
                                                       "[store] path",
                                                       path, cause_of(error), next));
  }
  if (!S_ISDIR(info.st_mode)) {
    return core::fail(core::Errc::storage,
                      fmt::format("store {} is not a directory; choose another [store] path", path));
  }
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return core::fail(
        core::Errc::storage,
        fmt::format("store {} cannot be written: {}; give the directory to the user of this service, "
                    "or choose another [store] path",
                    path, cause_of(errno)));
  }
  return {};
}

std::optional<std::uint64_t> free_bytes(const std::string& path) {
  struct statvfs info = {};
  if (retry_interrupted([&] { return ::statvfs(path.c_str(), &info); }) != 0) return std::nullopt;
  return std::uint64_t{info.f_bavail} * std::uint64_t{info.f_frsize};
}

core::Result<void> require_free_space(const std::string& path, std::uint64_t bytes_min) {
  const auto free = free_bytes(path);
  if (!free) return failed("ask for the free space of", path, errno);
  if (*free >= bytes_min) return {};
  constexpr std::uint64_t mebibyte = 1 << 20;
  return core::fail(
      core::Errc::storage,
      fmt::format("store {} has {} MiB of free disk space and needs {} MiB to open safely; free some "
                  "space or move the store to a larger disk",
                  path, *free / mebibyte, (bytes_min + mebibyte - 1) / mebibyte));
}

core::Error store_in_use(const std::string& path) {
  return core::Error{
      .code = core::Errc::storage,
      .message = fmt::format("store {} is in use by another process (lock held); stop it or choose "
                             "another [store] path",
                             path)};
}

core::Result<UniqueFd> lock_store(const std::string& path) {
  const auto file = path + "/lock";
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd.valid()) return failed("open", file, errno);
  if (retry_interrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) == 0) return fd;
  if (errno == EWOULDBLOCK) return std::unexpected(store_in_use(path));
  return failed("lock", file, errno);
}

}  // namespace syncd::store
