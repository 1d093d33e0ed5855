#include "daemon/scrape.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "store/consumers.hpp"
#include "sync/core/schedule.hpp"

namespace syncd::daemon {

namespace {

constexpr core::Millis relinks_count_every{15'000};
constexpr core::Millis institutions_every{15'000};
// Of the time, at most this part goes into counting, however long the queue is.
constexpr int relinks_count_part = 50;

void add_counts(const store::RelinkCensus& census, std::vector<metrics::RelinkCount>& counts) {
  for (const store::RelinkCensus::Total& total : census.totals) {
    const bool dismissed = total.status == core::RelinkStatus::dismissed;
    counts.push_back({.reason = total.reason,
                      .status = dismissed ? core::RelinkStatus::resolved : total.status,
                      .links = total.entries});
  }
}

metrics::StoreGauges gauges_of(const store::StoreStats& store, bool healthy, std::size_t queue_length) {
  return {.healthy = healthy,
          .write_stopped = store.write_stopped,
          .feed_epoch = store.feed_epoch,
          .feed_first = store.feed_first,
          .feed_head = store.feed_head,
          .feed_published = store.published,
          .disk_bytes = store.disk_bytes,
          .disk_free_bytes = store.disk_free_bytes,
          .memtable_bytes = store.memtable_bytes,
          .block_cache_bytes = store.block_cache_bytes,
          .pending_compaction_bytes = store.pending_compaction_bytes,
          .dead_letters = store.dead_letters,
          .dead_letters_evicted = store.dead_letters_evicted,
          .queue_length = queue_length,
          .running_compactions = store.running_compactions,
          .level_files = store.level_files,
          .errors = store.errors,
          .block_cache_hits = store.tables.block_cache_hits,
          .block_cache_misses = store.tables.block_cache_misses,
          .bloom_useful = store.tables.bloom_useful,
          .keys_read = store.tables.keys_read,
          .keys_written = store.tables.keys_written,
          .wal_syncs = store.tables.wal_syncs,
          .wal_bytes = store.tables.wal_bytes,
          .flush_written_bytes = store.tables.flush_written_bytes,
          .compaction_read_bytes = store.tables.compaction_read_bytes,
          .compaction_written_bytes = store.tables.compaction_written_bytes,
          .stall = std::chrono::microseconds(store.tables.stall_us)};
}

}  // namespace

api::Task<void> Scraper::refresh_relinks() {
  const api::SteadyTime now = timers_.steady_now();
  if (now < relinks_due_at_) co_return;
  relinks_due_at_ = now + relinks_count_every;  // also for a scrape that comes meanwhile
  const auto live = co_await live_relinks_.count();
  if (!live) co_return;
  const auto ended = co_await ended_relinks_.count();
  if (!ended) co_return;
  const auto took = std::chrono::duration_cast<core::Millis>(timers_.steady_now() - now);
  relinks_due_at_ = now + std::max(relinks_count_every, relinks_count_part * took);
  std::vector<metrics::RelinkCount> counts;
  add_counts(*live, counts);
  add_counts(*ended, counts);
  metrics_.set_relink_queue(counts, live->earliest_at);
}

api::Task<void> Scraper::refresh_consumers() {
  auto work = [](store::Store& store) { return store.consumers(); };
  const auto list = co_await store_.run(std::move(work));
  if (!list) co_return;
  std::vector<metrics::ConsumerGauges> gauges;
  for (const store::ConsumerView& view : list->consumers) {
    const bool ever = view.consumer.acknowledged_at != core::WallTime{};
    gauges.push_back({.name = view.consumer.name,
                      .lag = view.lag,
                      .oldest_unread_at = view.oldest_unread_at,
                      .acknowledged_at = ever ? std::optional(view.consumer.acknowledged_at) : std::nullopt});
  }
  metrics_.set_feed_consumers(gauges);
}

// All institutions are looked at, which may be tens of thousands.
void Scraper::refresh_institutions(const engine::EngineStatus& engine) {
  const api::SteadyTime now = timers_.steady_now();
  if (now < institutions_due_at_) return;
  institutions_due_at_ = now + institutions_every;
  std::vector<metrics::InstitutionGauges> gauges;
  for (const core::InstitutionTally& tally : engine_.institutions())
    gauges.push_back({.name = tally.name, .links = tally.links, .failing = tally.failing});
  std::uint64_t links = 0;
  for (std::size_t number = 1; number <= core::link_status_count; ++number) {
    if (core::visited_by_schedule(static_cast<core::LinkStatus>(number)))
      links += engine.links_by_status[number];
  }
  metrics_.set_institutions(gauges, links);
}

api::Task<std::string> Scraper::scrape() {
  co_await refresh_relinks();
  co_await refresh_consumers();
  const std::size_t queue_length = store_.queue_length();  // before our own call
  auto work = [](store::Store& store) { return store.stats(); };
  const store::StoreStats store = co_await store_.run(std::move(work));
  metrics_.set(gauges_of(store, store_.healthy(), queue_length));
  const engine::EngineStatus engine = engine_.status();
  metrics_.set(metrics::ScheduleGauges{.links_by_status = engine.links_by_status,
                                       .due = engine.due,
                                       .in_flight = engine.in_flight,
                                       .tasks = engine.tasks,
                                       .resident_bytes = engine_.schedule_bytes(),
                                       .oldest_success_at = engine.oldest_success_at,
                                       .next_due_at = engine.next_due_at,
                                       .stale = engine.stale,
                                       .stale_upstream = engine.stale_upstream});
  refresh_institutions(engine);
  metrics::IncidentGauges incidents;
  for (const engine::Incident& incident : engine.incidents) {
    ++incidents.by_scope.at(std::to_underlying(incident.what.scope));
    incidents.held_back += incident.what.held_back;
  }
  metrics_.set(incidents);
  metrics_.set_auth_refused(engine.auth_refused);
  metrics::WebhookGauges webhooks{.links_waiting = engine_.hints_waiting()};
  const auto age = key_set_age_ ? key_set_age_() : std::nullopt;
  if (age) webhooks.key_set_fetched_at = timers_.wall_now() - *age;
  metrics_.set(webhooks);
  std::vector<metrics::BudgetGauges> budgets;
  for (const api::BudgetUse& use : gate_.use()) {
    budgets.push_back({.endpoint = use.endpoint,
                       .limit = use.limit,
                       .used = use.used,
                       .waiting = use.waiting,
                       .frozen_until = use.frozen_until});
  }
  metrics_.set(budgets, timers_.wall_now());
  const api::TransportStats connections = transport_.stats();
  metrics_.set(metrics::ConnectionGauges{.open = connections.open,
                                         .idle = connections.idle,
                                         .created = connections.created,
                                         .reused = connections.reused,
                                         .stale = connections.stale,
                                         .tls_resumed = connections.tls_resumed});
  metrics_.set_admin_connections(admin_connections_());
  metrics_.set(metrics::read_process_usage());
  co_return metrics_.exposition();
}

}  // namespace syncd::daemon
