#pragma once

#include <memory>
#include <string>
#include <vector>

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include "store/store.hpp"

namespace syncd::store {

// What every trial opening is made with; the rest is its own. `env` must outlive the database.
rocksdb::DBOptions trial_options(const StoreOptions& options, rocksdb::Env& env);

// A database that is looked at before it is opened for good: all its families, without writing anything.
class TrialOpening {
 public:
  TrialOpening() = default;
  ~TrialOpening();
  TrialOpening(const TrialOpening&) = delete;
  TrialOpening& operator=(const TrialOpening&) = delete;

  // Once. What RocksDB says of it; unless that is OK, there is no database().
  rocksdb::Status open(const rocksdb::DBOptions& options, const std::string& directory);
  rocksdb::DB& database() { return *database_; }
  const std::vector<rocksdb::ColumnFamilyHandle*>& families() const { return families_; }

 private:
  std::unique_ptr<rocksdb::DB> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

}  // namespace syncd::store
