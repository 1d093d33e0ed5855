// The end of the simulated world: quiet, healing, and what must be true then.
#include <algorithm>

#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::hours;
using std::chrono::minutes;

void World::end_hazards() {
  faults_over_ = true;
  strike_plan_.reset();
  action_at_commit_.reset();
  act_at_answer_.reset();
  if (process_) process_->port.let_next_fail(false);  // nothing may have been read since
  free_disk();
  weights_ = {};
  upstream_.faults().clear();
  end_hook_faults();
  wrong_secret_ = false;
  set_secret();
  upstream_budgets_ = settings_.budgets;
  follow_budgets();
  // Too far in the past for any certificate: nobody can work with that.
  if (timers_.wall_offset() < -hours(24)) timers_.jump_wall_clock(-timers_.wall_offset());
}

// What the budget needs when every link is read from its start. A page may be cut short where a row was
// removed and came back, and the audit reads too: twice the pages.
Millis World::longest_drain() {
  const std::size_t page_size = settings_.engine.policy.page_size;
  std::size_t all = 0;
  std::size_t longest = 0;
  for (const std::string& link : links_) {
    const std::size_t pages = 2 * (upstream_.feed_length(link, timers_.true_now()) / page_size + 1);
    all += pages;
    longest = std::max(longest, pages);
  }
  return minutes(all / settings_.budgets.sync_per_app + longest / settings_.budgets.sync_per_link + 2);
}

// From the moment in which the last fault is over: the longest wait of any link, a Retry-After window, the
// next question about our own credentials, and the time that the budget needs for everything that is due. A
// refused product is asked for once more after the longest wait; when both times were noted by a clock that
// was ahead, one begins with the other's end.
Millis World::heal_bound() {
  const core::Policy& policy = settings_.engine.policy;
  const Millis longest_wait = policy.max_interval * 11 / 10;
  // A budget that upstream's 429s have cut is whole again so long after the window.
  const Millis recovery = on(Hazard::throttle) ? minutes(100) : Millis(0);
  const Millis window = hours(1) + recovery;
  const auto budgets = std::min(
      {settings_.budgets.sync_per_app, settings_.budgets.accounts_per_app, settings_.budgets.link_per_app});
  const Millis backlog = minutes(2 * (links_.size() / std::max(1u, budgets) + 1));
  return (was_ahead_ ? 2 : 1) * longest_wait + window + backlog + longest_drain();
}

// Nothing goes wrong any more, upstream stands still, and nobody repairs anything: the daemon alone brings
// every link to where upstream says it is.
void World::quiet() {
  note("quiet");
  live(minutes(1));  // a reload just before has its minute
  end_hazards();
  // Whoever wanted a link gone comes to an end first: it may have to wait for the end of a window.
  timers_.run_until(timers_.steady_now() + hours(2), [this] { return purging_ == 0; });
  for (const std::string& link : links_) {
    register_link(link);
    if (start_dice_.chance(70)) tasks_.spawn(resume_task(LinkId{link}));
    const auto truth = upstream_.truth(link, timers_.true_now());
    if (truth && truth->state == sandbox::LinkState::connected)
      upstream_.refresh_with_changes(link, timers_.true_now());
  }
  upstream_.hold_refreshes(true);
  // An operator's act in the way of a visit is no fault: the visit comes back by itself.
  if (on(Hazard::repair)) action_at_commit_ = Action::repair;
  const api::SteadyTime green_by = timers_.steady_now() + heal_bound();
  live(minutes(30));  // who is to be resumed is
  std::map<std::string, std::uint64_t> asked_of_paused;
  for (const auto& [link_id, record] : store_.links) {
    if (record.status == core::LinkStatus::paused)
      asked_of_paused[link_id.str()] = requests_of(link_id.str());
  }
  repair_what_is_left();
  const core::WallTime since = timers_.wall_now();
  live(std::chrono::duration_cast<Millis>(green_by - timers_.steady_now()));
  check_audit(since);
  for (const auto& [link_id, requests] : asked_of_paused) {
    tally("paused link left alone");
    findings_.expect(Invariant::no_starvation, requests_of(link_id) == requests,
                     "in quiet, link " + link_id + ": visited though paused");
  }
  check_act_chain();
  check_continuity_notes();
  check_quiet_links();
  // From here on a visit by schedule is far away.
  if (on(Hazard::hooks)) {
    settings_.engine.policy.interval = settings_.engine.policy.max_interval;
    process_->engine.set_policy(settings_.engine.policy);
  }
  check_sync_now();
  check_followed();
  read_feed();
}

