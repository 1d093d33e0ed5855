#include <algorithm>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/core/planner.hpp"
#include "tests/unit/engine/engine_world.hpp"

// The schedule that follows upstream's clock, with the real engine in virtual time.
namespace syncd::test {
namespace {

using core::Cause;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

constexpr int links = 60;
constexpr core::Millis period = hours(6);

// Banks that refresh every six hours, each link at its own time; every refresh brings a row.
struct ClockedWorld : EngineWorld {
  explicit ClockedWorld(const core::Policy& policy,
                        const api::Budgets& budgets = {.sync_per_app = 1, .link_per_app = 2})
      : EngineWorld(budgets, {.policy = policy, .workers = 8}) {
    for (int i = 0; i < links; ++i)
      know("link_" + std::to_string(i), now() + minutes(i));
    answer = [this](const api::HttpCall& call) { return reply(call); };
  }

  core::WallTime refreshed_at(const std::string& link_id) {
    const core::Millis phase(
        static_cast<std::int64_t>(core::stable_hash(link_id) % static_cast<std::uint64_t>(period.count())));
    const core::Millis since = (now().time_since_epoch() - phase) % period;
    return now() - since;
  }

  std::string link_json(const std::string& link_id) {
    return R"({"link_id":")" + link_id + R"(","state":"connected","institution_id":"bank","provider":"mk",)" +
           R"("products":{"transactions":{"refreshed_at":")" + core::format_wall_time(refreshed_at(link_id)) +
           R"("}}})";
  }

  api::HttpReply reply(const api::HttpCall& call) {
    const std::string link_id = link_of(call.target);
    if (call.target == "/links/" + link_id) {
      ++peeks;
      return json_reply(200, link_json(link_id));
    }
    ++fetches;
    const core::WallTime refreshed = refreshed_at(link_id);
    std::string created;
    if (seen[link_id] != refreshed) {
      created = R"({"transaction_id":")" + link_id + "_" +
                std::to_string(refreshed.time_since_epoch().count()) +
                R"(","account_id":"a","amount":1,"date":"2026-01-01","pending":false})";
      if (counting) delays.push_back(now() - refreshed);
    }
    seen[link_id] = refreshed;
    return json_reply(200, R"({"transactions":{"created":[)" + created +
                               R"(],"updated":[],"removed":[]},"accounts":[],"cursor":{"next":"c1"},)" +
                               R"("has_more":false,"link":)" + link_json(link_id) + "}");
  }

  double mean_delay_min() const {
    double sum = 0;
    for (const core::Millis delay : delays)
      sum += static_cast<double>(delay.count()) / 60'000;
    return sum / static_cast<double>(delays.size());
  }

  // Learns for five days, and counts for two.
  void live() {
    start();
    io.pass(days(5));
    counting = true;
    peeks = fetches = 0;
    io.pass(days(2));
  }

  std::map<std::string, core::WallTime> seen;
  std::vector<core::Millis> delays;
  bool counting = false;
  std::uint64_t peeks = 0, fetches = 0;
};

core::Policy adaptive(bool peeks) {
  core::Policy policy;
  policy.adaptive = true;
  policy.peeks = peeks;
  policy.interval = hours(24);
  policy.accounts_interval = hours(24 * 30);
  return policy;
}

// As often as the budget of one call a minute allows.
core::Policy uniform() {
  core::Policy policy = adaptive(false);
  policy.adaptive = false;
  policy.interval = minutes(links * 6 / 5);
  return policy;
}

TEST(Freshness, VisitsFollowTheUpstreamClockForNoMoreCalls) {
  ClockedWorld in_turn(uniform());
  in_turn.live();
  ClockedWorld by_clock(adaptive(false));
  by_clock.live();
  ClockedWorld with_peeks(adaptive(true));
  with_peeks.live();

  ASSERT_GT(in_turn.delays.size(), 350U);
  ASSERT_GT(by_clock.delays.size(), 350U);
  EXPECT_EQ(in_turn.peeks, 0U);
  EXPECT_EQ(by_clock.peeks, 0U);
  EXPECT_LT(by_clock.mean_delay_min(), 0.5 * in_turn.mean_delay_min());
  EXPECT_LT(with_peeks.mean_delay_min(), 0.5 * in_turn.mean_delay_min());
  const std::uint64_t allowed = 2 * 24 * 60;
  EXPECT_LE(by_clock.fetches, allowed);
  EXPECT_LE(with_peeks.fetches, allowed);
  EXPECT_LE(with_peeks.peeks, 2 * allowed);
}

