#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/render.hpp"
#include "daemon/cli/schedule_commands.hpp"
#include "daemon/exit_codes.hpp"
#include "tests/unit/daemon/scripted_daemon.hpp"

// schedule explain and plan.
namespace syncd::test {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const core::WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1) + std::chrono::hours(12);

const char* const explanation =
    R"({"link_id":"mk_1","status":"active","policy":"adaptive","arm":"adaptive",)"
    R"("next_due_at":"2026-03-01T15:20:00Z","due_by":"policy","reason":"ladder","peek":true,)"
    R"("why":"Its institution refreshes about every 6 h.","moment":"waits","next_try_at":null,)"
    R"("changes":{"per_day":1.8345,"seen":30.1,"days_watched":16.2,"prior_changes":0.5,"prior_days":0.25},)"
    R"("webhook":{"present":true,"recall":0.965,"told":27.2,"missed":0.31},)"
    R"("rhythm":{"knowledge":"regular","period_seconds":21612,"spread_seconds":1290,)"
    R"("median_gap_seconds":21612},"change_chance":0.0128,"weight":4,"weight_tag":"vip",)"
    R"("refreshed_at":"2026-03-01T09:12:00Z","fetched_at":"2026-03-01T09:20:00Z",)"
    R"("looked_at":"2026-03-01T09:20:00Z","prices":{"fetch_seconds":200.4,"peek_seconds":0.52},)"
    R"("bounds":{"min_interval_seconds":300,"max_interval_seconds":86400,"turn_interval_seconds":11643},)"
    R"("if_visited_now":{"due_at":"2026-03-02T09:32:00Z","reason":"batch","peek":false,"refreshes":3}})";

const char* const plan =
    R"({"links":200000,"webhook_percent":90,"budget":{"sync_per_minute":600,"link_per_minute":1000},)"
    R"("in_use":"with_peeks","in_turn":{"affordable":true,"mean_seconds":1945.9,"p95_seconds":18828,)"
    R"("fetches_per_minute":515.3,"peeks_per_minute":0},)"
    R"("without_peeks":{"affordable":false,"mean_seconds":null,"p95_seconds":null,)"
    R"("fetches_per_minute":null,"peeks_per_minute":null},)"
    R"("with_peeks":{"affordable":true,"mean_seconds":80.4,"p95_seconds":324,)"
    R"("fetches_per_minute":514.2,"peeks_per_minute":1852.1},)"
    R"("turn_interval_seconds":23286,"max_interval_seconds":86400,)"
    R"("model":{"known_percent":97.4,"webhook_percent":88.1,"webhook_recall":0.962,"kinds":[]},)"
    R"("assumptions":["one","two"]})";

std::string explained(const std::string& json) {
  const auto value = cli::parse_json(json);
  EXPECT_TRUE(value) << (value ? "" : value.error());
  return value ? cli::render_explanation(*value, now) : "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CliSchedule, AnExplanationSaysWhenWhyAndWhatIsKnown) {
  EXPECT_EQ(
      explained(explanation),
      "link              mk_1\n"
      "status            active\n"
      "schedule          adaptive\n"
      "next due          2026-03-01T15:20:00Z (in 3h)\n"
      "why               Its institution refreshes about every 6 h.\n"
      "reason            ladder, by a peek\n"
      "now               waits for its time\n"
      "changes           1.83 a day (seen 30.1 in 16.2 days; 0.5 in 0.25 days assumed of any link here)\n"
      "webhook           expected to tell 96 % of the changes (27.2 told, 0.31 missed)\n"
      "rhythm            every 6.0 h, give or take 22 min\n"
      "chance            1 % that a refresh brings a change which no webhook tells\n"
      "weight            4, by its tag vip\n"
      "upstream clock    2026-03-01T09:12:00Z (2h ago)\n"
      "feed asked        2026-03-01T09:20:00Z (2h ago)\n"
      "clock looked at   2026-03-01T09:20:00Z (2h ago)\n"
      "price of a fetch  a change must be seen 3.3 min sooner by it\n"
      "price of a peek   a change must be seen less than 1 s sooner by it\n"
      "bounds            5.0 min to 24.0 h; in turn it would be every 3.2 h\n"
      "if visited now    due in 21h, batch, for 3 refreshes\n");
}

