#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/e2e/rig.hpp"

namespace syncd::test::e2e {

/// Ids to the canonical text of upstream's objects.
using Rows = std::map<std::string, std::string>;

/// What is known about one link: by upstream, by the store, or by somebody who read the feed.
struct LinkRows {
  Rows accounts;
  Rows transactions;

  bool operator==(const LinkRows&) const = default;
};

/// What upstream would show now.
LinkRows truth_of(Sandbox& sandbox, const std::string& link_id);
/// What the admin API shows. Accounts that are gone upstream are left out.
LinkRows stored_rows(Daemon& daemon, const std::string& link_id);
/// The first difference, for people; empty when there is none.
std::string first_difference(const LinkRows& expected, const LinkRows& found);

/// The feed, read from its beginning by somebody who knows nothing else.
struct FeedReplay {
  unsigned long long epoch = 0;
  unsigned long long head = 0;
  std::map<std::string, LinkRows> links;
  std::map<std::string, std::size_t> relinks_open;  ///< links with an open relink entry
  /// Gaps, repeats, entries that change nothing or do not fit what came before; none is right.
  std::vector<std::string> problems;
};
FeedReplay replay_feed(Daemon& daemon);

/// A consumer that keeps for ever what it was told: the rows, and each entry's position and content. It lives
/// on when the daemon dies.
class FeedFollower {
 public:
  FeedFollower();
  ~FeedFollower();
  FeedFollower(const FeedFollower&) = delete;
  FeedFollower& operator=(const FeedFollower&) = delete;

  /// Reads on from where it stands; false when the daemon stops answering.
  bool read_on(const Daemon& daemon);
  /// Reads everything from the first entry, and complains about each that is not as it was.
  bool read_again(const Daemon& daemon);
  [[nodiscard]] const FeedReplay& replay() const { return replay_; }

 private:
  struct Impl;
  FeedReplay replay_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::test::e2e
