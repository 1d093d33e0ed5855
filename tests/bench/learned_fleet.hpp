#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "sync/core/next_visit.hpp"
#include "sync/core/planner.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/types.hpp"
#include "tests/bench/fleet.hpp"

namespace syncd::bench {

// The defaults, with the adaptive policy.
core::Policy adaptive_policy();

// A link as its record has it after weeks of visits, and what its bank does.
struct LearnedLink {
  core::LinkFreshness freshness;
  core::UpstreamTime refreshed_at{};
  core::WallTime due_at{};
  std::uint32_t institution = 0;
  std::uint32_t period_ms = 0;  // 0: refreshed by what happens
  float changes_per_day = 0;    // of those that a visit finds
};

// A fleet that has been visited for weeks: links with evidence, clocks and reasons, and the planner that has
// learned the rhythms of their institutions. Learned directly, not by visits: those of weeks would take
// hours.
class LearnedFleet {
 public:
  static constexpr std::uint32_t institutions = core::outlook_institutions_max;

  // `now`: when the last visits were made, each within the wait that it decided on.
  LearnedFleet(std::uint32_t links, const core::FleetBudget& budget, core::WallTime now);

  core::VisitPlanner& planner() { return planner_; }
  std::vector<LearnedLink>& links() { return links_; }
  // `bank_0017`
  const std::string& name_of(std::uint32_t institution) const { return names_[institution]; }
  static constexpr const char* provider = "moneykit";

 private:
  void teach_institution(const LinkSource& source, core::WallTime now);
  LearnedLink learned(const LinkSource& source, std::uint64_t id_hash, core::WallTime now);

  std::mt19937_64 random_{1};
  core::VisitPlanner planner_{core::freshness_policy_of(adaptive_policy())};
  std::vector<std::string> names_;
  std::vector<LearnedLink> links_;
};

}  // namespace syncd::bench
