#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/convenience.h>
#include <rocksdb/metadata.h>

#include "store/store_impl.hpp"

namespace syncd::store {
namespace {

constexpr std::size_t readahead_bytes = 2 << 20;

// How a disk, or a file system with checksums of its own, says that what it holds cannot be read.
constexpr std::array errors_of_the_disk = {EIO, ENODATA, EILSEQ, EBADMSG, EUCLEAN};

// The system's words come last in RocksDB's.
bool says(const rocksdb::Status& status, int error) {
  return status.IsIOError() &&
         status.ToString().ends_with(std::error_code(error, std::generic_category()).message());
}

std::vector<rocksdb::LiveFileMetaData> table_files(Database& database) {
  std::vector<rocksdb::LiveFileMetaData> files;
  database.db().GetLiveFilesMetaData(&files);
  return files;
}

rocksdb::Status verify(Database& database, const rocksdb::LiveFileMetaData& file, bool past_page_cache) {
  const auto options = database.db().GetOptions(database.family(Family::meta));
  rocksdb::EnvOptions files(options);
  files.use_direct_reads = past_page_cache;
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  read.readahead_size = readahead_bytes;
  const auto path = file.directory + "/" + file.relative_filename;
  return rocksdb::VerifySstFileChecksum(options, files, read, path, file.largest_seqno);
}

// EINVAL is how a file system says that it cannot read around the page cache (open(2), read(2)).
bool refuses_direct_reads(const rocksdb::Status& status) {
  return says(status, EINVAL) || status.IsInvalidArgument() || status.IsNotSupported();
}

// Whether nothing was learnt about the file, for want of descriptors, memory or permission. What RocksDB says
// of the content is about the file, and so is one that is not there.
bool is_about_something_else(const rocksdb::Status& status) {
  if (status.IsAborted() || status.IsBusy() || status.IsTimedOut() || status.IsTryAgain()) return true;
  if (!status.IsIOError() || status.IsPathNotFound()) return false;
  return std::ranges::none_of(errors_of_the_disk, [&status](int error) { return says(status, error); });
}

// What is wrong on the disk may still be right in the page cache, so that is read around where the file
// system can do so.
rocksdb::Status verify(Database& database, const rocksdb::LiveFileMetaData& file) {
  auto direct = verify(database, file, true);
  if (!refuses_direct_reads(direct)) return direct;
  return verify(database, file, false);
}

}  // namespace

core::Result<ScrubStep> Store::scrub(ScrubPlace place) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  Database& database = *impl_->database;
  const auto files = table_files(database);
  if (place.until_file == 0 && !files.empty())
    place.until_file = std::ranges::max(files, {}, &rocksdb::LiveFileMetaData::file_number).file_number;

  const rocksdb::LiveFileMetaData* next = nullptr;
  for (const auto& file : files) {
    if (file.file_number <= place.after_file || file.file_number > place.until_file) continue;
    if (next == nullptr || file.file_number < next->file_number) next = &file;
  }
  ScrubStep step;
  step.next = place;
  if (next == nullptr) {
    step.finished = true;
    return step;
  }
  step.next.after_file = next->file_number;
  const auto status = verify(database, *next);
  // A compaction may have replaced it since the files were listed.
  const bool still_there = std::ranges::any_of(
      table_files(database), [next](const auto& file) { return file.file_number == next->file_number; });
  if (!still_there) return step;
  const auto what = fmt::format("{}: {}", next->relative_filename, without_content(status.ToString()));
  if (is_about_something_else(status)) {
    step.next.after_file = place.after_file;
    step.put_off = what;
    return step;
  }
  step.bytes = next->size;
  if (!status.ok()) step.damage = what;
  return step;
}

}  // namespace syncd::store
