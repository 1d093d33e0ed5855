// What the engine, the store and the wire tell the world, and what is checked at that moment.
#include <algorithm>

#include "tests/sim/world_impl.hpp"

namespace syncd::test {

namespace {

// A visit that had begun before our credentials were refused may wait so long for the end of a window.
constexpr Millis visit_waits_max = std::chrono::minutes(90);
// A request of a verify may be under way then, too, and be sent again on a fresh connection.
constexpr std::uint32_t asked_behind_visit_max = 2;

bool has_page(const core::LinkUpdate& update) {
  return update.created + update.updated + update.removed > 0 || !update.staged_puts.empty();
}

// Nothing of what the rows are compared with and by has moved: what held before holds.
bool leaves_rows_alone(const core::LinkUpdate& update, const core::LinkRecord* before) {
  const core::LinkRecord& record = update.record;
  return before != nullptr && !has_page(update) && update.transaction_puts.empty() &&
         update.transaction_erases.empty() && record.cursor == before->cursor &&
         record.resync == before->resync && record.drain.open == before->drain.open;
}

}  // namespace

void World::on_cycle(const core::CycleReport& report) {
  if (refused_since_) asked_behind_visit_.try_emplace(report.link_id.str(), 0);
  if (report.relink_opened) tally("relink entry opened");
  if (report.relink_resolved) tally("relink entry resolved");
  if (report.resync_started) tally("resync");
  if (report.dead_letter) tally("link quarantined");
  if (report.yielded) tally("cycle yielded");
  if (report.unknown_values > 0) tally("unknown word in an answer");
}

void World::on_auth_incident(bool refused, const core::Error&) {
  refused_since_.reset();
  asked_behind_visit_.clear();
  if (refused) refused_since_ = timers_.steady_now();
  tally(refused ? "credentials refused" : "credentials work again");
}

void World::on_incident(const core::IncidentEvent& event) {
  using enum core::IncidentChange;
  switch (event.change) {
    case opened:
      tally("incident opened");
      return;
    case restored:
      tally("incident goes on after a restart");
      return;
    case ramp:
      tally("incident ramps");
      return;
    case relapsed:
      tally("incident relapsed");
      return;
    case closed:
      tally("incident closed: " + std::string(event.how));
      return;
  }
}

// Of the store's errors, those that are no commit's.
void World::on_store_failed(const core::Error& error) {
  if (error.message == read_failure) tally("a visit or a verify meets a read that fails");
}

// Whatever upstream lists is not missing there, however many pages the list takes.
void World::on_discovery(const std::vector<LinkId>&, std::uint64_t, const std::vector<LinkId>& only_here,
                         std::uint64_t) {
  tally("lists of links compared");
  no_list_begins_for(settings_.engine.discovery_interval);
  findings_.looked(Invariant::no_starvation);
  for (const LinkId& link_id : only_here) {
    if (deleted_.contains(link_id.str())) continue;
    findings_.broken(Invariant::no_starvation,
                     "link " + link_id.str() + ": not in upstream's list, says the discovery");
  }
}

// In the very moment in which a page is on its way into the store.
void World::on_commit_begins(const core::LinkUpdate& update) {
  if (std::exchange(queue_act_at_commit_, false)) {
    tally("a person acts on an entry while its link is committed");
    Dice dice(plan_.seed, queue_stream, ++queue_acts_);
    ask_for_entry_act(update.link_id, dice);
  }
  if (!action_at_commit_ || !has_page(update)) return;
  const Action action = *std::exchange(action_at_commit_, std::nullopt);
  note("at a page's commit:");
  tally("operator acts at a page's commit");
  operate(action, update.link_id, process_dice_);
}

void World::on_committed(const core::LinkUpdate& update, const core::LinkRecord* before) {
  const LinkId& link_id = update.link_id;
  if (plan_.trace) {
    trace("commit " + link_id.str() + " " + std::string(core::to_string(update.record.status)) + " +" +
          std::to_string(update.created) + " ~" + std::to_string(update.updated) + " -" +
          std::to_string(update.removed) + (update.record.drain.open ? " and more" : "") +
          (update.record.resync ? " in a resync" : "") +
          (update.record.last_error ? " (" + update.record.last_error->message + ")" : ""));
  }
  findings_.expect(Invariant::single_owner, !process_->state.dead, "a dead process has written");
  if (update.purge) {
    check_purge(update, before);
    return;
  }
  if (before == nullptr) check_return(update);
  if (before == nullptr) past_[link_id].registered_at = timers_.steady_now();
  check_owner(update, before, findings_);
  check_repair(update, before);
  check_letters(update, before);
  check_act(update, before);
  check_hints(update);
  check_link_object(update);
  check_damage(update, before);
  check_net_changes(update, store_.net_changes(), findings_);
  check_pending(update, store_.net_changes(), findings_);
  check_relink(store_, link_id, findings_);
  check_entry(update);
  check_first_look(update, before);
  check_counts(store_, link_id, findings_);
  check_cursor(update, before);
  check_tombstones(update);
  const bool put_off = before == nullptr || before->next_due_at != update.record.next_due_at;
  if (put_off) check_due(update.record, update.at, settings_.engine.policy, findings_);
  check_asked_wait(update, before);
  check_record_bounds(update.record, findings_);
  const bool paused = update.record.status == core::LinkStatus::paused;
  const bool acted = before != nullptr && (before->status == core::LinkStatus::paused) != paused;
  if (acted) check_action(update, *before, findings_);
  if (acted || check_dice_.chance(leaves_rows_alone(update, before) ? 2 : 50)) {
    check_rows(link_id, Invariant::cursor_not_ahead);
  }
  if (update.more && update.record.drain.open) {
    draining_.insert(link_id);
  } else {
    draining_.erase(link_id);
  }
  if (update.record.repairing) {
    repairing_.insert(link_id);
  } else {
    repairing_.erase(link_id);
  }
  count_changes(update, before);
  tell_violations();
}

// Whoever is told 503 and when to come back does not come before; that is one link's wait and nobody else's.
void World::check_asked_wait(const core::LinkUpdate& update, const core::LinkRecord* before) {
  const std::optional<core::ErrorNote>& error = update.record.last_error;
  const bool told = error && error->http_status == 503 && before != nullptr && error != before->last_error;
  if (!told) return;
  tally("503 with Retry-After");
  findings_.expect(Invariant::budget, update.record.next_due_at - update.at >= unavailable_for,
                   "link " + update.link_id.str() + ": due before the time that a 503 asked for");
}

// What is stored of a link is about that link.
void World::check_link_object(const core::LinkUpdate& update) {
  if (!update.link_object) return;
  const std::string id = "\"" + update.link_id.str() + "\"";
  findings_.expect(Invariant::single_owner, update.link_object->contains(id),
                   "link " + update.link_id.str() + ": what is stored of it is about another one");
}

// So that a report shows at which event they were found.
void World::tell_violations() {
  const std::vector<Violation>& found = findings_.violations();
  for (; violations_told_ < found.size(); ++violations_told_)
    note(std::string(violation_mark) + found[violations_told_].text());
}

// An acknowledged cursor never goes back, except to the very start of a resync.
void World::check_cursor(const core::LinkUpdate& update, const core::LinkRecord* before) {
  Past& past = past_[update.link_id];
  const core::LinkRecord& record = update.record;
  const auto broken = [&](const std::string& what) {
    findings_.broken(Invariant::cursor_not_back, "link " + update.link_id.str() + ": " + what);
  };
  if (before != nullptr && record.generation < before->generation) broken("the generation went back");
  if (!record.cursor) {
    const bool lost = before != nullptr && before->cursor.has_value();
    if (lost && (!record.resync || record.generation == before->generation))
      broken("the cursor was dropped without a resync");
    past.cursor.clear();
    past.earlier.clear();
    findings_.looked(Invariant::cursor_not_back);
    return;
  }
  const std::string& cursor = record.cursor->text;
  if (cursor == past.cursor) return;
  past.earlier.insert(std::exchange(past.cursor, cursor));
  if (past.in_circle) return;
  findings_.expect(Invariant::cursor_not_back, !past.earlier.contains(cursor),
                   "link " + update.link_id.str() + ": the cursor went back to " + cursor);
}

// A row that was removed comes back only if upstream has brought it back.
void World::check_tombstones(const core::LinkUpdate& update) {
  std::set<std::string>& removed = past_[update.link_id].removed;
  std::size_t back = 0;
  for (const core::TransactionPut& put : update.transaction_puts)
    back += removed.erase(std::string(put.transaction_id));
  for (const core::TransactionErase& erase : update.transaction_erases)
    removed.emplace(erase.transaction_id);
  if (back == 0) return;
  tally("a removed row comes back", back);
  check_rows(update.link_id, Invariant::tombstones);
}

// Each change of a relink entry is a step of its history.
void World::check_entry(const core::LinkUpdate& update) {
  if (!update.relink) return;
  Past& past = past_[update.link_id];
  findings_.looked(Invariant::relink);
  if (update.relink->version <= past.relink_version)
    findings_.broken(Invariant::relink, "link " + update.link_id.str() + ": an entry without a new version");
  past.relink_version = update.relink->version;
}

void World::count_changes(const core::LinkUpdate& update, const core::LinkRecord* before) {
  tally("commit");
  const NetChanges& net = store_.net_changes();
  tally("row created", net.created);
  tally("row updated", net.updated);
  tally("row removed", net.removed);
  tally("row moved to another account", net.moved);
  if (update.record.drain.open) tally("page in the middle of a drain");
  if (!update.staged_puts.empty()) tally("pending rows staged");
  for (const core::Change& change : update.changes) {
    if (change.kind == core::ChangeKind::relink_opened && update.relink)
      tally("relink opened for " + update.relink->reason);
    if (change.kind == core::ChangeKind::account_gone) tally("account gone");
    if (change.kind == core::ChangeKind::account_returned) tally("account returned");
  }
  if (before != nullptr && before->status != update.record.status)
    tally("status turns " + std::string(core::to_string(update.record.status)));
}

void World::on_request(const WireRequest& request, std::size_t same_link, std::size_t in_flight) {
  tally("request");
  const core::WallTime now = timers_.true_now();
  watch_.arrived(request.endpoint, request.link_id, now);
  // Whoever ends a link does not wait for its visit.
  const bool ends_link = request.endpoint == core::Endpoint::delete_link;
  findings_.expect(Invariant::budget, same_link == 0 || ends_link || ended_.contains(request.link_id),
                   "two requests at once for one link");
  if (ends_link) ended_.insert(request.link_id);
  check_queues(in_flight);
  if (!ended_.contains(request.link_id)) check_still(request);
  if (!ends_link) check_full_disk(request);
  mix(request.target);
  mix(std::to_string(now.time_since_epoch().count()));
  trace("request " + std::string(request.target));
  if (request.link_id.empty()) return;
  Past& past = past_[LinkId{request.link_id}];
  if (!ends_link) past.latest = request.target;
  if (!ends_link) past.asked_at = ++moments_;
  ++past.requests;
  if (request.endpoint != core::Endpoint::sync) return;
  if (past.asked == request.target) tally("page asked for again");
  past.asked = request.target;
  past.feed_asked_at = past.asked_at;
}

// Once the process stops, what is under way for a link may come to its end; nothing more is asked. And while
// upstream refuses our credentials, no visit begins.
void World::check_still(const WireRequest& request) {
  if (request.link_id.empty() || process_->state.dead) return;
  if (process_->state.stopping) {
    const auto [asked, first] = asked_last_.try_emplace(request.link_id, request.target);
    findings_.expect(Invariant::termination, first || asked->second == request.target,
                     "link " + request.link_id + ": the stop has begun, and one thing more is asked");
  }
  if (!refused_since_) return;
  const auto ended = asked_behind_visit_.find(request.link_id);
  const bool begins = ended != asked_behind_visit_.end() && ++ended->second > asked_behind_visit_max;
  const bool late = timers_.steady_now() - *refused_since_ >= visit_waits_max;
  findings_.expect(Invariant::budget, !begins && !late,
                   "link " + request.link_id + ": asked about while our credentials are refused");
}

// What is under way or waits is bounded by the workers, the token, the discovery, the probe and the verify.
void World::check_queues(std::size_t in_flight) {
  constexpr std::size_t others = 4;
  const std::size_t most = settings_.engine.workers + others;
  findings_.expect(Invariant::budget, in_flight <= most, "more requests in flight than workers");
  std::size_t waiting = 0;
  for (const api::BudgetUse& use : process_->gate.use())
    waiting += use.waiting;
  findings_.expect(Invariant::bounded, waiting <= most, "more tasks wait for the budget than there are");
  findings_.expect(Invariant::bounded, process_->port.waiting() <= most + tasks_.size(),
                   "more commits wait than there are tasks");
  findings_.expect(Invariant::bounded, process_->engine.status().in_flight <= settings_.engine.workers,
                   "more cycles than workers");
}

void World::on_answer_under_way(const WireRequest& request, const sandbox::HttpResponse& answer) {
  count_answer(request, answer);
  if (request.endpoint == core::Endpoint::delete_link) {  // whatever becomes of the answer
    const auto truth = upstream_.truth(request.link_id, timers_.true_now());
    if (!truth || truth->state == sandbox::LinkState::deleted) deleted_.insert(request.link_id);
  }
  note_circle(request, answer);
  strike_at_answer(request);
}

void World::note_circle(const WireRequest& request, const sandbox::HttpResponse& answer) {
  if (request.endpoint != core::Endpoint::sync || answer.status != 200) return;
  past_[LinkId{request.link_id}].in_circle = answer.fault == "cyclic_cursor" || answer.fault == "endless";
}

void World::count_answer(const WireRequest& request, const sandbox::HttpResponse& answer) {
  trace("answer " + std::to_string(answer.status) + " for " + std::string(request.target) + " " +
        std::to_string(answer.body.size()) + " bytes " + answer.fault);
  mix(std::to_string(answer.status));
  if (!answer.fault.empty()) tally("fault: " + answer.fault);
  if (!answer.fault_variant.empty()) tally("fault: " + answer.fault + ": " + answer.fault_variant);
  if (answer.fault == "status") tally("fault: status: " + std::to_string(answer.status));
  if (answer.fault == "status" && answer.status >= 300 && answer.status < 400) tally("redirect");
  if (answer.fault == "status" && answer.status >= 400 && answer.status < 500) tally("odd status 4xx");
  if (answer.status >= 500) tally("answer 5xx");
  if (!answer.fault.empty()) return;
  if (answer.status == 401) tally("answer 401");
  if (answer.status == 403) tally("answer 403");
  if (answer.status == 410) tally("answer 410");
}

void World::on_answer(const WireRequest& request, const api::HttpReply& reply) {
  if (reply.status == 429) watch_.told(request.endpoint, reply.retry_after, timers_.true_now());
  if (reply.status == 200 && !reply.json) tally("200 that is not JSON");
  if (!request.link_id.empty()) past_[LinkId{request.link_id}].answers[request.endpoint] = reply.body;
}

// Somebody reads at any moment, not only when something was written.
void World::look() {
  trace("somebody looks");
  tally("look at any moment");
  for (const auto& [link_id, record] : store_.links) {
    check_rows(link_id, Invariant::atomicity);
  }
  read_feed();
}

void World::read_feed() {
  reader_.read(store_, 1 + check_dice_.draw(100), std::exchange(put_back_unread_, false), findings_);
  tell_violations();
}

}  // namespace syncd::test
