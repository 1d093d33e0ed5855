// What operators do about the local copy in the simulated world, and what must be true of it: verify, repair,
// dead letters, the rolling audit.
#include <algorithm>
#include <charconv>

#include "sync/core/redact.hpp"
#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::minutes;

namespace {

// A verify that ended within this before may have begun before what it is judged by.
constexpr Millis report_takes{50};
// The try that ends a turn of the audit does not last longer, whatever goes wrong.
constexpr Millis turn_max = std::chrono::hours(12);
// A whole turn while nothing goes wrong: its visits and the budget may let it wait.
constexpr Millis quiet_turn_max = std::chrono::hours(2);

std::vector<std::string> named_ids(const core::DifferenceTally& tally) {
  std::vector<std::string> ids;
  for (const auto* each : {&tally.missing_ids, &tally.extra_ids, &tally.changed_ids})
    ids.insert(ids.end(), each->begin(), each->end());
  return ids;
}

const std::vector<std::string>& ids_of(const core::DifferenceTally& tally, core::DifferenceKind kind) {
  if (kind == core::DifferenceKind::missing) return tally.missing_ids;
  return kind == core::DifferenceKind::extra ? tally.extra_ids : tally.changed_ids;
}

bool tells_of(const core::LinkUpdate& update, const std::string& id) {
  return std::ranges::find(update.changes, id, &core::Change::id) != update.changes.end();
}

bool touches_rows(const core::LinkUpdate& update) {
  return !update.transaction_puts.empty() || !update.transaction_erases.empty() ||
         !update.staged_puts.empty() || !update.account_puts.empty();
}

}  // namespace

// ---- acts ------------------------------------------------------------------------------------------------

void World::act_on_copy(Dice& dice, const std::string& link) {
  static constexpr Hazard kinds[] = {Hazard::verify,       Hazard::verify,       Hazard::repair,
                                     Hazard::dead_letters, Hazard::dead_letters, Hazard::damage,
                                     Hazard::damage};
  const Hazard kind = kinds[dice.draw(std::size(kinds))];
  if (!on(kind)) return;
  const LinkId link_id{link};
  switch (kind) {
    case Hazard::verify:
      return operate(Action::verify, link_id, dice);
    case Hazard::repair:
      return operate(Action::repair, link_id, dice);
    case Hazard::dead_letters:
      return operate(dice.chance(70) ? Action::retry_letter : Action::drop_letter, link_id, dice);
    default:
      return damage_and_repair(dice, link_id);
  }
}

void World::ask_for_verify(const LinkId& link_id) {
  tally("operator verifies");
  if (process_->engine.verify(link_id)) tally("operator verifies: accepted");
}

// A letter of the link, or of another one when it has none: the last one mostly, so that one is met twice.
void World::act_on_letter(Action action, const LinkId& link_id, Dice& dice) {
  const auto& letters = store_.dead_letters;
  if (letters.empty()) return;
  const auto last = std::find_if(letters.rbegin(), letters.rend(),
                                 [&](const core::DeadLetter& letter) { return letter.link_id == link_id; });
  const core::DeadLetter& letter = last == letters.rend() ? letters[dice.draw(letters.size())] : *last;
  // Now and then about one that is not there.
  const core::WallTime at = letter.at + Millis(dice.chance(10) ? 1 : 0);
  const bool retry = action == Action::retry_letter;
  note((retry ? "retry letter of " : "drop letter of ") + letter.link_id.str());
  tally(retry ? "operator retries a dead letter" : "operator drops a dead letter");
  tasks_.spawn(letter_task(letter.link_id, at, retry));
}

api::Task<void> World::repair_task(LinkId link_id) {
  const auto repaired = co_await process_->engine.repair(std::move(link_id), somebody());
  note_outcome(repaired);
  if (repaired) tally("operator repairs: accepted");
}

