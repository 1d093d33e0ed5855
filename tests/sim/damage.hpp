#pragma once

#include <optional>
#include <string>

#include "sync/core/verify_report.hpp"
#include "tests/sandbox/model/upstream.hpp"
#include "tests/sim/dice.hpp"
#include "tests/sim/model_store.hpp"

namespace syncd::test {

// A row of the local copy that is not what upstream told, as a defect would leave it behind: made on purpose,
// so that somebody must find it.
struct Damage {
  core::LinkId link_id;
  core::DifferenceKind kind = core::DifferenceKind::missing;
  bool account = false;
  std::string id;
  std::string json{};      // what stands there now; empty: nothing does
  api::SteadyTime at{};    // since when
  bool in_repair = false;  // a repair began while it was there
};

// Something for it must be there: a link whose drain has ended, with a row (or an account). The record says
// how many rows there are, and gets another fence, so that a visit under way notices. nullopt: nothing was
// done.
std::optional<Damage> plant_damage(ModelStore& store, const core::LinkId& link_id, Dice& dice);

// Whether it is still there. A row that is missing here is missing as long as upstream has it at the stored
// cursor; where that cannot be told, `unknown` is the answer.
bool damage_is_left(const Damage& damage, const ModelStore& store, sandbox::Upstream& upstream,
                    sandbox::TimePoint now, bool unknown);

}  // namespace syncd::test
