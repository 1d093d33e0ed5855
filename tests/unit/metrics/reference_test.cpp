#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "metrics/catalogue.hpp"

namespace syncd::metrics {
namespace {

// docs/metrics.md is made from the table; nobody edits it by hand.
TEST(Reference, ThePageSaysWhatTheTableSays) {
  const std::string path = std::string(SYNCD_SOURCE_DIR) + "/docs/metrics.md";
  // NOLINTNEXTLINE(concurrency-mt-unsafe): this program starts no thread before
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << metrics_reference();
  }
  std::ifstream file(path, std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  EXPECT_EQ(page, metrics_reference())
      << path << " is out of date. Make it anew: UPDATE_GOLDEN=1 unit_metrics --gtest_filter='Reference.*'";
}

TEST(Reference, NamesEveryMetricOnce) {
  const std::string page = metrics_reference();
  for (const MetricInfo& metric : catalogue()) {
    const std::string heading = "### `" + std::string(metric.name) + "`\n";
    const std::size_t first = page.find(heading);
    ASSERT_NE(first, std::string::npos) << metric.name;
    EXPECT_EQ(page.find(heading, first + 1), std::string::npos) << metric.name;
  }
  EXPECT_TRUE(page.ends_with("\n") && !page.ends_with("\n\n"));
}

}  // namespace
}  // namespace syncd::metrics
