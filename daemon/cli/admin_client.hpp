#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/json_value.hpp"
#include "sync/core/types.hpp"

namespace syncd::cli {

struct CliError {
  int exit_code = 1;
  std::string message;
  std::string problem = {};  // the `code` of the daemon's answer; empty: it did not answer
  bool was_there = false;    // somebody took the connection
  // Of a 429: how long the daemon wants to be left alone. Zero: it did not say so.
  core::Millis retry_after = core::Millis{0};

  // The daemon is not there, or about to end: nobody else will be answered now, and it may be started anew.
  bool daemon_is_away() const;
};
template <class T>
using CliResult = std::expected<T, CliError>;

struct Answer {
  int status = 0;
  JsonValue value;
  std::string body;
};

// How long the daemon may take.
struct Patience {
  core::Millis connect{5'000};
  core::Millis answer{10'000};  // beyond the time that the daemon was asked to wait
};

// Talks to the daemon over its unix socket, one connection per request; blocking, but never for ever.
class Client {
 public:
  explicit Client(std::string socket, Patience patience = {})
      : socket_(std::move(socket)), patience_(patience) {}

  // The same daemon, asked with other patience.
  Client with(Patience patience) const { return Client(socket_, patience); }

  // Any 2xx answer; the problem's detail as an error otherwise. `wait`: how long the daemon was asked to
  // wait.
  CliResult<Answer> get(const std::string& target, core::Millis wait = core::Millis{0}) const {
    return send("GET", target, {}, wait);
  }
  CliResult<Answer> post(const std::string& target, const std::string& body,
                         core::Millis wait = core::Millis{0}) const {
    return send("POST", target, body, wait);
  }
  // All pages of a list, `limit` items at most (0: all).
  CliResult<std::vector<JsonValue>> list(const std::string& path, const std::string& query,
                                         std::size_t limit) const;

 private:
  CliResult<Answer> send(std::string_view method, const std::string& target, const std::string& body,
                         core::Millis wait) const;

  std::string socket_;
  Patience patience_;
};

// For a path segment or a query value.
std::string percent_encoded(std::string_view text);

}  // namespace syncd::cli
