#include "store/restore.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <rocksdb/file_system.h>

#include "store/backup.hpp"
#include "store/file_tree.hpp"
#include "store/high_water.hpp"
#include "store/manifest_repair_impl.hpp"
#include "store/store_files.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view partial_name = "restore.partial";
constexpr std::string_view replaced_prefix = "replaced-";
constexpr std::string_view database_name = "db";

// In the order in which they leave and, from the back, arrive: nobody who opens the store in between finds a
// database with a marker of another one. The high-water mark is there all the time, the old or the new one:
// also an empty store then begins with an epoch above.
const std::vector<std::string>& store_entries() {
  static const std::vector<std::string> entries{std::string(clean_close_name), std::string(torn_table_name),
                                                std::string(high_water_name), std::string(database_name)};
  return entries;
}

class Restore {
 public:
  explicit Restore(const RestorePlan& plan) : plan_(plan), disk_(plan.store.file_system) {}

  core::Result<Restored> run();

 private:
  core::Result<void> look_at_place();
  core::Result<void> verify();
  core::Result<void> fits() const;
  core::Result<void> find_epochs();
  core::Result<void> copy();
  core::Result<void> open_copy();
  core::Result<void> move_old_aside();
  core::Result<void> copy_mark_to(const std::string& directory) const;
  core::Result<void> move_in();

  std::string path(std::string_view name) const { return fmt::format("{}/{}", plan_.store.path, name); }
  core::Result<std::vector<std::string>> present(const std::string& directory) const;
  void know(std::uint64_t epoch) { epoch_known_ = std::max(epoch_known_, epoch); }

  const RestorePlan& plan_;
  Disk disk_;
  StoreLock lock_;
  Restored restored_;
  std::uint64_t epoch_known_ = 0;
};

core::Result<Restored> Restore::run() {
  for (const auto step : {&Restore::look_at_place, &Restore::verify, &Restore::find_epochs, &Restore::copy,
                          &Restore::open_copy, &Restore::move_old_aside, &Restore::move_in}) {
    if (auto done = (this->*step)(); !done) return std::unexpected(done.error());
  }
  return std::move(restored_);
}

// Those of a store's entries that are in the directory.
core::Result<std::vector<std::string>> Restore::present(const std::string& directory) const {
  const auto names = list_names(directory, disk_);
  if (!names) return std::unexpected(names.error());
  std::vector<std::string> found;
  for (const auto& entry : store_entries()) {
    if (std::ranges::binary_search(*names, entry)) found.push_back(entry);
  }
  return found;
}

core::Result<void> Restore::look_at_place() {
  if (auto made = prepare_directory(plan_.store.path, disk_); !made) return made;
  auto lock = lock_store(plan_.store.path, disk_);
  if (!lock) return std::unexpected(lock.error());
  lock_ = std::move(*lock);
  const auto there = present(plan_.store.path);
  if (!there) return std::unexpected(there.error());
  if (there->empty() || plan_.replace) return {};
  return core::fail(core::Errc::invalid,
                    fmt::format("there is a store in {} already ({}); with --replace it is moved aside, into "
                                "a directory {}TIME in it",
                                plan_.store.path, fmt::join(*there, ", "), replaced_prefix));
}

core::Result<void> Restore::verify() {
  auto check = verify_backup(plan_.backup, plan_.tell, disk_);
  if (!check) return std::unexpected(check.error());
  restored_.manifest = std::move(check->manifest);
  if (check->whole()) return fits();
  return core::fail(core::Errc::storage,
                    fmt::format("the backup {} is damaged, nothing was restored: {}; use another one",
                                plan_.backup, fmt::join(check->problems, "; ")));
}

core::Result<void> Restore::fits() const {
  const auto& facts = restored_.manifest.facts;
  const auto same = [this](std::string_view what, const std::string& of_backup,
                           const std::string& configured) -> core::Result<void> {
    if (of_backup == configured) return {};
    return core::fail(core::Errc::invalid,
                      fmt::format("the backup {} belongs to {} \"{}\", the configuration says \"{}\"; use "
                                  "another backup, or correct the configuration",
                                  plan_.backup, what, of_backup, configured));
  };
  if (auto fits = same("environment", facts.environment, plan_.store.environment); !fits) return fits;
  if (auto fits = same("upstream", facts.upstream, plan_.store.upstream); !fits) return fits;
  const auto needed = restored_.manifest.bytes() + plan_.store.min_free_bytes;
  return require_free_space(plan_.store.path, needed, disk_);
}

