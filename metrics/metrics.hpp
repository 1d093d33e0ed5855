#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/institutions.hpp"
#include "metrics/process.hpp"
#include "sync/core/hook_report.hpp"
#include "sync/core/incident.hpp"
#include "sync/core/refresh_demand.hpp"
#include "sync/core/relink.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/types.hpp"
#include "sync/core/verify_report.hpp"

namespace syncd::metrics {

// Gauges are states that other parts hold; whoever serves a scrape copies them over just before it.

struct ScheduleGauges {
  std::array<std::uint64_t, core::link_status_count + 1> links_by_status{};  // index: LinkStatus
  std::uint64_t due = 0;                                                     // due now and not yet begun
  std::uint64_t in_flight = 0;                                               // cycles
  std::uint64_t tasks = 0;                                                   // coroutines of the engine
  std::uint64_t resident_bytes = 0;
  std::optional<core::WallTime> oldest_success_at;  // over links neither paused nor gone
  std::optional<core::WallTime> next_due_at;
  std::optional<std::uint64_t>
      stale;  // last success longer ago than the maximum interval; empty: not counted
  std::optional<std::uint64_t> stale_upstream;  // of the others: upstream's data was that old; as `stale`
};

// `reason` may be any text: what is not a known reason counts as `other`.
struct RelinkCount {
  std::string_view reason;
  core::RelinkStatus status = core::RelinkStatus::open;
  std::uint64_t links = 0;
};

struct IncidentGauges {
  std::array<std::uint64_t, core::incident_scope_count + 1> by_scope{};  // index: IncidentScope
  std::uint64_t held_back = 0;                                           // links
};

struct WebhookGauges {
  std::uint64_t links_waiting = 0;
  std::optional<core::WallTime> key_set_fetched_at = {};
};

struct BudgetGauges {
  core::Endpoint endpoint = core::Endpoint::sync;
  std::uint64_t limit = 0;    // requests a minute
  std::uint64_t used = 0;     // in the last minute
  std::uint64_t waiting = 0;  // requests
  std::optional<core::WallTime> frozen_until;
};

struct ConnectionGauges {
  std::uint64_t open = 0;  // in any phase, idle ones included
  std::uint64_t idle = 0;
  // Since the start of the process; these never fall.
  std::uint64_t created = 0;
  std::uint64_t reused = 0;
  std::uint64_t stale = 0;
  std::uint64_t tls_resumed = 0;
};

struct StoreGauges {
  bool healthy = true;
  bool write_stopped = false;
  std::uint64_t feed_epoch = 0;
  std::uint64_t feed_first = 1;
  std::uint64_t feed_head = 0;
  std::uint64_t feed_published = 0;
  std::uint64_t disk_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t memtable_bytes = 0;
  std::uint64_t block_cache_bytes = 0;
  std::uint64_t pending_compaction_bytes = 0;
  std::uint64_t dead_letters = 0;
  std::uint64_t dead_letters_evicted = 0;
  std::uint64_t queue_length = 0;
  std::uint64_t running_compactions = 0;
  std::array<std::uint64_t, 7> level_files{};
  // Since the store was opened; these never fall.
  std::array<std::uint64_t, 4> errors{};  // read, write, decode, background
  std::uint64_t block_cache_hits = 0;
  std::uint64_t block_cache_misses = 0;
  std::uint64_t bloom_useful = 0;
  std::uint64_t keys_read = 0;
  std::uint64_t keys_written = 0;
  std::uint64_t wal_syncs = 0;
  std::uint64_t wal_bytes = 0;
  std::uint64_t flush_written_bytes = 0;
  std::uint64_t compaction_read_bytes = 0;
  std::uint64_t compaction_written_bytes = 0;
  std::chrono::microseconds stall{};
};

// A named consumer of the feed.
struct ConsumerGauges {
  std::string_view name;
  std::uint64_t lag = 0;
  std::optional<core::WallTime> oldest_unread_at = {};
  std::optional<core::WallTime> acknowledged_at = {};
};

// What of people's data the admin API shows.
enum class RowKind : std::uint8_t { accounts, transactions, feed, dead_letters };

// As the log's levels, from the least.
enum class LineLevel : std::uint8_t { debug, info, warn, error };

// How a request of the admin API counts; wait: it was asked to wait for something to happen.
enum class AdminRequestKind : std::uint8_t { read, write, wait };

// A row of the admin API's table of routes.
struct AdminRoute {
  std::string method;
  std::string route;  // `/v1/links/*`
};

struct MetricsOptions {
  // Labels of build_info.
  std::string version;
  std::string compiler = {};
  std::string rocksdb = {};
  std::string boost = {};
  std::string openssl = {};
  core::WallTime started_at;  // of the process, by our own clock: /proc/stat is hidden in a hardened unit
  std::vector<AdminRoute> admin_routes = {};
};

// All metrics of the process. Every series is made by the constructor and none later, so recording looks
// nothing up, allocates nothing and cannot grow the exposition, whatever upstream sends; but for those of the
// feed's consumers, which an operator makes and of which there are few.
//
// Lifecycle: one per process, made before anything that records, destroyed after it. Thread: record() and
// exposition() from any (a handful of atomic additions and a short lock per histogram); set() from one.
class Metrics {
 public:
  explicit Metrics(MetricsOptions options);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // ---- events ----
  void record(const core::CycleReport& report);
  void record(const core::HttpReport& report);
  void record(const core::CommitReport& report);
  void record(const core::VerifyReport& report);
  void record(const core::HookReport& report);
  void record_key_set_fetch(bool success);
  void record_purge(bool by_retention);
  void record_refresh(core::RefreshProduct product, core::RefreshStage stage);
  // `records` were cut off the feed's front, `overtaken` consumers had not acknowledged them.
  void record_feed_cut(std::uint64_t records, std::uint64_t overtaken);
  // Of the trace of visits.
  void record_visit_records(std::uint64_t lines, bool written);
  void record_incident_opened(core::IncidentScope scope);
  // A person dismissed the entry, or opened it again.
  void record_act(const core::RelinkEntry& entry);
  void record_discovery(std::uint64_t only_upstream, std::uint64_t only_here, core::WallTime at);
  void record_discovery_failure();
  // The first load, at start, counts as well.
  void record_config_load(bool successful, core::WallTime at);
  void record_config_reload(bool successful, core::WallTime at);
  // `written`: or left out, because the same line was written just before.
  void record_log_line(LineLevel level, bool written);
  void record_loop_lag(core::Millis lag);
  // `route`: its place in MetricsOptions::admin_routes; nullopt: it met none. `status`: of HTTP.
  void record_admin_request(std::optional<std::size_t> route, int status, AdminRequestKind kind,
                            core::Millis duration);
  // `turned_away`: too many had come before.
  void record_bad_token(bool turned_away);
  // A request of the admin API for people's data was held back: its caller has read too many rows, or asked
  // too often.
  void record_reads_limited(bool by_rows);
  void record_rows_read(RowKind kind, std::uint64_t rows);

