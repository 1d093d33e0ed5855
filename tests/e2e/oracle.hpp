#pragma once

#include <map>
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

}  // namespace syncd::test::e2e
