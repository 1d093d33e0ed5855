#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sync/api/rate_gate.hpp"
#include "sync/core/update.hpp"
#include "tests/sandbox/model/upstream.hpp"
#include "tests/sim/model_store.hpp"
#include "tests/sim/tally.hpp"

namespace syncd::test {

// Each check appends a sentence per violation.
using Violations = std::vector<std::string>;

// The rows of a link equal upstream's history at the stored cursor: never behind it, never ahead of it.
void check_rows_at_cursor(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                          sandbox::TimePoint now, Violations& violations);
// The moment after a long time without faults and refreshes, in which nobody has helped.
struct QuietMoment {
  sandbox::TimePoint true_now;
  core::WallTime wall_now;        // the process's clock
  core::Millis oldest_success{};  // a healthy link was visited within this
};
// A link that upstream calls healthy is active, visited of late and equal to upstream, without an open entry;
// one that needs its owner has an open entry with upstream's reason; a deleted one is gone. For links whose
// data may be read.
void check_quiet(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                 const QuietMoment& moment, Violations& violations);
// After healing: each link is active and equal to what upstream shows now, or gone when upstream deleted it.
void check_healed(const ModelStore& store, sandbox::Upstream& upstream, sandbox::TimePoint now,
                  Violations& violations);
// An entry is open exactly while the link's status says that its owner must act.
void check_relink(const ModelStore& store, const core::LinkId& link_id, Violations& violations);
void check_counts(const ModelStore& store, const core::LinkId& link_id, Violations& violations);
// What an operator does to a link leaves everything else of it as it was in the store at that moment.
void check_action(const core::LinkUpdate& update, const core::LinkRecord& before, Violations& violations);
// Requests as they arrived at upstream, whatever became of them: never more in any minute than allowed.
void check_budgets(const sandbox::Upstream& upstream, const api::Budgets& budgets, Tally& tally,
                   Violations& violations);

}  // namespace syncd::test
