#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "store/backup_manifest.hpp"
#include "store/backup_verify.hpp"
#include "store/store.hpp"

namespace syncd::store {

struct RestorePlan {
  std::string backup;            // the backup's directory
  std::string backup_directory;  // where others may lie, whose epochs count too; empty: beside it only
  StoreOptions
      store;  // what the store will be opened with; its environment and upstream must be the backup's
  bool replace = false;  // a store that is there is moved aside; refused without
  TellStep tell;
  // What is to be done to the store that was put back before it takes its place.
  std::function<core::Result<void>(Store& store)> prepare;
};

struct Restored {
  BackupManifest manifest;
  std::uint64_t epoch = 0;  // of the feed, new
  std::string replaced;     // where the store is that was there; empty: there was none
};

// Puts a backup in the place of the store, decision 018. Nothing is touched before the backup was verified,
// and nothing is ever deleted but what an earlier restore left unfinished. Errc::invalid: it is not for this
// program, environment or place; Errc::storage: the store is in use, the backup is damaged, the disk failed.
core::Result<Restored> restore_backup(const RestorePlan& plan);

}  // namespace syncd::store
