#include "sync/engine/engine_impl.hpp"

// What the scheduler does while links of an institution or a provider fail together.
namespace syncd::engine {

Outages::Hooks Engine::Impl::outage_hooks() {
  Outages::Hooks hooks;
  hooks.visit = [this](Slot slot, bool first) { bring_forward(slot, first); };
  hooks.told = [this](const core::IncidentEvent& event) { observer.on_incident(event); };
  hooks.store_failed = [this](const core::Error& error) { observer.on_store_failed(error); };
  return hooks;
}

bool Engine::Impl::put_off(Slot slot) {
  if (!outages.holds(slot)) return false;
  // What a person asked for is done, and so is what discovery wants to know: whether the link is still there.
  const auto wanted = static_cast<core::Cause>(table.wanted_cause(slot));
  if (wanted == core::Cause::manual || wanted == core::Cause::probe) return false;
  const auto waits_for_it = [slot](const CycleWaiter* waiter) { return waiter->slot == slot; };
  if (std::ranges::any_of(cycle_waiters, waits_for_it)) return false;
  put_in_schedule(slot, tick_of(timers.steady_now() + outages.park(slot)));
  return true;
}

void Engine::Impl::bring_forward(Slot slot, bool first) {
  // A visit that is under way tells the same.
  if (table.in_flight(slot) || table.urgent(slot) || !visited_by_schedule(table.status(slot))) return;
  if (!first) {
    put_in_schedule(slot, now_tick());
    return;
  }
  table.unschedule(slot);
  put_urgent(slot);
}

std::vector<Incident> Engine::incidents() const {
  return impl_->outages.incidents();
}

std::optional<std::string> Engine::held_back_by(const core::LinkId& link_id) const {
  const auto slot = impl_->table.find(link_id.str());
  if (!slot) return std::nullopt;
  return impl_->outages.held_back_by(*slot);
}

std::uint64_t Engine::incidents_revision() const {
  return impl_->outages.revision();
}

void Engine::restore_incidents(std::string_view note) {
  impl_->outages.restore(note);
}

}  // namespace syncd::engine
