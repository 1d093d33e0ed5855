#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sync/core/freshness.hpp"
#include "sync/core/planner.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// Why a link is due when it is: everything that decided it, as it is known now, and in words.

// What has set the link's next time.
enum class DueBy : std::uint8_t {
  policy,   // the adaptive schedule
  turn,     // visits in turn: the uniform policy, the control group, or a visit from before
  work,     // there is work that goes on: a first visit, a history that is being read
  retry,    // the last attempt had no answer that would have told anything, e.g. upstream's throttling
  failure,  // the link fails, is blocked or quarantined
  owner,    // it waits for its owner
  nobody,   // paused or gone: it has no next time
};
std::string_view to_string(DueBy by);

// `unknown`: too few gaps were seen.
enum class RhythmKnowledge : std::uint8_t { unknown, regular, irregular };
std::string_view to_string(RhythmKnowledge knowledge);

struct ScheduleExplanation {
  LinkStatus status = LinkStatus::active;
  bool adaptive = false;  // the schedule's policy, as it acts
  Arm arm = Arm::adaptive;
  // ---- what is stored ----
  DueBy due_by = DueBy::policy;
  std::optional<WallTime> next_due_at;
  VisitReason reason = VisitReason::turn;
  bool peek = false;
  std::string why;  // one or two sentences
  // ---- what is known ----
  ChangeEvidence evidence;  // the link's own
  ChangePrior prior;        // of its institution, or of everybody
  double changes_per_day = 0;
  bool has_webhook = false;
  double recall = 0;  // of webhooks
  RhythmKnowledge rhythm_knowledge = RhythmKnowledge::unknown;
  RefreshRhythm rhythm;
  double change_chance = 0;  // that a refresh brings a change which no webhook tells; 0 without a rhythm
  double weight = 1;
  std::string weight_tag;  // that gives it; empty: none does
  std::optional<UpstreamTime> refreshed_at;
  WallTime fetched_at{}, looked_at{};  // epoch: never
  // ---- what bounds it ----
  CallPrices prices;
  Millis min_interval{}, max_interval{}, turn_interval{};
  // What would be decided if a visit ended now that found the clock as it is known; nullopt: nobody visits
  // it.
  std::optional<VisitPlan> if_visited_now;
};

// `planner` is of use under the adaptive policy only; it is not asked to explore.
ScheduleExplanation explain(const LinkRecord& record, const Policy& policy, const VisitPlanner& planner,
                            WallTime now);

}  // namespace syncd::core