  // ---- states ----
  void set(const ScheduleGauges& gauges);
  // The whole queue: a reason that is not named has no links.
  void set_relink_queue(std::span<const RelinkCount> counts, std::optional<core::WallTime> oldest_open_at);
  void set(const IncidentGauges& gauges);
  // All institutions that have links; `links` counts those of no institution, too. Series of at most
  // institutions_named_max of them and of the rest come of it.
  void set_institutions(std::span<const InstitutionGauges> institutions, std::uint64_t links);
  void set_admin_connections(std::uint64_t connections);
  // An endpoint that is not named keeps its values. `now` decides whether a window is still open.
  void set(std::span<const BudgetGauges> budgets, core::WallTime now);
  void set(const ConnectionGauges& gauges);
  void set(const StoreGauges& gauges);
  // All that there are, feed_consumers_shown_max at most: the series of others end.
  void set_feed_consumers(std::span<const ConsumerGauges> consumers);
  void set(const WebhookGauges& gauges);
  void set_auth_refused(bool refused);
  void set_space_low(bool low);
  // The certificate of the admin API that was read last could not be used.
  void set_admin_certificate_refused(bool refused);
  void set_admin_certificate_expiry(core::WallTime expires_at);
  // `finished_at` the epoch: no scrub has ended yet.
  void set_scrub(core::WallTime finished_at, std::uint64_t damaged_files);
  // A backup that ended.
  void record_backup(bool success);
  // The newest one that is whole.
  void set_last_backup(core::WallTime created_at, std::uint64_t bytes);
  void set(const ProcessUsage& usage);

  // The answer to a scrape; its content type is exposition_content_type.
  std::string exposition() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::metrics