void World::check_quiet_links() {
  const QuietMoment moment{.true_now = timers_.true_now(),
                           .wall_now = timers_.wall_now(),
                           .oldest_success = settings_.engine.policy.interval * 11 / 10 + minutes(5)};
  for (const std::string& link : links_) {
    const LinkId link_id{link};
    const auto access = access_.find(link);
    const bool readable = access == access_.end() || access->second == sandbox::LinkAccess::normal;
    const auto found = store_.links.find(link_id);
    if (found != store_.links.end())
      tally("in quiet: link " + std::string(core::to_string(found->second.status)));
    if (damaged(link_id)) {
      tally("in quiet: link damaged");
      continue;
    }
    if (found != store_.links.end() && waits_for_incident(found->second)) continue;
    if (readable) {
      check_quiet(store_, upstream_, link_id, moment, findings_);
      continue;
    }
    using core::LinkStatus;
    const LinkStatus status = found == store_.links.end() ? LinkStatus::active : found->second.status;
    const bool told = status != LinkStatus::active && status != LinkStatus::backoff;
    findings_.expect(
        Invariant::liveness, told,
        "in quiet, link " + link + ": not ours to read but " + std::string(core::to_string(status)));
  }
}

// Links of a bank that is down are not asked, but for one; what is known of them may be older. Nobody is to
// act on an entry that was opened meanwhile.
bool World::waits_for_incident(const core::LinkRecord& record) {
  for (const engine::Incident& incident : process_->engine.incidents()) {
    const bool of_bank = incident.what.scope == core::IncidentScope::institution
                             ? incident.what.name == record.institution_id
                             : incident.what.name == record.provider;
    if (!of_bank || record.status == core::LinkStatus::gone) continue;
    tally("in quiet: link of an incident");
    const auto entry = store_.relink.find(record.link_id);
    const bool opened_in_it = record.status == core::LinkStatus::relink && entry != store_.relink.end() &&
                              entry->second.opened_at > incident.what.opened_at;
    // None is held back for longer than a day, by a clock that does not jump.
    const Millis lasted = timers_.wall_now() - incident.what.opened_at;
    const bool jumped = was_ahead_ || behind_until_ != core::WallTime{} || timers_.wall_offset() < Millis(0);
    if (jumped || lasted > core::entries_held_longest - std::chrono::hours(1)) return true;
    findings_.expect(Invariant::relink, !opened_in_it || process_->engine.held_back_by(record.link_id),
                     "in quiet, link " + record.link_id.str() + ": its entry is not held back");
    return true;
  }
  return false;
}

// Whoever is asked for is asked about within the minute, whatever state it is in.
void World::check_sync_now() {
  std::map<std::string, std::uint64_t> before;
  for (const std::string& link : links_) {
    if (process_->engine.sync_now(LinkId{link})) before[link] = requests_of(link);
  }
  live(minutes(10));
  for (const auto& [link, requests] : before) {
    findings_.expect(Invariant::no_starvation, requests_of(link) != requests,
                     "in quiet, link " + link + ": sync now led to no request");
  }
}

void World::heal() {
  note("heal");
  const auto now = timers_.true_now();
  upstream_.set_outage("instant_bank", false, now);
  for (const std::string& link : links_) {
    upstream_.set_access(link, sandbox::LinkAccess::normal);
    const auto truth = upstream_.truth(link, now);
    if (truth && truth->state == sandbox::LinkState::error)
      upstream_.relink(link, "user_good", "pass_good", now);
    tasks_.spawn(resume_task(LinkId{link}));
  }
  repair_what_is_left();
}

bool World::at_rest() {
  Findings open;
  check_healed(store_, upstream_, timers_.true_now(), open);
  return open.clean() && store_.links.size() == links_.size();
}

// Everything must be well again within the longest wait any link may have, twice, without anybody's help.
void World::settle() {
  const auto end = timers_.steady_now() + 2 * heal_bound();
  while (timers_.steady_now() < end && !at_rest()) {
    live(minutes(30));
    repair_what_is_left();
  }
  check_healed(store_, upstream_, timers_.true_now(), findings_);
  check_reports();
  const bool idle = !process_->port.hints_under_way() && process_->engine.status().in_flight == 0;
  if (idle) check_hints_known("healed");
  for (const auto& [link_id, record] : store_.links) {
    if (record.status != core::LinkStatus::active) continue;
    findings_.expect(Invariant::repair, !record.repairing,
                     "healed, link " + link_id.str() + ": still in repair");
    findings_.expect(Invariant::hints, !hinted_.contains(link_id),
                     "healed, link " + link_id.str() + ": its hint still waits");
  }
  findings_.expect(Invariant::liveness, store_.links.size() == links_.size(), "a registered link is missing");
}

void World::finish() {
  halt(Millis(10'000));
  end_process();
  read_feed();
  reader_.compare_all(store_, findings_);
  for (const auto& [link_id, record] : store_.links)
    check_rows(link_id, Invariant::cursor_not_ahead);
  const auto statistics = upstream_.statistics();
  for (const auto& [endpoint, books] : statistics.endpoints) {
    findings_.expect(Invariant::budget, books.throttled_by_budget == 0,
                     std::string(sandbox::endpoint_name(endpoint)) + ": refused over budget");
  }
  tally("hook lost", upstream_.hooks().counts().lost);
  tally("hook given up", upstream_.hooks().counts().given_up);
  tally("feed entries read", reader_.entries_read());
  tally("new feed epoch", reader_.epochs_begun());
  for (const auto& entry : store_.feed) {
    mix(entry->id);
    mix(entry->after);
    mix(std::to_string(entry->at.time_since_epoch().count()));
  }
}

}  // namespace syncd::test
