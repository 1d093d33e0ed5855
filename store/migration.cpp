#include <algorithm>

#include <fmt/format.h>

#include "store/advice.hpp"
#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/migration_impl.hpp"

namespace syncd::store {
namespace {

// Where a migration that was begun goes on: the version it comes from and the position behind the last batch.
std::string encode_place(std::uint64_t from, std::string_view position) {
  std::string value;
  encode_blob_head(value);
  Writer(value).varint(from);
  value += position;
  return value;
}

// Empty: from the start. A place that belongs to another version was left by nobody.
core::Result<std::string> position_in(Database& database, std::uint64_t from) {
  const auto value = database.get(Family::meta, meta_key::migration);
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::string{};
  const auto place = decode_blob("migration", **value);
  if (!place) return std::unexpected(place.error());
  Reader in(*place);
  if (in.varint() != from || !in.ok()) return std::unexpected(damaged("migration"));
  return std::string(in.rest());
}

core::Result<void> run_step(Database& database, const Migration& migration) {
  auto position = position_in(database, migration.from);
  if (!position) return std::unexpected(position.error());
  rocksdb::WriteBatch batch;
  bool last = false;
  while (!last) {
    batch.Clear();
    const auto answer = migration.step(database, *position, batch);
    if (!answer) return std::unexpected(answer.error());
    last = *answer;
    auto* const meta = database.family(Family::meta);
    if (last) {
      batch.Put(meta, to_slice(meta_key::schema), encode_schema_version(migration.from + 1));
      batch.Delete(meta, to_slice(meta_key::migration));
    } else {
      batch.Put(meta, to_slice(meta_key::migration), encode_place(migration.from, *position));
    }
    if (auto written = database.write(batch, true); !written) return written;
  }
  return {};
}

}  // namespace

std::span<const Migration> migrations() {
  return {};  // version 1 is the first
}

core::Result<void> migrate(Database& database, std::uint64_t from, std::uint64_t to,
                           std::span<const Migration> steps) {
  for (std::uint64_t version = from; version < to; ++version) {
    const auto step = std::ranges::find(steps, version, &Migration::from);
    if (step == steps.end()) {
      return core::fail(core::Errc::invalid,
                        fmt::format("the store's schema version {} cannot be brought to {}: this program has "
                                    "no step from it; run a version in between, or {}",
                                    version, to, restore_advice));
    }
    if (auto done = run_step(database, *step); !done) return done;
  }
  return {};
}

core::Result<std::optional<std::uint64_t>> read_schema_version(Database& database) {
  const auto value = database.get(Family::meta, meta_key::schema);
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  const auto bytes = decode_blob("schema version", **value);
  if (!bytes) return std::unexpected(bytes.error());
  Reader in(*bytes);
  const auto version = in.varint();
  if (!in.finished()) return std::unexpected(damaged("schema version"));
  return version;
}

core::Result<bool> migration_begun(Database& database) {
  const auto value = database.get(Family::meta, meta_key::migration);
  if (!value) return std::unexpected(value.error());
  return value->has_value();
}

std::string encode_schema_version(std::uint64_t version) {
  std::string value;
  encode_blob_head(value);
  Writer(value).varint(version);
  return value;
}

}  // namespace syncd::store
