#include <chrono>
#include <optional>

#include <gtest/gtest.h>

#include "tests/unit/metrics/scrape.hpp"

// What the daemon tells of itself: configuration, log, admin API, event loop and the store's own counters.
namespace syncd::metrics {
namespace {

using core::Millis;
using test::at_second;
using test::metrics_options;
using test::Scrape;

TEST(DaemonMetrics, TheStartIsNoReload) {
  Metrics metrics(metrics_options());
  metrics.record_config_load(true, at_second(1'700'000'001));
  EXPECT_EQ(Scrape(metrics)["config_reloads_total{outcome=\"success\"}"], 0);
  metrics.record_config_reload(true, at_second(1'700'000'002));
  metrics.record_config_reload(false, at_second(1'700'000'003));
  metrics.record_config_reload(false, at_second(1'700'000'004));
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["config_reloads_total{outcome=\"success\"}"], 1);
  EXPECT_EQ(scrape["config_reloads_total{outcome=\"failure\"}"], 2);
  EXPECT_EQ(scrape["config_last_reload_successful"], 0);
  EXPECT_EQ(scrape["config_last_reload_success_timestamp_seconds"], 1'700'000'002);
}

TEST(DaemonMetrics, LogLinesAreCountedByLevelAndByWhetherTheyWereWritten) {
  Metrics metrics(metrics_options());
  metrics.record_log_line(LineLevel::debug, true);
  metrics.record_log_line(LineLevel::info, true);
  metrics.record_log_line(LineLevel::info, true);
  metrics.record_log_line(LineLevel::error, true);
  metrics.record_log_line(LineLevel::warn, false);
  metrics.record_log_line(LineLevel::error, false);
  metrics.record_log_line(LineLevel::error, false);
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["log_lines_total{level=\"debug\"}"], 1);
  EXPECT_EQ(scrape["log_lines_total{level=\"info\"}"], 2);
  EXPECT_EQ(scrape["log_lines_total{level=\"warn\"}"], 0);
  EXPECT_EQ(scrape["log_lines_total{level=\"error\"}"], 1);
  EXPECT_EQ(scrape["log_lines_suppressed_total{level=\"warn\"}"], 1);
  EXPECT_EQ(scrape["log_lines_suppressed_total{level=\"error\"}"], 2);
}

TEST(DaemonMetrics, AdminRequestsAreCountedByRouteAndClassOfCode) {
  MetricsOptions options = metrics_options();
  options.admin_routes = {{"GET", "/v1/links/*"}, {"POST", "/v1/links"}};
  Metrics metrics(options);
  const std::size_t before = Scrape(metrics).samples().size();
  metrics.record_admin_request(0, 200, AdminRequestKind::read, Millis(3));
  metrics.record_admin_request(0, 404, AdminRequestKind::read, Millis(3));
  metrics.record_admin_request(1, 503, AdminRequestKind::write, Millis(40));
  metrics.record_admin_request(1, 202, AdminRequestKind::wait, Millis(20'000));
  metrics.record_admin_request(std::nullopt, 401, AdminRequestKind::read, Millis(1));
  // No number makes a series: one that cannot be is taken for the nearest.
  metrics.record_admin_request(77, 999, AdminRequestKind::read, Millis(1));
  metrics.record_admin_request(std::nullopt, 0, AdminRequestKind::read, Millis(1));
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["admin_requests_total{code=\"2xx\",method=\"GET\",route=\"/v1/links/*\"}"], 1);
  EXPECT_EQ(scrape["admin_requests_total{code=\"4xx\",method=\"GET\",route=\"/v1/links/*\"}"], 1);
  EXPECT_EQ(scrape["admin_requests_total{code=\"5xx\",method=\"POST\",route=\"/v1/links\"}"], 1);
  EXPECT_EQ(scrape["admin_requests_total{code=\"2xx\",method=\"POST\",route=\"/v1/links\"}"], 1);
  EXPECT_EQ(scrape["admin_requests_total{code=\"4xx\",method=\"other\",route=\"other\"}"], 1);
  EXPECT_EQ(scrape["admin_requests_total{code=\"5xx\",method=\"other\",route=\"other\"}"], 1);
  EXPECT_EQ(scrape["admin_requests_total{code=\"2xx\",method=\"other\",route=\"other\"}"], 1);
  EXPECT_EQ(scrape["admin_request_duration_seconds_count{kind=\"read\"}"], 5);
  EXPECT_EQ(scrape["admin_request_duration_seconds_count{kind=\"write\"}"], 1);
  EXPECT_EQ(scrape["admin_request_duration_seconds_sum{kind=\"wait\"}"], 20);
  EXPECT_EQ(scrape.samples().size(), before);
  metrics.set_admin_connections(3);
  EXPECT_EQ(Scrape(metrics)["admin_connections"], 3);
}

TEST(DaemonMetrics, LoopLagReachesItsSeries) {
  Metrics metrics(metrics_options());
  metrics.record_loop_lag(Millis(0));
  metrics.record_loop_lag(Millis(300));
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["loop_lag_seconds_bucket{le=\"0.002\"}"], 1);
  EXPECT_EQ(scrape["loop_lag_seconds_bucket{le=\"0.25\"}"], 1);
  EXPECT_EQ(scrape["loop_lag_seconds_bucket{le=\"0.5\"}"], 2);
}

TEST(DaemonMetrics, WhatTheStoreCountsNeverFalls) {
  Metrics metrics(metrics_options());
  StoreGauges gauges{.dead_letters = 6,
                     .queue_length = 7,
                     .running_compactions = 2,
                     .level_files = {1, 2, 3, 4, 5, 6, 7},
                     .errors = {1, 2, 3, 4},
                     .block_cache_hits = 21,
                     .block_cache_misses = 22,
                     .bloom_useful = 23,
                     .keys_read = 24,
                     .keys_written = 25,
                     .wal_syncs = 26,
                     .wal_bytes = 27,
                     .flush_written_bytes = 28,
                     .compaction_read_bytes = 29,
                     .compaction_written_bytes = 30,
                     .stall = std::chrono::microseconds(1'500'000)};
  metrics.set(gauges);
  metrics.set(gauges);
  const Scrape scrape(metrics);
  EXPECT_EQ(scrape["dead_letters"], 6);
  EXPECT_EQ(scrape["store_queue_length"], 7);
  EXPECT_EQ(scrape["store_running_compactions"], 2);
  EXPECT_EQ(scrape["store_level_files{level=\"0\"}"], 1);
  EXPECT_EQ(scrape["store_level_files{level=\"6\"}"], 7);
  EXPECT_EQ(scrape["store_errors_total{operation=\"read\"}"], 1);
  EXPECT_EQ(scrape["store_errors_total{operation=\"write\"}"], 2);
  EXPECT_EQ(scrape["store_errors_total{operation=\"decode\"}"], 3);
  EXPECT_EQ(scrape["store_errors_total{operation=\"background\"}"], 4);
  EXPECT_EQ(scrape["store_block_cache_hits_total"], 21);
  EXPECT_EQ(scrape["store_block_cache_misses_total"], 22);
  EXPECT_EQ(scrape["store_bloom_useful_total"], 23);
  EXPECT_EQ(scrape["store_keys_read_total"], 24);
  EXPECT_EQ(scrape["store_keys_written_total"], 25);
  EXPECT_EQ(scrape["store_wal_syncs_total"], 26);
  EXPECT_EQ(scrape["store_wal_bytes_total"], 27);
  EXPECT_EQ(scrape["store_flush_written_bytes_total"], 28);
  EXPECT_EQ(scrape["store_compaction_read_bytes_total"], 29);
  EXPECT_EQ(scrape["store_compaction_written_bytes_total"], 30);
  EXPECT_EQ(scrape["store_stall_seconds_total"], 1.5);
  metrics.set(StoreGauges{});
  const Scrape after(metrics);
  EXPECT_EQ(after["store_queue_length"], 0);
  EXPECT_EQ(after["store_keys_read_total"], 24);
}

TEST(DaemonMetrics, BuildInfoNamesWhatTheProgramIsMadeOf) {
  MetricsOptions options = metrics_options();
  options.compiler = "clang 19.1.7";
  options.rocksdb = "7.8.3";
  options.boost = "1.81.0";
  options.openssl = "3.0.15";
  const Metrics metrics(options);
  EXPECT_EQ(Scrape(metrics)["build_info{boost=\"1.81.0\",compiler=\"clang 19.1.7\",openssl=\"3.0.15\","
                            "rocksdb=\"7.8.3\",version=\"1.2.3\"}"],
            1);
}

}  // namespace
}  // namespace syncd::metrics
