#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/backup_manifest.hpp"
#include "store/files.hpp"
#include "sync/core/result.hpp"

namespace syncd::store {

// A backup is a directory NAME (backup_name_of) with `db/`, RocksDB's files, and a manifest. While it is made
// it is called NAME.partial, while it is removed NAME.removed: what is called NAME is whole. Decision 018.

struct BackupPlan {
  std::string directory;  // where the backups lie; created with mode 0700 when its parent is there
  std::string program_version;
  std::size_t keep = 7;              // whole ones of this store that stay; at least 1
  std::uint64_t min_free_bytes = 0;  // refused below it
  core::WallTime now{};              // its name, unless that is taken
};

// A backup that is being made. Lives no longer than the store, and every call is made from the store's
// thread. An error is of the backup: what there is of it goes with abandon(), and the store is in use as
// before, unless it says itself that it failed.
class BackupWriter {
 public:
  struct Impl;
  explicit BackupWriter(std::unique_ptr<Impl> impl);
  ~BackupWriter();
  BackupWriter(const BackupWriter&) = delete;
  BackupWriter& operator=(const BackupWriter&) = delete;

  enum class Phase : std::uint8_t { flushing, checkpoint, counting, reading, finishing, removing, done };
  struct Progress {
    Phase phase = Phase::flushing;
    std::uint64_t bytes_read = 0;  // of bytes_all, which is known from `reading` on
    std::uint64_t bytes_all = 0;
  };
  // The next piece of work, a few milliseconds but for the checkpoint, which takes the rest of a flush and a
  // hard link for each file. While `flushing`, a call only looks whether the flush is over.
  core::Result<Progress> step();
  // Takes away what step() has made, unless that is whole.
  void abandon();

  const std::string& name() const;
  // Whole from `removing` on.
  const BackupManifest& manifest() const;
  // Older backups that were removed, and what could not be.
  const std::vector<std::string>& removed() const;
  const std::vector<std::string>& troubles() const;

 private:
  std::unique_ptr<Impl> impl_;
};

// Takes away what was left of backups that were being made or removed by a process that is gone.
core::Result<void> clear_backup_leftovers(const std::string& directory, const Disk& disk = host_disk());

struct BackupInfo {
  std::string name;
  BackupManifest manifest;
  std::string problem;  // why the manifest cannot be read; empty: it was
};
// Whole ones, newest first; of a directory that does not exist: none. Only the manifests are read.
core::Result<std::vector<BackupInfo>> list_backups(const std::string& directory,
                                                   const Disk& disk = host_disk());
core::Result<BackupManifest> read_backup_manifest(const std::string& backup, const Disk& disk = host_disk());

}  // namespace syncd::store
