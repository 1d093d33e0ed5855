#include "metrics/catalogue.hpp"

#include <string_view>
#include <utility>
#include <vector>

#include "metrics/labels.hpp"

namespace syncd::metrics {
namespace {

using Names = std::vector<std::string_view>;
using Series = std::vector<Names>;
using Table = std::vector<MetricInfo>;
using Id = MetricId;
constexpr MetricType counter = MetricType::counter;
constexpr MetricType gauge = MetricType::gauge;
constexpr MetricType histogram = MetricType::histogram;

Series each(const Names& values) {
  Series series;
  for (const std::string_view value : values)
    series.push_back({value});
  return series;
}

// All pairs, the second label moving fastest.
Series pairs(const Names& first, const Names& second) {
  Series series;
  for (const std::string_view a : first) {
    for (const std::string_view b : second)
      series.push_back({a, b});
  }
  return series;
}

// Network and cycle times run from a cached answer on loopback to a slow bank behind a slow proxy.
const std::vector<double>& exchange_buckets() {
  static const std::vector<double> bounds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
  return bounds;
}
// Delays that are planned in minutes and hours, up to the floor of one visit a day.
const std::vector<double>& delay_buckets() {
  static const std::vector<double> bounds{1,    5,    15,   30,    60,    300,   600,
                                          1800, 3600, 7200, 14400, 21600, 43200, 86400};
  return bounds;
}
// One fsync: from a write cache to a struggling disk.
const std::vector<double>& fsync_buckets() {
  static const std::vector<double> bounds{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5};
  return bounds;
}

constexpr std::string_view institutions_from =
    "the 50 institutions with the most links, by upstream's id, then `other` for all the rest";

// Adds metrics to one section of the table; the answer of add() takes what only some of them have.
class Rows {
 public:
  Rows(Table& table, std::string_view section) : table_(table), section_(section) {}

  Rows& add(Id id, MetricType type, std::string_view name, std::string_view help) {
    table_.push_back({.id = id, .section = section_, .name = name, .type = type, .help = help});
    return *this;
  }
  Rows& by(Names labels, Series series) {
    table_.back().labels = std::move(labels);
    table_.back().series = std::move(series);
    return *this;
  }
  Rows& by_what_is_there(std::string_view label, std::size_t series_max) {
    table_.back().labels = {label};
    table_.back().series_max = series_max;
    return *this;
  }
  Rows& upper_bounds(std::vector<double> bounds) {
    table_.back().buckets = std::move(bounds);
    return *this;
  }
  // One whose series are known only at run time.
  Rows& by_values_of(Names labels, std::string_view values_from) {
    table_.back().labels = std::move(labels);
    table_.back().values_from = values_from;
    return *this;
  }
  Rows& none_is_nan() {
    table_.back().none_is_nan = true;
    return *this;
  }

