#include "sync/core/ladder.hpp"

#include <array>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

constexpr std::array<double, 6> prices{0.003, 0.0226, 0.121, 0.905, 4.86, 26.1};
constexpr std::array<double, 4> misses{3, 6.75, 15.1875, 51.2578125};

double normal(std::mt19937_64& random) {
  return std::normal_distribution<double>()(random);
}

struct Followed {
  double cost = 0, looks = 0;
};

// Looks as the plan says, at refreshes that come with a normal error, or in one case of twenty not at all.
Followed follow(double price, double miss, int refreshes) {
  std::mt19937_64 random(11);
  std::bernoulli_distribution left_out(0.05);
  Followed all;
  for (int refresh = 0; refresh < refreshes; ++refresh) {
    const bool none = left_out(random);
    const double comes = none ? never() : normal(random);
    double look = ladder_plan(price, miss).first;
    while (look != never()) {
      all.cost += price;
      ++all.looks;
      if (comes <= look) break;
      look = ladder_next(price, miss, look);
    }
    if (look != never()) {
      all.cost += look - comes;
    } else if (!none) {
      all.cost += miss;
    }
  }
  return {.cost = all.cost / refreshes, .looks = all.looks / refreshes};
}

TEST(Ladder, CostsWhatFollowingItCosts) {
  for (const double price : prices) {
    for (const double miss : misses) {
      const Followed followed = follow(price, miss, 15'000);
      const LadderPlan plan = ladder_plan(price, miss);
      // The table's own price is up to a fifth away.
      EXPECT_NEAR(plan.cost, followed.cost, 0.02 + 0.04 * followed.cost) << price << ' ' << miss;
      EXPECT_NEAR(plan.looks, followed.looks, 0.03 + 0.04 * followed.looks) << price << ' ' << miss;
    }
  }
}

// What it costs to look first at `first` and to go on by the ladder.
double cost_from(double first, double price, double miss) {
  constexpr int refreshes = 8'000;
  std::mt19937_64 random(5);
  double cost = 0;
  for (int refresh = 0; refresh < refreshes; ++refresh) {
    const bool none = std::bernoulli_distribution(0.05)(random);
    const double comes = none ? never() : normal(random);
    double look = first;
    while (look != never()) {
      cost += price;
      if (comes <= look) break;
      look = ladder_next(price, miss, look);
    }
    if (look != never()) {
      cost += look - comes;
    } else if (!none) {
      cost += miss;
    }
  }
  return cost / refreshes;
}

TEST(Ladder, LooksFirstWhenItCostsLeast) {
  for (const double price : {0.0226, 0.121, 0.905}) {
    const double chosen = ladder_plan(price, 6.75).first;
    ASSERT_NE(chosen, never());
    for (double first = -2; first <= 3; first += 0.5)
      EXPECT_LE(cost_from(chosen, price, 6.75), 1.02 * cost_from(first, price, 6.75))
          << price << ' ' << first;
  }
}

TEST(Ladder, CostsMoreAndLooksLessAsThePriceRises) {
  for (double miss = 1; miss < 200; miss *= 1.5) {
    LadderPlan before = ladder_plan(1e-4, miss);
    for (double price = 1e-4; price < 1e4; price *= 1.2) {
      const LadderPlan plan = ladder_plan(price, miss);
      EXPECT_GE(plan.cost, before.cost - 1e-9) << price << ' ' << miss;
      EXPECT_LE(plan.looks, before.looks + 1e-9) << price << ' ' << miss;
      before = plan;
    }
  }
}

TEST(Ladder, CostsNoLessWhenAMissCostsMore) {
  for (const double price : prices) {
    double before = 0;
    for (const double miss : misses) {
      EXPECT_GE(ladder_plan(price, miss).cost, before - 1e-9);
      before = ladder_plan(price, miss).cost;
    }
  }
}

TEST(Ladder, TheNextLookIsBehindTheLast) {
  for (const double price : prices) {
    for (const double miss : misses) {
      for (double looked = -6; looked < 8; looked += 0.1)
        EXPECT_GT(ladder_next(price, miss, looked), looked) << price << ' ' << miss;
    }
  }
}

TEST(Ladder, GivesUp) {
  for (const double price : prices) {
    for (const double miss : misses) {
      int looks = 0;
      for (double look = ladder_plan(price, miss).first; look != never();
           look = ladder_next(price, miss, look))
        ASSERT_LT(++looks, 40) << price << ' ' << miss;
      EXPECT_EQ(ladder_next(price, miss, 6), never());
    }
  }
  EXPECT_EQ(ladder_plan(1e6, 3).first, never()) << "a look that costs more than all that it saves";
}

TEST(Ladder, TakesTheNearestEntryForWhatTheTableDoesNotCover) {
  EXPECT_EQ(ladder_plan(1e-30, 3).cost, ladder_plan(0.003, 3).cost);
  EXPECT_EQ(ladder_plan(never(), 3).first, never());
  EXPECT_EQ(ladder_plan(0.1, never()).cost, ladder_plan(0.1, 1e9).cost);
  EXPECT_EQ(ladder_plan(0.1, 1e-9).cost, ladder_plan(0.1, 3).cost);
  EXPECT_EQ(ladder_next(0.1, 3, never()), never());
  EXPECT_EQ(ladder_next(0.1, 3, -1e300), ladder_plan(0.1, 3).first);
}

TEST(SingleLook, CostsWhatItCosts) {
  for (const double backlog : {1.0, 2.0, 5.0, 20.0}) {
    for (const double miss : {3.0, 10.0, 50.0}) {
      const SingleLook look = single_look(backlog, miss);
      std::mt19937_64 random(2);
      double cost = 0;
      constexpr int refreshes = 40'000;
      for (int refresh = 0; refresh < refreshes; ++refresh) {
        const double comes = normal(random);
        cost += (backlog - 1) * look.at + (comes <= look.at ? look.at - comes : miss);
      }
      EXPECT_NEAR(look.cost, cost / refreshes, 0.05 + 0.02 * std::abs(look.cost)) << backlog << ' ' << miss;
    }
  }
}

// Its cost as a function of the time, by numerical integration.
double cost_at(double at, double backlog, double miss) {
  constexpr double step = 0.001;
  double cost = (backlog - 1) * at;
  for (double z = -8; z < 8; z += step) {
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * 3.14159265358979);
    cost += step * density * (z <= at ? at - z : miss);
  }
  return cost;
}

TEST(SingleLook, NoQuarterOfASpreadSoonerOrLaterIsCheaper) {
  for (const double backlog : {1.0, 3.0, 12.0}) {
    for (const double miss : {3.0, 12.0, 40.0}) {
      const SingleLook look = single_look(backlog, miss);
      EXPECT_GE(look.at, -1);
      EXPECT_LE(look.at, 3);
      EXPECT_NEAR(look.cost, cost_at(look.at, backlog, miss), 0.01 * miss);
      for (const double other : {look.at - 0.25, look.at + 0.25}) {
        if (other < -1 || other > 3) continue;
        EXPECT_LE(look.cost, cost_at(other, backlog, miss) + 0.01 * miss) << backlog << ' ' << miss;
      }
    }
  }
}

TEST(SingleLook, IsSoonerTheMoreIsWaiting) {
  double before = never();
  for (double backlog = 1; backlog < 50; ++backlog) {
    EXPECT_LE(single_look(backlog, 20).at, before);
    before = single_look(backlog, 20).at;
  }
}

}  // namespace
}  // namespace syncd::core
