#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "store/advice.hpp"
#include "store/database_impl.hpp"
#include "store/link_count_impl.hpp"
#include "store/statistics_impl.hpp"

namespace syncd::store {
namespace {

constexpr std::array<std::string_view, family_count> family_names = {
    "links", "accounts", "transactions", "feed", "relink", "audit", "consumers", "dead_letters", "meta",
};

// What all rows of a link have in common: its id, with the length in front (keys.hpp).
class LinkPrefix final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "syncd.LinkPrefix"; }
  bool InDomain(const rocksdb::Slice& key) const override { return key.size() >= prefix_bytes(key); }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), prefix_bytes(key)};
  }

 private:
  static std::size_t prefix_bytes(const rocksdb::Slice& key) {
    constexpr std::size_t length_bytes = 2;
    if (key.size() < length_bytes) return length_bytes;
    const auto byte = [&key](std::size_t at) { return static_cast<std::uint8_t>(key[at]); };
    return length_bytes + (std::size_t{byte(0)} << 8 | byte(1));
  }
};

// One thread reads; more shards only make each too small.
constexpr int cache_shard_bits = 2;

rocksdb::DBOptions database_options(const StoreOptions& options, bool clean,
                                    const std::shared_ptr<Health>& health) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  // The options file itself is of no use to us, but the directory is synced with it: once that failed,
  // nothing says any more whether the files that are listed there will be found after a power cut.
  db.fail_if_options_file_error = true;
  // A torn tail is what a power cut leaves: go back to the last whole commit. After a clean close the log is
  // empty, so anything wrong with it is damage.
  db.wal_recovery_mode =
      clean ? rocksdb::WALRecoveryMode::kAbsoluteConsistency : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // All families are flushed together. Otherwise a damaged log could leave one family newer than the others,
  // and the store would have to be refused instead of being a little older.
  db.atomic_flush = true;
  db.recycle_log_file_num = 0;
  db.allow_mmap_reads = false;
  db.allow_mmap_writes = false;
  db.manifest_preallocation_size =
      64 << 10;  // the default asks a nearly full disk for 4 MiB before anything else
  db.max_manifest_file_size = 16 << 20;
  db.max_open_files = std::max(options.open_files_max, 64);
  // Otherwise sixteen for each family, to open a handful of tables.
  db.max_file_opening_threads = 1;
  db.db_write_buffer_size = options.write_buffer_bytes;
  db.max_background_jobs = 2;
  db.bytes_per_sync = 1 << 20;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  db.allow_concurrent_memtable_write = false;  // there is one writer
  db.info_log = make_logger(options.log);
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.listeners = {make_listener(health)};
  return db;
}

rocksdb::ColumnFamilyOptions family_options(const StoreOptions& options, Family family,
                                            const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.block_size = 16 << 10;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // Indexes and filters live inside the bounded cache, not beside it, and in parts: whole ones of large files
  // would push each other out of the cache's shards, and each look-up would read half a megabyte.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.format_version = 5;
  // One record of a few hundred bytes is read at each visit to a link, and its key always exists: small
  // blocks with a hash of their keys, and whole filters, which are small here.
  if (family == Family::links) {
    table.block_size = 4 << 10;
    table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
    table.index_type = rocksdb::BlockBasedTableOptions::kBinarySearch;
    table.partition_filters = false;
  }

  rocksdb::ColumnFamilyOptions column;
  if (family == Family::links) column.table_properties_collector_factories = {make_link_counter()};
  column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  column.compression = rocksdb::kLZ4Compression;
  column.force_consistency_checks = true;
  column.level_compaction_dynamic_level_bytes = true;
  // Together with db_write_buffer_size: memtables of all families stay below twice write_buffer_bytes, also
  // while one generation is being flushed.
  column.write_buffer_size = options.write_buffer_bytes;
  column.max_write_buffer_number = 2;
  // Small buffers (tests) need small arenas: a family's first key would otherwise fill the whole budget.
  const bool large = family == Family::transactions || family == Family::feed;
  const std::uint64_t arena_bytes_max = large ? 1 << 20 : 128 << 10;
  column.arena_block_size =
      std::clamp<std::uint64_t>(options.write_buffer_bytes / 64, 8 << 10, arena_bytes_max);
  // A page's rows come sorted by id: each is put right behind the one before, without a search from the top.
  if (family == Family::transactions)
    column.memtable_insert_with_hint_prefix_extractor = std::make_shared<LinkPrefix>();
  column.level0_file_num_compaction_trigger = 8;  // a backfill spends a third of its time compacting with 4
  column.target_file_size_base = std::max<std::uint64_t>(options.write_buffer_bytes, 8 << 20);
  return column;
}

