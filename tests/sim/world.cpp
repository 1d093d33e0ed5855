#include <stdexcept>

#include "tests/sim/last_words.hpp"
#include "tests/sim/world_impl.hpp"

namespace syncd::test {

using std::chrono::hours;
using std::chrono::minutes;

namespace {

HazardSet hazards_of(const Plan& plan) {
  Dice dice(plan.seed, hazards_stream);
  HazardSet hazards = draw_hazards(dice);
  for (std::size_t i = 0; i < hazard_count; ++i) {
    if (plan.without.has(static_cast<Hazard>(i))) hazards.set(static_cast<Hazard>(i), false);
  }
  return hazards;
}

}  // namespace

std::string Plan::arguments() const {
  std::string text = "--from " + std::to_string(seed) + " --seeds 1";
  const Plan whole;
  if (links_max != whole.links_max) text += " --links " + std::to_string(links_max);
  if (steps_max != whole.steps_max) text += " --steps " + std::to_string(steps_max);
  if (without.size() > hazard_count / 2) {
    text += " --only " + without.others().text();
  } else if (without.size() > 0) {
    text += " --without " + without.text();
  }
  return text;
}

World::World(const Plan& plan)
    : plan_(plan),
      hazards_(hazards_of(plan)),
      settings_(plan.seed),
      start_dice_(plan.seed, start_stream),
      check_dice_(plan.seed, check_stream),
      process_dice_(plan.seed, process_stream),
      timers_(io_, core::WallTime(hours(24 * 365 * 55) + Millis(start_dice_.draw(86'400'000))),
              plan.seed + 7),
      tasks_(io_.get_executor(), [](std::exception_ptr error) { std::rethrow_exception(error); }),
      upstream_(settings_.upstream),
      watch_(settings_.budgets, findings_, result_.tally),
      upstream_budgets_(settings_.budgets) {
  follow_hazards();
}

SimulationResult World::run() {
  const std::uint64_t count = std::min(1 + start_dice_.draw(8), plan_.links_max);
  for (std::uint64_t i = 0; i < count; ++i) {
    Dice dice(plan_.seed, step_stream, 1'000 + i);
    add_upstream_link(dice);
  }
  boot();
  live(hours(1));
  begin_faults();
  const std::uint64_t steps = std::min(20 + start_dice_.draw(40), plan_.steps_max);
  for (std::uint64_t step = 0; step < steps; ++step) {
    Dice dice(plan_.seed, step_stream, step);
    plan_full_disk(step);
    act(dice);
    live(minutes(dice.between(1, 40)));
    if (dice.chance(40)) read_feed();
  }
  quiet();
  heal();
  settle();
  finish();
  result_.violations = findings_.violations();
  findings_.count_into(result_.tally);
  return std::move(result_);
}

SimulationResult World::give_up(const std::string& why) {
  findings_.broken(Invariant::termination, why);
  result_.violations = findings_.violations();
  return std::move(result_);
}

SimulationResult simulate(const Plan& plan) {
  const LastWords last_words(plan.seed);
  auto world = std::make_unique<World>(plan);
  try {
    return world->run();
  } catch (const std::exception& error) {
    // Its tasks are in the middle of something: they cannot be joined any more.
    return world.release()->give_up(error.what());
  }
}

}  // namespace syncd::test
