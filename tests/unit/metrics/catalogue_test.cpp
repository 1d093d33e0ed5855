#include "metrics/catalogue.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/unit/metrics/scrape.hpp"

namespace syncd::metrics {
namespace {

bool is_process_metric(const MetricInfo& metric) {
  return metric.name.starts_with("process_");
}

TEST(Catalogue, ListsEveryMetricOnceInTheOrderOfTheIds) {
  ASSERT_EQ(catalogue().size(), metric_count);
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < metric_count; ++i) {
    EXPECT_EQ(std::to_underlying(catalogue()[i].id), i) << catalogue()[i].name;
    names.insert(catalogue()[i].name);
  }
  EXPECT_EQ(names.size(), metric_count);
}

TEST(Catalogue, NamesFollowTheConventions) {
  for (const MetricInfo& metric : catalogue()) {
    SCOPED_TRACE(metric.name);
    EXPECT_TRUE(metric.name.starts_with("moneykit_syncd_") || is_process_metric(metric));
    EXPECT_EQ(metric.name.ends_with("_total"), metric.type == MetricType::counter);
    EXPECT_EQ(metric.name.find("milli"), std::string_view::npos);
    if (metric.name.ends_with("_timestamp_seconds")) {
      EXPECT_TRUE(metric.none_is_nan) << "a time that never was must not read 1970";
    }
  }
}

TEST(Catalogue, HelpIsWholeSentencesThatNeedNoEscape) {
  for (const MetricInfo& metric : catalogue()) {
    SCOPED_TRACE(metric.name);
    ASSERT_FALSE(metric.help.empty());
    EXPECT_TRUE(metric.help.ends_with('.'));
    EXPECT_TRUE(metric.help.front() >= 'A' && metric.help.front() <= 'Z');
    EXPECT_EQ(metric.help.find_first_of("\\\n\"|"), std::string_view::npos);
  }
}

TEST(Catalogue, SeriesAreDistinctCompleteAndFew) {
  // The admin API has some fifty routes.
  std::size_t samples = 4 * 60 + 2 * institutions_named_max;
  for (const MetricInfo& metric : catalogue()) {
    SCOPED_TRACE(metric.name);
    const std::set<std::vector<std::string_view>> distinct(metric.series.begin(), metric.series.end());
    EXPECT_EQ(distinct.size(), metric.series.size());
    for (const auto& values : metric.series)
      EXPECT_EQ(values.size(), metric.labels.size());
    for (const std::string_view label : metric.labels) {
      for (const std::string_view personal : {"link_id", "link", "account", "customer", "user"}) {
        EXPECT_NE(label, personal);
      }
    }
    const std::size_t per_series = metric.type == MetricType::histogram ? metric.buckets.size() + 3 : 1;
    samples += std::max<std::size_t>({metric.series.size(), metric.series_max, 1}) * per_series;
    if (metric.series_max == 0) continue;
    EXPECT_EQ(metric.type, MetricType::gauge);
    EXPECT_EQ(metric.labels.size(), 1U);
    EXPECT_TRUE(metric.series.empty());
  }
  EXPECT_LT(samples, 1'800U) << "a scrape every few seconds must stay cheap for both sides";
}

TEST(Catalogue, OnlyHistogramsHaveBucketsAndTheyAscend) {
  for (const MetricInfo& metric : catalogue()) {
    SCOPED_TRACE(metric.name);
    EXPECT_EQ(metric.buckets.empty(), metric.type != MetricType::histogram);
    EXPECT_TRUE(std::ranges::is_sorted(metric.buckets, std::less_equal<>()));
  }
}

TEST(Catalogue, EverySeriesIsExposedFromTheStartAndNothingElse) {
  const Metrics metrics(test::metrics_options());
  const test::Scrape scrape(metrics);
  std::size_t expected = 0;
  for (const MetricInfo& metric : catalogue()) {
    const std::string name(metric.name);
    if (metric.series_max > 0) {
      EXPECT_EQ(scrape.text().find(name), std::string::npos) << "nothing is there yet";
      continue;
    }
    EXPECT_NE(scrape.text().find("# HELP " + name + " " + std::string(metric.help) + "\n"),
              std::string::npos);
    EXPECT_NE(scrape.text().find("# TYPE " + name + " " + std::string(to_string(metric.type)) + "\n"),
              std::string::npos);
    // A histogram: its buckets, the one without bound, sum and count.
    const std::size_t per_series = metric.type == MetricType::histogram ? metric.buckets.size() + 3 : 1;
    const bool of_routes = metric.id == MetricId::admin_requests_total;
    const std::size_t series_now = of_routes ? 4 : std::max<std::size_t>(metric.series.size(), 1);
    expected += series_now * per_series;
    EXPECT_EQ(!metric.labels.empty() && metric.series.empty(), !metric.values_from.empty());
    for (const auto& values : metric.series) {
      if (metric.type == MetricType::histogram) continue;
      std::string series = name + "{";
      for (std::size_t i = 0; i < values.size(); ++i) {
        series += (i == 0 ? "" : ",") + std::string(metric.labels[i]) + "=\"" + std::string(values[i]) + "\"";
      }
      // The serializer writes labels by name.
      if (values.size() == 2 && metric.labels[0] > metric.labels[1]) {
        series = name + "{" + std::string(metric.labels[1]) + "=\"" + std::string(values[1]) + "\"," +
                 std::string(metric.labels[0]) + "=\"" + std::string(values[0]) + "\"";
      }
      EXPECT_TRUE(scrape.has(series + "}")) << series;
    }
  }
  EXPECT_EQ(scrape.samples().size(), expected);
}

}  // namespace
}  // namespace syncd::metrics
