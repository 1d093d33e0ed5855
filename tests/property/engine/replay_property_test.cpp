#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/bench/freshness.hpp"
#include "tests/bench/trace.hpp"

namespace syncd::bench {

static bool operator==(const Refresh& a, const Refresh& b) {
  return a.at_ms == b.at_ms && a.changed == b.changed;
}

namespace {

using core::Cause;

constexpr std::int64_t begin_ms = 1'767'225'600'000;
constexpr std::int64_t minute = 60'000;
constexpr std::int64_t hour = 60 * minute;
constexpr std::int64_t day = 24 * hour;

core::WallTime at(std::int64_t millis) {
  return core::WallTime(core::Millis(begin_ms + millis));
}

daemon::VisitLine visit(std::uint64_t link, std::int64_t at_ms, std::int64_t refreshed_ms, bool changed,
                        Cause cause = Cause::schedule) {
  return {.at = at(at_ms),
          .link = link,
          .institution = 100 + link,
          .refreshed_at = at(refreshed_ms),
          .fetched = true,
          .changed = changed,
          .cause = cause};
}

Trace trace_of_lines(std::vector<daemon::VisitLine> lines) {
  return trace_of({.lines = std::move(lines), .damaged = 0});
}

std::vector<Refresh> refreshes(const Trace& trace, std::size_t link = 0) {
  return *trace.sources.at(link).recorded;
}

// Some links, each looked at every half hour, as the daemon would write it down.
std::string recorded_fleet(const FleetShape& shape, double days, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<LinkSource> fleet = make_fleet(shape, random);
  std::string file(daemon::visit_trace_head);
  for (std::size_t link = 0; link < fleet.size(); ++link) {
    Refresh next = fleet[link].next(shape.skipped_share, random);
    std::int64_t shown_ms = 0;
    bool changed = false;
    const auto phase = static_cast<std::int64_t>(link * 7'919'000 % (30 * minute));
    for (std::int64_t now = phase; static_cast<double>(now) < days * day; now += 30 * minute) {
      for (; next.at_ms <= now; next = fleet[link].next(shape.skipped_share, random)) {
        shown_ms = next.at_ms;
        changed |= next.changed;
      }
      daemon::VisitLine line = visit(link, now, shown_ms, std::exchange(changed, false));
      line.institution = fleet[link].institution;
      file += daemon::format_visit(line);
    }
  }
  return file;
}

FreshnessRun small_run(Scheme scheme) {
  FreshnessRun run;
  run.scheme = scheme;
  run.fleet.links = 600;
  run.fleet.institutions = 30;
  run.learning_days = 8;
  run.measured_days = 4;
  return run;
}

}  // namespace

TEST(Trace, WithoutItsHeadIsRefused) {
  for (const char* text : {"", "moneykit-syncd visits 2\n", "1767225600123 00 00 17 fetch 1 webhook\n"}) {
    std::istringstream file(text);
    Visits visits;
    EXPECT_FALSE(add_visits(file, visits)) << text;
    EXPECT_TRUE(visits.lines.empty());
  }
}

TEST(Trace, DamagedLinesAreLeftOutAndCounted) {
  const auto first = visit(1, 0, -hour, false);
  const auto second = visit(2, minute, -hour, true);
  std::istringstream file(std::string(daemon::visit_trace_head) + daemon::format_visit(first) +
                          "17672256\n\nsomething else\n" + daemon::format_visit(second) + "1767225600123 0");
  Visits visits;
  ASSERT_TRUE(add_visits(file, visits));
  EXPECT_EQ(visits.lines, (std::vector{first, second}));
  EXPECT_EQ(visits.damaged, 4U);
}

TEST(Trace, OfNothingIsEmpty) {
  EXPECT_TRUE(trace_of({}).sources.empty());
}

// Files may be given in any order.
TEST(Trace, IsOfTheRefreshesThatVisitsSaw) {
  const Trace trace = trace_of_lines(
      {visit(1, 9 * hour, 8 * hour, true), visit(1, 0, -hour, false), visit(1, 4 * hour, 3 * hour, false),
       visit(1, 5 * hour, 3 * hour, false), visit(2, 5 * hour, 4 * hour, false)});
  ASSERT_EQ(trace.sources.size(), 2U);
  EXPECT_EQ(refreshes(trace), (std::vector<Refresh>{{-hour, false}, {3 * hour, false}, {8 * hour, true}}));
  EXPECT_EQ(trace.institutions, 2U);
  EXPECT_NE(trace.sources[0].institution, trace.sources[1].institution);
  EXPECT_EQ(trace.visits, 5U);
  EXPECT_EQ(trace.refreshes, 2U);
  EXPECT_EQ(trace.changed, 1U);
  EXPECT_DOUBLE_EQ(trace.days, 9.0 / 24);
  EXPECT_DOUBLE_EQ(trace.sources[0].changed_refreshes_per_day(), 24.0 / 9);
}

// A look sees the clock, and the visit that fetches comes later, because the budget was spent.
TEST(Trace, WhatAFetchFindsLaterBelongsToTheRefreshThatALookSaw) {
  const Trace trace =
      trace_of_lines({visit(1, 0, -hour, false), visit(1, 4 * hour, 3 * hour, false),
                      visit(1, 5 * hour, 3 * hour, true), visit(1, 6 * hour, 3 * hour, true)});
  EXPECT_EQ(refreshes(trace), (std::vector<Refresh>{{-hour, false}, {3 * hour, true}}));
  EXPECT_EQ(trace.changed, 1U);
}

// What a new link brings is its history.
TEST(Trace, TheFirstClockOfALinkIsWhereItBegins) {
  const Trace trace =
      trace_of_lines({visit(1, 0, -hour, true), visit(2, 2 * hour, hour, true, Cause::backfill)});
  EXPECT_EQ(refreshes(trace, 0), (std::vector<Refresh>{{-hour, false}}));
  EXPECT_EQ(refreshes(trace, 1), (std::vector<Refresh>{{hour, false}}));
  EXPECT_EQ(trace.refreshes, 0U);
  EXPECT_EQ(trace.changed, 0U);
}

TEST(Trace, AClockThatGoesBackIsNoRefresh) {
  const Trace trace = trace_of_lines(
      {visit(1, 0, -hour, false), visit(1, 4 * hour, 3 * hour, false), visit(1, 5 * hour, 2 * hour, false)});
  EXPECT_EQ(refreshes(trace), (std::vector<Refresh>{{-hour, false}, {3 * hour, false}}));
}

TEST(Trace, KnowsALinkWithAWebhookByItsVisits) {
  const Trace trace = trace_of_lines(
      {visit(1, 0, -hour, false), visit(1, hour + 30'000, hour, true, Cause::webhook),
       visit(1, 3 * hour, 2 * hour, true), visit(2, 0, -hour, false), visit(2, 3 * hour, 2 * hour, true)});
  EXPECT_TRUE(trace.sources[0].has_webhook);
  EXPECT_FALSE(trace.sources[1].has_webhook);
  EXPECT_EQ(trace.links_with_hooks, 1U);
  EXPECT_DOUBLE_EQ(trace.hook_recall, 0.5);
  EXPECT_DOUBLE_EQ(trace.hook_latency_s, 30);
}

TEST(Clairvoyant, IsNotLateWhileTheBudgetIsLarge) {
  const Trace trace = trace_of_lines({visit(1, 0, -hour, false), visit(1, 4 * hour, 3 * hour, true),
                                      visit(2, 0, -hour, false), visit(2, 4 * hour, 3 * hour, true)});
  EXPECT_EQ(clairvoyant_min(trace.sources, 2, 0, day), 0);
  EXPECT_EQ(clairvoyant_min({}, 2, 0, day), 0);
}

TEST(Clairvoyant, WaitsWhereMoreIsNewThanMayBeCalledFor) {
  std::vector<daemon::VisitLine> lines;
  for (std::uint64_t link = 1; link <= 3; ++link) {
    lines.push_back(visit(link, 0, -hour, false));
    lines.push_back(visit(link, 4 * hour, 3 * hour, true));
  }
  const Trace trace = trace_of_lines(lines);
  EXPECT_DOUBLE_EQ(clairvoyant_min(trace.sources, 1, 0, day), 1) << "0, 1 and 2 minutes";
  EXPECT_DOUBLE_EQ(clairvoyant_min(trace.sources, 2, 0, day), 1.0 / 3);
  EXPECT_EQ(clairvoyant_min(trace.sources, 1, 3 * hour + 1, day), 0) << "none of these hours";
}

// A call that has not been made yet brings what comes meanwhile.
TEST(Clairvoyant, CallsOnceForTwoRefreshesOfALinkThatWaits) {
  const Trace trace = trace_of_lines({visit(1, 0, -hour, false), visit(1, 4 * hour, 3 * hour, true),
                                      visit(2, 0, -hour, false), visit(2, 3 * hour + 5'000, 3 * hour, true),
                                      visit(2, 4 * hour, 3 * hour + 30'000, true)});
  // One at once, one after a minute, one of them half a minute.
  EXPECT_DOUBLE_EQ(clairvoyant_min(trace.sources, 1, 0, day), 0.5);
}

// What the daemon records of links says what they are like: their replay comes out as the world it was
// recorded in.
TEST(Replay, SaysWhatTheRecordedLinksWereLike) {
  const FreshnessRun made = small_run(Scheme::uniform);
  std::istringstream file(recorded_fleet(made.fleet, 12, made.seed));
  Visits visits;
  ASSERT_TRUE(add_visits(file, visits));
  EXPECT_EQ(visits.damaged, 0U);
  const Trace trace = trace_of(std::move(visits));
  ASSERT_EQ(trace.sources.size(), made.fleet.links);
  const auto sources = std::make_shared<const std::vector<LinkSource>>(trace.sources);
  const auto mean_of = [&](Scheme scheme, bool recorded) {
    FreshnessRun run = small_run(scheme);
    if (recorded) run.recorded = sources;
    const FreshnessResult result = run_freshness(run);
    EXPECT_GT(result.changes, 500U);
    EXPECT_EQ(result.over_budget, 0U);
    return result.mean_min;
  };
  const double uniform = mean_of(Scheme::uniform, true);
  const double policy = mean_of(Scheme::policy, true);
  EXPECT_NEAR(uniform / mean_of(Scheme::uniform, false), 1, 0.05);
  EXPECT_NEAR(policy / mean_of(Scheme::policy, false), 1, 0.3);
  EXPECT_LT(policy, 0.5 * uniform);
  EXPECT_LT(clairvoyant_min(trace.sources, 4, 8 * day, 12 * day), policy);
}

}  // namespace syncd::bench
