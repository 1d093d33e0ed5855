#include "sync/core/reports.hpp"

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

TEST(CycleReports, AreNamedByWhatEndedThem) {
  CycleReport report;
  EXPECT_EQ(outcome_of(report), "success");
  report.yielded = true;
  EXPECT_EQ(outcome_of(report), "yielded");
  report.error = Error{.code = Errc::timeout, .message = "m"};
  EXPECT_EQ(outcome_of(report), "timeout");
}

}  // namespace
}  // namespace syncd::core
