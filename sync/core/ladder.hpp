#pragma once

#include <limits>

namespace syncd::core {

// When to look for a refresh that is expected at a time with a normal error, and how often again, so that
// expected delay and price of the looks together cost least. Everything is counted in spreads (standard
// deviations of that error) from the expected time; a table that is computed once (dynamic programming from
// the last sensible look backwards).
//
// A look costs `price`; a spread of delay costs 1. Looking may be given up: then the next refresh is waited
// for, `miss` spreads later. A share of the refreshes never comes (upstream leaves them out).
struct LadderPlan {
  double first = 0;  // when to look first; never(): not at all
  double cost = 0;   // expected, of delay and looks, for one refresh
  double looks = 0;  // expected number
};
inline constexpr double refreshes_left_out = 0.05;
inline constexpr double ladder_step = 0.25;  // between two looks, at least
constexpr double never() {
  return std::numeric_limits<double>::infinity();
}

// price > 0, miss > 0; beyond what the table covers the nearest entry is taken.
LadderPlan ladder_plan(double price, double miss);
// The look after one at `looked` that found nothing; never(): give up.
double ladder_next(double price, double miss, double looked);

// For a link of which `backlog` unseen refreshes wait at the same time: one look at so many spreads behind
// the latest of them. What comes later is missed, and costs `miss`.
struct SingleLook {
  double at = 0;
  double cost = 0;  // expected delay of all of them from the expected time of the latest on
};
SingleLook single_look(double backlog, double miss);

}  // namespace syncd::core
