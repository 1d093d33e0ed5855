#include "sync/core/freshness.hpp"

#include <algorithm>
#include <cmath>

#include "sync/core/freshness_ways.hpp"
#include "sync/core/ladder.hpp"

namespace syncd::core {

namespace {

using Days = std::chrono::duration<double, std::ratio<86'400>>;

constexpr std::uint32_t refreshes_max = 48;  // that one visit is planned for
constexpr std::uint32_t missed_max = 4;  // refreshes that did not come in a row: the rhythm is not this one's

Millis to_millis(double days) {
  constexpr double longest = 3650;
  return std::chrono::duration_cast<Millis>(Days(std::clamp(days, 0.0, longest)));
}

// The square-root law: the longer the wait, the more delay; the shorter, the more calls.
VisitWay by_rate(const VisitSetting& set, bool peek) {
  const double price = peek ? set.prices.peek : set.prices.fetch;
  const double wait = std::sqrt(2 * price / set.worth_per_day);
  double cost = std::sqrt(2 * price * set.worth_per_day);
  if (peek) {
    // Whenever the clock has advanced a fetch follows.
    const double refreshes_per_day = set.period > 0 ? 1 / set.period : set.unseen_per_day;
    cost += set.prices.fetch * -std::expm1(-refreshes_per_day * wait) / wait;
  }
  return {.reason = VisitReason::rate, .peek = peek, .cost_per_day = cost, .wait_days = wait};
}

VisitWay by_ladder(const VisitSetting& set, bool peek) {
  const double unit = set.worth_per_refresh * set.spread;
  const double price = (peek ? set.prices.peek : set.prices.fetch) / unit;
  const LadderPlan plan = ladder_plan(price, set.period / set.spread);
  if (plan.first == never()) return {};
  const double cost = unit * plan.cost + (peek ? set.prices.fetch : 0);
  return {.reason = VisitReason::ladder,
          .peek = peek,
          .refreshes = 1,
          .cost_per_day = cost / set.period,
          .price = price};
}

VisitWay by_batch(const VisitSetting& set, std::uint32_t refreshes) {
  const double k = refreshes;
  const double spread = set.spread * std::sqrt(k);
  const SingleLook look = single_look(k, k * set.period / spread);
  const double delay = set.period * k * (k - 1) / 2 + spread * look.cost;
  const double cost = set.worth_per_refresh * delay + set.prices.fetch;
  return {.reason = VisitReason::batch, .refreshes = refreshes, .cost_per_day = cost / (k * set.period)};
}

// The cost of a batch falls with its size, has one lowest point and rises: the search ends behind it.
VisitWay best_batch(const VisitSetting& set, double max_days) {
  VisitWay best;
  for (std::uint32_t k = 1; k <= refreshes_max && k * set.period <= max_days; ++k) {
    const VisitWay option = by_batch(set, k);
    if (option.cost_per_day >= best.cost_per_day) break;
    best = option;
  }
  return best;
}

// Days from `now` to the next look of the ladder; never(): the rhythm is not kept.
double next_of_ladder(const VisitSetting& set, double price, double since_refresh) {
  for (std::uint32_t k = 1; k <= missed_max; ++k) {
    const double spread = set.spread * std::sqrt(static_cast<double>(k));
    const double expected = k * set.period;
    const double looked = (since_refresh - expected) / spread;
    const double next = ladder_next(price / std::sqrt(static_cast<double>(k)), set.period / spread, looked);
    if (next != never()) return expected + next * spread - since_refresh;
  }
  return never();
}

double next_of_batch(const VisitSetting& set, std::uint32_t refreshes, double since_refresh) {
  const double k = refreshes;
  const double spread = set.spread * std::sqrt(k);
  const double at = k * set.period + single_look(k, k * set.period / spread).at * spread;
  const double missed = std::ceil(std::max(since_refresh - at, 0.0) / set.period);
  if (missed > missed_max) return never();
  return at + missed * set.period - since_refresh;
}

double wait_of(const VisitWay& option, const VisitSetting& set, double since_refresh) {
  switch (option.reason) {
    case VisitReason::ladder:
      return next_of_ladder(set, option.price, since_refresh);
    case VisitReason::batch:
      return next_of_batch(set, option.refreshes, since_refresh);
    default:
      return option.wait_days;
  }
}

// The same for a link at each of its visits, another one for each link.
double jitter_of(std::uint64_t id_hash, WallTime now) {
  const std::uint64_t mixed =
      (id_hash ^ static_cast<std::uint64_t>(now.time_since_epoch().count())) * 0x9e3779b97f4a7c15ULL;
  return visit_jitter_share * (2 * static_cast<double>(mixed >> 11) * 0x1p-53 - 1);
}

// Links that are alike would all turn from peeks to fetches at the same price, and back at the next: one
// budget would be asked for twice what it has while the other one rests. So each, by its hash, likes peeks a
// little less than they are worth; where the difference is so small that costs next to nothing.
double peek_taste_of(std::uint64_t id_hash) {
  constexpr double most = 0.2;
  const std::uint64_t mixed = (id_hash ^ 0x6a09e667f3bcc909ULL) * 0x9e3779b97f4a7c15ULL;
  return 1 + most * static_cast<double>(mixed >> 11) * 0x1p-53;
}

// A fetch that is still to come was dated by a clock that was wrong.
bool has_fetched(WallTime fetched_at, WallTime now) {
  return fetched_at != WallTime{} && fetched_at <= now;
}

// The last peek before the feed itself is due: behind it there must be time for another visit, also where
// visits have to wait.
WallTime peeks_end(WallTime fetched_at, Millis max_interval) {
  constexpr Millis wait = std::chrono::minutes(30);
  return fetched_at + max_interval - std::min(wait, max_interval / 16);
}

// The link object does not show everything: the feed itself is asked as often as the promise says. Links that
// were fetched together must not be for ever: each comes a little sooner, another one each time.
void keep_promise(VisitPlan& plan, const LinkOutlook& link, const FreshnessPolicy& policy, WallTime now) {
  const bool fetched = has_fetched(link.fetched_at, now);
  const double share = 1 - std::abs(jitter_of(link.id_hash, link.fetched_at));
  const WallTime promised = link.fetched_at + to_millis(share * in_days(policy.max_interval));
  if (fetched && plan.due_at < peeks_end(link.fetched_at, policy.max_interval)) return;
  plan.peek = false;
  if (!fetched || plan.due_at <= promised) return;
  plan.due_at = std::max(promised, now + policy.min_interval);
  plan.reason = VisitReason::floor;
}

}  // namespace

std::string_view to_string(VisitReason reason) {
  switch (reason) {
    case VisitReason::ladder:
      return "ladder";
    case VisitReason::batch:
      return "batch";
    case VisitReason::rate:
      return "rate";
    case VisitReason::floor:
      return "floor";
    case VisitReason::turn:
      return "turn";
    case VisitReason::learn:
      return "learn";
  }
  return "turn";
}

VisitSetting setting_of(const VisitNeeds& needs, const RefreshRhythm& rhythm, const CallPrices& prices,
                        bool peeks) {
  const double unseen = 1 - needs.recall;
  const double unseen_per_day = unseen * needs.changes_per_day;
  VisitSetting set{.unseen_per_day = unseen_per_day,
                   .worth_per_day = needs.weight * unseen_per_day,
                   .worth_per_refresh = 0,
                   .prices = prices,
                   .peeks = peeks};
  if (!rhythm.regular) return set;
  set.period = in_days(rhythm.period);
  set.spread = in_days(rhythm.spread);
  set.worth_per_refresh = needs.weight * unseen * -std::expm1(-needs.changes_per_day * set.period);
  set.worth_per_day = set.worth_per_refresh / set.period;
  return set;
}

VisitWay cheapest_way(const VisitSetting& set, double max_days) {
  VisitWay best = by_rate(set, false);
  double lowest = best.cost_per_day;
  const auto consider = [&](const VisitWay& option) {
    const double cost = option.cost_per_day * (option.peek ? set.peek_taste : 1);
    if (cost >= lowest) return;
    lowest = cost;
    best = option;
  };
  if (set.peeks) consider(by_rate(set, true));
  if (set.worth_per_refresh <= 0) return best;
  consider(by_ladder(set, false));
  if (set.peeks) consider(by_ladder(set, true));
  consider(best_batch(set, max_days));
  return best;
}

VisitPlan plan_visit(const LinkOutlook& link, const InstitutionOutlook& institution, const CallPrices& prices,
                     const FreshnessPolicy& policy, WallTime now) {
  VisitPlan plan;
  plan.changes_per_day = changes_per_day(link.evidence, institution.prior);
  plan.recall = webhook_recall(link.evidence, link.has_webhook);
  const RefreshRhythm rhythm = link.refreshed_at ? institution.rhythm : RefreshRhythm{};
  VisitSetting set =
      setting_of({.changes_per_day = plan.changes_per_day, .recall = plan.recall, .weight = link.weight},
                 rhythm, prices, policy.peeks);
  set.peek_taste = peek_taste_of(link.id_hash);
  if (rhythm.regular) plan.change_chance = set.worth_per_refresh / link.weight;
  const double max_days = in_days(policy.max_interval);
  VisitWay option = cheapest_way(set, max_days);
  // One that is still to come was seen by now: our clock is behind.
  const double since_refresh =
      rhythm.regular ? std::max(Days(UpstreamTime(now) - *link.refreshed_at).count(), 0.0) : 0.0;
  double wait = wait_of(option, set, since_refresh);
  if (wait == never()) {
    set.period = set.spread = 0;
    set.worth_per_refresh = 0;
    option = cheapest_way(set, max_days);
    wait = option.wait_days;
  }
  plan.reason = option.reason;
  plan.peek = option.peek;
  plan.refreshes = option.refreshes;
  if (option.reason == VisitReason::rate) wait *= 1 + jitter_of(link.id_hash, now);
  if (wait >= max_days) {
    plan.reason = VisitReason::floor;
    plan.peek = false;
    wait = max_days * (1 - std::abs(jitter_of(link.id_hash, now)));
  }
  plan.due_at = now + std::max(to_millis(wait), policy.min_interval);
  keep_promise(plan, link, policy, now);
  return plan;
}

bool may_peek(WallTime fetched_at, Millis max_interval, WallTime now) {
  return has_fetched(fetched_at, now) && now < peeks_end(fetched_at, max_interval);
}

std::optional<VisitPlan> plan_learning_visit(const LinkOutlook& link, const FreshnessPolicy& policy,
                                             WallTime now) {
  if (!link.refreshed_at) return std::nullopt;
  constexpr Millis least = std::chrono::minutes(10);
  const auto stood = std::chrono::duration_cast<Millis>(UpstreamTime(now) - *link.refreshed_at);
  const Millis wait = std::max({stood - stood / 16, least, policy.min_interval});
  if (wait > policy.max_interval) return std::nullopt;
  VisitPlan plan;
  plan.due_at = now + wait;
  plan.peek = policy.peeks;
  plan.reason = VisitReason::learn;
  keep_promise(plan, link, policy, now);
  return plan;
}

}  // namespace syncd::core
