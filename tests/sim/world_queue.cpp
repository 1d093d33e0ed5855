// What people do to the relink queue in the simulated world, and what must be true of the log of their acts.
#include <algorithm>
#include <iterator>

#include "tests/sim/world_impl.hpp"

namespace syncd::test {

namespace {

using Kind = core::RelinkRequest::Kind;

core::RelinkRequest draw_request(const core::RelinkEntry* entry, core::WallTime now, Dice& dice) {
  core::RelinkRequest request;
  request.kind = static_cast<Kind>(1 + dice.draw(core::relink_request_kind_count));
  const bool claimed = entry != nullptr && !entry->assignee.empty();
  if (claimed && dice.chance(35)) request.kind = Kind::release;
  if (entry != nullptr) request.version = entry->version - (dice.chance(15) ? 1 : 0);
  if (dice.chance(30)) request.assignee = dice.chance(50) ? "ann" : "bob";
  request.take_over = dice.chance(50);
  if (request.kind == Kind::note) {
    request.text = "called";
    if (dice.chance(50)) request.version.reset();
  }
  request.session_expires_at = now + std::chrono::minutes(30);
  return request;
}

bool by_a_person(const std::optional<core::RelinkEntry>& entry) {
  return entry && !entry->history.empty() && !entry->history.back().actor.empty();
}

// What only a person does.
bool must_be_an_act(const core::LinkUpdate& update, const core::LinkRecord* before) {
  if (before == nullptr) return update.cause == core::Cause::manual;
  const bool was_paused = before->status == core::LinkStatus::paused;
  const bool is_paused = update.record.status == core::LinkStatus::paused;
  const bool repairs = update.record.repairing && !before->repairing;
  const bool of_letter = update.dropped_dead_letter_at ||
                         (update.dead_letter && update.dead_letter->retried_at != core::WallTime{});
  const bool completes = update.record.customer_user_id != before->customer_user_id;
  return was_paused != is_paused || by_a_person(update.relink) || of_letter || repairs || completes;
}

// A repair that waits for its accounts may be begun anew.
bool may_be_an_act(const core::LinkUpdate& update, const core::LinkRecord* before) {
  return must_be_an_act(update, before) || update.record.repairing;
}

}  // namespace

// ---- acts ----

void World::act_on_queue() {
  Dice dice(plan_.seed, queue_stream, ++queue_acts_);
  if (!on(Hazard::queue_acts) || !dice.chance(60)) return;
  if (dice.chance(30)) queue_act_at_commit_ = true;
  const auto& entries = store_.relink;
  if (entries.empty()) return;
  const auto entry = std::next(entries.begin(), static_cast<std::ptrdiff_t>(dice.draw(entries.size())));
  ask_for_entry_act(entry->first, dice);
}

// Now and then the same request is sent again, before its answer or behind it, as whoever has lost one does.
void World::ask_for_entry_act(const LinkId& link_id, Dice& dice) {
  const auto found = store_.relink.find(link_id);
  const core::RelinkEntry* const entry = found == store_.relink.end() ? nullptr : &found->second;
  const core::RelinkRequest request = draw_request(entry, timers_.wall_now(), dice);
  engine::Requester by = somebody();
  const bool with_key = dice.chance(60);
  if (with_key) {
    by.request_key = core::digest_of(by.actor);
    by.request_digest = core::digest_of(link_id.str());
  }
  note(std::string(core::action_name(request.kind)) + " " + link_id.str() + " as " + by.actor);
  let_a_read_fail();
  tasks_.spawn(entry_task(link_id, request, by));
  if (!with_key) return;
  if (dice.chance(50)) {
    tally("the same request comes twice at once");
    tasks_.spawn(entry_task(link_id, request, by));
  }
  if (dice.chance(20)) {
    by.request_digest = core::digest_of("something else");
    tally("another request under the same key");
    tasks_.spawn(entry_task(link_id, request, by));
  }
}

api::Task<void> World::entry_task(LinkId link_id, core::RelinkRequest request, engine::Requester by) {
  Process* const process = process_.get();
  const std::string actor = by.actor;
  const auto entry = co_await process->engine.act_on_entry(link_id, request, std::move(by));
  if (process->state.dead) co_return;
  if (!entry) {
    const bool late = entry.error().code == core::Errc::conflict;
    tally(late ? "an act on an entry is refused" : "an act on an entry fails");
    co_return;
  }
  tally(std::string("act: ") + std::string(core::action_name(request.kind)));
  findings_.expect(Invariant::acts, acts_by(actor) == 1,
                   "link " + link_id.str() + ": " + actor + " was answered, and the audit log has " +
                       std::to_string(acts_by(actor)) + " of the acts");
}

// ---- what must be true ----

std::size_t World::acts_by(const std::string& actor) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      store_.audit, [&](const core::AuditEntry& entry) { return entry.note.actor == actor; }));
}

void World::check_act(const core::LinkUpdate& update, const core::LinkRecord* before) {
  const std::string link = "link " + update.link_id.str() + ": ";
  findings_.expect(Invariant::acts, update.audit || !must_be_an_act(update, before),
                   link + "a person's change without an entry in the audit log");
  if (!update.audit) return;
  findings_.expect(
      Invariant::acts, may_be_an_act(update, before),
      link + "an entry in the audit log for " + update.audit->action + ", which changed nothing");
  tally("an act is in the audit log");
  const core::AuditEntry& last = store_.audit.back();
  findings_.expect(Invariant::acts, last.note == *update.audit && last.link_id == update.link_id,
                   link + "the audit log does not end with what was done");
  findings_.expect(Invariant::acts, acts_by(update.audit->actor) == 1,
                   link + "what " + update.audit->actor + " asked for was done twice");
}

void World::check_act_chain() {
  core::AuditHead head;
  for (const core::AuditEntry& entry : store_.audit) {
    const bool fits = entry.sequence == head.sequence + 1 && entry.hash == core::chain_hash(head.hash, entry);
    findings_.expect(Invariant::acts, fits, "the chain is broken at act " + std::to_string(entry.sequence));
    head = {entry.sequence, entry.hash};
  }
}

}  // namespace syncd::test
