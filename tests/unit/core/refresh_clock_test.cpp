#include "sync/core/refresh_clock.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr double hour_ms = 3'600'000;

Millis of_hours(double count) {
  return Millis(static_cast<std::int64_t>(count * hour_ms));
}

// An institution's refreshes, in hours.
struct Bank {
  double period = 6;
  double jitter = 0.06;  // of the period; below zero: exponential gaps
  double left_out = 0.05;
};

std::vector<double> refreshes_of(const Bank& bank, double end, std::mt19937_64& random) {
  std::normal_distribution<double> jitter(bank.period, std::abs(bank.jitter) * bank.period);
  std::exponential_distribution<double> any(1 / bank.period);
  std::bernoulli_distribution left_out(bank.left_out);
  std::vector<double> at{std::uniform_real_distribution<double>(-bank.period, 0)(random)};
  while (at.back() < end) {
    double next = at.back();
    do {
      next += bank.jitter < 0 ? any(random) : std::max(jitter(random), 0.1 * bank.period);
    } while (left_out(random));
    at.push_back(next);
  }
  return at;
}

// What `looks` looks at links of the bank teach, each link looked at every so many hours, give or take.
// `after_each` sees the clock whenever it may have learned.
template <class AfterEach>
void watch(RefreshClock& clock, const Bank& bank, double every, double give_or_take, int looks,
           const AfterEach& after_each) {
  constexpr int links = 20;
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> stretch(1 - give_or_take, 1 + give_or_take);
  for (int link = 0; link < links; ++link) {
    const double end = every * looks / links;
    const std::vector<double> refreshes = refreshes_of(bank, end + 2 * every, random);
    double now = std::uniform_real_distribution<double>(0, every)(random);
    double shown = -1e9;
    double looked = 0;
    for (; now < end; now += every * stretch(random)) {
      const double current = *(std::ranges::upper_bound(refreshes, now) - 1);
      if (shown > -1e9 && current > shown) {
        clock.note_gap(of_hours(current - shown), of_hours(looked - shown), UpstreamTime(of_hours(current)));
        after_each();
      }
      shown = current;
      looked = now;
    }
  }
}

double hours_of(Millis span) {
  return static_cast<double>(span.count()) / hour_ms;
}

TEST(RefreshClock, FindsPeriodAndSpreadThoughRefreshesAreLeftOut) {
  for (const double period : {4.0, 6.0, 12.0, 24.0}) {
    for (const double jitter : {0.02, 0.06, 0.10}) {
      for (const double every : {0.2, 0.5, 0.8, 1.5}) {
        RefreshClock clock;
        watch(clock, {.period = period, .jitter = jitter}, every * period, 0.3, 3000, [] {});
        const RefreshRhythm& rhythm = clock.rhythm();
        const std::string what = std::to_string(period) + " h, spread " + std::to_string(jitter) +
                                 ", looked at every " + std::to_string(every) + " periods";
        EXPECT_TRUE(rhythm.regular) << what;
        EXPECT_NEAR(hours_of(rhythm.period), period, 0.1 * period) << what;
        EXPECT_GT(hours_of(rhythm.spread), 0.5 * jitter * period) << what;
        EXPECT_LT(hours_of(rhythm.spread), 1.8 * jitter * period) << what;
      }
    }
  }
}

// Looks that are far apart see multiples of the period: nothing may be believed rather than a multiple.
TEST(RefreshClock, NeverBelievesInAMultiple) {
  for (const double every : {1.5, 2.0, 3.0, 4.0, 6.0, 8.0}) {
    for (const double give_or_take : {0.0, 0.03, 0.5}) {
      RefreshClock clock;
      watch(clock, {.period = 6, .jitter = 0.06}, every * 6, give_or_take, 6000,
            [&clock, every, give_or_take] {
              if (!clock.rhythm().regular) return;
              EXPECT_LT(hours_of(clock.rhythm().period), 7.5) << every << " periods, " << give_or_take;
            });
    }
  }
}

