// What happens to the simulated world in the time in which everything may go wrong.
#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::hours;
using std::chrono::minutes;

namespace {

// Of a Retry-After and of a budget's minute, and something.
constexpr Millis longest_window = minutes(70);

}  // namespace

std::string World::add_upstream_link(Dice& dice) {
  sandbox::NewLink link = draw_link(dice);
  // Not drawn: other draws of a seed stay as they are. Links of one bank can fail together.
  if (plan_.seed % 3 == 1) link.institution = "instant_bank";
  link.webhook = draw_webhook();
  links_.push_back(upstream_.add_link(link, timers_.true_now()));
  if (link.webhook) hooked_.insert(links_.back());
  return links_.back();
}

void World::begin_faults() {
  weights_ = draw_weights(start_dice_, hazards_);
  const std::uint32_t drawn = Dice(plan_.seed, read_failures_stream).between(1, 4);
  if (on(Hazard::store_read_fails)) weights_.of(Hazard::store_read_fails) = drawn;
  for (sandbox::FaultRule& rule : draw_fault_rules(start_dice_, hazards_))
    upstream_.faults().add(std::move(rule));
  begin_hook_faults();
}

void World::act(Dice& dice) {
  if (wrong_secret_ && dice.chance(70)) {  // while it is wrong, nothing else can happen to a link
    wrong_secret_ = false;
    set_secret();
  }
  upstream_budgets_ = settings_.budgets;  // more than a minute has passed since a reload
  follow_budgets();
  plan_moments(dice);
  const std::string link = links_[dice.draw(links_.size())];
  switch (dice.draw(5)) {
    case 0:
    case 1:
      act_on_process(dice);
      break;
    case 2:
      if (const auto action = static_cast<Action>(dice.draw(operator_actions)); on(Hazard::operator_acts))
        operate(action, LinkId{link}, dice);
      break;
    default:
      act_upstream(dice, link);
      break;
  }
  if (dice.chance(40)) act_on_copy(dice, link);
  act_on_queue();
  purge_somebody();
  act_on_hooks();
}

Hazard World::hazard_of(Action action) {
  switch (action) {
    case Action::verify:
      return Hazard::verify;
    case Action::repair:
      return Hazard::repair;
    case Action::retry_letter:
    case Action::drop_letter:
      return Hazard::dead_letters;
    default:
      return Hazard::operator_acts;
  }
}

// What will strike at a moment of its own choice.
void World::plan_moments(Dice& dice) {
  const bool copies = dice.chance(15);
  const auto action = static_cast<Action>(dice.draw(dice.chance(50) ? operator_actions : action_count));
  const bool at_commit = dice.chance(30);
  static constexpr Hazard in_flight[] = {Hazard::deleted, Hazard::link_reset, Hazard::relink,
                                         Hazard::cursors_end};
  const Hazard at_answer = in_flight[dice.draw(std::size(in_flight))];
  const bool answer_struck = dice.chance(30);
  if (copies && on(Hazard::older_copy) && damages_.empty()) take_copy();
  if (at_commit && on(hazard_of(action))) action_at_commit_ = action;
  const bool wanted = on(Hazard::act_in_flight) && on(at_answer);
  const bool too_often = at_answer == Hazard::deleted && !dice.chance(20);
  if (answer_struck && wanted && !too_often) act_at_answer_ = at_answer;

  const auto kind = static_cast<Strike>(dice.draw(4));
  const auto moment = static_cast<Moment>(dice.draw(7));
  const std::uint64_t skip = dice.draw(moment == Moment::any_event ? 300 : 8);
  if (!dice.chance(60)) return;
  static constexpr Hazard kinds[] = {Hazard::crash, Hazard::power_cut, Hazard::clean_stop};
  if (kind != Strike::look && !on(kinds[static_cast<std::size_t>(kind)])) return;
  strike_plan_ = StrikePlan{kind, moment, skip};
}

