#include "sync/core/freshness_explain.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "sync/core/next_visit.hpp"
#include "sync/core/schedule.hpp"

namespace syncd::core {

namespace {

// `6 h 20 min`: the two largest units.
std::string span_text(Millis span) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  constexpr std::array<Unit, 4> units{{{86'400, "d"}, {3'600, "h"}, {60, "min"}, {1, "s"}}};
  std::int64_t left = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  std::string text;
  int named = 0;
  for (const Unit& unit : units) {
    if (named > 0) ++named;
    if (left >= unit.seconds) {
      text += fmt::format("{}{} {}", text.empty() ? "" : " ", left / unit.seconds, unit.name);
      left %= unit.seconds;
      named = std::max(named, 1);
    }
    if (named == 2) break;
  }
  return text.empty() ? "less than 1 s" : text;
}

DueBy due_by(const LinkRecord& record) {
  switch (record.status) {
    case LinkStatus::paused:
    case LinkStatus::gone:
      return DueBy::nobody;
    case LinkStatus::relink:
      return DueBy::owner;
    case LinkStatus::backoff:
    case LinkStatus::blocked:
    case LinkStatus::quarantined:
      return DueBy::failure;
    case LinkStatus::active:
      break;
  }
  const bool begun = record.last_attempt_at != WallTime{};
  if (!begun || record.drain.open || record.resync || record.repairing) return DueBy::work;
  // Every answer shows the clock: an attempt behind the last look had none.
  const WallTime seen = std::max(record.freshness.looked_at, record.last_success_at);
  if (record.last_attempt_at > seen) return DueBy::retry;
  // What a peek has found is fetched at once.
  if (record.next_due_at <= record.last_attempt_at) return DueBy::work;
  return record.freshness.reason == VisitReason::turn ? DueBy::turn : DueBy::policy;
}

void take_weight(const LinkRecord& record, const Policy& policy, ScheduleExplanation& told) {
  told.weight = weight_of(record, policy);
  if (const TagWeight* const heaviest = heaviest_tag(record, policy)) told.weight_tag = heaviest->tag;
}

RhythmKnowledge knowledge_of(const RefreshRhythm& rhythm) {
  if (rhythm.regular) return RhythmKnowledge::regular;
  return rhythm.gap_median > Millis(0) ? RhythmKnowledge::irregular : RhythmKnowledge::unknown;
}

std::string rhythm_text(const ScheduleExplanation& told) {
  switch (told.rhythm_knowledge) {
    case RhythmKnowledge::regular:
      return fmt::format("Its institution refreshes about every {}, give or take {}.",
                         span_text(told.rhythm.period), span_text(told.rhythm.spread));
    case RhythmKnowledge::irregular:
      return "Its institution refreshes without a rhythm.";
    case RhythmKnowledge::unknown:
      break;
  }
  return "Too little was seen of its institution's refreshes to know their rhythm.";
}

std::string why_policy(const ScheduleExplanation& told) {
  const std::string peek =
      told.peek ? " It asks for the link object first, and for the feed only when there is news." : "";
  switch (told.reason) {
    case VisitReason::ladder:
      return rhythm_text(told) +
             " The visit is just behind the next refresh that is expected; while that is late, others "
             "follow." +
             peek;
    case VisitReason::batch:
      return rhythm_text(told) +
             " The link changes too seldom for a visit of each refresh: one is made for several of them." +
             peek;
    case VisitReason::rate: {
      const bool ignored = told.rhythm_knowledge == RhythmKnowledge::regular;
      return rhythm_text(told) + (ignored ? " Ignoring that costs less, or it was not kept: the" : " The") +
             " wait balances how late changes are seen against the price of a call." + peek;
    }
    case VisitReason::floor:
      return fmt::format(
          "So little is expected of the link that nothing but the longest wait brings the visit: its feed is "
          "asked within {}.",
          span_text(told.max_interval));
    case VisitReason::learn:
      return "A little sooner than the link itself needs, to learn when its institution refreshes." + peek;
    case VisitReason::turn:
      break;
  }
  return "In turn.";
}

std::string why_turn(const ScheduleExplanation& told, const Policy& policy) {
  if (!policy.adaptive)
    return fmt::format("The schedule's policy is uniform: every link is visited once in {}.",
                       span_text(std::min(policy.interval, policy.max_interval)));
  if (!told.adaptive)
    return fmt::format(
        "The interval of the schedule, {}, is no longer than its min_interval: every link is visited once in "
        "it.",
        span_text(policy.interval));
  if (told.arm == Arm::control)
    return fmt::format(
        "The link is in the control group, to measure what the adaptive schedule gains: visited in turn, "
        "once "
        "in {}.",
        span_text(told.turn_interval));
  return "Its time is from before the adaptive schedule decided about it: the next visit will.";
}

std::string why_failure(const LinkRecord& record) {
  const std::string code = !record.last_error ? ""
                           : record.last_error->api_code.empty()
                               ? std::string(to_string(record.last_error->code))
                               : record.last_error->api_code;
  const std::string last = code.empty() ? "" : fmt::format(", the last time with {}", code);
  if (record.status == LinkStatus::blocked)
    return fmt::format("MoneyKit forbids us the link{}: it is asked now and then whether that is still so.",
                       last);
  if (record.status == LinkStatus::quarantined)
    return fmt::format(
        "The link is quarantined because its answers could not be believed{}: it is tried once in "
        "max_interval, "
        "and when its dead letter is retried.",
        last);
  return fmt::format("The link has failed {} in a row{}: it is tried again, ever more slowly.",
                     record.failures == 1 ? "once" : fmt::format("{} times", record.failures), last);
}

std::string why_of(const LinkRecord& record, const Policy& policy, const ScheduleExplanation& told) {
  switch (told.due_by) {
    case DueBy::policy:
      return why_policy(told);
    case DueBy::turn:
      return why_turn(told, policy);
    case DueBy::work:
      if (record.last_attempt_at == WallTime{})
        return "The link was never visited: it is due as soon as the budget allows.";
      return record.drain.open || record.resync
                 ? "Its history is being read: it goes on as soon as the budget allows."
                 : "There is news of it: it is fetched as soon as the budget allows.";
    case DueBy::retry:
      return "The last attempt had no answer that told anything, mostly because MoneyKit allowed no more "
             "calls: "
             "it is made again when that is over.";
    case DueBy::failure:
      return why_failure(record);
    case DueBy::owner:
      return "The link waits for its owner, who must sign in again: until then it is looked at ever more "
             "slowly, "
             "and the schedule does not decide.";
    case DueBy::nobody:
      break;
  }
  return record.status == LinkStatus::paused
             ? "The link is paused: nothing visits it until it is resumed."
             : "The link is gone: MoneyKit does not have it any more, and nothing visits it.";
}

std::optional<VisitPlan> preview(const LinkRecord& record, const Policy& policy, const VisitPlanner& planner,
                                 const ScheduleExplanation& told, WallTime now) {
  if (!visited_by_schedule(record.status)) return std::nullopt;
  LinkOutlook outlook = outlook_of(record, policy);
  outlook.fetched_at = outlook.looked_at = now;
  if (told.adaptive && told.arm == Arm::adaptive)
    return planner.preview(outlook, record.institution_id, record.provider, now);
  if (told.adaptive) return planner.turn(outlook.id_hash, now);
  VisitPlan plan;
  plan.due_at = next_scheduled(record.link_id, now, policy);
  return plan;
}

}  // namespace

