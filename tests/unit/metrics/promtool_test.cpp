#include "tests/unit/metrics/promtool.hpp"

#include <gtest/gtest.h>

#include "tests/unit/metrics/scrape.hpp"

namespace syncd::metrics {
namespace {

using test::promtool_check;
using test::Verdict;

TEST(Promtool, FindsNothingInAFreshExposition) {
  const Verdict verdict = promtool_check(Metrics(test::metrics_options()).exposition());
  ASSERT_NE(verdict.exit_code, 127) << "promtool is missing: run scripts/deps";
  EXPECT_EQ(verdict.exit_code, 0) << verdict.output;
  EXPECT_EQ(verdict.output, "");
}

TEST(Promtool, FindsNothingAfterEventsOfAllKinds) {
  Metrics metrics(test::metrics_options());
  for (int i = 1; i <= 16; ++i) {
    core::CycleReport cycle;
    cycle.error =
        core::Error{.code = test::any_value<core::Errc>(i), .message = "m", .api_code = "auth_expired"};
    cycle.relink_opened = true;
    cycle.visibility_delay = core::Millis(i * 1'000);
    metrics.record(cycle);
    metrics.record(core::HttpReport{.endpoint = core::Endpoint::sync,
                                    .status = 199 + i,
                                    .failure = test::any_value<core::Errc>(i),
                                    .duration = core::Millis(i),
                                    .body_bytes = 1});
    metrics.record(core::CommitReport{.updates = 3, .duration = core::Millis(i)});
  }
  metrics.set(read_process_usage());
  const Verdict verdict = promtool_check(metrics.exposition());
  EXPECT_EQ(verdict.exit_code, 0) << verdict.output;
  EXPECT_EQ(verdict.output, "");
}

// The check of the check: without it a promtool that reads nothing would please everybody.
TEST(Promtool, WouldFindABadName) {
  const Verdict verdict = promtool_check("# TYPE requests counter\nrequests 1\n");
  EXPECT_NE(verdict.exit_code, 0);
  EXPECT_NE(verdict.output.find("counter metrics should have \"_total\" suffix"), std::string::npos)
      << verdict.output;
}

}  // namespace
}  // namespace syncd::metrics
