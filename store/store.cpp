#include "store/store.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <rocksdb/file_system.h>

#include "store/batch_impl.hpp"
#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/link_count_impl.hpp"
#include "store/statistics_impl.hpp"
#include "store/store_impl.hpp"

namespace syncd::store {
namespace {

// Memory that a batch may keep for the next commit.
constexpr std::size_t batch_bytes_kept = 4 << 20;

std::uint64_t log_bytes(const Disk& disk, const std::string& directory) {
  std::vector<std::string> names;
  if (!disk.files().GetChildren(directory, {}, &names, nullptr).ok()) return 0;
  std::uint64_t bytes = 0;
  for (const auto& name : names) {
    if (!name.ends_with(".log")) continue;
    std::uint64_t size = 0;  // RocksDB removes logs while we look
    if (disk.files().GetFileSize(fmt::format("{}/{}", directory, name), {}, &size, nullptr).ok())
      bytes += size;
  }
  return bytes;
}

}  // namespace

const std::vector<std::string>& Store::notices() const {
  return impl_->notices;
}

core::Result<void> Store::Impl::ready() const {
  if (database) return {};
  return core::fail(core::Errc::storage, fmt::format("store {} is closed", options.path));
}

core::Result<std::optional<core::LinkRecord>> Store::load(const core::LinkId& link_id) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (!is_storable_id(link_id.str())) return std::nullopt;
  auto& database = *impl_->database;
  rocksdb::PinnableSlice value;
  const auto found = database.get(Family::links, link_key(link_id.str()), value);
  if (!found) return std::unexpected(found.error());
  if (!*found) {
    impl_->cache.put(link_id.str(), 0);
    return std::nullopt;
  }
  auto record = decode_link(link_id.str(), to_view(value));
  if (!record) return std::unexpected(database.failed("load a link", record.error()));
  impl_->cache.put(link_id.str(), record->fence);
  return std::move(*record);
}

core::Result<std::string> Store::link_object(const core::LinkId& link_id) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (!is_storable_id(link_id.str())) return std::string{};
  rocksdb::PinnableSlice value;
  const auto found = impl_->database->get(Family::accounts, link_object_key(link_id.str()), value);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::string{};
  const auto json = decode_blob("link object", to_view(value));
  if (!json) return std::unexpected(impl_->database->failed("read a link object", json.error()));
  return std::string(*json);
}

core::Result<std::vector<CommitOutcome>> Store::commit(std::span<const core::LinkUpdate* const> updates) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  for (const auto* update : updates) {
    if (auto valid = check_update(*update); !valid) return std::unexpected(valid.error());
  }
  auto& batch = impl_->batch;
  batch.Clear();
  BatchBuilder builder(*impl_->database, impl_->cache, impl_->dead_letters, impl_->audit, batch, impl_->feed);
  std::vector<CommitOutcome> outcomes;
  outcomes.reserve(updates.size());
  for (const auto* update : updates) {
    const auto outcome = builder.add(*update);
    if (!outcome) return std::unexpected(outcome.error());
    outcomes.push_back(*outcome);
  }
  const auto anything = builder.finish();
  if (!anything) return std::unexpected(anything.error());
  if (*anything) {
    if (auto written = impl_->database->write(batch, impl_->options.sync_writes); !written) {
      return std::unexpected(written.error());
    }
    ++impl_->commits;
    impl_->feed = builder.feed();
  }
  builder.remember();
  if (batch.GetDataSize() > batch_bytes_kept) batch = rocksdb::WriteBatch();
  return outcomes;
}

std::uint64_t Store::links_estimate() const {
  return impl_->database ? estimate_links(*impl_->database) : 0;
}

core::Result<void> Store::for_each_link(const std::function<void(const LinkSummary&)>& visit) {
  if (auto ready = impl_->ready(); !ready) return ready;
  Scan scan(*impl_->database, Family::links, {}, std::string(links_end), true);
  LinkSummary summary;
  for (; scan.valid(); scan.next()) {
    const auto link_id = parse_link_key(scan.key());
    if (!link_id) return std::unexpected(impl_->database->failed("list links", damaged("link key")));
    if (auto decoded = decode_link_summary(scan.value(), summary); !decoded) {
      return std::unexpected(impl_->database->failed("list links", decoded.error()));
    }
    summary.link_id = core::LinkId{std::string(*link_id)};
    visit(summary);
  }
  return scan.finish("list links");
}

