#include "sync/core/evidence.hpp"

#include <algorithm>
#include <cmath>

namespace syncd::core {

namespace {

// A webhook is believed in from the start, and disbelieved after a few changes that it did not tell.
constexpr double hooked_prior = 9;
constexpr double missed_prior = 1;
constexpr double changes_max = 1e6;
constexpr double rate_min = 1e-4;  // a change in 27 years

// The expected number of changes behind "something has changed in this time". At a high rate there are
// many behind one bit, and then the bit says little: what it may say is bounded.
double changes_behind(double rate, double days) {
  const double expected = rate * days;
  if (expected < 1e-6) return 1;
  return std::min(expected / -std::expm1(-expected), expected + 1);
}

}  // namespace

double note_fetch(ChangeEvidence& evidence, Millis since_last, bool changed, FoundBy by,
                  const ChangePrior& prior) {
  const double days = std::clamp(in_days(since_last), 0.0, watched_days_max);
  const double kept = std::exp2(-days / evidence_half_life_days);
  const double found = changed ? changes_behind(changes_per_day(evidence, prior), days) : 0;
  evidence.changes = static_cast<float>(std::min(kept * evidence.changes + found, changes_max));
  evidence.days = static_cast<float>(kept * evidence.days + days);
  evidence.hooked = static_cast<float>(kept * evidence.hooked + (changed && by == FoundBy::hook ? 1 : 0));
  evidence.missed = static_cast<float>(kept * evidence.missed + (changed && by == FoundBy::poll ? 1 : 0));
  return found;
}

double changes_per_day(const ChangeEvidence& evidence, const ChangePrior& prior) {
  const double changes = static_cast<double>(evidence.changes) + prior.changes;
  const double days = static_cast<double>(evidence.days) + prior.days;
  return std::max(changes / std::max(days, 1e-3), rate_min);
}

double webhook_recall(const ChangeEvidence& evidence, bool has_webhook) {
  if (!has_webhook) return 0;
  const double hooked = evidence.hooked + hooked_prior;
  return hooked / (hooked + evidence.missed + missed_prior);
}

}  // namespace syncd::core
