#include <algorithm>
#include <stdexcept>
#include <utility>

#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::hours;
using std::chrono::minutes;

World::World(std::uint64_t seed)
    : seed_(seed),
      dice_(seed),
      settings_(seed, dice_),
      timers_(io_, core::WallTime(hours(24 * 365 * 55) + Millis(dice_.draw(86'400'000))), seed + 7),
      tasks_(io_.get_executor(), [](std::exception_ptr error) { std::rethrow_exception(error); }),
      upstream_(settings_.upstream) {
}

SimulationResult World::run() {
  const std::uint64_t count = 1 + dice_.draw(8);
  for (std::uint64_t i = 0; i < count; ++i)
    add_upstream_link();
  boot();
  live(hours(1));
  begin_faults();
  const std::uint64_t steps = 20 + dice_.draw(40);
  for (std::uint64_t step = 0; step < steps; ++step) {
    act();
    live(minutes(dice_.between(1, 40)));
    if (dice_.chance(40)) read_feed();
  }
  quiet();
  heal();
  settle();
  finish();
  return std::move(result_);
}

// ---- what the engine and the store tell ------------------------------------------------------------------

void World::on_cycle(const core::CycleReport& report) {
  if (report.relink_opened) tally("relink entry opened");
  if (report.relink_resolved) tally("relink entry resolved");
  if (report.resync_started) tally("resync");
  if (report.dead_letter) tally("link quarantined");
  if (report.yielded) tally("cycle yielded");
}

void World::on_auth_incident(bool refused, const core::Error&) {
  tally(refused ? "credentials refused" : "credentials work again");
}

// In the very moment in which a page is on its way into the store.
void World::on_commit_begins(const core::LinkUpdate& update) {
  const bool page = update.created + update.updated + update.removed > 0 || !update.staged_puts.empty();
  if (!action_at_commit_ || !page) return;
  const Action action = *std::exchange(action_at_commit_, std::nullopt);
  note("at a page's commit:");
  tally("operator acts at a page's commit");
  operate(action, update.link_id);
}

void World::on_committed(const core::LinkUpdate& update, const core::LinkRecord* before) {
  const LinkId& link_id = update.link_id;
  Violations& violations = result_.violations;
  check_relink(store_, link_id, violations);
  check_counts(store_, link_id, violations);
  check_cursor(update);
  const bool paused = update.record.status == core::LinkStatus::paused;
  const bool acted = before != nullptr && (before->status == core::LinkStatus::paused) != paused;
  if (acted) check_action(update, *before, violations);
  if (acted || dice_.chance(25))
    check_rows_at_cursor(store_, upstream_, link_id, timers_.true_now(), violations);
  if (update.more && update.record.drain.open) {
    draining_.insert(link_id);
  } else {
    draining_.erase(link_id);
  }
  count_changes(update, before);
}

// An acknowledged cursor never goes back, except to the very start of a resync.
void World::check_cursor(const core::LinkUpdate& update) {
  Past& past = past_[update.link_id];
  if (!update.record.cursor) {
    past = {};
    return;
  }
  const std::string& cursor = update.record.cursor->text;
  if (cursor == past.cursor) return;
  past.earlier.insert(std::exchange(past.cursor, cursor));
  if (past.earlier.contains(cursor) && !cursors_repeat_)
    violate("link " + update.link_id.str() + ": the cursor went back to " + cursor);
}

void World::count_changes(const core::LinkUpdate& update, const core::LinkRecord* before) {
  tally("commit");
  if (update.record.drain.open) tally("page in the middle of a drain");
  if (!update.staged_puts.empty()) tally("pending rows staged");
  for (const core::Change& change : update.changes) {
    if (change.kind == core::ChangeKind::relink_opened && update.relink)
      tally("relink opened for " + update.relink->reason);
  }
  if (before != nullptr && before->status != update.record.status)
    tally("status turns " + std::string(core::to_string(update.record.status)));
}

// ---- the process -----------------------------------------------------------------------------------------

void World::boot() {
  const Surroundings around{timers_, upstream_, store_, weights_, windows_, settings_, *this, *this};
  process_ = std::make_unique<Process>(around, dice_.any());
  process_->start(store_, settings_.engine, io_);
  for (const std::string& link_id : links_)
    register_link(link_id);
}

void World::halt(Millis grace) {
  bool stopped = false;
  process_->state.stopping = true;
  tasks_.cancel();
  tasks_.spawn(stop_task(timers_.steady_now() + grace, stopped));
  const bool ended =
      timers_.run_until(timers_.steady_now() + hours(1), [&] { return stopped && tasks_.size() == 0; });
  if (!ended) throw std::runtime_error("seed " + std::to_string(seed_) + ": the engine did not stop");
  if (process_->transport.overlapping_requests() > 0) violate("two requests at once for one link");
}

