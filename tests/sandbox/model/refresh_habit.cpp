#include "tests/sandbox/model/refresh_habit.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <numbers>

#include "tests/sandbox/model/random.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::uint64_t stream_activity = 0x701;
constexpr std::uint64_t stream_happening = 0x702;
constexpr std::uint64_t stream_slot = 0x703;
constexpr std::uint64_t stream_popularity = 0x704;
constexpr std::uint64_t stream_spread = 0x705;

constexpr std::size_t institution_count = 120;
constexpr std::uint64_t dormant_permille = 150;
constexpr std::uint64_t skipped_permille = 50;
constexpr double activity_sigma = 1.3;
constexpr double busiest_hour = 15.0;
constexpr double day_and_night = 0.8;  // how far the rate swings about its mean
constexpr double day_ms = 86'400'000.0;

/// Shares of the links: one fifth event-driven, the rest by period.
struct Class {
  int hours;
  bool event_driven;
  double share;
};
constexpr std::array<Class, 6> classes = {{{24, true, 0.20},
                                           {4, false, 0.08},
                                           {6, false, 0.36},
                                           {8, false, 0.12},
                                           {12, false, 0.12},
                                           {24, false, 0.12}}};

double weight(std::size_t rank) {
  return 1.0 / static_cast<double>(rank + 1);
}

/// Names and habits must stay where they are: institutions refer to them.
struct MadeUp {
  std::deque<std::string> texts;
  std::deque<RefreshHabit> habits;
  std::vector<Institution> institutions;
  std::vector<double> reach;  ///< sum of the weights up to and with each
};

MadeUp make_up() {
  MadeUp out;
  std::array<double, classes.size()> given{};
  double total = 0.0;
  for (std::size_t rank = 0; rank < institution_count; ++rank) {
    total += weight(rank);
    out.reach.push_back(total);
    // The class that is furthest behind its share gets the next one: few banks hold most of the links, so
    // that chance would miss the shares by far.
    const auto lacks = [&](std::size_t i) { return classes.at(i).share * total - given.at(i); };
    std::size_t chosen = 0;
    for (std::size_t i = 1; i < classes.size(); ++i) {
      chosen = lacks(i) > lacks(chosen) ? i : chosen;
    }
    given.at(chosen) += weight(rank);
    const Class& kind = classes.at(chosen);
    Rng rng(hash_words(stream_spread, rank));
    const Milliseconds period = std::chrono::hours{kind.hours};
    out.habits.push_back({period, kind.event_driven ? 0.0 : 0.02 + 0.08 * rng.unit(), kind.event_driven});
    const std::string number = std::to_string(1000 + rank).substr(1);
    const std::string& id = out.texts.emplace_back("bank_" + number);
    const std::string& name = out.texts.emplace_back("Bank " + number);
    out.institutions.push_back({.id = id,
                                .name = name,
                                .provider = "moneykit",
                                .refresh_every = period,
                                .irregular = kind.event_driven,
                                .habit = &out.habits.back()});
  }
  return out;
}

const MadeUp& made_up() {
  static const MadeUp all = make_up();
  return all;
}

double normal(Rng& rng) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - rng.unit()));
  return radius * std::cos(2.0 * std::numbers::pi * rng.unit());
}

double rate_at(double rows_per_day, double pace, TimePoint at) {
  const double days = static_cast<double>(at.time_since_epoch().count()) * pace / day_ms;
  const double hour = (days - std::floor(days)) * 24.0;
  return rows_per_day * (1.0 + day_and_night * std::cos((hour - busiest_hour) * std::numbers::pi / 12.0));
}

}  // namespace

const std::vector<Institution>& made_up_institutions() {
  return made_up().institutions;
}

const Institution& pick_made_up_institution(std::uint64_t seed, std::uint64_t number) {
  Rng rng(hash_words(seed, stream_popularity, number));
  const std::vector<double>& reach = made_up().reach;
  const auto found = std::ranges::upper_bound(reach, rng.unit() * reach.back());
  const auto index = static_cast<std::size_t>(found - reach.begin());
  return made_up().institutions.at(std::min(index, institution_count - 1));
}

double activity_of(std::uint64_t link_seed) {
  Rng rng(hash_words(link_seed, stream_activity));
  const bool dormant = rng.permille(dormant_permille);
  return dormant ? 0.0 : std::exp(activity_sigma * normal(rng));
}

TimePoint next_activity(std::uint64_t link_seed, std::uint64_t step, double rows_per_day, double pace,
                        TimePoint after) {
  if (rows_per_day <= 0.0) {
    return TimePoint::max();
  }
  // Thinning: candidates come at the highest rate, and each stays with the share of it that its hour has.
  Rng rng(hash_words(link_seed, stream_happening, step));
  const double highest = rows_per_day * (1.0 + day_and_night);
  TimePoint at = after;
  do {
    const double gap_days = -std::log(1.0 - rng.unit()) / highest;
    at += std::max(Milliseconds{1}, Milliseconds{static_cast<std::int64_t>(gap_days * day_ms / pace)});
  } while (rng.unit() * highest > rate_at(rows_per_day, pace, at));
  return at;
}

RefreshSlot next_slot(const RefreshHabit& habit, std::uint64_t link_seed, double pace, std::int64_t last,
                      TimePoint after) {
  const auto period = std::max<std::int64_t>(
      1000, static_cast<std::int64_t>(static_cast<double>(habit.period.count()) / pace));
  const auto phase =
      static_cast<std::int64_t>(hash_words(link_seed, stream_slot) % static_cast<std::uint64_t>(period));
  std::int64_t slot = std::max(last + 1, (after.time_since_epoch().count() - phase) / period);
  for (;; ++slot) {
    Rng rng(hash_words(link_seed, stream_slot, static_cast<std::uint64_t>(slot)));
    const bool skipped = rng.permille(skipped_permille);
    const double shift = std::clamp(normal(rng), -3.0, 3.0) * habit.spread * static_cast<double>(period);
    const TimePoint at{Milliseconds{slot * period + phase + static_cast<std::int64_t>(shift)}};
    if (!skipped && at > after) {
      return {slot, at};
    }
  }
}

}  // namespace syncd::sandbox
