#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/backup.hpp"
#include "store/backup_verify.hpp"
#include "store/restore.hpp"
#include "tests/crash/store/driver.hpp"
#include "tests/crash/store/points.hpp"

// Power cuts, errors and a disk without space at each operation of a backup and of a restore: what is called
// a backup is whole, the one before is still there, and the store is the old one, the new one, or none of the
// two that a restore cannot still make. SYNCD_CRASH_SEEDS set: each operation with every policy.
namespace syncd::test {
namespace {

constexpr std::uint64_t seed = 20'261'801;
constexpr int rows = 40;
constexpr Policy policies[] = {Policy::lose_all, Policy::keep_all, Policy::prefix, Policy::torn};
const std::string backups = std::string(store_path) + "/backups";
constexpr std::string_view first_name = "20261130T005320.123Z";
const core::WallTime first_at{core::Millis{1'796'000'000'123}};

using Files = std::shared_ptr<CrashingFileSystem>;

std::string commit_link(store::Store& store, const std::string& link) {
  core::LinkUpdate update;
  update.link_id = core::LinkId{link};
  update.record.link_id = update.link_id;
  update.record.fence = 1;
  update.at = core::WallTime{core::Millis{1'700'000'000'000}};
  std::vector<std::string> ids;
  for (int i = 0; i < rows; ++i)
    ids.push_back(fmt::format("{}_{:04}", link, i));
  for (const auto& id : ids) {
    update.transaction_puts.push_back(
        {.transaction_id = id, .account_id = "acc", .json = R"({"amount":"1.00"})", .posted_from = {}});
    update.changes.push_back(
        {.kind = core::ChangeKind::transaction_created, .id = id, .before = {}, .after = "{}"});
  }
  const core::LinkUpdate* one = &update;
  const auto outcomes = store.commit({&one, 1});
  return outcomes ? "" : outcomes.error().message;
}

std::string take_backup(store::Store& store, core::WallTime now, std::size_t keep) {
  const store::BackupPlan plan{
      .directory = backups, .program_version = "1.2.3", .keep = keep, .min_free_bytes = 1 << 20, .now = now};
  auto writer = store.begin_backup(plan);
  if (!writer) return writer.error().message;
  while (true) {
    const auto progress = (*writer)->step();
    if (!progress) {
      (*writer)->abandon();
      return progress.error().message;
    }
    if (progress->phase == store::BackupWriter::Phase::done) return {};
  }
}

// A store with one backup, and one link that is not in it.
std::string prepare(const Files& files) {
  auto store = store::Store::open(scenario_options(files));
  if (!store) return store.error().message;
  if (auto error = commit_link(**store, "old"); !error.empty()) return error;
  if (auto error = take_backup(**store, first_at, 1); !error.empty()) return error;
  if (auto error = commit_link(**store, "new"); !error.empty()) return error;
  if (const auto slice = (*store)->feed(0, 1); !slice) return slice.error().message;
  const auto closed = (*store)->close();
  return closed ? "" : closed.error().message;
}

// Everything that is called a backup must be one.
Violations check_backups(const Files& files) {
  const store::Disk disk(files);
  const auto all = store::list_backups(backups, disk);
  if (!all) return {"backups: " + all.error().message};
  if (all->empty()) return {"backups: none is left"};
  Violations found;
  for (const auto& backup : *all) {
    const auto check =
        store::verify_backup(backups + "/" + backup.name, [](std::string_view, std::string_view) {}, disk);
    if (!check) found.push_back("backup " + backup.name + ": " + check.error().message);
    if (check && !check->whole()) found.push_back("backup " + backup.name + ": " + check->problems[0]);
  }
  return found;
}

std::size_t count_links(store::Store& store) {
  const auto links = store.links({}, 100, std::nullopt);
  return links ? links->items.size() : 0;
}

// ---- a backup --------------------------------------------------------------------------------------------

std::string backup_again(const Files& files) {
  auto store = store::Store::open(scenario_options(files));
  if (!store) return store.error().message;
  const auto error = take_backup(**store, first_at + std::chrono::hours(24), 1);
  const auto closed = (*store)->close();
  if (!error.empty()) return error;
  return closed ? "" : closed.error().message;
}

// After whatever happened: the store is as it was, there is a whole backup, and another one can be made.
Violations check_after_backup(const DiskImage& image) {
  Journal journal;
  const auto files = std::make_shared<CrashingFileSystem>(image, journal);
  if (auto found = check_backups(files); !found.empty()) return found;
  auto store = store::Store::open(scenario_options(files));
  if (!store) return {"opening: " + store.error().message};
  if (count_links(**store) != 2) return {"the store lost a link"};
  const auto slice = (*store)->feed(0, 1);
  if (!slice || slice->epoch != 1) return {"a backup begins no epoch"};
  if (auto error = take_backup(**store, first_at + std::chrono::hours(48), 1); !error.empty())
    return {"the next backup: " + error};
  const auto names = store::list_backups(backups, store::Disk(files));
  if (!names || names->size() != 1) return {"older backups were not removed"};
  std::vector<std::string> there;
  if (!files->GetChildren(backups, {}, &there, nullptr).ok() || there.size() != 1)
    return {"something unfinished was left"};
  return check_backups(files);
}

// ---- a restore -------------------------------------------------------------------------------------------

core::Result<store::Restored> restore(const Files& files) {
  store::RestorePlan plan;
  plan.backup = backups + "/" + std::string(first_name);
  plan.backup_directory = backups;
  plan.store = scenario_options(files);
  plan.store.min_free_bytes = 1 << 20;
  plan.replace = true;
  plan.tell = [](std::string_view, std::string_view) {};
  return store::restore_backup(plan);
}

// What a daemon that is started meets: the old store with both links, or the backup's one link under a new
// epoch. Between the renames it may be an empty one, also under a new epoch; the next restore puts it right.
Violations check_after_restore(const DiskImage& image, bool whole) {
  Journal journal;
  const auto files = std::make_shared<CrashingFileSystem>(image, journal);
  if (auto found = check_backups(files); !found.empty()) return found;
  {
    auto store = store::Store::open(scenario_options(files));
    if (!store) return {"opening: " + store.error().message};
    const auto links = count_links(**store);
    const auto slice = (*store)->feed(0, 1);
    if (!slice) return {"reading the feed: " + slice.error().message};
    if (links == 2 && whole) return {"the restore has not taken place"};
    if (links != 1 && whole) return {"the restored store has another content"};
    if (links == 2 && (slice->epoch != 1 || slice->head != 2 * rows))
      return {"the old store is not as it was"};
    if (links != 2 && slice->epoch < 2) return {"consumers do not learn that the store is another"};
  }
  const auto again = restore(files);
  if (!again) return {"restoring again: " + again.error().message};
  if (again->epoch < 2) return {"the second restore repeats an epoch"};
  auto store = store::Store::open(scenario_options(files));
  if (!store) return {"opening the restored: " + store.error().message};
  return count_links(**store) == 1 ? Violations{} : Violations{"the second restore lost the link"};
}

// ---- the campaign ----------------------------------------------------------------------------------------

using Work = std::function<bool(const Files&)>;  // false: it failed
using Check = std::function<Violations(const DiskImage&, bool whole)>;

enum class Kind : std::uint8_t { cut, error, full };
struct CutPoint {
  std::uint64_t operation = 0;
  Kind kind = Kind::cut;
  Policy policy = Policy::lose_all;
};

std::string name_of(const CutPoint& point) {
  constexpr std::string_view kinds[] = {"", "error", "full"};
  const auto kind = static_cast<std::size_t>(point.kind);
  return fmt::format("{}/{}/{}", seed, point.operation, kind == 0 ? to_string(point.policy) : kinds[kind]);
}

DiskImage after_all(DiskImage image, const Journal& journal) {
  for (std::size_t at = 0; at < journal.end();) {
    Operation operation;
    at = journal.read(at, operation);
    image.apply(operation);
  }
  return image;
}

// What a power cut leaves of the disk after all of a journal.
DiskImage left_by(const DiskImage& begin, const Journal& journal, const CutPoint& point) {
  std::seed_seq mixed{seed, point.operation, static_cast<std::uint64_t>(point.policy)};
  Random random(mixed);
  return after_all(begin, journal).after_power_cut(point.policy, random);
}

Violations try_point(const DiskImage& begin, Journal& journal, const CutPoint& point, const Work& work,
                     const Check& check, SharedTally& tally) {
  Faults faults;
  faults.names_need_space = true;
  if (point.kind == Kind::cut) faults.cut_at = point.operation;
  if (point.kind == Kind::error) faults.error_at = point.operation;
  if (point.kind == Kind::full) faults.full_from = point.operation;
  journal.clear();
  bool whole = false;
  {
    const auto files = std::make_shared<CrashingFileSystem>(begin, journal, faults);
    whole = work(files);
    if (!files->fault_happened()) return {};
  }
  ++tally[static_cast<std::size_t>(point.kind)];
  return check(left_by(begin, journal, point), whole);
}

// How many operations the work has, undisturbed; 0: it failed.
std::uint64_t count_operations(const DiskImage& begin, const Work& work, const Check& check) {
  Journal journal;
  const bool good = run_in_child([&]() -> std::string {
    const auto files = std::make_shared<CrashingFileSystem>(begin, journal);
    if (!work(files)) return "the undisturbed run failed";
    files->mark(mark_done, files->operations());
    const auto wrong = check(files->image(), true);
    return wrong.empty() ? "" : wrong[0];
  });
  std::uint64_t operations = 0;
  for (std::size_t at = 0; good && at < journal.end();) {
    Operation operation;
    at = journal.read(at, operation);
    if (operation.op == Op::mark && operation.file == mark_done) operations = operation.value;
  }
  return operations;
}

std::vector<CutPoint> points_up_to(std::uint64_t operations) {
  const bool all = wanted_point() || environment_number("SYNCD_CRASH_SEEDS", 0) > 0;
  std::vector<CutPoint> points;
  for (std::uint64_t n = 1; n <= operations; ++n) {
    for (const auto policy : policies) {
      if (all || n % policy_count == static_cast<std::uint64_t>(policy))
        points.push_back({.operation = n, .kind = Kind::cut, .policy = policy});
    }
    if (all || n % 2 == 0)
      points.push_back({.operation = n, .kind = Kind::error, .policy = Policy::keep_all});
    if (all || n % 2 == 1) points.push_back({.operation = n, .kind = Kind::full, .policy = Policy::keep_all});
  }
  return points;
}

void campaign(const std::string& label, const Work& work, const Check& check) {
  Journal prepared;
  ASSERT_TRUE(run_in_child(
      [&]() -> std::string { return prepare(std::make_shared<CrashingFileSystem>(DiskImage{}, prepared)); }));
  const DiskImage begin = after_all({}, prepared);
  const auto operations = count_operations(begin, work, check);
  ASSERT_GT(operations, 50u);
  const auto points = points_up_to(operations);
  SharedTally tally;
  Journal journal;  // of the point that is tried, also when its process ends in an abort
  try_points(
      {.count = points.size(),
       .check = [&](std::size_t i) { return try_point(begin, journal, points[i], work, check, tally); },
       // An assertion of RocksDB on a full or failing disk: a crash like any other.
       .after_abort = [&](std::size_t i) { return check(left_by(begin, journal, points[i]), false); },
       .name = [&](std::size_t i) { return name_of(points[i]); },
       .label = label});
  if (!wanted_point()) EXPECT_GT(tally[0] * 4, operations * 3) << "hardly any cut happened";
}

TEST(BackupCut, WhatIsCalledABackupIsOne) {
  campaign(
      "fault in a backup", [](const Files& files) { return backup_again(files).empty(); },
      [](const DiskImage& image, bool) { return check_after_backup(image); });
}

TEST(BackupCut, ARestoreLeavesTheOldStoreOrTheNew) {
  campaign(
      "fault in a restore", [](const Files& files) { return restore(files).has_value(); },
      &check_after_restore);
}

}  // namespace
}  // namespace syncd::test
