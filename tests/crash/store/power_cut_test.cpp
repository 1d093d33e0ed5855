#include <cstdio>
#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/store/recording.hpp"

// Power cuts at every operation of a scenario, with four ideas of what the disk keeps. Default: one scenario
// in eight slices that run in parallel, two of the four at each operation, in turn. SYNCD_CRASH_SEEDS=N
// tries N scenarios, from SYNCD_CRASH_SEED on, with all four; SYNCD_CRASH_POLICY=torn only that one.
namespace syncd::test {
namespace {

constexpr std::uint64_t first_seed = 20'261'125;
constexpr std::size_t scenario_steps = 44;
constexpr std::size_t slices = 8;

constexpr Policy all_policies[] = {Policy::lose_all, Policy::keep_all, Policy::prefix, Policy::torn};

struct Point {
  std::uint64_t operation;
  Policy policy;
};

Random random_of(std::uint64_t seed, std::uint64_t operation, Policy policy) {
  std::seed_seq mixed{seed, operation, static_cast<std::uint64_t>(policy)};
  return Random(mixed);
}

std::string name_of(const Recording& recording, const Point& point) {
  return fmt::format("{}/{}/{}", recording.scenario().seed(), point.operation, to_string(point.policy));
}

bool is_wanted(std::uint64_t operation, Policy policy) {
  const char* only = std::getenv("SYNCD_CRASH_POLICY");
  if (only != nullptr && *only != '\0') return to_string(policy) == only;
  if (wanted_point() || environment_number("SYNCD_CRASH_SEEDS", 0) > 0) return true;
  const std::uint64_t turn = (operation + static_cast<std::uint64_t>(policy)) % policy_count;
  return turn == 1 || turn == 2;
}

// One in eight, for each policy; none that the default run leaves out.
bool opens_again(const Point& point) {
  return (point.operation + static_cast<std::uint64_t>(point.policy)) % 8 == 1;
}

// Every operation of slice `slice`; 0 is the empty disk.
std::vector<Point> points_of(const Recording& recording, std::size_t slice) {
  std::vector<Point> points;
  for (std::uint64_t n = 0; n <= recording.operations(); ++n) {
    if (n % slices != slice) continue;
    for (const auto policy : all_policies) {
      if (is_wanted(n, policy)) points.push_back({.operation = n, .policy = policy});
    }
  }
  return points;
}

Violations check_cut(const Recording& recording, Recording::Moment& moment, const Point& point) {
  moment.move_to(point.operation);
  auto random = random_of(recording.scenario().seed(), point.operation, point.policy);
  Journal journal;
  const auto files =
      std::make_shared<CrashingFileSystem>(moment.image().after_power_cut(point.policy, random), journal);
  return check_store(recording.scenario(), files, moment.progress(),
                     {.table_may_be_torn = point.policy == Policy::torn, .open_again = opens_again(point)});
}

TEST(PowerCutPlan, EachPolicyIsOpenedAgain) {
  for (const auto policy : all_policies) {
    int again = 0;
    for (std::uint64_t n = 0; n < 400; ++n)
      again += is_wanted(n, policy) && opens_again({.operation = n, .policy = policy});
    const char* only = std::getenv("SYNCD_CRASH_POLICY");
    const bool left_out = only != nullptr && *only != '\0' && to_string(policy) != only;
    EXPECT_EQ(again, left_out ? 0 : 50) << to_string(policy);
  }
}

// What a commit may do rarely is done in the scenario of the default run, too.
TEST(PowerCutPlan, LettersAreRetriedAndDroppedAndRowsUnstaged) {
  const Scenario scenario(first_seed, scenario_steps);
  int written = 0, retried = 0, dropped = 0, unstaged = 0;
  for (const Step& step : scenario.steps()) {
    for (const core::LinkUpdate& update : step.updates) {
      const bool again = update.dead_letter && update.dead_letter->retried_at != core::WallTime{};
      written += update.dead_letter && !again ? 1 : 0;
      retried += again ? 1 : 0;
      dropped += update.dropped_dead_letter_at ? 1 : 0;
      unstaged += update.staged_erases.empty() ? 0 : 1;
    }
  }
  EXPECT_GE(written, 3);
  EXPECT_GE(retried, 1);
  EXPECT_GE(dropped, 1);
  EXPECT_GE(unstaged, 1);
}

class PowerCut : public testing::TestWithParam<std::size_t> {};

TEST_P(PowerCut, LosesNothingAcknowledged) {
  for (const auto seed : seeds_of_run(first_seed)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    const auto points = points_of(recording, GetParam());
    ASSERT_GT(points.size(), 60u);
    Recording::Moment moment(recording);
    try_points({.count = points.size(),
                .check = [&](std::size_t i) { return check_cut(recording, moment, points[i]); },
                .after_abort = nullptr,
                .name = [&](std::size_t i) { return name_of(recording, points[i]); },
                .label = "power cut"});
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Slice, PowerCut, testing::Range<std::size_t>(0, slices));

// A second cut while the store recovers from the first: at each operation of a few recoveries. What was
// acknowledged before the first must be there after the second.
class SecondPowerCut : public testing::TestWithParam<Policy> {};

// `number`: of the recovery's operations so many are done.
Violations check_cut_in_recovery(const Recording& recording, const DiskImage& first, const Progress& progress,
                                 std::uint64_t number, Random& random) {
  // What a recovery that is left alone does to the disk, as far as that operation.
  Journal journal;
  {
    Driver driver(recording.scenario(), std::make_shared<CrashingFileSystem>(first, journal));
    if (!driver.open()) return {"opens after the first cut: " + driver.error()};
  }
  auto image = first;
  std::uint64_t done = 0;
  for (std::size_t at = 0; at < journal.end() && done < number;) {
    Operation operation;
    at = journal.read(at, operation);
    if (operation.op == Op::mark) continue;
    image.apply(operation);
    ++done;
  }
  image = image.after_power_cut(all_policies[random() % std::size(all_policies)], random);
  Journal after;
  return check_store(recording.scenario(), std::make_shared<CrashingFileSystem>(image, after), progress,
                     {.table_may_be_torn = true, .open_again = true});
}

Violations check_second_cut(const Recording& recording, Recording::Moment& moment, const Point& point) {
  moment.move_to(point.operation);
  auto random = random_of(recording.scenario().seed(), point.operation, point.policy);
  const auto first = moment.image().after_power_cut(point.policy, random);
  // Which operation of the recovery: another one for each point, so that together they meet all of them.
  const auto number = 1 + random() % 60;
  return check_cut_in_recovery(recording, first, moment.progress(), number, random);
}

TEST_P(SecondPowerCut, InRecoveryLosesNothingAcknowledged) {
  for (const auto seed : seeds_of_run(first_seed + 1)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    std::vector<Point> points;
    for (std::uint64_t n = 5; n <= recording.operations(); n += 9)
      points.push_back({.operation = n, .policy = GetParam()});
    ASSERT_GT(points.size(), 30u);
    Recording::Moment moment(recording);
    try_points({.count = points.size(),
                .check = [&](std::size_t i) { return check_second_cut(recording, moment, points[i]); },
                .after_abort = nullptr,
                .name = [&](std::size_t i) { return name_of(recording, points[i]); },
                .label = "second power cut"});
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, SecondPowerCut, testing::ValuesIn(all_policies),
                         [](const auto& info) { return std::string(to_string(info.param)); });

// The power goes while RocksDB writes to its table of files (MANIFEST), and tears that write; and once more
// while the store cuts off what is left of it.
Violations check_torn_table(const Recording& recording, Recording::Moment& moment, std::uint64_t operation,
                            std::uint64_t variant, SharedTally& tally) {
  moment.move_to(operation);
  std::seed_seq mixed{recording.scenario().seed(), operation, variant};
  Random random(mixed);
  const auto torn = moment.image().after_power_cut(Policy::torn, random);
  Journal journal;
  const auto files = std::make_shared<CrashingFileSystem>(torn, journal);
  auto violations = check_store(recording.scenario(), files, moment.progress(), {.table_may_be_torn = true});
  if (!violations.empty() || !files->image().find(std::string(store_path) + "/torn-manifest"))
    return violations;
  ++tally[0];
  constexpr std::uint64_t operations_of_mending = 12;
  return check_cut_in_recovery(recording, torn, moment.progress(), 1 + random() % operations_of_mending,
                               random);
}

TEST(TornTable, IsMendedAndLosesNothing) {
  constexpr std::uint64_t variants = 4;
  for (const auto seed : seeds_of_run(first_seed + 3)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    std::vector<std::uint64_t> writes;
    Recording::Moment ahead(recording);
    for (std::uint64_t n = 1; n <= recording.operations(); ++n) {
      ahead.move_to(n);
      const auto current = ahead.image().find(std::string(store_path) + "/db/CURRENT");
      if (!current) continue;
      // One that CURRENT does not name yet is of no use to anybody.
      auto table = ahead.image().content(*current);
      if (table.ends_with('\n')) table.pop_back();
      if (!table.empty() && ahead.appended_to(table)) writes.push_back(n);
    }
    SharedTally tally;
    Recording::Moment moment(recording);
    try_points({.count = writes.size() * variants,
                .check =
                    [&](std::size_t i) {
                      return check_torn_table(recording, moment, writes[i / variants], i % variants, tally);
                    },
                .after_abort = nullptr,
                .name =
                    [&](std::size_t i) {
                      return fmt::format("{}/{}/torn{}", seed, writes[i / variants], i % variants);
                    },
                .label = "torn table"});
    if (HasFailure()) return;
    std::printf("torn table: %d were mended\n", static_cast<int>(tally[0]));
    if (!wanted_point()) EXPECT_GT(tally[0], writes.size() / 4) << "hardly any was torn";
  }
}

// The process ends at any operation and the system lives on; the next process goes on, and then the power is
// cut: nothing that the first left undone may become the second's loss.
Violations check_kill_then_cut(const Recording& recording, Recording::Moment& moment, const Point& point) {
  moment.move_to(point.operation);
  auto random = random_of(recording.scenario().seed(), point.operation, point.policy);
  auto progress = moment.progress();
  Journal journal;
  const auto files = std::make_shared<CrashingFileSystem>(moment.image().after_process_end(), journal);
  Driver driver(recording.scenario(), files);
  if (!driver.open()) return {"opens: " + driver.error()};
  const auto shown = read_everything(*driver.store());
  if (!shown.error.empty()) return {"readable: " + shown.error};
  Violations violations;
  const auto at = find_state(recording.scenario(), shown, progress.done, progress.begun, violations);
  if (!at) return violations;
  progress.done = progress.begun = *at;
  // Without reading the feed, which would make the directory durable by the way.
  const auto& steps = recording.scenario().steps();
  auto to = *at;
  while (to < steps.size() && to < *at + 3 && steps[to].kind == Step::Kind::commit)
    ++to;
  if (!driver.run(*at, to)) return {"goes on: " + driver.error()};
  for (std::size_t position = 0; position < journal.end();) {
    Operation operation;
    position = journal.read(position, operation);
    progress.take(operation);
  }
  Journal after;
  const auto image = files->image().after_power_cut(point.policy, random);
  return check_store(recording.scenario(), std::make_shared<CrashingFileSystem>(image, after), progress, {});
}

TEST(KillThenPowerCut, LosesNothingAcknowledged) {
  for (const auto seed : seeds_of_run(first_seed + 2)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    std::vector<Point> points;
    for (std::uint64_t n = 1; n <= recording.operations(); n += 3)
      points.push_back({.operation = n, .policy = Policy::lose_all});
    ASSERT_GT(points.size(), 100u);
    Recording::Moment moment(recording);
    try_points({.count = points.size(),
                .check = [&](std::size_t i) { return check_kill_then_cut(recording, moment, points[i]); },
                .after_abort = nullptr,
                .name = [&](std::size_t i) { return name_of(recording, points[i]); },
                .label = "kill, then power cut"});
    if (HasFailure()) return;
  }
}

// How many of the power cuts of `recording` are caught, and by which check.
std::size_t caught(const Recording& recording, std::string_view check) {
  SharedTally tally;
  Recording::Moment moment(recording);
  const auto count = recording.operations() / 3;
  try_points({.count = count,
              .check =
                  [&](std::size_t i) {
                    const Point point{.operation = i * 3, .policy = Policy::lose_all};
                    for (const auto& one : check_cut(recording, moment, point)) {
                      if (!one.starts_with(check)) continue;
                      ++tally[0];
                      break;
                    }
                    return Violations{};
                  },
              .after_abort = nullptr,
              .name = [](std::size_t i) { return fmt::format("control/{}", i); },
              .label = "control"});
  return tally[0];
}

// The test of the test: a store that does not sync its commits, and one whose high-water mark stays as
// it was.
TEST(PowerCutControl, CommitsThatAreNotSyncedAreCaught) {
  const Scenario scenario(first_seed, scenario_steps);
  const Recording recording(scenario, {.sync_writes = false});
  ASSERT_TRUE(recording.good());
  EXPECT_GT(caught(recording, "acknowledged"), 10u);
}

TEST(PowerCutControl, HighWaterMarkThatIsNoLongerWrittenIsCaught) {
  const Scenario scenario(first_seed, scenario_steps);
  const Recording whole(scenario);
  ASSERT_TRUE(whole.good());
  const auto from = whole.segments().at(1).operations;
  const Recording recording(scenario, {.forgotten = "feed-high-water", .forgotten_from = from});
  ASSERT_TRUE(recording.good());
  EXPECT_GT(caught(recording, "published"), 10u);
}

}  // namespace
}  // namespace syncd::test
