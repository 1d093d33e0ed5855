#include <cstdlib>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/store/recording.hpp"

// Power cuts at every operation of a scenario, with four ideas of what the disk keeps. Default: one scenario
// in eight slices that run in parallel. SYNCD_CRASH_SEEDS=N tries N scenarios, from SYNCD_CRASH_SEED on.
namespace syncd::test {
namespace {

constexpr std::uint64_t first_seed = 20'261'125;
constexpr std::size_t scenario_steps = 44;
constexpr std::size_t slices = 8;

constexpr Policy untorn[] = {Policy::lose_all, Policy::keep_all, Policy::prefix};

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

// Every operation of slice `slice` with every policy; 0 is the empty disk.
std::vector<Point> points_of(const Recording& recording, std::size_t slice) {
  std::vector<Point> points;
  for (std::uint64_t n = 0; n <= recording.operations(); ++n) {
    if (n % slices != slice) continue;
    for (std::size_t policy = 0; policy < policy_count; ++policy) {
      points.push_back({.operation = n, .policy = static_cast<Policy>(policy)});
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
                     {.table_may_be_torn = point.policy == Policy::torn,
                      .open_again = point.operation % 8 == static_cast<std::uint64_t>(point.policy)});
}

class PowerCut : public testing::TestWithParam<std::size_t> {};

TEST_P(PowerCut, LosesNothingAcknowledged) {
  for (const auto seed : seeds_of_run(first_seed)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    const auto points = points_of(recording, GetParam());
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

Violations check_second_cut(const Recording& recording, Recording::Moment& moment, const Point& point) {
  moment.move_to(point.operation);
  auto random = random_of(recording.scenario().seed(), point.operation, point.policy);
  const auto first = moment.image().after_power_cut(point.policy, random);
  // Which operation of the recovery: another one for each point, so that together they meet all of them.
  const auto number = 1 + random() % 60;
  // What a recovery that is left alone does to the disk, as far as that operation.
  Journal journal;
  auto progress = moment.progress();
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
  image = image.after_power_cut(untorn[random() % std::size(untorn)], random);
  Journal after;
  return check_store(recording.scenario(), std::make_shared<CrashingFileSystem>(image, after), progress,
                     {.open_again = true});
}

TEST_P(SecondPowerCut, InRecoveryLosesNothingAcknowledged) {
  for (const auto seed : seeds_of_run(first_seed + 1)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    std::vector<Point> points;
    for (std::uint64_t n = 5; n <= recording.operations(); n += 7)
      points.push_back({.operation = n, .policy = GetParam()});
    Recording::Moment moment(recording);
    try_points({.count = points.size(),
                .check = [&](std::size_t i) { return check_second_cut(recording, moment, points[i]); },
                .after_abort = nullptr,
                .name = [&](std::size_t i) { return name_of(recording, points[i]); },
                .label = "second power cut"});
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, SecondPowerCut, testing::ValuesIn(untorn),
                         [](const auto& info) { return std::string(to_string(info.param)); });

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
    for (std::uint64_t n = 1; n <= recording.operations(); n += 2)
      points.push_back({.operation = n, .policy = Policy::lose_all});
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
