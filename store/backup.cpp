#include "store/backup.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <rocksdb/file_system.h>
#include <rocksdb/utilities/checkpoint.h>

#include "store/backup_impl.hpp"
#include "store/file_tree.hpp"
#include "store/keys.hpp"
#include "store/migration_impl.hpp"
#include "store/store_impl.hpp"
#include "sync/core/sha256.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view partial_suffix = ".partial";
constexpr std::string_view removed_suffix = ".removed";
// Of a flush that does not end: the checkpoint then waits for it, as it would without this.
constexpr int looks_at_flush_max = 500;
constexpr std::size_t links_at_once = 10'000;
constexpr std::size_t removed_at_once = 8;  // files

bool is_leftover(std::string_view name) {
  for (const auto suffix : {partial_suffix, removed_suffix}) {
    if (name.ends_with(suffix) && is_backup_name(name.substr(0, name.size() - suffix.size()))) return true;
  }
  return false;
}

core::Result<void> prepare_backup_directory(const std::string& directory, const Disk& disk) {
  const auto there = is_directory(directory, disk);
  if (!there) return std::unexpected(there.error());
  if (*there) return {};
  if (const auto made = disk.files().CreateDir(directory, {}, nullptr); !made.ok()) {
    auto why = disk_failed("create the directory of backups", directory, made);
    why.error().message += "; create it for the user of this service, or set backup.directory to another one";
    return why;
  }
  return {};
}

core::Result<void> require_room(const std::string& directory, std::uint64_t needed, const Disk& disk) {
  constexpr std::uint64_t mebibyte = 1 << 20;
  const auto free = free_bytes(directory, disk);
  if (!free || *free >= needed) return {};
  return core::fail(core::Errc::storage,
                    fmt::format("{} has {} MiB of free disk space, and no backup is made below {} MiB; free "
                                "some space or remove old backups",
                                directory, *free / mebibyte, (needed + mebibyte - 1) / mebibyte));
}

// The name of `now`, or the next one that nothing has.
core::Result<std::string> free_name(const std::string& directory, core::WallTime now, const Disk& disk) {
  const auto taken = list_names(directory, disk);
  if (!taken) return std::unexpected(taken.error());
  while (true) {
    const auto name = backup_name_of(now);
    const bool used =
        std::ranges::any_of(*taken, [&name](const std::string& other) { return other.starts_with(name); });
    if (!used) return name;
    now += core::Millis{1};
  }
}

}  // namespace

struct BackupWriter::Impl {
  Impl(BackupSource from, BackupPlan wanted) : source(std::move(from)), plan(std::move(wanted)) {}

  core::Result<void> begin();
  core::Result<void> require_hard_links() const;
  core::Result<void> look_at_flush();
  core::Result<void> take_checkpoint();
  core::Result<void> count_links();
  core::Result<void> list_what_is_there();
  core::Result<void> read_piece();
  core::Result<void> finish();
  core::Result<void> choose_removals();
  core::Result<void> remove_next();
  core::Result<bool> set_next_aside();
  core::Result<bool> remove_some();
  std::string removed_path(const std::string& old) const { return path(old + std::string(removed_suffix)); }
  std::string partial() const { return path(name + std::string(partial_suffix)); }
  std::string path(std::string_view below) const { return fmt::format("{}/{}", plan.directory, below); }

  BackupSource source;
  BackupPlan plan;
  std::string name;
  Progress progress;
  BackupManifest manifest;
  int looks_at_flush = 0;
  std::unique_ptr<Scan> links;  // of the checkpoint's moment
  std::size_t file = 0;         // of the manifest: the one that is read
  std::optional<PieceReader> reader;
  core::Sha256 hash;
  std::vector<std::string> to_remove;
  std::string aside;  // the one that is being removed
  std::vector<std::string> removed;
  std::vector<std::string> troubles;
};

core::Result<std::unique_ptr<BackupWriter>> begin_backup(BackupSource source, const BackupPlan& plan) {
  auto impl = std::make_unique<BackupWriter::Impl>(std::move(source), plan);
  if (auto begun = impl->begin(); !begun) return std::unexpected(begun.error());
  return std::make_unique<BackupWriter>(std::move(impl));
}

core::Result<void> BackupWriter::Impl::begin() {
  const auto& disk = source.disk;
  if (auto made = prepare_backup_directory(plan.directory, disk); !made) return made;
  if (auto cleared = clear_backup_leftovers(plan.directory, disk); !cleared) return cleared;
  if (auto room = require_room(plan.directory, plan.min_free_bytes, disk); !room) return room;
  auto chosen = free_name(plan.directory, plan.now, disk);
  if (!chosen) return std::unexpected(chosen.error());
  name = std::move(*chosen);
  if (const auto made = disk.files().CreateDir(partial(), {}, nullptr); !made.ok())
    return disk_failed("create", partial(), made);
  if (auto possible = require_hard_links(); !possible) {
    static_cast<void>(remove_tree(partial(), disk));
    return possible;
  }
  // The checkpoint flushes what is left, which is little when the most was written in the meantime.
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (std::size_t i = 0; i < family_count; ++i)
    families.push_back(source.database.family(static_cast<Family>(i)));
  rocksdb::FlushOptions flush;
  flush.wait = false;
  const auto begun = source.database.db().Flush(flush, families);
  if (!begun.ok()) return std::unexpected(source.database.failed("flush the store", begun));
  return {};
}

