#include <cstdio>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/crash/store/live_faults.hpp"

// A disk that fails once, at every operation and at every read, and one that is full from any operation on.
namespace syncd::test {
namespace {

constexpr std::uint64_t first_seed = 20'261'200;
constexpr std::size_t scenario_steps = 18;
constexpr std::size_t slices = 4;

using Kind = LiveFault::Kind;

std::string name_of(const Recording& recording, std::uint64_t number, std::string_view what) {
  return fmt::format("{}/{}/{}", recording.scenario().seed(), number, what);
}

Violations check_left(const Recording& recording, const DiskImage& image, const Progress& progress) {
  Journal journal;
  return check_store(recording.scenario(), std::make_shared<CrashingFileSystem>(image, journal), progress,
                     {.table_may_be_torn = true});
}

// The next process finds what the system still has in memory; every other time the power went too.
DiskImage image_after(const DiskImage& image, std::uint64_t number) {
  if (number % 2 == 0) return image.after_process_end();
  Random random(number);
  return image.after_power_cut(static_cast<Policy>(random() % policy_count), random);
}

struct ErrorTally {
  std::uint64_t tried = 0, failed = 0;
};

ErrorTally try_errors(const Recording& recording, Kind kind, std::uint64_t count, std::size_t slice,
                      std::string_view what) {
  SharedTally tally;
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t n = 1; n <= count; ++n) {
    if (n % slices == slice) numbers.push_back(n);
  }
  LiveFault fault(recording);
  try_points({.count = numbers.size(),
              .check =
                  [&](std::size_t i) {
                    auto violations = fault.run(kind, numbers[i]);
                    ++tally[0];
                    if (fault.failed()) ++tally[1];
                    if (!violations.empty()) return violations;
                    return check_left(recording, image_after(fault.image(), numbers[i]), fault.progress());
                  },
              .after_abort =
                  [&](std::size_t i) {
                    ++tally[0];
                    fault.move_to(kind, numbers[i]);
                    return check_left(recording, image_after(fault.image(), numbers[i]), fault.progress());
                  },
              .name = [&](std::size_t i) { return name_of(recording, numbers[i], what); },
              .label = std::string(what)});
  return {.tried = tally[0], .failed = tally[1]};
}

class DiskError : public testing::TestWithParam<std::size_t> {};

TEST_P(DiskError, OnceAtAnyOperationIsReportedOrHarmless) {
  for (const auto seed : seeds_of_run(first_seed)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    const auto tally = try_errors(recording, Kind::error, recording.operations(), GetParam(), "error");
    if (HasFailure()) return;
    if (!wanted_point()) EXPECT_GT(tally.failed * 2, tally.tried) << "most operations matter";
  }
}

TEST_P(DiskError, OnceAtAnyReadIsReportedOrHarmless) {
  for (const auto seed : seeds_of_run(first_seed)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    const auto tally = try_errors(recording, Kind::read_error, recording.reads(), GetParam(), "read_error");
    if (HasFailure()) return;
    if (!wanted_point()) EXPECT_GT(tally.failed, 0u);
  }
}

// The power goes while the store runs, and it meets a disk that answers nothing: it must come to an end.
TEST_P(DiskError, DeadDiskEndsTheStoreWithoutLoss) {
  const Scenario scenario(seeds_of_run(first_seed).front(), scenario_steps);
  const Recording recording(scenario);
  ASSERT_TRUE(recording.good());
  LiveFault fault(recording);
  std::vector<std::uint64_t> numbers;
  for (auto n = GetParam() + 1; n <= recording.operations(); n += 4 * slices)
    numbers.push_back(n);
  SharedTally ended;
  const auto left = [&](std::size_t i) {
    ++ended[0];
    fault.move_to(Kind::cut, numbers[i]);
    Random random(numbers[i]);
    const auto policy = static_cast<Policy>(random() % policy_count);
    return check_left(recording, fault.image().after_power_cut(policy, random), fault.progress());
  };
  try_points({.count = numbers.size(),
              .check =
                  [&](std::size_t i) {
                    auto violations = fault.run(Kind::cut, numbers[i]);
                    if (!violations.empty()) return violations;
                    if (!fault.failed()) return Violations{"ends: it takes the dead disk for a good one"};
                    return left(i);
                  },
              .after_abort = left,
              .name = [&](std::size_t i) { return name_of(recording, numbers[i], "cut"); },
              .label = "dead disk"});
  if (!wanted_point()) EXPECT_EQ(ended[0], numbers.size());
}

INSTANTIATE_TEST_SUITE_P(Slice, DiskError, testing::Range<std::size_t>(0, slices));

// While it is still full the store must not be opened at all: RocksDB itself may abort over that. With space
// it must open at the first try.
Violations check_full(const Recording& recording, LiveFault& fault) {
  const auto image = fault.image().after_process_end();
  Journal journal;
  const auto full = std::make_shared<CrashingFileSystem>(image, journal, Faults{.free_bytes = 1 << 20});
  if (image.find(store_path)) {
    const auto opened = store::Store::open(scenario_options(full));
    if (opened) return {"full: it opens without space"};
    if (opened.error().message.find("MiB of free disk space and needs") == std::string::npos)
      return {"full: it says \"" + opened.error().message + "\""};
    if (full->image().names() != image.names()) return {"full: it touched the store"};
  }
  return check_left(recording, image, fault.progress());
}

class DiskFull : public testing::TestWithParam<std::size_t> {};

TEST_P(DiskFull, FromAnyOperationOnLosesNothingAcknowledged) {
  for (const auto seed : seeds_of_run(first_seed + 1)) {
    const Scenario scenario(seed, scenario_steps);
    const Recording recording(scenario);
    ASSERT_TRUE(recording.good());
    SharedTally tally;
    LiveFault fault(recording);
    const auto number = [&](std::size_t i) { return i * slices + GetParam() + 1; };
    const auto kind = [](std::size_t i) { return i % 2 == 0 ? Kind::full : Kind::full_for_names; };
    const auto count = (recording.operations() - GetParam() + slices - 1) / slices;
    ASSERT_LE(number(count - 1), recording.operations());
    ASSERT_GT(number(count), recording.operations()) << "the last operations are not tried";
    try_points({.count = count,
                .check =
                    [&](std::size_t i) {
                      auto violations = fault.run(kind(i), number(i));
                      if (fault.failed()) ++tally[0];
                      return violations.empty() ? check_full(recording, fault) : violations;
                    },
                .after_abort =
                    [&](std::size_t i) {
                      ++tally[1];
                      fault.move_to(kind(i), number(i));
                      return check_full(recording, fault);
                    },
                .name = [&](std::size_t i) { return name_of(recording, number(i), "full"); },
                .label = "disk full"});
    if (HasFailure()) return;
    std::printf("disk full: %zu points, %llu ended in an error, %llu in an abort of RocksDB\n", count,
                static_cast<unsigned long long>(tally[0]), static_cast<unsigned long long>(tally[1]));
    if (!wanted_point()) EXPECT_GT(tally[0] + tally[1], count / 2);
  }
}

INSTANTIATE_TEST_SUITE_P(Slice, DiskFull, testing::Range<std::size_t>(0, slices));

}  // namespace
}  // namespace syncd::test
