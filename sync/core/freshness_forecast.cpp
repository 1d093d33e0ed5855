#include "sync/core/freshness_forecast.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "sync/core/freshness_ways.hpp"
#include "sync/core/ladder.hpp"

namespace syncd::core {

namespace {

constexpr double minutes_per_day = 1440;
// What a link's own evidence comes to when it was watched for long, and how much its institution counts.
constexpr double watched_days = evidence_half_life_days / 0.693147180559945309;
constexpr double prior_changes = 0.5;
// Normal deviates for which links and refreshes stand.
constexpr double deviate_begin = -3;
constexpr double deviate_step = 0.5;
constexpr std::size_t deviates = 13;
// Places within a wait of which each is as likely.
constexpr std::size_t places = 16;

struct Deviate {
  double z, share;
};

const std::array<Deviate, deviates>& normal_deviates() {
  static const auto made = [] {
    std::array<Deviate, deviates> all{};
    double sum = 0;
    for (std::size_t at = 0; at < deviates; ++at) {
      const double z = deviate_begin + deviate_step * static_cast<double>(at);
      all[at] = {.z = z, .share = std::exp(-z * z / 2)};
      sum += all[at].share;
    }
    for (Deviate& one : all)
      one.share /= sum;
    return all;
  }();
  return made;
}

// Links that are alike.
struct LinkClass {
  double links = 0;
  double rate = 0;      // changes a day
  double believed = 0;  // the same, as the policy will have learned it
  double recall = 0;    // of webhooks
  const RefreshRhythm* rhythm = nullptr;

  double period() const { return rhythm->regular ? in_days(rhythm->period) : 0; }
  // Refreshes a day that bring a change.
  double changed_per_day() const {
    if (!rhythm->regular) return rate;
    const double days = period() / (1 - refreshes_left_out);
    return -std::expm1(-rate * days) / days;
  }
  double told_per_day() const { return recall * changed_per_day(); }
};

std::vector<LinkClass> classes_of(const FleetModel& model, double links, double webhook_share) {
  std::vector<LinkClass> classes;
  const auto add = [&](const LinkKind& kind, double share, double rate) {
    const double believed = (watched_days * rate + prior_changes) /
                            (watched_days + prior_changes / std::max(kind.changes_per_day, 1e-3));
    for (const bool hooked : {false, true}) {
      const double count = links * kind.share * share * (hooked ? webhook_share : 1 - webhook_share);
      if (count <= 0) continue;
      classes.push_back({.links = count,
                         .rate = rate,
                         .believed = believed,
                         .recall = hooked ? model.webhook_recall : 0,
                         .rhythm = &kind.rhythm});
    }
  };
  // So that the mean is the kind's.
  double mean = 0;
  for (const Deviate& one : normal_deviates())
    mean += one.share * std::exp(assumed_activity_sigma * one.z);
  for (const LinkKind& kind : model.kinds) {
    add(kind, assumed_dormant_share, 0);
    const double median = kind.changes_per_day / ((1 - assumed_dormant_share) * mean);
    for (const Deviate& one : normal_deviates())
      add(kind, (1 - assumed_dormant_share) * one.share, median * std::exp(assumed_activity_sigma * one.z));
  }
  return classes;
}

// A delay in days, and how many changes a day meet it.
struct Sample {
  double delay, changes;
};
using Samples = std::vector<Sample>;

struct Calls {
  double fetches = 0, peeks = 0;  // a day
};

struct Bounds {
  double min_days, max_days;
};

// Visits every `wait` days, begun anew by each of `told` webhooks a day.
double visits_per_day(double wait, double told) {
  return told * wait < 1e-6 ? 1 / wait : told / std::expm1(told * wait);
}

// A change that nobody tells comes at any time between two visits.
void sample_wait(double wait, double told, double changes, Samples& samples) {
  for (std::size_t at = 0; at < places; ++at) {
    const double share = (static_cast<double>(at) + 0.5) / places;
    const double delay =
        told * wait < 1e-6 ? share * wait : -std::log1p(share * std::expm1(-told * wait)) / told;
    samples.push_back({delay, changes / places});
  }
}

// What would have been seen so much later may be seen by a visit that a webhook asks for.
double until_told(double delay, double told) {
  return told * delay < 1e-6 ? delay : -std::expm1(-told * delay) / told;
}

double below(double z) {
  return std::erfc(-z * 0.707106781186547524) / 2;
}

// The looks of the policy at one kind of refresh, one after the other as long as it does not come. In
// spreads.
class Rungs {
 public:
  Rungs(const VisitSetting& set, const VisitWay& way, double min_days) {
    const double miss = set.period / set.spread;
    const double least = min_days / set.spread;
    double at = ladder_plan(way.price, miss).first;
    again_ = miss + at;
    while (at != never() && count_ < looks_.size()) {
      looks_[count_++] = at;
      const double next = ladder_next(way.price, miss, at);
      at = next == never() ? never() : std::max(next, at + least);
    }
  }
  // Calls found(delay, share) for the refreshes that come.
  template <class Found>
  void each(Found found) const {
    double from = -deviate_max;
    for (const double look : std::span(looks_).first(count_)) {
      between(from, look, look, found);
      from = std::max(from, look);
    }
    between(from, deviate_max, again_, found);
  }
  // How many a refresh takes.
  double looks() const {
    double vain = 0;
    for (std::size_t at = 0; at < count_; ++at)
      vain += at == 0 ? 1 : 1 - below(looks_[at - 1]);
    return (1 - refreshes_left_out) * vain + refreshes_left_out * static_cast<double>(count_);
  }

