#pragma once

#include <set>
#include <vector>

#include "daemon/log.hpp"
#include "sync/api/rate_gate.hpp"

namespace syncd::daemon {

// Tells the journal that upstream allows fewer calls than are configured (it refused some with 429), and when
// all of them are used again: a line each, however many 429s come between.
class BudgetWatch {
 public:
  explicit BudgetWatch(Log& log) : log_(log) {}
  void look(const std::vector<api::BudgetUse>& budgets);

 private:
  Log& log_;
  std::set<core::Endpoint> cut_;
};

}  // namespace syncd::daemon
