#include "tests/crash/store/crashing_file_system.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace syncd::test {
namespace {

using Io = rocksdb::IOStatus;
using Context = rocksdb::IODebugContext;
using IoOptions = rocksdb::IOOptions;

constexpr std::chrono::seconds turn_wait_max{2};

Io missing(std::string_view path) {
  return Io::PathNotFound(std::string(path), "No such file or directory");
}

Io input_output_error(std::string_view path) {
  return Io::IOError(std::string(path), "Input/output error");
}

Io no_space(std::string_view path) {
  return Io::NoSpace(std::string(path), "No space left on device");
}

class SequentialFile final : public rocksdb::FSSequentialFile {
 public:
  SequentialFile(CrashingFileSystem& files, std::uint32_t file) : files_(files), file_(file) {}
  Io Read(std::size_t bytes, const IoOptions&, rocksdb::Slice* got, char* out, Context*) override {
    auto done = files_.read(file_, at_, bytes, *got, out);
    at_ += got->size();
    return done;
  }
  Io Skip(std::uint64_t bytes) override {
    at_ = std::min(at_ + bytes, files_.size_of(file_));
    return Io::OK();
  }

 private:
  CrashingFileSystem& files_;
  std::uint32_t file_;
  std::uint64_t at_ = 0;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccessFile(CrashingFileSystem& files, std::uint32_t file) : files_(files), file_(file) {}
  Io Read(std::uint64_t offset, std::size_t bytes, const IoOptions&, rocksdb::Slice* got, char* out,
          Context*) const override {
    return files_.read(file_, offset, bytes, *got, out);
  }

 private:
  CrashingFileSystem& files_;
  std::uint32_t file_;
};

class WritableFile final : public rocksdb::FSWritableFile {
 public:
  WritableFile(CrashingFileSystem& files, std::uint32_t file, std::string path)
      : files_(files), file_(file), path_(std::move(path)) {}
  using FSWritableFile::Append;
  Io Append(const rocksdb::Slice& bytes, const IoOptions&, Context*) override {
    return files_.append(file_, path_, {bytes.data(), bytes.size()});
  }
  Io Truncate(std::uint64_t size, const IoOptions&, Context*) override {
    // RocksDB asks for it when it closes a file, to give back what was allocated ahead.
    if (size == files_.size_of(file_)) return Io::OK();
    return files_.truncate(file_, path_, size);
  }
  Io Close(const IoOptions&, Context*) override { return Io::OK(); }
  Io Flush(const IoOptions&, Context*) override { return Io::OK(); }
  Io Sync(const IoOptions&, Context*) override { return files_.sync(file_, path_); }
  bool IsSyncThreadSafe() const override { return true; }
  std::uint64_t GetFileSize(const IoOptions&, Context*) override { return files_.size_of(file_); }

