#include "daemon/disk_space.hpp"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {
namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1 << 30;

TEST(DiskSpace, TheLargerLimitCounts) {
  const daemon::SpaceLimits limits{.free_bytes_min = gib, .free_percent_min = 5};
  EXPECT_EQ(daemon::least_free_bytes({.free_bytes = 0, .total_bytes = 10 * gib}, limits), gib);
  EXPECT_EQ(daemon::least_free_bytes({.free_bytes = 0, .total_bytes = 100 * gib}, limits),
            100 * gib / 100 * 5);
  EXPECT_EQ(daemon::least_free_bytes({.free_bytes = 0, .total_bytes = 100 * gib}, {gib, 0}), gib);
}

TEST(DiskSpace, IsLowBelowTheLimitAndUntilATenthMoreIsFree) {
  const daemon::SpaceLimits limits{.free_bytes_min = 100 * mib, .free_percent_min = 0};
  const auto low = [&](std::uint64_t free, bool was_low) {
    return daemon::is_low({.free_bytes = free, .total_bytes = gib}, limits, was_low);
  };
  EXPECT_FALSE(low(100 * mib, false));
  EXPECT_TRUE(low(100 * mib - 1, false));
  EXPECT_TRUE(low(110 * mib - 1, true));
  EXPECT_FALSE(low(110 * mib, true));
  EXPECT_FALSE(low(105 * mib, false));
  EXPECT_TRUE(low(105 * mib, true));
}

TEST(DiskSpace, ADirectoryThatIsToBeMadeCountsAsItsParent) {
  const ScratchDirectory scratch;
  const auto there = daemon::disk_space(scratch.path("."));
  const auto later = daemon::disk_space(scratch.path("store"));
  ASSERT_TRUE(there && later);
  EXPECT_GT(there->total_bytes, there->free_bytes);
  EXPECT_EQ(later->total_bytes, there->total_bytes);
  EXPECT_FALSE(daemon::disk_space(scratch.path("a/b/c")));
}

TEST(DiskSpace, IsToldInWholeMebibytes) {
  EXPECT_EQ(daemon::describe_space(17 * mib + 5, gib), "17 MiB free, 1024 MiB needed");
  EXPECT_EQ(daemon::describe_space(0, 1), "0 MiB free, 1 MiB needed");
}

}  // namespace
}  // namespace syncd::test
