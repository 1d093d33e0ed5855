#pragma once

#include <functional>
#include <string>

#include "tests/sim/world.hpp"

namespace syncd::test {

// The last events, what was violated, and how to run it again.
std::string report(const Plan& plan, const SimulationResult& result);

struct Smallest {
  Plan plan;
  std::uint32_t runs = 0;  // that it took
};
// Takes away kinds of faults, links and steps as long as the invariant that `failing` breaks first still
// breaks. `tell` hears of each success.
Smallest shrink(const Plan& failing, const std::function<void(const std::string&)>& tell);

// Shrinks, runs the smallest once more with everything it does told, and reports that.
std::string explain(const Plan& failing, const std::function<void(const std::string&)>& tell);

}  // namespace syncd::test