 private:
  static constexpr double deviate_max = 3.5;
  // Refreshes from one time to another, seen at `look`.
  template <class Found>
  static void between(double from, double to, double look, Found found) {
    constexpr double step_max = 0.5;
    if (to <= from) return;
    const double steps = std::ceil((to - from) / step_max);
    const double step = (to - from) / steps;
    for (double at = 0; at < steps; ++at) {
      const double begin = from + at * step;
      const double share = below(begin + step) - below(begin);
      found(look - begin - step / 4, share / 2);
      found(look - begin - step * 3 / 4, share / 2);
    }
  }

  // From the first time of a ladder to the last there are no more: two are half a step apart at least.
  std::array<double, 66> looks_{};
  std::size_t count_ = 0;
  double again_ = 0;  // the first look at the next refresh
};

// One class under prices: which way it goes, what that costs, how late its changes are seen.
class Reckoning {
 public:
  Reckoning(const LinkClass& link, const CallPrices& prices, bool peeks, const Bounds& bounds)
      : link_(link),
        bounds_(bounds),
        told_(link.told_per_day()),
        set_(setting_of({.changes_per_day = link.believed, .recall = link.recall}, *link.rhythm, prices,
                        peeks)),
        way_(cheapest_way(set_, bounds.max_days)) {
    wait_ = way_.refreshes > 0 ? way_.refreshes * set_.period : way_.wait_days;
    if (wait_ >= bounds.max_days && way_.reason != VisitReason::ladder) {
      way_ = {.reason = VisitReason::floor};
      wait_ = bounds.max_days * (1 - visit_jitter_share / 2);
    }
    wait_ = std::max(wait_, bounds.min_days);
  }

  Calls calls() const {
    Calls calls = way_.reason == VisitReason::ladder ? of_ladder() : of_wait();
    calls.fetches = std::max(calls.fetches + told_, 1 / bounds_.max_days);
    return calls;
  }

  // `webhook_days`: the delay of a change that a webhook tells.
  void sample(double webhook_days, Samples& samples) const {
    const double changes = link_.links * link_.changed_per_day();
    const double told = link_.recall * changes;
    if (told > 0) samples.push_back({webhook_days, told});
    const double untold = changes - told;
    if (untold <= 0) return;
    if (way_.reason == VisitReason::ladder) {
      Rungs(set_, way_, bounds_.min_days).each([&](double delay, double share) {
        samples.push_back({until_told(delay * set_.spread, told_), share * untold});
      });
    } else if (way_.reason == VisitReason::batch) {
      sample_batch(untold, samples);
    } else {
      sample_wait(wait_, told_, untold, samples);
    }
  }

 private:
  double looks_of_ladder() const {
    // Where none of them has to wait for min_interval, the ladder itself has counted them.
    if (bounds_.min_days <= ladder_step * set_.spread)
      return ladder_plan(way_.price, set_.period / set_.spread).looks;
    return Rungs(set_, way_, bounds_.min_days).looks();
  }

