#include "sync/core/price.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr double least = 6e-6;

CallPrice priced(std::uint64_t links, double calls) {
  CallPrice price;
  price.set_least(least);
  price.set_fleet(links, calls);
  return price;
}

CallWindow window(Millis length, std::uint64_t made, std::uint64_t waiting) {
  return {.length = length, .made = made, .told = 0, .waiting = waiting, .patience = minutes(15)};
}

// Links that ask for more the cheaper a call is, each at its next visit only; what is not served waits.
struct Fleet {
  double appetite = 1;  // of an ordinary fleet's
  double calls = 500;
  double links = 100'000;
  double demand = 500;  // calls a minute that fall due
  double waiting = 0;
  double served = 0;
  Millis patience = minutes(15);

  void pass(CallPrice& price) {
    const double wanted = appetite * links / (std::sqrt(2 * price.value()) * 1440);
    const double turn_minutes = links / calls;
    demand += (wanted - demand) * std::min(1.0, 10 / turn_minutes);
    waiting = std::min(waiting + demand * 10, links);  // none waits twice
    served = std::min(waiting, calls * 10);
    waiting -= served;
    price.retune({.length = minutes(10),
                  .made = static_cast<std::uint64_t>(served),
                  .told = 0,
                  .waiting = static_cast<std::uint64_t>(waiting),
                  .patience = patience});
  }
};