api::Task<void> World::letter_task(LinkId link_id, core::WallTime at, bool retry) {
  Process* const process = process_.get();
  if (retry) {
    const auto retried = co_await process->engine.retry_letter(std::move(link_id), at, somebody());
    note_outcome(retried);
    if (!process->state.dead && !retried && retried.error().code == core::Errc::not_found)
      tally("no such dead letter");
    co_return;
  }
  const auto dropped = co_await process->engine.drop_letter(link_id, at, somebody());
  note_outcome(dropped);
  if (!dropped || process->state.dead) co_return;
  const bool gone = store_.find_letter(link_id, at) == nullptr;
  findings_.expect(Invariant::dead_letters, gone, "a letter that was dropped is still there");
}

// A row of the copy goes wrong. Verify until somebody says so, repair until it is right; whatever else is
// drawn for the seed happens meanwhile. What is left then stays wrong until the end.
void World::damage_and_repair(Dice& dice, const LinkId& link_id) {
  if (!damages_.empty()) return;
  read_feed();
  std::optional<Damage> damage = plant_damage(store_, link_id, dice);
  if (!damage) return;
  damage->at = timers_.steady_now();
  note("damage " + link_id.str() + " " + damage->id);
  tally(std::string("damage: ") + (damage->account ? "an account" : "a row") +
        (damage->kind == core::DifferenceKind::missing ? " is missing"
         : damage->kind == core::DifferenceKind::extra ? " too many"
                                                       : " is altered"));
  reader_.take_as_it_is(store_, link_id);
  older_copy_.reset();
  planted_[link_id].insert(damage->id);
  damages_.push_back(*std::move(damage));
  damage_found_ = false;
  for (std::uint32_t i = dice.between(0, 4); i > 0 && !damages_.empty() && !damage_found_; --i) {
    operate(Action::verify, link_id, dice);
    live(minutes(dice.between(5, 40)));
  }
  for (std::uint32_t i = dice.between(1, 4); i > 0 && !damages_.empty(); --i) {
    operate(Action::repair, link_id, dice);
    live(minutes(dice.between(5, 40)));
  }
}

// The process may end while a repair is under way.
void World::plan_strike_in_repair(Dice& dice) {
  static constexpr Hazard kinds[] = {Hazard::crash, Hazard::power_cut, Hazard::clean_stop};
  const std::uint64_t kind = dice.draw(std::size(kinds));
  const std::uint64_t skip = dice.draw(40);
  if (faults_over_ || !dice.chance(60) || !on(kinds[kind])) return;
  strike_plan_ = StrikePlan{static_cast<Strike>(kind), Moment::mid_repair, skip};
}

void World::repair_what_is_left() {
  for (const Damage& damage : damages_)
    tasks_.spawn(repair_task(damage.link_id));
}

bool World::damaged(const LinkId& link_id) const {
  return std::ranges::find(damages_, link_id, &Damage::link_id) != damages_.end();
}

void World::check_rows(const LinkId& link_id, Invariant where) {
  if (damaged(link_id)) return;
  check_rows_at_cursor(store_, upstream_, link_id, timers_.true_now(), where, findings_);
}

// ---- repair ----------------------------------------------------------------------------------------------

void World::check_repair(const core::LinkUpdate& update, const core::LinkRecord* before) {
  if (before == nullptr) return;
  const core::LinkRecord& record = update.record;
  const std::string link = "link " + update.link_id.str() + ": ";
  if (record.repairing && !before->repairing) {
    tally("repair begins");
    findings_.expect(Invariant::repair, !touches_rows(update) && update.changes.empty(),
                     link + "the begin of a repair changes rows");
    const bool replays = record.generation != before->generation;
    findings_.expect(Invariant::repair,
                     !replays || (!before->resync && past_[update.link_id].history_was_read),
                     link + "a repair begins anew what is being read anyway");
  }
  if (before->repairing && !record.repairing) tally("repair ends");
  if (record.cursor && !record.drain.open && !record.resync) past_[update.link_id].history_was_read = true;
  const bool tells = update.created + update.updated + update.removed > 0;
  if (before->repairing && before->resync && tells) {
    findings_.expect(Invariant::repair, update.cause == core::Cause::verify,
                     link + "what a repair finds is told as something else");
  }
  if (update.cause == core::Cause::verify) {
    findings_.expect(Invariant::repair, before->repairing, link + "told as a repair's though there is none");
  }
}

