#pragma once

#include "sync/core/planner.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/update.hpp"

namespace syncd::core {

LinkOutlook outlook_of(const LinkRecord& record, const Policy& policy);
// The tag of the link that has the largest weight, of several the first configured; null: none has one. Lives
// as long as the policy.
const TagWeight* heaviest_tag(const LinkRecord& record, const Policy& policy);
// How much a change of the link counts: that weight; 1 where no tag has one.
double weight_of(const LinkRecord& record, const Policy& policy);
FreshnessPolicy freshness_policy_of(const Policy& policy);

// What the answer behind `update` teaches the planner, and, where the link waits for its next visit, when
// that is: the update's record gets both, to be committed with it. `before` is the record that the update was
// made of; `changed`: the visit has found something new, this update included. The adaptive policy only.
void plan_next_visit(VisitPlanner& planner, const Policy& policy, const LinkRecord& before, bool changed,
                     LinkUpdate& update);

}  // namespace syncd::core
