#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "store/advice.hpp"
#include "store/database_impl.hpp"
#include "store/health_impl.hpp"
#include "store/manifest_repair_impl.hpp"
#include "store/manifest_scan.hpp"
#include "store/trial_opening_impl.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view name_prefix = "MANIFEST-";
// RocksDB begins a new one above 16 MiB.
constexpr std::size_t table_bytes_max = 64 << 20;

class ShortFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  ShortFile(std::unique_ptr<rocksdb::FSSequentialFile> file, std::size_t bytes)
      : FSSequentialFileOwnerWrapper(std::move(file)), left_(bytes) {}
  rocksdb::IOStatus Read(std::size_t bytes, const rocksdb::IOOptions& options, rocksdb::Slice* got,
                         char* room, rocksdb::IODebugContext* context) override {
    auto done = FSSequentialFileOwnerWrapper::Read(std::min(bytes, left_), options, got, room, context);
    left_ -= got->size();
    return done;
  }
  rocksdb::IOStatus Skip(std::uint64_t bytes) override {
    const auto skipped = std::min<std::uint64_t>(bytes, left_);
    left_ -= skipped;
    return FSSequentialFileOwnerWrapper::Skip(skipped);
  }

 private:
  std::size_t left_;
};

// The disk as it would be with one file cut to `bytes`.
class WithShortFile final : public rocksdb::FileSystemWrapper {
 public:
  WithShortFile(const std::shared_ptr<rocksdb::FileSystem>& files, std::string_view name, std::size_t bytes)
      : FileSystemWrapper(files), name_(fmt::format("/{}", name)), bytes_(bytes) {}
  const char* Name() const override { return "syncd.WithShortFile"; }
  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* context) override {
    auto opened = FileSystemWrapper::NewSequentialFile(path, options, file, context);
    if (opened.ok() && path.ends_with(name_)) *file = std::make_unique<ShortFile>(std::move(*file), bytes_);
    return opened;
  }

 private:
  std::string name_;
  std::size_t bytes_;
};

struct Table {
  std::string directory;  // of the database
  std::string name;
  std::uint64_t number = 0;
  std::string content;
  ManifestScan scan;
  // Opening makes the first log of a run just before it begins the table.
  std::uint64_t first_log() const { return number - 1; }
};

std::unexpected<core::Error> refuse(const Table& table, std::string_view why) {
  return core::fail(
      core::Errc::storage,
      fmt::format("store {} cannot be opened: its table of files {} is damaged behind byte {}, and "
                  "{}; {}",
                  table.directory, table.name, table.scan.whole_bytes, why, restore_advice));
}