void World::act_upstream(Dice& dice, const std::string& link) {
  static constexpr Hazard kinds[] = {
      Hazard::link_reset, Hazard::relink,     Hazard::relink,     Hazard::new_accounts, Hazard::cursors_end,
      Hazard::outage,     Hazard::link_error, Hazard::link_error, Hazard::link_error,   Hazard::access,
      Hazard::deleted,    Hazard::added,      Hazard::flapping,   Hazard::new_link_id,  Hazard::all_down};
  const Hazard kind = kinds[dice.draw(std::size(kinds))];
  const bool skipped = kind == Hazard::all_down && dice.chance(50);  // days cost more than anything else
  if (!on(kind) || skipped) {
    if (!deleted_.contains(link)) upstream_.refresh_with_changes(link, timers_.true_now());
    return;
  }
  const bool of_all = kind == Hazard::outage || kind == Hazard::added || kind == Hazard::all_down;
  if (of_all) return act_on_all(kind, dice);
  if (deleted_.contains(link)) return;  // nothing more happens to a deleted one
  note(std::string(name_of(kind)) + " " + link);
  act_on_link(kind, dice, link);
}

void World::act_on_link(Hazard what, Dice& dice, const std::string& link) {
  const auto now = timers_.true_now();
  switch (what) {
    case Hazard::link_reset:
      tally("link reset");
      upstream_.reset(link, now);
      if (plan_.sabotage != Sabotage::none) store_.sabotage(plan_.sabotage);
      break;
    case Hazard::relink:
      tally("link relinked by its owner");
      upstream_.relink(link, "user_good", "pass_good", now);
      break;
    case Hazard::new_accounts:
      tally("link relinked with new accounts");
      upstream_.relink_with_new_accounts(link, now);
      break;
    case Hazard::cursors_end:
      tally("cursors ended");
      upstream_.expire_cursors(link);
      break;
    case Hazard::link_error:
      set_error(link, dice);
      break;
    case Hazard::access:
      set_access(link, dice);
      break;
    case Hazard::deleted:
      delete_link(link);
      break;
    case Hazard::flapping:
      flap(link, dice);
      break;
    case Hazard::new_link_id:
      // The owner went through the whole flow once more: another link, the old one is closed.
      tally("link relinked under a new id");
      delete_link(link);
      register_link(add_upstream_link(dice));
      break;
    default:
      break;
  }
}

void World::act_on_all(Hazard what, Dice& dice) {
  note(std::string(name_of(what)));
  if (what == Hazard::outage) {
    tally("outage begins or ends");
    outage_ = !outage_;
    upstream_.set_outage("instant_bank", outage_, timers_.true_now());
  } else if (what == Hazard::added) {
    tally("link added");
    register_link(add_upstream_link(dice));
  } else {
    all_down(dice);
  }
}

void World::act_on_process(Dice& dice) {
  static constexpr Hazard kinds[] = {Hazard::tokens_end, Hazard::wrong_secret,  Hazard::clean_stop,
                                     Hazard::reload,     Hazard::clock_forward, Hazard::clock_back,
                                     Hazard::suspend,    Hazard::boot_in_1970};
  const Hazard kind = kinds[dice.draw(std::size(kinds))];
  if (!on(kind)) return;
  switch (kind) {
    case Hazard::tokens_end:
      note("tokens end");
      tally("tokens ended");
      upstream_.expire_tokens();
      break;
    case Hazard::wrong_secret:
      note("secret");
      tally("secret changed");
      wrong_secret_ = !wrong_secret_;
      set_secret();
      break;
    case Hazard::clean_stop:
      restart();
      break;
    case Hazard::reload:
      reload(dice);
      break;
    default:
      act_on_clock(kind, dice);
      break;
  }
}

