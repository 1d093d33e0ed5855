#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/hazards.hpp"
#include "tests/sim/tally.hpp"

namespace syncd::test {

// How a fault of the fault model happens here, and how often at least: a run in which nothing went wrong
// proves nothing.
struct FaultRow {
  std::string_view ids;          // of the fault model; empty: ordinary load
  std::optional<Hazard> hazard;  // what switches it off
  std::string_view how;
  std::string_view tally;
  std::uint64_t least;  // in `seeds_per_least` seeds
};
inline constexpr std::uint64_t seeds_per_least = 500;
std::span<const FaultRow> fault_table();

// What happened or was looked at too rarely in so many seeds; each a sentence.
std::vector<std::string> shortfalls(const Tally& tally, std::uint64_t seeds);
// All counts, one a line.
std::string listing(const Tally& tally);

}  // namespace syncd::test
