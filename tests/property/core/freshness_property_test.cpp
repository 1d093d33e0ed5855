#include <cmath>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/core/freshness.hpp"
#include "sync/core/planner.hpp"

namespace syncd::core {
namespace {

constexpr std::int64_t day_ms = 86'400'000;

// From the smallest to the largest, each order of magnitude as likely.
double magnitude(double least, double most) {
  const double at = *rc::gen::inRange(0, 1'000'001) / 1e6;
  return least * std::pow(most / least, at);
}
Millis span(std::int64_t least, std::int64_t most) {
  return Millis(static_cast<std::int64_t>(magnitude(static_cast<double>(least), static_cast<double>(most))));
}
float count_or_none() {
  return *rc::gen::inRange(0, 4) == 0 ? 0.0F : static_cast<float>(magnitude(1e-6, 1e6));
}

struct Anything {
  WallTime now{Millis(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000))};
  FreshnessPolicy policy;
  LinkOutlook link;
  InstitutionOutlook institution;
  CallPrices prices{.fetch = magnitude(1e-12, 1e6), .peek = magnitude(1e-12, 1e6)};

  Anything() {
    policy.min_interval = span(1000, day_ms);
    policy.max_interval = std::max(policy.min_interval, span(1000, 30 * day_ms));
    policy.peeks = *rc::gen::arbitrary<bool>();
    link.id_hash = *rc::gen::arbitrary<std::uint64_t>();
    link.evidence = {.changes = count_or_none(),
                     .days = count_or_none(),
                     .hooked = count_or_none(),
                     .missed = count_or_none()};
    link.has_webhook = *rc::gen::arbitrary<bool>();
    link.weight = magnitude(1e-6, 1e6);
    if (*rc::gen::arbitrary<bool>()) link.refreshed_at = UpstreamTime(around_now());
    if (*rc::gen::arbitrary<bool>()) link.fetched_at = around_now();
    link.looked_at = around_now();
    institution.rhythm = {.regular = *rc::gen::arbitrary<bool>(),
                          .period = span(60'000, 30 * day_ms),
                          .spread = span(1000, 8 * day_ms),
                          .gap_median = Millis(0)};
    institution.prior.changes = static_cast<float>(magnitude(1e-3, 10));
    institution.prior.days = static_cast<float>(magnitude(1e-3, 100));
  }
  // Both ways, near and far.
  WallTime around_now() const {
    const Millis away = span(1, 3650 * day_ms);
    return *rc::gen::arbitrary<bool>() ? now - away : now + away;
  }
};

void check(const VisitPlan& plan, const Anything& at) {
  RC_ASSERT(plan.due_at >= at.now + at.policy.min_interval);
  RC_ASSERT(plan.due_at <= at.now + at.policy.max_interval);
  const bool fetched = at.link.fetched_at != WallTime{} && at.link.fetched_at <= at.now;
  const WallTime promised = at.link.fetched_at + at.policy.max_interval;
  if (fetched) RC_ASSERT(plan.due_at <= std::max(promised, at.now + at.policy.min_interval));
  if (!plan.peek) return;
  RC_ASSERT(at.policy.peeks);
  RC_ASSERT(fetched);
  RC_ASSERT(plan.due_at < promised);
}

RC_GTEST_PROP(FreshnessProperty, TheNextVisitIsWithinItsBoundsWhateverIsKnown, ()) {
  const Anything at;
  const VisitPlan plan = plan_visit(at.link, at.institution, at.prices, at.policy, at.now);
  check(plan, at);
  RC_ASSERT(std::isfinite(plan.changes_per_day) && plan.changes_per_day > 0);
  RC_ASSERT(plan.recall >= 0 && plan.recall < 1);
  RC_ASSERT(plan.change_chance >= 0 && plan.change_chance <= 1);
  // It is the same for the same, and says so.
  RC_ASSERT(plan_visit(at.link, at.institution, at.prices, at.policy, at.now).due_at == plan.due_at);
}

RC_GTEST_PROP(FreshnessProperty, ALearningVisitIsWithinItsBounds, ()) {
  const Anything at;
  const auto plan = plan_learning_visit(at.link, at.policy, at.now);
  if (plan) check(*plan, at);
}

RC_GTEST_PROP(FreshnessProperty, WithoutARhythmADearerCallIsALaterVisit, ()) {
  Anything at;
  at.institution.rhythm.regular = false;
  const VisitPlan cheap = plan_visit(at.link, at.institution, at.prices, at.policy, at.now);
  const double more = magnitude(1, 1000);
  at.prices.fetch *= more;
  at.prices.peek *= more;
  const VisitPlan dear = plan_visit(at.link, at.institution, at.prices, at.policy, at.now);
  if (cheap.peek != dear.peek) return;  // the calls are others
  if (cheap.reason != VisitReason::rate || dear.reason != VisitReason::rate) return;
  RC_ASSERT(dear.due_at >= cheap.due_at);
}

RC_GTEST_PROP(FreshnessProperty, ANoteComesBackAsItWasOrNotAtAll, ()) {
  VisitPlanner planner(FreshnessPolicy{});
  planner.set_fleet({.links = 1000, .sync_per_minute = 600, .link_per_minute = 1000});
  const WallTime now{Millis(*rc::gen::inRange<std::int64_t>(day_ms, 4'000'000'000'000))};
  const int institutions = *rc::gen::inRange(0, 20);
  for (int at = 0; at < institutions; ++at) {
    LinkOutlook link;
    link.fetched_at = now - span(1, 90 * day_ms);
    const std::string name = *rc::gen::container<std::string>(rc::gen::inRange<char>('\x20', '\x7e'));
    planner.note_fetch(link, name, "moneykit", now, *rc::gen::arbitrary<bool>(), FoundBy::poll);
  }
  const std::string note = planner.encode();
  VisitPlanner read(FreshnessPolicy{});
  read.decode(note);
  RC_ASSERT(read.encode() == note);
  std::string bad = note;
  const auto at = *rc::gen::inRange<std::size_t>(0, bad.size());
  const auto other = *rc::gen::arbitrary<char>();
  RC_PRE(bad[at] != other);
  bad[at] = other;
  read.decode(bad);
  RC_ASSERT(read.outlooks().institutions() == 0U);
}

RC_GTEST_PROP(FreshnessProperty, RubbishIsNoNote, ()) {
  VisitPlanner planner(FreshnessPolicy{});
  planner.decode(*rc::gen::string<std::string>());
  Outlooks outlooks;
  outlooks.decode("outlook 1\n" + *rc::gen::container<std::string>(
                                      rc::gen::element('0', '1', '9', '.', 'e', '-', '\t', '\n', 'x')));
  RC_ASSERT(planner.outlooks().institutions() == 0U);
  RC_ASSERT(outlooks.institutions() <= outlook_institutions_max);
}

}  // namespace
}  // namespace syncd::core