// RocksDB would copy, with all commits waiting.
core::Result<void> BackupWriter::Impl::require_hard_links() const {
  auto& files = source.disk.files();
  const auto probe = partial() + "/probe";
  const auto linked = files.LinkFile(source.store_path + "/db/CURRENT", probe, {}, nullptr);
  if (!linked.ok()) {
    auto why = disk_failed("make a hard link of a file of the store at", probe, linked);
    why.error().code = core::Errc::invalid;
    why.error().message +=
        "; backup.directory must be on the file system of the store and, under systemd, below the same "
        "writable directory";
    return why;
  }
  const auto gone = files.DeleteFile(probe, {}, nullptr);
  return gone.ok() ? core::Result<void>{} : disk_failed("remove", probe, gone);
}

core::Result<void> BackupWriter::Impl::look_at_flush() {
  using Properties = rocksdb::DB::Properties;
  auto& database = source.database;
  const bool flushing = database.property(Properties::kMemTableFlushPending) +
                            database.property(Properties::kNumRunningFlushes) >
                        0;
  if (flushing && ++looks_at_flush < looks_at_flush_max) return {};
  progress.phase = Phase::checkpoint;
  return {};
}

core::Result<void> BackupWriter::Impl::take_checkpoint() {
  auto& database = source.database;
  rocksdb::Checkpoint* raw = nullptr;
  auto status = rocksdb::Checkpoint::Create(&database.db(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  if (status.ok()) status = checkpoint->CreateCheckpoint(partial() + "/db", 0);
  if (!status.ok()) {
    return core::fail(core::Errc::storage, fmt::format("cannot make the backup {}: {}", partial(),
                                                       without_content(status.ToString())));
  }
  // No commit comes between: this is the store's thread.
  manifest.facts = source.facts();
  links = std::make_unique<Scan>(database, Family::links, std::string{}, std::string(links_end), true);
  progress.phase = Phase::counting;
  return {};
}

core::Result<void> BackupWriter::Impl::count_links() {
  for (std::size_t seen = 0; links->valid() && seen < links_at_once; ++seen) {
    ++manifest.facts.links;
    links->next();
  }
  if (links->valid()) return {};
  auto counted = links->finish("count the links");
  links.reset();
  if (!counted) return counted;
  return list_what_is_there();
}

core::Result<void> BackupWriter::Impl::list_what_is_there() {
  const auto found = list_files(partial(), source.disk);
  if (!found) return std::unexpected(found.error());
  for (const auto& file_found : *found) {
    manifest.files.push_back({.name = file_found.name, .bytes = file_found.bytes});
    progress.bytes_all += file_found.bytes;
  }
  progress.phase = Phase::reading;
  return {};
}

core::Result<void> BackupWriter::Impl::read_piece() {
  if (file == manifest.files.size()) {
    progress.phase = Phase::finishing;
    return {};
  }
  auto& entry = manifest.files[file];
  if (!reader) {
    auto opened = PieceReader::open(partial() + "/" + entry.name, source.disk);
    if (!opened) return std::unexpected(opened.error());
    reader = std::move(*opened);
    entry.bytes = 0;
  }
  const auto piece = reader->next();
  if (!piece) return std::unexpected(piece.error());
  hash.add(*piece);
  entry.bytes += piece->size();
  progress.bytes_read += piece->size();
  if (piece->size() == piece_bytes) return {};
  entry.sha256 = hash.finish();
  reader.reset();
  ++file;
  return {};
}

// From the rename on it is a backup: everything in it was synced before.
core::Result<void> BackupWriter::Impl::finish() {
  const auto& disk = source.disk;
  auto done = sync_directory(disk, partial() + "/db");
  if (done) {
    done =
        write_durably(partial(), std::string(backup_manifest_name), encode_backup_manifest(manifest), disk);
  }
  if (done) done = rename_path(partial(), path(name), disk);
  if (done) done = sync_directory(disk, plan.directory);
  if (!done) return done;
  progress.phase = Phase::removing;
  return choose_removals();
}

core::Result<void> BackupWriter::Impl::choose_removals() {
  const auto all = list_backups(plan.directory, source.disk);
  if (!all) {
    troubles.push_back(all.error().message);
    return {};
  }
  std::size_t kept = 1;  // the one just made, also when the clock was set back
  for (const auto& backup : *all) {
    const bool own = backup.problem.empty() && backup.manifest.facts.instance == manifest.facts.instance;
    if (!own || backup.name == name) continue;
    if (kept < std::max<std::size_t>(plan.keep, 1)) {
      ++kept;
    } else {
      to_remove.push_back(backup.name);
    }
  }
  return {};
}

// What cannot be removed is told, and tried again the next time: the backup that was made is none the worse.
core::Result<void> BackupWriter::Impl::remove_next() {
  if (aside.empty() && to_remove.empty()) {
    progress.phase = Phase::done;
    return {};
  }
  const auto over = aside.empty() ? set_next_aside() : remove_some();
  if (!over) {
    troubles.push_back(over.error().message);
    aside.clear();
  } else if (*over) {
    removed.push_back(std::exchange(aside, {}));
  }
  return {};
}

// From the rename on it is no backup any more.
core::Result<bool> BackupWriter::Impl::set_next_aside() {
  const auto old = std::move(to_remove.back());
  to_remove.pop_back();
  if (auto renamed = rename_path(path(old), removed_path(old), source.disk); !renamed)
    return std::unexpected(renamed.error());
  aside = old;
  if (auto synced = sync_directory(source.disk, plan.directory); !synced)
    return std::unexpected(synced.error());
  return false;
}

// A few files, whose blocks may be freed now. True: it is gone.
core::Result<bool> BackupWriter::Impl::remove_some() {
  const auto directory = removed_path(aside);
  const auto files = list_files(directory, source.disk);
  if (!files) return std::unexpected(files.error());
  if (files->empty()) {
    if (auto gone = remove_tree(directory, source.disk); !gone) return std::unexpected(gone.error());
    return true;
  }
  for (std::size_t at = 0; at < std::min(files->size(), removed_at_once); ++at) {
    const auto old = directory + "/" + (*files)[at].name;
    if (const auto gone = source.disk.files().DeleteFile(old, {}, nullptr); !gone.ok())
      return disk_failed("remove", old, gone);
  }
  return false;
}

BackupWriter::BackupWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}

BackupWriter::~BackupWriter() = default;

core::Result<BackupWriter::Progress> BackupWriter::step() {
  core::Result<void> done;
  switch (impl_->progress.phase) {
    case Phase::flushing:
      done = impl_->look_at_flush();
      break;
    case Phase::checkpoint:
      done = impl_->take_checkpoint();
      break;
    case Phase::counting:
      done = impl_->count_links();
      break;
    case Phase::reading:
      done = impl_->read_piece();
      break;
    case Phase::finishing:
      done = impl_->finish();
      break;
    case Phase::removing:
      done = impl_->remove_next();
      break;
    case Phase::done:
      break;
  }
  if (!done) return std::unexpected(done.error());
  return impl_->progress;
}

void BackupWriter::abandon() {
  impl_->links.reset();
  impl_->reader.reset();
  // What stays is cleared away by the next one.
  if (impl_->progress.phase < Phase::removing)
    static_cast<void>(remove_tree(impl_->partial(), impl_->source.disk));
}

const std::string& BackupWriter::name() const {
  return impl_->name;
}

const BackupManifest& BackupWriter::manifest() const {
  return impl_->manifest;
}

const std::vector<std::string>& BackupWriter::removed() const {
  return impl_->removed;
}

const std::vector<std::string>& BackupWriter::troubles() const {
  return impl_->troubles;
}

core::Result<void> clear_backup_leftovers(const std::string& directory, const Disk& disk) {
  const auto names = list_names(directory, disk);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    if (!is_leftover(name)) continue;
    if (auto gone = remove_tree(directory + "/" + name, disk); !gone) return gone;
  }
  return {};
}