// A family that this version does not know means that a newer one has been here.
core::Result<void> refuse_unknown_families(const std::string& directory, const rocksdb::DBOptions& options,
                                           const Disk& disk) {
  const auto current = read_small_file(directory + "/CURRENT", 4096, disk);
  if (!current) return std::unexpected(current.error());
  if (!*current) return {};  // there is no database yet
  std::vector<std::string> present;
  if (!rocksdb::DB::ListColumnFamilies(options, directory, &present).ok())
    return {};  // new, or open() says more
  for (const auto& name : present) {
    if (name == rocksdb::kDefaultColumnFamilyName) continue;
    if (std::ranges::find(family_names, name) != family_names.end()) continue;
    return core::fail(
        core::Errc::invalid,
        fmt::format("store {} has data of a kind this version does not know ({}): it was written by a "
                    "newer version; run that version, or {}",
                    directory, name, restore_advice));
  }
  return {};
}

core::Error open_error(const std::string& directory, bool clean, const rocksdb::Status& status) {
  const auto cause = without_content(status.ToString());
  // Only these mean that somebody holds it; a lock file that cannot be opened is another matter.
  const bool held = cause.find("lock hold by") != std::string::npos ||
                    (cause.find("While lock file") != std::string::npos &&
                     cause.find("Resource temporarily unavailable") != std::string::npos);
  if (status.IsIOError() && held) return store_in_use(directory);
  std::string next = "check the disk and the permissions, then start again";
  // A file that the database names is gone: as bad as one that is damaged.
  if (status.IsPathNotFound()) next = fmt::format("put back the file, or {}", restore_advice);
  if (status.IsCorruption()) {
    next = clean ? fmt::format(
                       "it was closed cleanly, so its files were changed since: {}; without one, remove the "
                       "file clean-close beside it: where only the end of a log is damaged, what is readable "
                       "before it is accepted",
                       restore_advice)
                 : std::string(restore_advice);
  }
  return core::Error{.code = core::Errc::storage,
                     .message = fmt::format("store {} cannot be opened: {}; {}", directory, cause, next)};
}

std::vector<rocksdb::ColumnFamilyDescriptor> columns_of(const StoreOptions& options) {
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes, cache_shard_bits);
  std::vector<rocksdb::ColumnFamilyDescriptor> columns;
  columns.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options(options, Family::meta, cache));
  for (std::size_t i = 0; i < family_count; ++i) {
    columns.emplace_back(std::string(family_names[i]),
                         family_options(options, static_cast<Family>(i), cache));
  }
  return columns;
}

}  // namespace

Database::Database(std::string directory, std::shared_ptr<Health> health)
    : directory_(std::move(directory)), health_(std::move(health)), statistics_(make_statistics()) {
}

core::Result<std::unique_ptr<Database>> Database::open(const std::string& directory,
                                                       const StoreOptions& options, const Disk& disk,
                                                       bool clean, std::shared_ptr<Health> health) {
  std::unique_ptr<Database> database(new Database(directory, health));
  auto db_options = database_options(options, clean, health);
  db_options.statistics = database->statistics_;
  if (!disk.is_host()) {
    database->env_ = rocksdb::NewCompositeEnv(disk.shared());
    db_options.env = database->env_.get();
  }
  if (auto made = prepare_directory(directory, disk); !made) return std::unexpected(made.error());
  if (auto known = refuse_unknown_families(directory, db_options, disk); !known)
    return std::unexpected(known.error());

  const auto columns = columns_of(options);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(db_options, directory, columns, &handles, &db);
  if (!status.ok()) return std::unexpected(open_error(directory, clean, status));
  database->take(db, handles);
  if (!database->health().ok()) {
    const auto reason = database->health().reason();
    return core::fail(core::Errc::storage,
                      fmt::format("store {} failed while it was opened: {}", directory, reason));
  }
  return database;
}

core::Result<std::unique_ptr<Database>> Database::open_read_only(const std::string& directory,
                                                                 const StoreOptions& options,
                                                                 const Disk& disk,
                                                                 std::shared_ptr<Health> health) {
  std::unique_ptr<Database> database(new Database(directory, health));
  database->read_only_ = true;
  auto db_options = database_options(options, true, health);
  db_options.create_if_missing = false;
  db_options.create_missing_column_families = false;
  if (!disk.is_host()) {
    database->env_ = rocksdb::NewCompositeEnv(disk.shared());
    db_options.env = database->env_.get();
  }
  if (auto known = refuse_unknown_families(directory, db_options, disk); !known)
    return std::unexpected(known.error());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly(db_options, directory, columns_of(options), &handles, &db);
  if (!status.ok()) {
    return core::fail(core::Errc::storage, fmt::format("the database {} cannot be opened: {}", directory,
                                                       without_content(status.ToString())));
  }
  database->take(db, handles);
  return database;
}

