#include "tests/bench/learned_fleet.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace syncd::bench {

namespace {

constexpr double day_ms = 86'400'000;
// Enough for a rhythm to be known, and for an institution's own mean to be believed.
constexpr int gaps_taught = 64;
constexpr int fetches_taught = 40;

double uniform(std::mt19937_64& random, double from, double to) {
  return std::uniform_real_distribution<double>(from, to)(random);
}

core::Millis millis(double value) {
  return core::Millis(static_cast<std::int64_t>(value));
}

}  // namespace

core::Policy adaptive_policy() {
  core::Policy policy;
  policy.adaptive = true;
  return policy;
}

LearnedFleet::LearnedFleet(std::uint32_t links, const core::FleetBudget& budget, core::WallTime now) {
  for (std::uint32_t institution = 0; institution < institutions; ++institution)
    names_.push_back(fmt::format("bank_{:04}", institution));
  FleetShape shape;
  shape.links = links;
  shape.institutions = institutions;
  const std::vector<LinkSource> sources = make_fleet(shape, random_);
  planner_.set_fleet(budget);
  std::vector<bool> taught(institutions);
  for (const LinkSource& source : sources) {
    if (!taught[source.institution]) teach_institution(source, now);
    taught[source.institution] = true;
  }
  links_.reserve(sources.size());
  for (const LinkSource& source : sources)
    links_.push_back(learned(source, random_(), now));
}

// By the way in which the daemon learns: gaps between clocks, and what fetches found.
void LearnedFleet::teach_institution(const LinkSource& source, core::WallTime now) {
  const std::string& name = names_[source.institution];
  const double usual = source.period_ms > 0 ? source.period_ms : day_ms;
  std::normal_distribution<double> jitter(0, source.jitter_share * usual);
  std::exponential_distribution<double> event(1 / usual);
  core::LinkOutlook link;
  link.refreshed_at = core::UpstreamTime(now - std::chrono::hours(24 * 60));
  for (int taught = 0; taught < gaps_taught; ++taught) {
    const bool left_out = uniform(random_, 0, 1) < 0.05;
    const double regular = (left_out ? 2 * usual : usual) + jitter(random_);
    const double gap = std::max(source.period_ms > 0 ? regular : event(random_), 60'000.0);
    link.looked_at = core::WallTime(std::chrono::duration_cast<core::Millis>(
        link.refreshed_at->time_since_epoch() + millis(gap * uniform(random_, 0.5, 1))));
    const core::UpstreamTime shown = *link.refreshed_at + millis(gap);
    planner_.note_look(link, name, provider, shown);
    link.refreshed_at = shown;
  }
  const double changes_per_day = 2;
  for (int fetch = fetches_taught; fetch-- > 0;) {
    const core::WallTime at = now - std::chrono::hours(24 * fetch);
    link.fetched_at = at - std::chrono::hours(24);
    const bool changed = uniform(random_, 0, 1) < -std::expm1(-changes_per_day);
    link.evidence = planner_.note_fetch(link, name, provider, at, changed, core::FoundBy::poll);
  }
}

// In the middle of the wait that its last visit decided on.
LearnedLink LearnedFleet::learned(const LinkSource& source, std::uint64_t id_hash, core::WallTime now) {
  LearnedLink link;
  link.institution = source.institution;
  link.period_ms = static_cast<std::uint32_t>(source.period_ms);
  const double changes_per_day = source.changed_refreshes_per_day();
  link.changes_per_day = static_cast<float>(changes_per_day);
  const double watched_days = 30 * -std::expm1(-uniform(random_, 1, 365) / 30);
  const double mean = std::max(changes_per_day * watched_days, 1e-9);
  const double changes = std::poisson_distribution<int>(mean)(random_);
  link.freshness.evidence.changes = static_cast<float>(changes);
  link.freshness.evidence.days = static_cast<float>(watched_days);
  link.freshness.evidence.hooked = static_cast<float>(source.has_webhook ? 0.97 * changes : 0);
  link.freshness.evidence.missed = static_cast<float>(source.has_webhook ? 0.03 * changes : changes);
  link.freshness.has_webhook = source.has_webhook;
  const double stood = source.period_ms > 0
                           ? uniform(random_, 0, source.period_ms)
                           : day_ms / std::max(changes_per_day, 0.1) * uniform(random_, 0, 1);
  link.refreshed_at = core::UpstreamTime(now - millis(stood));
  const core::LinkOutlook outlook{.id_hash = id_hash,
                                  .evidence = link.freshness.evidence,
                                  .has_webhook = link.freshness.has_webhook,
                                  .refreshed_at = link.refreshed_at,
                                  .fetched_at = now,
                                  .looked_at = now};
  const core::VisitPlan plan = planner_.plan(outlook, names_[link.institution], provider, now);
  const core::Millis passed =
      millis(static_cast<double>((plan.due_at - now).count()) * uniform(random_, 0, 1));
  link.freshness.peek_next = plan.peek;
  link.freshness.reason = plan.reason;
  link.freshness.fetched_at = link.freshness.looked_at = now - passed;
  link.refreshed_at -= passed;
  link.due_at = plan.due_at - passed;
  return link;
}

}  // namespace syncd::bench