core::Result<std::vector<core::GateFreeze>> Store::freezes() {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  std::vector<core::GateFreeze> freezes;
  for (std::uint8_t number = 1; number <= core::endpoint_count; ++number) {
    const auto endpoint = static_cast<core::Endpoint>(number);
    const auto value = impl_->database->get(Family::meta, freeze_key(endpoint));
    if (!value) return std::unexpected(value.error());
    if (!*value) continue;
    const auto until = decode_freeze(**value);
    if (!until) return std::unexpected(impl_->database->failed("read retry windows", until.error()));
    freezes.push_back({.endpoint = endpoint, .until = *until});
  }
  return freezes;
}

core::Result<void> Store::put_freeze(const core::GateFreeze& freeze) {
  if (auto ready = impl_->ready(); !ready) return ready;
  std::string value;
  encode_freeze(value, freeze.until);
  return impl_->write_meta(freeze_key(freeze.endpoint), value);
}

core::Result<void> Store::put_note(std::string_view name, std::string_view value) {
  if (auto ready = impl_->ready(); !ready) return ready;
  std::string stored;
  encode_blob_head(stored);
  stored += value;
  return impl_->write_meta(note_key(name), stored);
}

core::Result<bool> Store::put_link_note(const core::LinkId& link_id, std::string_view name,
                                        std::string_view value) {
  const auto record = load(link_id);
  if (!record) return std::unexpected(record.error());
  if (!*record) return false;
  if (auto written = put_note(name, value); !written) return std::unexpected(written.error());
  return true;
}

core::Result<std::optional<std::string>> Store::note(std::string_view name) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  const auto value = impl_->database->get(Family::meta, note_key(name));
  if (!value) return std::unexpected(value.error());
  if (!*value) return std::nullopt;
  const auto content = decode_blob("note", **value);
  if (!content) return std::unexpected(impl_->database->failed("read a note", content.error()));
  return std::string(*content);
}

core::Result<std::optional<std::string>> Store::take_note(std::string_view name) {
  auto content = note(name);
  if (!content || !*content) return content;
  impl_->batch.Clear();
  impl_->batch.Delete(impl_->database->family(Family::meta), note_key(name));
  if (auto written = impl_->database->write(impl_->batch, true); !written)
    return std::unexpected(written.error());
  return content;
}

std::uint64_t Store::feed_head() const {
  return impl_->feed.head;
}

StoreStats Store::stats() {
  StoreStats stats;
  stats.feed_epoch = impl_->feed.epoch;
  stats.feed_head = impl_->feed.head;
  stats.feed_first = impl_->feed_first;
  stats.published = impl_->high_water.published;
  stats.commits = impl_->commits;
  stats.write_stops = impl_->health->stops();
  stats.dead_letters_evicted = impl_->dead_letters.evicted();
  for (std::size_t at = 0; at < store_operation_count; ++at)
    stats.errors[at] = impl_->health->errors(static_cast<StoreOperation>(at + 1));
  stats.disk_free_bytes = free_bytes(impl_->options.path, impl_->disk).value_or(0);
  if (!impl_->database) return stats;
  using Properties = rocksdb::DB::Properties;
  auto& database = *impl_->database;
  stats.disk_bytes =
      database.property(Properties::kLiveSstFilesSize) + log_bytes(impl_->disk, impl_->options.path + "/db");
  stats.memtable_bytes = database.property(Properties::kSizeAllMemTables);
  std::uint64_t usage = 0;  // one cache serves all families
  if (database.db().GetIntProperty(database.family(Family::links), Properties::kBlockCacheUsage, &usage)) {
    stats.block_cache_bytes = usage;
  }
  stats.pending_compaction_bytes = database.property(Properties::kEstimatePendingCompactionBytes);
  stats.write_stopped = database.property(Properties::kIsWriteStopped) != 0;
  if (impl_->dead_letters.load(database)) stats.dead_letters = impl_->dead_letters.size();
  stats.tables = counters_of(database.statistics());
  stats.level_files = level_files(database);
  // Of the whole database, whichever family is asked.
  std::uint64_t running = 0;
  if (database.db().GetIntProperty(Properties::kNumRunningCompactions, &running))
    stats.running_compactions = running;
  return stats;
}

bool Store::healthy() const {
  return impl_->health->ok();
}

void Store::on_unhealthy(std::function<void(std::string)> notify) {
  impl_->health->on_failure(std::move(notify));
}

}  // namespace syncd::store
