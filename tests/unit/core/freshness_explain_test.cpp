#include "sync/core/freshness_explain.hpp"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/core/next_visit.hpp"

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::HasSubstr;

const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);

Policy adaptive() {
  Policy policy;
  policy.adaptive = true;
  policy.interval = hours(24);
  return policy;
}

VisitPlanner planner_of(const Policy& policy) {
  VisitPlanner planner(freshness_policy_of(policy));
  planner.set_fleet({.links = 100'000, .sync_per_minute = 600, .link_per_minute = 1000});
  return planner;
}

void teach(VisitPlanner& planner, Millis period) {
  LinkOutlook link{.refreshed_at = UpstreamTime(now - hours(24 * 20)), .looked_at = now - hours(24 * 20)};
  for (WallTime at = link.looked_at; at < now; at += minutes(30)) {
    const auto count = (at - WallTime{}) / period;
    const UpstreamTime shown(WallTime{} + count * period + minutes(count % 7));
    planner.note_look(link, "bank", "mk", shown);
    link.refreshed_at = shown;
    link.looked_at = at;
  }
}

// A healthy link that was visited an hour ago.
LinkRecord record_of(VisitReason reason) {
  LinkRecord record;
  record.link_id = LinkId{"mk_1"};
  record.institution_id = "bank";
  record.provider = "mk";
  record.added_at = now - hours(900);
  record.cursor = Cursor{"c"};
  record.transactions_clock = UpstreamTime(now - hours(2));
  record.last_attempt_at = record.last_success_at = now - hours(1);
  record.freshness.fetched_at = record.freshness.looked_at = now - hours(1);
  record.freshness.reason = reason;
  record.next_due_at = now + hours(3);
  return record;
}

ScheduleExplanation explained(const LinkRecord& record, const Policy& policy = adaptive()) {
  return explain(record, policy, planner_of(policy), now);
}

TEST(Explain, TellsEverythingThatDecides) {
  Policy policy = adaptive();
  policy.weights = std::make_shared<const std::vector<TagWeight>>(
      std::vector<TagWeight>{{.tag = "vip", .weight = 4}, {.tag = "trial", .weight = 0.5}});
  VisitPlanner planner = planner_of(policy);
  teach(planner, hours(6));
  LinkRecord record = record_of(VisitReason::ladder);
  record.tags = {"trial", "vip"};
  record.freshness.evidence = {.changes = 30, .days = 15, .hooked = 20, .missed = 2};
  record.freshness.has_webhook = true;
  record.freshness.peek_next = true;
  const ScheduleExplanation told = explain(record, policy, planner, now);
  EXPECT_TRUE(told.adaptive);
  EXPECT_EQ(told.arm, Arm::adaptive);
  EXPECT_EQ(told.due_by, DueBy::policy);
  EXPECT_EQ(told.next_due_at, now + hours(3));
  EXPECT_EQ(told.reason, VisitReason::ladder);
  EXPECT_TRUE(told.peek);
  EXPECT_NEAR(told.changes_per_day, 2, 0.1);
  EXPECT_EQ(told.evidence, record.freshness.evidence);
  EXPECT_GT(told.prior.days, 0);
  EXPECT_NEAR(told.recall, 29.0 / 32, 1e-6);
  EXPECT_EQ(told.rhythm_knowledge, RhythmKnowledge::regular);
  EXPECT_NEAR(static_cast<double>(told.rhythm.period / minutes(1)), 360, 10);
  EXPECT_GT(told.change_chance, 0);
  EXPECT_LT(told.change_chance, 1 - told.recall + 1e-6);
  EXPECT_EQ(told.weight, 4);
  EXPECT_EQ(told.weight_tag, "vip");
  EXPECT_EQ(told.refreshed_at, record.transactions_clock);
  EXPECT_EQ(told.prices.fetch, planner.prices().fetch);
  EXPECT_EQ(told.min_interval, minutes(5));
  EXPECT_EQ(told.max_interval, hours(24));
  EXPECT_EQ(told.turn_interval, planner.turn_interval());
  ASSERT_TRUE(told.if_visited_now);
  EXPECT_GT(told.if_visited_now->due_at, now);
  EXPECT_THAT(told.why, HasSubstr("refreshes about every 6 h"));
  EXPECT_THAT(told.why, HasSubstr("just behind the next refresh"));
  EXPECT_THAT(told.why, HasSubstr("It asks for the link object first"));
}

TEST(Explain, SaysWhatAVisitThatEndedNowWouldDecide) {
  const Policy policy = adaptive();
  VisitPlanner planner = planner_of(policy);
  teach(planner, hours(6));
  const LinkRecord record = record_of(VisitReason::rate);
  LinkOutlook outlook = outlook_of(record, policy);
  outlook.fetched_at = outlook.looked_at = now;
  const VisitPlan decided = planner.preview(outlook, "bank", "mk", now);
  const ScheduleExplanation told = explain(record, policy, planner, now);
  ASSERT_TRUE(told.if_visited_now);
  EXPECT_EQ(told.if_visited_now->due_at, decided.due_at);
  EXPECT_EQ(told.if_visited_now->reason, decided.reason);
  // What it decides is what the visit itself would, unless that explores.
  const VisitPlan planned = planner.plan(outlook, "bank", "mk", now);
  EXPECT_TRUE(planned.due_at == decided.due_at || planned.reason == VisitReason::learn);
}

TEST(Explain, EachReasonHasItsWords) {
  const auto why = [](VisitReason reason) { return explained(record_of(reason)).why; };
  EXPECT_THAT(why(VisitReason::batch), HasSubstr("one is made for several of them"));
  EXPECT_THAT(why(VisitReason::rate), HasSubstr("Too little was seen"));
  EXPECT_THAT(why(VisitReason::rate), HasSubstr("against the price of a call"));
  EXPECT_THAT(why(VisitReason::floor), HasSubstr("its feed is asked within 1 d."));
  EXPECT_THAT(why(VisitReason::learn), HasSubstr("to learn when its institution refreshes"));
  EXPECT_THAT(why(VisitReason::turn), HasSubstr("from before the adaptive schedule"));
  EXPECT_EQ(explained(record_of(VisitReason::turn)).due_by, DueBy::turn);
}

TEST(Explain, AnInstitutionWithoutARhythmIsToldFromAnUnknownOne) {
  const Policy policy = adaptive();
  VisitPlanner planner = planner_of(policy);
  LinkOutlook link{.refreshed_at = UpstreamTime(now - hours(900)), .looked_at = now - hours(900)};
  for (int gap = 0; gap < 64; ++gap) {
    const Millis length = minutes(30 + 97 * gap % 700);
    const UpstreamTime shown = *link.refreshed_at + length;
    link.looked_at = std::chrono::floor<Millis>(shown) - minutes(1);
    planner.note_look(link, "bank", "mk", shown);
    link.refreshed_at = shown;
  }
  const ScheduleExplanation told = explain(record_of(VisitReason::rate), policy, planner, now);
  EXPECT_EQ(told.rhythm_knowledge, RhythmKnowledge::irregular);
  EXPECT_GT(told.rhythm.gap_median, Millis(0));
  EXPECT_EQ(told.change_chance, 0);
  EXPECT_THAT(told.why, HasSubstr("without a rhythm"));
  EXPECT_EQ(explained(record_of(VisitReason::rate)).rhythm_knowledge, RhythmKnowledge::unknown);
}

TEST(Explain, ALinkThatNothingVisitsHasNoTime) {
  for (const LinkStatus status : {LinkStatus::paused, LinkStatus::gone}) {
    LinkRecord record = record_of(VisitReason::ladder);
    record.status = status;
    const ScheduleExplanation told = explained(record);
    EXPECT_EQ(told.due_by, DueBy::nobody);
    EXPECT_FALSE(told.next_due_at);
    EXPECT_FALSE(told.if_visited_now);
    EXPECT_THAT(told.why, HasSubstr(std::string("The link is ") + std::string(to_string(status))));
  }
}

TEST(Explain, WhatFailsOrWaitsIsNotTheSchedulesDoing) {
  struct Case {
    LinkStatus status;
    DueBy by;
    const char* words;
  };
  for (const Case& one : {Case{LinkStatus::backoff, DueBy::failure, "has failed 3 times in a row"},
                          {LinkStatus::blocked, DueBy::failure, "MoneyKit forbids us the link"},
                          {LinkStatus::quarantined, DueBy::failure, "answers could not be believed"},
                          {LinkStatus::relink, DueBy::owner, "waits for its owner"}}) {
    LinkRecord record = record_of(VisitReason::ladder);
    record.status = one.status;
    record.failures = 3;
    record.last_error = ErrorNote{.code = Errc::server, .api_code = {}, .message = {}};
    record.freshness.peek_next = true;
    const ScheduleExplanation told = explained(record);
    EXPECT_EQ(told.due_by, one.by) << one.words;
    EXPECT_EQ(told.next_due_at, record.next_due_at);
    EXPECT_FALSE(told.peek);
    EXPECT_THAT(told.why, HasSubstr(one.words));
    if (one.by == DueBy::failure) EXPECT_THAT(told.why, HasSubstr("the last time with server"));
    EXPECT_TRUE(told.if_visited_now);
  }
}

TEST(Explain, WorkThatGoesOnIsDueAtOnce) {
  LinkRecord fresh;
  fresh.link_id = LinkId{"mk_2"};
  fresh.next_due_at = now;
  EXPECT_EQ(explained(fresh).due_by, DueBy::work);
  EXPECT_THAT(explained(fresh).why, HasSubstr("never visited"));
  LinkRecord draining = record_of(VisitReason::ladder);
  draining.drain.open = true;
  EXPECT_THAT(explained(draining).why, HasSubstr("history is being read"));
  LinkRecord peeked = record_of(VisitReason::ladder);
  peeked.next_due_at = peeked.last_attempt_at;
  EXPECT_EQ(explained(peeked).due_by, DueBy::work);
  EXPECT_THAT(explained(peeked).why, HasSubstr("There is news of it"));
}

TEST(Explain, AnAttemptThatWasTurnedAwayIsMadeAgain) {
  LinkRecord record = record_of(VisitReason::ladder);
  record.last_attempt_at = now - minutes(1);
  record.next_due_at = now + minutes(2);
  EXPECT_EQ(explained(record).due_by, DueBy::retry);
  EXPECT_THAT(explained(record).why, HasSubstr("allowed no more calls"));
}

TEST(Explain, OtherWaysToVisitAreTold) {
  Policy uniform = adaptive();
  uniform.adaptive = false;
  uniform.interval = hours(6);
  const ScheduleExplanation in_turn = explained(record_of(VisitReason::turn), uniform);
  EXPECT_FALSE(in_turn.adaptive);
  EXPECT_EQ(in_turn.due_by, DueBy::turn);
  EXPECT_THAT(in_turn.why, HasSubstr("policy is uniform: every link is visited once in 6 h."));
  EXPECT_EQ(in_turn.turn_interval, hours(6));
  ASSERT_TRUE(in_turn.if_visited_now);
  EXPECT_EQ(in_turn.if_visited_now->reason, VisitReason::turn);

  Policy often = adaptive();
  often.interval = minutes(2);
  EXPECT_THAT(explained(record_of(VisitReason::turn), often).why,
              HasSubstr("The interval of the schedule, 2 min, is no longer than its min_interval"));

  Policy compared = adaptive();
  compared.control_share = 1;
  const ScheduleExplanation control = explained(record_of(VisitReason::turn), compared);
  EXPECT_EQ(control.arm, Arm::control);
  EXPECT_THAT(control.why, HasSubstr("in the control group"));
  EXPECT_EQ(control.if_visited_now->reason, VisitReason::turn);
}

TEST(Explain, WordsAreFixed) {
  EXPECT_EQ(to_string(DueBy::policy), "policy");
  EXPECT_EQ(to_string(DueBy::turn), "turn");
  EXPECT_EQ(to_string(DueBy::work), "work");
  EXPECT_EQ(to_string(DueBy::retry), "retry");
  EXPECT_EQ(to_string(DueBy::failure), "failure");
  EXPECT_EQ(to_string(DueBy::owner), "owner");
  EXPECT_EQ(to_string(DueBy::nobody), "nobody");
  EXPECT_EQ(to_string(RhythmKnowledge::unknown), "unknown");
  EXPECT_EQ(to_string(RhythmKnowledge::regular), "regular");
  EXPECT_EQ(to_string(RhythmKnowledge::irregular), "irregular");
}

}  // namespace
}  // namespace syncd::core
