#include "metrics/exposition.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace syncd::metrics {

std::string to_exposition_text(const prometheus::Collectable& registry) {
  std::vector<prometheus::MetricFamily> families = registry.Collect();
  std::ranges::sort(families, {}, &prometheus::MetricFamily::name);
  for (prometheus::MetricFamily& family : families) {
    std::ranges::sort(family.metric, [](const prometheus::ClientMetric& a,
                                        const prometheus::ClientMetric& b) { return a.label < b.label; });
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace syncd::metrics
