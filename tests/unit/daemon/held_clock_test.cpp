#include "daemon/held_clock.hpp"

#include <gtest/gtest.h>

namespace syncd::test {
namespace {

using daemon::HeldClock;

constexpr core::Millis hour{3'600'000};
constexpr core::Millis day = 24 * hour;

core::WallTime at(core::Millis since) {
  return core::WallTime{since};
}

// Looks every hour for so long, at a wall clock that is `ahead` of the time that passes.
struct World {
  HeldClock clock;
  core::Millis passed{100 * day};

  void run(core::Millis time, core::Millis ahead = core::Millis{0}) {
    for (core::Millis gone{0}; gone < time; gone += hour) {
      passed += hour;
      clock.look(at(passed + ahead), hour, day);
    }
  }
};

TEST(HeldClock, BelievesNothingBeforeTheFirstPeriodIsOver) {
  World world;
  world.run(23 * hour);
  EXPECT_EQ(world.clock.held(), std::nullopt);
  world.run(hour);
  EXPECT_EQ(world.clock.held(), at(100 * day + hour)) << "the lowest of that day";
}

TEST(HeldClock, FollowsAClockThatRunsByADayOrTwo) {
  World world;
  world.run(30 * day);
  ASSERT_TRUE(world.clock.held());
  EXPECT_GE(*world.clock.held(), at(world.passed - 2 * day));
  EXPECT_LE(*world.clock.held(), at(world.passed - day + hour));
}

TEST(HeldClock, AJumpForwardThatIsSetRightWithinADayIsNeverBelieved) {
  World world;
  world.run(5 * day);
  for (const core::Millis wrong_for : {hour, 6 * hour, 23 * hour}) {
    world.run(wrong_for, 400 * day);
    ASSERT_LE(*world.clock.held(), at(world.passed)) << wrong_for.count();
    world.run(3 * day);
    ASSERT_LE(*world.clock.held(), at(world.passed)) << wrong_for.count();
  }
}

TEST(HeldClock, AJumpThatLastsIsBelievedInTheEnd) {
  World world;
  world.run(5 * day);
  world.run(2 * day, 400 * day);
  EXPECT_GE(*world.clock.held(), at(world.passed + 390 * day));
}

TEST(HeldClock, IsNeverAheadOfTheWallClock) {
  World world;
  world.run(5 * day, 400 * day);
  world.run(hour);
  EXPECT_EQ(world.clock.held(), at(world.passed));
}

TEST(HeldClock, GoesOnWhereTheLastRunEnded) {
  World one;
  one.run(5 * day + 7 * hour);
  World two = one;
  const auto restored = HeldClock::decode(two.clock.encode());
  ASSERT_TRUE(restored);
  two.clock = *restored;
  EXPECT_EQ(two.clock.held(), std::nullopt) << "before it has looked at the wall clock";
  one.run(17 * hour);
  two.run(17 * hour);
  EXPECT_EQ(two.clock.held(), one.clock.held());
  EXPECT_TRUE(two.clock.held());
}

// The process may be restarted as often as it likes: only the time in which it ran counts.
TEST(HeldClock, ARestartMakesNoTimePass) {
  World world;
  for (int restart = 0; restart < 100; ++restart) {
    world.clock = *HeldClock::decode(world.clock.encode());
    world.clock.look(at(world.passed + 400 * day), core::Millis{0}, day);
  }
  EXPECT_EQ(world.clock.held(), std::nullopt);
}

TEST(HeldClock, KnowsWhatItDidNotWrite) {
  for (const char* text :
       {"", "v1", "v1 1 2", "v2 1 2 3", "v1 1 2 3 4", "v1 1 2 -3", "v1 a 2 3", "v1  1 2 3"})
    EXPECT_EQ(HeldClock::decode(text), std::nullopt) << text;
  EXPECT_TRUE(HeldClock::decode("v1 1 2 3"));
}

}  // namespace
}  // namespace syncd::test