core::Result<BackupManifest> read_backup_manifest(const std::string& backup, const Disk& disk) {
  const auto path = fmt::format("{}/{}", backup, backup_manifest_name);
  const auto text = read_small_file(path, backup_manifest_bytes_max, disk);
  if (!text) return std::unexpected(text.error());
  if (!*text) {
    return core::fail(core::Errc::not_found,
                      fmt::format("{} is no backup: it has no file {}", backup, backup_manifest_name));
  }
  return decode_backup_manifest(**text);
}

core::Result<std::vector<BackupInfo>> list_backups(const std::string& directory, const Disk& disk) {
  const auto names = list_names(directory, disk);
  if (!names) return std::unexpected(names.error());
  std::vector<BackupInfo> backups;
  for (const auto& name : *names) {
    if (!is_backup_name(name)) continue;
    auto manifest = read_backup_manifest(directory + "/" + name, disk);
    BackupInfo info;
    info.name = name;
    if (manifest) {
      info.manifest = std::move(*manifest);
    } else {
      info.problem = manifest.error().message;
    }
    backups.push_back(std::move(info));
  }
  std::ranges::reverse(backups);
  return backups;
}

core::Result<std::unique_ptr<BackupWriter>> Store::begin_backup(const BackupPlan& plan) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  const auto facts = [impl = impl_.get(), program = plan.program_version, now = plan.now] {
    return BackupFacts{.created_at = now,
                       .program_version = program,
                       .schema_version = schema_version,
                       .instance = to_hex(impl->high_water.instance),
                       .environment = impl->options.environment,
                       .upstream = impl->options.upstream,
                       .feed_epoch = impl->feed.epoch,
                       .feed_head = impl->feed.head,
                       .audit = impl->audit.head()};
  };
  return store::begin_backup(
      {.store_path = impl_->options.path, .database = *impl_->database, .disk = impl_->disk, .facts = facts},
      plan);
}

}  // namespace syncd::store
