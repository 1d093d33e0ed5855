#include "sync/core/next_visit.hpp"

#include <algorithm>

#include "sync/core/schedule.hpp"

namespace syncd::core {

namespace {

FoundBy found_by(Cause cause) {
  switch (cause) {
    case Cause::schedule:
      return FoundBy::poll;
    case Cause::webhook:
      return FoundBy::hook;
    default:
      return FoundBy::other;
  }
}

}  // namespace

const TagWeight* heaviest_tag(const LinkRecord& record, const Policy& policy) {
  const TagWeight* heaviest = nullptr;
  if (policy.weights == nullptr) return nullptr;
  for (const TagWeight& one : *policy.weights) {
    const bool has = std::ranges::find(record.tags, one.tag) != record.tags.end();
    if (has && (heaviest == nullptr || one.weight > heaviest->weight)) heaviest = &one;
  }
  return heaviest;
}

double weight_of(const LinkRecord& record, const Policy& policy) {
  const TagWeight* const heaviest = heaviest_tag(record, policy);
  return heaviest != nullptr ? heaviest->weight : 1;
}

LinkOutlook outlook_of(const LinkRecord& record, const Policy& policy) {
  const LinkFreshness& freshness = record.freshness;
  return {.id_hash = stable_hash(record.link_id.str()),
          .evidence = freshness.evidence,
          .has_webhook = freshness.has_webhook,
          .weight = weight_of(record, policy),
          .refreshed_at = upstream_clock_of(record),
          .fetched_at = freshness.fetched_at,
          .looked_at = freshness.looked_at};
}

FreshnessPolicy freshness_policy_of(const Policy& policy) {
  return {.min_interval = policy.min_interval,
          .interval = policy.interval,
          .max_interval = std::max(policy.max_interval, policy.min_interval),
          .peeks = policy.peeks};
}

void plan_next_visit(VisitPlanner& planner, const Policy& policy, const LinkRecord& before, bool changed,
                     LinkUpdate& update) {
  LinkRecord& record = update.record;
  LinkFreshness& freshness = record.freshness;
  if (update.looked) {
    const LinkOutlook known = outlook_of(before, policy);
    planner.note_look(known, record.institution_id, record.provider, upstream_clock_of(record));
    // What the first drain reads is history; it says nothing about how often there is something new.
    const bool watched = before.freshness.fetched_at != WallTime{} && !before.resync;
    if (update.fetched && watched)
      freshness.evidence = planner.note_fetch(known, record.institution_id, record.provider, update.at,
                                              changed, found_by(update.cause));
  }
  if (update.fetched) freshness.fetched_at = update.at;
  if (!update.waits) return;
  const LinkOutlook outlook = outlook_of(record, policy);
  const bool control = arm_of(outlook.id_hash, policy.control_share) == Arm::control;
  const VisitPlan plan = control ? planner.turn(outlook.id_hash, update.at)
                                 : planner.plan(outlook, record.institution_id, record.provider, update.at);
  record.next_due_at = plan.due_at;
  freshness.peek_next = plan.peek;
  freshness.reason = plan.reason;
}

}  // namespace syncd::core