  Calls of_ladder() const {
    // A refresh that a webhook tells is not looked for any more.
    const double told = told_ * set_.period;
    const double looks = std::max(looks_of_ladder() - told, 0.0) / set_.period;
    if (!way_.peek) return {.fetches = looks};
    const double found = std::max(1 - refreshes_left_out - told, 0.0) / set_.period;
    return {.fetches = found, .peeks = looks};
  }

  Calls of_wait() const {
    const double visits = visits_per_day(wait_, told_);
    if (!way_.peek) return {.fetches = visits};
    const double news = set_.period > 0 ? std::min(1.0, wait_ / set_.period * (1 - refreshes_left_out))
                                        : -std::expm1(-(1 - link_.recall) * link_.rate * wait_);
    return {.fetches = visits * news, .peeks = visits};
  }

  void sample_batch(double untold, Samples& samples) const {
    const double k = way_.refreshes;
    const double spread = set_.spread * std::sqrt(k);
    const double miss = k * set_.period / spread;
    const double at = single_look(k, miss).at;
    for (const Deviate& one : normal_deviates()) {
      const double delay = (at - one.z + (one.z > at ? miss : 0)) * spread;
      samples.push_back({until_told(delay, told_), one.share * untold / k});
    }
    // What one of those before is late by is little beside the periods that it waits.
    for (double left = 1; left < k; ++left)
      samples.push_back({until_told(left * set_.period + at * spread, told_), untold / k});
  }

  const LinkClass& link_;
  const Bounds& bounds_;
  double told_;
  VisitSetting set_;
  VisitWay way_;
  double wait_ = 0;
};

// ---- the prices ----
class Market {
 public:
  Market(std::vector<LinkClass> classes, const FreshnessPolicy& policy, const VisitPlanner& planner,
         const Bounds& bounds)
      : classes_(std::move(classes)),
        bounds_(bounds),
        least_(price_of_interval(policy.min_interval)),
        ordinary_(price_of_interval(planner.turn_interval())),
        fetches_(minutes_per_day * schedulable(planner.fleet().sync_per_minute)),
        peeks_(minutes_per_day * schedulable(planner.fleet().link_per_minute)) {}

  ForecastDelay settle(bool peeks) const {
    ForecastDelay result;
    constexpr CallPrices dearest{.fetch = CallPrice::price_max, .peek = CallPrice::price_max};
    result.affordable = demand(dearest, peeks).fetches <= slack * fetches_;
    if (!result.affordable) return result;
    CallPrices prices{.fetch = least_, .peek = least_};
    prices.fetch = fetch_price(ordinary_, prices.peek, peeks);
    if (peeks && demand(prices, true).peeks > peeks_) prices = both_prices(prices);
    const Calls calls = demand(prices, peeks);
    result.prices = prices;
    // Where a step of the demand crosses the budget, the price of a fleet goes to and fro over it.
    result.fetches_per_minute = std::min(calls.fetches, fetches_) / minutes_per_day;
    result.peeks_per_minute = std::min(calls.peeks, peeks_) / minutes_per_day;
    Samples samples;
    for (const LinkClass& link : classes_)
      Reckoning(link, prices, peeks, bounds_).sample(in_days(assumed_webhook_delay), samples);
    tell(samples, result);
    return result;
  }

  ForecastDelay in_turn(double interval_days) const {
    double told = 0;
    double links = 0;
    for (const LinkClass& link : classes_) {
      told += link.links * link.told_per_day();
      links += link.links;
    }
    ForecastDelay result{.affordable = told < fetches_};
    if (!result.affordable) return result;
    const double interval = std::max(interval_days, links / (fetches_ - told));
    result.fetches_per_minute = (links / interval + told) / minutes_per_day;
    Samples samples;
    for (const LinkClass& link : classes_) {
      const double changes = link.links * link.changed_per_day();
      samples.push_back({in_days(assumed_webhook_delay), link.recall * changes});
      sample_wait(interval, link.told_per_day(), (1 - link.recall) * changes, samples);
    }
    tell(samples, result);
    return result;
  }

 private:
  // As well as the least demand is known.
  static constexpr double slack = 1.05;

