#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/result.hpp"

namespace rocksdb {
class FileLock;
class FileSystem;
class IOStatus;
}  // namespace rocksdb

namespace syncd::store {

// The file system that a store lives on. Everything the store does on disk goes through it, so that a test
// can put one in its place that loses power, fails or fills up.
class Disk {
 public:
  // null: the host's.
  explicit Disk(std::shared_ptr<rocksdb::FileSystem> replacement = nullptr);
  rocksdb::FileSystem& files() const { return *files_; }
  const std::shared_ptr<rocksdb::FileSystem>& shared() const { return files_; }
  // Users and permissions exist only there.
  bool is_host() const { return is_host_; }

 private:
  std::shared_ptr<rocksdb::FileSystem> files_;
  bool is_host_;
};
const Disk& host_disk();

// Small files beside the database. Errors are Errc::storage and name the file and the cause.

// nullopt: no such file. Files larger than `bytes_max` are cut to bytes_max + 1 bytes.
core::Result<std::optional<std::string>> read_small_file(const std::string& path, std::size_t bytes_max,
                                                         const Disk& disk = host_disk());
// Replaces directory/name: after an answer without error the new content survives a power cut, and at no
// moment is anything but the old or the new content there.
core::Result<void> write_durably(const std::string& directory, const std::string& name,
                                 std::string_view content, const Disk& disk = host_disk());
// After an answer without error there is no such file, also after a power cut; whether there was one before
// makes no difference.
core::Result<void> remove_durably(const std::string& directory, const std::string& name,
                                  const Disk& disk = host_disk());

// Makes names that were added, changed or removed in the directory survive a power cut.
core::Result<void> sync_directory(const Disk& disk, const std::string& directory);
// "cannot DOING PATH: CAUSE", Errc::storage.
std::unexpected<core::Error> disk_failed(std::string_view doing, const std::string& path,
                                         const rocksdb::IOStatus& status);

// Makes `path` a directory that this process can use, mode 0700 when it had to be created. Refuses with what
// to do.
core::Result<void> prepare_directory(const std::string& path, const Disk& disk = host_disk());
// Refuses below `bytes_min` free bytes for unprivileged users on the file system of `path`.
core::Result<void> require_free_space(const std::string& path, std::uint64_t bytes_min,
                                      const Disk& disk = host_disk());
std::optional<std::uint64_t> free_bytes(const std::string& path, const Disk& disk = host_disk());

// The exclusive lock on a store, held until it goes, also by a crash.
class StoreLock {
 public:
  StoreLock() = default;
  StoreLock(std::shared_ptr<rocksdb::FileSystem> files, rocksdb::FileLock* lock);
  StoreLock(StoreLock&& other) noexcept;
  StoreLock& operator=(StoreLock&& other) noexcept;
  ~StoreLock();

 private:
  std::shared_ptr<rocksdb::FileSystem> files_;
  rocksdb::FileLock* lock_ = nullptr;
};
core::Result<StoreLock> lock_store(const std::string& path, const Disk& disk = host_disk());
core::Error store_in_use(const std::string& path);

}  // namespace syncd::store
