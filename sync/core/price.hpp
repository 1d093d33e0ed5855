#pragma once

#include <algorithm>
#include <cstdint>

#include "sync/core/types.hpp"

namespace syncd::core {

// What became of a budget in some minutes.
struct CallWindow {
  Millis length{};
  std::uint64_t made = 0;     // calls that a price has a say in
  std::uint64_t told = 0;     // calls that webhooks asked for, whatever the price
  std::uint64_t waiting = 0;  // visits that are overdue at its end
  // As many as go out in this time are what a budget that is used up looks like; more are too many.
  Millis patience{};
};

// One number that keeps the demand for calls at what a budget allows: the price of a call, in change-days
// (see CallPrices). It rises while more falls due than may go out, and falls while there is room. Moves in
// small steps, because a link meets a new price only at its next visit.
class CallPrice {
 public:
  // Calls a minute that the schedule may make, above zero, and links that share them; 0: nobody knows yet how
  // many, or they are all gone. The first time the price that a fleet of ordinary links would settle at is
  // taken; later the present one follows the change.
  void set_fleet(std::uint64_t links, double calls_per_minute);
  // Of calls that a price has a say in there should be as many as webhooks leave.
  void retune(const CallWindow& window);
  double value() const { return std::max(price_, least_); }
  // Not below: a call that saves less is not worth its trouble, however many are allowed.
  void set_least(double price) { least_ = price; }
  // What was learned before a restart; above zero.
  void restore(double price) { price_ = std::clamp(price, least_, price_max); }
  static constexpr double price_max = 1e4;  // worth a call for each of the links in three months

 private:
  double ordinary() const;
  double round_minutes() const;  // in which each link has a call
  // Calls a minute that webhooks leave, on average; never quite none.
  double left_by_webhooks(const CallWindow& window);

  double price_ = 0;  // 0: nobody has said how many links there are
  double least_ = 0;
  double links_ = 0;
  double calls_per_minute_ = 0;
  double told_per_minute_ = 0;  // in the last round of the fleet
  double known_minutes_ = 0;    // that it is the mean of
};

// The price at which a link with one change a day is visited every `interval`.
double price_of_interval(Millis interval);

}  // namespace syncd::core
