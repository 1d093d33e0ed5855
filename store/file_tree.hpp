#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/files.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace rocksdb {
class FSSequentialFile;
}

namespace syncd::store {

// Directories with files in them, as a backup is one. Errors are Errc::storage and name the file.

inline constexpr std::size_t piece_bytes = 1 << 20;  // of a file, read at once

// Sorted; of a directory that does not exist: none.
core::Result<std::vector<std::string>> list_names(const std::string& directory,
                                                  const Disk& disk = host_disk());

struct FoundFile {
  std::string name;  // below the directory: `db/CURRENT`
  std::uint64_t bytes = 0;
};
// All files in the directory and in those below it, sorted by name.
core::Result<std::vector<FoundFile>> list_files(const std::string& directory, const Disk& disk = host_disk());

core::Result<bool> is_directory(const std::string& path, const Disk& disk = host_disk());
// With everything in it; one that is not there is no error. Not durable before the parent is synced.
core::Result<void> remove_tree(const std::string& directory, const Disk& disk = host_disk());
core::Result<void> rename_path(const std::string& from, const std::string& to,
                               const Disk& disk = host_disk());

// Reads a file from its beginning to its end.
class PieceReader {
 public:
  static core::Result<PieceReader> open(std::string path, const Disk& disk = host_disk());
  // Up to piece_bytes, good until the next call; empty: the end.
  core::Result<std::string_view> next();

 private:
  PieceReader(std::string path, std::shared_ptr<rocksdb::FSSequentialFile> file);
  std::string path_;
  std::shared_ptr<rocksdb::FSSequentialFile> file_;
  std::string piece_;
};

struct FileSum {
  std::uint64_t bytes = 0;
  core::Hash sha256{};
};
core::Result<FileSum> sum_of_file(const std::string& path, const Disk& disk = host_disk());
// Writes `to`, new and synced, and answers what it wrote.
core::Result<FileSum> copy_file(const std::string& from, const std::string& to,
                                const Disk& disk = host_disk());

}  // namespace syncd::store
