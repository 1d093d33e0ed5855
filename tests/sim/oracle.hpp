#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sync/core/update.hpp"
#include "tests/sandbox/model/upstream.hpp"
#include "tests/sim/model_store.hpp"

namespace syncd::test {

// Each check appends a sentence per violation.
using Violations = std::vector<std::string>;

// The rows of a link equal upstream's history at the stored cursor: never behind it, never ahead of it.
void check_rows_at_cursor(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                          sandbox::TimePoint now, Violations& violations);
// After healing: each link is active and equal to what upstream shows now, or gone when upstream deleted it.
void check_converged(const ModelStore& store, sandbox::Upstream& upstream, sandbox::TimePoint now,
                     Violations& violations);
// Replaying the feed from nothing gives the visible state; no gap, no repeat, no entry that changes nothing.
void check_feed(const ModelStore& store, Violations& violations);
// An entry is open exactly while the link's status says that its owner must act.
void check_relink(const ModelStore& store, const core::LinkId& link_id, Violations& violations);
void check_counts(const ModelStore& store, const core::LinkId& link_id, Violations& violations);
void check_budgets(const sandbox::Upstream& upstream, Violations& violations);

}  // namespace syncd::test
