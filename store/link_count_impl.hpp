#pragma once

#include <cstdint>
#include <memory>

#include <rocksdb/table_properties.h>

#include "store/database_impl.hpp"

namespace syncd::store {

// Notes in each table file of the family of links how many links it holds, without the index of users beside
// them: RocksDB's own estimate counts both.
std::shared_ptr<rocksdb::TablePropertiesCollectorFactory> make_link_counter();

// By those notes: right after the opening, when nothing is in memory alone. A link that was rewritten counts
// once for each table that still has it. A table that was written before there were notes counts with all of
// its keys. 0 when one cannot be read.
std::uint64_t estimate_links(Database& database);

}  // namespace syncd::store
