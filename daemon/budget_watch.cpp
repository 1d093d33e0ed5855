#include "daemon/budget_watch.hpp"

#include <string_view>

namespace syncd::daemon {

void BudgetWatch::look(const std::vector<api::BudgetUse>& budgets) {
  for (const api::BudgetUse& use : budgets) {
    const bool cut = use.limit < use.configured;
    const bool changed = cut ? cut_.insert(use.endpoint).second : cut_.erase(use.endpoint) != 0;
    if (!changed) continue;
    const LogFields fields = LogFields{}
                                 .add("endpoint", core::to_string(use.endpoint))
                                 .add("calls_per_minute", use.limit)
                                 .add("configured", use.configured);
    if (cut) {
      log_.warn(
          "budget_cut",
          "upstream refused calls with 429 although the budget had room: fewer are made, and step by step "
          "more again; does another program use these credentials, or is [budget] above what is allowed?",
          fields);
    } else {
      log_.info("budget_whole", "all calls of the budget are made again", fields);
    }
  }
}

}  // namespace syncd::daemon
