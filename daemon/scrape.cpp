#include "daemon/scrape.hpp"

#include <map>
#include <utility>

namespace syncd::daemon {

namespace {

constexpr core::Millis relinks_count_every{15'000};  // a walk over the queue
constexpr std::size_t relink_page = 1000;

}  // namespace

struct Scraper::RelinkTotals {
  std::map<std::pair<std::string, core::RelinkStatus>, std::uint64_t> links;
  std::optional<core::WallTime> oldest_open_at;
};

core::Result<Scraper::RelinkTotals> Scraper::count_relinks(store::Store& store) {
  RelinkTotals totals;
  std::string after;
  do {
    auto page = store.relink_entries(after, relink_page, {.state = store::RelinkFilter::State::any});
    if (!page) return std::unexpected(page.error());
    for (const core::RelinkEntry& entry : page->items) {
      const bool dismissed = entry.status == core::RelinkStatus::dismissed;
      ++totals.links[{entry.reason, dismissed ? core::RelinkStatus::resolved : entry.status}];
      if (!core::is_live(entry.status)) continue;
      if (!totals.oldest_open_at || entry.opened_at < *totals.oldest_open_at)
        totals.oldest_open_at = entry.opened_at;
    }
    after = std::move(page->next);
  } while (!after.empty());
  return totals;
}

api::Task<void> Scraper::refresh_relinks() {
  const api::SteadyTime now = timers_.steady_now();
  if (relinks_counted_at_ && now - *relinks_counted_at_ < relinks_count_every) co_return;
  relinks_counted_at_ = now;
  auto work = [](store::Store& store) { return count_relinks(store); };
  const auto totals = co_await store_.run(std::move(work));
  if (!totals) co_return;
  std::vector<metrics::RelinkCount> counts;
  for (const auto& [key, links] : totals->links) {
    counts.push_back({.reason = key.first, .status = key.second, .links = links});
  }
  metrics_.set_relink_queue(counts, totals->oldest_open_at);
}

api::Task<std::string> Scraper::scrape() {
  co_await refresh_relinks();
  auto work = [](store::Store& store) { return store.stats(); };
  const store::StoreStats store = co_await store_.run(std::move(work));
  metrics_.set(metrics::StoreGauges{.healthy = store_.healthy(),
                                    .write_stopped = store.write_stopped,
                                    .feed_epoch = store.feed_epoch,
                                    .feed_head = store.feed_head,
                                    .feed_published = store.published,
                                    .disk_bytes = store.disk_bytes,
                                    .disk_free_bytes = store.disk_free_bytes,
                                    .memtable_bytes = store.memtable_bytes,
                                    .block_cache_bytes = store.block_cache_bytes,
                                    .pending_compaction_bytes = store.pending_compaction_bytes,
                                    .dead_letters_evicted = store.dead_letters_evicted});
  const engine::EngineStatus engine = engine_.status();
  metrics_.set(metrics::ScheduleGauges{.links_by_status = engine.links_by_status,
                                       .due = engine.due,
                                       .in_flight = engine.in_flight,
                                       .resident_bytes = engine_.schedule_bytes(),
                                       .oldest_success_at = engine.oldest_success_at,
                                       .next_due_at = engine.next_due_at,
                                       .stale = engine.stale});
  metrics::IncidentGauges incidents;
  for (const engine::Incident& incident : engine.incidents) {
    ++incidents.by_scope.at(std::to_underlying(incident.what.scope));
    incidents.held_back += incident.what.held_back;
  }
  metrics_.set(incidents);
  metrics_.set_auth_refused(engine.auth_refused);
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
  metrics_.set(metrics::read_process_usage());
  co_return metrics_.exposition();
}

}  // namespace syncd::daemon
