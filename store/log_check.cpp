#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/wal_filter.h>

#include "store/codec.hpp"
#include "store/database_impl.hpp"
#include "store/health_impl.hpp"
#include "store/keys.hpp"
#include "store/log_check_impl.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view mark_head = "mksync-instance:";

std::optional<InstanceId> marked(std::string_view record) {
  InstanceId id{};
  if (record.size() < mark_head.size() + id.size()) return std::nullopt;
  record.remove_prefix(record.size() - mark_head.size() - id.size());
  if (!record.starts_with(mark_head)) return std::nullopt;
  record.remove_prefix(mark_head.size());
  std::ranges::transform(record, id.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return id;
}

// Notes whose the records are, and lets none of them into the database.
class Owners final : public rocksdb::WalFilter {
 public:
  struct Log {
    std::string name;
    InstanceId owner{};
  };
  const char* Name() const override { return "syncd.Owners"; }
  WalProcessingOption LogRecordFound(unsigned long long number, const std::string&,
                                     const rocksdb::WriteBatch& batch, rocksdb::WriteBatch*,
                                     bool* changed) override {
    *changed = false;
    // Records of versions before the mark, and the database's own, have none.
    const auto owner = marked(batch.Data());
    if (owner && (logs_.empty() || logs_.back().owner != *owner))
      logs_.push_back({.name = fmt::format("{:06}.log", number), .owner = *owner});
    return WalProcessingOption::kIgnoreCurrentRecord;
  }
  const std::vector<Log>& logs() const { return logs_; }

 private:
  std::vector<Log> logs_;  // each where the owner changes
};

struct Files {
  bool current = false;
  bool tables = false;
  bool logs = false;
  bool records = false;  // a log is not empty
};

core::Result<Files> look(const std::string& directory, const Disk& disk) {
  Files found;
  std::vector<std::string> names;
  const auto listed = disk.files().GetChildren(directory, {}, &names, nullptr);
  if (listed.IsPathNotFound() || listed.IsNotFound()) return found;
  if (!listed.ok()) {
    return core::fail(core::Errc::storage,
                      fmt::format("store {} cannot be listed: {}; check the disk and the permissions, then "
                                  "start again",
                                  directory, without_content(listed.ToString())));
  }
  for (const auto& name : names) {
    found.current = found.current || name == "CURRENT";
    found.tables = found.tables || name.ends_with(".sst");
    if (!name.ends_with(".log")) continue;
    found.logs = true;
    std::uint64_t bytes = 0;
    if (disk.files().GetFileSize(directory + "/" + name, {}, &bytes, nullptr).ok() && bytes > 0)
      found.records = true;
  }
  return found;
}

struct Reading {
  std::optional<InstanceId> store;  // by its tables
  std::vector<Owners::Log> logs;
};

// Reads all without touching anything. nullopt: it cannot be read, and opening will say why.
std::optional<Reading> read_owners(const std::string& directory, const StoreOptions& options,
                                   const Disk& disk) {
  const auto env = rocksdb::NewCompositeEnv(disk.shared());
  Owners owners;
  rocksdb::DBOptions trial;
  trial.env = env.get();
  trial.max_open_files = options.open_files_max;
  trial.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  trial.wal_filter = &owners;
  trial.skip_stats_update_on_db_open = true;
  trial.info_log = make_logger({});  // what is wrong will be said once more
  std::vector<std::string> names;
  if (!rocksdb::DB::ListColumnFamilies(trial, directory, &names).ok()) return std::nullopt;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto& name : names)
    families.emplace_back(name, rocksdb::ColumnFamilyOptions{});
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  if (!rocksdb::DB::OpenForReadOnly(trial, directory, families, &handles, &raw).ok()) return std::nullopt;
  const std::unique_ptr<rocksdb::DB> database(raw);
  Reading reading;
  for (auto* const handle : handles) {
    std::string value;
    if (handle->GetName() == "meta" &&
        database->Get(rocksdb::ReadOptions{}, handle, to_slice(meta_key::instance), &value).ok()) {
      const auto id = decode_blob("instance id", value);
      if (id && id->size() == InstanceId{}.size()) {
        std::ranges::transform(*id, reading.store.emplace().begin(),
                               [](char c) { return static_cast<std::uint8_t>(c); });
      }
    }
    database->DestroyColumnFamilyHandle(handle);
  }
  reading.logs = owners.logs();
  return reading;
}

}  // namespace

std::string log_mark(const InstanceId& instance) {
  std::string mark(mark_head);
  for (const auto byte : instance)
    mark.push_back(static_cast<char>(byte));
  return mark;
}

core::Result<void> check_logs(const StoreOptions& options, const Disk& disk,
                              const std::optional<InstanceId>& known) {
  const auto directory = options.path + "/db";
  const auto files = look(directory, disk);
  if (!files) return std::unexpected(files.error());
  // The log is created after CURRENT is safe on the disk, a table after that.
  if (!files->current && (files->tables || files->logs)) {
    return core::fail(
        core::Errc::storage,
        fmt::format("store {} has no file CURRENT beside the others of its database: it was removed or "
                    "lost; put back the file, or restore a backup",
                    directory));
  }
  if (!files->records) return {};
  const auto reading = read_owners(directory, options, disk);
  if (!reading) return {};
  const auto& own = reading->store ? reading->store : known;
  for (const auto& log : reading->logs) {
    const auto& expected = own ? *own : reading->logs.front().owner;
    if (log.owner == expected) continue;
    return core::fail(
        core::Errc::storage,
        fmt::format("store {} mixes two stores: it is instance {}, its write-ahead log {} belongs to {}; "
                    "put back the files that belong together, or restore a backup",
                    directory, to_hex(expected), log.name, to_hex(log.owner)));
  }
  return {};
}

}  // namespace syncd::store
