#pragma once

#include <string>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

// The tokens of the admin API's TCP listener.

struct TokenOptions {
  std::string name;
  std::string role;  // read, operate or admin
  std::string lifetime = "90d";
};

CliResult<int> list_tokens(const Session& session);
// The token alone goes to standard output, what there is to say about it to standard error. With `--json`
// all of it is one document.
CliResult<int> create_token(const Session& session, const TokenOptions& options);
CliResult<int> revoke_token(const Session& session, const std::string& name);

}  // namespace syncd::cli
