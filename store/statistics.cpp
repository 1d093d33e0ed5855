#include "store/statistics.hpp"

#include <charconv>

#include <fmt/format.h>
#include <rocksdb/version.h>

#include "store/statistics_impl.hpp"

namespace syncd::store {

std::string_view to_string(StoreOperation operation) {
  switch (operation) {
    case StoreOperation::read:
      return "read";
    case StoreOperation::write:
      return "write";
    case StoreOperation::decode:
      return "decode";
    case StoreOperation::background:
      return "background";
  }
  return "unknown";
}

std::string database_version() {
  return fmt::format("{}.{}.{}", ROCKSDB_MAJOR, ROCKSDB_MINOR, ROCKSDB_PATCH);
}

std::shared_ptr<rocksdb::Statistics> make_statistics() {
  auto statistics = rocksdb::CreateDBStatistics();
  statistics->set_stats_level(rocksdb::StatsLevel::kExceptHistogramOrTimers);
  return statistics;
}

TableCounters counters_of(const rocksdb::Statistics& statistics) {
  return {.block_cache_hits = statistics.getTickerCount(rocksdb::BLOCK_CACHE_HIT),
          .block_cache_misses = statistics.getTickerCount(rocksdb::BLOCK_CACHE_MISS),
          .wal_syncs = statistics.getTickerCount(rocksdb::WAL_FILE_SYNCED),
          .wal_bytes = statistics.getTickerCount(rocksdb::WAL_FILE_BYTES),
          .flush_written_bytes = statistics.getTickerCount(rocksdb::FLUSH_WRITE_BYTES),
          .compaction_read_bytes = statistics.getTickerCount(rocksdb::COMPACT_READ_BYTES),
          .compaction_written_bytes = statistics.getTickerCount(rocksdb::COMPACT_WRITE_BYTES),
          .stall_us = statistics.getTickerCount(rocksdb::STALL_MICROS),
          .bloom_useful = statistics.getTickerCount(rocksdb::BLOOM_FILTER_USEFUL),
          .keys_read = statistics.getTickerCount(rocksdb::NUMBER_KEYS_READ),
          .keys_written = statistics.getTickerCount(rocksdb::NUMBER_KEYS_WRITTEN)};
}

std::array<std::uint64_t, table_levels> level_files(Database& database) {
  std::array<std::uint64_t, table_levels> files{};
  for (std::size_t family = 0; family < family_count; ++family) {
    for (std::size_t level = 0; level < table_levels; ++level) {
      const std::string name = rocksdb::DB::Properties::kNumFilesAtLevelPrefix + std::to_string(level);
      std::string text;
      std::uint64_t count = 0;
      if (!database.db().GetProperty(database.family(static_cast<Family>(family)), name, &text)) continue;
      if (std::from_chars(text.data(), text.data() + text.size(), count).ec == std::errc{})
        files[level] += count;
    }
  }
  return files;
}

}  // namespace syncd::store