TEST(CliSchedule, WhatIsNotKnownOrNotSoIsToldAsThat) {
  std::string other = replaced(explanation, R"("policy":"adaptive","arm":"adaptive")",
                               R"("policy":"adaptive","arm":"control")");
  other = replaced(other, R"("present":true)", R"("present":false)");
  other = replaced(other, R"("knowledge":"regular","period_seconds":21612,"spread_seconds":1290)",
                   R"("knowledge":"irregular","period_seconds":null,"spread_seconds":null)");
  other = replaced(other, R"("change_chance":0.0128,"weight":4,"weight_tag":"vip")",
                   R"("change_chance":null,"weight":1,"weight_tag":null)");
  other = replaced(other, R"("moment":"waits")", R"("moment":"put_off")");
  const std::string text = explained(other);
  EXPECT_THAT(text, HasSubstr("schedule          adaptive, control group\n"));
  EXPECT_THAT(text, HasSubstr("webhook           none\n"));
  EXPECT_THAT(text, HasSubstr("rhythm            none; 6.0 h between two refreshes, in the middle\n"));
  EXPECT_THAT(text, Not(HasSubstr("chance")));
  EXPECT_THAT(text, HasSubstr("weight            1\n"));
  EXPECT_THAT(text, HasSubstr("now               put off: its institution or provider is down"));
  EXPECT_THAT(explained(replaced(other, R"("knowledge":"irregular")", R"("knowledge":"unknown")")),
              HasSubstr("rhythm            not known yet\n"));
  for (const auto& [word, said] : {std::pair("visited", "is being visited"), {"queued", "asked for"}})
    EXPECT_THAT(
        explained(replaced(explanation, R"("moment":"waits")", R"("moment":")" + std::string(word) + '"')),
        HasSubstr(said));
}

TEST(CliSchedule, ALinkThatWaitsForItsBudgetSaysWhatFor) {
  const std::string overdue = replaced(explanation, R"("moment":"waits","next_try_at":null)",
                                       R"("moment":"budget","next_try_at":null)");
  EXPECT_THAT(explained(overdue), HasSubstr("waits until a call of the budget is left for it"));
  const std::string peek = replaced(explanation, R"("moment":"waits","next_try_at":null)",
                                    R"("moment":"budget","next_try_at":"2026-03-01T15:21:00Z")");
  EXPECT_THAT(explained(peek), HasSubstr("the budget of its peek is spent; again at 2026-03-01T15:21:00Z"));
}

TEST(CliSchedule, ALinkThatNothingVisitsHasNoReason) {
  std::string gone = replaced(explanation, R"("next_due_at":"2026-03-01T15:20:00Z","due_by":"policy",)",
                              R"("next_due_at":null,"due_by":"nobody",)");
  gone = replaced(gone, R"("reason":"ladder","peek":true)", R"("reason":null,"peek":false)");
  const std::size_t preview = gone.find(R"("if_visited_now")");
  gone = gone.substr(0, preview) + R"("if_visited_now":null})";
  const std::string text = explained(replaced(gone, R"("policy":"adaptive")", R"("policy":"uniform")"));
  EXPECT_THAT(text, HasSubstr("next due          -\n"));
  for (const char* absent : {"reason  ", "if visited now", "price of"})
    EXPECT_THAT(text, Not(HasSubstr(absent)));
}

TEST(CliSchedule, APlanIsATableAndWhatItRestsOn) {
  const auto value = cli::parse_json(plan);
  ASSERT_TRUE(value);
  EXPECT_EQ(
      cli::render_plan(*value),
      "200,000 links, 90 % with a webhook; 600 fetches and 1,000 peeks a minute are allowed.\n"
      "\n"
      "SCHEDULE                            MEAN DELAY             95 %  FETCHES/MIN  PEEKS/MIN\n"
      "visits in turn                          32 min            5.2 h          515          0\n"
      "adaptive, without peeks        over the budget  over the budget            -          -\n"
      "adaptive, with peeks (in use)          1.3 min          5.4 min          514      1,852\n"
      "\n"
      "Of the links 97 % are at institutions whose rhythm is known, and 88 % have a webhook now. A webhook "
      "tells 96 % of the changes of its link.\n"
      "Assumed:\n"
      "- one\n"
      "- two\n");
}

// ---- what is asked ----

class CliScheduleCommands : public testing::Test {
 protected:
  cli::Session session(bool json) const { return {.client = cli::Client(daemon_.path()), .json = json}; }
  std::string run(Canned answer, const std::function<cli::CliResult<int>()>& command) {
    daemon_.answers({std::move(answer)});
    testing::internal::CaptureStdout();
    result_ = command();
    return testing::internal::GetCapturedStdout();
  }

  ScriptedDaemon daemon_;
  cli::CliResult<int> result_;
};

TEST_F(CliScheduleCommands, ExplainAsksForOneLink) {
  const std::string out =
      run({200, explanation}, [&] { return cli::explain_schedule(session(false), "mk/1"); });
  EXPECT_THAT(daemon_.asked(), ElementsAre("GET /v1/links/mk%2F1/schedule"));
  EXPECT_EQ(result_, daemon::exit_ok);
  EXPECT_THAT(out, ContainsRegex("reason +ladder, by a peek"));
  EXPECT_EQ(run({200, explanation}, [&] { return cli::explain_schedule(session(true), "mk_1"); }),
            std::string(explanation) + '\n');
  run({404, R"({"code":"link_not_found","detail":"there is no link mk_7"})"},
      [&] { return cli::explain_schedule(session(false), "mk_7"); });
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().exit_code, daemon::exit_failure);
}

TEST_F(CliScheduleCommands, PlanAsksForWhatWasSaid) {
  const auto asked = [&](const cli::PlanOptions& options) {
    run({200, plan}, [&] { return cli::plan_budget(session(false), options); });
    return daemon_.asked().back();
  };
  EXPECT_EQ(asked({}), "GET /v1/schedule/plan");
  EXPECT_EQ(asked({.links = 200'000, .webhook_percent = {}}), "GET /v1/schedule/plan?links=200000");
  EXPECT_EQ(asked({.links = {}, .webhook_percent = 0}), "GET /v1/schedule/plan?webhooks=0");
  EXPECT_EQ(asked({.links = 1, .webhook_percent = 90}), "GET /v1/schedule/plan?links=1&webhooks=90");
  EXPECT_EQ(run({200, plan}, [&] { return cli::plan_budget(session(true), {}); }), std::string(plan) + '\n');
}

}  // namespace
}  // namespace syncd::test
