#include <cstdint>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/core/schedule.hpp"

namespace syncd::core {
namespace {

RC_GTEST_PROP(ScheduleProperty, NextVisitIsWithinItsBounds, ()) {
  Policy policy;
  policy.interval = Millis(*rc::gen::inRange<std::int64_t>(1'000, 100'000'000));
  const LinkId link_id{"mk_" + std::to_string(*rc::gen::inRange(0, 1'000'000))};
  const WallTime now{Millis(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000))};
  const Millis interval = std::min(policy.interval, policy.max_interval);
  const Millis wait = next_scheduled(link_id, now, policy) - now;
  RC_ASSERT(wait > interval / 20);
  RC_ASSERT(wait * 10 <= interval * 11);
}

// Looking again later, but before the visit comes near, finds the same visit.
RC_GTEST_PROP(ScheduleProperty, NextVisitDoesNotMoveWhileItIsAwaited, ()) {
  const Policy policy;
  const LinkId link_id{"mk_" + std::to_string(*rc::gen::inRange(0, 1'000'000))};
  const WallTime now{Millis(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000))};
  const WallTime due = next_scheduled(link_id, now, policy);
  const Millis quiet = due - policy.interval / 20 - now;
  const Millis later(*rc::gen::inRange<std::int64_t>(0, std::max<std::int64_t>(quiet.count(), 1)));
  RC_ASSERT(next_scheduled(link_id, now + later, policy) == due);
}

RC_GTEST_PROP(ScheduleProperty, BackOffIsWithinItsBounds, ()) {
  const Millis base(*rc::gen::inRange<std::int64_t>(1, 100'000'000));
  const Millis max(*rc::gen::inRange<std::int64_t>(1, 100'000'000));
  const auto failures = *rc::gen::arbitrary<std::uint32_t>();
  const auto entropy = *rc::gen::arbitrary<std::uint64_t>();
  for (const Millis delay :
       {full_jitter(base, max, failures, entropy), slow_look(base, max, failures, entropy)}) {
    RC_ASSERT(delay >= Millis(1));
    RC_ASSERT(delay <= max);
  }
}

}  // namespace
}  // namespace syncd::core
