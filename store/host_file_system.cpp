#include <cerrno>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "store/host_file_system_impl.hpp"

namespace syncd::store {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// In the form of RocksDB's own: the cause comes last, behind a colon.
IOStatus failed(std::string_view doing, const std::string& path, int error) {
  const auto context = std::string(doing) + " " + path;
  const auto cause = std::error_code(error, std::system_category()).message();
  switch (error) {
    case ENOENT:
      return IOStatus::PathNotFound(context, cause);
    case ENOSPC:
      return IOStatus::NoSpace(context, cause);
    case EWOULDBLOCK:
      return IOStatus::Busy(context, cause);
    default:
      return IOStatus::IOError(context, cause);
  }
}

template <class Call>
int retry_interrupted(Call call) {
  int answer = call();
  while (answer < 0 && errno == EINTR)
    answer = call();
  return answer;
}

class HostLock final : public rocksdb::FileLock {
 public:
  explicit HostLock(int fd) : fd_(fd) {}
  ~HostLock() override { ::close(fd_); }
  HostLock(const HostLock&) = delete;
  HostLock& operator=(const HostLock&) = delete;

 private:
  int fd_;
};

class HostFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  HostFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "syncd.HostFileSystem"; }

  IOStatus CreateDir(const std::string& path, const IOOptions&, IODebugContext*) override {
    return ::mkdir(path.c_str(), 0700) == 0 ? IOStatus::OK() : failed("mkdir", path, errno);
  }

  IOStatus IsDirectory(const std::string& path, const IOOptions&, bool* is_directory,
                       IODebugContext*) override {
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0) return failed("stat", path, errno);
    if (is_directory != nullptr) *is_directory = S_ISDIR(info.st_mode);
    return IOStatus::OK();
  }

  // RocksDB would create it readable for everybody; a file that exists keeps its mode.
  IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* context) override {
    const int fd = retry_interrupted(
        [&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600); });
    if (fd < 0 && errno != EEXIST) return failed("create", path, errno);
    if (fd >= 0) ::close(fd);
    return FileSystemWrapper::NewWritableFile(path, options, file, context);
  }

  IOStatus GetFreeSpace(const std::string& path, const IOOptions&, std::uint64_t* bytes,
                        IODebugContext*) override {
    struct statvfs info = {};
    if (retry_interrupted([&] { return ::statvfs(path.c_str(), &info); }) != 0)
      return failed("statvfs", path, errno);
    *bytes = std::uint64_t{info.f_bavail} * std::uint64_t{info.f_frsize};
    return IOStatus::OK();
  }

  IOStatus LockFile(const std::string& path, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    const int fd =
        retry_interrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); });
    if (fd < 0) return failed("open", path, errno);
    if (retry_interrupted([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }) != 0) {
      const int error = errno;
      ::close(fd);
      return failed("lock", path, error);
    }
    *lock = new HostLock(fd);
    return IOStatus::OK();
  }

  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    delete lock;
    return IOStatus::OK();
  }
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> host_file_system() {
  static const auto files = std::make_shared<HostFileSystem>();
  return files;
}

}  // namespace syncd::store
