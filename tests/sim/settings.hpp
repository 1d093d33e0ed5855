#pragma once

#include <vector>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/engine/engine.hpp"
#include "tests/sandbox/model/upstream.hpp"
#include "tests/sim/dice.hpp"
#include "tests/sim/sim_ports.hpp"

namespace syncd::test {

// What a seed decides before anything happens: how upstream behaves and what the daemon is told.
struct Settings {
  Settings(std::uint64_t seed, Dice& dice);

  sandbox::UpstreamOptions upstream;
  api::Budgets budgets;  // upstream enforces the same
  engine::EngineOptions engine;
  api::ApiOptions api;

 private:
  void draw_upstream(Dice& dice);
  void draw_policy(Dice& dice);
};

// Budgets that the daemon is told and upstream enforces.
void limit_budgets(api::Budgets& budgets, sandbox::Budgets& upstream, const api::Budgets& wanted);

// The faults of a seed: each kind is absent from half of the seeds, so that rare combinations meet.
FaultWeights draw_weights(Dice& dice);
std::vector<sandbox::FaultRule> draw_fault_rules(Dice& dice);
sandbox::NewLink draw_link(Dice& dice);

std::string_view draw_owner_code(Dice& dice);
std::string_view draw_outage_code(Dice& dice);

}  // namespace syncd::test
