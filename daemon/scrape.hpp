#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/admin/admin_view.hpp"
#include "daemon/relink_counter.hpp"
#include "metrics/metrics.hpp"
#include "sync/api/https_transport.hpp"
#include "sync/engine/store_gateway.hpp"

namespace syncd::daemon {

// Copies the states of all parts into the metrics when somebody scrapes. All references outlive every task.
class Scraper {
 public:
  // `admin_connections`: how many are open.
  Scraper(metrics::Metrics& metrics, api::Timers& timers, api::RateGate& gate, api::HttpsTransport& transport,
          engine::StoreGateway& store, engine::Engine& engine,
          std::function<std::uint64_t()> admin_connections)
      : metrics_(metrics),
        timers_(timers),
        gate_(gate),
        transport_(transport),
        store_(store),
        engine_(engine),
        admin_connections_(std::move(admin_connections)) {}

  // Since the keys in use of webhooks were fetched; nullopt: there are none.
  void set_key_set_age(std::function<std::optional<core::Millis>()> age) { key_set_age_ = std::move(age); }
  api::Task<std::string> scrape();

 private:
  api::Task<void> refresh_relinks();
  api::Task<void> refresh_consumers();
  void refresh_institutions(const engine::EngineStatus& engine);

  metrics::Metrics& metrics_;
  api::Timers& timers_;
  api::RateGate& gate_;
  api::HttpsTransport& transport_;
  engine::StoreGateway& store_;
  engine::Engine& engine_;
  std::function<std::uint64_t()> admin_connections_;
  std::function<std::optional<core::Millis>()> key_set_age_;
  api::SteadyTime institutions_due_at_{};
  RelinkCounter live_relinks_{store_, RelinkCounter::Half::live};
  RelinkCounter ended_relinks_{store_, RelinkCounter::Half::ended};
  api::SteadyTime relinks_due_at_{};
};

}  // namespace syncd::daemon
