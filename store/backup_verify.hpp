#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "store/backup_manifest.hpp"
#include "store/files.hpp"
#include "sync/core/result.hpp"

namespace syncd::store {

// What a long check has come to: called with each step that is over and what it found.
using TellStep = std::function<void(std::string_view step, std::string_view found)>;

struct BackupCheck {
  BackupManifest manifest;
  // What is wrong, a sentence each, problems_max at most; empty: the backup is whole.
  std::vector<std::string> problems;
  static constexpr std::size_t problems_max = 100;
  bool whole() const { return problems.empty(); }
  void add(std::string problem);
};

// Compares every file with the manifest, by size and SHA-256, and the database, which is opened read-only,
// with what the manifest says of it; walks the chain of acts and the blocks of the feed. Writes nothing. An
// error is what kept it from looking: no manifest, one that is damaged or of a newer version.
core::Result<BackupCheck> verify_backup(const std::string& backup, const TellStep& tell,
                                        const Disk& disk = host_disk());

}  // namespace syncd::store
