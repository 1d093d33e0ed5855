#include "sync/engine/outages.hpp"

#include <utility>

namespace syncd::engine {

Outages::Outages(LinkTable& table, api::Timers& timers, StorePort& store, const core::IncidentPolicy& policy,
                 Hooks hooks)
    : table_(table), timers_(timers), store_(store), hooks_(std::move(hooks)), incidents_(*this, policy) {
}

core::Incidents::Now Outages::now() const {
  const auto steady = timers_.steady_now().time_since_epoch();
  return {.steady = std::chrono::duration_cast<core::Millis>(steady), .wall = timers_.wall_now()};
}

void Outages::know(Slot slot, const store::LinkSummary& summary) {
  if (summary.institution_id.empty()) return;
  const core::Failing failing = core::failing_of(summary.status, summary.upstream_error_code);
  incidents_.know(slot, summary.institution_id, summary.provider, failing);
}

void Outages::restore(std::string_view note) {
  incidents_.restore(note, now());
}

void Outages::start(TaskGroup& tasks) {
  tasks_ = &tasks;
  if (incidents_.none()) return;
  tell();
  tasks_->spawn(look_at_entries(incidents_.unsure()));
}

void Outages::set_policy(const core::IncidentPolicy& policy) {
  incidents_.set_policy(policy, now());
  tell();
}

void Outages::visited(Slot slot, const core::CycleReport& report, bool succeeded_ever) {
  const bool was_held = held_back_by(slot).has_value();
  incidents_.visited(slot, report.institution_id, report.provider, core::sign_of(report), succeeded_ever,
                     now());
  tell();
  // Nobody had told here that the link waits, so that its entry may be from before the incident.
  const bool waited = report.status_before == core::LinkStatus::relink && !report.relink_opened;
  if (waited && !was_held && held_back_by(slot)) tasks_->spawn(look_at_entries({slot}));
}

core::Millis Outages::park(Slot slot) {
  incidents_.park(slot);
  return put_off_for + put_off_for * static_cast<core::Millis::rep>(slot % 64) / 320;
}

void Outages::act() {
  const core::Incidents::Now at = now();
  if (incidents_.next_at() > at.steady) return;
  const std::vector<core::Incidents::Visit> visits = incidents_.due(at);
  for (const auto& visit : visits)
    hooks_.visit(visit.link, visit.canary);
  tell();
}

api::SteadyTime Outages::next_at() const {
  const core::Millis next = incidents_.next_at();
  if (next == core::Millis::max()) return api::SteadyTime::max();
  return std::max(timers_.steady_now(), api::SteadyTime(next));
}

std::vector<Incident> Outages::incidents() const {
  std::vector<Incident> all;
  for (core::IncidentView& view : incidents_.views(now())) {
    Incident& incident = all.emplace_back();
    if (view.canary) incident.canary = core::LinkId{std::string(table_.id(*view.canary))};
    incident.what = std::move(view);
  }
  return all;
}

std::optional<std::string> Outages::held_back_by(Slot slot) const {
  return incidents_.held_back_by(slot, now());
}

void Outages::tell() {
  const std::vector<core::IncidentEvent> events = incidents_.take_events();
  if (events.empty()) return;
  for (const core::IncidentEvent& event : events) {
    ++revision_;
    hooks_.told(event);
  }
  to_keep_ = true;
  if (keeping_ || tasks_ == nullptr) return;
  keeping_ = true;
  tasks_->spawn(keep());
}

// One after the other, and the last one is of the present.
api::Task<void> Outages::keep() {
  while (to_keep_) {
    to_keep_ = false;
    std::string name{incidents_note};
    std::string note = incidents_.note();
    const auto kept = co_await store_.put_note(std::move(name), std::move(note));
    if (!kept) hooks_.store_failed(kept.error());
  }
  keeping_ = false;
}

// A restart knows which links wait for their owners, and not since when: the entries do.
api::Task<void> Outages::look_at_entries(std::vector<Slot> links) {
  for (const std::uint32_t link : links) {
    const core::LinkId link_id{std::string(table_.id(link))};
    core::LookupRequest request;
    request.link_id = link_id;
    request.relink = true;
    const auto held = co_await store_.lookup(std::move(request));
    if (!held) co_return;  // a failed store tells that itself
    if (held->relink) incidents_.waits_since(link, held->relink->opened_at);
  }
}

}  // namespace syncd::engine
