// What happens to the simulated world in the time in which everything may go wrong.
#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::minutes;

std::string World::add_upstream_link() {
  links_.push_back(upstream_.add_link(draw_link(dice_), timers_.true_now()));
  return links_.back();
}

void World::begin_faults() {
  drawn_weights_ = draw_weights(dice_);
  weights_ = drawn_weights_;
  for (sandbox::FaultRule& rule : draw_fault_rules(dice_)) {
    using enum sandbox::FaultKind;
    // Upstream itself hands out a cursor again that it gave earlier.
    cursors_repeat_ |= rule.kind == cyclic_cursor || rule.kind == endless;
    upstream_.faults().add(std::move(rule));
  }
}

void World::act() {
  if (clock_settled()) weights_ = drawn_weights_;
  if (wrong_secret_ && dice_.chance(70)) {  // while it is wrong, nothing else can happen to a link
    wrong_secret_ = false;
    set_secret();
  }
  const std::string link = links_[dice_.draw(links_.size())];
  if (dice_.chance(20)) {
    older_copy_ = store_;
    has_older_copy_ = true;
  }
  if (dice_.chance(30)) action_at_commit_ = static_cast<Action>(dice_.draw(3));
  if (dice_.chance(25)) plan_crash();
  switch (dice_.draw(4)) {
    case 0:
      act_on_process();
      break;
    case 1:
      operate(static_cast<Action>(dice_.draw(3)), LinkId{link});
      break;
    default:
      if (!deleted_.contains(link)) act_upstream(link);  // nothing more happens to a deleted one
      break;
  }
}

void World::act_upstream(const std::string& link) {
  const auto now = timers_.true_now();
  switch (dice_.draw(9)) {
    case 0:
      note("reset " + link);
      tally("link reset");
      upstream_.reset(link, now);
      break;
    case 1:
      note("relink " + link);
      tally("link relinked by its owner");
      if (dice_.chance(30)) {
        upstream_.relink_with_new_accounts(link, now);
      } else {
        upstream_.relink(link, "user_good", "pass_good", now);
      }
      break;
    case 2:
      note("refresh " + link);
      upstream_.refresh_with_changes(link, now);
      break;
    case 3:
      note("cursors end " + link);
      tally("cursors ended");
      upstream_.expire_cursors(link);
      break;
    case 4:
      note("outage");
      tally("outage begins or ends");
      outage_ = !outage_;
      upstream_.set_outage("instant_bank", outage_, now);
      break;
    case 5:
    case 6:
      note("error " + link);
      set_error(link);
      break;
    case 7:
      note("access " + link);
      set_access(link);
      break;
    default:
      rare(link);
      break;
  }
}

void World::act_on_process() {
  switch (dice_.draw(4)) {
    case 0:
      note("tokens end");
      tally("tokens ended");
      upstream_.expire_tokens();
      break;
    case 1:
      note("secret");
      tally("secret changed");
      wrong_secret_ = !wrong_secret_;
      set_secret();
      break;
    case 2:
      restart();
      break;
    default:
      jump_clock();
      break;
  }
}

void World::plan_crash() {
  crash_plan_ = CrashPlan{static_cast<CrashPoint>(dice_.draw(5)), 0};
  crash_plan_->skip = dice_.draw(crash_plan_->point == CrashPoint::any_event ? 3000 : 8);
}

// Up to an hour either way. What is stored in wall time is off by as much until it has passed, so no
// restart falls into that hour: a process that starts cannot know that its clock was moved.
void World::jump_clock() {
  note("clock jump");
  tally("clock jump");
  timers_.jump_wall_clock(Millis(static_cast<std::int64_t>(dice_.draw(7'200'000)) - 3'600'000));
  settled_clock_at_ = timers_.true_now() + minutes(70);
  weights_.commit_fails_before = 0;
  weights_.commit_fails_after = 0;
}

void World::rare(const std::string& link) {
  if (dice_.chance(30)) {
    note("delete " + link);
    tally("link deleted");
    upstream_.remove(link, timers_.true_now());
    deleted_.insert(link);
  } else {
    const std::string added = add_upstream_link();
    note("add " + added);
    tally("link added");
    register_link(added);
  }
}

void World::set_error(const std::string& link) {
  const std::string_view code = dice_.chance(70) ? draw_owner_code(dice_) : draw_outage_code(dice_);
  tally("link in error: " + std::string(code));
  upstream_.set_state(link, sandbox::LinkState::error, code, timers_.true_now());
}

void World::set_access(const std::string& link) {
  static constexpr sandbox::LinkAccess kinds[] = {sandbox::LinkAccess::normal, sandbox::LinkAccess::foreign,
                                                  sandbox::LinkAccess::forbidden};
  access_[link] = kinds[dice_.draw(3)];
  tally("access changed");
  upstream_.set_access(link, access_[link]);
}

void World::set_secret() {
  upstream_.set_client_secret(wrong_secret_ ? "another" : settings_.upstream.client_secret);
  upstream_.expire_tokens();
}

}  // namespace syncd::test
