#include "store/trial_opening_impl.hpp"

namespace syncd::store {

rocksdb::DBOptions trial_options(const StoreOptions& options, rocksdb::Env& env) {
  rocksdb::DBOptions trial;
  trial.env = &env;
  trial.max_open_files = options.open_files_max;
  trial.max_file_opening_threads = 1;  // as database_options()
  trial.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  return trial;
}

TrialOpening::~TrialOpening() {
  for (auto* const family : families_)
    database_->DestroyColumnFamilyHandle(family);
}

rocksdb::Status TrialOpening::open(const rocksdb::DBOptions& options, const std::string& directory) {
  std::vector<std::string> names;
  if (auto listed = rocksdb::DB::ListColumnFamilies(options, directory, &names); !listed.ok()) return listed;
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  for (const auto& name : names)
    descriptors.emplace_back(name, rocksdb::ColumnFamilyOptions{});
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* raw = nullptr;
  auto opened = rocksdb::DB::OpenForReadOnly(options, directory, descriptors, &families, &raw);
  if (!opened.ok()) return opened;
  database_.reset(raw);
  families_ = std::move(families);
  return opened;
}

}  // namespace syncd::store
