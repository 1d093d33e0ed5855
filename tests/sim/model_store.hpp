#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/store.hpp"
#include "sync/core/update.hpp"

namespace syncd::test {

// The store's contract in a few maps: what a commit means, without RocksDB. Survives the simulated process.
struct ModelStore {
  std::map<core::LinkId, core::LinkRecord> links;
  std::map<core::LinkId, std::map<std::string, core::StoredTransaction>> rows;
  std::map<core::LinkId, std::map<std::string, core::StoredTransaction>> staged;
  std::map<core::LinkId, std::map<std::string, core::StoredAccount>> accounts;
  std::map<core::LinkId, core::RelinkEntry> relink;
  std::vector<store::FeedEntry> feed;
  std::map<core::Endpoint, core::WallTime> freezes;
  std::vector<core::DeadLetter> dead_letters;
  std::string clean_stop_note;  // empty: the last run crashed

  store::CommitOutcome apply(const core::LinkUpdate& update);
  core::Held lookup(const core::LookupRequest& request) const;
};

}  // namespace syncd::test
