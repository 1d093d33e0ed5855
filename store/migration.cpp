#include <algorithm>

#include <fmt/format.h>

#include "store/advice.hpp"
#include "store/codec.hpp"
#include "store/feed.hpp"
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

constexpr std::size_t rows_per_batch = 2'000;

// ---- from 1 to 2: the relink queue in its order, links by their users ----

// An entry as version 1 wrote it, with what it now tells of its link, and its place in the queue.
core::Result<void> move_entry(Database& database, std::string_view link_id, std::string_view value,
                              rocksdb::WriteBatch& batch) {
  auto entry = decode_relink(link_id, value);
  if (!entry) return std::unexpected(entry.error());
  const std::string key = link_key(link_id);
  const auto record_value = database.get(Family::links, key);
  if (!record_value) return std::unexpected(record_value.error());
  if (*record_value) {
    auto record = decode_link(link_id, **record_value);
    if (!record) return std::unexpected(record.error());
    entry->provider = std::move(record->provider);
    entry->customer_user_id = std::move(record->customer_user_id);
  }
  std::string text;
  encode_relink(text, *entry);
  batch.Put(database.family(Family::relink), key, text);
  text.clear();
  encode_relink_place(text, *entry);
  batch.Put(database.family(Family::relink), queue_key(*entry), text);
  return {};
}

core::Result<void> note_user(Database& database, std::string_view link_id, std::string_view value,
                             rocksdb::WriteBatch& batch) {
  const auto record = decode_link(link_id, value);
  if (!record) return std::unexpected(record.error());
  if (!record->customer_user_id.empty())
    batch.Put(database.family(Family::links), user_link_key(record->customer_user_id, link_id), {});
  return {};
}

// Position: the family's number, then the key behind which it goes on.
core::Result<bool> add_places(Database& database, std::string& position, rocksdb::WriteBatch& batch) {
  constexpr char entries = 'e';
  constexpr char links = 'l';
  if (position.empty()) position = entries;
  const bool at_entries = position.front() == entries;
  const std::string after = position.substr(1);
  const Family family = at_entries ? Family::relink : Family::links;
  Scan scan(database, family, after.empty() ? after : after + '\0', std::string(links_end));
  for (std::size_t rows = 0; scan.valid(); scan.next(), ++rows) {
    if (rows == rows_per_batch) return false;
    const auto link_id = parse_link_key(scan.key());
    if (!link_id) return std::unexpected(damaged("link key"));
    auto done = at_entries ? move_entry(database, *link_id, scan.value(), batch)
                           : note_user(database, *link_id, scan.value(), batch);
    if (!done) return std::unexpected(done.error());
    position = position.front() + std::string(scan.key());
  }
  if (auto done = scan.finish("convert the store"); !done) return std::unexpected(done.error());
  if (!at_entries) return true;
  position = links;
  return false;
}

// ---- from 2 to 3: which blocks of the feed are about a link ----

constexpr std::size_t blocks_per_batch = 2'000;

// Position: the feed key behind which it goes on.
core::Result<bool> add_link_feeds(Database& database, std::string& position, rocksdb::WriteBatch& batch) {
  Scan scan(database, Family::feed, position.empty() ? position : position + '\0', {});
  for (std::size_t blocks = 0; scan.valid(); scan.next(), ++blocks) {
    if (blocks == blocks_per_batch) return false;
    const auto key = parse_feed_key(scan.key());
    if (!key) return std::unexpected(damaged("feed key"));
    const auto head = decode_feed_block_head(scan.value());
    if (!head) return std::unexpected(head.error());
    batch.Put(database.family(Family::accounts),
              link_feed_key(head->link_id, key->epoch, key->first_sequence), {});
    position = scan.key();
  }
  if (auto done = scan.finish("convert the store"); !done) return std::unexpected(done.error());
  return true;
}

// ---- from 3 to 4: a feed may lack its beginning, which version 3 takes for damage ----

core::Result<bool> change_nothing(Database&, std::string&, rocksdb::WriteBatch&) {
  return true;
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
  static const Migration steps[] = {{.from = 1, .step = &add_places},
                                    {.from = 2, .step = &add_link_feeds},
                                    {.from = 3, .step = &change_nothing}};
  return steps;
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
