#include "metrics/metrics.hpp"

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "metrics/exposition.hpp"
#include "tests/unit/metrics/scrape.hpp"

namespace syncd::metrics {
namespace {

using core::Cause;
using core::Endpoint;
using core::Errc;
using core::Millis;
using test::at_second;
using test::metrics_options;
using test::Scrape;

core::CycleReport busy_cycle() {
  core::CycleReport report;
  report.link_id = core::LinkId("mk_link_canary");
  report.institution_id = "institution_canary";
  report.cause = Cause::manual;
  report.pages = 3;
  report.created = 500;
  report.updated = 20;
  report.removed = 7;
  report.account_changes = 2;
  report.unknown_values = 4;
  report.drained = true;
  report.duration = Millis(1'500);
  report.schedule_lag = Millis(40'000);
  report.visibility_delay = Millis(120'000);
  return report;
}

core::CycleReport failed_cycle(Errc code, std::string api_code, std::string link_error_code) {
  core::CycleReport report;
  report.error = core::Error{.code = code,
                             .message = "message_canary",
                             .http_status = 422,
                             .api_code = std::move(api_code),
                             .link_error_code = std::move(link_error_code)};
  return report;
}

std::string delay_of(const std::string& what, const std::string& cause, const std::string& arm) {
  return "visibility_delay_seconds_" + what + "{arm=\"" + arm + "\",cause=\"" + cause + "\"}";
}

TEST(Metrics, TheSeriesOfAConsumerComeAndGoWithIt) {
  Metrics metrics(metrics_options());
  const ConsumerGauges books{.name = "books", .lag = 7, .oldest_unread_at = at_second(100)};
  const ConsumerGauges ledger{.name = "ledger", .acknowledged_at = at_second(200)};
  metrics.set_feed_consumers(std::vector{books, ledger});
  const Scrape both(metrics);
  EXPECT_EQ(both["feed_consumer_lag_records{consumer=\"books\"}"], 7);
  EXPECT_EQ(both["feed_consumer_oldest_unread_timestamp_seconds{consumer=\"books\"}"], 100);
  EXPECT_TRUE(std::isnan(both["feed_consumer_last_ack_timestamp_seconds{consumer=\"books\"}"]));
  EXPECT_EQ(both["feed_consumer_last_ack_timestamp_seconds{consumer=\"ledger\"}"], 200);
  metrics.set_feed_consumers(std::vector{ledger});
  const Scrape one(metrics);
  EXPECT_EQ(one.text().find("books"), std::string::npos);
  EXPECT_EQ(one["feed_consumer_lag_records{consumer=\"ledger\"}"], 0);
  metrics.set_feed_consumers({});
  EXPECT_EQ(Scrape(metrics).text().find("ledger"), std::string::npos);
}

// Whatever the store held, a scrape stays small.
TEST(Metrics, NotMoreConsumersAreShownThanThereMayBe) {
  Metrics metrics(metrics_options());
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i)
    names.push_back("consumer-" + std::to_string(i));
  std::vector<ConsumerGauges> gauges;
  for (const std::string& name : names)
    gauges.push_back({.name = name});
  const std::size_t before = Scrape(metrics).samples().size();
  metrics.set_feed_consumers(gauges);
  EXPECT_EQ(Scrape(metrics).samples().size(), before + 3 * 64);
}

TEST(Metrics, WhatWasCutOffTheFeedIsCounted) {
  Metrics metrics(metrics_options());
  metrics.record_feed_cut(12, 1);
  metrics.record_feed_cut(3, 0);
  metrics.set(StoreGauges{.feed_first = 16});
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["feed_cut_records_total"], 15);
  EXPECT_EQ(scrape["feed_consumers_overtaken_total"], 1);
  EXPECT_EQ(scrape["feed_first_sequence"], 16);
}

TEST(Metrics, ASuccessfulCycleReachesItsSeries) {
  Metrics metrics(metrics_options());
  metrics.record(busy_cycle());
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["cycles_total{cause=\"manual\",outcome=\"success\"}"], 1);
  EXPECT_EQ(scrape["cycles_total{cause=\"schedule\",outcome=\"success\"}"], 0);
  EXPECT_EQ(scrape["cycle_duration_seconds_sum"], 1.5);
  EXPECT_EQ(scrape["cycle_duration_seconds_bucket{le=\"1\"}"], 0);
  EXPECT_EQ(scrape["cycle_duration_seconds_bucket{le=\"2.5\"}"], 1);
  EXPECT_EQ(scrape["schedule_lag_seconds_sum"], 40);
  EXPECT_EQ(scrape[delay_of("sum", "manual", "adaptive")], 120);
  EXPECT_EQ(scrape[delay_of("count", "manual", "adaptive")], 1);
  EXPECT_EQ(scrape[delay_of("count", "manual", "control")], 0);
  EXPECT_EQ(scrape[delay_of("count", "schedule", "adaptive")], 0);
  EXPECT_EQ(scrape["change_delay_seconds_sum{arm=\"adaptive\"}"], 120);
  EXPECT_EQ(scrape["change_delay_seconds_count{arm=\"control\"}"], 0);
  EXPECT_EQ(scrape["pages_total"], 3);
  EXPECT_EQ(scrape["drains_total"], 1);
  EXPECT_EQ(scrape["diff_records_total{entity=\"transaction\",op=\"created\"}"], 500);
  EXPECT_EQ(scrape["diff_records_total{entity=\"transaction\",op=\"updated\"}"], 20);
  EXPECT_EQ(scrape["diff_records_total{entity=\"transaction\",op=\"removed\"}"], 7);
  EXPECT_EQ(scrape["diff_records_total{entity=\"account\",op=\"changed\"}"], 2);
  EXPECT_EQ(scrape["unknown_values_total"], 4);
  EXPECT_EQ(scrape["dead_letters_total"], 0);
  EXPECT_EQ(scrape["cursor_resets_total{cause=\"rejected\"}"], 0);
}

TEST(Metrics, ACycleThatSawNoRefreshHasNoVisibilityDelay) {
  Metrics metrics(metrics_options());
  core::CycleReport report = busy_cycle();
  report.visibility_delay.reset();
  metrics.record(report);
  EXPECT_EQ(Scrape(metrics)[delay_of("count", "manual", "adaptive")], 0);
}

TEST(Metrics, AClockThatWentBackDoesNotMakeANegativeTime) {
  Metrics metrics(metrics_options());
  core::CycleReport report = busy_cycle();
  report.schedule_lag = Millis(-5'000);
  report.visibility_delay = Millis(-1);
  metrics.record(report);
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["schedule_lag_seconds_sum"], 0);
  EXPECT_EQ(scrape["schedule_lag_seconds_bucket{le=\"1\"}"], 1);
  EXPECT_EQ(scrape[delay_of("sum", "manual", "adaptive")], 0);
}

TEST(Metrics, ARefreshFromTheFutureTellsOfTheClocksAndNotOfADelay) {
  Metrics metrics(metrics_options());
  core::CycleReport report = busy_cycle();
  report.visibility_delay = Millis(-2'000);  // within what clocks may differ
  metrics.record(report);
  EXPECT_EQ(Scrape(metrics)[delay_of("count", "manual", "adaptive")], 1);
  EXPECT_EQ(Scrape(metrics)["upstream_clock_ahead_total"], 0);
  report.visibility_delay = Millis(-2'001);
  metrics.record(report);
  EXPECT_EQ(Scrape(metrics)[delay_of("count", "manual", "adaptive")], 1);
  EXPECT_EQ(Scrape(metrics)["upstream_clock_ahead_total"], 1);
}

TEST(Metrics, ADelayIsToldByWhoFoundTheRefreshAndByArm) {
  Metrics metrics(metrics_options());
  core::CycleReport report = busy_cycle();
  for (const core::Arm arm : {core::Arm::adaptive, core::Arm::control, core::Arm::control}) {
    for (int cause = 1; cause <= 6; ++cause) {
      report.cause = test::any_value<Cause>(cause);
      report.arm = arm;
      metrics.record(report);
    }
  }
  const Scrape scrape(metrics);
  for (const char* found : {"schedule", "webhook", "manual"}) {
    EXPECT_EQ(scrape[delay_of("count", found, "adaptive")], 1);
    EXPECT_EQ(scrape[delay_of("count", found, "control")], 2);
  }
  EXPECT_EQ(scrape[delay_of("count", "other", "adaptive")], 3) << "backfill, verify and probe";
  EXPECT_EQ(scrape[delay_of("count", "other", "control")], 6);
  EXPECT_EQ(scrape["change_delay_seconds_count{arm=\"adaptive\"}"], 6);
  EXPECT_EQ(scrape["change_delay_seconds_count{arm=\"control\"}"], 12);
}

TEST(Metrics, ARefreshThatBroughtNothingIsNoDelayOfAChange) {
  Metrics metrics(metrics_options());
  core::CycleReport report = busy_cycle();
  report.created = report.updated = report.removed = report.account_changes = 0;
  metrics.record(report);
  EXPECT_EQ(Scrape(metrics)[delay_of("count", "manual", "adaptive")], 1);
  EXPECT_EQ(Scrape(metrics)["change_delay_seconds_count{arm=\"adaptive\"}"], 0);
  report.account_changes = 1;
  metrics.record(report);
  EXPECT_EQ(Scrape(metrics)["change_delay_seconds_count{arm=\"adaptive\"}"], 1);
}

TEST(Metrics, LinesOfTheTraceAreCounted) {
  Metrics metrics(metrics_options());
  metrics.record_visit_records(7, true);
  metrics.record_visit_records(2, false);
  metrics.record_visit_records(1, false);
  EXPECT_EQ(Scrape(metrics)["visit_records_total{outcome=\"written\"}"], 7);
  EXPECT_EQ(Scrape(metrics)["visit_records_total{outcome=\"lost\"}"], 3);
}

TEST(Metrics, AFailedCycleNamesItsKind) {
  Metrics metrics(metrics_options());
  metrics.record(failed_cycle(Errc::timeout, "", ""));
  core::CycleReport refused = failed_cycle(Errc::protocol, "", "");
  refused.dead_letter = true;
  metrics.record(refused);
  core::CycleReport rejected = failed_cycle(Errc::cursor_rejected, "", "");
  rejected.resync_started = true;
  metrics.record(rejected);
  metrics.record(failed_cycle(test::any_value<Errc>(99), "", ""));
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["cycles_total{cause=\"schedule\",outcome=\"timeout\"}"], 1);
  EXPECT_EQ(scrape["cycles_total{cause=\"schedule\",outcome=\"protocol\"}"], 1);
  EXPECT_EQ(scrape["cycles_total{cause=\"schedule\",outcome=\"other\"}"], 1);
  EXPECT_EQ(scrape["cycles_total{cause=\"schedule\",outcome=\"success\"}"], 0);
  EXPECT_EQ(scrape["dead_letters_total"], 1);
  EXPECT_EQ(scrape["cursor_resets_total{cause=\"rejected\"}"], 1);
}

TEST(Metrics, VerifiesAreCountedByResultAndWhatTheyFound) {
  Metrics metrics(metrics_options());
  core::VerifyReport report;
  metrics.record(report);
  report.result = core::VerifyResult::match;
  metrics.record(report);
  metrics.record(report);
  report.result = core::VerifyResult::mismatch;
  report.transactions.missing = 3;
  report.transactions.changed = 4;
  report.accounts.extra = 5;
  metrics.record(report);
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["verify_links_total{result=\"incomplete\"}"], 1);
  EXPECT_EQ(scrape["verify_links_total{result=\"match\"}"], 2);
  EXPECT_EQ(scrape["verify_links_total{result=\"mismatch\"}"], 1);
  EXPECT_EQ(scrape["verify_rows_total{entity=\"transaction\",kind=\"missing\"}"], 3);
  EXPECT_EQ(scrape["verify_rows_total{entity=\"transaction\",kind=\"extra\"}"], 0);
  EXPECT_EQ(scrape["verify_rows_total{entity=\"transaction\",kind=\"changed\"}"], 4);
  EXPECT_EQ(scrape["verify_rows_total{entity=\"account\",kind=\"extra\"}"], 5);
}

TEST(Metrics, RelinksAreCountedByReasonAndByHowTheyEnded) {
  Metrics metrics(metrics_options());
  core::CycleReport by_state = failed_cycle(Errc::relink_required, "auth_expired", "");
  by_state.relink_opened = true;
  metrics.record(by_state);
  core::CycleReport by_code =
      failed_cycle(Errc::relink_required, "link_error.bad_state", "user_oauth_denied");
  by_code.relink_opened = true;
  metrics.record(by_code);
  core::CycleReport unknown;
  unknown.relink_opened = true;
  metrics.record(unknown);
  core::CycleReport back;
  back.relink_resolved = true;
  metrics.record(back);
  core::CycleReport gone;
  gone.relink_resolved = true;
  gone.status_after = core::LinkStatus::gone;
  metrics.record(gone);
  metrics.record_act({.link_id = {}, .status = core::RelinkStatus::dismissed, .reason = "auth_expired"});
  metrics.record_act({.link_id = {}, .status = core::RelinkStatus::open, .reason = "user_oauth_denied"});
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["relinks_opened_total{reason=\"auth_expired\"}"], 1);
  EXPECT_EQ(scrape["relinks_opened_total{reason=\"user_oauth_denied\"}"], 2);
  EXPECT_EQ(scrape["relinks_opened_total{reason=\"other\"}"], 1);
  EXPECT_EQ(scrape["relinks_resolved_total{how=\"reconnected\"}"], 1);
  EXPECT_EQ(scrape["relinks_resolved_total{how=\"gone\"}"], 1);
  EXPECT_EQ(scrape["relinks_resolved_total{how=\"dismissed\"}"], 1);
}

TEST(Metrics, ARequestReachesItsSeries) {
  Metrics metrics(metrics_options());
  metrics.record(core::HttpReport{
      .endpoint = Endpoint::sync, .status = 200, .failure = {}, .duration = Millis(80), .body_bytes = 4'096});
  metrics.record(core::HttpReport{.endpoint = Endpoint::accounts,
                                  .status = 429,
                                  .failure = Errc::throttled,
                                  .duration = Millis(2),
                                  .body_bytes = 10});
  metrics.record(core::HttpReport{.endpoint = Endpoint::token,
                                  .status = 0,
                                  .failure = Errc::timeout,
                                  .duration = Millis(30'000),
                                  .body_bytes = 0});
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["api_requests_total{code=\"200\",endpoint=\"sync\"}"], 1);
  EXPECT_EQ(scrape["api_requests_total{code=\"429\",endpoint=\"accounts\"}"], 1);
  EXPECT_EQ(scrape["api_requests_total{code=\"none\",endpoint=\"token\"}"], 1);
  EXPECT_EQ(scrape["api_requests_total{code=\"200\",endpoint=\"accounts\"}"], 0);
  EXPECT_EQ(scrape["api_request_duration_seconds_sum{endpoint=\"sync\"}"], 0.08);
  EXPECT_EQ(scrape["api_request_duration_seconds_bucket{endpoint=\"token\",le=\"30\"}"], 1);
  EXPECT_EQ(scrape["api_request_duration_seconds_bucket{endpoint=\"token\",le=\"10\"}"], 0);
  EXPECT_EQ(scrape["api_response_body_bytes_total{endpoint=\"sync\"}"], 4'096);
  EXPECT_EQ(scrape["api_throttled_total{endpoint=\"accounts\"}"], 1);
  EXPECT_EQ(scrape["api_throttled_total{endpoint=\"sync\"}"], 0);
  EXPECT_EQ(scrape["api_failures_total{kind=\"throttled\"}"], 1);
  EXPECT_EQ(scrape["api_failures_total{kind=\"timeout\"}"], 1);
}

TEST(Metrics, ACommitReachesItsSeries) {
  Metrics metrics(metrics_options());
  metrics.record(core::CommitReport{.updates = 5, .duration = Millis(20)});
  metrics.record(core::CommitReport{.updates = 1, .duration = Millis(3)});
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["commits_total"], 2);
  EXPECT_EQ(scrape["commit_group_size_sum"], 6);
  EXPECT_EQ(scrape["commit_group_size_bucket{le=\"1\"}"], 1);
  EXPECT_EQ(scrape["commit_group_size_bucket{le=\"8\"}"], 2);
  EXPECT_EQ(scrape["commit_duration_seconds_bucket{le=\"0.005\"}"], 1);
  EXPECT_EQ(scrape["commit_duration_seconds_bucket{le=\"0.02\"}"], 2);
}

TEST(Metrics, ScheduleGaugesFollowTheEngine) {
  Metrics metrics(metrics_options());
  EXPECT_TRUE(std::isnan(Scrape(metrics)["oldest_successful_sync_timestamp_seconds"]));
  ScheduleGauges gauges;
  gauges.links_by_status[static_cast<std::size_t>(core::LinkStatus::active)] = 41;
  gauges.links_by_status[static_cast<std::size_t>(core::LinkStatus::gone)] = 3;
  gauges.due = 2;
  gauges.in_flight = 1;
  gauges.tasks = 9;
  gauges.resident_bytes = 4'000;
  gauges.oldest_success_at = at_second(1'700'000'500);
  gauges.next_due_at = core::WallTime(Millis(1'700'000'600'250));
  metrics.set(gauges);
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["links{status=\"active\"}"], 41);
  EXPECT_EQ(scrape["links{status=\"gone\"}"], 3);
  EXPECT_EQ(scrape["links{status=\"relink\"}"], 0);
  EXPECT_EQ(scrape["links_due"], 2);
  EXPECT_EQ(scrape["cycles_in_flight"], 1);
  EXPECT_EQ(scrape["tasks"], 9);
  EXPECT_EQ(scrape["schedule_resident_bytes"], 4'000);
  EXPECT_EQ(scrape["oldest_successful_sync_timestamp_seconds"], 1'700'000'500);
  EXPECT_EQ(scrape["next_due_timestamp_seconds"], 1'700'000'600.25);
  gauges.oldest_success_at.reset();
  metrics.set(gauges);
  EXPECT_TRUE(std::isnan(Scrape(metrics)["oldest_successful_sync_timestamp_seconds"]));
}

TEST(Metrics, StaleLinksAreUnknownUntilSomebodyCounted) {
  Metrics metrics(metrics_options());
  metrics.set(ScheduleGauges{});
  EXPECT_TRUE(std::isnan(Scrape(metrics)["stale_links{where=\"local\"}"]));
  ScheduleGauges counted;
  counted.stale = 4;
  counted.stale_upstream = 2;
  metrics.set(counted);
  EXPECT_EQ(Scrape(metrics)["stale_links{where=\"local\"}"], 4);
  EXPECT_EQ(Scrape(metrics)["stale_links{where=\"upstream\"}"], 2);
}

TEST(Metrics, TheRelinkQueueIsReplacedAsAWhole) {
  Metrics metrics(metrics_options());
  const std::vector<RelinkCount> first{{"auth_expired", core::RelinkStatus::open, 3},
                                       {"auth_expired", core::RelinkStatus::resolved, 1},
                                       {"new_word", core::RelinkStatus::open, 2},
                                       {"newer_word", core::RelinkStatus::open, 5}};
  metrics.set_relink_queue(first, at_second(1'700'000'001));
  const Scrape before(metrics);
  EXPECT_EQ(before["relink_queue_links{reason=\"auth_expired\",status=\"open\"}"], 3);
  EXPECT_EQ(before["relink_queue_links{reason=\"auth_expired\",status=\"resolved\"}"], 1);
  EXPECT_EQ(before["relink_queue_links{reason=\"other\",status=\"open\"}"], 7);
  EXPECT_EQ(before["relink_oldest_open_timestamp_seconds"], 1'700'000'001);
  metrics.set_relink_queue({}, std::nullopt);
  const Scrape after(metrics);
  EXPECT_EQ(after["relink_queue_links{reason=\"auth_expired\",status=\"open\"}"], 0);
  EXPECT_EQ(after["relink_queue_links{reason=\"other\",status=\"open\"}"], 0);
  EXPECT_TRUE(std::isnan(after["relink_oldest_open_timestamp_seconds"]));
}

TEST(Metrics, IncidentsByScope) {
  Metrics metrics(metrics_options());
  metrics.record_incident_opened(core::IncidentScope::institution);
  metrics.record_incident_opened(core::IncidentScope::institution);
  metrics.record_incident_opened(core::IncidentScope::provider);
  metrics.set(IncidentGauges{.by_scope = {0, 4, 1}, .held_back = 43});
  const Scrape before(metrics);
  EXPECT_EQ(before["incidents_opened_total{scope=\"institution\"}"], 2);
  EXPECT_EQ(before["incidents_opened_total{scope=\"provider\"}"], 1);
  EXPECT_EQ(before["incidents{scope=\"institution\"}"], 4);
  EXPECT_EQ(before["incidents{scope=\"provider\"}"], 1);
  EXPECT_EQ(before["relink_held_back_links"], 43);
  metrics.set(IncidentGauges{});
  const Scrape after(metrics);
  EXPECT_EQ(after["incidents{scope=\"institution\"}"], 0);
  EXPECT_EQ(after["relink_held_back_links"], 0);
}

TEST(Metrics, ABudgetIsFrozenOnlyWhileItsWindowIsOpen) {
  Metrics metrics(metrics_options());
  const std::vector<BudgetGauges> budgets{
      {.endpoint = Endpoint::sync, .limit = 600, .used = 599, .waiting = 12, .frozen_until = at_second(100)},
      {.endpoint = Endpoint::link, .limit = 1'000, .used = 1, .waiting = 0, .frozen_until = {}}};
  metrics.set(budgets, at_second(99));
  const Scrape open(metrics);
  EXPECT_EQ(open["api_budget_limit{endpoint=\"sync\"}"], 600);
  EXPECT_EQ(open["api_budget_used{endpoint=\"sync\"}"], 599);
  EXPECT_EQ(open["api_budget_waiting{endpoint=\"sync\"}"], 12);
  EXPECT_EQ(open["api_budget_frozen{endpoint=\"sync\"}"], 1);
  EXPECT_EQ(open["api_budget_frozen_until_timestamp_seconds{endpoint=\"sync\"}"], 100);
  EXPECT_EQ(open["api_budget_limit{endpoint=\"link\"}"], 1'000);
  EXPECT_EQ(open["api_budget_frozen{endpoint=\"link\"}"], 0);
  metrics.set(budgets, at_second(100));
  const Scrape over(metrics);
  EXPECT_EQ(over["api_budget_frozen{endpoint=\"sync\"}"], 0);
  EXPECT_TRUE(std::isnan(over["api_budget_frozen_until_timestamp_seconds{endpoint=\"sync\"}"]));
}

TEST(Metrics, ConnectionsAreBusyOrIdleAndTheirCountersNeverFall) {
  Metrics metrics(metrics_options());
  metrics.set(
      ConnectionGauges{.open = 8, .idle = 6, .created = 8, .reused = 90, .stale = 2, .tls_resumed = 5});
  const Scrape busy(metrics);
  EXPECT_EQ(busy["api_connections{state=\"busy\"}"], 2);
  EXPECT_EQ(busy["api_connections{state=\"idle\"}"], 6);
  metrics.set(
      ConnectionGauges{.open = 1, .idle = 1, .created = 3, .reused = 91, .stale = 2, .tls_resumed = 5});
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["api_connections{state=\"busy\"}"], 0);
  EXPECT_EQ(scrape["api_connections{state=\"idle\"}"], 1);
  EXPECT_EQ(scrape["api_connections_opened_total"], 8);
  EXPECT_EQ(scrape["api_connection_reuses_total"], 91);
  EXPECT_EQ(scrape["api_stale_connections_total"], 2);
  EXPECT_EQ(scrape["api_tls_resumptions_total"], 5);
}

TEST(Metrics, StoreGaugesFollowTheStore) {
  Metrics metrics(metrics_options());
  metrics.set(StoreGauges{.healthy = false,
                          .write_stopped = true,
                          .feed_epoch = 2,
                          .feed_head = 1'234'567'890'123,
                          .feed_published = 1'234'567'890'000,
                          .disk_bytes = 11,
                          .disk_free_bytes = 12,
                          .memtable_bytes = 13,
                          .block_cache_bytes = 14,
                          .pending_compaction_bytes = 15});
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["store_healthy"], 0);
  EXPECT_EQ(scrape["store_write_stopped"], 1);
  EXPECT_EQ(scrape["feed_epoch"], 2);
  EXPECT_EQ(scrape["feed_head_sequence"], 1'234'567'890'123);
  EXPECT_EQ(scrape["feed_published_sequence"], 1'234'567'890'000);
  EXPECT_EQ(scrape["store_disk_bytes"], 11);
  EXPECT_EQ(scrape["store_disk_free_bytes"], 12);
  EXPECT_EQ(scrape["store_memtable_bytes"], 13);
  EXPECT_EQ(scrape["store_block_cache_bytes"], 14);
  EXPECT_EQ(scrape["store_pending_compaction_bytes"], 15);
}

TEST(Metrics, IncidentsDiscoveryAndConfigReachTheirSeries) {
  Metrics metrics(metrics_options());
  metrics.record_config_load(true, at_second(1'700'000'002));
  metrics.record_config_load(false, at_second(1'700'000'900));
  metrics.record_discovery(5, 6, at_second(1'700'000'003));
  metrics.record_discovery_failure();
  metrics.record_bad_token(false);
  metrics.record_bad_token(true);
  metrics.record_bad_token(true);
  metrics.set_auth_refused(true);
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["config_last_reload_successful"], 0);
  EXPECT_EQ(scrape["config_last_reload_success_timestamp_seconds"], 1'700'000'002);
  EXPECT_EQ(scrape["discovery_links{side=\"only_upstream\"}"], 5);
  EXPECT_EQ(scrape["discovery_links{side=\"only_here\"}"], 6);
  EXPECT_EQ(scrape["discovery_last_success_timestamp_seconds"], 1'700'000'003);
  EXPECT_EQ(scrape["discovery_failures_total"], 1);
  EXPECT_EQ(scrape["admin_bad_tokens_total{outcome=\"refused\"}"], 1);
  EXPECT_EQ(scrape["admin_bad_tokens_total{outcome=\"turned_away\"}"], 2);
  EXPECT_EQ(scrape["auth_refused"], 1);
  metrics.set_auth_refused(false);
  EXPECT_EQ(Scrape(metrics)["auth_refused"], 0);
}

TEST(Metrics, BuildInfoAndProcess) {
  Metrics metrics(metrics_options());
  metrics.set(ProcessUsage{.cpu = std::chrono::milliseconds(2'500),
                           .resident_bytes = 4'096,
                           .virtual_bytes = 8'192,
                           .open_fds = 17,
                           .max_fds = 1'024,
                           .threads = 9});
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape.raw("process_threads"), 9);
  EXPECT_EQ(scrape["build_info{boost=\"\",compiler=\"\",openssl=\"\",rocksdb=\"\",version=\"1.2.3\"}"], 1);
  EXPECT_EQ(scrape.raw("process_start_time_seconds"), 1'700'000'000);
  EXPECT_EQ(scrape.raw("process_cpu_seconds_total"), 2.5);
  EXPECT_EQ(scrape.raw("process_resident_memory_bytes"), 4'096);
  EXPECT_EQ(scrape.raw("process_virtual_memory_bytes"), 8'192);
  EXPECT_EQ(scrape.raw("process_open_fds"), 17);
  EXPECT_EQ(scrape.raw("process_max_fds"), 1'024);
}

TEST(Metrics, WhatTheSystemHidesReadsNaN) {
  Metrics metrics(metrics_options());
  metrics.set(ProcessUsage{});
  const Scrape scrape(metrics);
  EXPECT_TRUE(std::isnan(scrape.raw("process_resident_memory_bytes")));
  EXPECT_TRUE(std::isnan(scrape.raw("process_open_fds")));
  EXPECT_EQ(scrape.raw("process_cpu_seconds_total"), 0);
}

// Ten thousand links, reasons, institutions and status codes add no series and leave none of their text
// behind.
TEST(Metrics, NothingUpstreamSendsAddsASeries) {
  Metrics metrics(metrics_options());
  const std::size_t before = Scrape(metrics).samples().size();
  for (int i = 0; i < 10'000; ++i) {
    const std::string mark = "canary_" + std::to_string(i);
    core::CycleReport report = failed_cycle(test::any_value<Errc>(i % 256), mark, mark + "\"\n\\}");
    report.link_id = core::LinkId(mark);
    report.institution_id = mark;
    report.cause = test::any_value<Cause>(i % 256);
    report.status_after = test::any_value<core::LinkStatus>(i % 256);
    report.relink_opened = true;
    report.relink_resolved = i % 2 == 0;
    metrics.record(report);
    metrics.record(core::HttpReport{.endpoint = test::any_value<Endpoint>(i % 256),
                                    .status = i - 100,
                                    .failure = test::any_value<Errc>(i % 256),
                                    .duration = Millis(i),
                                    .body_bytes = 1});
    const std::vector<RelinkCount> queue{{mark, test::any_value<core::RelinkStatus>(i % 256), 1}};
    metrics.set_relink_queue(queue, at_second(i));
  }
  const Scrape after(metrics);
  EXPECT_EQ(after.samples().size(), before);
  EXPECT_EQ(after.text().find("canary"), std::string::npos);
  EXPECT_EQ(after["relinks_opened_total{reason=\"other\"}"], 10'000);
}

TEST(Metrics, TheSameValuesAreTheSameBytes) {
  Metrics metrics(metrics_options());
  metrics.record(busy_cycle());
  EXPECT_EQ(metrics.exposition(), metrics.exposition());
  Metrics other(metrics_options());
  other.record(busy_cycle());
  EXPECT_EQ(metrics.exposition(), other.exposition());
}

TEST(Metrics, LabelValuesAreEscaped) {
  const Metrics metrics({.version = "a\"b\\c\nd", .started_at = at_second(0)});
  EXPECT_NE(metrics.exposition().find("moneykit_syncd_build_info{boost=\"\",compiler=\"\",openssl=\"\","
                                      "rocksdb=\"\",version=\"a\\\"b\\\\c\\nd\"} 1\n"),
            std::string::npos);
  EXPECT_EQ(exposition_content_type, "text/plain; version=0.0.4; charset=utf-8");
}

TEST(Metrics, ThreadsMayRecordWhileAnotherScrapes) {
  Metrics metrics(metrics_options());
  std::vector<std::thread> writers;
  writers.reserve(2);
  for (int i = 0; i < 2; ++i) {
    writers.emplace_back([&metrics] {
      for (int n = 0; n < 500; ++n) {
        metrics.record(busy_cycle());
        metrics.record(core::CommitReport{.updates = 1, .duration = Millis(1)});
      }
    });
  }
  for (int n = 0; n < 5; ++n)
    metrics.exposition();
  for (std::thread& writer : writers)
    writer.join();
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["pages_total"], 3'000);
  EXPECT_EQ(scrape["commits_total"], 1'000);
  EXPECT_EQ(scrape["cycle_duration_seconds_count"], 1'000);
}

}  // namespace
}  // namespace syncd::metrics