std::optional<std::uint64_t> number_of(std::string_view name) {
  name.remove_prefix(name_prefix.size());
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(name.begin(), name.end(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != name.end()) return std::nullopt;
  return number;
}

// nullopt: there is no such log.
std::optional<std::uint64_t> log_bytes(const Table& table, std::uint64_t log, const Disk& disk) {
  const auto path = fmt::format("{}/{:06}.log", table.directory, log);
  std::uint64_t bytes = 0;
  if (!disk.files().GetFileSize(path, {}, &bytes, nullptr).ok()) return std::nullopt;
  return bytes;
}

// The write-ahead log with everything that the tables do not hold yet. A flush whose change was synced
// deletes it, so it is missing exactly when such a change is what is damaged. RocksDB itself would begin with
// the oldest log there is, and not notice.
bool has_oldest_log(const Table& table, std::uint64_t oldest, const Disk& disk) {
  // Until the first flush of a run the oldest log that the table names is of the run before, and of no use.
  return log_bytes(table, std::max(oldest, table.first_log()), disk).has_value();
}

// A run that could not yet create what it keeps its data in has not written any.
bool has_written(const Table& table, std::uint64_t oldest, const Disk& disk) {
  return oldest > table.number || log_bytes(table, table.first_log(), disk) != std::uint64_t{0};
}

// What a trial that failed says of the database; an error when it says nothing, because reading failed.
core::Result<std::string> judge_trial(const Table& table, const rocksdb::Status& status) {
  auto reason = without_content(status.ToString());
  if (status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound() || status.IsInvalidArgument())
    return reason;
  return core::fail(
      core::Errc::storage,
      fmt::format("store {} cannot be opened: its table of files {} ends in damage, and it cannot "
                  "be told whether anything is missing ({}); see to that and try again",
                  table.directory, table.name, reason));
}

// Reads the database as it would be without the damage. The reason for not doing it; empty: nothing is
// missing.
core::Result<std::string> missing_without(const Table& table, const StoreOptions& options, const Disk& disk) {
  const auto env = rocksdb::NewCompositeEnv(
      std::make_shared<WithShortFile>(disk.shared(), table.name, table.scan.whole_bytes));
  auto trial = trial_options(options, *env);
  trial.paranoid_checks = true;  // compares the tables on the disk with the list
  trial.info_log = make_logger(options.log);
  TrialOpening opening;
  if (const auto status = opening.open(trial, table.directory); !status.ok())
    return judge_trial(table, status);
  std::uint64_t oldest = 0;
  const bool known = opening.database().GetIntProperty(rocksdb::DB::Properties::kMinLogNumberToKeep, &oldest);
  if (!known || !has_oldest_log(table, oldest, disk)) return "its write-ahead log is missing";
  if (opening.families().size() <= family_count && has_written(table, oldest, disk))
    return "a part of it is missing";
  return std::string{};
}

// What a table begins with is synced before CURRENT names it. Its last record is the first to count the table
// among the files there are.
bool has_its_beginning(const Table& table) {
  const auto next = next_file_number(table.scan.last);
  return next && *next > table.number;
}

// Records behind the damage belong to the same write, as long as they agree about the next file number:
// nothing is appended before the write is synced.
bool is_one_write(const ManifestScan& scan) {
  std::optional<std::uint64_t> number;
  return std::ranges::all_of(scan.later, [&number](std::string_view record) {
    const auto own = next_file_number(record);
    if (!number) number = own;
    return own && own == number;
  });
}

core::Result<void> cut(const Table& table, const StoreOptions& options, const Disk& disk) {
  if (auto kept = write_durably(options.path, std::string(torn_table_name), table.content, disk); !kept)
    return kept;
  return write_durably(table.directory, table.name,
                       std::string_view(table.content).substr(0, table.scan.whole_bytes), disk);
}

}  // namespace

core::Result<std::optional<std::string>> current_table(const std::string& directory, const Disk& disk) {
  auto current = read_small_file(directory + "/CURRENT", 4096, disk);
  if (!current) return std::unexpected(current.error());
  if (!*current || !(*current)->starts_with(name_prefix) || !(*current)->ends_with('\n')) return std::nullopt;
  (*current)->pop_back();
  if (!number_of(**current)) return std::nullopt;
  return std::move(*current);
}

core::Result<std::optional<std::string>> mend_torn_table(const StoreOptions& options, const Disk& disk,
                                                         const std::optional<std::string>& closed_as) {
  const auto directory = options.path + "/db";
  const auto name = current_table(directory, disk);
  if (!name) return std::unexpected(name.error());
  if (!*name) return std::nullopt;
  auto content = read_small_file(directory + "/" + **name, table_bytes_max, disk);
  if (!content) return std::unexpected(content.error());
  if (!*content || (*content)->size() > table_bytes_max)
    return std::nullopt;  // RocksDB has to say what is wrong
  Table table{.directory = directory,
              .name = **name,
              .number = number_of(**name).value_or(0),
              .content = std::move(**content),
              .scan = {}};
  table.scan = scan_manifest(table.content);
  if (table.scan.end == ManifestScan::End::whole) return std::nullopt;
  if (closed_as == table.name) return refuse(table, "it was closed cleanly, so it was changed since");
  const bool unfinished = table.scan.end == ManifestScan::End::unfinished;
  const auto torn_bytes = table.content.size() - table.scan.whole_bytes;
  if (!unfinished && (torn_bytes > torn_tail_bytes_max || !is_one_write(table.scan)))
    return refuse(table, "a power cut tears the last write only, but more follows");
  if (!has_its_beginning(table)) return refuse(table, "what it began with was safe on the disk");
  const auto missing = missing_without(table, options, disk);
  if (!missing) return std::unexpected(missing.error());
  if (!missing->empty())
    return refuse(table, fmt::format("without the rest the database is not whole ({})", *missing));
  if (unfinished) return std::nullopt;  // RocksDB leaves it out by itself
  if (auto done = cut(table, options, disk); !done) return std::unexpected(done.error());
  return fmt::format(
      "store {}: the last write to its table of files {} is torn, as a power cut leaves it; its {} bytes "
      "behind byte {} were cut off, nothing depends on them; the file as it was is kept as {}",
      options.path, table.name, torn_bytes, table.scan.whole_bytes, torn_table_name);
}

}  // namespace syncd::store
