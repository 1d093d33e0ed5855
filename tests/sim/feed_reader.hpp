#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "tests/sim/model_store.hpp"
#include "tests/sim/oracle.hpp"

namespace syncd::test {

// A consumer of the change feed that outlives the daemon: it keeps the epoch and the last sequence it has
// seen, reads what comes after, and holds the state that the entries describe. Knows nothing but what it was
// shown.
class FeedReader {
 public:
  // Reads to the head in slices of `limit`, then compares what it holds with what the store shows.
  // `published_was_lost`: an older copy was put back since the last call, so that a new epoch is allowed (and
  // read as its notice demands: the state anew, then on from the head).
  void read(ModelStore& store, std::size_t limit, bool published_was_lost, Violations& violations);
  std::uint64_t after() const { return after_; }
  std::uint64_t entries_read() const { return entries_read_; }
  std::uint64_t epochs_begun() const { return epochs_begun_; }

 private:
  using Rows = std::map<std::string, std::string>;
  void begin_epoch(const ModelStore& store, const store::FeedSlice& slice);
  void take(const store::FeedEntry& entry, Violations& violations);
  void take_row(const store::FeedEntry& entry, Rows& rows, Violations& violations);
  void take_link(const store::FeedEntry& entry, Violations& violations);
  void compare(const ModelStore& store, Violations& violations) const;

  std::uint64_t epoch_ = 1;
  std::uint64_t after_ = 0;
  std::uint64_t entries_read_ = 0;
  std::uint64_t epochs_begun_ = 0;
  std::map<std::string, Rows> transactions_;
  std::map<std::string, Rows> accounts_;       // not gone
  std::map<std::string, std::string> status_;  // of every link that was added
  std::set<std::string> relink_open_;
};

}  // namespace syncd::test