TEST(Freshness, WhatWasLearnedOutlivesTheProcess) {
  ClockedWorld before(adaptive(false));
  before.start();
  before.io.pass(days(5));
  before.stop();
  before.io.settle();
  ASSERT_TRUE(before.store.notes.contains(std::string(core::planner_note)));

  core::VisitPlanner planner(core::FreshnessPolicy{});
  planner.decode(before.store.notes.at(std::string(core::planner_note)));
  const core::RefreshRhythm rhythm = planner.outlooks().of("bank", "mk").rhythm;
  EXPECT_TRUE(rhythm.regular);
  EXPECT_NEAR(static_cast<double>(rhythm.period / minutes(1)), 360, 10);
}

// One world for both: it lives for thirteen days.
TEST(Freshness, WhatWasLearnedIsExplainedAndPlannedWith) {
  ClockedWorld world(adaptive(true));
  world.live();
  int by_clock = 0;
  for (const auto& [link_id, record] : world.store.links) {
    const engine::ExplainedSchedule told = world.engine->explain_schedule(record);
    if (told.stored.due_by == core::DueBy::work) continue;  // a peek has just found news
    EXPECT_EQ(told.stored.due_by, core::DueBy::policy) << link_id << ": " << told.stored.why;
    EXPECT_EQ(told.stored.next_due_at, record.next_due_at);
    EXPECT_EQ(told.stored.reason, record.freshness.reason);
    EXPECT_EQ(told.stored.rhythm_knowledge, core::RhythmKnowledge::regular);
    EXPECT_NEAR(static_cast<double>(told.stored.rhythm.period / minutes(1)), 360, 10);
    EXPECT_EQ(told.moment, engine::LinkMoment::waits);
    by_clock += told.stored.reason == core::VisitReason::ladder ? 1 : 0;
  }
  EXPECT_GT(by_clock, links / 2);

  const engine::PlannedBudget planned = world.engine->plan_budget(std::nullopt, std::nullopt);
  EXPECT_EQ(planned.links, static_cast<std::uint64_t>(links));
  EXPECT_EQ(planned.webhook_percent, 0U);
  EXPECT_EQ(planned.sync_per_minute, 1U);
  EXPECT_EQ(planned.link_per_minute, 2U);
  EXPECT_TRUE(planned.adaptive);
  EXPECT_TRUE(planned.peeks);
  EXPECT_GT(planned.model.known_share, 0.99);
  EXPECT_NEAR(planned.delays.in_turn.mean_minutes, 0.5 * links / core::schedulable(1), 1);
  // These banks leave no refresh out, as the plan expects of any.
  ASSERT_TRUE(planned.delays.with_peeks.affordable);
  EXPECT_NEAR(planned.delays.with_peeks.mean_minutes, world.mean_delay_min(), 3);
  EXPECT_LT(planned.delays.with_peeks.mean_minutes, 0.2 * planned.delays.in_turn.mean_minutes);

  const engine::PlannedBudget other = world.engine->plan_budget(120, 90);
  EXPECT_EQ(other.links, 120U);
  EXPECT_EQ(other.webhook_percent, 90U);
  EXPECT_GT(other.delays.in_turn.p95_minutes, planned.delays.in_turn.p95_minutes);
}

TEST(Freshness, WhatIsAskedForIsToldAsSuch) {
  ClockedWorld world(adaptive(true));
  const core::LinkRecord record = world.store.links.at("link_7");
  EXPECT_EQ(world.engine->explain_schedule(record).moment, engine::LinkMoment::waits);
  EXPECT_EQ(world.engine->explain_schedule(record).stored.due_by, core::DueBy::work);
  ASSERT_TRUE(world.engine->sync_now(record.link_id));
  EXPECT_EQ(world.engine->explain_schedule(record).moment, engine::LinkMoment::queued);
  core::LinkRecord unknown = record;
  unknown.link_id = core::LinkId{"nobody"};
  EXPECT_EQ(world.engine->explain_schedule(unknown).moment, engine::LinkMoment::waits);
  EXPECT_EQ(engine::to_string(engine::LinkMoment::waits), "waits");
  EXPECT_EQ(engine::to_string(engine::LinkMoment::queued), "queued");
  EXPECT_EQ(engine::to_string(engine::LinkMoment::visited), "visited");
  EXPECT_EQ(engine::to_string(engine::LinkMoment::put_off), "put_off");
  EXPECT_EQ(engine::to_string(engine::LinkMoment::budget), "budget");
}