void World::act_on_clock(Hazard what, Dice& dice) {
  static constexpr std::int64_t most_s[] = {3'600, 2 * 86'400, 20LL * 365 * 86'400};
  const auto draw_jump = [&](std::uint64_t sizes) {
    const auto most = static_cast<std::uint64_t>(most_s[dice.draw(sizes)]);
    return std::chrono::seconds(static_cast<std::int64_t>(1 + dice.draw(most)));
  };
  const bool mends = dice.chance(75) && timers_.wall_offset() > Millis(0);
  switch (what) {
    case Hazard::clock_forward:
      tally("clock jumps forward");
      return jump_clock(draw_jump(3));
    case Hazard::clock_back:
      tally("clock jumps back");
      // What was wrong is put right, as a time service does; or it goes wrong.
      jump_clock(mends ? -timers_.wall_offset() : Millis(-draw_jump(2)));
      return mends && !was_behind_lately() ? start_anew(dice) : void();
    case Hazard::suspend:
      note("suspend");
      tally("suspend and resume");
      timers_.suspend(Millis(static_cast<std::int64_t>(dice.draw(3 * 86'400'000))));
      process_->transport.kill_kept(1 + dice.draw(4));
      if (!dice.chance(60)) break;
      // Whoever woke the machine wants to see the news: asked for before the dead connections have been
      // noticed.
      for (const std::string& link : links_)
        static_cast<void>(process_->engine.sync_now(LinkId{link}));
      break;
    default:
      boot_in_1970(dice);
      break;
  }
}

// What is stored in wall time is off by as much until the longest window has passed: a process that starts
// before cannot know that its clock was moved. See doubt_stored_windows().
void World::jump_clock(Millis by) {
  note("clock jump of " + std::to_string(by / std::chrono::minutes(1)) + " minutes");
  if (timers_.wall_offset() < Millis(0)) behind_until_ = timers_.true_now();
  timers_.jump_wall_clock(by);
  was_ahead_ |= timers_.wall_offset() > Millis(0);
  if (by > Millis(0)) forward_until_ = timers_.true_now() + longest_window;
  settled_clock_at_ = timers_.true_now() + longest_window;
}

// A window that was stored by a clock that was behind ends too early by the true one.
bool World::was_behind_lately() const {
  return timers_.true_now() - behind_until_ < longest_window;
}

// A process that finds times of a clock that was ahead believes none of them for long. It errs on the careful
// side of the budgets, so that this may happen at once.
void World::start_anew(Dice& dice) {
  const bool crashes = on(Hazard::crash) && (!on(Hazard::clean_stop) || dice.chance(50));
  if (!crashes && !on(Hazard::clean_stop)) return;
  live(minutes(dice.between(0, 2)));
  tally("restart behind a clock that was put right");
  return crashes ? crash(false) : stop_anywhere();
}

// A machine without a battery for its clock: no certificate is valid until it has asked for the time.
void World::boot_in_1970(Dice& dice) {
  wait_for_clock();
  boots_in_1970_ = true;
  note("boot in 1970");
  stop_anywhere();
  settled_clock_at_ = core::WallTime::max();
  live(minutes(dice.between(1, 30)));
  jump_clock(-timers_.wall_offset());
}

// Expires and is mended, again and again.
void World::flap(const std::string& link, Dice& dice) {
  tally("link flaps");
  const std::uint32_t times = dice.between(3, 12);
  for (std::uint32_t i = 0; i < times && !deleted_.contains(link); ++i) {
    upstream_.reset(link, timers_.true_now());
    static_cast<void>(process_->engine.sync_now(LinkId{link}));
    live(minutes(dice.between(1, 20)));
    if (deleted_.contains(link)) return;
    upstream_.relink(link, "user_good", "pass_good", timers_.true_now());
    static_cast<void>(process_->engine.sync_now(LinkId{link}));
    live(minutes(dice.between(1, 20)));
  }
}

// Nothing upstream can be reached for a day up to a week.
void World::all_down(Dice& dice) {
  tally("all upstream down for days");
  weights_.upstream_down = true;
  live(hours(24 + dice.draw(6 * 24)));
  weights_.upstream_down = false;
}

void World::strike_at_answer(const WireRequest& request) {
  if (!act_at_answer_ || request.endpoint != core::Endpoint::sync) return;
  if (deleted_.contains(request.link_id)) return;
  const Hazard what = *std::exchange(act_at_answer_, std::nullopt);
  note("while a page is in flight: " + std::string(name_of(what)) + " " + request.link_id);
  tally("something happens while a page is in flight");
  act_on_link(what, process_dice_, request.link_id);
}

void World::delete_link(const std::string& link) {
  tally("link deleted");
  upstream_.remove(link, timers_.true_now());
  deleted_.insert(link);
}

void World::set_error(const std::string& link, Dice& dice) {
  const std::string_view code = dice.chance(70) ? draw_owner_code(dice) : draw_outage_code(dice);
  tally("link in error: " + std::string(code));
  upstream_.set_state(link, sandbox::LinkState::error, code, timers_.true_now());
}

void World::set_access(const std::string& link, Dice& dice) {
  static constexpr sandbox::LinkAccess kinds[] = {sandbox::LinkAccess::normal, sandbox::LinkAccess::foreign,
                                                  sandbox::LinkAccess::forbidden};
  access_[link] = kinds[dice.draw(3)];
  tally("access changed");
  upstream_.set_access(link, access_[link]);
}

void World::set_secret() {
  upstream_.set_client_secret(wrong_secret_ ? "another" : settings_.upstream.client_secret);
  upstream_.expire_tokens();
}

}  // namespace syncd::test
