#include "metrics/metrics.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <chrono>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "metrics/catalogue.hpp"
#include "metrics/exposition.hpp"
#include "metrics/labels.hpp"

namespace syncd::metrics {
namespace {

using Id = MetricId;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

// Positions in the table of series that have no enum behind them.
enum DiffSlot : std::size_t {
  transaction_created,
  transaction_updated,
  transaction_removed,
  account_changed
};
enum ResetSlot : std::size_t { reset_rejected };
enum PurgeSlot : std::size_t { purged_on_request, purged_by_retention };
enum ResolvedSlot : std::size_t { resolved_reconnected, resolved_gone, resolved_dismissed };
enum DiscoverySlot : std::size_t { only_upstream_side, only_here_side };
enum ConnectionSlot : std::size_t { connection_busy, connection_idle };
enum ReloadSlot : std::size_t { reload_succeeded, reload_failed };
enum StaleSlot : std::size_t { stale_local, stale_upstream };

// Clocks that are kept by the network differ by less.
constexpr core::Millis clock_tolerance{2'000};
constexpr std::array<std::string_view, 4> code_classes{"2xx", "3xx", "4xx", "5xx"};
constexpr std::string_view other = "other";

std::size_t code_class_of(int status) {
  return static_cast<std::size_t>(std::clamp(status / 100, 2, 5) - 2);
}

double seconds(core::Millis duration) {
  return std::chrono::duration<double>(std::max(duration, core::Millis::zero())).count();
}

// NaN for no time: an alert on `time() - x` must not fire for something that never happened.
double timestamp(std::optional<core::WallTime> time) {
  return time.has_value() ? std::chrono::duration<double>(time->time_since_epoch()).count() : nothing;
}

// Exact up to 2^53, which no count here reaches.
double number(std::uint64_t count) {
  return static_cast<double>(count);
}

// Upstream's word for why the owner must act. The more specific code of a 422 comes first.
std::string_view relink_reason_of(const core::CycleReport& report) {
  if (!report.error.has_value()) return {};
  return report.error->link_error_code.empty() ? report.error->api_code : report.error->link_error_code;
}

using SeriesValues = std::vector<std::vector<std::string_view>>;

// All routes and, last, what met none; the class of the code moves fastest.
SeriesValues admin_series(const MetricsOptions& options) {
  SeriesValues series;
  const auto add = [&series](std::string_view route, std::string_view method) {
    for (const std::string_view code : code_classes)
      series.push_back({route, method, code});
  };
  for (const AdminRoute& row : options.admin_routes)
    add(row.route, row.method);
  add(other, other);
  return series;
}

// The series that there are from the start.
SeriesValues first_series(const MetricInfo& metric, const MetricsOptions& options) {
  switch (metric.id) {
    case Id::build_info:
      return {{options.version, options.compiler, options.rocksdb, options.boost, options.openssl}};
    case Id::admin_requests_total:
      return admin_series(options);
    case Id::institution_links:
    case Id::institution_failing_links:
      return {{other_institutions}};
    default:
      return metric.labels.empty() ? SeriesValues{{}} : metric.series;
  }
}

prometheus::Labels labels_of(const MetricInfo& metric, const std::vector<std::string_view>& values) {
  prometheus::Labels labels;
  for (std::size_t i = 0; i < metric.labels.size(); ++i)
    labels.emplace(metric.labels[i], values[i]);
  return labels;
}

}  // namespace

struct Metrics::Impl {
  explicit Impl(const MetricsOptions& options) {
    for (const MetricInfo& metric : catalogue())
      add(metric, options);
  }

  prometheus::Counter& counter(Id id, std::size_t slot = 0) {
    return *counters[std::to_underlying(id)][slot];
  }
  prometheus::Gauge& gauge(Id id, std::size_t slot = 0) { return *gauges[std::to_underlying(id)][slot]; }
  prometheus::Histogram& histogram(Id id, std::size_t slot = 0) {
    return *histograms[std::to_underlying(id)][slot];
  }

  void observe_delay(const core::CycleReport& report) {
    const double delay = seconds(*report.visibility_delay);
    const std::size_t arm = arm_slot(report.arm);
    const std::size_t found = finder_slot(report.cause) * arm_names().size() + arm;
    histogram(Id::visibility_delay_seconds, found).Observe(delay);
    if (core::brought_change(report)) histogram(Id::change_delay_seconds, arm).Observe(delay);
  }

