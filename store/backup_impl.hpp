#pragma once

#include <functional>
#include <memory>
#include <string>

#include "store/backup.hpp"
#include "store/database_impl.hpp"

namespace syncd::store {

// What a backup is made of.
struct BackupSource {
  std::string store_path;
  Database& database;
  const Disk& disk;
  // Of this moment, without the count of links.
  std::function<BackupFacts()> facts;
};

core::Result<std::unique_ptr<BackupWriter>> begin_backup(BackupSource source, const BackupPlan& plan);

}  // namespace syncd::store
