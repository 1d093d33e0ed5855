#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace syncd::metrics {

// Every metric of the daemon. Names, types and labels are a public interface: alerts and dashboards of other
// people depend on them. They are listed once, in catalogue.cpp, from which both the registration and
// docs/metrics.md come.
enum class MetricId : std::uint8_t {
  build_info,
  config_last_reload_successful,
  config_last_reload_success_timestamp_seconds,
  config_reloads_total,
  log_lines_total,
  log_lines_suppressed_total,
  loop_lag_seconds,

  admin_requests_total,
  admin_request_duration_seconds,
  admin_connections,
  admin_bad_tokens_total,
  admin_rows_read_total,
  admin_reads_limited_total,
  admin_certificate_refused,
  admin_certificate_expiry_timestamp_seconds,

  webhooks_total,
  webhook_signature_failures_total,
  webhook_check_duration_seconds,
  webhook_links_waiting,
  webhook_key_set_fetches_total,
  webhook_key_set_fetched_timestamp_seconds,

  links,
  links_due,
  cycles_in_flight,
  tasks,
  next_due_timestamp_seconds,
  schedule_resident_bytes,
  oldest_successful_sync_timestamp_seconds,
  stale_links,
  institution_links,
  institution_failing_links,
  links_purged_total,
  refreshes_total,
  discovery_links,
  discovery_failures_total,
  discovery_last_success_timestamp_seconds,

  visit_records_total,

  cycles_total,
  cycle_duration_seconds,
  schedule_lag_seconds,
  visibility_delay_seconds,
  change_delay_seconds,
  upstream_clock_ahead_total,
  pages_total,
  drains_total,
  diff_records_total,
  cursor_resets_total,
  unknown_values_total,
  dead_letters,
  dead_letters_total,
  dead_letters_evicted_total,

  verify_links_total,
  verify_rows_total,

  relink_queue_links,
  relink_oldest_open_timestamp_seconds,
  relinks_opened_total,
  relinks_resolved_total,
  relink_held_back_links,

  incidents,
  incidents_opened_total,

  api_requests_total,
  api_request_duration_seconds,
  api_failures_total,
  api_response_body_bytes_total,
  api_throttled_total,
  api_budget_limit,
  api_budget_used,
  api_budget_waiting,
  api_budget_frozen,
  api_budget_frozen_until_timestamp_seconds,
  api_connections,
  api_connections_opened_total,
  api_connection_reuses_total,
  api_stale_connections_total,
  api_tls_resumptions_total,
  auth_refused,

  commits_total,
  commit_duration_seconds,
  commit_group_size,
  feed_head_sequence,
  feed_published_sequence,
  feed_epoch,
  feed_first_sequence,
  feed_cut_records_total,
  feed_consumers_overtaken_total,
  feed_consumer_lag_records,
  feed_consumer_oldest_unread_timestamp_seconds,
  feed_consumer_last_ack_timestamp_seconds,
  store_healthy,
  store_errors_total,
  store_queue_length,
  store_write_stopped,
  store_disk_bytes,
  store_disk_free_bytes,
  store_memtable_bytes,
  store_block_cache_bytes,
  store_pending_compaction_bytes,
  store_space_low,
  store_damaged_files,
  store_scrub_last_success_timestamp_seconds,
  backups_total,
  backup_last_success_timestamp_seconds,
  backup_last_bytes,

  store_block_cache_hits_total,
  store_block_cache_misses_total,
  store_bloom_useful_total,
  store_keys_read_total,
  store_keys_written_total,
  store_wal_syncs_total,
  store_wal_bytes_total,
  store_flush_written_bytes_total,
  store_compaction_read_bytes_total,
  store_compaction_written_bytes_total,
  store_stall_seconds_total,
  store_running_compactions,
  store_level_files,

  process_cpu_seconds_total,
  process_resident_memory_bytes,
  process_virtual_memory_bytes,
  process_open_fds,
  process_max_fds,
  process_threads,
  process_start_time_seconds,
};
inline constexpr std::size_t metric_count =
    static_cast<std::size_t>(MetricId::process_start_time_seconds) + 1;

enum class MetricType : std::uint8_t { counter, gauge, histogram };
std::string_view to_string(MetricType type);

struct MetricInfo {
  MetricId id = MetricId::build_info;
  std::string_view section;  // heading of the reference page
  std::string_view name;     // as exposed
  MetricType type = MetricType::gauge;
  std::string_view help;  // whole sentences
  std::vector<std::string_view> labels = {};
  // The label values of every series that will ever exist, in the order of the handles. Empty together with
  // labels: one series. Empty with labels: `values_from` says where the values come from.
  std::vector<std::vector<std::string_view>> series = {};
  // Above 0: a gauge of things that come and go, each with a series of its own while it is there, and never
  // more than so many; `labels` is one and `series` is empty.
  std::size_t series_max = 0;
  std::string_view values_from = {};
  std::vector<double> buckets = {};  // upper bounds; histograms only
  bool none_is_nan = false;  // a gauge that reads NaN while there is nothing to tell (no `<` or `>` holds)
};

inline constexpr std::size_t feed_consumers_shown_max = 64;

// In the order of MetricId.
const std::vector<MetricInfo>& catalogue();

// docs/metrics.md, whole.
std::string metrics_reference();

}  // namespace syncd::metrics