  Calls demand(const CallPrices& prices, bool peeks) const {
    Calls all;
    for (const LinkClass& link : classes_) {
      const Calls calls = Reckoning(link, prices, peeks, bounds_).calls();
      all.fetches += link.links * calls.fetches;
      all.peeks += link.links * calls.peeks;
    }
    return all;
  }

  // The price at which as much is asked for as there is, near enough; the least or the greatest one where
  // none is. `excess(price)`: the logarithm of what is asked for over what there is; it falls with the price,
  // not without steps.
  template <class Excess>
  double price_where(double guess, Excess excess) const {
    constexpr double price_near = 0.02;  // logarithms, both
    constexpr double excess_near = 0.01;
    const auto at = [&](double log_price) { return Point{log_price, excess(std::exp(log_price))}; };
    const double least = std::log(least_);
    const double most = std::log(CallPrice::price_max);
    Point low = at(std::clamp(std::log(guess), least, most));
    Point high = low;
    for (double step = 0.5; low.excess <= 0 && low.log_price > least; step *= 2) {
      high = low;
      low = at(std::max(low.log_price - step, least));
    }
    if (low.excess <= 0) return least_;
    for (double step = 0.5; high.excess > 0; step *= 2) {
      if (high.log_price >= most) return CallPrice::price_max;
      low = high;
      high = at(std::min(high.log_price + step, most));
    }
    // Where the line between both meets no excess; by halves, too, because of the steps.
    for (bool halve = false; high.log_price - low.log_price > price_near; halve = !halve) {
      const double met = low.excess / (low.excess - high.excess);
      const double share = halve ? 0.5 : std::clamp(met, 0.05, 0.95);
      const Point between = at(low.log_price + share * (high.log_price - low.log_price));
      (between.excess > 0 ? low : high) = between;
      if (std::abs(between.excess) < excess_near) return std::exp(between.log_price);
    }
    return std::exp(high.log_price);
  }
  struct Point {
    double log_price, excess;
  };

  static double excess_of(double asked, double there) { return std::log(std::max(asked, 1e-9) / there); }

  double fetch_price(double guess, double peek, bool peeks) const {
    return price_where(guess, [&](double fetch) {
      return excess_of(demand({.fetch = fetch, .peek = peek}, peeks).fetches, fetches_);
    });
  }

  CallPrices both_prices(CallPrices prices) const {
    prices.peek = price_where(prices.fetch, [&](double peek) {
      prices.fetch = fetch_price(prices.fetch, peek, true);
      return excess_of(demand({.fetch = prices.fetch, .peek = peek}, true).peeks, peeks_);
    });
    prices.fetch = fetch_price(prices.fetch, prices.peek, true);
    return prices;
  }

  static void tell(Samples& samples, ForecastDelay& result) {
    double changes = 0;
    double sum = 0;
    for (const Sample& sample : samples) {
      changes += sample.changes;
      sum += sample.changes * sample.delay;
    }
    if (changes <= 0) return;
    result.mean_minutes = minutes_per_day * sum / changes;
    std::ranges::sort(samples, {}, &Sample::delay);
    double seen = 0;
    for (const Sample& sample : samples) {
      seen += sample.changes;
      result.p95_minutes = minutes_per_day * sample.delay;
      if (seen >= 0.95 * changes) return;
    }
  }