// Every epoch that consumers may have seen and that this machine still knows.
core::Result<void> Restore::find_epochs() {
  know(restored_.manifest.facts.feed_epoch);
  for (const auto& directory : {plan_.backup + "/..", plan_.backup_directory}) {
    if (directory.empty()) continue;
    const auto others = list_backups(directory, disk_);
    if (!others) return std::unexpected(others.error());
    for (const auto& backup : *others)
      know(backup.manifest.facts.feed_epoch);
  }
  const auto names = list_names(plan_.store.path, disk_);
  if (!names) return std::unexpected(names.error());
  std::vector<std::string> places{plan_.store.path};
  for (const auto& name : *names) {
    if (name.starts_with(replaced_prefix)) places.push_back(path(name));
  }
  for (const auto& place : places) {
    const auto mark = load_high_water(place, disk_);
    if (!mark) return std::unexpected(mark.error());
    if (*mark) know((*mark)->epoch);
  }
  return {};
}

core::Result<void> Restore::copy() {
  const auto partial = path(partial_name);
  if (auto cleared = remove_tree(partial, disk_); !cleared) return cleared;
  if (auto made = prepare_directory(partial, disk_); !made) return made;
  if (auto made = prepare_directory(partial + "/db", disk_); !made) return made;
  for (const auto& file : restored_.manifest.files) {
    const auto sum = copy_file(plan_.backup + "/" + file.name, partial + "/" + file.name, disk_);
    if (!sum) return std::unexpected(sum.error());
    // It was right a moment ago; what was read now is what counts.
    if (sum->bytes == file.bytes && sum->sha256 == file.sha256) continue;
    return core::fail(core::Errc::storage,
                      fmt::format("{} of the backup {} changed while it was copied; check the disk",
                                  file.name, plan_.backup));
  }
  plan_.tell("copy",
             fmt::format("{} files, {} bytes", restored_.manifest.files.size(), restored_.manifest.bytes()));
  return sync_directory(disk_, partial + "/db");
}

core::Result<void> Restore::open_copy() {
  auto options = plan_.store;
  options.path = path(partial_name);
  options.restored_above_epoch = epoch_known_;
  auto opened = Store::open(options);
  if (!opened) return std::unexpected(opened.error());
  restored_.epoch = (*opened)->stats().feed_epoch;
  plan_.tell("open", fmt::format("the store opens; feed epoch {} begins", restored_.epoch));
  if (plan_.prepare) {
    if (auto prepared = plan_.prepare(**opened); !prepared) return prepared;
  }
  return (*opened)->close();
}

core::Result<void> Restore::move_old_aside() {
  const auto there = present(plan_.store.path);
  if (!there) return std::unexpected(there.error());
  if (there->empty()) return {};
  auto now = plan_.store.wall_now ? plan_.store.wall_now()
                                  : std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
  std::string aside;
  for (bool taken = true; taken; now += core::Millis{1}) {
    aside = path(std::string(replaced_prefix) + backup_name_of(now));
    const auto found = is_directory(aside, disk_);
    if (!found) return std::unexpected(found.error());
    taken = *found;
  }
  if (auto made = prepare_directory(aside, disk_); !made) return made;
  for (const auto& entry : *there) {
    const auto moved =
        entry == high_water_name ? copy_mark_to(aside) : rename_path(path(entry), aside + "/" + entry, disk_);
    if (!moved) return moved;
  }
  restored_.replaced = aside;
  plan_.tell("set aside", fmt::format("the store that was there is in {}", aside));
  if (auto synced = sync_directory(disk_, aside); !synced) return synced;
  return sync_directory(disk_, plan_.store.path);
}

core::Result<void> Restore::copy_mark_to(const std::string& directory) const {
  const auto mark = read_small_file(path(high_water_name), 4096, disk_);
  if (!mark) return std::unexpected(mark.error());
  return write_durably(directory, std::string(high_water_name), mark->value_or(""), disk_);
}

core::Result<void> Restore::move_in() {
  const auto partial = path(partial_name);
  const auto made = present(partial);
  if (!made) return std::unexpected(made.error());
  for (auto entry = made->rbegin(); entry != made->rend(); ++entry) {
    if (auto moved = rename_path(partial + "/" + *entry, path(*entry), disk_); !moved) return moved;
  }
  if (auto synced = sync_directory(disk_, partial); !synced) return synced;
  if (auto synced = sync_directory(disk_, plan_.store.path); !synced) return synced;
  // What is left of it the next restore clears away.
  static_cast<void>(remove_tree(partial, disk_));
  return {};
}

}  // namespace

core::Result<Restored> restore_backup(const RestorePlan& plan) {
  return Restore(plan).run();
}

}  // namespace syncd::store
