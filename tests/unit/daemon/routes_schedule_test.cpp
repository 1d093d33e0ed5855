#include <limits>
#include <string>

#include "tests/unit/daemon/fake_view.hpp"

// Why a link is due when it is, and what the budget buys.
namespace syncd::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::EndsWith;
using testing::StartsWith;

core::ScheduleExplanation explanation() {
  core::ScheduleExplanation told;
  told.adaptive = true;
  told.due_by = core::DueBy::policy;
  told.next_due_at = core::WallTime{core::Millis{1'746'549'072'451}};
  told.reason = core::VisitReason::ladder;
  told.peek = true;
  told.why = "Because.";
  told.evidence = {.changes = 12.5F, .days = 10, .hooked = 9, .missed = 1};
  told.prior = {.changes = 0.5F, .days = 0.25F};
  told.changes_per_day = 1.25;
  told.has_webhook = true;
  told.recall = 0.9;
  told.rhythm_knowledge = core::RhythmKnowledge::regular;
  told.rhythm = {.regular = true, .period = hours(6), .spread = minutes(20), .gap_median = hours(6)};
  told.change_chance = 0.027;
  told.weight = 4;
  told.weight_tag = "vip";
  told.refreshed_at = core::UpstreamTime(std::chrono::microseconds(1'746'549'072'451'999));
  told.fetched_at = core::WallTime{core::Millis{1'746'549'072'451}};
  told.prices = {.fetch = 0.01, .peek = 0.001};
  told.min_interval = minutes(5);
  told.max_interval = hours(24);
  told.turn_interval = minutes(194);
  told.if_visited_now =
      core::VisitPlan{.due_at = *told.next_due_at, .reason = core::VisitReason::batch, .refreshes = 3};
  return told;
}

TEST_F(Routes, TheScheduleOfALinkIsExplained) {
  view.schedule = {.stored = explanation(), .moment = engine::LinkMoment::queued, .next_try_at = {}};
  const HttpResponse response = ask("GET", "/v1/links/mk_1/schedule");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(
      response.body,
      R"({"link_id":"mk_1","status":"backoff","policy":"adaptive","arm":"adaptive",)"
      R"("next_due_at":"2025-05-06T16:31:12.451Z","due_by":"policy","reason":"ladder","peek":true,)"
      R"("why":"Because.","moment":"queued","next_try_at":null,)"
      R"("changes":{"per_day":1.25,"seen":12.5,"days_watched":10,"prior_changes":0.5,"prior_days":0.25},)"
      R"("webhook":{"present":true,"recall":0.9,"told":9,"missed":1},)"
      R"("rhythm":{"knowledge":"regular","period_seconds":21600,"spread_seconds":1200,)"
      R"("median_gap_seconds":21600},"change_chance":0.027,"weight":4,"weight_tag":"vip",)"
      R"("refreshed_at":"2025-05-06T16:31:12.451Z","fetched_at":"2025-05-06T16:31:12.451Z",)"
      R"("looked_at":null,"prices":{"fetch_seconds":864,"peek_seconds":86.4},)"
      R"("bounds":{"min_interval_seconds":300,"max_interval_seconds":86400,"turn_interval_seconds":11640},)"
      R"("if_visited_now":{"due_at":"2025-05-06T16:31:12.451Z","reason":"batch","peek":false,)"
      R"("refreshes":3}})");
}

TEST_F(Routes, ALinkThatWaitsForItsBudgetIsToldAsSuch) {
  view.schedule = {.stored = explanation(), .moment = engine::LinkMoment::budget, .next_try_at = {}};
  view.schedule.next_try_at = *view.schedule.stored.next_due_at + minutes(2);
  EXPECT_THAT(ask("GET", "/v1/links/mk_1/schedule").body,
              HasSubstr(R"("moment":"budget","next_try_at":"2025-05-06T16:33:12.451Z",)"));
}

TEST_F(Routes, WhatIsNotKnownOfAScheduleIsNull) {
  view.schedule = {};
  view.schedule.stored.due_by = core::DueBy::nobody;
  view.schedule.stored.rhythm.gap_median = hours(3);
  view.schedule.stored.changes_per_day = std::numeric_limits<double>::infinity();
  const std::string body = ask("GET", "/v1/links/mk_1/schedule").body;
  EXPECT_THAT(body, HasSubstr(R"("policy":"uniform","arm":null,"next_due_at":null,"due_by":"nobody",)"
                              R"("reason":null,"peek":false)"));
  EXPECT_THAT(body, HasSubstr(R"("per_day":null)"));
  EXPECT_THAT(body, HasSubstr(R"("rhythm":{"knowledge":"unknown","period_seconds":null,)"
                              R"("spread_seconds":null,"median_gap_seconds":null},"change_chance":null)"));
  EXPECT_THAT(body, HasSubstr(R"("weight_tag":null,"refreshed_at":null,"fetched_at":null)"));
  EXPECT_THAT(body, HasSubstr(R"("prices":null)"));
  EXPECT_THAT(body, EndsWith(R"("if_visited_now":null})"));
  view.schedule.stored.rhythm_knowledge = core::RhythmKnowledge::irregular;
  EXPECT_THAT(ask("GET", "/v1/links/mk_1/schedule").body,
              HasSubstr(R"("period_seconds":null,"spread_seconds":null,"median_gap_seconds":10800})"));
}

TEST_F(Routes, OnlyAKnownLinkHasASchedule) {
  const HttpResponse response = ask("GET", "/v1/links/mk_7/schedule");
  EXPECT_EQ(response.status, 404);
  EXPECT_THAT(response.body, HasSubstr(R"("code":"link_not_found")"));
  EXPECT_EQ(ask("GET", "/v1/links/mk_1/schedule?wait=1s").status, 400);
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/schedule").status, 405);
}

TEST_F(Routes, ThePlanSaysWhatTheBudgetBuys) {
  engine::PlannedBudget& planned = view.budget_plan;
  planned.sync_per_minute = 600;
  planned.link_per_minute = 1000;
  planned.adaptive = planned.peeks = true;
  planned.model.kinds = {{.share = 0.25, .changes_per_day = 2, .rhythm = {}},
                         {.share = 0.75, .changes_per_day = 1.5, .rhythm = explanation().rhythm}};
  planned.model.webhook_share = 0.5;
  planned.model.known_share = 1;
  planned.delays = {.turn_interval = minutes(194),
                    .max_interval = hours(24),
                    .in_turn = {},
                    .without_peeks = {},
                    .with_peeks = {}};
  planned.delays.in_turn = {
      .affordable = true, .mean_minutes = 97, .p95_minutes = 184, .fetches_per_minute = 515.25, .prices = {}};
  planned.delays.with_peeks = {.affordable = true,
                               .mean_minutes = 0.5,
                               .p95_minutes = 4,
                               .fetches_per_minute = 500,
                               .peeks_per_minute = 800,
                               .prices = {}};
  const HttpResponse response = ask("GET", "/v1/schedule/plan?links=100000&webhooks=0");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_THAT(
      response.body,
      StartsWith(
          R"({"links":100000,"webhook_percent":0,"budget":{"sync_per_minute":600,"link_per_minute":1000},)"
          R"("in_use":"with_peeks",)"
          R"("in_turn":{"affordable":true,"mean_seconds":5820,"p95_seconds":11040,)"
          R"("fetches_per_minute":515.25,"peeks_per_minute":0},)"
          R"("without_peeks":{"affordable":false,"mean_seconds":null,"p95_seconds":null,)"
          R"("fetches_per_minute":null,"peeks_per_minute":null},)"
          R"("with_peeks":{"affordable":true,"mean_seconds":30,"p95_seconds":240,)"
          R"("fetches_per_minute":500,"peeks_per_minute":800},)"
          R"("turn_interval_seconds":11640,"max_interval_seconds":86400,)"
          R"("model":{"known_percent":100,"webhook_percent":50,"webhook_recall":0.9,)"
          R"("kinds":[{"share_percent":25,"changes_per_day":2,"period_seconds":null,"spread_seconds":null},)"
          R"({"share_percent":75,"changes_per_day":1.5,"period_seconds":21600,"spread_seconds":1200}]},)"
          R"("assumptions":[)"));
  EXPECT_THAT(response.body, HasSubstr("15 % have none, those of the others are lognormal with sigma 1.3"));
  EXPECT_THAT(response.body, Not(HasSubstr("not known yet")));
  planned.model.known_share = 0.5;
  EXPECT_THAT(ask("GET", "/v1/schedule/plan").body, HasSubstr("institutions whose rhythm is not known yet"));
}

TEST_F(Routes, ThePlanIsForTheLinksThatThereAreUnlessSaidOtherwise) {
  EXPECT_THAT(ask("GET", "/v1/schedule/plan").body, HasSubstr(R"({"links":3,"webhook_percent":50,)"));
  EXPECT_THAT(ask("GET", "/v1/schedule/plan").body, HasSubstr(R"("in_use":null)"));
  EXPECT_THAT(ask("GET", "/v1/schedule/plan?links=100000000").body, HasSubstr(R"("links":100000000,)"));
  view.budget_plan.adaptive = true;
  EXPECT_THAT(ask("GET", "/v1/schedule/plan?webhooks=100").body, HasSubstr(R"("in_use":"without_peeks")"));
  for (const char* bad : {"links=0", "links=100000001", "links=-1", "links=", "links=1e3", "webhooks=101",
                          "webhooks=-1", "webhooks=0.5", "webhooks=", "link=1"}) {
    const HttpResponse response = ask("GET", std::string("/v1/schedule/plan?") + bad);
    EXPECT_EQ(response.status, 400) << bad;
    EXPECT_THAT(response.body, HasSubstr(R"("code":"invalid_parameter")")) << bad;
  }
}

}  // namespace
}  // namespace syncd::test
