#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <rocksdb/write_batch.h>

#include "store/database_impl.hpp"

namespace syncd::store {

// The schema that this program writes. Raise it together with a Migration from the version before.
inline constexpr std::uint64_t schema_version = 4;

// Brings a store from schema `from` to `from + 1`, batch by batch.
struct Migration {
  std::uint64_t from = 0;
  // Puts the next changes behind `position` (empty: from the start) into `batch`, a few thousand rows at
  // most, and moves `position` behind them. True: these were the last. A crash comes back with the position
  // of the last batch that was written, so each row is changed once; a step that is repeated from the same
  // position must put the same changes.
  std::function<core::Result<bool>(Database& database, std::string& position, rocksdb::WriteBatch& batch)>
      step;
};

// All steps there are, in order.
std::span<const Migration> migrations();

// Runs `steps` from version `from` to `to`. Each batch carries its position, the last one of a version the
// version itself: at every moment the store is at a known place, and the next start goes on there.
// Errc::invalid: a step is missing; or what a step says.
core::Result<void> migrate(Database& database, std::uint64_t from, std::uint64_t to,
                           std::span<const Migration> steps);

// nullopt: the store has no identity yet.
core::Result<std::optional<std::uint64_t>> read_schema_version(Database& database);
// Whether a migration away from the present version was begun and not finished.
core::Result<bool> migration_begun(Database& database);
std::string encode_schema_version(std::uint64_t version);

}  // namespace syncd::store
