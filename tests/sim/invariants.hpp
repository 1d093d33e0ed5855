#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/tally.hpp"

namespace syncd::test {

// What must always be true of the daemon, as far as its subject exists at this level. The numbers are those
// of the reliability goals, and above 20 this simulation's own.
enum class Invariant : std::uint8_t {
  convergence = 1,
  cursor_not_ahead = 2,
  cursor_not_back = 3,
  exactly_once = 4,
  gap_free_feed = 5,
  atomicity = 6,
  relink = 7,
  budget = 8,
  no_starvation = 9,
  single_owner = 10,
  termination = 11,
  bounded = 12,
  tombstones = 13,
  acts = 16,
  determinism = 18,
  liveness = 19,
  // Of this simulation's own.
  verify = 21,
  repair = 22,
  dead_letters = 23,
  audit = 24,
  full_disk = 25,
  continuity = 26,
  hints = 27,
};
inline constexpr std::size_t invariant_numbers = 27;

struct InvariantInfo {
  Invariant invariant;
  std::string_view name;
  std::string_view what;
  std::uint64_t least;  // evaluations per thousand seeds: a check that never runs proves nothing
};
std::span<const InvariantInfo> invariants();
// `I-4 exactly once`
std::string label(Invariant invariant);

struct Violation {
  Invariant invariant;
  std::string what;
  std::string text() const { return label(invariant) + ": " + what; }
};
// Begins the event that tells of one.
inline constexpr std::string_view violation_mark = "broken: ";

// What was looked at how often, and what was not as it must be.
class Findings {
 public:
  void looked(Invariant invariant, std::uint64_t times = 1) { looked_.at(index(invariant)) += times; }
  void broken(Invariant invariant, std::string what) { violations_.push_back({invariant, std::move(what)}); }
  // One look at something that has to hold.
  void expect(Invariant invariant, bool holds, std::string_view what) {
    looked(invariant);
    if (!holds) broken(invariant, std::string(what));
  }
  const std::vector<Violation>& violations() const { return violations_; }
  bool clean() const { return violations_.empty(); }
  void count_into(Tally& tally) const {
    for (const InvariantInfo& info : invariants())
      tally.add("looked at " + label(info.invariant), looked_.at(index(info.invariant)));
  }

 private:
  static std::size_t index(Invariant invariant) { return static_cast<std::size_t>(invariant); }
  std::array<std::uint64_t, invariant_numbers + 1> looked_{};
  std::vector<Violation> violations_;
};

}  // namespace syncd::test
