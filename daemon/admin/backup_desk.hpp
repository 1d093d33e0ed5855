#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/backup_manifest.hpp"
#include "sync/api/task.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// A backup as the admin API shows it.
struct BackupState {
  enum class Phase : std::uint8_t {
    running,
    whole,
    failed,   // in this run of the daemon; nothing of it is left
    damaged,  // on disk, with a manifest that cannot be read
  };
  std::string name;
  Phase phase = Phase::running;
  std::string error;  // of `failed` and `damaged`
  // While it runs, of the files that are read; `bytes_all` is 0 until it is known.
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_all = 0;
  // Of a whole one.
  store::BackupFacts facts;
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
};
std::string_view to_string(BackupState::Phase phase);

// What the routes of backups need. Thread: the io thread.
class BackupDesk {
 public:
  virtual ~BackupDesk() = default;

  // Begins a backup and waits up to `wait` for its end. The act of a known request begins none: its backup
  // is answered. Errc::conflict with backup_under_way while another one is made, with backup_refused when
  // none can be begun, with space_low when the disk is too full.
  virtual api::Task<core::Result<BackupState>> create(core::Millis wait, engine::Requester by) = 0;
  // Newest first; the one that is made, or failed last, is among them.
  virtual api::Task<core::Result<std::vector<BackupState>>> list() = 0;
  // Waits up to `wait` for the end of one that is made; nullopt: there is none of this name.
  virtual api::Task<core::Result<std::optional<BackupState>>> show(std::string name, core::Millis wait) = 0;
};

}  // namespace syncd::daemon
