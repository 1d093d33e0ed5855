#pragma once

#include <optional>
#include <string>

#include "store/files.hpp"
#include "store/high_water.hpp"
#include "store/store.hpp"

namespace syncd::store {

// What each write carries at its end in the write-ahead log, and nowhere else: whose it is.
std::string log_mark(const InstanceId& instance);

// Before the database in options.path + "/db" is opened, because what RocksDB finds in the logs it takes for
// its own, and files that it does not know it deletes. Refuses, and touches nothing, when
// - the file CURRENT is gone while others of the database are there: RocksDB would begin a new one beside
// them,
// - a log is another store's. `known` is whose the store is; without it the tables of the database say so.
core::Result<void> check_logs(const StoreOptions& options, const Disk& disk,
                              const std::optional<InstanceId>& known);

}  // namespace syncd::store
