#pragma once

#include <memory>
#include <string>
#include <vector>

#include "daemon/admin/backup_desk.hpp"
#include "daemon/config.hpp"
#include "daemon/log.hpp"
#include "daemon/store_care.hpp"
#include "metrics/metrics.hpp"
#include "store/backup.hpp"
#include "sync/api/timers.hpp"
#include "sync/api/waiters.hpp"
#include "sync/engine/store_gateway.hpp"
#include "sync/engine/task_group.hpp"

namespace syncd::daemon {

// Backups of the store that is in use: one at a time, made in pieces on the store's thread, with pauses, so
// that syncing goes on. Thread: the io thread. Lives until its tasks are joined.
class Backups final : public BackupDesk {
 public:
  struct Parts {
    api::Timers& timers;
    engine::StoreGateway& store;
    Log& log;
    metrics::Metrics& metrics;
    const Config& config;  // looked at anew each time: its keys are reloadable
    const StoreCare& care;
    const bool& stopping;
    engine::TaskGroup& tasks;
    std::string program_version;
  };
  Backups(Parts parts, api::IoExecutor io);

  // Takes away what an earlier run left unfinished and tells the metrics of the newest backup.
  api::Task<void> look_at_start();

  api::Task<core::Result<BackupState>> create(core::Millis wait, engine::Requester by) override;
  api::Task<core::Result<std::vector<BackupState>>> list() override;
  api::Task<core::Result<std::optional<BackupState>>> show(std::string name, core::Millis wait) override;

 private:
  // One backup from the request to its end. Whoever waits for it holds it, too.
  struct Job {
    engine::Requester by;
    bool begun = false;
    core::Result<std::string>
        earlier;  // with `begun`: the name of the act's backup; empty: this is a new one
    BackupState state;
  };
  using SharedJob = std::shared_ptr<Job>;
  struct Begun {
    std::unique_ptr<store::BackupWriter> writer;
    std::string earlier;
  };

  bool is_busy() const { return job_ && (!job_->begun || job_->state.phase == BackupState::Phase::running); }
  store::BackupPlan plan() const;
  api::Task<core::Result<BackupState>> answer(SharedJob job, core::Millis wait);
  api::Task<void> wait_for(SharedJob job, bool only_begun, api::SteadyTime deadline);
  api::Task<void> run(SharedJob job);
  api::Task<core::Result<Begun>> begin(SharedJob job);
  // The error, when it is not whole.
  api::Task<core::Result<void>> make(SharedJob job, store::BackupWriter& writer);
  api::Task<void> abandon(store::BackupWriter& writer);
  void settle(Job& job, const store::BackupWriter& writer, core::Millis took);
  void fail(Job& job, const core::Error& error);

  Parts parts_;
  SharedJob job_;  // the last one of this run; null: none
  api::Waiters changed_;
};

}  // namespace syncd::daemon
