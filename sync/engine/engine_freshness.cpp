#include <algorithm>
#include <cmath>

#include "sync/engine/engine_impl.hpp"

// The schedule's side of core::VisitPlanner: brings it budgets, time and what the visits cost, and keeps what
// it has learned in the store.
namespace syncd::engine {

namespace {

// So small a change of the fleet waits for the next look at the prices.
constexpr std::uint64_t noticed_share = 50;

}  // namespace

core::Millis Engine::Impl::longest_interval() const {
  const core::Millis asked = options.policy.max_interval;
  return is_adaptive(options.policy) ? std::max(planner.max_interval(), asked) : asked;
}

void Engine::Impl::count_calls(Slot slot, core::Cause cause, CycleOutcome& outcome) {
  const core::CycleReport& report = outcome.report;
  if (cause == core::Cause::webhook) {
    planner.count_told(report.pages);
  } else {
    planner.count_fetches(report.pages);
  }
  const bool only_peeked = report.peeked && !report.yielded && report.pages == 0;
  if (only_peeked && cause == core::Cause::schedule) ++turns_owed;
  const bool turned_away = report.peeked && report.yielded && report.pages == 0 && !report.refreshed_at;
  if (turned_away && !on_hold) {
    place_peek(slot, outcome);
    return;
  }
  peek_row.left(slot);
  if (report.peeked) planner.count_peek();
}

// Not behind the time when the feed itself is to be asked for, whatever a peek would show.
void Engine::Impl::place_peek(Slot slot, CycleOutcome& outcome) {
  const core::WallTime now = timers.wall_now();
  const core::Millis until_open = std::max(outcome.report.next_due_at - now, core::Millis(0));
  const api::SteadyTime steady_now = timers.steady_now();
  const double pace = core::schedulable(gate.allowed(core::Endpoint::link));
  const core::WallTime place = now + (peek_row.place(slot, steady_now + until_open, pace) - steady_now);
  const core::WallTime promised = std::max(outcome.fetched_at + planner.max_interval(), now);
  outcome.report.next_due_at = std::min(place, promised);
}

std::uint64_t Engine::Impl::links_visited() const {
  std::uint64_t links = 0;
  for (std::size_t number = 1; number <= core::link_status_count; ++number) {
    if (visited_by_schedule(static_cast<LinkStatus>(number))) links += by_status[number];
  }
  return links;
}

void Engine::Impl::tend_planner() {
  if (!is_adaptive(options.policy)) return;
  const core::WallTime now = timers.wall_now();
  const bool due = planner.tick_due(now);
  const core::FleetBudget fleet{.links = links_visited(),
                                .sync_per_minute = gate.allowed(core::Endpoint::sync),
                                .link_per_minute = gate.allowed(core::Endpoint::link),
                                .sync_configured = gate.budgets().sync_per_app};
  const core::FleetBudget& known = planner.fleet();
  const std::uint64_t moved =
      fleet.links > known.links ? fleet.links - known.links : known.links - fleet.links;
  const bool other_budget = fleet.sync_per_minute != known.sync_per_minute ||
                            fleet.link_per_minute != known.link_per_minute ||
                            fleet.sync_configured != known.sync_configured;
  if (other_budget || moved * noticed_share > known.links || (due && moved > 0)) planner.set_fleet(fleet);
  if (!due) return;
  // While nothing is visited, what waits says nothing about the prices.
  if (!may_begin() || gate.frozen_until(core::Endpoint::sync)) {
    planner.skip_window(now);
    return;
  }
  planner.tick(now, table.due_count(now_tick()), peek_row.size());
  if (!keeping_planner && may_begin()) {
    keeping_planner = true;
    group->spawn(keep_planner());
  }
}

api::Task<void> Engine::Impl::keep_planner() {
  std::string name{core::planner_note};
  const auto stored = co_await store.put_note(std::move(name), planner.encode());
  keeping_planner = false;
  if (!stored && stored.error().code != core::Errc::cancelled) observer.on_store_failed(stored.error());
}

void Engine::Impl::tell_moment(const core::LinkId& link_id, ExplainedSchedule& told) const {
  const auto slot = table.find(link_id.str());
  if (!slot) return;
  const bool visited = visited_by_schedule(table.status(*slot));
  if (table.in_flight(*slot)) {
    told.moment = LinkMoment::visited;
  } else if (table.urgent(*slot)) {
    told.moment = LinkMoment::queued;
  } else if (visited && outages.holds(*slot)) {
    told.moment = LinkMoment::put_off;
  } else if (visited && table.scheduled(*slot)) {
    const Tick due = table.due(*slot);
    const bool overdue = due <= now_tick();
    if (!overdue && !peek_row.holds(*slot)) return;
    told.moment = LinkMoment::budget;
    if (overdue) return;
    const api::SteadyTime now = timers.steady_now();
    told.next_try_at = timers.wall_now() + std::chrono::duration_cast<core::Millis>(time_of(due) - now);
  }
}

PlannedBudget Engine::Impl::plan_budget(std::optional<std::uint64_t> links,
                                        std::optional<std::uint32_t> webhook_percent) const {
  const api::Budgets& budgets = gate.budgets();
  PlannedBudget planned{.links = links.value_or(std::max<std::uint64_t>(links_visited(), 1)),
                        .sync_per_minute = budgets.sync_per_app,
                        .link_per_minute = budgets.link_per_app,
                        .adaptive = is_adaptive(options.policy),
                        .peeks = options.policy.peeks,
                        .model = core::model_of(planner.outlooks()),
                        .delays = {}};
  const double seen = std::round(100 * planned.model.webhook_share);
  planned.webhook_percent = webhook_percent.value_or(static_cast<std::uint32_t>(seen));
  const core::FleetBudget fleet{.links = planned.links,
                                .sync_per_minute = budgets.sync_per_app,
                                .link_per_minute = budgets.link_per_app};
  planned.delays = core::forecast(planned.model, core::freshness_policy_of(options.policy), fleet,
                                  planned.webhook_percent / 100.0);
  return planned;
}

std::string_view to_string(LinkMoment moment) {
  switch (moment) {
    case LinkMoment::waits:
      return "waits";
    case LinkMoment::queued:
      return "queued";
    case LinkMoment::visited:
      return "visited";
    case LinkMoment::put_off:
      return "put_off";
    case LinkMoment::budget:
      return "budget";
  }
  return "waits";
}

ExplainedSchedule Engine::explain_schedule(const core::LinkRecord& record) const {
  const core::WallTime now = impl_->timers.wall_now();
  ExplainedSchedule told{.stored = core::explain(record, impl_->options.policy, impl_->planner, now),
                         .moment = LinkMoment::waits,
                         .next_try_at = {}};
  impl_->tell_moment(record.link_id, told);
  return told;
}

PlannedBudget Engine::plan_budget(std::optional<std::uint64_t> links,
                                  std::optional<std::uint32_t> webhook_percent) const {
  return impl_->plan_budget(links, webhook_percent);
}

void Engine::restore_planner(std::string_view note) {
  impl_->planner.decode(note);
}

}  // namespace syncd::engine
