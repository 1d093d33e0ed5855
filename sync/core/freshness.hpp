#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sync/core/evidence.hpp"
#include "sync/core/refresh_clock.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// When to visit a link next, so that what upstream refreshes is stored here soon, for no more calls than the
// budget allows (decision 022). Pure: what is known comes in, a time and its reason come out.

// What a call must save, in change-days: it is worth making when it is expected to make one change visible so
// many days sooner. One for each budget that a look can draw on.
struct CallPrices {
  double fetch = 0;  // GET /links/{id}/transactions/sync; above zero
  double peek = 0;   // GET /links/{id}; above zero
};

struct FreshnessPolicy {
  Millis min_interval{std::chrono::minutes(5)};
  // No link waits longer while visiting all of them that often takes little of the budget; see VisitPlanner.
  Millis interval{std::chrono::hours(24)};
  Millis max_interval{std::chrono::hours(24)};  // not below min_interval
  bool peeks = true;
};

// What is known of the institution behind a link, and of links whose institution is not known.
struct InstitutionOutlook {
  RefreshRhythm rhythm = {};
  ChangePrior prior = {};
};

struct LinkOutlook {
  std::uint64_t id_hash = 0;  // stable_hash() of the link's id
  ChangeEvidence evidence = {};
  bool has_webhook = false;
  double weight = 1;                         // how much a change of this link counts; above zero
  std::optional<UpstreamTime> refreshed_at;  // the upstream clock as last seen
  WallTime fetched_at{};                     // its feed; epoch: never
  WallTime looked_at{};                      // the clock; epoch: never
};

struct VisitPlan {
  WallTime due_at{};
  bool peek = false;  // ask for the link object first, and for the feed if that shows news
  VisitReason reason = VisitReason::turn;
  // For people: what led to it.
  double changes_per_day = 0;
  double recall = 0;            // of webhooks
  double change_chance = 0;     // that a refresh brings something which no webhook tells
  std::uint32_t refreshes = 0;  // that the visit is for; 0: not by the clock
};

// The visit after one at `now` that found the link connected and left nothing to do. min_interval and
// max_interval from `now` bound the time, and the feed itself is asked within max_interval of the last fetch;
// up to 3 % of the wait is jitter by the link's hash.
VisitPlan plan_visit(const LinkOutlook& link, const InstitutionOutlook& institution, const CallPrices& prices,
                     const FreshnessPolicy& policy, WallTime now);

// Whether the link object may stand for the feed at `now`: within max_interval of the last fetch. So a peek
// that is late, because its budget turned it away or nobody was here, does not put the feed off any further.
bool may_peek(WallTime fetched_at, Millis max_interval, WallTime now);

// The same as plan_visit(), only to learn when the institution refreshes: as far ahead as the clock has stood
// already, so that a gap that ends before is certain to be one (RefreshClock). Nothing to be learned:
// nullopt.
std::optional<VisitPlan> plan_learning_visit(const LinkOutlook& link, const FreshnessPolicy& policy,
                                             WallTime now);

}  // namespace syncd::core
