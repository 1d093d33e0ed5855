#include <string>

#include "sync/api/rate_gate.hpp"
#include "sync/core/classify.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/target.hpp"

// The note that a clean stop leaves of its requests. Any text is understood whole or not at all; nothing that
// it says opens more budget than there is or closes an endpoint for longer than an hour; a snapshot that the
// gate makes itself is understood, by a gate that starts later too, and forgets nothing of the last minute.
namespace syncd::fuzz {
namespace {

class Clock final : public api::Timers {
 public:
  core::WallTime wall_now() override { return wall; }
  api::SteadyTime steady_now() override { return steady; }
  std::uint64_t random() override { return 7; }
  api::Task<void> sleep_until(api::SteadyTime) override { co_return; }
  void pass(core::Millis time) {
    wall += time;
    steady += time;
  }

  core::WallTime wall{std::chrono::seconds(1'700'000'000)};
  api::SteadyTime steady{std::chrono::seconds(1'000'000)};
};

std::uint64_t used(api::RateGate& gate) {
  std::uint64_t sum = 0;
  for (const api::BudgetUse& use : gate.use())
    sum += use.used;
  return sum;
}

// Sessions count against users, everything else against links or nobody.
api::BudgetOwner owner_of(core::Endpoint endpoint, const core::LinkId& id) {
  return endpoint == core::Endpoint::link_session ? api::BudgetOwner::user(id.str()) : api::BudgetOwner(id);
}

void check_bounds(Clock& clock, api::RateGate& gate) {
  for (const api::BudgetUse& use : gate.use()) {
    FUZZ_CHECK(!use.frozen_until || *use.frozen_until <= clock.wall + core::retry_after_max,
               "no window is longer than an hour");
    const core::LinkId link_id{"mk_1"};
    const auto at = gate.available_at(use.endpoint, owner_of(use.endpoint, link_id), core::Cause::schedule);
    FUZZ_CHECK(at >= clock.steady, "nothing is free in the past");
    FUZZ_CHECK(at <= clock.steady + core::retry_after_max + std::chrono::minutes(2),
               "everything is free one day");
  }
}

void try_text(Choices& choices) {
  Clock clock;
  api::RateGate gate(clock, {});
  const std::uint64_t before = used(gate);
  const bool understood = gate.restore(choices.rest());
  FUZZ_CHECK(understood || used(gate) == before, "understood whole or not at all");
  check_bounds(clock, gate);
  const std::string snapshot = gate.snapshot();
  api::RateGate next(clock, {});
  FUZZ_CHECK(snapshot.empty() || next.restore(snapshot), "what the gate says is understood");
  FUZZ_CHECK(snapshot.empty() || used(next) >= used(gate), "nothing is forgotten");
  check_bounds(clock, next);
}

void try_requests(Choices& choices) {
  Clock clock;
  api::RateGate gate(clock, {.sync_per_app = 20, .sync_per_link = 4, .link_session_per_user = 3});
  while (choices.left()) {
    const auto endpoint = static_cast<core::Endpoint>(1 + choices.below(core::endpoint_count));
    const std::uint32_t act = choices.below(8);
    if (act == 0) gate.freeze(endpoint, clock.wall + core::Millis(choices.number() % 100'000'000));
    if (act == 1) clock.pass(core::Millis(choices.below(256) * 100));
    if (act > 1) {
      const core::LinkId link_id{"mk_" + std::to_string(choices.below(5))};
      gate.try_take(endpoint, owner_of(endpoint, link_id), core::Cause::schedule);
    }
  }
  const std::string snapshot = gate.snapshot();
  api::RateGate next(clock, {.sync_per_app = 20, .sync_per_link = 4, .link_session_per_user = 3});
  FUZZ_CHECK(!snapshot.empty() && next.restore(snapshot), "what the gate says is understood");
  const auto here = gate.use();
  const auto there = next.use();
  for (std::size_t i = 0; i < here.size(); ++i) {
    FUZZ_CHECK(there[i].used >= here[i].used, "nothing is forgotten");
    FUZZ_CHECK(there[i].frozen_until == here[i].frozen_until, "a window goes on");
    const core::LinkId id{"mk_1"};
    const api::BudgetOwner owner = owner_of(here[i].endpoint, id);
    FUZZ_CHECK(next.available_at(here[i].endpoint, owner, core::Cause::schedule) >=
                   gate.available_at(here[i].endpoint, owner, core::Cause::schedule),
               "a restart opens nothing earlier");
  }
}

}  // namespace

FUZZ_TARGET(rate_snapshot) {
  Choices choices(bytes);
  return choices.flag() ? try_requests(choices) : try_text(choices);
}

}  // namespace syncd::fuzz
