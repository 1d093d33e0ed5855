#include "sync/core/schedule.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const WallTime start = std::chrono::sys_days(std::chrono::year(2025) / 5 / 2);

LinkId link_of(int i) {
  return LinkId{"mk_" + std::to_string(i)};
}

TEST(NextScheduled, IsAPureFunctionOfLinkAndTime) {
  const Policy policy;
  EXPECT_EQ(next_scheduled(link_of(1), start, policy), next_scheduled(link_of(1), start, policy));
}

// A restart at any moment between two visits finds the same next visit, up to the twentieth that keeps two
// visits apart.
TEST(NextScheduled, PhaseSurvivesRestarts) {
  const Policy policy;
  for (int i = 0; i < 100; ++i) {
    const WallTime due = next_scheduled(link_of(i), start, policy);
    for (WallTime restart = start; restart < due - policy.interval / 20; restart += minutes(7))
      EXPECT_EQ(next_scheduled(link_of(i), restart, policy), due);
  }
}

TEST(NextScheduled, GapsAreWithinTheirBounds) {
  for (const Millis interval :
       {Millis(seconds(1)), Millis(minutes(5)), Millis(hours(6)), Millis(hours(24))}) {
    Policy policy;
    policy.interval = interval;
    for (int i = 0; i < 50; ++i) {
      WallTime now = start;
      for (int visit = 0; visit < 50; ++visit) {
        const WallTime due = next_scheduled(link_of(i), now, policy);
        EXPECT_GT(due - now, interval / 20);
        EXPECT_LE(due - now, interval * 11 / 10);
        now = due;
      }
    }
  }
}

TEST(NextScheduled, VisitsKeepTheirPaceAndJitterALittle) {
  Policy policy;
  policy.interval = hours(1);
  WallTime now = next_scheduled(link_of(1), start, policy);
  bool jittered = false;
  for (int visit = 0; visit < 100; ++visit) {
    const WallTime due = next_scheduled(link_of(1), now, policy);
    EXPECT_GE(due - now, policy.interval * 97 / 100);
    EXPECT_LE(due - now, policy.interval * 103 / 100 + Millis(1));
    jittered = jittered || due - now != policy.interval;
    now = due;
  }
  EXPECT_TRUE(jittered);
}

TEST(NextInTurn, WithoutJitterTurnsAreAnIntervalApart) {
  for (const Millis interval : {Millis(1), Millis(1001), Millis(hours(7))}) {
    for (int i = 0; i < 50; ++i) {
      const std::uint64_t hash = stable_hash(link_of(i).str());
      WallTime due = next_in_turn(hash, start, interval, Millis(0));
      EXPECT_GT(due, start + interval / 20);
      EXPECT_LE(due, start + interval / 20 + interval);
      for (int turn = 0; turn < 10; ++turn) {
        const WallTime next = next_in_turn(hash, due, interval, Millis(0));
        EXPECT_EQ(next - due, interval);
        due = next;
      }
    }
  }
}

TEST(NextInTurn, JitterOnlyDelaysATurn) {
  bool jittered = false;
  for (int i = 0; i < 50; ++i) {
    const std::uint64_t hash = stable_hash(link_of(i).str());
    const WallTime turn = next_in_turn(hash, start, hours(1), Millis(0));
    const WallTime later = next_in_turn(hash, start, hours(1), minutes(2));
    // The turn before, whose time has passed, may be moved behind the earliest.
    const Millis moved = turn - later > minutes(30) ? later + hours(1) - turn : later - turn;
    EXPECT_GE(moved, Millis(0));
    EXPECT_LE(moved, minutes(2));
    jittered = jittered || moved > Millis(0);
  }
  EXPECT_TRUE(jittered);
}

