#include "sync/core/price.hpp"

#include <algorithm>
#include <cmath>

namespace syncd::core {

namespace {

constexpr double minutes_per_day = 1440;
// A price acts on a link at its next visit only, and the two prices act on each other: it moves more slowly
// than the fleet is visited, by so many rounds. Faster, prices go to and fro, and calls are left unused.
constexpr double settling_rounds = 3;
constexpr double round_minutes_min = 60;
// A row that takes so long, beyond what is to be expected, is as much too much as twice the calls would be.
constexpr double work_off_minutes = 15;
constexpr double ratio_min = 0.5, ratio_max = 2;
constexpr double left_min = 0.05;  // of the budget, however many webhooks come

double minutes_of(Millis span) {
  return std::chrono::duration<double, std::ratio<60>>(span).count();
}

}  // namespace

double price_of_interval(Millis interval) {
  const double days = minutes_of(interval) / minutes_per_day;
  return days * days / 2;
}

// Of a fleet of links with one change a day, by the square-root law: twice the links or half the calls is
// twice the wait, four times the price.
double CallPrice::ordinary() const {
  const double days_between = links_ / (calls_per_minute_ * minutes_per_day);
  return days_between * days_between / 2;
}

double CallPrice::round_minutes() const {
  return std::max(links_ / calls_per_minute_, round_minutes_min);
}

void CallPrice::set_fleet(std::uint64_t links, double calls_per_minute) {
  const bool known = links_ > 0;
  // How much more or less than an ordinary fleet this one asks for. A price that cannot fall further says
  // only that it is less; that of a few links says nothing about many.
  const double before = known ? ordinary() : 0;
  if (links > 0) links_ = static_cast<double>(links);
  calls_per_minute_ = calls_per_minute;
  if (links_ <= 0) return;
  if (price_ <= 0) {
    price_ = ordinary();
  } else if (known && before != ordinary()) {
    const double asks = value() > least_ ? price_ / before : std::min(least_ / before, 1.0);
    price_ = asks * ordinary();
  }
  price_ = std::clamp(price_, least_, price_max);
}

double CallPrice::left_by_webhooks(const CallWindow& window) {
  const double minutes = minutes_of(window.length);
  known_minutes_ = std::min(known_minutes_ + minutes, std::max(round_minutes(), minutes));
  const double told = static_cast<double>(window.told) / minutes;
  told_per_minute_ += minutes / known_minutes_ * (told - told_per_minute_);
  return std::max(calls_per_minute_ - told_per_minute_, left_min * calls_per_minute_);
}

void CallPrice::retune(const CallWindow& window) {
  const double minutes = minutes_of(window.length);
  if (minutes <= 0 || links_ <= 0) return;
  const double settling_minutes = settling_rounds * round_minutes();
  const double left = left_by_webhooks(window);
  const double demand = static_cast<double>(window.made) / (left * minutes);
  const double wait_minutes = static_cast<double>(window.waiting) / left;
  const double too_long_minutes = std::max(wait_minutes - minutes_of(window.patience), 0.0);
  const double ratio = std::clamp(demand + wait_minutes / settling_minutes, ratio_min, ratio_max);
  const double pressure = std::min(1 + too_long_minutes / work_off_minutes, ratio_max);
  // Webhooks come in bursts, a whole bank at a time. What then waits is worked off when they are over; no
  // price would have helped.
  const double left_share = left / calls_per_minute_;
  const double urgency = left_share * left_share;
  const double step =
      std::pow(ratio, minutes / settling_minutes) * std::pow(pressure, urgency * minutes / round_minutes());
  price_ = std::clamp(price_ * step, least_, price_max);
}

}  // namespace syncd::core