  // Counters that another part keeps are brought up to its value.
  void raise(Id id, double value, std::size_t slot = 0) {
    prometheus::Counter& target = counter(id, slot);
    const double behind = value - target.Value();
    if (behind > 0) target.Increment(behind);
  }

  // The series of `names`, and no others, beside those that are there from the start.
  void keep_series(Id id, std::span<const std::string_view> names) {
    Changing& metric = changing[std::to_underlying(id)];
    const std::string& label = metric.label;
    std::map<std::string, prometheus::Gauge*, std::less<>> kept;
    for (const std::string_view name : names) {
      const auto held = metric.series.find(name);
      const bool is_new = held == metric.series.end();
      kept.emplace(name, is_new ? &metric.family->Add({{label, std::string(name)}}, nothing) : held->second);
    }
    for (const auto& [name, series] : metric.series) {
      if (!kept.contains(name)) metric.family->Remove(series);
    }
    metric.series = std::move(kept);
  }

  void set(Id id, std::string_view series, double value) {
    const auto& all = changing[std::to_underlying(id)].series;
    const auto found = all.find(series);
    if (found != all.end()) found->second->Set(value);
  }

  void set_tables(const StoreGauges& from) {
    for (std::size_t slot = 0; slot < from.errors.size(); ++slot)
      raise(Id::store_errors_total, number(from.errors[slot]), slot);
    for (std::size_t slot = 0; slot < from.level_files.size(); ++slot)
      gauge(Id::store_level_files, slot).Set(number(from.level_files[slot]));
    gauge(Id::store_running_compactions).Set(number(from.running_compactions));
    raise(Id::store_block_cache_hits_total, number(from.block_cache_hits));
    raise(Id::store_block_cache_misses_total, number(from.block_cache_misses));
    raise(Id::store_bloom_useful_total, number(from.bloom_useful));
    raise(Id::store_keys_read_total, number(from.keys_read));
    raise(Id::store_keys_written_total, number(from.keys_written));
    raise(Id::store_wal_syncs_total, number(from.wal_syncs));
    raise(Id::store_wal_bytes_total, number(from.wal_bytes));
    raise(Id::store_flush_written_bytes_total, number(from.flush_written_bytes));
    raise(Id::store_compaction_read_bytes_total, number(from.compaction_read_bytes));
    raise(Id::store_compaction_written_bytes_total, number(from.compaction_written_bytes));
    raise(Id::store_stall_seconds_total, std::chrono::duration<double>(from.stall).count());
  }

  void add(const MetricInfo& metric, const MetricsOptions& options) {
    const SeriesValues series = first_series(metric, options);
    const std::string name(metric.name);
    const std::string help(metric.help);
    const std::size_t index = std::to_underlying(metric.id);
    switch (metric.type) {
      case MetricType::counter: {
        auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry);
        for (const auto& values : series)
          counters[index].push_back(&family.Add(labels_of(metric, values)));
        break;
      }
      case MetricType::gauge: {
        auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(registry);
        if (metric.labels.size() == 1) changing[index] = {&family, std::string(metric.labels.front()), {}};
        for (const auto& values : series) {
          gauges[index].push_back(&family.Add(labels_of(metric, values), metric.none_is_nan ? nothing : 0.0));
        }
        break;
      }
      case MetricType::histogram: {
        auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
        for (const auto& values : series) {
          histograms[index].push_back(&family.Add(labels_of(metric, values), metric.buckets));
        }
        break;
      }
    }
  }

  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Throw};
  // By metric, then by series in the order of the table; owned by the registry.
  std::array<std::vector<prometheus::Counter*>, metric_count> counters;
  std::array<std::vector<prometheus::Gauge*>, metric_count> gauges;
  std::array<std::vector<prometheus::Histogram*>, metric_count> histograms;
  // Of gauges with one label, the series that come and go; owned by the registry as well.
  struct Changing {
    prometheus::Family<prometheus::Gauge>* family = nullptr;
    std::string label;
    std::map<std::string, prometheus::Gauge*, std::less<>> series;
  };
  std::array<Changing, metric_count> changing;
  InstitutionChoice choice;
};

Metrics::Metrics(MetricsOptions options) : impl_(std::make_unique<Impl>(options)) {
  impl_->gauge(Id::build_info).Set(1);
  impl_->gauge(Id::store_healthy).Set(1);
  impl_->gauge(Id::process_start_time_seconds).Set(timestamp(options.started_at));
}

Metrics::~Metrics() = default;

// ---- events ----

