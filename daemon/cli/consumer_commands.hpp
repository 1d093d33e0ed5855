#pragma once

#include <optional>
#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct ConsumerOptions {
  std::string name;
  std::string from = "head";  // head or start
  std::string to = {};        // a sequence or head
  std::optional<std::uint64_t> epoch = {};
};

// The named consumers of the feed.
CliResult<int> list_consumers(const Session& session);
CliResult<int> show_consumer(const Session& session, const std::string& name);
CliResult<int> add_consumer(const Session& session, const ConsumerOptions& options);
CliResult<int> remove_consumer(const Session& session, const std::string& name);
CliResult<int> acknowledge_changes(const Session& session, const ConsumerOptions& options);
CliResult<int> reset_consumer(const Session& session, const ConsumerOptions& options);

}  // namespace syncd::cli
