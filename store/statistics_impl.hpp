#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include <rocksdb/statistics.h>

#include "store/database_impl.hpp"
#include "store/statistics.hpp"

namespace syncd::store {

// Counters only: RocksDB's timers and histograms ask the clock several times for each call.
std::shared_ptr<rocksdb::Statistics> make_statistics();
TableCounters counters_of(const rocksdb::Statistics& statistics);

// Table files by level, all families together.
std::array<std::uint64_t, table_levels> level_files(Database& database);

}  // namespace syncd::store