 private:
  Table& table_;
  std::string_view section_;
};

void add_process_identity(Table& table) {
  Rows rows{table, "Daemon"};
  rows.add(Id::build_info, gauge, "moneykit_syncd_build_info",
           "Always 1; the labels name the version that runs and what it was built with.")
      .by_values_of({"version", "compiler", "rocksdb", "boost", "openssl"}, "set once, at start");
  rows.add(Id::config_last_reload_successful, gauge, "moneykit_syncd_config_last_reload_successful",
           "Whether the last attempt to load the configuration succeeded (1) or the old one was kept (0).");
  rows.add(Id::config_last_reload_success_timestamp_seconds, gauge,
           "moneykit_syncd_config_last_reload_success_timestamp_seconds",
           "When the configuration was last loaded successfully.")
      .none_is_nan();
  rows.add(Id::config_reloads_total, counter, "moneykit_syncd_config_reloads_total",
           "Attempts to read the configuration again; the start is none.")
      .by({"outcome"}, each({"success", "failure"}));
  rows.add(Id::log_lines_total, counter, "moneykit_syncd_log_lines_total",
           "Lines written to the log, by level.")
      .by({"level"}, each({"debug", "info", "warn", "error"}));
  rows.add(Id::log_lines_suppressed_total, counter, "moneykit_syncd_log_lines_suppressed_total",
           "Warnings and errors that were left out because the same line had been written within a minute.")
      .by({"level"}, each({"warn", "error"}));
  rows.add(Id::loop_lag_seconds, histogram, "moneykit_syncd_loop_lag_seconds",
           "How late the thread that does everything but the store's work served a timer, looked at once a "
           "second.")
      .upper_bounds({0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5});
}

void add_admin(Table& table) {
  Rows rows{table, "Admin API"};
  rows.add(Id::admin_requests_total, counter, "moneykit_syncd_admin_requests_total",
           "Requests to the admin API by route, method and class of the HTTP status code. The route and "
           "method "
           "other are of whatever met no route: probes, the page, unknown paths, callers that were refused.")
      .by_values_of({"route", "method", "code"},
                    "the table of routes, `*` standing for an id, and `other`; `2xx` to `5xx`");
  rows.add(Id::admin_request_duration_seconds, histogram, "moneykit_syncd_admin_request_duration_seconds",
           "Time from a request to the admin API to its answer, by kind; wait: the caller asked to wait for "
           "something to happen.")
      .by({"kind"}, each({"read", "write", "wait"}))
      .upper_bounds({0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30});
  rows.add(Id::admin_connections, gauge, "moneykit_syncd_admin_connections",
           "Open connections to the admin API, its socket and its TCP listener together.");
  rows.add(Id::admin_bad_tokens_total, counter, "moneykit_syncd_admin_bad_tokens_total",
           "Requests to the admin API that came with a bad token: refused with 401, or turned away with 429 "
           "because too many had come before.")
      .by({"outcome"}, each({"refused", "turned_away"}));
  rows.add(Id::admin_rows_read_total, counter, "moneykit_syncd_admin_rows_read_total",
           "Rows of people's data that the admin API has shown, by kind. Who read them is in the audit log.")
      .by({"kind"}, each({"accounts", "transactions", "feed", "dead_letters"}));
  rows.add(Id::admin_reads_limited_total, counter, "moneykit_syncd_admin_reads_limited_total",
           "Requests for people's data that were answered with 429, because their caller had asked too often "
           "or read too many rows within a minute.")
      .by({"limit"}, each({"requests", "rows"}));
  rows.add(
      Id::admin_certificate_refused, gauge, "moneykit_syncd_admin_certificate_refused",
      "Whether the certificate of the admin API's TCP listener that was read last cannot be used (1): the "
      "listener is shut, or keeps the certificate before.");
  rows.add(Id::admin_certificate_expiry_timestamp_seconds, gauge,
           "moneykit_syncd_admin_certificate_expiry_timestamp_seconds",
           "When the certificate in use expires; NaN without one. The days left are (this - time()) / 86400.")
      .none_is_nan();
}

void add_webhooks(Table& table) {
  Rows rows{table, "Webhooks"};
  rows.add(Id::webhooks_total, counter, "moneykit_syncd_webhooks_total",
           "Requests to the webhook receiver by what became of them. Those from accepted to unreadable were "
           "answered with 200; upstream sends the others again.")
      .by({"outcome"}, each(hook_outcome_names()));
  rows.add(Id::webhook_signature_failures_total, counter, "moneykit_syncd_webhook_signature_failures_total",
           "Webhooks whose signature does not hold, by what was found first.")
      .by({"reason"}, each(signature_fault_names()));
  rows.add(Id::webhook_check_duration_seconds, histogram, "moneykit_syncd_webhook_check_duration_seconds",
           "Time to check a signature, the wait for upstream's keys excluded.")
      .upper_bounds({0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.005, 0.02});
  rows.add(Id::webhook_links_waiting, gauge, "moneykit_syncd_webhook_links_waiting",
           "Links that wait for the visit that a webhook asked for.");
  rows.add(Id::webhook_key_set_fetches_total, counter, "moneykit_syncd_webhook_key_set_fetches_total",
           "Fetches of the keys that webhooks are signed with.")
      .by({"outcome"}, each({"success", "failure"}));
  rows.add(Id::webhook_key_set_fetched_timestamp_seconds, gauge,
           "moneykit_syncd_webhook_key_set_fetched_timestamp_seconds",
           "When the keys in use were fetched; NaN while there are none, and where no webhooks are received.")
      .none_is_nan();
}

void add_links(Table& table) {
  Rows rows{table, "Links and schedule"};
  rows.add(Id::links, gauge, "moneykit_syncd_links", "Registered links by status.")
      .by({"status"}, each(link_status_names()));
  rows.add(Id::links_due, gauge, "moneykit_syncd_links_due",
           "Links whose time has come and whose cycle has not begun.");
  rows.add(Id::cycles_in_flight, gauge, "moneykit_syncd_cycles_in_flight", "Cycles that are running.");
  rows.add(
      Id::tasks, gauge, "moneykit_syncd_tasks",
      "Coroutines of the engine that have not ended: its lasting ones, the cycles in flight and what waits.");
  rows.add(Id::next_due_timestamp_seconds, gauge, "moneykit_syncd_next_due_timestamp_seconds",
           "When the next link is due; NaN when none is scheduled.")
      .none_is_nan();
  rows.add(Id::schedule_resident_bytes, gauge, "moneykit_syncd_schedule_resident_bytes",
           "Resident bytes of the schedule and the id table, all links together.");
  rows.add(
          Id::oldest_successful_sync_timestamp_seconds, gauge,
          "moneykit_syncd_oldest_successful_sync_timestamp_seconds",
          "The oldest last success among links neither paused nor gone that had one; NaN when there is none.")
      .none_is_nan();
  rows.add(Id::stale_links, gauge, "moneykit_syncd_stale_links",
           "Links neither paused nor gone that are behind by more than the maximum interval; local: our last "
           "successful sync, or the registration before the first one, is longer ago; upstream: of the "
           "others, "
           "those for which upstream's own refresh lay that far back when we last synced.")
      .by({"where"}, each({"local", "upstream"}))
      .none_is_nan();
  rows.add(Id::institution_links, gauge, "moneykit_syncd_institution_links",
           "Links that are neither paused nor gone, by institution.")
      .by_values_of({"institution"}, institutions_from);
  rows.add(Id::institution_failing_links, gauge, "moneykit_syncd_institution_failing_links",
           "Links whose last visit found the institution down or their owner needed, by institution.")
      .by_values_of({"institution"}, institutions_from);
  rows.add(Id::links_purged_total, counter, "moneykit_syncd_links_purged_total",
           "Links of which everything was taken away: an operator asked for it, or they had been gone for "
           "long "
           "enough.")
      .by({"how"}, each({"request", "retention"}));
  rows.add(Id::refreshes_total, counter, "moneykit_syncd_refreshes_total",
           "Refreshes on demand by how far they came: refused (by us or by upstream), asked, and of those "
           "completed, "
           "failed or unanswered.")
      .by({"product", "stage"},
          pairs({"accounts", "transactions"}, {"refused", "asked", "completed", "failed", "unanswered"}));
  rows.add(Id::discovery_links, gauge, "moneykit_syncd_discovery_links",
           "Links that the last discovery found on one side only.")
      .by({"side"}, each({"only_upstream", "only_here"}));
  rows.add(Id::discovery_failures_total, counter, "moneykit_syncd_discovery_failures_total",
           "Discoveries that failed.");
  rows.add(Id::discovery_last_success_timestamp_seconds, gauge,
           "moneykit_syncd_discovery_last_success_timestamp_seconds",
           "When a discovery last compared both sides; NaN before the first.")
      .none_is_nan();
  rows.add(
          Id::visit_records_total, counter, "moneykit_syncd_visit_records_total",
          "Lines of the trace of visits (schedule.record_mib): written to its file, or lost because the disk "
          "refused them or too many waited.")
      .by({"outcome"}, each({"written", "lost"}));
}

void add_cycles(Table& table) {
  Rows rows{table, "Cycles"};
  rows.add(Id::cycles_total, counter, "moneykit_syncd_cycles_total",
           "Finished cycles by cause and outcome; yielded: committed so far, more to do later; otherwise "
           "success or the kind of the error.")
      .by({"cause", "outcome"}, pairs(cause_names(), outcome_names()));
  rows.add(Id::cycle_duration_seconds, histogram, "moneykit_syncd_cycle_duration_seconds",
           "Time from the begin of a cycle to its end, waits for budgets included.")
      .upper_bounds(exchange_buckets());
  rows.add(Id::schedule_lag_seconds, histogram, "moneykit_syncd_schedule_lag_seconds",
           "Time from the instant a link was due to the begin of its cycle.")
      .upper_bounds(delay_buckets());
  rows.add(Id::visibility_delay_seconds, histogram, "moneykit_syncd_visibility_delay_seconds",
           "Time from upstream's refresh of a link to our commit of the last page that it brought, for every "
           "refresh that was met; not for first syncs and resyncs, which read history. By the cause of the "
           "visit, and by whether the link is in the control group (schedule.control_percent).")
      .by({"cause", "arm"}, pairs(finder_names(), arm_names()))
      .upper_bounds(delay_buckets());
  rows.add(Id::change_delay_seconds, histogram, "moneykit_syncd_change_delay_seconds",
           "The same, of those refreshes only that brought a change: what the schedule keeps small.")
      .by({"arm"}, each(arm_names()))
      .upper_bounds(delay_buckets());
  rows.add(
      Id::upstream_clock_ahead_total, counter, "moneykit_syncd_upstream_clock_ahead_total",
      "Refreshes whose upstream time lay more than two seconds ahead of our clock, so that no visibility "
      "delay could be told: one of the two clocks is wrong.");
  rows.add(Id::pages_total, counter, "moneykit_syncd_pages_total", "Pages that were committed.");
  rows.add(Id::drains_total, counter, "moneykit_syncd_drains_total", "Drains whose last page was committed.");
  rows.add(Id::diff_records_total, counter, "moneykit_syncd_diff_records_total",
           "Net differences that were committed, by entity and operation.")
      .by({"entity", "op"}, {{"transaction", "created"},
                             {"transaction", "updated"},
                             {"transaction", "removed"},
                             {"account", "changed"}});
  rows.add(Id::cursor_resets_total, counter, "moneykit_syncd_cursor_resets_total",
           "Full resyncs that were begun, by cause: rejected when upstream refused the stored cursor.")
      .by({"cause"}, each({"rejected"}));
  rows.add(Id::unknown_values_total, counter, "moneykit_syncd_unknown_values_total",
           "Enum words from upstream that this version does not know; they are kept as text.");
  rows.add(Id::dead_letters, gauge, "moneykit_syncd_dead_letters", "Dead letters that are kept.");
  rows.add(Id::dead_letters_total, counter, "moneykit_syncd_dead_letters_total",
           "Cycles that left evidence of a refused answer as a dead letter.");
  rows.add(Id::dead_letters_evicted_total, counter, "moneykit_syncd_dead_letters_evicted_total",
           "Dead letters that went because newer ones of their link, or of all links, took their place.");
}

void add_verify(Table& table) {
  Rows rows{table, "Verify"};
  rows.add(Id::verify_links_total, counter, "moneykit_syncd_verify_links_total",
           "Links that were read from their beginning and compared with the store, by result; incomplete: "
           "nothing could be said.")
      .by({"result"}, each({"match", "mismatch", "incomplete"}));
  rows.add(Id::verify_rows_total, counter, "moneykit_syncd_verify_rows_total",
           "Rows that such a comparison found to differ, by entity and kind; every one of them is a defect.")
      .by({"entity", "kind"}, pairs({"transaction", "account"}, {"missing", "extra", "changed"}));
}

void add_relinks(Table& table) {
  Rows rows{table, "Relink queue"};
  rows.add(Id::relink_queue_links, gauge, "moneykit_syncd_relink_queue_links",
           "Relink entries by reason and status.")
      .by({"reason", "status"}, pairs(relink_reason_names(), relink_status_names()));
  rows.add(Id::relink_oldest_open_timestamp_seconds, gauge,
           "moneykit_syncd_relink_oldest_open_timestamp_seconds",
           "When the oldest open relink entry was opened; NaN when none is open.")
      .none_is_nan();
  rows.add(Id::relinks_opened_total, counter, "moneykit_syncd_relinks_opened_total",
           "Relink entries that were opened or opened again, by reason.")
      .by({"reason"}, each(relink_reason_names()));
  rows.add(
          Id::relinks_resolved_total, counter, "moneykit_syncd_relinks_resolved_total",
          "Relink entries that were resolved: the owner reconnected, the link is gone, or an admin dismissed "
          "the entry.")
      .by({"how"}, each({"reconnected", "gone", "dismissed"}));
  rows.add(Id::relink_held_back_links, gauge, "moneykit_syncd_relink_held_back_links",
           "Links whose relink entry waits for the end of an incident: nobody should act on it until then.");
}

void add_incidents(Table& table) {
  Rows rows{table, "Incidents"};
  rows.add(Id::incidents, gauge, "moneykit_syncd_incidents",
           "Incidents that are not closed: links of one institution, or of one provider, that fail together.")
      .by({"scope"}, each(incident_scope_names()));
  rows.add(Id::incidents_opened_total, counter, "moneykit_syncd_incidents_opened_total",
           "Incidents that were opened; one that opens again in its ramp counts once.")
      .by({"scope"}, each(incident_scope_names()));
}

void add_requests(Table& table) {
  Rows rows{table, "Requests to upstream"};
  rows.add(Id::api_requests_total, counter, "moneykit_syncd_api_requests_total",
           "Requests by endpoint and HTTP status code; none means that no answer was received.")
      .by({"endpoint", "code"}, pairs(endpoint_names(), status_code_names()));
  rows.add(Id::api_request_duration_seconds, histogram, "moneykit_syncd_api_request_duration_seconds",
           "Time of one request, from sending it to the last byte of the answer or the failure.")
      .by({"endpoint"}, each(endpoint_names()))
      .upper_bounds(exchange_buckets());
  rows.add(Id::api_failures_total, counter, "moneykit_syncd_api_failures_total",
           "Requests that failed, by kind of the error.")
      .by({"kind"}, each(failure_names()));
  rows.add(Id::api_response_body_bytes_total, counter, "moneykit_syncd_api_response_body_bytes_total",
           "Bytes of answer bodies by endpoint.")
      .by({"endpoint"}, each(endpoint_names()));
  rows.add(Id::api_throttled_total, counter, "moneykit_syncd_api_throttled_total",
           "Requests that upstream answered with 429, by endpoint.")
      .by({"endpoint"}, each(endpoint_names()));
}

void add_budgets(Table& table) {
  Rows rows{table, "Budgets, connections and credentials"};
  rows.add(Id::api_budget_limit, gauge, "moneykit_syncd_api_budget_limit",
           "Requests a minute that are allowed per endpoint, over all links: what is configured, or less for "
           "a while after upstream refused some with 429.")
      .by({"endpoint"}, each(endpoint_names()));
  rows.add(Id::api_budget_used, gauge, "moneykit_syncd_api_budget_used",
           "Requests of the last minute per endpoint, over all links.")
      .by({"endpoint"}, each(endpoint_names()));
  rows.add(Id::api_budget_waiting, gauge, "moneykit_syncd_api_budget_waiting",
           "Requests that wait for a budget or for the end of a Retry-After window.")
      .by({"endpoint"}, each(endpoint_names()));
  rows.add(Id::api_budget_frozen, gauge, "moneykit_syncd_api_budget_frozen",
           "Whether a Retry-After window of the endpoint is open (1) or not (0).")
      .by({"endpoint"}, each(endpoint_names()));
  rows.add(Id::api_budget_frozen_until_timestamp_seconds, gauge,
           "moneykit_syncd_api_budget_frozen_until_timestamp_seconds",
           "When the endpoint's open Retry-After window ends; NaN when none is open.")
      .by({"endpoint"}, each(endpoint_names()))
      .none_is_nan();
  rows.add(Id::api_connections, gauge, "moneykit_syncd_api_connections", "Connections to upstream by state.")
      .by({"state"}, each({"busy", "idle"}))
      .none_is_nan();
  rows.add(Id::api_connections_opened_total, counter, "moneykit_syncd_api_connections_opened_total",
           "Connections to upstream that were established.");
  rows.add(Id::api_connection_reuses_total, counter, "moneykit_syncd_api_connection_reuses_total",
           "Requests that went out on a connection which had served one before.");
  rows.add(Id::api_stale_connections_total, counter, "moneykit_syncd_api_stale_connections_total",
           "Kept connections that were found closed by the other side.");
  rows.add(Id::api_tls_resumptions_total, counter, "moneykit_syncd_api_tls_resumptions_total",
           "TLS handshakes that resumed an earlier session.");
  rows.add(Id::auth_refused, gauge, "moneykit_syncd_auth_refused",
           "Whether upstream refuses our own credentials (1) or not (0).");
}

void add_feed(Table& table) {
  Rows rows{table, "Commits and feed"};
  rows.add(Id::commits_total, counter, "moneykit_syncd_commits_total",
           "Synced writes; waiting updates share one.");
  rows.add(Id::commit_duration_seconds, histogram, "moneykit_syncd_commit_duration_seconds",
           "Time of one synced write.")
      .upper_bounds(fsync_buckets());
  rows.add(Id::commit_group_size, histogram, "moneykit_syncd_commit_group_size",
           "Updates that shared one synced write.")
      .upper_bounds({1, 2, 4, 8, 16, 32, 64, 128, 256});
  rows.add(Id::feed_head_sequence, gauge, "moneykit_syncd_feed_head_sequence",
           "Highest sequence of the feed that is committed; it may not have been shown to anybody yet.");
  rows.add(Id::feed_published_sequence, gauge, "moneykit_syncd_feed_published_sequence",
           "Highest sequence that was ever shown to a consumer; up to it no sequence gets other content.");
  rows.add(Id::feed_epoch, gauge, "moneykit_syncd_feed_epoch",
           "Epoch of the feed; a change means that consumers must read it anew.");
  rows.add(Id::feed_first_sequence, gauge, "moneykit_syncd_feed_first_sequence",
           "Lowest sequence of the feed that is kept.");
  rows.add(Id::feed_cut_records_total, counter, "moneykit_syncd_feed_cut_records_total",
           "Changes that were cut off the front of the feed because of their age.");
  rows.add(Id::feed_consumers_overtaken_total, counter, "moneykit_syncd_feed_consumers_overtaken_total",
           "Times that changes which a consumer had not acknowledged were cut off, because of their age.");
  rows.add(Id::feed_consumer_lag_records, gauge, "moneykit_syncd_feed_consumer_lag_records",
           "Changes of the feed that the consumer has not acknowledged.")
      .by_what_is_there("consumer", feed_consumers_shown_max);
  rows.add(Id::feed_consumer_oldest_unread_timestamp_seconds, gauge,
           "moneykit_syncd_feed_consumer_oldest_unread_timestamp_seconds",
           "When the oldest kept change that the consumer has not acknowledged was made; NaN when there is "
           "none.")
      .by_what_is_there("consumer", feed_consumers_shown_max)
      .none_is_nan();
  rows.add(Id::feed_consumer_last_ack_timestamp_seconds, gauge,
           "moneykit_syncd_feed_consumer_last_ack_timestamp_seconds",
           "When the consumer last acknowledged changes or was reset; NaN before the first time.")
      .by_what_is_there("consumer", feed_consumers_shown_max)
      .none_is_nan();
}

void add_store(Table& table) {
  Rows rows{table, "Store and backups"};
  rows.add(Id::store_healthy, gauge, "moneykit_syncd_store_healthy",
           "Whether the store accepts writes (1) or failed and fetching stopped (0).");
  rows.add(Id::store_errors_total, counter, "moneykit_syncd_store_errors_total",
           "Errors of the store; the first one stops all writing and ends the process. decode: what was read "
           "is not what was written; background: RocksDB's own work, beside any call.")
      .by({"operation"}, each({"read", "write", "decode", "background"}));
  rows.add(Id::store_queue_length, gauge, "moneykit_syncd_store_queue_length",
           "Calls that wait for the store's thread behind those that it is at.");
  rows.add(Id::store_write_stopped, gauge, "moneykit_syncd_store_write_stopped",
           "Whether the store holds writes back until compaction catches up (1) or not (0).");
  rows.add(Id::store_disk_bytes, gauge, "moneykit_syncd_store_disk_bytes",
           "Bytes on disk of live tables and the write-ahead log.");
  rows.add(Id::store_disk_free_bytes, gauge, "moneykit_syncd_store_disk_free_bytes",
           "Free bytes of the file system that holds the store.");
  rows.add(Id::store_memtable_bytes, gauge, "moneykit_syncd_store_memtable_bytes",
           "Bytes of rows that are in memory and in the write-ahead log only.");
  rows.add(Id::store_block_cache_bytes, gauge, "moneykit_syncd_store_block_cache_bytes",
           "Bytes in use of the store's block cache.");
  rows.add(Id::store_pending_compaction_bytes, gauge, "moneykit_syncd_store_pending_compaction_bytes",
           "Bytes that compaction has still to rewrite, as estimated.");
  rows.add(Id::store_space_low, gauge, "moneykit_syncd_store_space_low",
           "Whether the disk of the store is so full that nothing is fetched (1) or not (0).");
  rows.add(Id::store_damaged_files, gauge, "moneykit_syncd_store_damaged_files",
           "Table files in which the last scrub found a wrong checksum.");
  rows.add(Id::store_scrub_last_success_timestamp_seconds, gauge,
           "moneykit_syncd_store_scrub_last_success_timestamp_seconds",
           "When every table file was last read and compared with its checksums; NaN before the first time.")
      .none_is_nan();
  rows.add(Id::backups_total, counter, "moneykit_syncd_backups_total",
           "Backups that were begun or asked for, by how they ended. One that was refused counts as a "
           "failure.")
      .by({"outcome"}, each({"success", "failure"}));
  rows.add(Id::backup_last_success_timestamp_seconds, gauge,
           "moneykit_syncd_backup_last_success_timestamp_seconds",
           "Of which moment the newest whole backup is, also after a restart; NaN when there is none.")
      .none_is_nan();
  rows.add(Id::backup_last_bytes, gauge, "moneykit_syncd_backup_last_bytes",
           "Bytes of the files of the newest whole backup; 0 when there is none.");
}

void add_tables(Table& table) {
  Rows rows{table, "RocksDB"};
  rows.add(Id::store_block_cache_hits_total, counter, "moneykit_syncd_store_block_cache_hits_total",
           "Blocks that were found in the block cache.");
  rows.add(Id::store_block_cache_misses_total, counter, "moneykit_syncd_store_block_cache_misses_total",
           "Blocks that had to be read from a file.");
  rows.add(Id::store_bloom_useful_total, counter, "moneykit_syncd_store_bloom_useful_total",
           "Reads of a table that its filter spared.");
  rows.add(Id::store_keys_read_total, counter, "moneykit_syncd_store_keys_read_total",
           "Keys that were asked for.");
  rows.add(Id::store_keys_written_total, counter, "moneykit_syncd_store_keys_written_total",
           "Keys that were written or taken away.");
  rows.add(Id::store_wal_syncs_total, counter, "moneykit_syncd_store_wal_syncs_total",
           "Syncs of the write-ahead log.");
  rows.add(Id::store_wal_bytes_total, counter, "moneykit_syncd_store_wal_bytes_total",
           "Bytes written to the write-ahead log.");
  rows.add(Id::store_flush_written_bytes_total, counter, "moneykit_syncd_store_flush_written_bytes_total",
           "Bytes of the tables that flushes wrote.");
  rows.add(Id::store_compaction_read_bytes_total, counter, "moneykit_syncd_store_compaction_read_bytes_total",
           "Bytes that compactions read.");
  rows.add(Id::store_compaction_written_bytes_total, counter,
           "moneykit_syncd_store_compaction_written_bytes_total", "Bytes that compactions wrote.");
  rows.add(Id::store_stall_seconds_total, counter, "moneykit_syncd_store_stall_seconds_total",
           "Time for which writers were made to wait for flushes and compactions.");
  rows.add(Id::store_running_compactions, gauge, "moneykit_syncd_store_running_compactions",
           "Compactions that run at the moment.");
  rows.add(Id::store_level_files, gauge, "moneykit_syncd_store_level_files", "Table files by level.")
      .by({"level"}, each({"0", "1", "2", "3", "4", "5", "6"}));
}

void add_process(Table& table) {
  Rows rows{table, "Process"};
  rows.add(Id::process_cpu_seconds_total, counter, "process_cpu_seconds_total",
           "Total user and system CPU time spent in seconds.");
  rows.add(Id::process_resident_memory_bytes, gauge, "process_resident_memory_bytes",
           "Resident memory size in bytes; NaN when the system hides it.")
      .none_is_nan();
  rows.add(Id::process_virtual_memory_bytes, gauge, "process_virtual_memory_bytes",
           "Virtual memory size in bytes; NaN when the system hides it.")
      .none_is_nan();
  rows.add(Id::process_open_fds, gauge, "process_open_fds",
           "Number of open file descriptors; NaN when the system hides it.")
      .none_is_nan();
  rows.add(Id::process_max_fds, gauge, "process_max_fds",
           "Maximum number of open file descriptors; NaN when the system hides it.")
      .none_is_nan();
  rows.add(Id::process_threads, gauge, "process_threads",
           "Number of threads of the process; NaN when the system hides it.")
      .none_is_nan();
  rows.add(Id::process_start_time_seconds, gauge, "process_start_time_seconds",
           "Start time of the process since the Unix epoch in seconds.");
}

}  // namespace

std::string_view to_string(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::histogram:
      return "histogram";
  }
  return "unknown";
}

const std::vector<MetricInfo>& catalogue() {
  static const Table table = [] {
    Table all;
    all.reserve(metric_count);
    add_process_identity(all);
    add_admin(all);
    add_webhooks(all);
    add_links(all);
    add_cycles(all);
    add_verify(all);
    add_relinks(all);
    add_incidents(all);
    add_requests(all);
    add_budgets(all);
    add_feed(all);
    add_store(all);
    add_tables(all);
    add_process(all);
    return all;
  }();
  return table;
}

}  // namespace syncd::metrics
