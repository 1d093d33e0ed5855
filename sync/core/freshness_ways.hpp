#pragma once

#include <limits>

#include "sync/core/freshness.hpp"

namespace syncd::core {

// The ways to go on with a link that plan_visit() chooses from, for whoever must know beforehand what it will
// choose (freshness_forecast.hpp). Counted in days.

// One link, as the ways are compared.
struct VisitSetting {
  double unseen_per_day;     // changes a day that no webhook tells
  double worth_per_day;      // the same times the link's weight
  double worth_per_refresh;  // the same for one refresh; 0 without a rhythm
  double period = 0, spread = 0;
  const CallPrices& prices;
  bool peeks;
  // What the link makes of the price of ways with peeks, beside all others (see peek_taste_of()).
  double peek_taste = 1;
};

// One way to go on, and what it costs a day: expected delay of changes, and calls at their prices.
struct VisitWay {
  VisitReason reason = VisitReason::rate;
  bool peek = false;
  std::uint32_t refreshes = 0;
  double cost_per_day = std::numeric_limits<double>::infinity();
  double wait_days = 0;  // by the rate
  double price = 0;      // of a look of the ladder, in its spreads
};

// What is known of a link beside its place in the rhythm.
struct VisitNeeds {
  double changes_per_day = 0;  // above zero
  double recall = 0;           // of webhooks
  double weight = 1;
};

// `rhythm`: of the link's institution; one that is not regular counts for none. `prices` outlives it.
VisitSetting setting_of(const VisitNeeds& needs, const RefreshRhythm& rhythm, const CallPrices& prices,
                        bool peeks);
// The cheapest way; no batch is longer than `max_days`.
VisitWay cheapest_way(const VisitSetting& set, double max_days);
// So much of the longest wait is jitter, on average: a link that waits as long as that is visited so much
// sooner.
inline constexpr double visit_jitter_share = 0.03;

}  // namespace syncd::core
