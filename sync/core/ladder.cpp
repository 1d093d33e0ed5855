#include "sync/core/ladder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>

namespace syncd::core {

namespace {

constexpr double left_out = refreshes_left_out;
// Looks are at a grid of times; before the first of them nothing is expected yet.
constexpr double grid_begin = -3;
constexpr double grid_step = ladder_step;
constexpr std::size_t grid_size = 33;  // to +5 spreads
constexpr std::size_t gives_up = grid_size;
// Prices and misses are told apart by ratios.
constexpr double price_min = 0.003, price_ratio = 1.4;
constexpr std::size_t prices = 36;
constexpr double miss_min = 3, miss_ratio = 1.5;
constexpr std::size_t misses = 8;

double density(double z) {
  return std::exp(-z * z / 2) * 0.398942280401432678;
}
double below(double z) {
  return std::erfc(-z * 0.707106781186547524) / 2;
}
double at_grid(std::size_t at) {
  return grid_begin + grid_step * static_cast<double>(at);
}

// What the grid's times say about the refresh.
struct Grid {
  Grid() {
    for (std::size_t at = 0; at < grid_size; ++at) {
      const double z = at_grid(at);
      come[at] = (1 - left_out) * below(z);
      waiting[at] = 1 - come[at];
      late[at] = (1 - left_out) * (1 - below(z)) / waiting[at];
      // Integral of the distribution up to z: the delay that a look at z finds, unconditioned.
      delay[at] = (1 - left_out) * (z * below(z) + density(z));
    }
  }
  std::array<double, grid_size> come{}, waiting{}, late{}, delay{};
};

// For one price and one miss: from each time of a look in vain the next one, and what that costs.
struct Ladder {
  std::array<std::uint8_t, grid_size> next{};
  std::array<double, grid_size> cost{}, looks{};
  std::uint8_t first = gives_up;
  double cost_all = 0, looks_all = 0;

  struct Choice {
    std::uint8_t next = gives_up;
    double cost = 0, looks = 0;
  };
  // The best look behind grid time `from`; `before`: nothing was looked at yet.
  Choice best(const Grid& grid, double price, double miss, std::size_t from, bool before) const {
    const double waiting = before ? 1 : grid.waiting[from];
    const double come = before ? 0 : grid.come[from];
    const double delay = before ? 0 : grid.delay[from];
    const double z = at_grid(from);
    Choice choice{gives_up, (before ? 1 - left_out : grid.late[from]) * miss, 0};
    for (std::size_t to = before ? 0 : from + 1; to < grid_size; ++to) {
      // Delay of what comes between the two: that of all up to `to`, less what was there before.
      const double added = grid.delay[to] - delay - come * (before ? 0 : at_grid(to) - z);
      const double all = price + (added + grid.waiting[to] * cost[to]) / waiting;
      if (all < choice.cost)
        choice = {static_cast<std::uint8_t>(to), all, 1 + grid.waiting[to] * looks[to] / waiting};
    }
    return choice;
  }
};

using Table = std::array<std::array<Ladder, misses>, prices>;

Table make_table() {
  const Grid grid;
  Table table;
  for (std::size_t p = 0; p < prices; ++p) {
    for (std::size_t m = 0; m < misses; ++m) {
      Ladder& ladder = table[p][m];
      const double price = price_min * std::pow(price_ratio, static_cast<double>(p));
      const double miss = miss_min * std::pow(miss_ratio, static_cast<double>(m));
      for (std::size_t from = grid_size; from-- > 0;) {
        const Ladder::Choice choice = ladder.best(grid, price, miss, from, false);
        ladder.next[from] = choice.next;
        ladder.cost[from] = choice.cost;
        ladder.looks[from] = choice.looks;
      }
      const Ladder::Choice choice = ladder.best(grid, price, miss, 0, true);
      ladder.first = choice.next;
      ladder.cost_all = choice.cost;
      ladder.looks_all = choice.looks;
    }
  }
  return table;
}

std::size_t nearest(double value, double min, double ratio, std::size_t count) {
  if (!(value > min)) return 0;
  const double at = std::round(std::log(value / min) / std::log(ratio));
  return static_cast<std::size_t>(std::min(at, static_cast<double>(count - 1)));
}

const Ladder& ladder_of(double price, double miss) {
  static const std::unique_ptr<const Table> table = std::make_unique<const Table>(make_table());
  return (
      *table)[nearest(price, price_min, price_ratio, prices)][nearest(miss, miss_min, miss_ratio, misses)];
}

// The times of a single look. It is asked for each size of a batch: what does not depend on that is computed
// once.
struct SingleTimes {
  static constexpr double begin = -1;
  static constexpr std::size_t size = 17;  // to +3 spreads
  struct Time {
    double z = 0, late = 0;      // late: the chance that the latest comes behind it
    double early = 0, near = 0;  // of the latest: the delay that the look finds
  };
  SingleTimes() {
    for (std::size_t at = 0; at < size; ++at) {
      const double z = begin + grid_step * static_cast<double>(at);
      times[at] = {.z = z, .late = 1 - below(z), .early = z * below(z), .near = density(z)};
    }
  }
  std::array<Time, size> times{};
};

double time_of(std::size_t at) {
  return at == gives_up ? never() : at_grid(at);
}

}  // namespace

LadderPlan ladder_plan(double price, double miss) {
  const Ladder& ladder = ladder_of(price, miss);
  return {time_of(ladder.first), ladder.cost_all, ladder.looks_all};
}

double ladder_next(double price, double miss, double looked) {
  const Ladder& ladder = ladder_of(price, miss);
  const double at = std::floor((looked - grid_begin) / grid_step + 0.5);
  if (at < 0) return time_of(ladder.first);
  if (at >= static_cast<double>(grid_size)) return never();
  const double next = time_of(ladder.next[static_cast<std::size_t>(at)]);
  return std::max(next, looked + grid_step / 2);
}

SingleLook single_look(double backlog, double miss) {
  static const SingleTimes known;
  SingleLook best{.at = 0, .cost = never()};
  for (const SingleTimes::Time& time : known.times) {
    const double cost = (backlog - 1) * time.z + time.early + time.near + time.late * miss;
    if (cost < best.cost) best = {.at = time.z, .cost = cost};
  }
  return best;
}

}  // namespace syncd::core
