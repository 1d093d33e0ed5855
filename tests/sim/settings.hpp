#pragma once

#include <vector>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/engine/engine.hpp"
#include "tests/sandbox/model/upstream.hpp"
#include "tests/sim/dice.hpp"
#include "tests/sim/sim_transport.hpp"

namespace syncd::test {

// What a seed decides before anything happens: how upstream behaves and what the daemon is told.
struct Settings {
  explicit Settings(std::uint64_t seed);
  // What a reload may change: policy and budgets. Upstream's budgets are as they were.
  void redraw(Dice& dice);

  sandbox::UpstreamOptions upstream;
  api::Budgets budgets;  // upstream enforces the same
  engine::EngineOptions engine;
  api::ApiOptions api;

 private:
  void draw_upstream(Dice& dice);
  void draw_engine(Dice& dice);
  void draw_policy(Dice& dice);
  void draw_budgets(Dice& dice);
  void draw_audit(Dice& dice);
};

// Upstream enforces these from now on.
void enforce_budgets(sandbox::Budgets& upstream, const api::Budgets& budgets);
// The larger of each.
api::Budgets larger(const api::Budgets& a, const api::Budgets& b);

// What each 503 of the model asks for.
inline constexpr std::chrono::seconds unavailable_for{300};

// The forms that the kinds of faults take: variants of the model of upstream, and statuses.
inline constexpr std::string_view spoilt_bodies[] = {
    "truncated", "html",           "garbage", "empty",      "duplicate_key", "bad_utf8",
    "deep",      "trailing",       "array",   "null_lists", "wrong_types",   "bom",
    "nul",       "lone_surrogate", "control", "odd_number", "long_id",       "empty_id"};
inline constexpr std::string_view bad_cursors[] = {"null", "empty", "absent", "number", "huge"};
inline constexpr std::string_view retry_afters[] = {"seconds",  "date",      "absurd", "absurd_date",
                                                    "negative", "past_date", "text",   "none"};
inline constexpr int server_statuses[] = {500, 502, 503, 504, 520, 599};
inline constexpr int odd_statuses[] = {400, 409, 415, 418, 431, 451};
inline constexpr int redirects[] = {301, 302, 303, 307, 308};

// Each kind is absent from half of the seeds, so that rare combinations meet.
HazardSet draw_hazards(Dice& dice);
FaultWeights draw_weights(Dice& dice, const HazardSet& hazards);
std::vector<sandbox::FaultRule> draw_fault_rules(Dice& dice, const HazardSet& hazards);
sandbox::NewLink draw_link(Dice& dice);

std::string_view draw_owner_code(Dice& dice);
std::string_view draw_outage_code(Dice& dice);

}  // namespace syncd::test
