#include "sync/core/price.hpp"

#include <algorithm>
#include <cmath>

namespace syncd::core {

namespace {

constexpr double minutes_per_day = 1440;
// A price acts on a link at its next visit only: it moves as slowly as the fleet is visited, and what is
// overdue is to be worked off in as much time. No faster than in an hour.
constexpr double settling_minutes_min = 60;
constexpr double ratio_min = 0.5, ratio_max = 2;

double minutes_of(Millis span) {
  return std::chrono::duration<double, std::ratio<60>>(span).count();
}

}  // namespace

double price_of_interval(Millis interval) {
  const double days = minutes_of(interval) / minutes_per_day;
  return days * days / 2;
}

void CallPrice::set_fleet(std::uint64_t links, double calls_per_minute) {
  const double fleet = std::max(static_cast<double>(links), 1.0);
  const double days_between = fleet / (calls_per_minute * minutes_per_day);
  if (price_ <= 0) {
    price_ = days_between * days_between / 2;
  } else if (links_ > 0) {
    // The square-root law: twice the links or half the calls is twice the wait, four times the price.
    const double ratio = (fleet / links_) * (calls_per_minute_ / calls_per_minute);
    price_ *= ratio * ratio;
  }
  price_ = std::max(price_, least_);
  links_ = fleet;
  calls_per_minute_ = calls_per_minute;
}

void CallPrice::retune(Millis window, std::uint64_t fell_due, std::uint64_t waiting) {
  const double minutes = minutes_of(window);
  if (minutes <= 0 || calls_per_minute_ <= 0) return;
  const double settling_minutes = std::max(links_ / calls_per_minute_, settling_minutes_min);
  const double demand = static_cast<double>(fell_due) / (calls_per_minute_ * minutes);
  const double backlog = static_cast<double>(waiting) / (calls_per_minute_ * settling_minutes);
  const double ratio = std::clamp(demand + backlog, ratio_min, ratio_max);
  price_ = std::max(price_ * std::pow(ratio, minutes / settling_minutes), least_);
}

}  // namespace syncd::core
