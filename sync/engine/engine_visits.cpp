#include "sync/engine/engine_impl.hpp"

// A link's visit, from its begin to its place in the schedule afterwards.
namespace syncd::engine {

api::Task<void> Engine::Impl::visit(LinkTable::Due due, core::Cause cause, std::uint64_t number) {
  const Slot slot = due.slot;
  const core::Millis lag = std::chrono::duration_cast<core::Millis>(timers.steady_now() - time_of(due.due));
  const CycleContext context{.timers = timers,
                             .upstream = upstream,
                             .gate = gate,
                             .store = store,
                             .policy = options.policy,
                             .stopping = stopping,
                             .pull_accounts = accounts_asked == slot,
                             .on_hold = &on_hold,
                             .news = listened_to == slot ? listener : nullptr,
                             .planner = is_adaptive(options.policy) ? &planner : nullptr,
                             .continuity = &continuity,
                             .hint = hints.waiting(slot)};
  core::LinkId link_id{std::string(table.id(slot))};
  CycleOutcome outcome = co_await run_cycle(context, std::move(link_id), cause);
  outcome.report.schedule_lag = std::max(lag, core::Millis(0));
  table.set_in_flight(slot, false);
  in_flight_numbers.erase(slot);
  --in_flight;
  count_calls(slot, cause, outcome);
  if (outcome.hint_answered) hints.answered(slot, context.hint);
  settle(due, cause, outcome);
  answer_waiters(slot, number, outcome);
  if (visit_ended) visit_ended->notify_all();
  pump();
}

void Engine::Impl::settle(LinkTable::Due visited, core::Cause cause, CycleOutcome& outcome) {
  const Slot slot = visited.slot;
  if (of_purged.erase(slot) != 0) {                         // whatever the visit has found is no more
    if (!table.buried(slot)) reschedule(slot, now_tick());  // the link was added again since
    return;
  }
  note_success(slot, outcome);
  switch (outcome.end) {
    case CycleEnd::finished:
      if (outcome.report.pages > 0) auth_pause = auth_probe_first;
      set_status(slot, outcome.report.status_after);
      reschedule(slot, due_tick(outcome.report.next_due_at));
      break;
    case CycleEnd::yielded:
      set_status(slot, outcome.report.status_after);
      come_back(slot, cause, due_tick(outcome.report.next_due_at));
      break;
    case CycleEnd::held_back:
      hold_back(visited, cause);
      break;
    case CycleEnd::not_active:
      set_status(slot, outcome.report.status_after);
      return;
    case CycleEnd::missing:
      forget(slot);
      return;
    case CycleEnd::conflict:
    case CycleEnd::stopped:
      come_back(slot, cause, visited.due);
      break;
    case CycleEnd::auth:
      come_back(slot, cause, visited.due);
      refuse_auth(*outcome.report.error);
      break;
    case CycleEnd::storage:
      come_back(slot, cause, tick_of(timers.steady_now() + storage_retry));
      if (outcome.report.error) observer.on_store_failed(*outcome.report.error);
      break;
  }
  const bool tells_something = outcome.end != CycleEnd::stopped && outcome.end != CycleEnd::conflict &&
                               outcome.end != CycleEnd::held_back;
  if (tells_something) observer.on_cycle(outcome.report);
  const bool found_out = outcome.end == CycleEnd::finished || outcome.end == CycleEnd::yielded;
  if (found_out && visited_by_schedule(table.status(slot)))
    outages.visited(slot, outcome.report, outcome.last_success_at.has_value());
}

void Engine::Impl::hold_back(LinkTable::Due visited, core::Cause cause) {
  const Slot slot = visited.slot;
  if (!visited_by_schedule(table.status(slot))) return;
  keep_cause(slot, cause);
  // Those that stand in no queue wait in the schedule, where nothing is taken while none is left for them.
  // So do those that wait for their owner: the urgent ones among them are taken whatever the budget, for a
  // look.
  const bool has_queue =
      table.wanted_cause(slot) == static_cast<std::uint8_t>(core::Cause::manual) || is_hinted(slot);
  if (has_queue && table.status(slot) != LinkStatus::relink) {
    put_urgent(slot);
  } else {
    put_in_schedule(slot, visited.due);
  }
}

void Engine::Impl::come_back(Slot slot, core::Cause cause, Tick due) {
  const auto wanted = table.wanted_cause(slot);
  const bool asked_again = wanted != 0 && wanted != static_cast<std::uint8_t>(cause);
  if (asked_again || scheduled_anyway(cause)) {
    reschedule(slot, due);
    return;
  }
  if (!visited_by_schedule(table.status(slot))) return;
  keep_cause(slot, cause);
  put_in_schedule(slot, due);
}

}  // namespace syncd::engine
