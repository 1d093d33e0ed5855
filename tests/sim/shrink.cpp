#include "tests/sim/shrink.hpp"

#include <algorithm>

namespace syncd::test {

namespace {

constexpr std::size_t events_shown_max = 200;
constexpr std::size_t events_shown_after_max = 20;
constexpr std::size_t violations_shown_max = 8;

class Shrinker {
 public:
  Shrinker(const Plan& failing, const std::function<void(const std::string&)>& tell)
      : smallest_{.plan = failing}, tell_(tell) {
    const SimulationResult result = run(failing);
    if (result.violations.empty()) return;
    wanted_ = result.violations.front().invariant;
    fails_ = true;
  }

  Smallest find() {
    if (!fails_) return smallest_;
    while (pass()) {
    }
    return smallest_;
  }

 private:
  SimulationResult run(const Plan& plan) {
    ++smallest_.runs;
    return simulate(plan);
  }

  // Whether a smaller plan still breaks the same invariant; then it is the smallest so far.
  bool try_plan(const Plan& plan, const std::string& what) {
    const SimulationResult result = run(plan);
    if (std::ranges::find(result.violations, wanted_, &Violation::invariant) == result.violations.end())
      return false;
    smallest_.plan = plan;
    tell_(what);
    return true;
  }

  // True: something could be taken away, so that what was needed before may not be needed any more.
  bool pass() {
    const bool steps = fewer(&Plan::steps_max, 0);
    const bool links = fewer(&Plan::links_max, 1);
    bool kinds = false;
    for (std::size_t i = 0; i < hazard_count; ++i) {
      const auto hazard = static_cast<Hazard>(i);
      if (smallest_.plan.without.has(hazard)) continue;
      Plan plan = smallest_.plan;
      plan.without.set(hazard);
      kinds |= try_plan(plan, "without " + std::string(name_of(hazard)));
    }
    return steps || links || kinds;
  }

  // The fewest between `least` and the present number, by halves; what breaks need not be monotonous.
  bool fewer(std::uint64_t Plan::* number, std::uint64_t least) {
    const std::uint64_t before = smallest_.plan.*number;
    std::uint64_t low = least;
    while (low < smallest_.plan.*number) {
      Plan plan = smallest_.plan;
      plan.*number = low + (smallest_.plan.*number - low) / 2;
      if (!try_plan(plan, number == &Plan::links_max ? "fewer links" : "fewer steps")) low = plan.*number + 1;
    }
    return smallest_.plan.*number < before;
  }

  Smallest smallest_;
  const std::function<void(const std::string&)>& tell_;
  Invariant wanted_ = Invariant::convergence;
  bool fails_ = false;
};

}  // namespace

std::string report(const Plan& plan, const SimulationResult& result) {
  std::string text = "seed " + std::to_string(plan.seed) + "\n";
  // Up to a little after the first violation, when it is known at which event it was found.
  const auto tells = [](const std::string& event) { return event.contains(violation_mark); };
  const auto broken = std::ranges::find_if(result.events, tells);
  const auto after = static_cast<std::size_t>(broken - result.events.begin()) + events_shown_after_max;
  const std::size_t count = std::min(result.events.size(), after);
  const std::size_t first = count > events_shown_max ? count - events_shown_max : 0;
  if (first > 0) text += "  (" + std::to_string(first) + " earlier events)\n";
  for (std::size_t i = first; i < count; ++i)
    text += "  " + result.events[i] + "\n";
  if (count < result.events.size())
    text += "  (" + std::to_string(result.events.size() - count) + " later events)\n";
  for (std::size_t i = 0; i < result.violations.size() && i < violations_shown_max; ++i)
    text += "VIOLATION " + result.violations[i].text() + "\n";
  text += "run it again: scripts/simulate " + plan.arguments() + " --trace\n";
  return text;
}

Smallest shrink(const Plan& failing, const std::function<void(const std::string&)>& tell) {
  return Shrinker(failing, tell).find();
}

std::string explain(const Plan& failing, const std::function<void(const std::string&)>& tell) {
  const Smallest smallest = shrink(failing, tell);
  Plan told = smallest.plan;
  told.trace = true;
  return report(told, simulate(told)) + "(the smallest of " + std::to_string(smallest.runs) + " runs)\n";
}

}  // namespace syncd::test
