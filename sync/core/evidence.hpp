#pragma once

#include "sync/core/types.hpp"

namespace syncd::core {

// How often a link changes is learned from its visits. One bit a visit is all that there is: something had
// changed since the last fetch, or nothing had. Kept with the link (ChangeEvidence); what is long ago is
// forgotten with a half-life of 21 days.

// What is assumed of a link of which little is known yet: so many changes in so many days, counted like its
// own.
struct ChangePrior {
  float changes = 0.5F;
  float days = 0.5F;
};

// Who found out: decides what the visit says about webhooks.
enum class FoundBy : std::uint8_t {
  poll,
  hook,
  other,  // a person or a repair, before either could
};

inline constexpr double watched_days_max = 7;
inline constexpr double evidence_half_life_days = 21;
inline double in_days(Millis span) {
  return std::chrono::duration<double, std::ratio<86'400>>(span).count();
}

// A fetch has looked at the time since the last one. `since_last` below zero counts as zero, and more than
// watched_days_max as that: nobody has watched, or the clock was set. Returns the expected number of changes
// that it found.
double note_fetch(ChangeEvidence& evidence, Millis since_last, bool changed, FoundBy by,
                  const ChangePrior& prior);

// Changes a day; above zero.
double changes_per_day(const ChangeEvidence& evidence, const ChangePrior& prior);

// The share of changes that a webhook tells, in [0, 1); 0 for a link that has none.
double webhook_recall(const ChangeEvidence& evidence, bool has_webhook);

}  // namespace syncd::core
