#pragma once

#include "metrics/metrics.hpp"

namespace syncd::daemon {

// The labels that are known from the start: what the program is made of, and the routes of the admin API.
metrics::MetricsOptions metrics_options(core::WallTime started_at);

}  // namespace syncd::daemon
