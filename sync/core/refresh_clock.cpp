#include "sync/core/refresh_clock.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

namespace syncd::core {

namespace {

constexpr std::int64_t gap_s_max = 30LL * 86'400;
constexpr double regular_share = 0.8;   // of the gaps
constexpr double regular_within = 0.2;  // of a period, from a multiple of it
constexpr double spread_max = 0.25;     // of a period
constexpr double period_s_min = 60;
constexpr double multiples_told_apart = 3.3;
constexpr std::size_t single_min = 12;
constexpr double near = 0.3;  // what belongs to the same number of periods

double fraction_of(std::span<const double> sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

// The part of the sorted gaps that is within `near` of `centre`.
std::span<const double> around(std::span<const double> sorted, double centre) {
  const auto from = std::ranges::lower_bound(sorted, centre * (1 - near));
  const auto to = std::ranges::upper_bound(sorted, centre * (1 + near));
  return {from, to};
}

double spread_of(std::span<const double> gaps, double mean) {
  const double squares = std::transform_reduce(gaps.begin(), gaps.end(), 0.0, std::plus<>(),
                                               [mean](double gap) { return (gap - mean) * (gap - mean); });
  return std::sqrt(squares / static_cast<double>(gaps.size()));
}

bool is_near_multiple(double gap, double period) {
  const double periods = std::round(gap / period);
  return periods >= 1 && std::abs(gap - periods * period) <= regular_within * period;
}

}  // namespace

void RefreshClock::note_gap(Millis gap, Millis stood, UpstreamTime shown) {
  const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(gap).count();
  if (seconds <= 0 || seconds > gap_s_max) return;
  const Gap noted{.seconds = static_cast<std::uint32_t>(seconds), .number = ++seen_};
  all_.add(noted);
  // It cannot have stood longer than the gap: then our own clock was wrong.
  if (stood >= gap / 2 && stood <= gap) certain_.add(noted);
  if (seen_ % learn_every == 0) learn(shown);
}

// An outage is over, and with it its long gaps, when each link has shown a few more.
bool RefreshClock::believes(Millis period, UpstreamTime shown) {
  if (!rhythm_.regular || period < rhythm_.period * 3 / 2) {
    longer_since_.reset();
    return true;
  }
  longer_since_ = std::min(longer_since_.value_or(shown), shown);
  if (shown - *longer_since_ < 3 * period) return false;
  longer_since_.reset();
  return true;
}

void RefreshClock::learn(UpstreamTime shown) {
  const std::vector<double> certain = certain_.sorted(seen_ > certain_within ? seen_ - certain_within : 0);
  if (certain.size() < certain_min) return;
  const std::vector<double> all = all_.sorted(0);
  const auto seconds = [](double value) { return Millis(static_cast<std::int64_t>(value * 1000)); };
  rhythm_.gap_median = seconds(fraction_of(certain, 0.5));
  const double about = fraction_of(around(certain, fraction_of(certain, 0.25)), 0.5);
  const std::span<const double> single = around(all, about);
  if (single.size() < single_min) return;
  const double period = fraction_of(single, 0.5);
  const double spread = spread_of(single, period);
  if (!believes(seconds(period), shown)) return;
  // Between far multiples everything is near one.
  const auto end = std::ranges::upper_bound(all, multiples_told_apart * period);
  const std::span<const double> near_ones(all.begin(), end);
  const auto fitting =
      std::ranges::count_if(near_ones, [&](double gap) { return is_near_multiple(gap, period); });
  rhythm_.regular = static_cast<double>(fitting) >= regular_share * static_cast<double>(near_ones.size()) &&
                    spread < spread_max * period && period >= period_s_min;
  rhythm_.period = seconds(period);
  rhythm_.spread = std::max(seconds(spread), Millis(1000));
}

}  // namespace syncd::core