std::string_view to_string(DueBy by) {
  switch (by) {
    case DueBy::policy:
      return "policy";
    case DueBy::turn:
      return "turn";
    case DueBy::work:
      return "work";
    case DueBy::retry:
      return "retry";
    case DueBy::failure:
      return "failure";
    case DueBy::owner:
      return "owner";
    case DueBy::nobody:
      return "nobody";
  }
  return "nobody";
}

std::string_view to_string(RhythmKnowledge knowledge) {
  switch (knowledge) {
    case RhythmKnowledge::unknown:
      return "unknown";
    case RhythmKnowledge::regular:
      return "regular";
    case RhythmKnowledge::irregular:
      return "irregular";
  }
  return "unknown";
}

ScheduleExplanation explain(const LinkRecord& record, const Policy& policy, const VisitPlanner& planner,
                            WallTime now) {
  const InstitutionOutlook institution = planner.outlooks().of(record.institution_id, record.provider);
  ScheduleExplanation told;
  told.status = record.status;
  told.adaptive = is_adaptive(policy);
  told.arm = told.adaptive ? arm_of(stable_hash(record.link_id.str()), policy.control_share) : Arm::adaptive;
  told.due_by = due_by(record);
  if (told.due_by != DueBy::nobody) told.next_due_at = record.next_due_at;
  told.reason = record.freshness.reason;
  told.peek = told.adaptive && record.freshness.peek_next && told.due_by == DueBy::policy;
  told.evidence = record.freshness.evidence;
  told.prior = institution.prior;
  told.changes_per_day = changes_per_day(told.evidence, told.prior);
  told.has_webhook = record.freshness.has_webhook;
  told.recall = webhook_recall(told.evidence, told.has_webhook);
  told.rhythm = institution.rhythm;
  told.rhythm_knowledge = knowledge_of(told.rhythm);
  take_weight(record, policy, told);
  told.refreshed_at = upstream_clock_of(record);
  told.fetched_at = record.freshness.fetched_at;
  told.looked_at = record.freshness.looked_at;
  told.prices = planner.prices();
  told.min_interval = policy.min_interval;
  told.max_interval = told.adaptive ? planner.max_interval() : policy.max_interval;
  told.turn_interval =
      told.adaptive ? planner.turn_interval() : std::min(policy.interval, policy.max_interval);
  told.if_visited_now = preview(record, policy, planner, told, now);
  if (told.adaptive && told.if_visited_now) told.change_chance = told.if_visited_now->change_chance;
  told.why = why_of(record, policy, told);
  return told;
}

}  // namespace syncd::core