// What is right again, by whatever visit, is looked at at once.
void World::check_damage(const core::LinkUpdate& update, const core::LinkRecord* before) {
  const LinkId& link_id = update.link_id;
  if (!damaged(link_id)) return;
  const bool in_repair = before != nullptr && before->repairing;
  std::erase_if(damages_, [&](const Damage& damage) {
    if (damage.link_id != link_id) return false;
    if (damage_is_left(damage, store_, upstream_, timers_.true_now(), true)) return false;
    const bool told = tells_of(update, damage.id);
    tally(in_repair ? "damage repaired" : "damage gone by an ordinary visit");
    if (in_repair && told) {
      findings_.expect(
          Invariant::repair, update.cause == core::Cause::verify || !before->resync,
          "link " + link_id.str() + ": " + damage.id + " is repaired but told as something else");
    }
    return true;
  });
  if (!damaged(link_id)) check_rows(link_id, Invariant::repair);
}

// ---- dead letters ----------------------------------------------------------------------------------------

// Whoever looks into a quarantine finds what upstream has said.
void World::check_new_letter(const core::LinkUpdate& update, const core::LinkRecord* before) {
  constexpr auto quarantined = core::LinkStatus::quarantined;
  const std::optional<core::DeadLetter>& letter = update.dead_letter;
  const std::string link = "link " + update.link_id.str() + ": ";
  const bool turns =
      before != nullptr && before->status != quarantined && update.record.status == quarantined;
  findings_.expect(Invariant::dead_letters, !turns || letter, link + "quarantined without a letter");
  if (!letter || letter->retried_at != core::WallTime{}) return;
  const bool unread = letter->reason == answer_too_large;
  const std::string& told = past_[update.link_id].answers[letter->endpoint];
  const core::DeadLetter wanted{.link_id = update.link_id,
                                .endpoint = letter->endpoint,
                                .at = update.at,
                                .reason = letter->reason,
                                .body_bytes = unread ? 0 : told.size(),
                                .body_digest = unread ? core::Digest{} : core::digest_of(told),
                                .redacted_body = settings_.engine.policy.keep_redacted_bodies && !unread
                                                     ? core::redacted(told)
                                                     : std::string()};
  findings_.expect(Invariant::dead_letters, *letter == wanted,
                   link + "a letter is not about the answer that was refused: " + letter->reason);
}

void World::check_letters(const core::LinkUpdate& update, const core::LinkRecord* before) {
  check_new_letter(update, before);
  const bool retried = update.dead_letter && update.dead_letter->retried_at != core::WallTime{};
  if (!retried && !update.dropped_dead_letter_at) return;
  const std::optional<core::DeadLetter>& letter = store_.letter_before();
  const auto expect = [&](bool holds, std::string_view what) {
    findings_.expect(Invariant::dead_letters, holds,
                     "link " + update.link_id.str() + ": " + std::string(what));
  };
  expect(letter.has_value(), "a letter that is not there is retried or dropped");
  expect(!touches_rows(update), "what is done to a letter changes rows");
  if (!letter || before == nullptr) return;
  if (update.dropped_dead_letter_at) {
    tally("dead letter dropped");
    expect(update.changes.empty() && update.record.status == before->status, "a dropped letter changes more");
    return;
  }
  tally("dead letter retried");
  core::DeadLetter as_before = *update.dead_letter;
  as_before.retried_at = {};
  expect(as_before == *letter, "a letter is retried twice, or changed by that");
  const bool left = before->status == core::LinkStatus::quarantined;
  if (left) tally("dead letter retried: the link leaves the quarantine");
  expect(update.record.status == (left ? core::LinkStatus::active : before->status),
         "a retried letter leads to another status");
}

// ---- verify ----------------------------------------------------------------------------------------------

