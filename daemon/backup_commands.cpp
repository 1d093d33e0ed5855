#include "daemon/backup_commands.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "daemon/config.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"
#include "daemon/notes.hpp"
#include "daemon/settings.hpp"
#include "store/backup.hpp"
#include "store/backup_verify.hpp"
#include "store/file_tree.hpp"
#include "store/restore.hpp"
#include "store/walk.hpp"

namespace syncd::daemon {

namespace {

constexpr std::string_view scratch_prefix = "drill-";
constexpr std::uint64_t drill_free_bytes = 64 << 20;  // that stay free beside the copy

core::WallTime wall_now() {
  return std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
}

// Prints each step with the time since the one before.
class Steps {
 public:
  explicit Steps(const Terminal& terminal) : terminal_(terminal) {}
  void operator()(std::string_view step, std::string_view found) {
    const Clock::time_point now = Clock::now();
    const std::chrono::duration<double> took = now - last_;
    last_ = now;
    terminal_.out(fmt::format("{:<10} {:>8.3f} s  {}", step, took.count(), found));
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Terminal& terminal_;
  Clock::time_point last_ = Clock::now();
};

int code_of(const core::Error& error) {
  switch (error.code) {
    case core::Errc::invalid:
      return exit_config;
    case core::Errc::not_found:
      return exit_failure;
    default:
      return exit_io;
  }
}

int complain(const core::Error& error, const Terminal& terminal) {
  terminal.error(error.message);
  return code_of(error);
}

core::Result<Config> config_of(const Options& options) {
  auto loaded = load_config(options.config_path, process_environment());
  if (loaded) return std::move(loaded->config);
  std::string message = "the configuration cannot be used";
  for (const ConfigProblem& problem : loaded.error())
    message += "\n" + describe(problem);
  return core::fail(core::Errc::invalid, std::move(message));
}

core::Result<std::string> latest_backup(const std::string& directory) {
  const auto all = store::list_backups(directory);
  if (!all) return std::unexpected(all.error());
  for (const store::BackupInfo& backup : *all) {
    if (backup.problem.empty()) return directory + "/" + backup.name;
  }
  return core::fail(core::Errc::not_found,
                    fmt::format("there is no backup in {}; moneykitctl backup create makes one", directory));
}

// The directory of the backup that the command line names.
core::Result<std::string> find_backup(const Options& options) {
  const bool latest = options.backup == "latest";
  if (!latest && !store::is_backup_name(options.backup)) return options.backup;
  const auto config = config_of(options);
  if (!config) return std::unexpected(config.error());
  const std::string directory = backup_directory_of(*config);
  if (latest) return latest_backup(directory);
  return directory + "/" + options.backup;
}

std::string name_of(const std::string& backup) {
  return (std::filesystem::path(backup) / "").parent_path().filename().string();
}

// Where it lies, of `a/b` and `a/b/`: a.
std::string place_of(const std::string& backup) {
  const auto place = (std::filesystem::path(backup) / "").parent_path().parent_path();
  return place.empty() ? "." : place.string();
}

int refuse_damaged(const std::string& backup, const store::BackupCheck& check, const Terminal& terminal) {
  for (const std::string& problem : check.problems)
    terminal.error(problem);
  terminal.error(fmt::format("the backup {} is damaged: use another one, and check the disk", backup));
  return exit_io;
}

// ---- drill -----------------------------------------------------------------------------------------------

// A directory of its own for the copy, which is people's data: gone in the end, and at the next drill when
// this one is killed.
class Scratch {
 public:
  static core::Result<Scratch> make(const std::string& above) {
    clear_old(above);
    std::string pattern = fmt::format("{}/{}XXXXXX", above, scratch_prefix);
    if (::mkdtemp(pattern.data()) == nullptr) {
      return core::fail(core::Errc::storage, fmt::format("cannot make a scratch directory in {}: {}; name "
                                                         "another place with --scratch",
                                                         above, std::generic_category().message(errno)));
    }
    return Scratch(std::move(pattern));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    if (!path_.empty()) static_cast<void>(store::remove_tree(path_));
  }
  const std::string& path() const { return path_; }
  core::Result<void> remove() { return store::remove_tree(std::exchange(path_, {})); }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}

  // Of drills that were killed: nobody holds their lock.
  static void clear_old(const std::string& above) {
    const auto names = store::list_names(above);
    if (!names) return;
    for (const std::string& name : *names) {
      const std::string path = above + "/" + name;
      if (!name.starts_with(scratch_prefix) || !std::filesystem::exists(path + "/lock")) continue;
      const auto lock = store::lock_store(path);
      if (lock) static_cast<void>(store::remove_tree(path));
    }
  }

