#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "metrics/catalogue.hpp"

namespace syncd::metrics {
namespace {

// The values a label takes, in table order, each once.
std::vector<std::string_view> values_of(const MetricInfo& metric, std::size_t label) {
  std::vector<std::string_view> values;
  for (const std::vector<std::string_view>& series : metric.series) {
    if (std::ranges::find(values, series[label]) == values.end()) values.push_back(series[label]);
  }
  return values;
}

void append_metric(std::string& page, const MetricInfo& metric) {
  fmt::format_to(std::back_inserter(page), "### `{}`\n\n**{}**: {}\n", metric.name, to_string(metric.type),
                 metric.help);
  for (std::size_t label = 0; label < metric.labels.size(); ++label) {
    const std::vector<std::string_view> values = values_of(metric, label);
    fmt::format_to(std::back_inserter(page), "{}- label `{}`: ", label == 0 ? "\n" : "",
                   metric.labels[label]);
    if (metric.series_max > 0) {
      fmt::format_to(std::back_inserter(page), "one series for each that is there, {} at most\n",
                     metric.series_max);
    } else if (values.empty()) {
      fmt::format_to(std::back_inserter(page), "{}\n", metric.values_from);
    } else {
      fmt::format_to(std::back_inserter(page), "`{}`\n", fmt::join(values, "`, `"));
    }
  }
  if (!metric.buckets.empty()) {
    fmt::format_to(std::back_inserter(page), "{}- upper bounds: {}\n", metric.labels.empty() ? "\n" : "",
                   fmt::join(metric.buckets, ", "));
  }
  page += "\n";
}

}  // namespace

std::string metrics_reference() {
  std::string page = R"(# Metrics

Served as Prometheus text format 0.0.4 at `/metrics` on the listener of `[metrics] listen`.

- Base units everywhere: seconds, bytes, Unix timestamps in seconds. A timestamp that does not exist reads
  `NaN`: an alert on its age (`time() - x > y`) stays silent.
- Label values come from the closed lists below; what is not listed counts under the last value of its list
  (`other`, `none`). No label ever names a link, an account or a customer. Institutions are named by upstream's
  ids, the 50 with the most links; all the others are `other`.
- Every series exists from the start, counters at 0, so the first event of its kind is seen by `increase()`.
  Only those of the feed's consumers come and go with them.
- The time of a last sync means a *successful* sync.

This page is made from the table in `metrics/catalogue.cpp`. Change the table, then run the unit tests once
with `UPDATE_GOLDEN=1` in the environment.

)";
  std::string_view section;
  for (const MetricInfo& metric : catalogue()) {
    if (metric.section != section) {
      section = metric.section;
      fmt::format_to(std::back_inserter(page), "## {}\n\n", section);
    }
    append_metric(page, metric);
  }
  page.pop_back();  // one newline at the end of the file
  return page;
}

}  // namespace syncd::metrics
