#pragma once

#include <functional>
#include <optional>
#include <string>

#include "daemon/config.hpp"
#include "daemon/disk_space.hpp"
#include "daemon/log.hpp"
#include "daemon/scrub_record.hpp"
#include "metrics/metrics.hpp"
#include "sync/api/timers.hpp"
#include "sync/engine/store_gateway.hpp"

namespace syncd::daemon {

// What the store needs besides work: room on its disk, and that its files are read now and then, so that
// damage is found while there still is a backup from before.
//
// Thread: the io thread. Both tasks belong into a group that is cancelled and joined before anything here
// ends.
class StoreCare {
 public:
  struct Parts {
    api::Timers& timers;
    engine::StoreGateway& store;
    Log& log;
    metrics::Metrics& metrics;
    const Config& config;  // looked at anew each time: its keys are reloadable
    const bool& stopping;
    std::function<void(bool low)> on_space;  // called whenever the answer changes
  };
  explicit StoreCare(Parts parts) : parts_(std::move(parts)) {}

  // Asks for the free space every two seconds.
  api::Task<void> watch_space();
  // Reads every table file once in each `store.scrub_interval`, slowly.
  api::Task<void> scrub();

  bool space_low() const { return low_; }
  const ScrubRecord& scrubbed() const { return record_; }

 private:
  void look_at_space();
  api::Task<bool> load_record();
  api::Task<std::optional<core::Millis>> walk_on();
  api::Task<bool> keep_record();
  void report(const store::ScrubStep& step);
  void report_walk();

  Parts parts_;
  bool low_ = false;
  ScrubRecord record_;
};

SpaceLimits space_limits_of(const Config& config);

}  // namespace syncd::daemon
