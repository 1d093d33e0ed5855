#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::bench {

// What a fleet of links is like. The defaults are meant to look like a real one: most institutions refresh
// nearly periodically, some when something happens; few links have many changes and many have few.
struct FleetShape {
  std::uint32_t links = 6'000;
  std::uint32_t institutions = 120;
  double periodic_share = 0.8;  // of the links
  double skipped_share = 0.05;  // of the refreshes of periodic ones
  double activity_sigma = 1.3;  // of the lognormal distribution of changes a day, median 1
  double dormant_share = 0.15;  // of the links: no changes
  double hooks_share = 0.9;     // of the links have a webhook
  double hook_recall = 0.97;
  double hook_latency_s = 20;  // mean
};

// Of one link, in milliseconds of virtual time.
struct Refresh {
  std::int64_t at_ms = 0;
  bool changed = false;
  std::optional<std::int64_t> hook_ms = {};  // how long its webhook travels, if there is one; see trace.hpp
};

// One link's bank and institution, as upstream sees them: when it refreshes, and whether that brings
// something.
class LinkSource {
 public:
  std::uint32_t institution = 0;
  bool has_webhook = false;
  double changes_per_day = 0;
  double period_ms = 0;  // 0: refreshed by what happens
  double jitter_share = 0;
  // All of its refreshes, by time, where they are known (trace.hpp); null: they are made up from the above.
  std::shared_ptr<const std::vector<Refresh>> recorded;

  void begin(std::mt19937_64& random);
  // Not before what it gave last.
  Refresh next(double skipped_share, std::mt19937_64& random);
  // Changed refreshes a day that are to be expected.
  double changed_refreshes_per_day() const;

 private:
  double happened_between(double from_ms, double to_ms) const;
  double at_ms_ = 0;
  double day_phase_ms_ = 0;
  std::size_t given_ = 0;  // of `recorded`
};

std::vector<LinkSource> make_fleet(const FleetShape& shape, std::mt19937_64& random);

}  // namespace syncd::bench