 private:
  CrashingFileSystem& files_;
  std::uint32_t file_;
  std::string path_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(CrashingFileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  Io Fsync(const IoOptions&, Context*) override { return files_.sync_directory(path_); }

 private:
  CrashingFileSystem& files_;
  std::string path_;
};

class HeldLock final : public rocksdb::FileLock {
 public:
  explicit HeldLock(std::string held) : path(std::move(held)) {}
  std::string path;
};

}  // namespace

CrashingFileSystem::CrashingFileSystem(DiskImage image, Journal& journal, Faults faults)
    : image_(std::move(image)), journal_(journal), faults_(std::move(faults)) {
}

template <class Work>
Io CrashingFileSystem::guarded(Work work) noexcept {
  try {
    Lock lock(mutex_);
    return work(lock);
  } catch (const std::exception&) {
    return Io::IOError("the file system of the test failed");
  } catch (...) {
    return Io::IOError("the file system of the test failed in an unknown way");
  }
}

DiskImage CrashingFileSystem::image() const {
  const Lock lock(mutex_);
  return image_;
}

std::uint64_t CrashingFileSystem::operations() const {
  const Lock lock(mutex_);
  return operations_;
}

std::uint64_t CrashingFileSystem::reads() const {
  const Lock lock(mutex_);
  return reads_;
}

bool CrashingFileSystem::fault_happened() const {
  const Lock lock(mutex_);
  return fault_happened_;
}

void CrashingFileSystem::mark(std::uint32_t kind, std::uint64_t value) {
  const Lock lock(mutex_);
  journal_.add({.op = Op::mark, .file = kind, .value = value, .path = {}, .data = {}});
}

void CrashingFileSystem::hold_background(bool held) {
  {
    const Lock lock(mutex_);
    foreground_.reset();
    if (held) foreground_ = std::this_thread::get_id();
  }
  turn_.notify_all();
}

void CrashingFileSystem::await_turn(Lock& lock) {
  const auto may_go = [this] {
    return fault_happened_ || !foreground_ || *foreground_ == std::this_thread::get_id();
  };
  turn_.wait_for(lock, turn_wait_max, may_go);
}

Io CrashingFileSystem::begin(Lock& lock, std::string_view path) {
  await_turn(lock);
  if (faults_.before_each) faults_.before_each();
  const auto number = ++operations_;
  if (faults_.cut_at && number >= *faults_.cut_at) power_off_ = true;
  const bool once = faults_.error_at && number == *faults_.error_at;
  if (!power_off_ && !once) return Io::OK();
  fault_happened_ = true;
  turn_.notify_all();
  return input_output_error(path);
}

Io CrashingFileSystem::begin_read(Lock& lock, std::string_view path) {
  await_turn(lock);
  if (faults_.before_each) faults_.before_each();
  const auto number = ++reads_;
  const bool once = faults_.read_error_at && number == *faults_.read_error_at;
  if (!power_off_ && !once) return Io::OK();
  fault_happened_ = true;
  turn_.notify_all();
  return input_output_error(path);
}

Io CrashingFileSystem::begin_name(Lock& lock, std::string_view path) {
  auto may = begin(lock, path);
  const bool full = faults_.names_need_space && faults_.full_from && operations_ >= *faults_.full_from;
  if (!may.ok() || !full) return may;
  fault_happened_ = true;
  turn_.notify_all();
  return no_space(path);
}

void CrashingFileSystem::perform(const Operation& operation) {
  journal_.add(operation);
  image_.apply(operation);
}

bool CrashingFileSystem::is_forgotten(std::string_view path) const {
  return !faults_.forgotten.empty() && operations_ >= faults_.forgotten_from &&
         path.find(faults_.forgotten) != std::string_view::npos;
}

Io CrashingFileSystem::find_file(const std::string& path, std::uint32_t& file) const {
  const auto found = image_.find(path);
  if (!found) return missing(path);
  if (*found == DiskImage::directory) return Io::IOError(path, "Is a directory");
  file = *found;
  return Io::OK();
}

// ---- content ----

Io CrashingFileSystem::append(std::uint32_t file, std::string_view path, std::string_view bytes) {
  return guarded([&](Lock& lock) {
    auto may = begin(lock, path);
    const bool full = faults_.full_from && operations_ >= *faults_.full_from;
    if (may.ok() && !full) {
      perform({.op = Op::append, .file = file, .path = {}, .data = bytes});
      return may;
    }
    if (power_off_) return may;
    // Half of it is there, as after a short write; a disk that is full stays so.
    if (!may.ok() || !fault_happened_) {
      perform({.op = Op::append, .file = file, .path = {}, .data = bytes.substr(0, bytes.size() / 2)});
    }
    if (!may.ok()) return may;
    fault_happened_ = true;
    turn_.notify_all();
    return no_space(path);
  });
}

Io CrashingFileSystem::sync(std::uint32_t file, std::string_view path) {
  return guarded([&](Lock& lock) {
    auto may = begin(lock, path);
    if (power_off_ || is_forgotten(path)) return may;
    perform({.op = Op::sync, .file = file, .value = may.ok() ? 1u : 0u, .path = {}, .data = {}});
    return may;
  });
}

Io CrashingFileSystem::truncate(std::uint32_t file, std::string_view path, std::uint64_t size) {
  return guarded([&](Lock& lock) {
    auto may = begin(lock, path);
    if (may.ok()) perform({.op = Op::truncate, .file = file, .value = size, .path = {}, .data = {}});
    return may;
  });
}

Io CrashingFileSystem::read(std::uint32_t file, std::uint64_t offset, std::size_t bytes, rocksdb::Slice& got,
                            char* out) {
  got = {out, 0};
  return guarded([&](Lock& lock) {
    if (auto may = begin_read(lock, "read"); !may.ok()) return may;
    const auto& content = image_.content(file);
    if (offset < content.size()) got = {out, content.copy(out, bytes, offset)};
    return Io::OK();
  });
}

std::uint64_t CrashingFileSystem::size_of(std::uint32_t file) const {
  const Lock lock(mutex_);
  return image_.content(file).size();
}

Io CrashingFileSystem::Truncate(const std::string& path, std::size_t size, const IoOptions&, Context*) {
  std::uint32_t file = 0;
  auto found = guarded([&](Lock&) { return find_file(path, file); });
  return found.ok() ? truncate(file, path, size) : found;
}

// ---- files ----

Io CrashingFileSystem::NewSequentialFile(const std::string& path, const rocksdb::FileOptions&,
                                         std::unique_ptr<rocksdb::FSSequentialFile>* file, Context*) {
  return guarded([&](Lock& lock) {
    std::uint32_t number = 0;
    if (auto may = begin_read(lock, path); !may.ok()) return may;
    if (auto found = find_file(path, number); !found.ok()) return found;
    *file = std::make_unique<SequentialFile>(*this, number);
    return Io::OK();
  });
}

Io CrashingFileSystem::NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions&,
                                           std::unique_ptr<rocksdb::FSRandomAccessFile>* file, Context*) {
  return guarded([&](Lock& lock) {
    std::uint32_t number = 0;
    if (auto may = begin_read(lock, path); !may.ok()) return may;
    if (auto found = find_file(path, number); !found.ok()) return found;
    *file = std::make_unique<RandomAccessFile>(*this, number);
    return Io::OK();
  });
}