void Metrics::record(const core::CycleReport& report) {
  Impl& to = *impl_;
  const std::size_t cycle =
      cause_slot(report.cause) * outcome_names().size() + outcome_slot(report.error, report.yielded);
  to.counter(Id::cycles_total, cycle).Increment();
  to.histogram(Id::cycle_duration_seconds).Observe(seconds(report.duration));
  to.histogram(Id::schedule_lag_seconds).Observe(seconds(report.schedule_lag));
  if (report.visibility_delay.has_value()) {
    const bool told = *report.visibility_delay >= -clock_tolerance;
    if (told) to.observe_delay(report);
    if (!told) to.counter(Id::upstream_clock_ahead_total).Increment();
  }
  // An idle link changes nothing: most cycles skip all of this.
  if (report.pages != 0) to.counter(Id::pages_total).Increment(report.pages);
  if (report.drained) to.counter(Id::drains_total).Increment();
  const auto count_diff = [&to](DiffSlot slot, std::uint64_t rows) {
    if (rows != 0) to.counter(Id::diff_records_total, slot).Increment(number(rows));
  };
  count_diff(transaction_created, report.created);
  count_diff(transaction_updated, report.updated);
  count_diff(transaction_removed, report.removed);
  count_diff(account_changed, report.account_changes);
  if (report.unknown_values != 0) to.counter(Id::unknown_values_total).Increment(report.unknown_values);
  if (report.resync_started) to.counter(Id::cursor_resets_total, reset_rejected).Increment();
  if (report.dead_letter) to.counter(Id::dead_letters_total).Increment();
  if (report.relink_opened) {
    to.counter(Id::relinks_opened_total, relink_reason_slot(relink_reason_of(report))).Increment();
  }
  if (report.relink_resolved) {
    const bool gone = report.status_after == core::LinkStatus::gone;
    to.counter(Id::relinks_resolved_total, gone ? resolved_gone : resolved_reconnected).Increment();
  }
}

void Metrics::record_act(const core::RelinkEntry& entry) {
  if (core::is_live(entry.status)) {
    impl_->counter(Id::relinks_opened_total, relink_reason_slot(entry.reason)).Increment();
  } else {
    impl_->counter(Id::relinks_resolved_total, resolved_dismissed).Increment();
  }
}

void Metrics::record(const core::HttpReport& report) {
  Impl& to = *impl_;
  const std::size_t endpoint = endpoint_slot(report.endpoint);
  const std::size_t request = endpoint * status_code_names().size() + status_code_slot(report.status);
  to.counter(Id::api_requests_total, request).Increment();
  to.histogram(Id::api_request_duration_seconds, endpoint).Observe(seconds(report.duration));
  to.counter(Id::api_response_body_bytes_total, endpoint).Increment(number(report.body_bytes));
  if (report.failure.has_value())
    to.counter(Id::api_failures_total, failure_slot(*report.failure)).Increment();
  if (report.status == 429) to.counter(Id::api_throttled_total, endpoint).Increment();
}

void Metrics::record(const core::CommitReport& report) {
  impl_->counter(Id::commits_total).Increment();
  impl_->histogram(Id::commit_duration_seconds).Observe(seconds(report.duration));
  impl_->histogram(Id::commit_group_size).Observe(report.updates);
}

void Metrics::record(const core::VerifyReport& report) {
  const auto result = static_cast<std::size_t>(report.result);
  assert(result >= 1 && result <= 3);
  impl_->counter(Id::verify_links_total, result - 1).Increment();
  std::size_t slot = 0;
  for (const core::DifferenceTally* tally : {&report.transactions, &report.accounts}) {
    for (const std::uint64_t rows : {tally->missing, tally->extra, tally->changed})
      impl_->counter(Id::verify_rows_total, slot++).Increment(number(rows));
  }
}

void Metrics::record_discovery(std::uint64_t only_upstream, std::uint64_t only_here, core::WallTime at) {
  impl_->gauge(Id::discovery_links, only_upstream_side).Set(number(only_upstream));
  impl_->gauge(Id::discovery_links, only_here_side).Set(number(only_here));
  impl_->gauge(Id::discovery_last_success_timestamp_seconds).Set(timestamp(at));
}

void Metrics::record_discovery_failure() {
  impl_->counter(Id::discovery_failures_total).Increment();
}

void Metrics::record_config_load(bool successful, core::WallTime at) {
  impl_->gauge(Id::config_last_reload_successful).Set(successful ? 1 : 0);
  if (successful) impl_->gauge(Id::config_last_reload_success_timestamp_seconds).Set(timestamp(at));
}

