#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/statistics.h>
#include <rocksdb/write_batch.h>

#include "store/files.hpp"
#include "store/health_impl.hpp"
#include "store/store.hpp"

namespace syncd::store {

// The order is that of opening only; on disk families are known by name.
enum class Family : std::uint8_t {
  links,
  accounts,
  transactions,
  feed,
  relink,
  audit,
  consumers,
  dead_letters,
  meta,
};
inline constexpr std::size_t family_count = 9;

inline rocksdb::Slice to_slice(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view to_view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

// RocksDB, opened our way and closed in the right order: Debian's build asserts that every handle and
// iterator is gone before the database is. Every Status that is not OK or NotFound makes the store unhealthy.
class Database {
 public:
  // `clean`: the last user closed it, so the write-ahead log must be whole; otherwise a torn tail is cut off
  // at the last complete commit.
  static core::Result<std::unique_ptr<Database>> open(const std::string& directory,
                                                      const StoreOptions& options, const Disk& disk,
                                                      bool clean, std::shared_ptr<Health> health);
  // To look at it only: nothing is written, and nobody keeps others from writing it meanwhile. Its log must
  // be whole, as after a clean close.
  static core::Result<std::unique_ptr<Database>> open_read_only(const std::string& directory,
                                                                const StoreOptions& options, const Disk& disk,
                                                                std::shared_ptr<Health> health);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Flushes every family when healthy and closes. No iterator may be left.
  core::Result<void> close();

  core::Result<std::optional<std::string>> get(Family family, std::string_view key);
  // nullopt-like: answers false when there is no such key. `value` keeps a block pinned until it is reset.
  // `one_time`: of a walk over much, as for Scan; what it reads does not go into the cache.
  core::Result<bool> get(Family family, std::string_view key, rocksdb::PinnableSlice& value,
                         bool one_time = false);
  // What each write carries in the write-ahead log from now on (log_mark).
  void mark_log(std::string mark) { log_mark_ = std::move(mark); }
  // One atomic write. `sync`: durable when it answers.
  core::Result<void> write(rocksdb::WriteBatch& batch, bool sync);

  rocksdb::DB& db() { return *db_; }
  rocksdb::ColumnFamilyHandle* family(Family family) { return families_[static_cast<std::size_t>(family)]; }
  Health& health() { return *health_; }
  std::uint64_t property(const std::string& name);

  const rocksdb::Statistics& statistics() const { return *statistics_; }

  // Turns a bad status into our error and the store unhealthy, and counts it.
  core::Error failed(std::string_view doing, const rocksdb::Status& status,
                     StoreOperation operation = StoreOperation::read);
  // The same for values that cannot be decoded.
  core::Error failed(std::string_view doing, core::Error error,
                     StoreOperation operation = StoreOperation::decode);

 private:
  Database(std::string directory, std::shared_ptr<Health> health);
  void take(rocksdb::DB* db, const std::vector<rocksdb::ColumnFamilyHandle*>& handles);
  std::string directory_;
  bool read_only_ = false;
  std::string log_mark_;
  std::shared_ptr<Health> health_;
  std::unique_ptr<rocksdb::Env> env_;  // outlives the database; null: the default one
  std::shared_ptr<rocksdb::Statistics> statistics_;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, family_count> families_{};
  rocksdb::ColumnFamilyHandle* default_family_ = nullptr;
};

// Walks the keys in [lower, upper); an empty upper means to the end. Owns what the iterator points to.
class Scan {
 public:
  Scan(Database& database, Family family, std::string lower, std::string upper, bool one_time = false);
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;

  bool valid() const { return iterator_->Valid(); }
  void next() { iterator_->Next(); }
  void previous() { iterator_->Prev(); }
  void seek(std::string_view key) { iterator_->Seek(to_slice(key)); }
  // To the last key at or before `key`.
  void seek_back(std::string_view key) { iterator_->SeekForPrev(to_slice(key)); }
  void seek_last() { iterator_->SeekToLast(); }
  std::string_view key() const { return to_view(iterator_->key()); }
  std::string_view value() const { return to_view(iterator_->value()); }
  // After valid() turned false: whether that was the end or an error.
  core::Result<void> finish(std::string_view doing);

 private:
  Database& database_;
  std::string lower_;
  std::string upper_;
  rocksdb::Slice lower_slice_;
  rocksdb::Slice upper_slice_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
};

}  // namespace syncd::store
