#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "tests/sim/invariants.hpp"
#include "tests/sim/model_store.hpp"

namespace syncd::test {

// A consumer of the change feed that outlives the daemon: it keeps the epoch and the last sequence it has
// seen, reads what comes after, and holds the state that the entries describe. Knows nothing but what it was
// shown.
class FeedReader {
 public:
  // Reads to the head in slices of `limit`, then compares what it holds with what the store shows of every
  // link that had a commit since the last call. `published_was_lost`: an older copy was put back since the
  // last call, so that a new epoch is allowed (and read as its notice demands: the state anew, then on from
  // the head).
  void read(ModelStore& store, std::size_t limit, bool published_was_lost, Findings& findings);
  // Every link, also those without a commit since the last time.
  void compare_all(const ModelStore& store, Findings& findings) const;
  // The link's rows and accounts changed without an entry, which is not the daemon's doing: takes them as
  // they are. Everything before has been read.
  void take_as_it_is(const ModelStore& store, const core::LinkId& link_id);
  std::uint64_t after() const { return after_; }
  std::uint64_t entries_read() const { return entries_read_; }
  std::uint64_t epochs_begun() const { return epochs_begun_; }

 private:
  using Rows = std::map<std::string, std::string>;
  void begin_epoch(const ModelStore& store, const ShownFeed& shown);
  bool read_slice(const ShownFeed& shown, Findings& findings);
  void take(const store::FeedEntry& entry, Findings& findings);
  void take_row(const store::FeedEntry& entry, Rows& rows, Findings& findings);
  void take_link(const store::FeedEntry& entry, Findings& findings);
  void compare(const ModelStore& store, const core::LinkId& link_id, Findings& findings) const;

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
