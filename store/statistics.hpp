#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace syncd::store {

// What the store was doing when it failed.
enum class StoreOperation : std::uint8_t {
  read = 1,
  write = 2,
  decode = 3,      // what was read is not what was written
  background = 4,  // RocksDB said so beside any call: a flush, a compaction, its own files
};
inline constexpr std::size_t store_operation_count = 4;
std::string_view to_string(StoreOperation operation);

inline constexpr std::size_t table_levels = 7;

// What RocksDB counts about itself, since the store was opened; none of it falls.
struct TableCounters {
  std::uint64_t block_cache_hits = 0;
  std::uint64_t block_cache_misses = 0;
  std::uint64_t wal_syncs = 0;
  std::uint64_t wal_bytes = 0;
  std::uint64_t flush_written_bytes = 0;
  std::uint64_t compaction_read_bytes = 0;
  std::uint64_t compaction_written_bytes = 0;
  std::uint64_t stall_us = 0;  // writers were made to wait
  std::uint64_t bloom_useful = 0;
  std::uint64_t keys_read = 0;
  std::uint64_t keys_written = 0;
};

// The database that this program is linked with, `7.8.3`.
std::string database_version();

}  // namespace syncd::store
