#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/cli/commands.hpp"

namespace syncd::cli {

struct RelinkSessionOptions {
  std::string link_id;
  std::optional<std::uint64_t> version;  // nullopt: the one that is found
  std::string redirect_uri;              // empty: the configured one
  bool force = false;
};

struct SessionOptions {
  std::string customer_user_id = {};
  std::string institution_id = {};
  std::string redirect_uri = {};
  std::string webhook = {};
  std::vector<std::string> tags = {};
  std::vector<std::string> products = {};
};

struct ExchangeOptions {
  std::string customer_user_id = {};
  std::vector<std::string> tags = {};
};

// The token is printed once, to standard output alone. A dry run only looks: it says what would be done.
CliResult<int> issue_relink_session(const Session& session, const RelinkSessionOptions& options);
CliResult<int> issue_session(const Session& session, const SessionOptions& options);
// Reads the exchangeable token from standard input: arguments are for everybody on the machine to see.
CliResult<int> exchange_token(const Session& session, const ExchangeOptions& options);

}  // namespace syncd::cli