// One peek a minute and ten fetches, and more links of each kind at once.
TEST(Freshness, WhatWaitsForABudgetIsToldAsSuch) {
  ClockedWorld world(adaptive(true), {.sync_per_app = 10, .link_per_app = 1});
  for (int i = 0; i < 20; ++i) {
    const std::string peeked = "peeked_" + std::to_string(i);
    world.know(peeked, world.now() + minutes(-5));
    core::LinkRecord& record = world.store.links[peeked];
    record.upstream_state = "connected";
    record.freshness.peek_next = true;
    record.freshness.fetched_at = world.now();
    world.know("fetched_" + std::to_string(i), world.now() + minutes(-1));
  }
  world.start();
  world.io.pass(minutes(1) / 2);
  int in_row = 0;
  int overdue = 0;
  for (const auto& [link_id, record] : world.store.links) {
    const engine::ExplainedSchedule told = world.engine->explain_schedule(record);
    if (told.moment != engine::LinkMoment::budget) continue;
    if (told.next_try_at) {
      EXPECT_THAT(link_id, testing::StartsWith("peeked_"));
      EXPECT_GT(*told.next_try_at, world.now());
      EXPECT_LE(*told.next_try_at, world.now() + minutes(30));
      ++in_row;
    } else {
      ++overdue;
    }
  }
  EXPECT_GE(in_row, 10);
  EXPECT_GE(overdue, 5);
}

TEST(Freshness, AnIntervalThatIsShorterThanThePolicysIsKept) {
  core::Policy policy = adaptive(true);
  policy.interval = minutes(2);
  policy.max_interval = hours(1);
  ClockedWorld world(policy, {});
  world.start();
  world.io.pass(hours(3));
  EXPECT_EQ(world.peeks, 0U);
  for (const auto& [link_id, record] : world.store.links) {
    EXPECT_EQ(record.freshness.reason, core::VisitReason::turn) << link_id;
    EXPECT_LE(record.next_due_at - record.last_success_at, minutes(3)) << link_id;
  }
}

TEST(Freshness, NobodyWaitsLongerThanTheLongestInterval) {
  core::Policy policy = adaptive(true);
  policy.max_interval = policy.interval = hours(8);
  ClockedWorld world(policy);
  // Nothing ever happens.
  world.answer = [](const api::HttpCall& call) { return no_news(call); };
  world.start();
  world.io.pass(days(3));
  ASSERT_GT(world.observer.cycles.size(), 400U);
  for (const auto& [link_id, record] : world.store.links)
    EXPECT_LE(world.now() - record.freshness.fetched_at, hours(9)) << link_id;
}

// Two looks a minute for sixty links that all want one: those that are turned away come back one behind the
// other, and hardly any of them in vain.
TEST(Freshness, PeeksThatAreTurnedAwayComeBackOneByOne) {
  ClockedWorld world(adaptive(true), {.sync_per_app = 60, .link_per_app = 2});
  for (auto& [link_id, record] : world.store.links) {
    record.freshness.peek_next = true;
    record.freshness.fetched_at = record.freshness.looked_at = world.now();
    record.transactions_clock = core::UpstreamTime(world.refreshed_at(link_id));
    world.seen[link_id] = world.refreshed_at(link_id);
  }
  world.start();
  world.io.pass(hours(1));
  std::uint64_t in_vain = 0;
  for (const core::CycleReport& report : world.observer.cycles)
    in_vain += report.yielded ? 1 : 0;
  EXPECT_GE(world.peeks, 55U) << "of the two a minute one is for people";
  EXPECT_LE(in_vain, 2 * world.peeks);
}

TEST(Freshness, TheControlGroupIsVisitedInTurn) {
  core::Policy policy = adaptive(true);
  policy.control_share = 0.5;
  ClockedWorld world(policy);
  world.start();
  world.io.pass(days(2));
  int in_turn = 0;
  for (const auto& [link_id, record] : world.store.links) {
    const bool control = core::arm_of(core::stable_hash(link_id), 0.5) == core::Arm::control;
    EXPECT_EQ(record.freshness.reason == core::VisitReason::turn, control) << link_id;
    in_turn += control ? 1 : 0;
  }
  EXPECT_GT(in_turn, links / 5);
  EXPECT_LT(in_turn, links * 4 / 5);
}

}  // namespace
}  // namespace syncd::test
