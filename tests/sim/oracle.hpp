#pragma once

#include <string>

#include "sync/core/policy.hpp"
#include "sync/core/update.hpp"
#include "tests/sandbox/model/upstream.hpp"
#include "tests/sim/invariants.hpp"
#include "tests/sim/model_store.hpp"

namespace syncd::test {

// The rows of a link equal upstream's history at the stored cursor: never behind it, never ahead of it, the
// pending ones of one generation only. `where`: whose view it is (Invariant::cursor_not_ahead or atomicity).
void check_rows_at_cursor(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                          sandbox::TimePoint now, Invariant where, Findings& findings);
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
                 const QuietMoment& moment, Findings& findings);
// After healing: each link is active and equal to what upstream shows now, or gone when upstream deleted it.
void check_healed(const ModelStore& store, sandbox::Upstream& upstream, sandbox::TimePoint now,
                  Findings& findings);
// An entry is open exactly while the link's status says that its owner must act, and says why.
void check_relink(const ModelStore& store, const core::LinkId& link_id, Findings& findings);
// Stored counts are those of the rows.
void check_counts(const ModelStore& store, const core::LinkId& link_id, Findings& findings);
// The feed entries of a commit are as many as the changes that comparing the rows has shown.
void check_net_changes(const core::LinkUpdate& update, const NetChanges& net, Findings& findings);
// Pending rows are shown one generation at a time: while a drain is open none joins them, and none leaves
// that its page does not name or settle.
void check_pending(const core::LinkUpdate& update, const NetChanges& net, Findings& findings);
// A commit follows the record it was computed from. `before`: null for a new link.
void check_owner(const core::LinkUpdate& update, const core::LinkRecord* before, Findings& findings);
// No link is put off for longer than the longest interval.
void check_due(const core::LinkRecord& record, core::WallTime now, const core::Policy& policy,
               Findings& findings);
// What a record carries along stays small, whatever upstream sends.
void check_record_bounds(const core::LinkRecord& record, Findings& findings);
// What an operator does to a link leaves everything else of it as it was in the store at that moment.
void check_action(const core::LinkUpdate& update, const core::LinkRecord& before, Findings& findings);

}  // namespace syncd::test
