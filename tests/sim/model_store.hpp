#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "store/store.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/core/update.hpp"

namespace syncd::test {

// What the database holds: all of it goes back together when an older copy is put back.
struct ModelDatabase {
  std::map<core::LinkId, core::LinkRecord> links;
  std::map<core::LinkId, std::map<std::string, core::StoredTransaction>> rows;
  std::map<core::LinkId, std::map<std::string, core::StoredTransaction>> staged;
  std::map<core::LinkId, std::map<std::string, core::StoredAccount>> accounts;
  std::map<core::LinkId, core::RelinkEntry> relink;
  std::uint64_t epoch = 1;
  std::vector<store::FeedEntry> feed;  // of this epoch, in the order of their sequences
  std::map<core::Endpoint, core::WallTime> freezes;
  std::vector<core::DeadLetter> dead_letters;
  std::string clean_stop_note{api::RateGate::nothing_sent()};  // empty: the last run crashed
};

// The store's contract in a few maps: what a commit means, without RocksDB. Survives the simulated process.
class ModelStore : public ModelDatabase {
 public:
  store::CommitOutcome apply(const core::LinkUpdate& update);
  core::Held lookup(const core::LookupRequest& request) const;

  // As Store::feed: entries above `after`; what is shown, the head included, is published from then on.
  store::FeedSlice read_feed(std::uint64_t after, std::size_t limit);
  // As Store::open: a database that lost something published begins a new epoch.
  void reopen();
  // An older copy of the database is put back; the file beside it, which knows what was published, stays.
  void put_back(const ModelDatabase& copy);

 private:
  std::uint64_t head() const { return feed.empty() ? 0 : feed.back().sequence; }

  std::uint64_t published_epoch_ = 1;
  std::uint64_t published_ = 0;
};

}  // namespace syncd::test