void Metrics::record_config_reload(bool successful, core::WallTime at) {
  record_config_load(successful, at);
  impl_->counter(Id::config_reloads_total, successful ? reload_succeeded : reload_failed).Increment();
}

void Metrics::record_log_line(LineLevel level, bool written) {
  const std::size_t slot = std::to_underlying(level);
  constexpr std::size_t first_suppressed = std::to_underlying(LineLevel::warn);
  assert(written || slot >= first_suppressed);
  if (written) {
    impl_->counter(Id::log_lines_total, slot).Increment();
  } else {
    impl_->counter(Id::log_lines_suppressed_total, slot - first_suppressed).Increment();
  }
}

void Metrics::record_loop_lag(core::Millis lag) {
  impl_->histogram(Id::loop_lag_seconds).Observe(seconds(lag));
}

void Metrics::record_admin_request(std::optional<std::size_t> route, int status, AdminRequestKind kind,
                                   core::Millis duration) {
  const std::size_t rows = impl_->counters[std::to_underlying(Id::admin_requests_total)].size();
  const std::size_t unmatched = rows / code_classes.size() - 1;
  const std::size_t row = std::min(route.value_or(unmatched), unmatched);
  impl_->counter(Id::admin_requests_total, row * code_classes.size() + code_class_of(status)).Increment();
  impl_->histogram(Id::admin_request_duration_seconds, std::to_underlying(kind)).Observe(seconds(duration));
}

void Metrics::record_bad_token(bool turned_away) {
  impl_->counter(Id::admin_bad_tokens_total, turned_away ? 1 : 0).Increment();
}

void Metrics::record_reads_limited(bool by_rows) {
  impl_->counter(Id::admin_reads_limited_total, by_rows ? 1 : 0).Increment();
}

void Metrics::record_rows_read(RowKind kind, std::uint64_t rows) {
  impl_->counter(Id::admin_rows_read_total, std::to_underlying(kind)).Increment(number(rows));
}

// ---- states ----

void Metrics::set_admin_certificate_refused(bool refused) {
  impl_->gauge(Id::admin_certificate_refused).Set(refused ? 1 : 0);
}

void Metrics::set_admin_certificate_expiry(core::WallTime expires_at) {
  impl_->gauge(Id::admin_certificate_expiry_timestamp_seconds).Set(timestamp(expires_at));
}

void Metrics::set(const ScheduleGauges& gauges) {
  for (std::size_t slot = 0; slot < core::link_status_count; ++slot) {
    impl_->gauge(Id::links, slot).Set(number(gauges.links_by_status[slot + 1]));
  }
  impl_->gauge(Id::links_due).Set(number(gauges.due));
  impl_->gauge(Id::cycles_in_flight).Set(number(gauges.in_flight));
  impl_->gauge(Id::tasks).Set(number(gauges.tasks));
  impl_->gauge(Id::schedule_resident_bytes).Set(number(gauges.resident_bytes));
  impl_->gauge(Id::oldest_successful_sync_timestamp_seconds).Set(timestamp(gauges.oldest_success_at));
  impl_->gauge(Id::next_due_timestamp_seconds).Set(timestamp(gauges.next_due_at));
  const auto or_nothing = [](std::optional<std::uint64_t> count) {
    return count.has_value() ? number(*count) : nothing;
  };
  impl_->gauge(Id::stale_links, stale_local).Set(or_nothing(gauges.stale));
  impl_->gauge(Id::stale_links, stale_upstream).Set(or_nothing(gauges.stale_upstream));
}

void Metrics::set_institutions(std::span<const InstitutionGauges> institutions, std::uint64_t links) {
  const InstitutionChoice::Named& named = impl_->choice.choose(institutions);
  std::vector<std::string_view> names;
  for (const auto& [name, counts] : named)
    names.push_back(name);
  impl_->keep_series(Id::institution_links, names);
  impl_->keep_series(Id::institution_failing_links, names);
  std::uint64_t failing = 0;
  for (const InstitutionGauges& one : institutions)
    failing += one.failing;
  for (const auto& [name, counts] : named) {
    impl_->set(Id::institution_links, name, number(counts.links));
    impl_->set(Id::institution_failing_links, name, number(counts.failing));
    links -= std::min(links, counts.links);
    failing -= counts.failing;
  }
  impl_->gauge(Id::institution_links).Set(number(links));
  impl_->gauge(Id::institution_failing_links).Set(number(failing));
}

void Metrics::set_admin_connections(std::uint64_t connections) {
  impl_->gauge(Id::admin_connections).Set(number(connections));
}

