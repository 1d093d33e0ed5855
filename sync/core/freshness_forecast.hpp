#pragma once

#include <cstdint>
#include <vector>

#include "sync/core/freshness.hpp"
#include "sync/core/outlook.hpp"
#include "sync/core/planner.hpp"

namespace syncd::core {

// What a budget buys: how late changes will be seen with so many links, by the ways and prices of the policy
// itself, on what the visits have taught so far. A reckoning and no simulation; within a third of what the
// simulation measures (docs/freshness.md).

inline constexpr std::uint64_t forecast_links_max = 100'000'000;

// Of changes a day over the links of one institution: so many have none, the others are lognormal. The pools
// know only the mean; this is assumed of the rest.
inline constexpr double assumed_dormant_share = 0.15;
inline constexpr double assumed_activity_sigma = 1.3;
// From upstream's refresh to the end of the visit that a webhook asks for.
inline constexpr Millis assumed_webhook_delay{20'000};

// Links that are alike but for how often they change.
struct LinkKind {
  double share = 0;            // of all links
  double changes_per_day = 1;  // on average
  RefreshRhythm rhythm = {};
};

// What is known of the fleet, or assumed as long as nothing is.
struct FleetModel {
  std::vector<LinkKind> kinds;  // the shares sum to 1
  double webhook_share = 0;     // of the links have one, by what was watched
  double webhook_recall = 0.9;  // of the links that have one
  double known_share = 0;       // of the links: it is known whether their institution has a rhythm, and which
};
// The defaults, as of the fleet that the policy was measured with: four fifths of the links at institutions
// that refresh every 4 to 24 hours, a median of one change a day.
FleetModel assumed_fleet();
FleetModel model_of(const Outlooks& outlooks);

struct ForecastDelay {
  // False: the calls that the webhooks ask for, or those that the longest interval does, are more than the
  // budget; the delays are zero then.
  bool affordable = false;
  double mean_minutes = 0, p95_minutes = 0;
  double fetches_per_minute = 0, peeks_per_minute = 0;
  CallPrices prices = {};  // at which the demand is the budget; zero: visits in turn
};
struct Forecast {
  Millis turn_interval{};  // of visits in turn
  Millis max_interval{};   // as it can be kept
  ForecastDelay in_turn, without_peeks, with_peeks;
};

// `fleet.links` from 1 to forecast_links_max; `webhook_share` of them have a webhook, 0 to 1. Takes some
// milliseconds.
Forecast forecast(const FleetModel& model, const FreshnessPolicy& policy, const FleetBudget& fleet,
                  double webhook_share);

}  // namespace syncd::core
