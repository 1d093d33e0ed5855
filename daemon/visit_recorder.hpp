#pragma once

#include <cstdint>
#include <string>

#include "daemon/config.hpp"
#include "daemon/log.hpp"
#include "metrics/metrics.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/reports.hpp"
#include "sync/engine/store_gateway.hpp"

namespace syncd::daemon {

// Lines wait here until the store's thread writes them, once a second.
inline constexpr std::size_t visits_waiting_bytes_max = 1 << 20;

// The trace of visits: which link was visited when, what upstream's clock was, and whether there was
// something new. It is off unless `schedule.record_mib` says so, and a disk that takes no more of it disturbs
// nothing: lines are lost, counted, and told of once.
//
// Thread: the io thread. run() belongs into a group that is cancelled and joined before anything here ends.
class VisitRecorder {
 public:
  struct Parts {
    api::Timers& timers;
    engine::StoreGateway& store;  // its thread writes
    Log& log;
    metrics::Metrics& metrics;
    const Config& config;  // looked at anew each time: its key is reloadable
    std::string salt;      // of the names
  };
  explicit VisitRecorder(Parts parts) : parts_(std::move(parts)) {}

  // A visit that has just ended.
  void add(const core::CycleReport& report);
  api::Task<void> run();
  // Writes what waits.
  api::Task<void> finish() { return write(); }

 private:
  api::Task<void> write();
  void tell(std::uint64_t written, std::uint64_t lost, const std::optional<core::Error>& error);

  Parts parts_;
  std::string waiting_;
  std::uint64_t lines_ = 0;  // that wait
  bool failing_ = false;
};

}  // namespace syncd::daemon
