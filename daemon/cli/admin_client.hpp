#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/cli/json_value.hpp"

namespace syncd::cli {

struct CliError {
  int exit_code = 1;
  std::string message;
};
template <class T>
using CliResult = std::expected<T, CliError>;

struct Answer {
  int status = 0;
  JsonValue value;
  std::string body;
};

// Talks to the daemon over its unix socket, one connection per request; blocking.
class Client {
 public:
  explicit Client(std::string socket) : socket_(std::move(socket)) {}

  // Any 2xx answer; the problem's detail as an error otherwise.
  CliResult<Answer> get(const std::string& target) const { return send("GET", target, {}); }
  CliResult<Answer> post(const std::string& target, const std::string& body) const {
    return send("POST", target, body);
  }
  // All pages of a list, `limit` items at most (0: all).
  CliResult<std::vector<JsonValue>> list(const std::string& path, const std::string& query,
                                         std::size_t limit) const;

 private:
  CliResult<Answer> send(std::string_view method, const std::string& target, const std::string& body) const;

  std::string socket_;
};

// For a path segment or a query value.
std::string percent_encoded(std::string_view text);

}  // namespace syncd::cli
