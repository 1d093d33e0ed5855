// The life of the simulated process, and the tasks of the people who use it.
#include <algorithm>
#include <stdexcept>

#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::hours;
using std::chrono::minutes;

void World::boot() {
  const Surroundings around{timers_, io_, upstream_, store_, weights_, settings_, *this, *this, *this};
  process_ = std::make_unique<Process>(around, process_dice_.any());
  refused_since_.reset();
  asked_behind_visit_.clear();
  no_list_until_ = timers_.steady_now();
  hold_if_full();
  refuse_hooks();
  process_->engine.set_hints_max(hints_at_most());
  process_->start(store_, settings_.engine, io_);
  check_hints_known("at the start");
  tally("a start with hints that wait", hinted_.empty() ? 0 : 1);
  if (on(Hazard::hooks)) tasks_.spawn(send_hooks());
  for (const std::string& link_id : links_)
    register_link(link_id);
}

void World::halt(Millis grace) {
  bool stopped = false;
  const api::SteadyTime begun = timers_.steady_now();
  process_->state.stopping = true;
  asked_last_.clear();
  for (const std::string& link : process_->transport.links_in_flight()) {
    if (!link.empty()) asked_last_[link] = past_[LinkId{link}].latest;
  }
  tasks_.cancel();
  tasks_.spawn(stop_task(begun + grace, stopped));
  const bool ended = timers_.run_until(begun + hours(1), [&] { return stopped && tasks_.size() == 0; });
  if (!ended) throw std::runtime_error("the engine did not stop within an hour");
  check_nothing_left(timers_.steady_now() - begun, grace);
}

