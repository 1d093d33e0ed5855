#include "tests/bench/fleet.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace syncd::bench {

namespace {

constexpr double day_ms = 86'400'000;
constexpr double hour_ms = 3'600'000;
// How much more happens by day than by night.
constexpr double swing = 0.8;

struct Kind {
  double share;
  double period_h;  // 0: by what happens
};

struct Institution {
  double links = 0;  // share
  double period_ms = 0;
  double jitter_share = 0;
};

double uniform(std::mt19937_64& random, double from, double to) {
  return std::uniform_real_distribution<double>(from, to)(random);
}

// Popularity falls with the rank; each takes the kind that lacks most of its share, so that the fleet's mix
// is the same whatever the seed.
std::vector<Institution> make_institutions(const FleetShape& shape, std::mt19937_64& random) {
  std::array<Kind, 6> kinds{{{1 - shape.periodic_share, 0},
                             {0.10 * shape.periodic_share, 4},
                             {0.45 * shape.periodic_share, 6},
                             {0.15 * shape.periodic_share, 8},
                             {0.15 * shape.periodic_share, 12},
                             {0.15 * shape.periodic_share, 24}}};
  std::vector<Institution> institutions(shape.institutions);
  double sum = 0;
  for (std::size_t rank = 0; rank < institutions.size(); ++rank) {
    institutions[rank].links = 1 / std::pow(static_cast<double>(rank) + 3, 1.0);
    sum += institutions[rank].links;
  }
  for (Institution& institution : institutions) {
    institution.links /= sum;
    Kind& kind = *std::ranges::max_element(kinds, {}, &Kind::share);
    kind.share -= institution.links;
    institution.period_ms = kind.period_h * hour_ms;
    institution.jitter_share = uniform(random, 0.02, 0.10);
  }
  return institutions;
}

}  // namespace

// What happens follows the time of day.
double LinkSource::happened_between(double from_ms, double to_ms) const {
  const double turn = 2 * std::numbers::pi / day_ms;
  const auto until = [&](double ms) {
    return ms / day_ms - swing * std::cos(turn * (ms - day_phase_ms_)) / (2 * std::numbers::pi);
  };
  return changes_per_day * (until(to_ms) - until(from_ms));
}

void LinkSource::begin(std::mt19937_64& random) {
  day_phase_ms_ = uniform(random, 0, 6 * hour_ms);
  at_ms_ = period_ms > 0 ? uniform(random, -period_ms, 0) : 0;
}

Refresh LinkSource::next(double skipped_share, std::mt19937_64& random) {
  constexpr Refresh never{std::numeric_limits<std::int64_t>::max(), false};
  if (recorded) return given_ < recorded->size() ? (*recorded)[given_++] : never;
  const double before = at_ms_;
  if (period_ms > 0) {
    std::normal_distribution<double> jitter(0, jitter_share * period_ms);
    do {
      at_ms_ += std::max(period_ms + jitter(random), 0.1 * period_ms);
    } while (uniform(random, 0, 1) < skipped_share);
    const bool changed = uniform(random, 0, 1) < -std::expm1(-happened_between(before, at_ms_));
    return {.at_ms = static_cast<std::int64_t>(at_ms_), .changed = changed};
  }
  if (changes_per_day <= 0) return never;
  const double most = changes_per_day * (1 + swing) / day_ms;
  const double turn = 2 * std::numbers::pi / day_ms;
  for (;;) {
    at_ms_ += std::exponential_distribution<double>(most)(random);
    const double now = (1 + swing * std::sin(turn * (at_ms_ - day_phase_ms_))) / (1 + swing);
    if (uniform(random, 0, 1) < now) return {.at_ms = static_cast<std::int64_t>(at_ms_), .changed = true};
  }
}

double LinkSource::changed_refreshes_per_day() const {
  if (recorded || period_ms <= 0) return changes_per_day;
  const double days = period_ms / day_ms / 0.95;
  return -std::expm1(-changes_per_day * days) / days;
}

std::vector<LinkSource> make_fleet(const FleetShape& shape, std::mt19937_64& random) {
  const std::vector<Institution> institutions = make_institutions(shape, random);
  std::vector<double> shares;
  for (const Institution& institution : institutions)
    shares.push_back(institution.links);
  std::discrete_distribution<std::uint32_t> choose(shares.begin(), shares.end());
  std::lognormal_distribution<double> activity(0, shape.activity_sigma);
  std::vector<LinkSource> fleet(shape.links);
  for (LinkSource& link : fleet) {
    link.institution = choose(random);
    link.period_ms = institutions[link.institution].period_ms;
    link.jitter_share = institutions[link.institution].jitter_share;
    link.has_webhook = uniform(random, 0, 1) < shape.hooks_share;
    link.changes_per_day = uniform(random, 0, 1) < shape.dormant_share ? 0 : activity(random);
    link.begin(random);
  }
  return fleet;
}

}  // namespace syncd::bench
