#include "sync/core/hook_watch.hpp"

#include <algorithm>
#include <cmath>

namespace syncd::core {

namespace {

constexpr double certain = 14;           // a million to one
constexpr double told_in_dark = 0.02;    // what was on its way
constexpr double told_after_dark = 0.5;  // while visits still find what was not told in the dark
constexpr double learned_in = 500;       // changes
constexpr double share_min = 0.02, share_max = 0.5;

}  // namespace

void HookWatch::note_change(WallTime since, WallTime now, FoundBy by) {
  const bool told = by == FoundBy::hook;
  if (!dark_ && !told && was_dark_since(since, now)) return;
  const double told_in_light = dark_ ? told_after_dark : 1 - std::clamp(missed_share_, share_min, share_max);
  const double for_dark =
      told ? std::log(told_in_dark / told_in_light) : std::log((1 - told_in_dark) / (1 - told_in_light));
  if (!dark_) missed_share_ += ((told ? 0.0 : 1.0) - missed_share_) / learned_in;
  score_ = std::max(score_ + (dark_ ? -for_dark : for_dark), 0.0);
  if (score_ < certain) return;
  if (dark_) light_at_ = now;
  dark_ = !dark_;
  score_ = 0;
}

}  // namespace syncd::core
