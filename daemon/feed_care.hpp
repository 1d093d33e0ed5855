#pragma once

#include <optional>

#include "daemon/config.hpp"
#include "daemon/held_clock.hpp"
#include "daemon/log.hpp"
#include "metrics/metrics.hpp"
#include "store/consumers.hpp"
#include "sync/api/timers.hpp"
#include "sync/api/waiters.hpp"
#include "sync/engine/store_gateway.hpp"

namespace syncd::daemon {

// How long a wall clock must have held before the feed is cut by it.
core::Millis clock_period(core::Millis keep);

// The feed's retention: cuts off what is older than `feed.keep`, in front of no live consumer, and what is
// older than `feed.keep_max` in front of those too.
//
// Thread: the io thread. run() belongs into a group that is cancelled and joined before anything here ends.
class FeedCare {
 public:
  struct Parts {
    api::Timers& timers;
    engine::StoreGateway& store;
    Log& log;
    metrics::Metrics& metrics;
    const Config& config;  // looked at anew each time: its keys are reloadable
    const bool& stopping;
  };
  FeedCare(Parts parts, api::IoExecutor io) : parts_(parts), settings_changed_(std::move(io)) {}

  api::Task<void> run();
  // Other limits may hold: looks at once.
  void take_settings() { settings_changed_.notify_all(); }

 private:
  api::Task<bool> load_clock();
  api::Task<bool> look();
  api::Task<bool> cut(core::WallTime held);
  api::Task<void> rest(core::Millis pause);
  void report(const store::FeedCut& cut);

  Parts parts_;
  api::Waiters settings_changed_;
  HeldClock clock_;
  std::optional<api::SteadyTime> looked_at_;
};

}  // namespace syncd::daemon
