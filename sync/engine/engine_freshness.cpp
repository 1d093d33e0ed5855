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

void Engine::Impl::count_calls(const core::CycleReport& report) {
  planner.count_fetches(report.pages);
  if (report.peeked) planner.count_peek();
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
                                .link_per_minute = gate.allowed(core::Endpoint::link)};
  const core::FleetBudget& known = planner.fleet();
  const std::uint64_t moved =
      fleet.links > known.links ? fleet.links - known.links : known.links - fleet.links;
  const bool other_budget =
      fleet.sync_per_minute != known.sync_per_minute || fleet.link_per_minute != known.link_per_minute;
  if (other_budget || moved * noticed_share > known.links || (due && moved > 0)) planner.set_fleet(fleet);
  if (!due) return;
  planner.tick(now, table.due_count(now_tick()));
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

void Engine::restore_planner(std::string_view note) {
  impl_->planner.decode(note);
}

}  // namespace syncd::engine
