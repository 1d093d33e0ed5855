#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

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
  core::Policy policy;
  bool all_due = false;  // whatever the store says, every link is due at once
};

// Counts what the engine tells it.
class CountingObserver final : public engine::EngineObserver {
 public:
  void on_cycle(const core::CycleReport& report) override;
  void on_auth_incident(bool, const core::Error&) override { ++failures; }
  void on_discovery(const std::vector<core::LinkId>&, std::uint64_t, const std::vector<core::LinkId>&,
                    std::uint64_t) override {}
  void on_discovery_failed(const core::Error&) override {}
  void on_store_failed(const core::Error&) override { ++failures; }

  std::uint64_t cycles = 0;
  std::uint64_t drained = 0;
  std::uint64_t created = 0;
  std::uint64_t failures = 0;
  std::string first_failure;
};

// The daemon's real parts, composed as the daemon composes them, with budgets that do not bind.
class Rig {
 public:
  explicit Rig(const RigOptions& options);
  ~Rig();

  // Registers the links that the store does not know yet.
  void add_links(const std::vector<std::string>& link_ids);
  // Runs the io thread until `seconds` have passed or `cycles` have ended since the call.
  void run_for(double seconds, std::uint64_t cycles_max = UINT64_MAX);
  void run_until_drained(std::uint64_t links, double seconds_max);
  void stop();

  CountingObserver observer;
  std::uint64_t requests = 0;
  std::uint64_t groups = 0;   // synced writes
  std::uint64_t commits = 0;  // updates in them

 private:
  template <class Done>
  void run(double seconds, Done done);

  boost::asio::io_context io_{1};
  engine::SystemTimers timers_;
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
