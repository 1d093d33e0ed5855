#include "sync/engine/engine.hpp"

#include <utility>

#include "sync/engine/engine_impl.hpp"

namespace syncd::engine {

namespace {

void add_counts(const core::CycleReport& report, core::CycleReport& sum) {
  sum.pages += report.pages;
  sum.created += report.created;
  sum.updated += report.updated;
  sum.removed += report.removed;
  sum.account_changes += report.account_changes;
}

void set_counts(const core::CycleReport& sum, core::CycleReport& report) {
  report.pages = sum.pages;
  report.created = sum.created;
  report.updated = sum.updated;
  report.removed = sum.removed;
  report.account_changes = sum.account_changes;
}

}  // namespace

Engine::Engine(api::Timers& timers, api::MoneykitApi& upstream, api::RateGate& gate, StorePort& store,
               EngineObserver& observer, EngineOptions options)
    : impl_(std::make_unique<Impl>(timers, upstream, gate, store, observer, options)) {
}

Engine::~Engine() = default;

void Engine::reserve(std::size_t links) {
  impl_->table.reserve(links);
}

void Engine::register_stored(const store::LinkSummary& summary) {
  const Slot slot = impl_->add(summary.link_id.str(), summary.status, summary.next_due_at);
  const bool never = summary.last_success_at == core::WallTime{};
  impl_->table.set_fresh_since_s(slot, seconds_of(never ? summary.added_at : summary.last_success_at),
                                 !never);
  impl_->table.set_upstream_late(slot,
                                 core::upstream_was_late(summary.last_success_at, summary.upstream_clock,
                                                         impl_->options.policy.max_interval));
  impl_->gate.seed(summary.link_id, summary.recent_sends);
  if (visited_by_schedule(summary.status)) impl_->outages.know(slot, summary);
}

void Engine::start(api::IoExecutor executor) {
  Impl& impl = *impl_;
  assert(!impl.running && "start() is called once");
  auto on_exception = [](std::exception_ptr error) { std::rethrow_exception(error); };
  impl.group = std::make_unique<TaskGroup>(executor, std::move(on_exception));
  impl.running = true;
  impl.clock = std::make_unique<api::Waiters>(executor);
  impl.hold_ended = std::make_unique<api::Waiters>(executor);
  impl.discovery_changed = std::make_unique<api::Waiters>(executor);
  impl.credentials_changed = std::make_unique<api::Waiters>(executor);
  impl.gate.on_freeze(
      [&impl](const core::GateFreeze& freeze) { impl.group->spawn(impl.keep_freeze(freeze)); });
  impl.start_verifier(executor);
  impl.outages.start(*impl.group);
  const auto now_ms = std::max<std::int64_t>(impl.timers.wall_now().time_since_epoch().count(), 0);
  impl.hints.start(*impl.group, executor, static_cast<std::uint64_t>(now_ms));
  impl.group->spawn(impl.watch_clock());
  impl.group->spawn(impl.continuity.restore());
  if (impl.options.discovery) impl.begin_discovery();
  impl.group->spawn(impl.retain());
}

api::Task<void> Engine::Impl::keep_freeze(core::GateFreeze freeze) {
  const auto stored = co_await store.put_freeze(freeze);
  if (!stored) observer.on_store_failed(stored.error());
}

// One careful question at a time until upstream knows us again; no link is touched meanwhile.
api::Task<void> Engine::Impl::probe_auth() {
  using namespace boost::asio::experimental::awaitable_operators;
  while (auth_refused && !stopping) {
    const api::SteadyTime next = timers.steady_now() + auth_pause;
    auto due = timers.sleep_until(next);
    auto changed = credentials_changed->wait();
    co_await (std::move(due) || std::move(changed));
    if (stopping) co_return;
    // Grows until a link was really read: the question may be answered where the data is refused.
    auth_pause = std::min(auth_pause * 2, auth_probe_max);
    const auto answer = co_await upstream.introspect();
    if (answer) {
      auth_refused = false;
      observer.on_auth_incident(false, {});
      pump();
      co_return;
    }
  }
}

void Engine::take_new_credentials() {
  impl_->auth_pause = auth_probe_first;
  if (impl_->credentials_changed) impl_->credentials_changed->notify_all();
}

api::Task<void> Engine::stop(api::SteadyTime grace_end) {
  return impl_->stop(grace_end);
}

api::Task<core::Result<AddOutcome>> Engine::add_link(NewLink link, Requester by) {
  return impl_->add_link(std::move(link), core::Cause::manual, std::move(by));
}

api::Task<core::Result<Imported>> Engine::import_links(std::vector<NewLink> links, Requester by) {
  return impl_->import_links(std::move(links), std::move(by));
}

api::Task<core::Result<void>> Engine::record_act(std::string action, std::string detail, Requester by) {
  return impl_->record_act(std::move(action), std::move(detail), std::move(by));
}

api::Task<core::Result<core::LinkStatus>> Engine::pause(core::LinkId link_id, Requester by) {
  return impl_->change(std::move(link_id),
                       {"links.pause", &core::step_pause, &Impl::may_pause, std::move(by)});
}

api::Task<core::Result<core::LinkStatus>> Engine::resume(core::LinkId link_id, Requester by) {
  return impl_->change(std::move(link_id),
                       {"links.resume", &core::step_resume, &Impl::may_resume, std::move(by)});
}

core::Result<void> Engine::sync_now(const core::LinkId& link_id) {
  return impl_->sync_now(link_id);
}

api::Task<std::optional<core::CycleReport>> Engine::wait_for_cycle(core::LinkId link_id,
                                                                   api::SteadyTime deadline) {
  return impl_->wait_for_cycle(std::move(link_id), deadline, false);
}

api::Task<core::Result<core::LinkStatus>> Engine::repair(core::LinkId link_id, Requester by) {
  return impl_->change(std::move(link_id),
                       {"links.repair", &core::step_repair, &Impl::may_repair, std::move(by)});
}

api::Task<std::optional<core::CycleReport>> Engine::wait_for_repair(core::LinkId link_id,
                                                                    api::SteadyTime deadline) {
  return impl_->wait_for_cycle(std::move(link_id), deadline, true);
}

api::Task<core::Result<Purged>> Engine::purge(core::LinkId link_id, bool unlink, Requester by) {
  return impl_->purge(std::move(link_id), unlink, std::move(by));
}

void Engine::restore_purged_sends(std::string_view note) {
  impl_->purged_sends = core::decode_purged_sends(note);
  for (const auto& [link_id, sends] : impl_->purged_sends)
    impl_->gate.seed(link_id, sends);
}

void Engine::set_retention(core::Millis gone_links_kept) {
  impl_->options.gone_links_kept = gone_links_kept;
}

api::Task<core::Result<core::LinkStatus>> Engine::retry_letter(core::LinkId link_id, core::WallTime at,
                                                               Requester by) {
  return impl_->change(std::move(link_id), {"dead_letters.retry", &core::step_retry_letter,
                                            &Impl::may_retry_letter, std::move(by), at});
}

api::Task<core::Result<core::LinkStatus>> Engine::drop_letter(core::LinkId link_id, core::WallTime at,
                                                              Requester by) {
  return impl_->change(std::move(link_id), {"dead_letters.drop", &core::step_drop_letter,
                                            &Impl::may_drop_letter, std::move(by), at});
}

api::Task<core::Result<core::RelinkEntry>> Engine::act_on_entry(core::LinkId link_id,
                                                                core::RelinkRequest request, Requester by) {
  return impl_->act_on_entry(std::move(link_id), std::move(request), std::move(by));
}

api::Task<core::Result<std::pair<IssuedSession, core::RelinkEntry>>> Engine::issue_relink_session(
    RelinkSessionRequest request, Requester by) {
  return impl_->issue_relink_session(std::move(request), std::move(by));
}

api::Task<core::Result<IssuedSession>> Engine::issue_session(core::SessionRequest session, Requester by) {
  return impl_->issue_session(std::move(session), std::move(by));
}

api::Task<core::Result<Exchanged>> Engine::exchange(ExchangeRequest request, Requester by) {
  return impl_->await_exchange(std::move(request), std::move(by));
}

void Engine::set_session_settings(const SessionSettings& settings) {
  impl_->options.sessions = settings;
}

const std::string& Engine::session_webhook() const {
  return impl_->options.sessions.webhook;
}

api::Task<core::Result<WebhooksFixed>> Engine::fix_webhooks(std::vector<core::LinkId> links, Requester by) {
  return impl_->fix_webhooks(std::move(links), std::move(by));
}

api::Task<core::Result<RefreshAnswer>> Engine::refresh(core::LinkId link_id,
                                                       std::vector<core::RefreshProduct> products,
                                                       Requester by) {
  return impl_->refresh(std::move(link_id), std::move(products), std::move(by));
}

void Engine::set_refresh(const core::RefreshPolicy& policy) {
  impl_->options.refresh = policy;
}

void Engine::restore_refresh_spending(std::string_view note) {
  impl_->refreshes.spending = core::decode_spending(note);
}

void Engine::set_limits(std::uint32_t workers, std::uint32_t links_max) {
  impl_->options.workers = workers;
  impl_->options.links_max = links_max;
  impl_->pump();
}

void Engine::set_discovery(const DiscoverySettings& settings) {
  impl_->set_discovery(settings);
}

core::Result<void> Engine::verify(const core::LinkId& link_id) {
  return impl_->want_verify(link_id);
}

api::Task<core::Result<VerifyState>> Engine::verify_state(core::LinkId link_id, api::SteadyTime deadline) {
  if (!impl_->verifier) co_return VerifyState{};
  auto state = co_await impl_->verifier->state(std::move(link_id), deadline);
  co_return std::move(state);
}

void Engine::hold(bool on) {
  impl_->on_hold = on;
  if (on) return;
  if (impl_->hold_ended) impl_->hold_ended->notify_all();
  impl_->pump();
}

bool Engine::knows(const core::LinkId& link_id) const {
  return impl_->table.find(link_id.str()).has_value();
}

EngineStatus Engine::Impl::status() const {
  EngineStatus status;
  status.links_by_status = by_status;
  status.links = table.size();
  status.due = urgent.size() + hinted.size() + table.due_count(now_tick());
  status.in_flight = in_flight;
  status.tasks = group ? group->size() : 0;
  status.auth_refused = auth_refused;
  status.on_hold = on_hold;
  status.store_healthy = store.healthy();
  status.incidents = outages.incidents();
  std::uint32_t oldest_s = 0xffffffff;
  const std::uint32_t fresh_since_s = seconds_of(timers.wall_now() - longest_interval());
  for (Slot slot = 0; slot < table.slots(); ++slot) {
    const std::uint32_t at = table.fresh_since_s(slot);
    if (at == 0 || !visited_by_schedule(table.status(slot))) continue;
    if (table.has_succeeded(slot)) oldest_s = std::min(oldest_s, at);
    const bool stale = at < fresh_since_s;
    status.stale += stale ? 1 : 0;
    status.stale_upstream += !stale && table.upstream_late(slot) ? 1 : 0;
  }
  if (oldest_s != 0xffffffff) status.oldest_success_at = core::WallTime(std::chrono::seconds(oldest_s));
  if (!table.nothing_due()) {
    status.next_due_at = timers.wall_now() + (time_of(table.earliest()) - timers.steady_now());
  }
  return status;
}

void Engine::Impl::note_success(Slot slot, const CycleOutcome& outcome) {
  if (!outcome.last_success_at) return;
  table.set_fresh_since_s(slot, seconds_of(*outcome.last_success_at), true);
  const bool late =
      core::upstream_was_late(*outcome.last_success_at, outcome.upstream_clock, options.policy.max_interval);
  table.set_upstream_late(slot, late);
}

void Engine::Impl::answer_waiters(Slot slot, std::uint64_t number, const CycleOutcome& outcome) {
  for (CycleWaiter* waiter : cycle_waiters) {
    if (waiter->slot != slot || number <= waiter->begun_after || waiter->report) continue;
    add_counts(outcome.report, waiter->so_far);
    if (!answers(outcome.end)) continue;
    waiter->report = outcome.report;
    if (waiter->in_all) set_counts(waiter->so_far, *waiter->report);
    waiter->done.notify_all();
  }
}

EngineStatus Engine::status() const {
  return impl_->status();
}

std::vector<core::InstitutionTally> Engine::institutions() const {
  return impl_->outages.institutions();
}

std::uint64_t Engine::schedule_bytes() const {
  return impl_->table.resident_bytes();
}

std::uint64_t Engine::heartbeat() const {
  return impl_->heartbeat;
}

void Engine::set_policy(const core::Policy& policy) {
  impl_->options.policy = policy;
  impl_->planner.set_policy(core::freshness_policy_of(policy));
  impl_->outages.set_policy(policy.incidents);
  if (impl_->verifier) impl_->verifier->look_again();
}

}  // namespace syncd::engine
