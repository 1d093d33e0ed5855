#include "sync/core/hook_watch.hpp"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);

struct Changes {
  HookWatch watch;
  std::mt19937_64 random{5};
  WallTime at = now;
  int told = 0, missed = 0;

  void one(double told_share) {
    const bool hook = std::bernoulli_distribution(told_share)(random);
    ++(hook ? told : missed);
    watch.note_change(at - minutes(30), at, hook ? FoundBy::hook : FoundBy::poll);
    at += minutes(1);
  }
};

TEST(HookWatch, IsNotDarkWhileSomeAreMissed) {
  for (const double told : {0.99, 0.95, 0.8, 0.6}) {
    Changes changes;
    for (int i = 0; i < 50'000; ++i) {
      // As a fleet comes to it, not all at once.
      const double share = 0.95 + (told - 0.95) * std::min(1.0, i / 5000.0);
      changes.one(share);
      ASSERT_FALSE(changes.watch.dark()) << told << " after " << i;
    }
  }
}

TEST(HookWatch, BecomesDarkAfterAFewThatNobodyTold) {
  Changes changes;
  for (int i = 0; i < 5000; ++i)
    changes.one(0.95);
  int misses = 0;
  while (!changes.watch.dark() && misses < 100) {
    changes.one(0);
    ++misses;
  }
  EXPECT_GE(misses, 3);
  EXPECT_LE(misses, 10);
  for (int i = 0; i < 1000; ++i) {
    changes.one(0.001);
    ASSERT_TRUE(changes.watch.dark());
  }
}

TEST(HookWatch, BecomesLightThoughVisitsStillFindWhatWasNotTold) {
  Changes changes;
  for (int i = 0; i < 100; ++i)
    changes.one(0);
  ASSERT_TRUE(changes.watch.dark());
  int later = 0;
  while (changes.watch.dark() && later < 1000) {
    changes.one(0.5);
    ++later;
  }
  EXPECT_LE(later, 60);
  // What they find of the dark makes it not dark again.
  for (int i = 0; i < 200; ++i) {
    changes.watch.note_change(now, changes.at, FoundBy::poll);
    ASSERT_FALSE(changes.watch.dark());
  }
}

TEST(HookWatch, TellsWhichTimesWereDark) {
  Changes changes;
  EXPECT_FALSE(changes.watch.was_dark_since(now, changes.at));
  for (int i = 0; i < 100; ++i)
    changes.one(0);
  EXPECT_TRUE(changes.watch.was_dark_since(changes.at, changes.at));
  while (changes.watch.dark())
    changes.one(1);
  EXPECT_TRUE(changes.watch.was_dark_since(changes.at - hours(1), changes.at));
  EXPECT_FALSE(changes.watch.was_dark_since(changes.at, changes.at + hours(1)));
  // A clock that was ahead when it became light says nothing.
  EXPECT_FALSE(changes.watch.was_dark_since(now - hours(48), now - hours(24)));
}

}  // namespace
}  // namespace syncd::core
