#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/log.hpp"
#include "daemon/observer.hpp"
#include "metrics/metrics.hpp"
#include "store/store.hpp"
#include "sync/api/https_transport.hpp"
#include "sync/api/moneykit_api.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/engine/engine.hpp"
#include "sync/engine/store_gateway.hpp"
#include "sync/engine/system_timers.hpp"

namespace syncd::bench {

struct RigOptions {
  std::string base_url;
  std::string ca_file;
  std::string store_path;
  std::uint32_t connections = 64;
  std::uint32_t workers = 64;
  core::Policy policy;
  bool all_due = false;  // whatever the store says, every link is due at once
};

struct Counts {
  std::uint64_t cycles = 0;
  std::uint64_t drained = 0;
  std::uint64_t created = 0;
  std::uint64_t failures = 0;
};

// Counts what the engine tells it, and passes it on to the daemon's own observer.
class CountingObserver final : public engine::EngineObserver {
 public:
  explicit CountingObserver(engine::EngineObserver& next) : next_(next) {}
  void on_cycle(const core::CycleReport& report) override;
  void on_auth_incident(bool refused, const core::Error& error) override;
  void on_discovery(const std::vector<core::LinkId>&, std::uint64_t, const std::vector<core::LinkId>&,
                    std::uint64_t) override {}
  void on_discovery_failed(const core::Error&) override {}
  void on_store_failed(const core::Error& error) override;
  void on_incident(const core::IncidentEvent& event) override { next_.on_incident(event); }

  // Called behind the cycle that makes `reached` true.
  void watch(std::function<bool(const Counts&)> reached, std::function<void()> tell);

  Counts counts;
  std::string first_failure;

 private:
  engine::EngineObserver& next_;
  std::function<bool(const Counts&)> reached_;
  std::function<void()> tell_;
};

// Sends what goes to standard error nowhere while it lives: log lines are written, to be thrown away.
class SilentStderr {
 public:
  SilentStderr();
  ~SilentStderr();
  SilentStderr(const SilentStderr&) = delete;
  SilentStderr& operator=(const SilentStderr&) = delete;

 private:
  int kept_;
};

// The daemon's real parts, composed as the daemon composes them, its metrics and its log line per cycle
// included, with budgets that do not bind.
class Rig {
 public:
  explicit Rig(const RigOptions& options);
  ~Rig();

  // Registers the links that the store does not know yet.
  void add_links(const std::vector<std::string>& link_ids);
  // Runs the io thread for so long.
  void run_for(double seconds);
  // Until as many links have been drained. False: `seconds_max` passed first.
  bool run_until_drained(std::uint64_t links, double seconds_max);
  void stop();

  const Counts& counts() const { return observer_.counts; }
  const std::string& first_failure() const { return observer_.first_failure; }
  std::uint64_t requests = 0;
  std::uint64_t groups = 0;   // synced writes
  std::uint64_t commits = 0;  // updates in them

 private:
  // Until somebody stops the io context.
  void run(double seconds_max);

  boost::asio::io_context io_{1};
  engine::SystemTimers timers_;
  SilentStderr silence_;
  daemon::Log log_;
  metrics::Metrics metrics_;
  daemon::Observer daemon_observer_;
  CountingObserver observer_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<api::HttpsTransport> transport_;
  std::unique_ptr<api::RateGate> gate_;
  std::unique_ptr<api::MoneykitApi> client_;
  std::unique_ptr<engine::StoreGateway> gateway_;
  std::unique_ptr<engine::Engine> engine_;
  bool stopped_ = false;
};

// User and system time of this process, all threads, in seconds.
double cpu_seconds();
double wall_seconds();

}  // namespace syncd::bench
