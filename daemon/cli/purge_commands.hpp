#pragma once

#include <cstddef>
#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct PurgeOptions {
  std::string link_id;
  bool unlink = false;
};
// Asks first, see confirm().
CliResult<int> purge_link(const Session& session, const PurgeOptions& options);
// What the feed tells of one link, newest first; `limit` 0: all.
CliResult<int> list_link_feed(const Session& session, const std::string& link_id, std::size_t limit);

}  // namespace syncd::cli