void Metrics::record(const core::HookReport& report) {
  impl_->counter(Id::webhooks_total, hook_outcome_slot(report.outcome)).Increment();
  if (report.fault)
    impl_->counter(Id::webhook_signature_failures_total, signature_fault_slot(*report.fault)).Increment();
  if (!report.check_took) return;
  const std::chrono::duration<double> took = *report.check_took;
  impl_->histogram(Id::webhook_check_duration_seconds).Observe(took.count());
}

void Metrics::record_key_set_fetch(bool success) {
  impl_->counter(Id::webhook_key_set_fetches_total, success ? 0 : 1).Increment();
}

void Metrics::record_purge(bool by_retention) {
  impl_->counter(Id::links_purged_total, by_retention ? purged_by_retention : purged_on_request).Increment();
}

void Metrics::record_refresh(core::RefreshProduct product, core::RefreshStage stage) {
  const auto row = static_cast<std::size_t>(product) - 1;
  const auto column = static_cast<std::size_t>(stage) - 1;
  impl_->counter(Id::refreshes_total, row * core::refresh_stage_count + column).Increment();
}

void Metrics::record_visit_records(std::uint64_t lines, bool written) {
  impl_->counter(Id::visit_records_total, written ? 0 : 1).Increment(number(lines));
}

void Metrics::record_feed_cut(std::uint64_t records, std::uint64_t overtaken) {
  impl_->counter(Id::feed_cut_records_total).Increment(number(records));
  impl_->counter(Id::feed_consumers_overtaken_total).Increment(number(overtaken));
}

void Metrics::record_incident_opened(core::IncidentScope scope) {
  impl_->counter(Id::incidents_opened_total, incident_scope_slot(scope)).Increment();
}

void Metrics::set(const IncidentGauges& gauges) {
  for (std::size_t slot = 0; slot < core::incident_scope_count; ++slot)
    impl_->gauge(Id::incidents, slot).Set(number(gauges.by_scope[slot + 1]));
  impl_->gauge(Id::relink_held_back_links).Set(number(gauges.held_back));
}

void Metrics::set_relink_queue(std::span<const RelinkCount> counts,
                               std::optional<core::WallTime> oldest_open_at) {
  const std::size_t statuses = relink_status_names().size();
  std::vector<std::uint64_t> totals(relink_reason_names().size() * statuses);
  for (const RelinkCount& count : counts) {
    totals[relink_reason_slot(count.reason) * statuses + relink_status_slot(count.status)] += count.links;
  }
  for (std::size_t slot = 0; slot < totals.size(); ++slot) {
    impl_->gauge(Id::relink_queue_links, slot).Set(number(totals[slot]));
  }
  impl_->gauge(Id::relink_oldest_open_timestamp_seconds).Set(timestamp(oldest_open_at));
}

void Metrics::set(std::span<const BudgetGauges> budgets, core::WallTime now) {
  for (const BudgetGauges& budget : budgets) {
    const std::size_t slot = endpoint_slot(budget.endpoint);
    const bool frozen = budget.frozen_until.has_value() && *budget.frozen_until > now;
    impl_->gauge(Id::api_budget_limit, slot).Set(number(budget.limit));
    impl_->gauge(Id::api_budget_used, slot).Set(number(budget.used));
    impl_->gauge(Id::api_budget_waiting, slot).Set(number(budget.waiting));
    impl_->gauge(Id::api_budget_frozen, slot).Set(frozen ? 1 : 0);
    impl_->gauge(Id::api_budget_frozen_until_timestamp_seconds, slot)
        .Set(frozen ? timestamp(budget.frozen_until) : nothing);
  }
}

void Metrics::set(const ConnectionGauges& gauges) {
  impl_->gauge(Id::api_connections, connection_busy)
      .Set(number(gauges.open - std::min(gauges.open, gauges.idle)));
  impl_->gauge(Id::api_connections, connection_idle).Set(number(gauges.idle));
  impl_->raise(Id::api_connections_opened_total, number(gauges.created));
  impl_->raise(Id::api_connection_reuses_total, number(gauges.reused));
  impl_->raise(Id::api_stale_connections_total, number(gauges.stale));
  impl_->raise(Id::api_tls_resumptions_total, number(gauges.tls_resumed));
}

