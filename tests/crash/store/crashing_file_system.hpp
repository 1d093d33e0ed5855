#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <rocksdb/file_system.h>

#include "tests/crash/store/disk_image.hpp"
#include "tests/crash/store/journal.hpp"

namespace syncd::test {

// What is to go wrong. Operations (append, sync, truncate, create, rename, unlink, mkdir, dirsync) and reads
// are counted apart, from 1.
struct Faults {
  std::optional<std::uint64_t> cut_at{};    // this one and everything after it fails: the power is off
  std::optional<std::uint64_t> error_at{};  // this one fails once with EIO; an append is done in part
  std::optional<std::uint64_t> read_error_at{};
  std::optional<std::uint64_t>
      full_from{};                // from this one on there is no space: the first append is done in part
  bool names_need_space = false;  // ... for a new or another name either, as where a directory has to grow
  std::uint64_t free_bytes = std::uint64_t{1} << 40;
  std::string forgotten{};              // files of this name are never synced nor renamed, whatever is asked,
  std::uint64_t forgotten_from = 0;     // from this operation on
  std::function<void()> before_each{};  // may throw
};

// A file system in memory that keeps apart what is there and what would survive (DiskImage), writes down what
// happens (Journal) and goes wrong where it is told to. Thread-safe; throws nothing.
class CrashingFileSystem final : public rocksdb::FileSystem {
 public:
  CrashingFileSystem(DiskImage image, Journal& journal, Faults faults = {});
  const char* Name() const override { return "syncd.CrashingFileSystem"; }

  // ---- for the test ----
  DiskImage image() const;
  std::uint64_t operations() const;
  std::uint64_t reads() const;
  bool fault_happened() const;
  // Writes a mark into the journal.
  void mark(std::uint32_t kind, std::uint64_t value);
  // While held, threads other than the caller's wait before they touch the disk, until something goes wrong
  // or an end is set to it: operations come in the same order in each run. A wait is given up after two
  // seconds, because the caller may itself wait for them.
  void hold_background(bool held);

  // ---- rocksdb::FileSystem ----
  using Io = rocksdb::IOStatus;
  using Context = rocksdb::IODebugContext;
  using IoOptions = rocksdb::IOOptions;
  Io NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                       std::unique_ptr<rocksdb::FSSequentialFile>* file, Context* context) override;
  Io NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions& options,
                         std::unique_ptr<rocksdb::FSRandomAccessFile>* file, Context* context) override;
  Io NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                     std::unique_ptr<rocksdb::FSWritableFile>* file, Context* context) override;
  Io ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                        std::unique_ptr<rocksdb::FSWritableFile>* file, Context* context) override;
  Io NewDirectory(const std::string& path, const IoOptions& options,
                  std::unique_ptr<rocksdb::FSDirectory>* directory, Context* context) override;
  Io FileExists(const std::string& path, const IoOptions& options, Context* context) override;
  Io GetChildren(const std::string& path, const IoOptions& options, std::vector<std::string>* names,
                 Context* context) override;
  Io DeleteFile(const std::string& path, const IoOptions& options, Context* context) override;
  Io Truncate(const std::string& path, std::size_t size, const IoOptions& options, Context* context) override;
  Io CreateDir(const std::string& path, const IoOptions& options, Context* context) override;
  Io CreateDirIfMissing(const std::string& path, const IoOptions& options, Context* context) override;
  Io DeleteDir(const std::string& path, const IoOptions& options, Context* context) override;
  Io GetFileSize(const std::string& path, const IoOptions& options, std::uint64_t* bytes,
                 Context* context) override;
  Io GetFileModificationTime(const std::string& path, const IoOptions& options, std::uint64_t* time,
                             Context* context) override;
  Io LinkFile(const std::string& from, const std::string& to, const IoOptions& options,
              Context* context) override;
  Io RenameFile(const std::string& from, const std::string& to, const IoOptions& options,
                Context* context) override;
  Io LockFile(const std::string& path, const IoOptions& options, rocksdb::FileLock** lock,
              Context* context) override;
  Io UnlockFile(rocksdb::FileLock* lock, const IoOptions& options, Context* context) override;
  Io GetTestDirectory(const IoOptions& options, std::string* path, Context* context) override;
  Io GetAbsolutePath(const std::string& path, const IoOptions& options, std::string* absolute,
                     Context* context) override;
  Io GetFreeSpace(const std::string& path, const IoOptions& options, std::uint64_t* bytes,
                  Context* context) override;
  Io IsDirectory(const std::string& path, const IoOptions& options, bool* is_directory,
                 Context* context) override;

  // ---- for its files ----
  Io append(std::uint32_t file, std::string_view path, std::string_view bytes);
  Io sync(std::uint32_t file, std::string_view path);
  Io truncate(std::uint32_t file, std::string_view path, std::uint64_t size);
  Io sync_directory(const std::string& path);
  // Copies up to `bytes` from `offset` to `out` and answers with a view of them.
  Io read(std::uint32_t file, std::uint64_t offset, std::size_t bytes, rocksdb::Slice& got, char* out);
  std::uint64_t size_of(std::uint32_t file) const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  template <class Work>
  Io guarded(Work work) noexcept;
  void await_turn(Lock& lock);
  // Counts an operation; a bad answer means that it is not to be done.
  Io begin(Lock& lock, std::string_view path);
  Io begin_name(Lock& lock, std::string_view path);  // of what adds a name to a directory
  Io begin_read(Lock& lock, std::string_view path);
  void perform(const Operation& operation);
  bool is_forgotten(std::string_view path) const;
  Io open_for_writing(const std::string& path, bool keep, std::unique_ptr<rocksdb::FSWritableFile>* file);
  Io find_file(const std::string& path, std::uint32_t& file) const;

  mutable std::mutex mutex_;
  std::condition_variable turn_;
  DiskImage image_;
  Journal& journal_;
  Faults faults_;
  std::uint64_t operations_ = 0;
  std::uint64_t reads_ = 0;
  bool fault_happened_ = false;
  bool power_off_ = false;
  std::optional<std::thread::id> foreground_;  // set: the others wait
  std::set<std::string> locked_;
};

}  // namespace syncd::test