void World::end_process() {
  for (const auto& [what, times] : process_->transport.made_up())
    result_.tally.add(what, times);
  for (const auto& [what, times] : process_->port.made_up())
    result_.tally.add(what, times);
  process_.reset();
  draining_.clear();
  crash_plan_.reset();
}

void World::crash() {
  note("crash");
  note_crash_moment();
  process_->state.dead = true;
  halt(Millis(0));
  end_process();
  tally("restart after a crash");
  if (has_older_copy_ && dice_.chance(10)) {
    put_back_older_copy();
  } else {
    pass(draw_pause());
  }
  boot();
}

void World::restart() {
  wait_for_clock();
  note("clean restart");
  halt(Millis(5'000));
  if (!process_->state.storage_failed) {
    store_.clean_stop_note = process_->gate.snapshot();
    tally("restart after a clean stop");
  }
  end_process();
  pass(draw_pause());
  boot();
}

// As daemon/app.cpp: the process ends by itself, without the note of a clean stop.
void World::stop_after_storage_failure() {
  note("the store failed");
  tally("restart after the store failed");
  halt(Millis(5'000));
  end_process();
  pass(draw_pause());
  boot();
}

// It knows nothing of what was sent since it was made, so the daemon is left off until all windows have
// passed.
void World::put_back_older_copy() {
  note("an older copy of the store is put back");
  tally("older copy put back");
  pass(minutes(70));
  store_.put_back(older_copy_);
  put_back_unread_ = true;
  past_.clear();
}

// From the blink of an eye to longer than links usually wait.
Millis World::draw_pause() {
  static constexpr std::uint64_t most_ms[] = {50, 3'000, 90'000, 3 * 3'600'000};
  return Millis(dice_.draw(most_ms[dice_.draw(std::size(most_ms))]));
}

bool World::reached(CrashPoint point) const {
  switch (point) {
    case CrashPoint::any_event:
      return true;
    case CrashPoint::request_in_flight:
      return process_->transport.in_flight() > 0;
    case CrashPoint::commit_waiting:
      return process_->port.waiting() > 0;
    case CrashPoint::commit_unanswered:
      return process_->port.unanswered() > 0;
    case CrashPoint::mid_drain:
      return !draining_.empty();
  }
  return false;
}

bool World::crash_due() {
  if (!crash_plan_ || !clock_settled() || !reached(crash_plan_->point)) return false;
  return crash_plan_->skip-- == 0;
}

void World::note_crash_moment() {
  if (reached(CrashPoint::request_in_flight)) tally("crash with a request in flight");
  if (reached(CrashPoint::commit_waiting)) tally("crash with a commit not yet written");
  if (reached(CrashPoint::commit_unanswered)) tally("crash between a commit and its answer");
  if (reached(CrashPoint::mid_drain)) tally("crash in the middle of a drain");
}

void World::live(Millis by) {
  const api::SteadyTime end = timers_.steady_now() + by;
  const auto interrupted = [&] { return process_->state.storage_failed || crash_due(); };
  while (timers_.run_until(end, interrupted)) {
    if (process_->state.storage_failed) {
      stop_after_storage_failure();
    } else {
      crash();
    }
  }
}

void World::wait_for_clock() {
  if (!clock_settled()) live(settled_clock_at_ - timers_.true_now());
}

// ---- tasks of people -------------------------------------------------------------------------------------

void World::register_link(const std::string& link_id) {
  if (process_->engine.knows(LinkId{link_id})) return;
  tasks_.spawn(add_task(LinkId{link_id}));
}

void World::operate(Action action, const LinkId& link_id) {
  switch (action) {
    case Action::pause:
      note("pause " + link_id.str());
      tally("operator pauses");
      tasks_.spawn(pause_task(link_id, dice_.chance(70) ? Millis(dice_.draw(1'200'000)) : Millis(-1)));
      break;
    case Action::resume:
      note("resume " + link_id.str());
      tally("operator resumes");
      tasks_.spawn(resume_task(link_id));
      break;
    case Action::sync_now:
      note("sync now " + link_id.str());
      tally("operator asks to sync now");
      static_cast<void>(process_->engine.sync_now(link_id));
      break;
  }
}

api::Task<void> World::add_task(LinkId link_id) {
  engine::NewLink link{std::move(link_id), "user", {}};
  co_await process_->engine.add_link(std::move(link));
}

// Negative: it stays paused.
api::Task<void> World::pause_task(LinkId link_id, Millis until_resume) {
  Process* const process = process_.get();
  const auto paused = co_await process->engine.pause(link_id);
  if (!paused || until_resume < Millis(0)) co_return;
  const api::SteadyTime at = timers_.steady_now() + until_resume;
  co_await timers_.sleep_until(at);
  if (process->state.stopping) co_return;
  co_await process->engine.resume(std::move(link_id));
}

api::Task<void> World::resume_task(LinkId link_id) {
  co_await process_->engine.resume(std::move(link_id));
}

api::Task<void> World::stop_task(api::SteadyTime grace_end, bool& stopped) {
  co_await process_->engine.stop(grace_end);
  stopped = true;
}

// ---- the end ---------------------------------------------------------------------------------------------

// Nothing goes wrong any more, upstream stands still, and nobody repairs anything: the daemon alone brings
// every link to where upstream says it is.
void World::quiet() {
  note("quiet");
  crash_plan_.reset();
  action_at_commit_.reset();
  drawn_weights_ = {};
  weights_ = {};
  upstream_.faults().clear();
  wrong_secret_ = false;
  set_secret();
  for (const std::string& link : links_) {
    register_link(link);
    if (dice_.chance(70)) tasks_.spawn(resume_task(LinkId{link}));
    const auto truth = upstream_.truth(link, timers_.true_now());
    if (truth && truth->state == sandbox::LinkState::connected)
      upstream_.refresh_with_changes(link, timers_.true_now());
  }
  upstream_.hold_refreshes(true);
  live(minutes(30));  // who is to be resumed is
  std::map<std::string, std::uint64_t> asked_of_paused;
  for (const auto& [link_id, record] : store_.links) {
    if (record.status == core::LinkStatus::paused)
      asked_of_paused[link_id.str()] = requests_of(link_id.str());
  }
  live(settings_.engine.policy.max_interval * 11 / 10 + hours(1));
  for (const auto& [link_id, requests] : asked_of_paused) {
    tally("paused link left alone");
    if (requests_of(link_id) != requests) violate("in quiet, link " + link_id + ": visited though paused");
  }
  check_quiet_links();
  check_sync_now();
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
    if (readable) {
      check_quiet(store_, upstream_, link_id, moment, result_.violations);
      continue;
    }
    using core::LinkStatus;
    const LinkStatus status = found == store_.links.end() ? LinkStatus::active : found->second.status;
    const bool told = status != LinkStatus::active && status != LinkStatus::backoff;
    if (!told)
      violate("in quiet, link " + link + ": not ours to read but " + std::string(core::to_string(status)));
  }
}

// Whoever is asked for is asked about within the minute, whatever state it is in.
void World::check_sync_now() {
  std::map<std::string, std::uint64_t> before;
  for (const std::string& link : links_) {
    if (process_->engine.sync_now(LinkId{link})) before[link] = requests_of(link);
  }
  live(minutes(10));
  for (const auto& [link, requests] : before) {
    if (requests_of(link) == requests) violate("in quiet, link " + link + ": sync now led to no request");
  }
}

std::uint64_t World::requests_of(const std::string& link_id) const {
  return static_cast<std::uint64_t>(
      std::ranges::count(upstream_.requests(), link_id, &sandbox::RequestRecord::link_id));
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
}

bool World::at_rest() {
  Violations open;
  check_healed(store_, upstream_, timers_.true_now(), open);
  return open.empty() && store_.links.size() == links_.size();
}

// Everything must be well again within the longest wait any link may have, twice, without anybody's help.
void World::settle() {
  const auto end = timers_.steady_now() + 2 * (settings_.engine.policy.max_interval + hours(1));
  while (timers_.steady_now() < end && !at_rest())
    live(minutes(30));
  check_healed(store_, upstream_, timers_.true_now(), result_.violations);
  if (store_.links.size() != links_.size()) violate("a registered link is missing");
}

void World::finish() {
  halt(Millis(10'000));
  end_process();
  read_feed();
  check_budgets(upstream_, settings_.budgets, result_.tally, result_.violations);
  if (windows_.broken > 0) violate(std::to_string(windows_.broken) + " requests inside a Retry-After window");
  count_requests();
  for (const store::FeedEntry& entry : store_.feed) {
    mix(entry.id);
    mix(entry.after);
    mix(std::to_string(entry.at.time_since_epoch().count()));
  }
  for (const auto& request : upstream_.requests()) {
    mix(request.link_id);
    mix(std::to_string(request.at.time_since_epoch().count()) + "/" + std::to_string(request.status));
  }
}

void World::count_requests() {
  Tally& tally = result_.tally;
  for (const auto& [form, times] : windows_.told)
    tally.add("429 with Retry-After: " + form, times);
  tally.add("feed entries read", reader_.entries_read());
  tally.add("new feed epoch", reader_.epochs_begun());
  for (const auto& request : upstream_.requests()) {
    tally.add("request");
    if (!request.fault.empty()) tally.add("fault: " + request.fault);
    if (request.status >= 500) tally.add("answer 5xx");
    if (request.status == 401 && request.fault.empty()) tally.add("answer 401");
    if (request.status == 403 && request.fault.empty()) tally.add("answer 403");
    if (request.status == 410) tally.add("answer 410");
  }
}

void World::read_feed() {
  reader_.read(store_, 1 + dice_.draw(100), std::exchange(put_back_unread_, false), result_.violations);
}

SimulationResult simulate(std::uint64_t seed) {
  World world(seed);
  return world.run();
}

}  // namespace syncd::test
