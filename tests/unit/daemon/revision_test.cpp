#include "daemon/revision.hpp"

#include <gtest/gtest.h>

namespace syncd::test {
namespace {

core::WallTime at_ms(std::int64_t ms) {
  return core::WallTime{core::Millis{ms}};
}

constexpr std::uint64_t exact_max = std::uint64_t{1} << 53;

TEST(FirstRevision, GoesOnBehindTheRunBefore) {
  constexpr std::int64_t start_ms = 1'767'225'600'000;
  const std::uint64_t first = daemon::first_revision(at_ms(start_ms));
  // A run of one second with a hundred thousand changes.
  EXPECT_GT(daemon::first_revision(at_ms(start_ms + 1000)), first + 100'000);
  EXPECT_GT(daemon::first_revision(at_ms(start_ms + 1)), first + 1000);
}

TEST(FirstRevision, IsExactAsANumberOfJavaScript) {
  constexpr std::uint64_t changes = std::uint64_t{1} << 52;
  for (const std::int64_t ms : {std::int64_t{0}, std::int64_t{1'767'225'600'000}, std::int64_t{1} << 42,
                                std::int64_t{-1}, core::WallTime::max().time_since_epoch().count()}) {
    EXPECT_LT(daemon::first_revision(at_ms(ms)) + changes, exact_max) << ms;
  }
}

}  // namespace
}  // namespace syncd::test