TEST(Price, SettlesAtTheBudget) {
  for (const double appetite : {0.1, 0.3, 1.0, 3.0, 10.0}) {
    CallPrice price = priced(100'000, 500);
    Fleet fleet{.appetite = appetite};
    for (int i = 0; i < 6 * 24 * 7; ++i)
      fleet.pass(price);
    EXPECT_NEAR(fleet.demand, fleet.calls, 0.05 * fleet.calls) << appetite;
    EXPECT_LT(fleet.waiting, 60 * fleet.calls) << appetite;
    for (int i = 0; i < 6 * 24; ++i) {
      fleet.pass(price);
      EXPECT_NEAR(fleet.demand, fleet.calls, 0.1 * fleet.calls) << appetite;
    }
  }
}

TEST(Price, BeginsWhereAnOrdinaryFleetSettles) {
  // Each of 100,000 links every 200 minutes.
  EXPECT_NEAR(priced(100'000, 500).value(), std::pow(200.0 / 1440, 2) / 2, 1e-9);
  EXPECT_NEAR(price_of_interval(minutes(200)), std::pow(200.0 / 1440, 2) / 2, 1e-9);
}

TEST(Price, FollowsTheFleetAndTheBudgetAtOnce) {
  CallPrice price = priced(100'000, 500);
  for (int i = 0; i < 20; ++i)
    price.retune(window(minutes(10), 2500, 0));
  const double before = price.value();
  price.set_fleet(200'000, 500);
  EXPECT_NEAR(price.value(), 4 * before, 1e-9);
  price.set_fleet(200'000, 250);
  EXPECT_NEAR(price.value(), 16 * before, 1e-9);
  price.set_fleet(100'000, 500);
  EXPECT_NEAR(price.value(), before, 1e-9);
}

// The price of few links, which cannot fall further, says nothing about many.
TEST(Price, OfAFleetThatGrewIsThatOfOneThatWasAlwaysSoLarge) {
  CallPrice grown = priced(1, 500);
  EXPECT_EQ(grown.value(), least);
  for (std::uint64_t links = 2; links <= 100'000; links += links / 2) {
    grown.set_fleet(links, 500);
    grown.retune(window(minutes(10), 0, 0));
  }
  grown.set_fleet(100'000, 500);
  EXPECT_LT(grown.value(), 1.01 * priced(100'000, 500).value());
  EXPECT_GT(grown.value(), 0.2 * priced(100'000, 500).value());
}

TEST(Price, OfNoLinksIsTheLeast) {
  CallPrice price = priced(0, 500);
  EXPECT_EQ(price.value(), least);
  price.retune(window(minutes(10), 100, 100));
  EXPECT_EQ(price.value(), least);
  price.set_fleet(100'000, 500);
  EXPECT_EQ(price.value(), priced(100'000, 500).value());
  // All gone, and back.
  price.set_fleet(0, 500);
  price.set_fleet(100'000, 500);
  EXPECT_EQ(price.value(), priced(100'000, 500).value());
}

TEST(Price, IsNeverBelowTheLeastAndNeverWithoutEnd) {
  CallPrice price = priced(100'000, 500);
  for (int i = 0; i < 10'000; ++i) {
    price.retune(window(minutes(10), 0, 0));
    ASSERT_GE(price.value(), least);
  }
  EXPECT_EQ(price.value(), least);
  price.set_least(10 * least);
  EXPECT_EQ(price.value(), 10 * least);
  for (int i = 0; i < 10'000; ++i)
    price.retune(window(hours(1), 1'000'000'000, 1'000'000'000));
  EXPECT_LE(price.value(), CallPrice::price_max);
}

TEST(Price, MovesBySmallSteps) {
  CallPrice price = priced(100'000, 500);
  const double before = price.value();
  price.retune(window(minutes(10), 1'000'000, 1'000'000));
  EXPECT_LT(price.value(), 1.05 * before);
  price.retune(window(Millis(0), 1'000'000, 1'000'000));
  price.retune(window(minutes(-10), 1'000'000, 1'000'000));
  EXPECT_LT(price.value(), 1.05 * before);
}

// Of what webhooks leave the schedule makes as much use as of a budget without any.
TEST(Price, GovernsWhatWebhooksLeave) {
  CallPrice price = priced(100'000, 500);
  CallPrice of_a_fifth = priced(100'000, 500);
  const CallWindow hooked{
      .length = minutes(10), .made = 500, .told = 4000, .waiting = 0, .patience = minutes(15)};
  price.retune(hooked);
  of_a_fifth.retune(window(minutes(10), 2500, 0));
  EXPECT_NEAR(price.value(), of_a_fifth.value(), 1e-9) << "half of what may be used is used, in both";
  EXPECT_LT(price.value(), priced(100'000, 500).value());
}

// A whole bank is told of at once, again and again, and the schedule waits for an hour each time: no price
// would have helped, and it has room enough in between.
TEST(Price, DoesNotRiseForBurstsOfWebhooks) {
  CallPrice price = priced(600'000, 500);
  const double before = price.value();
  for (int round = 0; round < 200; ++round) {
    for (int i = 0; i < 6; ++i)
      price.retune(
          {.length = minutes(10), .made = 0, .told = 5000, .waiting = 60'000, .patience = minutes(15)});
    for (int i = 0; i < 6; ++i)
      price.retune(
          {.length = minutes(10), .made = 2200, .told = 1500, .waiting = 0, .patience = minutes(15)});
  }
  EXPECT_LT(price.value(), 10 * before);
}

// Also when they take all of it.
TEST(Price, IsNeverBeyondReasonForWebhooks) {
  CallPrice price = priced(100'000, 500);
  for (int i = 0; i < 6 * 24 * 60; ++i)
    price.retune({.length = minutes(10), .made = 0, .told = 9000, .waiting = 0, .patience = minutes(15)});
  EXPECT_TRUE(std::isfinite(price.value()));
  EXPECT_GE(price.value(), least);
  EXPECT_LE(price.value(), CallPrice::price_max);
}

TEST(Price, IsKeptOverARestart) {
  CallPrice price;
  price.set_least(least);
  price.restore(0.5);
  EXPECT_EQ(price.value(), 0.5);
  price.set_fleet(100'000, 500);
  EXPECT_EQ(price.value(), 0.5) << "the fleet is the one that it was learned from";
  price.restore(1e300);
  EXPECT_LE(price.value(), CallPrice::price_max);
  price.restore(1e-300);
  EXPECT_EQ(price.value(), least);
}

}  // namespace
}  // namespace syncd::core