void Database::take(rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  db_.reset(db);
  default_family_ = handles[0];
  std::copy(handles.begin() + 1, handles.end(), families_.begin());
}

Database::~Database() {
  if (auto closed = close(); !closed) health_->fail(closed.error().message);
}

core::Result<void> Database::close() {
  if (!db_) return {};
  core::Result<void> result;
  if (health_->ok() && !read_only_) {
    const std::vector<rocksdb::ColumnFamilyHandle*> all(families_.begin(), families_.end());
    const auto status = db_->Flush(rocksdb::FlushOptions{}, all);
    if (!status.ok()) result = std::unexpected(failed("flush the store", status, StoreOperation::write));
  }
  for (auto*& handle : families_) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(std::exchange(handle, nullptr));
  }
  if (default_family_ != nullptr) db_->DestroyColumnFamilyHandle(std::exchange(default_family_, nullptr));
  const auto status = db_->Close();
  if (!status.ok() && result)
    result = std::unexpected(failed("close the store", status, StoreOperation::write));
  db_.reset();
  return result;
}

core::Result<std::optional<std::string>> Database::get(Family in, std::string_view key) {
  std::string value;
  const auto status = db_->Get(rocksdb::ReadOptions{}, family(in), to_slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return std::unexpected(failed("read", status));
  return value;
}

core::Result<bool> Database::get(Family in, std::string_view key, rocksdb::PinnableSlice& value,
                                 bool one_time) {
  value.Reset();
  rocksdb::ReadOptions options;
  options.fill_cache = !one_time;
  const auto status = db_->Get(options, family(in), to_slice(key), &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return std::unexpected(failed("read", status));
  return true;
}

core::Result<void> Database::write(rocksdb::WriteBatch& batch, bool sync) {
  if (!health_->ok()) {
    return core::fail(
        core::Errc::storage,
        fmt::format("store {} takes no more writes since it failed ({}); mend the cause and restart",
                    directory_, health_->reason()));
  }
  if (!log_mark_.empty()) {
    if (const auto marked = batch.PutLogData(log_mark_); !marked.ok())
      return std::unexpected(failed("write", marked, StoreOperation::write));
  }
  rocksdb::WriteOptions options;
  options.sync = sync;
  options.protection_bytes_per_key = 8;
  const auto status = db_->Write(options, &batch);
  if (!status.ok()) return std::unexpected(failed("write", status, StoreOperation::write));
  return {};
}

std::uint64_t Database::property(const std::string& name) {
  std::uint64_t value = 0;
  return db_->GetAggregatedIntProperty(name, &value) ? value : 0;
}

core::Error Database::failed(std::string_view doing, const rocksdb::Status& status,
                             StoreOperation operation) {
  return failed(doing,
                core::Error{.code = core::Errc::storage, .message = without_content(status.ToString())},
                operation);
}

core::Error Database::failed(std::string_view doing, core::Error error, StoreOperation operation) {
  health_->count_error(operation);
  error.message = fmt::format("store {}: cannot {}: {}", directory_, doing, error.message);
  health_->fail(error.message);
  return error;
}

Scan::Scan(Database& database, Family family, std::string lower, std::string upper, bool one_time)
    : database_(database),
      lower_(std::move(lower)),
      upper_(std::move(upper)),
      lower_slice_(to_slice(lower_)),
      upper_slice_(to_slice(upper_)) {
  rocksdb::ReadOptions options;
  if (!lower_.empty()) options.iterate_lower_bound = &lower_slice_;
  if (!upper_.empty()) options.iterate_upper_bound = &upper_slice_;
  if (one_time) {  // a walk over everything must not push the working set out of the cache
    options.fill_cache = false;
    options.readahead_size = 2 << 20;
  }
  iterator_.reset(database_.db().NewIterator(options, database_.family(family)));
  iterator_->Seek(lower_slice_);
}

core::Result<void> Scan::finish(std::string_view doing) {
  const auto status = iterator_->status();
  if (!status.ok()) return std::unexpected(database_.failed(doing, status));
  return {};
}

}  // namespace syncd::store