void World::check_nothing_left(Millis took, Millis grace) {
  const auto expect = [&](bool holds, const std::string& what) {
    findings_.expect(Invariant::termination, holds, what);
  };
  expect(took <= grace + Millis(1'000), "the stop took " + std::to_string(took.count()) +
                                            " ms, its grace is " + std::to_string(grace.count()) + " ms");
  expect(timers_.sleepers() == 0, "a timer is left after the stop");
  expect(process_->transport.in_flight() == 0, "a request is left after the stop");
  expect(process_->port.waiting() == 0 && process_->port.unanswered() == 0,
         "a commit is left after the stop");
  expect(io_.stopped(), "a task is left after the stop");
}

void World::end_process() {
  for (const auto& [what, times] : process_->transport.made_up())
    tally(what, times);
  for (const auto& [what, times] : process_->port.made_up())
    tally(what, times);
  for (const SimStorePort::FreezeUnderWay& freeze : process_->port.freezes_under_way()) {
    tally("retry window lost on its way to the disk");
    watch_.lost(freeze.endpoint, freeze.since);
  }
  process_.reset();
  draining_.clear();
  strike_plan_.reset();
}

// A power cut also decides what becomes of that which was on its way to the disk.
void World::crash(bool power_cut) {
  note(power_cut ? "power cut" : "crash");
  note_moment("crash");
  doubt_stored_windows();
  if (power_cut) {
    tally("power cut");
    const bool round_is_written = process_dice_.draw(process_->port.waiting() + 1) > 0;
    tally("power cut loses a commit under way", process_->port.cut_power(round_is_written));
  }
  process_->state.dead = true;
  halt(Millis(0));
  end_process();
  tally("restart after a crash");
  if (older_copy_ && process_dice_.chance(30)) put_back_older_copy();
  pause_before_start();
  boot();
}

// A stop at any await, with more or less patience: none is what a second signal means.
void World::stop_anywhere() {
  note("stop");
  note_moment("stop");
  const Millis grace{process_dice_.chance(50) ? 5'000 : 0};
  halt(grace);
  if (!process_->state.storage_failed) store_.clean_stop_note = process_->gate.snapshot();
  tally(grace == Millis(0) ? "stop without patience" : "stop with patience");
  end_process();
  pause_before_start();
  boot();
}

void World::restart() {
  wait_for_clock();
  note("clean restart");
  tally("restart after a clean stop");
  stop_anywhere();
}

// As daemon/app.cpp: the process ends by itself, without the note of a clean stop.
void World::stop_after_storage_failure() {
  note("the store failed");
  tally("restart after the store failed");
  doubt_stored_windows();
  halt(Millis(5'000));
  end_process();
  pause_before_start();
  boot();
}

void World::take_copy() {
  older_copy_ = OlderCopy{.data = store_, .histories_read = {}};
  for (const auto& [link_id, past] : past_)
    if (past.history_was_read) older_copy_->histories_read.insert(link_id);
}

// It knows nothing of what was sent since it was made, so the daemon is left off until all windows have
// passed.
void World::put_back_older_copy() {
  note("an older copy of the store is put back");
  tally("older copy put back");
  pass(minutes(70));
  store_.put_back(older_copy_->data);
  put_back_unread_ = true;
  awaited_reports_.clear();
  take_hints_of_copy();
  repairing_.clear();
  for (const auto& [link_id, record] : store_.links) {
    if (record.repairing) repairing_.insert(link_id);
    // One that was purged since is there again, as it was.
    past_[link_id].purged = false;
    past_[link_id].history_was_read |= older_copy_->histories_read.contains(link_id);
  }
  for (auto& [link_id, past] : past_) {
    past.cursor.clear();
    past.earlier.clear();
    past.relink_version = 0;
  }
}

// From the blink of an eye to longer than links usually wait; now and then days.
void World::pause_before_start() {
  static constexpr std::uint64_t most_ms[] = {50, 3'000, 90'000, 3 * 3'600'000};
  if (const auto pause = std::exchange(next_pause_, std::nullopt)) {
    pass(*pause);
  } else if (on(Hazard::long_stop) && !faults_over_ && process_dice_.chance(10)) {
    tally("stopped for days");
    pass(hours(24 + process_dice_.draw(6 * 24)));
  } else {
    pass(Millis(process_dice_.draw(most_ms[process_dice_.draw(std::size(most_ms))])));
  }
  if (!std::exchange(boots_in_1970_, false)) return;
  pass(minutes(70));  // nothing that is stored in wall time counts any more
  timers_.jump_wall_clock(core::WallTime(hours(1)) - timers_.wall_now());
  tally("boot in 1970");
}

bool World::reached(Moment moment) const {
  switch (moment) {
    case Moment::any_event:
      return true;
    case Moment::request_in_flight:
      return process_->transport.in_flight() > 0;
    case Moment::commit_waiting:
      return process_->port.waiting() > 0;
    case Moment::commit_unanswered:
      return process_->port.unanswered() > 0;
    case Moment::mid_drain:
      return !draining_.empty();
    case Moment::mid_repair:
      return !repairing_.empty();
    case Moment::budget_spent:
      return watch_.spent(timers_.true_now());
    case Moment::hint_under_way:
      return process_->port.hints_under_way();
  }
  return false;
}

bool World::strike_due() {
  return strike_plan_ && reached(strike_plan_->moment) && strike_plan_->skip-- == 0;
}

// The process dies after its clock was put forward: the windows that are stored lie in the past for the next
// one. Whether it keeps to them is not judged until they have passed by the true clock; everything else is. A
// stop leaves them as of the clock that it ends by.
void World::doubt_stored_windows() {
  if (timers_.true_now() >= forward_until_) return;
  tally("crash while the clock was just put forward");
  watch_.doubt_windows(forward_until_);
}

void World::strike() {
  const Strike kind = strike_plan_->strike;
  // Back before the minute is over, in the middle of what was asked for: what was sent in it still counts.
  const Moment moment = strike_plan_->moment;
  const bool in_drain = moment == Moment::mid_drain || moment == Moment::mid_repair;
  if (moment == Moment::budget_spent || moment == Moment::hint_under_way ||
      (in_drain && process_dice_.chance(50)))
    next_pause_ = Millis(process_dice_.draw(5'000));
  if (kind != Strike::look && !clock_settled()) tally("restart while the clock has just jumped");
  if (kind == Strike::crash || kind == Strike::power_cut) return crash(kind == Strike::power_cut);
  if (kind == Strike::clean_stop) return stop_anywhere();
  strike_plan_.reset();
  look();
}

void World::note_moment(std::string_view strike) {
  const std::string what(strike);
  if (reached(Moment::request_in_flight)) tally(what + " with a request in flight");
  if (reached(Moment::commit_waiting)) tally(what + " with a commit not yet written");
  if (reached(Moment::commit_unanswered)) tally(what + " between a commit and its answer");
  if (reached(Moment::mid_drain)) tally(what + " in the middle of a drain");
  if (reached(Moment::mid_repair)) tally(what + " in the middle of a repair");
  if (reached(Moment::budget_spent)) tally(what + " with a budget just spent");
  if (reached(Moment::hint_under_way)) tally(what + " with a hint on its way to the disk");
}

void World::live(Millis by) {
  const api::SteadyTime end = timers_.steady_now() + by;
  bool struck = false;
  const auto interrupted = [&] {
    if (process_->state.storage_failed) return true;
    struck = strike_due();
    return struck || disk_fills_up();
  };
  for (;;) {
    const api::SteadyTime until = full_disk_ ? std::min(end, full_disk_->until) : end;
    const bool early = timers_.run_until(until, interrupted);
    if (early && process_->state.storage_failed) {
      stop_after_storage_failure();
    } else if (early && struck) {
      strike();
    } else if (early) {
      fill_disk();
    } else if (timers_.steady_now() >= end) {
      break;
    } else {
      free_disk();
    }
  }
}

void World::wait_for_clock() {
  if (!clock_settled()) live(settled_clock_at_ - timers_.true_now());
}

// As SIGHUP: policy and budgets change under what is running. Upstream is told of larger budgets before the
// daemon is, and of smaller ones when their minute is over.
void World::reload(Dice& dice) {
  note("reload");
  tally("reload");
  settings_.redraw(dice);
  follow_hazards();
  upstream_budgets_ = larger(upstream_budgets_, settings_.budgets);
  follow_budgets();
  watch_.change_budgets(settings_.budgets, timers_.true_now());
  process_->gate.set_budgets(settings_.budgets);
  process_->engine.set_policy(settings_.engine.policy);
}

void World::follow_hazards() {
  if (!on(Hazard::audit)) settings_.engine.policy.verify_interval = Millis(0);
}

void World::follow_budgets() {
  enforce_budgets(settings_.upstream.budgets, upstream_budgets_);
  upstream_.set_budgets(settings_.upstream.budgets);
}

// ---- tasks of people -------------------------------------------------------------------------------------

void World::register_link(const std::string& link_id) {
  if (process_->engine.knows(LinkId{link_id})) return;
  tasks_.spawn(add_task(LinkId{link_id}));
}

// The first thing an operator's act does is to read.
void World::let_a_read_fail() {
  if (weights_.of(Hazard::store_read_fails) == 0) return;
  if (Dice(plan_.seed, read_failures_stream, ++operations_).chance(4)) process_->port.let_next_fail(true);
}

void World::operate(Action action, const LinkId& link_id, Dice& dice) {
  let_a_read_fail();
  switch (action) {
    case Action::pause:
      note("pause " + link_id.str());
      tally("operator pauses");
      tasks_.spawn(pause_task(link_id, dice.chance(70) ? Millis(dice.draw(1'200'000)) : Millis(-1)));
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
    case Action::verify:
      note("verify " + link_id.str());
      ask_for_verify(link_id);
      break;
    case Action::repair:
      note("repair " + link_id.str());
      tally("operator repairs");
      tasks_.spawn(repair_task(link_id));
      plan_strike_in_repair(dice);
      break;
    case Action::retry_letter:
    case Action::drop_letter:
      act_on_letter(action, link_id, dice);
      break;
  }
}

void World::note_outcome(const core::Result<core::LinkStatus>& outcome) {
  if (!outcome && outcome.error().message == read_failure) tally("an operator's act meets a read that fails");
}

engine::Requester World::somebody() {
  return {.actor = "uid:" + std::to_string(++acts_)};
}

api::Task<void> World::add_task(LinkId link_id) {
  engine::NewLink link{std::move(link_id), "user", {}};
  co_await process_->engine.add_link(std::move(link), somebody());
}

// Negative: it stays paused.
api::Task<void> World::pause_task(LinkId link_id, Millis until_resume) {
  Process* const process = process_.get();
  const auto paused = co_await process->engine.pause(link_id, somebody());
  note_outcome(paused);
  if (!paused || until_resume < Millis(0) || process->state.stopping) co_return;
  const api::SteadyTime at = timers_.steady_now() + until_resume;
  co_await timers_.sleep_until(at);
  if (process->state.stopping) co_return;
  co_await process->engine.resume(std::move(link_id), somebody());
}

api::Task<void> World::resume_task(LinkId link_id) {
  const auto resumed = co_await process_->engine.resume(std::move(link_id), somebody());
  note_outcome(resumed);
}

api::Task<void> World::stop_task(api::SteadyTime grace_end, bool& stopped) {
  co_await process_->stop(grace_end);
  stopped = true;
}

}  // namespace syncd::test