Io CrashingFileSystem::open_for_writing(const std::string& path, bool keep,
                                        std::unique_ptr<rocksdb::FSWritableFile>* file) {
  return guarded([&](Lock& lock) {
    auto number = image_.find(path);
    if (auto may = number ? begin(lock, path) : begin_name(lock, path); !may.ok()) return may;
    if (!number) {
      if (!image_.find(parent_path(plain_path(path)))) return missing(path);
      number = image_.next_file();
      perform({.op = Op::create, .file = *number, .path = path, .data = {}});
    } else if (!keep) {
      perform({.op = Op::truncate, .file = *number, .value = 0, .path = {}, .data = {}});
    }
    *file = std::make_unique<WritableFile>(*this, *number, path);
    return Io::OK();
  });
}

Io CrashingFileSystem::NewWritableFile(const std::string& path, const rocksdb::FileOptions&,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file, Context*) {
  return open_for_writing(path, false, file);
}

Io CrashingFileSystem::ReopenWritableFile(const std::string& path, const rocksdb::FileOptions&,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file, Context*) {
  return open_for_writing(path, true, file);
}

// ---- names ----

Io CrashingFileSystem::NewDirectory(const std::string& path, const IoOptions&,
                                    std::unique_ptr<rocksdb::FSDirectory>* directory, Context*) {
  return guarded([&](Lock&) {
    if (power_off_) return input_output_error(path);
    if (image_.find(path) != DiskImage::directory) return missing(path);
    *directory = std::make_unique<Directory>(*this, path);
    return Io::OK();
  });
}

Io CrashingFileSystem::sync_directory(const std::string& path) {
  return guarded([&](Lock& lock) {
    auto may = begin(lock, path);
    if (may.ok()) perform({.op = Op::sync_directory, .path = path, .data = {}});
    return may;
  });
}

Io CrashingFileSystem::FileExists(const std::string& path, const IoOptions&, Context*) {
  return guarded([&](Lock& lock) {
    if (auto may = begin_read(lock, path); !may.ok()) return may;
    return image_.find(path) ? Io::OK() : Io::NotFound(path);
  });
}

Io CrashingFileSystem::GetChildren(const std::string& path, const IoOptions&, std::vector<std::string>* names,
                                   Context*) {
  return guarded([&](Lock& lock) {
    if (auto may = begin_read(lock, path); !may.ok()) return may;
    if (image_.find(path) != DiskImage::directory) return missing(path);
    *names = image_.children(path);
    return Io::OK();
  });
}

Io CrashingFileSystem::DeleteFile(const std::string& path, const IoOptions&, Context*) {
  return guarded([&](Lock& lock) {
    std::uint32_t file = 0;
    if (auto found = find_file(path, file); !found.ok() && !power_off_) return found;
    auto may = begin(lock, path);
    if (may.ok()) perform({.op = Op::unlink, .path = path, .data = {}});
    return may;
  });
}

Io CrashingFileSystem::CreateDir(const std::string& path, const IoOptions&, Context*) {
  return guarded([&](Lock& lock) {
    if (image_.find(path)) return Io::IOError(path, "File exists");
    if (!image_.find(parent_path(plain_path(path)))) return missing(path);
    auto may = begin_name(lock, path);
    if (may.ok()) perform({.op = Op::make_directory, .path = path, .data = {}});
    return may;
  });
}