TEST(RefreshClock, SaysOfExponentialGapsThatThereIsNoRhythm) {
  for (const double every : {0.1, 0.3, 1.0, 3.0}) {
    RefreshClock clock;
    int learned = 0;
    int regular = 0;
    watch(clock, {.period = 8, .jitter = -1, .left_out = 0}, every * 8, 0.3, 6000, [&] {
      if (!clock.knows()) return;
      ++learned;
      if (clock.rhythm().regular) ++regular;
    });
    EXPECT_LE(regular, learned / 50) << every;
    EXPECT_FALSE(clock.rhythm().regular) << every;
  }
}

TEST(RefreshClock, FollowsABankThatChangesItsRhythm) {
  RefreshClock clock;
  watch(clock, {.period = 24, .jitter = 0.05}, 8, 0.3, 2000, [] {});
  EXPECT_NEAR(hours_of(clock.rhythm().period), 24, 2);
  watch(clock, {.period = 6, .jitter = 0.05}, 4, 0.3, 2000, [] {});
  EXPECT_TRUE(clock.rhythm().regular);
  EXPECT_NEAR(hours_of(clock.rhythm().period), 6, 0.6);
}

// A bank of many links that shows nothing for a day: each of them has one long gap, all at the same time.
TEST(RefreshClock, AnOutageIsNoLongerPeriod) {
  RefreshClock clock;
  watch(clock, {.period = 6, .jitter = 0.05}, 2, 0.3, 3000, [] {});
  for (int link = 0; link < 5000; ++link) {
    clock.note_gap(hours(30), hours(29), UpstreamTime(hours(10'000) + minutes(6 * 60 * link / 5000)));
    ASSERT_NEAR(hours_of(clock.rhythm().period), 6, 0.6) << link;
  }
  // It stays that long.
  for (int gap = 0; gap < 500; ++gap)
    clock.note_gap(hours(30), hours(29), UpstreamTime(hours(10'000) + minutes(30 * gap)));
  EXPECT_EQ(clock.rhythm().period, hours(30));
}

TEST(RefreshClock, KnowsNothingOfFewGaps) {
  RefreshClock clock;
  EXPECT_FALSE(clock.knows());
  for (int gap = 0; gap < 15; ++gap)
    clock.note_gap(hours(6), hours(5), UpstreamTime(hours(gap)));
  EXPECT_FALSE(clock.knows());
  EXPECT_FALSE(clock.rhythm().regular);
  clock.note_gap(hours(6), hours(5), UpstreamTime(hours(100)));
  EXPECT_TRUE(clock.knows());
  EXPECT_TRUE(clock.rhythm().regular);
  EXPECT_GT(clock.rhythm().spread, Millis(0));
}

TEST(RefreshClock, GapsThatCannotBeSayNothing) {
  RefreshClock clock;
  for (int gap = 0; gap < 100; ++gap) {
    clock.note_gap(Millis(0), Millis(0), UpstreamTime(hours(gap)));
    clock.note_gap(hours(-6), hours(5), UpstreamTime(hours(gap)));
    clock.note_gap(hours(24 * 31), hours(24 * 20), UpstreamTime(hours(gap)));
    // The clock cannot have stood longer than until the next refresh: ours was wrong.
    clock.note_gap(hours(12), hours(24 * 30), UpstreamTime(hours(gap)));
  }
  EXPECT_FALSE(clock.knows());
}

TEST(RefreshClock, ARefreshEachSecondIsNoRhythm) {
  RefreshClock clock;
  for (int gap = 0; gap < 100; ++gap)
    clock.note_gap(Millis(1000), Millis(900), UpstreamTime(hours(gap)));
  EXPECT_FALSE(clock.rhythm().regular);
}

TEST(RefreshClock, KnowsAfterARestartWhatItKnewBefore) {
  RefreshClock clock;
  clock.restore({.regular = true, .period = hours(6), .spread = hours(1), .gap_median = hours(6)});
  EXPECT_TRUE(clock.knows());
  EXPECT_EQ(clock.rhythm().period, hours(6));
  for (int gap = 0; gap < 64; ++gap)
    clock.note_gap(hours(12), hours(11), UpstreamTime(hours(12 * gap)));
  EXPECT_EQ(clock.rhythm().period, hours(12));
}

}  // namespace
}  // namespace syncd::core