  std::vector<LinkClass> classes_;
  Bounds bounds_;
  double least_;
  double ordinary_;         // where a fleet of links with one change a day would settle
  double fetches_, peeks_;  // a day
};

void add_assumed(FleetModel& model, double share, double changes_per_day) {
  constexpr double spread_share = 0.06;
  struct Periodic {
    double share;
    std::int64_t hours;
  };
  model.kinds.push_back({.share = 0.2 * share, .changes_per_day = changes_per_day});
  for (const Periodic& one : {Periodic{0.10, 4}, {0.45, 6}, {0.15, 8}, {0.15, 12}, {0.15, 24}}) {
    const Millis period = std::chrono::hours(one.hours);
    const Millis spread(static_cast<std::int64_t>(spread_share * static_cast<double>(period.count())));
    model.kinds.push_back(
        {.share = 0.8 * one.share * share,
         .changes_per_day = changes_per_day,
         .rhythm = {.regular = true, .period = period, .spread = spread, .gap_median = period}});
  }
}

// The mean of both, by their shares.
void merge(LinkKind& into, const LinkKind& other) {
  const double share = into.share + other.share;
  if (share <= 0) return;
  const auto mean = [&](double a, double b) { return (into.share * a + other.share * b) / share; };
  const auto span = [&](Millis a, Millis b) {
    const double both = mean(static_cast<double>(a.count()), static_cast<double>(b.count()));
    return Millis(static_cast<std::int64_t>(both));
  };
  into.changes_per_day = mean(into.changes_per_day, other.changes_per_day);
  into.rhythm.period = span(into.rhythm.period, other.rhythm.period);
  into.rhythm.spread = span(into.rhythm.spread, other.rhythm.spread);
  into.share = share;
}

// So few kinds that reckoning stays cheap: periods that are alike are one, and so are all without a rhythm.
void gather(FleetModel& model) {
  constexpr std::size_t kinds_max = 7;
  std::ranges::sort(model.kinds, {}, [](const LinkKind& kind) {
    return kind.rhythm.regular ? kind.rhythm.period : Millis(0);
  });
  std::vector<LinkKind> few;
  for (double alike = 1.2;; alike *= 1.2) {
    few.clear();
    Millis first{};
    for (const LinkKind& kind : model.kinds) {
      const bool same_sort = !few.empty() && few.back().rhythm.regular == kind.rhythm.regular;
      const bool near = !kind.rhythm.regular || static_cast<double>(kind.rhythm.period.count()) <=
                                                    alike * static_cast<double>(first.count());
      if (same_sort && near) {
        merge(few.back(), kind);
        continue;
      }
      few.push_back(kind);
      first = kind.rhythm.period;
    }
    if (few.size() <= kinds_max) break;
  }
  model.kinds = std::move(few);
}

}  // namespace

FleetModel assumed_fleet() {
  constexpr double changes_per_day = 1.98;  // the mean where the median of those with changes is one
  FleetModel model;
  add_assumed(model, 1, changes_per_day);
  return model;
}

FleetModel model_of(const Outlooks& outlooks) {
  constexpr double days_known = 5;  // of links; less says nothing
  constexpr double told_prior = 9, missed_prior = 1;
  const InstitutionPool everybody = outlooks.everybody();
  if (everybody.days < days_known) return assumed_fleet();
  FleetModel model;
  double rest = 1;
  for (const InstitutionPool& pool : outlooks.pools()) {
    const double share = std::min(pool.days / everybody.days, rest);
    rest -= share;
    if (pool.knows_rhythm) {
      model.known_share += share;
      model.kinds.push_back({.share = share, .changes_per_day = pool.changes_per_day});
      if (pool.rhythm.regular) model.kinds.back().rhythm = pool.rhythm;
    } else {
      add_assumed(model, share, pool.changes_per_day);
    }
  }
  // Of institutions beyond those that are told apart: visited without a rhythm, as long as that is so.
  constexpr double noticed = 1e-6;
  if (rest > noticed) model.kinds.push_back({.share = rest, .changes_per_day = everybody.changes_per_day});
  gather(model);
  const WebhookTally& webhooks = outlooks.webhooks();
  model.webhook_share = std::min(webhooks.days / everybody.days, 1.0);
  const double told = webhooks.hooked + told_prior;
  model.webhook_recall = told / (told + webhooks.missed + missed_prior);
  return model;
}

Forecast forecast(const FleetModel& model, const FreshnessPolicy& policy, const FleetBudget& fleet,
                  double webhook_share) {
  VisitPlanner planner(policy);
  planner.set_fleet(fleet);
  const Bounds bounds{.min_days = in_days(policy.min_interval), .max_days = in_days(planner.max_interval())};
  const Market market(classes_of(model, static_cast<double>(fleet.links), webhook_share), policy, planner,
                      bounds);
  return {.turn_interval = planner.turn_interval(),
          .max_interval = planner.max_interval(),
          .in_turn = market.in_turn(in_days(planner.turn_interval())),
          .without_peeks = market.settle(false),
          .with_peeks = market.settle(true)};
}

}  // namespace syncd::core
