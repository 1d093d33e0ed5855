#pragma once

#include <optional>

#include "daemon/admin/admin_view.hpp"
#include "daemon/log.hpp"
#include "daemon/visit_recorder.hpp"
#include "metrics/metrics.hpp"
#include "sync/api/timers.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// Turns what the engine tells into log lines and metrics: one line per cycle, and one more when a person
// should look.
class Observer final : public engine::EngineObserver {
 public:
  // `registers`: the engine adds links that only upstream knows.
  Observer(Log& log, metrics::Metrics& metrics, api::Timers& timers, bool registers)
      : log_(log), metrics_(metrics), timers_(timers), registers_(registers) {}

  void set_registers(bool registers) { registers_ = registers; }
  // Null: visits are not recorded.
  void set_recorder(VisitRecorder* recorder) { recorder_ = recorder; }

  void on_cycle(const core::CycleReport& report) override;
  void on_auth_incident(bool refused, const core::Error& error) override;
  void on_discovery(const std::vector<core::LinkId>& only_upstream, std::uint64_t only_upstream_count,
                    const std::vector<core::LinkId>& only_here, std::uint64_t only_here_count) override;
  void on_registered() override;
  void on_discovery_failed(const core::Error& error) override;
  void on_store_failed(const core::Error& error) override;
  void on_verify(const core::VerifyReport& report) override;
  void on_incident(const core::IncidentEvent& event) override;
  void on_purged(const core::LinkId& link_id, bool by_retention, const core::Counts& counts) override;
  void on_refresh(const core::LinkId& link_id, core::RefreshProduct product,
                  core::RefreshStage stage) override;
  void on_entry_moved(const core::RelinkEntry& entry) override;

  const std::string& auth_error() const { return auth_error_; }
  const std::optional<StatusView::Discovery>& discovery() const { return discovery_; }

 private:
  Log& log_;
  metrics::Metrics& metrics_;
  api::Timers& timers_;
  bool registers_;
  VisitRecorder* recorder_ = nullptr;
  std::string auth_error_;
  std::optional<StatusView::Discovery> discovery_;
};

}  // namespace syncd::daemon