TEST(NextScheduled, FleetIsSpreadOverTheInterval) {
  const Policy policy;
  constexpr int buckets = 12;
  constexpr int links = 12'000;
  std::vector<int> count(buckets);
  for (int i = 0; i < links; ++i) {
    const Millis after = next_scheduled(link_of(i), start, policy).time_since_epoch() % policy.interval;
    ++count[static_cast<std::size_t>(after * buckets / policy.interval)];
  }
  for (const int in_bucket : count) {
    EXPECT_GT(in_bucket, links / buckets * 8 / 10);
    EXPECT_LT(in_bucket, links / buckets * 12 / 10);
  }
}

TEST(NextScheduled, NeverWaitsLongerThanTheLongestInterval) {
  Policy policy;
  policy.interval = hours(48);
  EXPECT_LE(next_scheduled(link_of(1), start, policy) - start, policy.max_interval * 11 / 10);
}

TEST(FullJitter, StaysInItsWindow) {
  const Millis base = minutes(1);
  const Millis max = hours(6);
  for (std::uint32_t failures : {0u, 1u, 5u, 9u, 40u, 4'000'000'000u}) {
    const Millis window = failures < 9 ? base * (1 << failures) : max;
    Millis smallest = max;
    Millis largest{0};
    for (std::uint64_t entropy = 0; entropy < 2000; ++entropy) {
      const Millis delay = full_jitter(base, max, failures, entropy);
      smallest = std::min(smallest, delay);
      largest = std::max(largest, delay);
    }
    EXPECT_GE(smallest, Millis(1000));
    EXPECT_LT(smallest, window / 10);
    EXPECT_LE(largest, window);
    EXPECT_GT(largest, window * 9 / 10);
  }
}

TEST(FullJitter, SmallBasesAreUsableInTests) {
  for (std::uint64_t entropy = 0; entropy < 100; ++entropy) {
    const Millis delay = full_jitter(Millis(10), Millis(20), 5, entropy);
    EXPECT_GE(delay, Millis(1));
    EXPECT_LE(delay, Millis(20));
  }
}

TEST(SlowLook, GrowsToItsLimitWithATenthOfJitter) {
  const Millis base = minutes(15);
  const Millis max = hours(6);
  for (std::uint32_t looks : {0u, 1u, 2u, 20u}) {
    const Millis window = std::min(max, base * (1 << std::min(looks, 10u)));
    for (std::uint64_t entropy = 0; entropy < 100; ++entropy) {
      const Millis delay = slow_look(base, max, looks, entropy);
      EXPECT_LE(delay, window);
      EXPECT_GE(delay, window * 9 / 10);
    }
  }
}

TEST(UpstreamClock, IsThatOfWhatTheLinkIsVisitedFor) {
  core::LinkRecord record;
  record.transactions_clock = core::parse_upstream_time("2025-05-01T10:00:00Z");
  record.accounts_clock = core::parse_upstream_time("2025-05-02T10:00:00Z");
  EXPECT_EQ(core::upstream_clock_of(record), record.transactions_clock);
  record.transactions_forbidden = true;
  EXPECT_EQ(core::upstream_clock_of(record), record.accounts_clock);
  record.transactions_forbidden = false;
  record.has_transactions_product = false;
  EXPECT_EQ(core::upstream_clock_of(record), record.accounts_clock);
  record.accounts_clock.reset();
  EXPECT_FALSE(core::upstream_clock_of(record));
}

TEST(UpstreamClock, WasLateWhenItLayFurtherBackThanTheLongestInterval) {
  const core::WallTime success{std::chrono::hours(500'000)};
  const core::Millis day = std::chrono::hours(24);
  EXPECT_FALSE(core::upstream_was_late(success, success - day, day));
  EXPECT_TRUE(core::upstream_was_late(success, success - day - core::Millis(1), day));
  EXPECT_FALSE(core::upstream_was_late(success, success + day, day)) << "a clock that is ahead";
  EXPECT_FALSE(core::upstream_was_late(success, std::nullopt, day)) << "nobody has told";
  EXPECT_FALSE(core::upstream_was_late(core::WallTime{}, core::UpstreamTime{} - day * 3, day))
      << "no success";
}

}  // namespace
}  // namespace syncd::core
