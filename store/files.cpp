#include "store/files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <rocksdb/file_system.h>

#include "store/host_file_system_impl.hpp"

namespace syncd::store {
namespace {

// The operating system's words, which RocksDB puts last: "IO error: While ...: /path: No space left on
// device".
std::string cause_of(const rocksdb::IOStatus& status) {
  const auto text = status.ToString();
  const auto colon = text.rfind(": ");
  return colon == std::string::npos ? text : text.substr(colon + 2);
}

core::Result<void> write_and_sync(const Disk& disk, const std::string& path, std::string_view content) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  const rocksdb::IOOptions options;
  if (const auto made = disk.files().NewWritableFile(path, {}, &file, nullptr); !made.ok())
    return disk_failed("create", path, made);
  if (!content.empty()) {
    const auto written = file->Append({content.data(), content.size()}, options, nullptr);
    if (!written.ok()) return disk_failed("write", path, written);
  }
  if (const auto synced = file->Sync(options, nullptr); !synced.ok())
    return disk_failed("sync", path, synced);
  if (const auto closed = file->Close(options, nullptr); !closed.ok())
    return disk_failed("close", path, closed);
  return {};
}

// Of "a/b" and "a/b/": "a".
std::string parent_of(const std::string& path) {
  const auto parent = (std::filesystem::path(path) / "").parent_path().parent_path();
  return parent.empty() ? "." : parent.string();
}

}  // namespace

std::unexpected<core::Error> disk_failed(std::string_view doing, const std::string& path,
                                         const rocksdb::IOStatus& status) {
  return core::fail(core::Errc::storage, fmt::format("cannot {} {}: {}", doing, path, cause_of(status)));
}

core::Result<void> sync_directory(const Disk& disk, const std::string& directory) {
  std::unique_ptr<rocksdb::FSDirectory> opened;
  const rocksdb::IOOptions options;
  if (const auto done = disk.files().NewDirectory(directory, options, &opened, nullptr); !done.ok())
    return disk_failed("open", directory, done);
  if (const auto done = opened->Fsync(options, nullptr); !done.ok())
    return disk_failed("sync", directory, done);
  return {};
}

Disk::Disk(std::shared_ptr<rocksdb::FileSystem> replacement)
    : files_(std::move(replacement)), is_host_(files_ == nullptr) {
  if (is_host_) files_ = host_file_system();
}

const Disk& host_disk() {
  static const Disk disk;
  return disk;
}

core::Result<std::optional<std::string>> read_small_file(const std::string& path, std::size_t bytes_max,
                                                         const Disk& disk) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  if (const auto opened = disk.files().NewSequentialFile(path, {}, &file, nullptr); !opened.ok()) {
    if (opened.IsPathNotFound()) return std::nullopt;
    return disk_failed("open", path, opened);
  }
  std::uint64_t bytes = 0;
  if (const auto measured = disk.files().GetFileSize(path, {}, &bytes, nullptr); !measured.ok())
    return disk_failed("measure", path, measured);
  std::string content(std::min<std::uint64_t>(bytes, bytes_max) + 1, '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    rocksdb::Slice got;
    char* const room = content.data() + filled;
    const auto read = file->Read(content.size() - filled, {}, &got, room, nullptr);
    if (!read.ok()) return disk_failed("read", path, read);
    if (got.empty()) break;
    if (got.data() != room) std::copy_n(got.data(), got.size(), room);
    filled += got.size();
  }
  content.resize(filled);
  return content;
}

core::Result<void> write_durably(const std::string& directory, const std::string& name,
                                 std::string_view content, const Disk& disk) {
  const auto path = directory + "/" + name;
  const auto temporary = path + ".tmp";
  if (auto written = write_and_sync(disk, temporary, content); !written) return written;
  if (const auto renamed = disk.files().RenameFile(temporary, path, {}, nullptr); !renamed.ok())
    return disk_failed("replace", path, renamed);
  return sync_directory(disk, directory);
}

