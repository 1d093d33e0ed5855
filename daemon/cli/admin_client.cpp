#include "daemon/cli/admin_client.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include "daemon/exit_codes.hpp"
#include "sync/api/percent.hpp"

namespace syncd::cli {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr std::uint64_t answer_bytes_max = 256u << 20;
constexpr std::size_t page_limit = 1000;

CliError unreachable(const std::string& socket, const error_code& ec) {
  std::string next = "is moneykit-syncd running? Try: systemctl status moneykit-syncd";
  if (ec == boost::system::errc::permission_denied) {
    next = "you must be in the group moneykit-admin, or root";
  } else if (ec == asio::error::timed_out) {
    next =
        "it accepts connections but does not answer in time; see its log, for example: journalctl -u "
        "moneykit-syncd";
  } else if (ec == http::error::end_of_stream || ec == asio::error::connection_reset) {
    next = "it ended the connection without an answer, as when it stops; try again";
  }
  return {daemon::exit_unavailable,
          fmt::format("cannot reach the daemon at {}: {}; {}", socket, ec.message(), next)};
}

CliError refused(const Answer& answer) {
  const std::string detail = answer.value.at("detail", "");
  const std::string problem = answer.value.at("code", "");
  const bool asks_to_wait = answer.status == 503 || answer.status == 429;
  const int code = problem == "storage_failed" ? daemon::exit_io
                   : asks_to_wait              ? daemon::exit_unavailable
                                               : daemon::exit_failure;
  return {code, detail.empty() ? fmt::format("the daemon answered HTTP {}", answer.status) : detail, problem};
}

// A 429 is asked again when the daemon says, and in a second where it does not.
core::Millis retry_after_of(const http::response<http::string_body>& response) {
  if (response.result_int() != 429) return core::Millis{0};
  const auto field = response[http::field::retry_after];
  std::uint32_t seconds = 0;
  std::from_chars(field.data(), field.data() + field.size(), seconds);
  return std::chrono::seconds(std::clamp<std::uint32_t>(seconds, 1, 300));
}

using Socket = asio::local::stream_protocol::socket;
using Request = http::request<http::string_body>;
using Parser = http::response_parser<http::string_body>;

// One connection, on which each step has a time by which it must be done.
class Conversation {
 public:
  error_code connect(const std::string& path, core::Millis limit) {
    socket_.async_connect(asio::local::stream_protocol::endpoint(path), [this](error_code ec) { end(ec); });
    return run(limit);
  }
  error_code exchange(const Request& request, Parser& parser, core::Millis limit) {
    http::async_write(socket_, request, [this, &parser](error_code ec, std::size_t) {
      if (ec) return end(ec);
      http::async_read(socket_, buffer_, parser, [this](error_code failed, std::size_t) { end(failed); });
    });
    return run(limit);
  }

 private:
  void end(error_code ec) { result_ = ec; }
  // timed_out when the step is not done by then; the connection is of no more use.
  error_code run(core::Millis limit) {
    result_.reset();
    io_.restart();
    io_.run_for(limit);
    if (result_) return *result_;
    socket_.close();
    io_.run();
    return asio::error::timed_out;
  }

  asio::io_context io_{1};
  Socket socket_{io_};
  boost::beast::flat_buffer buffer_;
  std::optional<error_code> result_;
};

Request make_request(std::string_view method, const std::string& target, const std::string& body) {
  Request request;
  request.version(11);
  request.method_string({method.data(), method.size()});
  request.target(target);
  request.set(http::field::host, "localhost");
  request.set(http::field::connection, "close");
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = body;
  request.prepare_payload();
  return request;
}

}  // namespace

bool CliError::daemon_is_away() const {
  return exit_code == daemon::exit_unavailable || exit_code == daemon::exit_io;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  api::append_percent_encoded(out, text);
  return out;
}

CliResult<Answer> Client::send(std::string_view method, const std::string& target, const std::string& body,
                               core::Millis wait) const {
  if (socket_.size() > 107)
    return std::unexpected(CliError{
        daemon::exit_usage,
        fmt::format("the path of a socket has 107 bytes at most, and {} has {}", socket_, socket_.size())});
  Conversation conversation;
  if (const error_code ec = conversation.connect(socket_, patience_.connect); ec) {
    return std::unexpected(unreachable(socket_, ec));
  }
  const Request request = make_request(method, target, body);
  Parser parser;
  parser.body_limit(answer_bytes_max);
  if (const error_code ec = conversation.exchange(request, parser, patience_.answer + wait); ec) {
    CliError error = unreachable(socket_, ec);
    error.was_there = true;
    return std::unexpected(std::move(error));
  }
  Answer answer;
  answer.status = static_cast<int>(parser.get().result_int());
  answer.body = parser.get().body();
  auto value = parse_json(answer.body);
  if (!value) {
    return std::unexpected(
        CliError{daemon::exit_failure,
                 fmt::format("the answer of {} is not JSON: is this the daemon's socket?", socket_)});
  }
  answer.value = std::move(*value);
  if (answer.status < 200 || answer.status > 299) {
    CliError error = refused(answer);
    error.was_there = true;
    error.retry_after = retry_after_of(parser.get());
    return std::unexpected(std::move(error));
  }
  return answer;
}

CliResult<std::vector<JsonValue>> Client::list(const std::string& path, const std::string& query,
                                               std::size_t limit) const {
  std::vector<JsonValue> all;
  std::string after;
  while (true) {
    const std::size_t wanted = limit == 0 ? page_limit : std::min(page_limit, limit - all.size());
    std::string target = fmt::format("{}?limit={}", path, wanted);
    if (!query.empty()) target += "&" + query;
    if (!after.empty()) target += "&after=" + percent_encoded(after);
    auto answer = get(target);
    if (!answer) return std::unexpected(answer.error());
    for (auto& [name, member] : answer->value.members) {
      if (name == "items") std::ranges::move(member.items, std::back_inserter(all));
    }
    after = answer->value.at("next", "");
    if (after.empty() || (limit != 0 && all.size() >= limit)) return all;
  }
}

}  // namespace syncd::cli
