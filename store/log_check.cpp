#include <algorithm>
#include <exception>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/wal_filter.h>

#include "store/advice.hpp"
#include "store/codec.hpp"
#include "store/database_impl.hpp"
#include "store/health_impl.hpp"
#include "store/keys.hpp"
#include "store/log_check_impl.hpp"
#include "store/log_form.hpp"
#include "store/trial_opening_impl.hpp"

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

// Of the first record of a log that says whose it is; a log is one process's, so all others say the same.
// nullopt: none does, or it cannot be read, and opening sees to that.
std::optional<InstanceId> owner_of(const std::string& path, const Disk& disk) {
  constexpr std::size_t mark_bytes = mark_head.size() + InstanceId{}.size();
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  if (!disk.files().NewSequentialFile(path, {}, &file, nullptr).ok()) return std::nullopt;
  std::string room(log_block_bytes, '\0');
  std::string ending;  // of the record so far
  for (;;) {
    rocksdb::Slice got;
    if (!file->Read(room.size(), {}, &got, room.data(), nullptr).ok()) return std::nullopt;
    const std::string_view block(got.data(), got.size());
    for (std::size_t at = 0; block.size() > at && log_block_rest(at) >= log_header_bytes;) {
      const auto part = log_part_at(block, at);
      if (part.is != LogPart::Is::good) return std::nullopt;
      at += part.bytes;
      if (part.begins_record()) ending.clear();
      ending.append(part.content);
      ending.erase(0, ending.size() - std::min(ending.size(), mark_bytes));
      if (!part.ends_record()) continue;
      if (const auto owner = marked(ending)) return owner;
    }
    if (block.size() < room.size()) return std::nullopt;
  }
}

struct Log {
  std::string name;
  InstanceId owner{};
};

std::vector<Log> owners_of(const std::string& directory, const std::vector<std::string>& names,
                           const Disk& disk) {
  std::vector<Log> logs;
  for (const auto& name : names) {
    if (const auto owner = owner_of(fmt::format("{}/{}", directory, name), disk))
      logs.push_back({name, *owner});
  }
  return logs;
}

// Notes whose the records are, and lets none of them into the database.
class Owners final : public rocksdb::WalFilter {
 public:
  const char* Name() const override { return "syncd.Owners"; }
  WalProcessingOption LogRecordFound(unsigned long long number, const std::string&,
                                     const rocksdb::WriteBatch& batch, rocksdb::WriteBatch*,
                                     bool* changed) override {
    *changed = false;
    // Records of versions before the mark, and the database's own, have none.
    const auto owner = marked(batch.Data());
    if (owner && (logs_.empty() || logs_.back().owner != *owner)) note(number, *owner);
    return WalProcessingOption::kIgnoreCurrentRecord;
  }
  const std::vector<Log>& logs() const { return logs_; }
  bool complete() const { return complete_; }

 private:
  // Nothing may be thrown through the database.
  void note(unsigned long long number, const InstanceId& owner) noexcept {
    try {
      logs_.push_back({.name = fmt::format("{:06}.log", number), .owner = owner});
    } catch (const std::exception&) {
      complete_ = false;
    }
  }

  std::vector<Log> logs_;  // each where the owner changes
  bool complete_ = true;
};

struct Files {
  bool current = false;
  bool tables = false;
  bool logs = false;
  std::vector<std::string> written_logs;  // those that are not empty
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
    if (disk.files().GetFileSize(fmt::format("{}/{}", directory, name), {}, &bytes, nullptr).ok() &&
        bytes > 0)
      found.written_logs.push_back(name);
  }
  return found;
}

struct Reading {
  std::optional<InstanceId> store;  // by its tables
  std::vector<Log> logs;
};

// Whose the database is by its tables, and whose its logs are by each of their records. Reads all without
// touching anything. nullopt: it cannot be read, and opening will say why.
std::optional<Reading> read_owners(const std::string& directory, const StoreOptions& options,
                                   const Disk& disk) {
  const auto env = rocksdb::NewCompositeEnv(disk.shared());
  Owners owners;
  auto trial = trial_options(options, *env);
  trial.wal_filter = &owners;
  trial.skip_stats_update_on_db_open = true;
  trial.info_log = make_logger({});  // what is wrong will be said once more
  TrialOpening opening;
  if (!opening.open(trial, directory).ok()) return std::nullopt;
  Reading reading;
  for (auto* const family : opening.families()) {
    std::string value;
    if (family->GetName() != "meta" ||
        !opening.database().Get(rocksdb::ReadOptions{}, family, to_slice(meta_key::instance), &value).ok())
      continue;
    const auto id = decode_blob("instance id", value);
    if (!id || id->size() != InstanceId{}.size()) continue;
    std::ranges::transform(*id, reading.store.emplace().begin(),
                           [](char c) { return static_cast<std::uint8_t>(c); });
  }
  if (!owners.complete()) return std::nullopt;
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
                    "lost; put back the file, or {}",
                    directory, restore_advice));
  }
  if (files->written_logs.empty()) return {};
  auto logs = owners_of(directory, files->written_logs, disk);
  const auto is_own = [&known](const Log& log) { return log.owner == known; };
  if (known && std::ranges::all_of(logs, is_own)) return {};
  // A log is another store's, or the file beside the database is. Where the tables agree with the logs it is
  // the file, and whoever compares it with the database says so.
  std::optional<InstanceId> own = known;
  std::string_view told_by = known ? high_water_name : "the log before";
  if (auto reading = read_owners(directory, options, disk)) {
    logs = std::move(reading->logs);
    if (reading->store) {
      own = reading->store;
      told_by = "its tables";
    }
  }
  for (const auto& log : logs) {
    const auto& expected = own ? *own : logs.front().owner;
    if (log.owner == expected) continue;
    return core::fail(
        core::Errc::invalid,
        fmt::format(
            "store {} mixes two stores: by {} it is instance {}, its write-ahead log {} belongs to {}; "
            "put back the files that belong together, or {}",
            directory, told_by, to_hex(expected), log.name, to_hex(log.owner), restore_advice));
  }
  return {};
}

}  // namespace syncd::store