void World::on_verify(const core::VerifyReport& report) {
  const bool verdict = report.result != core::VerifyResult::incomplete;
  tally("verify: " + std::string(core::to_string(report.result)));
  if (report.by_audit) tally("verify: by the audit");
  if (!verdict) tally("verify: incomplete: " + report.reason);
  trace("verify " + report.link_id.str() + " " + std::string(core::to_string(report.result)) + " " +
        report.reason);
  if (!verdict) return;
  findings_.looked(Invariant::verify);
  check_named(report);
  for (const Damage& damage : damages_)
    check_found(report, damage);
  tell_violations();
}

// Nothing is called wrong that was not made wrong.
void World::check_named(const core::VerifyReport& report) {
  const std::set<std::string>& planted = planted_[report.link_id];
  const auto check = [&](const core::DifferenceTally& found, const std::string& what) {
    for (const std::string& id : named_ids(found)) {
      if (planted.contains(id)) continue;
      findings_.broken(Invariant::verify,
                       "link " + report.link_id.str() + ": " + what + " " + id + " is called wrong");
    }
  };
  check(report.transactions, "row");
  check(report.accounts, "account");
}

// A verify that began behind the damage and ended before it went has seen it.
void World::check_found(const core::VerifyReport& report, const Damage& damage) {
  const bool began_behind = timers_.steady_now() - report.duration - report_takes >= damage.at;
  if (damage.link_id != report.link_id || !began_behind) return;
  const bool compared = damage.account ? report.accounts_compared : report.transactions_compared;
  if (!compared || !damage_is_left(damage, store_, upstream_, timers_.true_now(), false)) return;
  const std::vector<std::string>& found =
      ids_of(damage.account ? report.accounts : report.transactions, damage.kind);
  const bool named = std::ranges::find(found, damage.id) != found.end();
  findings_.expect(Invariant::verify, named,
                   "link " + report.link_id.str() + ": " + damage.id + " is wrong and was not found");
  damage_found_ |= named;
  if (named) tally(report.by_audit ? "damage found by the audit" : "damage found");
}

// ---- the audit -------------------------------------------------------------------------------------------

// The audit's place is a note: the time and the link that has just had its turn.
void World::on_note(const std::string& name, const std::string& value) {
  check_continuity_note(name, value);
  if (name != "verify") return;
  tally("audit: a link had its turn");
  const std::string link(value.substr(std::min(value.find(' ') + 1, value.size())));
  const bool there = store_.links.contains(LinkId{link}) || past_[LinkId{link}].purged;  // in its turn
  findings_.expect(Invariant::audit, there, "a turn of a link that is not there");
  const auto before = store_.notes.find(name);
  const std::string last =
      before == store_.notes.end() ? "" : before->second.substr(before->second.find(' ') + 1);
  if (link <= last) tally("audit: a round ends");
  for (const auto& [link_id, record] : store_.links) {
    const std::string& id = link_id.str();
    const bool between = link > last ? id > last && id < link : id > last || id < link;
    // One that was added while the turn lasted is the next round's.
    const bool known = past_[link_id].registered_at + turn_max < timers_.steady_now();
    if (between && known) findings_.broken(Invariant::audit, "link " + id + " was left out by the audit");
  }
  tell_violations();
}

// Whoever is there has had a turn in the time that a round may take, once nothing goes wrong any more.
void World::check_audit(core::WallTime since) {
  const core::Policy& policy = settings_.engine.policy;
  if (policy.verify_interval <= Millis(0)) return;
  const auto note = store_.notes.find("verify");
  std::int64_t at_ms = 0;
  if (note != store_.notes.end())
    std::from_chars(note->second.data(), note->second.data() + note->second.size(), at_ms);
  const auto links = static_cast<std::int64_t>(std::max<std::size_t>(1, store_.links.size()));
  // The audit reads with half of what the budgets allow.
  const Millis longest = policy.verify_interval / links + quiet_turn_max + 2 * longest_drain();
  if (timers_.wall_now() - since < longest) return;
  tally("in quiet: the audit is judged");
  findings_.expect(Invariant::audit, timers_.wall_now() - core::WallTime(Millis(at_ms)) <= longest,
                   "in quiet, the audit stands still");
}

}  // namespace syncd::test