core::Result<void> remove_durably(const std::string& directory, const std::string& name, const Disk& disk) {
  const auto path = directory + "/" + name;
  if (const auto removed = disk.files().DeleteFile(path, {}, nullptr);
      !removed.ok() && !removed.IsPathNotFound()) {
    return disk_failed("remove", path, removed);
  }
  // Also when it was not there: who removed it may have been killed before this.
  return sync_directory(disk, directory);
}

core::Result<void> prepare_directory(const std::string& path, const Disk& disk) {
  if (path.empty()) return core::fail(core::Errc::storage, "[store] path is empty; set it to a directory");
  const rocksdb::IOOptions options;
  const auto created = disk.files().CreateDir(path, options, nullptr);
  if (created.ok()) return sync_directory(disk, parent_of(path));
  bool is_directory = false;
  if (!disk.files().IsDirectory(path, options, &is_directory, nullptr).ok()) {
    const auto next = created.IsPathNotFound() ? "create its parent directory"
                                               : "check the permissions of its parent directory";
    return core::fail(core::Errc::storage, fmt::format("store {} cannot be created: {}; {} or choose another "
                                                       "[store] path",
                                                       path, cause_of(created), next));
  }
  if (!is_directory) {
    return core::fail(core::Errc::storage,
                      fmt::format("store {} is not a directory; choose another [store] path", path));
  }
  if (disk.is_host() && ::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    return core::fail(
        core::Errc::storage,
        fmt::format("store {} cannot be written: {}; give the directory to the user of this service, "
                    "or choose another [store] path",
                    path, std::error_code(errno, std::system_category()).message()));
  }
  // A start that was killed may have left a directory that a power cut would take away again. Where the
  // parent may not be read, somebody else made it.
  [[maybe_unused]] const auto synced = sync_directory(disk, parent_of(path));
  return {};
}

std::optional<std::uint64_t> free_bytes(const std::string& path, const Disk& disk) {
  std::uint64_t bytes = 0;
  if (!disk.files().GetFreeSpace(path, {}, &bytes, nullptr).ok()) return std::nullopt;
  return bytes;
}

core::Result<void> require_free_space(const std::string& path, std::uint64_t bytes_min, const Disk& disk) {
  std::uint64_t free = 0;
  if (const auto asked = disk.files().GetFreeSpace(path, {}, &free, nullptr); !asked.ok())
    return disk_failed("ask for the free space of", path, asked);
  if (free >= bytes_min) return {};
  constexpr std::uint64_t mebibyte = 1 << 20;
  return core::fail(
      core::Errc::storage,
      fmt::format("store {} has {} MiB of free disk space and needs {} MiB to open safely; free some "
                  "space or move the store to a larger disk",
                  path, free / mebibyte, (bytes_min + mebibyte - 1) / mebibyte));
}

StoreLock::StoreLock(std::shared_ptr<rocksdb::FileSystem> files, rocksdb::FileLock* lock)
    : files_(std::move(files)), lock_(lock) {
}

StoreLock::StoreLock(StoreLock&& other) noexcept
    : files_(std::move(other.files_)), lock_(std::exchange(other.lock_, nullptr)) {
}

StoreLock& StoreLock::operator=(StoreLock&& other) noexcept {
  std::swap(files_, other.files_);
  std::swap(lock_, other.lock_);
  return *this;
}

StoreLock::~StoreLock() {
  // The answer is of no use: the lock ends with the process at the latest.
  if (lock_ != nullptr) files_->UnlockFile(lock_, {}, nullptr).PermitUncheckedError();
}

core::Error store_in_use(const std::string& path) {
  return core::Error{
      .code = core::Errc::storage,
      .message = fmt::format("store {} is in use by another process (lock held); stop it or choose "
                             "another [store] path",
                             path)};
}

core::Result<StoreLock> lock_store(const std::string& path, const Disk& disk) {
  const auto file = path + "/lock";
  rocksdb::FileLock* lock = nullptr;
  const auto locked = disk.files().LockFile(file, {}, &lock, nullptr);
  if (locked.ok()) return StoreLock(disk.shared(), lock);
  if (locked.IsBusy()) return std::unexpected(store_in_use(path));
  return disk_failed("open", file, locked);
}

}  // namespace syncd::store
