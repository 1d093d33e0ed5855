#include <cstdlib>
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "store/manifest_repair_impl.hpp"
#include "store/migration_impl.hpp"
#include "tests/crash/store/driver.hpp"
#include "tests/crash/store/points.hpp"

// Power cuts while a store is converted to a newer schema, through two versions and batch by batch: at each
// operation. The next start goes on, and the end is that of a conversion that nothing disturbed. An older
// program refuses what was begun. SYNCD_CRASH_SEEDS set: each operation with every policy.
namespace syncd::test {
namespace {

using store::Database;
using store::Family;
using store::Migration;

constexpr std::uint64_t seed = 20'261'400;
constexpr int rows = 200;
constexpr std::size_t rows_per_batch = 20;
constexpr std::uint64_t target = store::schema_version + 2;
constexpr Policy policies[] = {Policy::lose_all, Policy::keep_all, Policy::prefix, Policy::torn};

using Content = std::map<std::string, std::string>;  // family/key to value

struct Converter {
  std::shared_ptr<CrashingFileSystem> files;
  std::uint64_t changed = 0;  // rows, in all batches so far

  // Appends `mark` to each value: a row that is changed twice, or not at all, shows.
  Migration marking(std::uint64_t from, char mark) {
    auto step = [this, mark](Database& database, std::string& position,
                             rocksdb::WriteBatch& batch) -> core::Result<bool> {
      files->mark(mark_done, changed);  // the batch before was acknowledged
      store::Scan scan(database, Family::audit, position, {});
      for (std::size_t taken = 0; scan.valid(); scan.next()) {
        if (scan.key() == position) continue;
        if (taken++ == rows_per_batch) return false;
        position = std::string(scan.key());
        batch.Put(database.family(Family::audit), position, std::string(scan.value()) + mark);
        ++changed;
      }
      return true;
    };
    return {.from = from, .step = step};
  }
  core::Result<void> run(Database& database, std::uint64_t version) {
    const Migration steps[] = {marking(store::schema_version, 'a'), marking(store::schema_version + 1, 'b')};
    return store::migrate(database, version, target, steps);
  }
};

core::Result<std::unique_ptr<Database>> open_database(const std::shared_ptr<CrashingFileSystem>& files) {
  const auto options = scenario_options(files);
  // As an opening of the store does, whose mark of a clean close is gone by then.
  if (const auto mended = store::mend_torn_table(options, store::Disk(files), std::nullopt); !mended)
    return std::unexpected(mended.error());
  return Database::open(options.path + "/db", options, store::Disk(files), false,
                        std::make_shared<store::Health>());
}

Content read_all(Database& database) {
  Content content;
  for (std::size_t i = 0; i < store::family_count; ++i) {
    for (store::Scan scan(database, static_cast<Family>(i), {}, {}); scan.valid(); scan.next())
      content[fmt::format("{}/{}", i, scan.key())] = std::string(scan.value());
  }
  return content;
}

// How often a row was changed, over all rows.
std::uint64_t changes_in(const Content& content) {
  const auto prefix = fmt::format("{}/", static_cast<int>(Family::audit));
  std::uint64_t changes = 0;
  for (const auto& [key, value] : content) {
    if (!key.starts_with(prefix)) continue;
    changes += static_cast<std::uint64_t>(value.ends_with('a')) + 2 * std::uint64_t{value.ends_with("ab")};
  }
  return changes;
}

std::string fill(const std::shared_ptr<CrashingFileSystem>& files) {
  {
    auto made = store::Store::open(scenario_options(files));
    if (!made) return made.error().message;
    if (auto closed = (*made)->close(); !closed) return closed.error().message;
  }
  // As an opening does, which is not over while the store is converted.
  const auto unmarked = store::remove_durably(store_path, "clean-close", store::Disk(files));
  if (!unmarked) return unmarked.error().message;
  auto database = open_database(files);
  if (!database) return database.error().message;
  rocksdb::WriteBatch batch;
  for (int i = 0; i < rows; ++i)
    batch.Put((*database)->family(Family::audit), fmt::format("row{:04}", i), std::string(600, '.'));
  if (auto written = (*database)->write(batch, true); !written) return written.error().message;
  auto closed = (*database)->close();
  return closed ? "" : closed.error().message;
}

// Opens what is there and converts it to the end.
struct Outcome {
  std::string error;
  std::uint64_t found = 0;  // changes that were there already
  Content content;
};

Outcome convert(const std::shared_ptr<CrashingFileSystem>& files) {
  auto database = open_database(files);
  if (!database) return {.error = database.error().message, .content = {}};
  const auto version = store::read_schema_version(**database);
  if (!version || !*version) return {.error = "the schema's version is gone", .content = {}};
  Outcome outcome{.error = {}, .found = changes_in(read_all(**database)), .content = {}};
  Converter converter{.files = files};
  if (auto done = converter.run(**database, **version); !done)
    return {.error = done.error().message, .content = {}};
  outcome.content = read_all(**database);
  if (auto closed = (*database)->close(); !closed) outcome.error = closed.error().message;
  return outcome;
}

// The disk as far as an operation of a journal; goes forward only.
class Replay {
 public:
  explicit Replay(const Journal& journal, DiskImage image = {})
      : journal_(journal), image_(std::move(image)) {}
  void move_to(std::uint64_t operations) {
    while (at_ < journal_.end()) {
      Operation operation;
      const auto next = journal_.read(at_, operation);
      if (operation.op != Op::mark && operations_ == operations) return;
      at_ = next;
      if (operation.op != Op::mark) {
        image_.apply(operation);
        ++operations_;
      } else if (operation.file == mark_done) {
        acknowledged_ = operation.value;
      } else if (operation.file == mark_segment) {
        begins_ = operations_;
      }
    }
  }
  const DiskImage& image() const { return image_; }
  std::uint64_t operations() const { return operations_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t begins() const { return begins_; }

 private:
  const Journal& journal_;
  DiskImage image_;
  std::size_t at_ = 0;
  std::uint64_t operations_ = 0, acknowledged_ = 0, begins_ = 0;
};

// A program that knows only the first of the versions: it opens what was not begun, and otherwise says why
// not and leaves the rows alone.
Violations check_older_program(const DiskImage& image, bool begun) {
  Journal journal;
  const auto files = std::make_shared<CrashingFileSystem>(image, journal);
  std::string refusal;
  {
    const auto opened = store::Store::open(scenario_options(files));
    if (!opened) refusal = opened.error().message;
  }
  if (!begun) return refusal.empty() ? Violations{} : Violations{"older: nothing was begun, but " + refusal};
  if (refusal.find("written by a newer version") == std::string::npos)
    return {"older: a store in the middle of its conversion: \"" + refusal + "\""};
  return {};
}

struct MigrationPoint {
  std::uint64_t operation = 0;
  Policy policy = Policy::lose_all;
};

Violations check_point(Replay& replay, const MigrationPoint& point, const Content& expected,
                       SharedTally& tally) {
  replay.move_to(point.operation);
  std::seed_seq mixed{seed, point.operation, static_cast<std::uint64_t>(point.policy)};
  Random random(mixed);
  const auto image = replay.image().after_power_cut(point.policy, random);
  Journal journal;
  const auto outcome = convert(std::make_shared<CrashingFileSystem>(image, journal));
  if (!outcome.error.empty()) return {"goes on: " + outcome.error};
  if (outcome.found < replay.acknowledged()) {
    return {
        fmt::format("acknowledged: {} changes of rows, {} are there", replay.acknowledged(), outcome.found)};
  }
  if (outcome.content != expected) return {"result: not that of an undisturbed conversion"};
  if (outcome.found > 0 && outcome.found < 2 * rows) ++tally[0];
  // The last batch of a version may be empty, so only the first rows say for certain that it was begun.
  if (auto found = check_older_program(image, outcome.found > 0); !found.empty()) return found;
  if (point.operation % 3 != 0) return {};
  // Once more, somewhere in the second start.
  Replay again(journal, image);
  again.move_to(1 + random() % 40);
  Journal after;
  const auto second = again.image().after_power_cut(policies[random() % policy_count], random);
  const auto last = convert(std::make_shared<CrashingFileSystem>(second, after));
  if (!last.error.empty()) return {"goes on after a second cut: " + last.error};
  return last.content == expected ? Violations{} : Violations{"result: another one after a second cut"};
}

TEST(MigrationCut, GoesOnAndEndsAsIfUndisturbed) {
  Journal journal;
  // Read back by the parent: how the undisturbed conversion ends.
  Journal result;
  ASSERT_TRUE(run_in_child([&]() -> std::string {
    const auto files = std::make_shared<CrashingFileSystem>(DiskImage{}, journal);
    if (auto error = fill(files); !error.empty()) return error;
    files->mark(mark_segment, 0);
    const auto outcome = convert(files);
    files->mark(mark_done, 2 * rows);
    if (outcome.error.empty() && outcome.found != 0) return "rows are changed before the conversion";
    for (const auto& [key, value] : outcome.content)
      result.add({.op = Op::append, .path = key, .data = value});
    return outcome.error;
  }));
  Content expected;
  for (std::size_t at = 0; at < result.end();) {
    Operation entry;
    at = result.read(at, entry);
    expected[std::string(entry.path)] = std::string(entry.data);
  }
  ASSERT_EQ(changes_in(expected), 2u * rows);
  Replay whole(journal);
  whole.move_to(~std::uint64_t{0});
  std::vector<MigrationPoint> points;
  const bool all = wanted_point() || environment_number("SYNCD_CRASH_SEEDS", 0) > 0;
  for (auto n = whole.begins(); n <= whole.operations(); ++n) {
    for (const auto policy : policies) {
      if (all || n % policy_count == static_cast<std::uint64_t>(policy))
        points.push_back({.operation = n, .policy = policy});
    }
  }
  SharedTally tally;
  Replay replay(journal);
  try_points({.count = points.size(),
              .check = [&](std::size_t i) { return check_point(replay, points[i], expected, tally); },
              .after_abort = nullptr,
              .name =
                  [&](std::size_t i) {
                    return fmt::format("{}/{}/{}", seed, points[i].operation, to_string(points[i].policy));
                  },
              .label = "cut in a conversion"});
  if (!wanted_point()) EXPECT_GT(tally[0] * 4, points.size()) << "hardly any cut came in the middle";
}

}  // namespace
}  // namespace syncd::test
