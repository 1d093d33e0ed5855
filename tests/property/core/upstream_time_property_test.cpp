#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/core/civil.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {
namespace {

// 0001-01-02 to 9999-12-30, so that an offset stays inside.
constexpr std::int64_t first_second = -62135510400;
constexpr std::int64_t last_second = 253402214400;

std::string printed(std::int64_t seconds) {
  const std::string text = format_wall_time(WallTime{std::chrono::seconds{seconds}});
  return text.substr(0, 19);
}

RC_GTEST_PROP(UpstreamTimeProperty, WhatIsPrintedIsReadBack, ()) {
  const auto seconds = *rc::gen::inRange(first_second, last_second);
  const auto millis = *rc::gen::inRange(0, 1000);
  const WallTime time = WallTime{std::chrono::seconds{seconds}} + Millis{millis};
  RC_ASSERT(parse_upstream_time(format_wall_time(time)) == UpstreamTime{time});
}

RC_GTEST_PROP(UpstreamTimeProperty, AnOffsetMovesNothingButTheText, ()) {
  const auto seconds = *rc::gen::inRange(first_second, last_second);
  const auto offset = *rc::gen::inRange(-23 * 60 - 59, 23 * 60 + 60);
  const auto micros = *rc::gen::inRange(0, 1'000'000);
  const int size = offset < 0 ? -offset : offset;
  const std::string text = fmt::format("{}.{:06}{}{:02}:{:02}", printed(seconds + offset * 60), micros,
                                       offset < 0 ? '-' : '+', size / 60, size % 60);
  const UpstreamTime expected =
      UpstreamTime{std::chrono::seconds{seconds}} + std::chrono::microseconds{micros};
  RC_ASSERT(parse_upstream_time(text) == expected);
}

RC_GTEST_PROP(UpstreamTimeProperty, CutTextIsNoTime, ()) {
  const auto seconds = *rc::gen::inRange(first_second, last_second);
  const auto length = *rc::gen::inRange<std::size_t>(0, 19);
  RC_ASSERT(!parse_upstream_time(printed(seconds).substr(0, length)));
}

RC_GTEST_PROP(CivilDateProperty, DaysAndDatesAgree, ()) {
  const auto seconds = *rc::gen::inRange(first_second, last_second);
  const auto day =
      std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds{std::chrono::seconds{seconds}});
  const auto date = parse_civil_date(printed(seconds).substr(0, 10));
  RC_ASSERT(date.has_value());
  RC_ASSERT(sys_days_of(*date) == day);
}

}  // namespace
}  // namespace syncd::core