Io CrashingFileSystem::CreateDirIfMissing(const std::string& path, const IoOptions& options,
                                          Context* context) {
  bool exists = false;
  auto asked = guarded([&](Lock&) {
    exists = image_.find(path) == DiskImage::directory;
    return Io::OK();
  });
  return exists ? asked : CreateDir(path, options, context);
}

Io CrashingFileSystem::DeleteDir(const std::string& path, const IoOptions&, Context*) {
  return guarded([&](Lock& lock) {
    if (image_.find(path) != DiskImage::directory) return missing(path);
    if (!image_.children(path).empty()) return Io::IOError(path, "Directory not empty");
    auto may = begin(lock, path);
    if (may.ok()) perform({.op = Op::unlink, .path = path, .data = {}});
    return may;
  });
}

// A second name of the same content.
Io CrashingFileSystem::LinkFile(const std::string& from, const std::string& to, const IoOptions&, Context*) {
  return guarded([&](Lock& lock) {
    std::uint32_t file = 0;
    if (auto found = find_file(from, file); !found.ok()) return found;
    if (image_.find(to)) return Io::IOError(to, "File exists");
    if (!image_.find(parent_path(plain_path(to)))) return missing(to);
    auto may = begin_name(lock, to);
    if (may.ok()) perform({.op = Op::create, .file = file, .path = to, .data = {}});
    return may;
  });
}

Io CrashingFileSystem::RenameFile(const std::string& from, const std::string& to, const IoOptions&,
                                  Context*) {
  return guarded([&](Lock& lock) {
    auto may = begin_name(lock, from);
    if (!may.ok()) return may;
    if (!image_.find(from)) return missing(from);
    if (!is_forgotten(from)) perform({.op = Op::rename, .path = from, .data = to});
    return may;
  });
}

// ---- questions ----

Io CrashingFileSystem::GetFileSize(const std::string& path, const IoOptions&, std::uint64_t* bytes,
                                   Context*) {
  return guarded([&](Lock& lock) {
    std::uint32_t file = 0;
    if (auto may = begin_read(lock, path); !may.ok()) return may;
    if (auto found = find_file(path, file); !found.ok()) return found;
    *bytes = image_.content(file).size();
    return Io::OK();
  });
}

Io CrashingFileSystem::GetFileModificationTime(const std::string&, const IoOptions&, std::uint64_t* time,
                                               Context*) {
  *time = 0;
  return Io::OK();
}

Io CrashingFileSystem::GetTestDirectory(const IoOptions&, std::string*, Context*) {
  return Io::NotSupported("no test directory");
}

Io CrashingFileSystem::GetAbsolutePath(const std::string& path, const IoOptions&, std::string* absolute,
                                       Context*) {
  *absolute = path;
  return Io::OK();
}

Io CrashingFileSystem::GetFreeSpace(const std::string& path, const IoOptions&, std::uint64_t* bytes,
                                    Context*) {
  return guarded([&](Lock&) {
    if (power_off_) return input_output_error(path);
    const bool full = faults_.full_from && operations_ >= *faults_.full_from;
    *bytes = full ? 0 : faults_.free_bytes;
    return Io::OK();
  });
}

Io CrashingFileSystem::IsDirectory(const std::string& path, const IoOptions&, bool* is_directory, Context*) {
  return guarded([&](Lock&) {
    if (power_off_) return input_output_error(path);
    const auto found = image_.find(path);
    if (!found) return missing(path);
    *is_directory = *found == DiskImage::directory;
    return Io::OK();
  });
}

// ---- locks: they end with the process, so they are no part of the image ----

Io CrashingFileSystem::LockFile(const std::string& path, const IoOptions&, rocksdb::FileLock** lock,
                                Context*) {
  return guarded([&](Lock& held) {
    if (!image_.find(path)) {
      if (auto may = begin_name(held, path); !may.ok()) return may;
      perform({.op = Op::create, .file = image_.next_file(), .path = path, .data = {}});
    }
    if (power_off_) return input_output_error(path);
    if (!locked_.insert(path).second) return Io::Busy(path, "lock hold by current process");
    *lock = new HeldLock(path);
    return Io::OK();
  });
}

Io CrashingFileSystem::UnlockFile(rocksdb::FileLock* lock, const IoOptions&, Context*) {
  return guarded([&](Lock&) {
    locked_.erase(static_cast<HeldLock*>(lock)->path);
    delete lock;
    return Io::OK();
  });
}

}  // namespace syncd::test
