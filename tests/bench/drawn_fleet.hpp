#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/fleet.hpp"

namespace syncd::bench {

// All that upstream does to a fleet, drawn beforehand, so that the simulation and the sandbox can play the
// same.
struct DrawnLink {
  std::string id;  // empty: the player chooses one
  std::uint32_t institution = 0;
  bool has_webhook = false;
  std::vector<Refresh> refreshes;  // by time; of those before the start the last one
};
struct DrawnFleet {
  std::vector<DrawnLink> links;
};

// Of which only institution and webhook are told.
std::vector<LinkSource> sources_of(const DrawnFleet& drawn);
DrawnFleet draw_fleet(const FleetShape& shape, std::uint64_t seed, double days);
// As the sandbox reads it (tests/sandbox/README.md); `start_unix_ms`: when its time is 0.
std::string to_sandbox(const DrawnFleet& drawn, std::int64_t start_unix_ms);

}  // namespace syncd::bench