void Metrics::set(const StoreGauges& gauges) {
  impl_->gauge(Id::store_healthy).Set(gauges.healthy ? 1 : 0);
  impl_->gauge(Id::store_write_stopped).Set(gauges.write_stopped ? 1 : 0);
  impl_->gauge(Id::feed_epoch).Set(number(gauges.feed_epoch));
  impl_->gauge(Id::feed_head_sequence).Set(number(gauges.feed_head));
  impl_->gauge(Id::feed_first_sequence).Set(number(gauges.feed_first));
  impl_->gauge(Id::feed_published_sequence).Set(number(gauges.feed_published));
  impl_->gauge(Id::store_disk_bytes).Set(number(gauges.disk_bytes));
  impl_->gauge(Id::store_disk_free_bytes).Set(number(gauges.disk_free_bytes));
  impl_->gauge(Id::store_memtable_bytes).Set(number(gauges.memtable_bytes));
  impl_->gauge(Id::store_block_cache_bytes).Set(number(gauges.block_cache_bytes));
  impl_->gauge(Id::store_pending_compaction_bytes).Set(number(gauges.pending_compaction_bytes));
  impl_->gauge(Id::dead_letters).Set(number(gauges.dead_letters));
  impl_->raise(Id::dead_letters_evicted_total, number(gauges.dead_letters_evicted));
  impl_->gauge(Id::store_queue_length).Set(number(gauges.queue_length));
  impl_->set_tables(gauges);
}

void Metrics::set_feed_consumers(std::span<const ConsumerGauges> consumers) {
  consumers = consumers.first(std::min(consumers.size(), feed_consumers_shown_max));
  std::vector<std::string_view> names;
  for (const ConsumerGauges& consumer : consumers)
    names.push_back(consumer.name);
  for (const Id id : {Id::feed_consumer_lag_records, Id::feed_consumer_oldest_unread_timestamp_seconds,
                      Id::feed_consumer_last_ack_timestamp_seconds})
    impl_->keep_series(id, names);
  for (const ConsumerGauges& consumer : consumers) {
    impl_->set(Id::feed_consumer_lag_records, consumer.name, number(consumer.lag));
    impl_->set(Id::feed_consumer_oldest_unread_timestamp_seconds, consumer.name,
               timestamp(consumer.oldest_unread_at));
    impl_->set(Id::feed_consumer_last_ack_timestamp_seconds, consumer.name,
               timestamp(consumer.acknowledged_at));
  }
}

void Metrics::set(const WebhookGauges& gauges) {
  impl_->gauge(Id::webhook_links_waiting).Set(number(gauges.links_waiting));
  impl_->gauge(Id::webhook_key_set_fetched_timestamp_seconds).Set(timestamp(gauges.key_set_fetched_at));
}

void Metrics::set_auth_refused(bool refused) {
  impl_->gauge(Id::auth_refused).Set(refused ? 1 : 0);
}

void Metrics::set_space_low(bool low) {
  impl_->gauge(Id::store_space_low).Set(low ? 1 : 0);
}

void Metrics::set_scrub(core::WallTime finished_at, std::uint64_t damaged_files) {
  const bool ever = finished_at != core::WallTime{};
  impl_->gauge(Id::store_scrub_last_success_timestamp_seconds).Set(ever ? timestamp(finished_at) : nothing);
  impl_->gauge(Id::store_damaged_files).Set(number(damaged_files));
}

void Metrics::record_backup(bool success) {
  impl_->counter(Id::backups_total, success ? 0 : 1).Increment();
}

void Metrics::set_last_backup(core::WallTime created_at, std::uint64_t bytes) {
  impl_->gauge(Id::backup_last_success_timestamp_seconds).Set(timestamp(created_at));
  impl_->gauge(Id::backup_last_bytes).Set(number(bytes));
}

void Metrics::set(const ProcessUsage& usage) {
  if (usage.cpu.has_value()) {
    impl_->raise(Id::process_cpu_seconds_total, std::chrono::duration<double>(*usage.cpu).count());
  }
  const auto set_or_nothing = [this](Id id, std::optional<std::uint64_t> value) {
    impl_->gauge(id).Set(value.has_value() ? number(*value) : nothing);
  };
  set_or_nothing(Id::process_resident_memory_bytes, usage.resident_bytes);
  set_or_nothing(Id::process_virtual_memory_bytes, usage.virtual_bytes);
  set_or_nothing(Id::process_open_fds, usage.open_fds);
  set_or_nothing(Id::process_max_fds, usage.max_fds);
  set_or_nothing(Id::process_threads, usage.threads);
}

std::string Metrics::exposition() const {
  return to_exposition_text(impl_->registry);
}

}  // namespace syncd::metrics
