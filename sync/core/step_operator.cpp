#include <cassert>
#include <utility>

#include "sync/core/step.hpp"
#include "sync/core/step_parts.hpp"

// What an operator may do to a link. None of it counts as an attempt to sync.
namespace syncd::core {

namespace {

LinkUpdate begin_action(const StepInput& input) {
  LinkUpdate update = begin_step(input);
  update.record.last_attempt_at = input.record.last_attempt_at;
  return update;
}

}  // namespace

LinkUpdate step_add(const Registration& registration, WallTime now, Cause cause) {
  LinkUpdate update;
  update.link_id = registration.link_id;
  update.expected_fence = 0;
  update.at = now;
  update.cause = cause;
  LinkRecord& record = update.record;
  record.link_id = registration.link_id;
  record.customer_user_id = registration.customer_user_id;
  record.tags = registration.tags;
  record.added_at = now;
  record.next_due_at = now;
  update.changes.push_back({ChangeKind::link_added,
                            keep_text(update, registration.link_id.str()),
                            {},
                            keep_text(update, status_json(LinkStatus::active, {}))});
  return update;
}

bool completes(const Registration& registration, const LinkRecord& record) {
  const bool names_user = record.customer_user_id.empty() && !registration.customer_user_id.empty();
  return names_user || (record.tags.empty() && !registration.tags.empty());
}

LinkUpdate step_complete(const StepInput& input, const Registration& registration) {
  LinkUpdate update = begin_action(input);
  LinkRecord& record = update.record;
  if (record.tags.empty()) record.tags = registration.tags;
  if (!record.customer_user_id.empty()) return update;
  record.customer_user_id = registration.customer_user_id;
  if (record.customer_user_id.empty() || !relink_waits(input)) return update;
  update.relink = input.held->relink;
  update.relink->customer_user_id = record.customer_user_id;
  ++update.relink->version;
  return update;
}

LinkUpdate step_pause(const StepInput& input) {
  LinkUpdate update = begin_action(input);
  update.record.status = LinkStatus::paused;
  note_status(input, update);
  return update;
}

LinkUpdate step_resume(const StepInput& input) {
  LinkUpdate update = begin_action(input);
  update.record.status = relink_waits(input) ? LinkStatus::relink : LinkStatus::active;
  update.record.next_due_at = input.now;
  note_status(input, update);
  return update;
}

LinkUpdate step_repair(const StepInput& input) {
  LinkUpdate update = begin_action(input);
  LinkRecord& record = update.record;
  record.repairing = true;
  record.accounts_wanted = true;
  record.next_due_at = input.now;
  const bool reads_feed = record.has_transactions_product && !record.transactions_forbidden;
  if (reads_feed) begin_replay(input, update);
  return update;
}

LinkUpdate step_retry_letter(const StepInput& input) {
  assert(input.held->dead_letter);
  LinkUpdate update = begin_action(input);
  LinkRecord& record = update.record;
  record.protocol_failures = 0;
  record.failures = 0;
  record.next_due_at = input.now;
  if (record.status == LinkStatus::quarantined) record.status = LinkStatus::active;
  update.dead_letter = input.held->dead_letter;
  update.dead_letter->retried_at = input.now;
  note_status(input, update);
  return update;
}

LinkUpdate step_drop_letter(const StepInput& input) {
  assert(input.held->dead_letter);
  LinkUpdate update = begin_action(input);
  update.dropped_dead_letter_at = input.held->dead_letter->at;
  return update;
}

LinkUpdate step_purge(const StepInput& input, bool unlinked) {
  LinkUpdate update = begin_action(input);
  update.purge = true;
  const Counts& counts = input.record.counts;
  std::string receipt = "{\"accounts\":" + std::to_string(counts.accounts);
  receipt += ",\"transactions\":" + std::to_string(counts.transactions);
  receipt += unlinked ? ",\"unlinked\":true}" : ",\"unlinked\":false}";
  update.changes.push_back(
      {ChangeKind::link_purged, link_id_text(update), {}, keep_text(update, std::move(receipt))});
  return update;
}

LinkUpdate step_relink(const StepInput& input, RelinkEntry changed) {
  const RelinkEntry& held = *input.held->relink;
  LinkUpdate update = begin_action(input);
  const bool was_live = is_live(held.status);
  if (is_live(changed.status) != was_live) {
    const auto kind = was_live ? ChangeKind::relink_resolved : ChangeKind::relink_opened;
    const std::string_view before = was_live ? keep_text(update, to_json(held)) : std::string_view{};
    update.changes.push_back({kind, link_id_text(update), before, keep_text(update, to_json(changed))});
  }
  update.relink = std::move(changed);
  return update;
}

}  // namespace syncd::core
