#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sync/core/types.hpp"

namespace syncd::core {

// When links that fail together are one incident (decision 014).
struct IncidentPolicy {
  bool enabled = true;
  std::uint32_t min_links = 5;              // distinct ones, that worked before; 3 to 64
  std::uint32_t min_share = 50;             // of the visits since the first of them failed, in per cent
  Millis window{std::chrono::minutes(30)};  // in which they began to fail
};

// How much a change of a link with this tag counts, beside one of a link without; 0.01 to 100.
struct TagWeight {
  std::string tag;
  double weight = 1;  // tidy: allow double: a weight of the schedule, no money
  bool operator==(const TagWeight&) const = default;
};

// Everything that decides when a link is visited and how much patience it gets. Times are durations on the
// wall clock.
struct Policy {
  Millis interval{std::chrono::hours(6)};       // between two scheduled visits of a healthy link; from 1 s
  Millis max_interval{std::chrono::hours(24)};  // no live link waits longer than this
  Millis accounts_interval{std::chrono::hours(6)};  // between two full account pulls of a healthy link
  Millis backoff_base{std::chrono::minutes(1)};     // first retry of a transport, timeout or server failure
  Millis backoff_max{std::chrono::hours(6)};
  Millis outage_base{std::chrono::minutes(15)};  // first look at a link whose institution is down
  Millis probe_base{std::chrono::hours(6)};      // first look at a link that waits for its owner
  std::uint32_t page_size = 500;                 // rows asked for, 1 to 500
  std::uint32_t cycle_pages_max = 200;           // then the link yields to others and continues
  std::uint32_t drain_pages_max = 20'000;        // then the drain is taken for endless
  std::uint32_t drain_idle_pages_max = 100;      // pages in a row that change nothing and promise more
  std::uint32_t protocol_failures_max = 5;       // then the link is quarantined
  std::uint32_t resyncs_per_day_max = 3;
  bool keep_redacted_bodies = false;  // dead letters hold the structure of the answer, without its values
  Millis verify_interval{0};          // in which the rolling audit visits every link once; zero: no audit
  IncidentPolicy incidents = {};
  // Healthy links are visited when something new is to be expected (decision 022). Otherwise, and wherever
  // `interval` is no longer than `min_interval`, each is visited every `interval`.
  bool adaptive = false;
  Millis min_interval{std::chrono::minutes(5)};  // between two visits that the schedule makes by itself
  bool peeks = true;                             // it may ask for the link object first
  // Of the links, visited in turn to compare with; 0 to 0.5.
  double control_share = 0;  // tidy: allow double: a share of the links, no money
  std::shared_ptr<const std::vector<TagWeight>> weights = {};  // null: every link counts the same
};

inline bool is_adaptive(const Policy& policy) {
  return policy.adaptive && policy.interval > policy.min_interval;
}

}  // namespace syncd::core