  std::string path_;
};

// Reads everything that readers are shown, on the copy.
core::Result<void> read_all(store::Store& copy, const store::BackupFacts& facts,
                            const store::TellStep& tell) {
  const auto walk = store::walk_store(copy);
  if (!walk) return std::unexpected(walk.error());
  tell("read",
       fmt::format("{} links, {} accounts, {} transactions, {} relink entries, {} dead letters, {} acts",
                   walk->links, walk->accounts, walk->transactions, walk->relink_entries, walk->dead_letters,
                   walk->acts));
  if (walk->links == facts.links && walk->acts == facts.audit.sequence) return {};
  return core::fail(core::Errc::storage,
                    fmt::format("the copy has {} links and {} acts, the manifest says {} and {}", walk->links,
                                walk->acts, facts.links, facts.audit.sequence));
}

// As a daemon would start on it.
core::Result<void> open_once_more(const store::StoreOptions& options, const store::Restored& restored,
                                  const store::TellStep& tell) {
  auto opened = store::Store::open(options);
  if (!opened) return std::unexpected(opened.error());
  const auto slice = (*opened)->feed(0, 1);
  if (!slice) return std::unexpected(slice.error());
  const bool anew = slice->epoch == restored.epoch && slice->epoch > restored.manifest.facts.feed_epoch;
  if (!anew) return core::fail(core::Errc::storage, "consumers of the copy would not learn of the restore");
  if (auto closed = (*opened)->close(); !closed) return closed;
  tell("start", fmt::format("a daemon could go on; consumers see epoch {} after {}", slice->epoch,
                            restored.manifest.facts.feed_epoch));
  return {};
}

core::Result<void> drill(const std::string& backup, const std::string& above, const store::TellStep& tell) {
  const auto manifest = store::read_backup_manifest(backup);
  if (!manifest) return std::unexpected(manifest.error());
  auto scratch = Scratch::make(above);
  if (!scratch) return std::unexpected(scratch.error());
  store::RestorePlan plan;
  plan.backup = backup;
  plan.store.path = scratch->path();
  plan.store.environment = manifest->facts.environment;
  plan.store.upstream = manifest->facts.upstream;
  plan.store.min_free_bytes = drill_free_bytes;
  plan.tell = tell;
  plan.prepare = [&](store::Store& copy) { return read_all(copy, manifest->facts, tell); };
  const auto restored = store::restore_backup(plan);
  if (!restored) return std::unexpected(restored.error());
  if (auto opened = open_once_more(plan.store, *restored, tell); !opened) return opened;
  if (auto removed = scratch->remove(); !removed) return removed;
  tell("remove", "the copy is gone");
  return {};
}

// ---- restore ---------------------------------------------------------------------------------------------

// What was put back must be the service's: as another user, it could not be opened.
core::Result<void> require_owner(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0 || info.st_uid == ::geteuid()) return {};
  return core::fail(core::Errc::invalid,
                    fmt::format("{} belongs to the user with the id {}: restore as that user, for example "
                                "runuser -u moneykit-syncd -- moneykit-syncd backup restore ...",
                                path, info.st_uid));
}

// The act is in the audit log, and the first minute is spent as if every window were full.
core::Result<void> leave_notes(store::Store& copy, const std::string& name) {
  const core::WallTime now = wall_now();
  const auto taken = copy.take_note(budget_note);
  if (!taken) return std::unexpected(taken.error());
  if (auto noted = copy.put_note(restored_note, restored_note_of(now)); !noted) return noted;
  JsonWriter detail;
  detail.begin_object().member("backup", std::string_view(name));
  detail.member("feed_epoch", copy.stats().feed_epoch).end_object();
  const core::AuditNote act{
      .actor = fmt::format("uid:{}", ::geteuid()), .action = "backup.restore", .detail = detail.take()};
  const auto recorded = copy.record_act(now, act, std::nullopt);
  if (!recorded) return std::unexpected(recorded.error());
  return {};
}

core::Result<store::Restored> restore(const Options& options, const std::string& backup,
                                      const store::TellStep& tell) {
  const auto config = config_of(options);
  if (!config) return std::unexpected(config.error());
  if (auto own = require_owner(config->store.path); !own) return std::unexpected(own.error());
  store::RestorePlan plan;
  plan.backup = backup;
  plan.backup_directory = backup_directory_of(*config);
  plan.store = store_options_of(*config);
  plan.replace = options.replace;
  plan.tell = tell;
  plan.prepare = [name = name_of(backup)](store::Store& copy) { return leave_notes(copy, name); };
  return store::restore_backup(plan);
}

}  // namespace

int verify_backup(const Options& options, const Terminal& terminal) {
  const auto backup = find_backup(options);
  if (!backup) return complain(backup.error(), terminal);
  Steps steps(terminal);
  const auto check = store::verify_backup(*backup, std::ref(steps));
  if (!check) return complain(check.error(), terminal);
  if (!check->whole()) return refuse_damaged(*backup, *check, terminal);
  terminal.out(fmt::format("the backup {} is whole", *backup));
  return exit_ok;
}

int drill_backup(const Options& options, const Terminal& terminal) {
  const auto backup = find_backup(options);
  if (!backup) return complain(backup.error(), terminal);
  Steps steps(terminal);
  const std::string above = options.scratch.empty() ? place_of(*backup) : options.scratch;
  const auto drilled = drill(*backup, above, std::ref(steps));
  if (!drilled) return complain(drilled.error(), terminal);
  terminal.out(fmt::format("the drill of {} went well: it can be restored", *backup));
  return exit_ok;
}

int restore_backup(const Options& options, const Terminal& terminal) {
  const auto backup = find_backup(options);
  if (!backup) return complain(backup.error(), terminal);
  Steps steps(terminal);
  const auto restored = restore(options, *backup, std::ref(steps));
  if (!restored) return complain(restored.error(), terminal);
  terminal.out(
      fmt::format("the backup {} is in place; the feed begins anew with epoch {}", *backup, restored->epoch));
  if (!restored->replaced.empty()) {
    terminal.out(fmt::format("the store that was there is in {}: remove it when you do not need it any more",
                             restored->replaced));
  }
  terminal.out("next: start the daemon; docs/backup.md says what consumers see and what to do about purges");
  return exit_ok;
}

}  // namespace syncd::daemon
