#include "sync/core/planner.hpp"

#include <algorithm>
#include <cmath>

#include "sync/core/note_numbers.hpp"
#include "sync/core/schedule.hpp"

namespace syncd::core {

namespace {

constexpr double not_reserved = 0.9;
constexpr double slots_of_minute = 60.0 / 61.0;
constexpr double headroom = 0.97;
constexpr Millis retune_every = std::chrono::minutes(10);
// Of links that are overdue while the budget is used up. A peek that is turned away is late already.
constexpr Millis overdue_patience = std::chrono::minutes(15);
constexpr Millis peek_patience{0};
// A longer pause was no time of visits: the process did not run, or its clock was set.
constexpr Millis pause_max = std::chrono::hours(1);
// The visits that the longest interval asks for take no more than this of the budget.
constexpr double floor_share = 0.4;
// So little of the budget may be spent on links of which nothing is expected.
constexpr double passing_share = 0.1;
constexpr std::uint64_t links_max = 1'000'000'000;  // more in a note is none
constexpr std::string_view note_head = "planner 2 ";

Millis from_minutes(double minutes) {
  return Millis(static_cast<std::int64_t>(std::min(minutes, 1e9) * 60'000));
}

bool take_price(std::string_view& note, double& price, char behind) {
  return take_number(note, price, behind) && std::isfinite(price) && price > 0;
}

}  // namespace

std::string_view to_string(Arm arm) {
  return arm == Arm::control ? "control" : "adaptive";
}

Arm arm_of(std::uint64_t id_hash, double control_share) {
  // Other bits than those of the phase.
  const std::uint64_t mixed = (id_hash ^ 0x5bd1e995) * 0x9e3779b97f4a7c15ULL;
  return static_cast<double>(mixed >> 11) * 0x1p-53 < control_share ? Arm::control : Arm::adaptive;
}

double schedulable(std::uint32_t per_minute) {
  return std::max(not_reserved * slots_of_minute * headroom * per_minute, 0.1);
}

void VisitPlanner::set_policy(const FreshnessPolicy& policy) {
  policy_ = policy;
  const double least = price_of_interval(policy.min_interval);
  fetch_.set_least(least);
  peek_.set_least(least);
  set_fleet(fleet_);
}

void VisitPlanner::set_fleet(const FleetBudget& fleet) {
  fleet_ = fleet;
  const double calls = schedulable(fleet.sync_per_minute);
  fetch_.set_fleet(fleet.links, calls);
  peek_.set_fleet(fleet.links, schedulable(fleet.link_per_minute));
  bounds_ = policy_;
  const std::uint32_t configured = fleet.sync_configured > 0 ? fleet.sync_configured : fleet.sync_per_minute;
  const double visits = schedulable(configured);
  const Millis affordable = from_minutes(static_cast<double>(fleet.links) / (floor_share * visits));
  bounds_.max_interval = std::max(policy_.max_interval, affordable);
  const Millis in_passing = from_minutes(static_cast<double>(fleet.links) / (passing_share * visits));
  if (policy_.interval >= in_passing) bounds_.max_interval = std::min(bounds_.max_interval, policy_.interval);
}

VisitPlan VisitPlanner::plan(const LinkOutlook& link, std::string_view institution_id,
                             std::string_view provider, WallTime now) {
  VisitPlan plan = preview(link, institution_id, provider, now);
  if (!link.refreshed_at) return plan;
  const std::optional<VisitPlan> learning = plan_learning_visit(link, bounds_, now);
  const bool sooner = learning && learning->due_at < plan.due_at;
  if (sooner && outlooks_.explores(institution_id, provider, now)) plan = *learning;
  return plan;
}

VisitPlan VisitPlanner::preview(const LinkOutlook& link, std::string_view institution_id,
                                std::string_view provider, WallTime now) const {
  return plan_visit(link, outlooks_.of(institution_id, provider), prices(), bounds_, now);
}

Millis VisitPlanner::turn_interval() const {
  const double minutes = static_cast<double>(fleet_.links) / schedulable(fleet_.sync_per_minute);
  return std::clamp(from_minutes(minutes), bounds_.min_interval, bounds_.max_interval);
}

VisitPlan VisitPlanner::turn(std::uint64_t id_hash, WallTime now) const {
  VisitPlan plan;
  plan.due_at = next_in_turn(id_hash, now, turn_interval(), Millis(0));
  return plan;
}

void VisitPlanner::note_look(const LinkOutlook& link, std::string_view institution_id,
                             std::string_view provider, std::optional<UpstreamTime> shown) {
  if (!shown || !link.refreshed_at || *shown <= *link.refreshed_at) return;
  const auto gap = std::chrono::duration_cast<Millis>(*shown - *link.refreshed_at);
  const auto stood = std::chrono::duration_cast<Millis>(UpstreamTime(link.looked_at) - *link.refreshed_at);
  outlooks_.note_gap(institution_id, provider, gap, stood, *shown);
}

ChangeEvidence VisitPlanner::note_fetch(const LinkOutlook& link, std::string_view institution_id,
                                        std::string_view provider, WallTime now, bool changed, FoundBy by) {
  ChangeEvidence evidence = link.evidence;
  const ChangePrior prior = outlooks_.of(institution_id, provider).prior;
  const Millis since_last = now - link.fetched_at;
  const double found = core::note_fetch(evidence, since_last, changed, by, prior);
  outlooks_.note_fetch(institution_id, provider, now, since_last, found);
  if (link.has_webhook) outlooks_.note_webhook(since_last, changed, by);
  return evidence;
}

bool VisitPlanner::tick_due(WallTime now) const {
  const Millis passed = now - retuned_at_;
  return passed < Millis(0) || passed >= retune_every;
}

void VisitPlanner::tick(WallTime now, std::uint64_t overdue, std::uint64_t peeks_waiting) {
  if (!tick_due(now)) return;
  const Millis passed = now - retuned_at_;
  if (passed > Millis(0) && passed <= pause_max) {
    fetch_.retune({.length = passed,
                   .made = fetches_,
                   .told = told_,
                   .waiting = overdue,
                   .patience = overdue_patience});
    peek_.retune(
        {.length = passed, .made = peeks_, .told = 0, .waiting = peeks_waiting, .patience = peek_patience});
  }
  skip_window(now);
}

void VisitPlanner::skip_window(WallTime now) {
  fetches_ = told_ = peeks_ = 0;
  retuned_at_ = now;
}

// A head with the hash of what follows: the prices and the fleet that they are of, and the institutions.
std::string VisitPlanner::encode() const {
  std::string text;
  put_number(text, fetch_.value(), ' ');
  put_number(text, peek_.value(), ' ');
  put_number(text, fleet_.links, ' ');
  put_number(text, fleet_.sync_per_minute, ' ');
  put_number(text, fleet_.link_per_minute, '\n');
  text += outlooks_.encode();
  return std::string(note_head) + std::to_string(stable_hash(text)) + '\n' + text;
}

void VisitPlanner::decode(std::string_view note) {
  outlooks_.decode({});
  const std::size_t end = note.find('\n');
  if (end == std::string_view::npos) return;
  const std::string_view head = note.substr(0, end);
  note.remove_prefix(end + 1);
  if (head != std::string(note_head) + std::to_string(stable_hash(note))) return;
  double fetch = 0;
  double peek = 0;
  if (!take_price(note, fetch, ' ') || !take_price(note, peek, ' ')) return;
  FleetBudget noted;
  const bool whole = take_number(note, noted.links, ' ') && take_number(note, noted.sync_per_minute, ' ') &&
                     take_number(note, noted.link_per_minute, '\n');
  if (!whole || noted.links > links_max || noted.sync_per_minute == 0 || noted.link_per_minute == 0) return;
  // The prices of another fleet, or of a budget that 429s had cut, are made those of this one.
  const FleetBudget present = fleet_;
  set_fleet(noted);
  fetch_.restore(fetch);
  peek_.restore(peek);
  if (present.links > 0) set_fleet(present);
  outlooks_.decode(note);
}

}  // namespace syncd::core
