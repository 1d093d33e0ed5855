#include "sync/engine/engine_impl.hpp"

// Webhooks: hints that there is news of a link.
namespace syncd::engine {

namespace {

// More may be told of than the budget has room for, for as long as it takes: behind so many visits one goes
// to a link that is overdue. Where that does not keep the schedule, half of them do.
constexpr std::uint32_t hints_in_a_row_max = 4;
constexpr std::uint32_t hints_in_a_row_when_late = 1;
constexpr core::Millis late_from = std::chrono::minutes(30);
// Peeks cost the budget nothing, but time: however many of them are due, so many begin without a hint
// between.
constexpr std::uint32_t turns_in_a_row_max = 12;

}  // namespace

bool Engine::Impl::is_hinted(Slot slot) const {
  return table.wanted_cause(slot) == static_cast<std::uint8_t>(core::Cause::webhook);
}

void Engine::Impl::leave_hinted(Slot slot) {
  if (is_hinted(slot)) table.set_urgent(slot, false);
}

bool Engine::Impl::hints_give_way() {
  const bool overdue = !table.nothing_due() && table.earliest() <= now_tick();
  if (!overdue) turns_owed = 0;
  if (!overdue) return false;
  if (turns_owed > 0 && turns_in_a_row < turns_in_a_row_max) return true;
  const bool late = timers.steady_now() - time_of(table.earliest()) >= late_from;
  return hints_in_a_row >= (late ? hints_in_a_row_when_late : hints_in_a_row_max);
}

void Engine::Impl::note_turn(std::uint8_t wanted) {
  if (wanted == static_cast<std::uint8_t>(core::Cause::webhook)) {
    ++hints_in_a_row;
    turns_in_a_row = 0;
  } else if (wanted == 0) {
    ++turns_in_a_row;
    if (turns_owed > 0) {
      --turns_owed;
    } else {
      hints_in_a_row = 0;
    }
  }
}

std::optional<LinkTable::Due> Engine::Impl::next_hinted() {
  while (!hinted.empty()) {
    const Slot slot = hinted.front();
    // What a person has asked for meanwhile stands in the other queue.
    const bool waits = table.urgent(slot) && is_hinted(slot);
    const bool drains = table.status(slot) != LinkStatus::relink;
    if (waits && drains && nobody_may_drain(core::Cause::webhook)) return std::nullopt;
    hinted.pop_front();
    if (!waits) continue;
    table.set_urgent(slot, false);
    if (table.in_flight(slot) || !visited_by_schedule(table.status(slot))) continue;
    table.unschedule(slot);
    if (put_off(slot)) continue;
    return LinkTable::Due{.due = now_tick(), .slot = slot};
  }
  return std::nullopt;
}

void Engine::restore_hint(const core::LinkId& link_id, std::uint64_t sequence) {
  const auto slot = impl_->table.find(link_id.str());
  if (!slot) return;
  impl_->hints.restore(*slot, sequence);
  if (visited_by_schedule(impl_->table.status(*slot))) impl_->want_now(*slot, core::Cause::webhook);
}

api::Task<core::Result<core::HintOutcome>> Engine::hint(core::LinkId link_id, core::Digest key) {
  return impl_->take_hint(std::move(link_id), key);
}

api::Task<core::Result<core::HintOutcome>> Engine::Impl::take_hint(core::LinkId link_id, core::Digest key) {
  const auto slot = table.find(link_id.str());
  if (!slot) co_return core::HintOutcome::unknown_link;
  // One that was resumed is visited at once anyway.
  if (!visited_by_schedule(table.status(*slot))) co_return core::HintOutcome::not_visited;
  if (stopping) co_return core::fail(core::Errc::cancelled, "the daemon stops");
  if (on_hold) co_return core::fail(core::Errc::storage, "nothing is fetched now: the store has no room");
  auto taken = co_await hints.take(*slot, std::move(link_id), key);
  if (!taken || *taken != core::HintOutcome::accepted) co_return taken;
  // The link may be purged by now, its hint with it, or a visit has answered it already.
  if (table.buried(*slot)) {
    hints.forget(*slot);
  } else if (hints.waiting(*slot) != 0 && visited_by_schedule(table.status(*slot)) && !is_hinted(*slot)) {
    // One that is hinted stands in its queue, or waits for its own budget: neither is made shorter.
    want_now(*slot, core::Cause::webhook);
  }
  co_return taken;
}

std::size_t Engine::hints_waiting() const {
  return impl_->hints.size();
}

void Engine::set_hints_max(std::size_t hints_max) {
  impl_->hints.set_limit(hints_max);
}

}  // namespace syncd::engine
