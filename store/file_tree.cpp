#include "store/file_tree.hpp"

#include <algorithm>
#include <utility>

#include <rocksdb/file_system.h>

#include "sync/core/sha256.hpp"

namespace syncd::store {
namespace {

core::Result<void> find_files(const std::string& directory, const std::string& above,
                              std::vector<FoundFile>& found, const Disk& disk) {
  const auto names = list_names(directory, disk);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    const auto path = directory + "/" + name;
    const auto inner = is_directory(path, disk);
    if (!inner) return std::unexpected(inner.error());
    if (*inner) {
      if (auto done = find_files(path, above + name + "/", found, disk); !done) return done;
      continue;
    }
    FoundFile file{.name = above + name};
    if (const auto asked = disk.files().GetFileSize(path, {}, &file.bytes, nullptr); !asked.ok())
      return disk_failed("measure", path, asked);
    found.push_back(std::move(file));
  }
  return {};
}

// Hands every piece of the file to `take`, which may fail.
template <class Take>
core::Result<FileSum> read_pieces(const std::string& path, const Disk& disk, Take take) {
  auto reader = PieceReader::open(path, disk);
  if (!reader) return std::unexpected(reader.error());
  FileSum sum;
  core::Sha256 hash;
  while (true) {
    const auto piece = reader->next();
    if (!piece) return std::unexpected(piece.error());
    if (piece->empty()) break;
    if (auto taken = take(*piece); !taken) return std::unexpected(taken.error());
    hash.add(*piece);
    sum.bytes += piece->size();
  }
  sum.sha256 = hash.finish();
  return sum;
}

}  // namespace

core::Result<std::vector<std::string>> list_names(const std::string& directory, const Disk& disk) {
  std::vector<std::string> names;
  const auto listed = disk.files().GetChildren(directory, {}, &names, nullptr);
  if (listed.IsPathNotFound() || listed.IsNotFound()) return std::vector<std::string>{};
  if (!listed.ok()) return disk_failed("list", directory, listed);
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  std::ranges::sort(names);
  return names;
}

core::Result<std::vector<FoundFile>> list_files(const std::string& directory, const Disk& disk) {
  std::vector<FoundFile> found;
  if (auto done = find_files(directory, {}, found, disk); !done) return std::unexpected(done.error());
  std::ranges::sort(found, {}, &FoundFile::name);
  return found;
}

core::Result<bool> is_directory(const std::string& path, const Disk& disk) {
  bool answer = false;
  const auto asked = disk.files().IsDirectory(path, {}, &answer, nullptr);
  if (asked.IsPathNotFound() || asked.IsNotFound()) return false;
  if (!asked.ok()) return disk_failed("look at", path, asked);
  return answer;
}

core::Result<void> remove_tree(const std::string& directory, const Disk& disk) {
  const auto there = is_directory(directory, disk);
  if (!there) return std::unexpected(there.error());
  if (!*there) return {};
  const auto names = list_names(directory, disk);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    const auto path = directory + "/" + name;
    const auto inner = is_directory(path, disk);
    if (!inner) return std::unexpected(inner.error());
    if (*inner) {
      if (auto removed = remove_tree(path, disk); !removed) return removed;
    } else if (const auto removed = disk.files().DeleteFile(path, {}, nullptr); !removed.ok()) {
      return disk_failed("remove", path, removed);
    }
  }
  if (const auto removed = disk.files().DeleteDir(directory, {}, nullptr); !removed.ok())
    return disk_failed("remove", directory, removed);
  return {};
}

core::Result<void> rename_path(const std::string& from, const std::string& to, const Disk& disk) {
  if (const auto renamed = disk.files().RenameFile(from, to, {}, nullptr); !renamed.ok())
    return disk_failed("rename", from, renamed);
  return {};
}

PieceReader::PieceReader(std::string path, std::shared_ptr<rocksdb::FSSequentialFile> file)
    : path_(std::move(path)), file_(std::move(file)) {
}

core::Result<PieceReader> PieceReader::open(std::string path, const Disk& disk) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  if (const auto opened = disk.files().NewSequentialFile(path, {}, &file, nullptr); !opened.ok())
    return disk_failed("open", path, opened);
  return PieceReader(std::move(path), std::move(file));
}

core::Result<std::string_view> PieceReader::next() {
  piece_.resize(piece_bytes);
  rocksdb::Slice got;
  const auto read = file_->Read(piece_.size(), {}, &got, piece_.data(), nullptr);
  if (!read.ok()) return disk_failed("read", path_, read);
  return std::string_view{got.data(), got.size()};
}

core::Result<FileSum> sum_of_file(const std::string& path, const Disk& disk) {
  return read_pieces(path, disk, [](std::string_view) { return core::Result<void>{}; });
}

core::Result<FileSum> copy_file(const std::string& from, const std::string& to, const Disk& disk) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  if (const auto made = disk.files().NewWritableFile(to, {}, &file, nullptr); !made.ok())
    return disk_failed("create", to, made);
  const auto sum = read_pieces(from, disk, [&](std::string_view piece) -> core::Result<void> {
    const auto written = file->Append({piece.data(), piece.size()}, rocksdb::IOOptions{}, nullptr);
    if (!written.ok()) return disk_failed("write", to, written);
    return {};
  });
  if (!sum) return sum;
  if (const auto synced = file->Sync({}, nullptr); !synced.ok()) return disk_failed("sync", to, synced);
  if (const auto closed = file->Close({}, nullptr); !closed.ok()) return disk_failed("close", to, closed);
  return sum;
}

}  // namespace syncd::store
