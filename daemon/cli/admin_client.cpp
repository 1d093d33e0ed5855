#include "daemon/cli/admin_client.hpp"

#include <algorithm>

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
  }
  return {daemon::exit_unavailable,
          fmt::format("cannot reach the daemon at {}: {}; {}", socket, ec.message(), next)};
}

CliError refused(const Answer& answer) {
  const std::string detail = answer.value.at("detail", "");
  return {answer.status == 503 ? daemon::exit_unavailable : daemon::exit_failure,
          detail.empty() ? fmt::format("the daemon answered HTTP {}", answer.status) : detail};
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  std::string out;
  api::append_percent_encoded(out, text);
  return out;
}

CliResult<Answer> Client::send(std::string_view method, const std::string& target,
                               const std::string& body) const {
  if (socket_.size() > 107)
    return std::unexpected(CliError{daemon::exit_usage, "the socket's path is too long"});
  asio::io_context io{1};
  asio::local::stream_protocol::socket stream(io);
  error_code ec;
  stream.connect(asio::local::stream_protocol::endpoint(socket_), ec);
  if (ec) return std::unexpected(unreachable(socket_, ec));
  http::request<http::string_body> request;
  request.version(11);
  request.method_string({method.data(), method.size()});
  request.target(target);
  request.set(http::field::host, "localhost");
  request.set(http::field::connection, "close");
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  request.body() = body;
  request.prepare_payload();
  http::write(stream, request, ec);
  if (ec) return std::unexpected(unreachable(socket_, ec));
  boost::beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_bytes_max);
  http::read(stream, buffer, parser, ec);
  if (ec) return std::unexpected(unreachable(socket_, ec));
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
  if (answer.status < 200 || answer.status > 299) return std::unexpected(refused(answer));
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
