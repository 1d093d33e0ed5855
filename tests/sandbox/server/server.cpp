#include "tests/sandbox/server/server.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

#include "tests/sandbox/model/text.hpp"

namespace syncd::sandbox {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto nothrow = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds sweep_interval{5};
constexpr std::size_t read_buffer_bytes = 16U << 10U;

/// The only request headers that the model reads; copying the others would cost more than the answer.
constexpr std::array<http::field, 2> known_fields = {http::field::authorization, http::field::content_type};
constexpr std::array<std::string_view, 3> known_names = {"X-Client-Id", "X-Client-Secret",
                                                         "MoneyKit-Version"};

void fill_request(const http::request<http::string_body>& message, HttpRequest& request) {
  request.method = message.method_string();
  request.target = message.target();
  request.body = message.body();
  request.headers.clear();
  for (const http::field field : known_fields) {
    if (const auto found = message.find(field); found != message.end()) {
      request.headers.emplace_back(http::to_string(field), found->value());
    }
  }
  for (const std::string_view name : known_names) {
    if (const auto found = message.find(name); found != message.end()) {
      request.headers.emplace_back(name, found->value());
    }
  }
}

void report(std::exception_ptr problem) {
  if (!problem) {
    return;
  }
  try {
    std::rethrow_exception(problem);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moneykit-sandbox: a connection ended with: %s\n", error.what());
  }
}

}  // namespace

Server::Server(asio::io_context& io, Sandbox& sandbox)
    : io_(io), sandbox_(sandbox), hooks_(io, sandbox), sweep_timer_(io.get_executor()) {
}

Server::Entered::Entered(Server& server, Socket& socket)
    : server_(server),
      self_(server.connections_.insert(
          server.connections_.end(),
          Connection{&socket, Timer(server.io_.get_executor()), std::chrono::steady_clock::now()})) {
}

tcp::endpoint Server::listen(const tcp::endpoint& address, asio::ssl::context* tls) {
  Acceptor acceptor(io_.get_executor());
  acceptor.open(address.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  acceptor.bind(address);
  acceptor.listen(asio::socket_base::max_listen_connections);
  const tcp::endpoint bound = acceptor.local_endpoint();
  listeners_.push_back(Listener{std::move(acceptor), tls});
  return bound;
}

void Server::start() {
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    asio::co_spawn(io_.get_executor(), accept_loop(i), report);
  }
  asio::co_spawn(io_.get_executor(), sweep(), report);
  hooks_.start();
}

void Server::stop() {
  stopping_ = true;
  hooks_.stop();
  boost::system::error_code ignored;
  for (Listener& listener : listeners_) {
    listener.acceptor.close(ignored);
  }
  for (Connection& connection : connections_) {
    connection.socket->close(ignored);
    connection.delay.cancel();
  }
  sweep_timer_.cancel();
}

asio::awaitable<void> Server::sweep() {
  while (!stopping_) {
    sweep_timer_.expires_after(sweep_interval);
    co_await sweep_timer_.async_wait(nothrow);
    const auto now = std::chrono::steady_clock::now();
    for (const Connection& connection : connections_) {
      if (now - connection.last_active > idle_timeout) {
        boost::system::error_code ignored;
        connection.socket->close(ignored);
      }
    }
  }
}

asio::awaitable<void> Server::accept_loop(std::size_t listener) {
  while (!stopping_) {
    Socket socket(io_.get_executor());
    auto [ec] = co_await listeners_[listener].acceptor.async_accept(socket, nothrow);
    if (stopping_ || ec == asio::error::operation_aborted) {
      co_return;
    }
    if (ec) {
      std::fprintf(stderr, "moneykit-sandbox: accept: %s\n", ec.message().c_str());
      Timer pause(io_.get_executor(), std::chrono::milliseconds{100});  // out of descriptors, most likely
      co_await pause.async_wait(nothrow);
      continue;
    }
    if (connections_.size() >= connections_max) {
      continue;  // closes the socket
    }
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    asio::ssl::context* const tls = listeners_[listener].tls;
    if (tls == nullptr) {
      asio::co_spawn(io_.get_executor(), serve_plain(std::move(socket)), report);
    } else {
      asio::co_spawn(io_.get_executor(), serve_tls(std::move(socket), tls), report);
    }
  }
}

asio::awaitable<void> Server::serve_plain(Socket socket) {
  const Entered entered(*this, socket);
  co_await serve(socket, entered.self());
}

asio::awaitable<void> Server::serve_tls(Socket socket, asio::ssl::context* tls) {
  asio::ssl::stream<Socket> stream(std::move(socket), *tls);
  const Entered entered(*this, stream.next_layer());
  auto [ec] = co_await stream.async_handshake(asio::ssl::stream_base::server, nothrow);
  if (!ec) {
    co_await serve(stream, entered.self());
  }
}

template <class Stream>
asio::awaitable<void> Server::serve(Stream& stream, Connections::iterator self) {
  Socket& socket = *self->socket;
  boost::beast::flat_buffer buffer;
  buffer.reserve(read_buffer_bytes);
  HttpRequest request;
  bool keep_alive = true;
  while (keep_alive && !stopping_) {
    std::optional<http::request_parser<http::string_body>> parser(std::in_place);
    parser->body_limit(body_bytes_max);
    parser->header_limit(header_bytes_max);
    auto [ec, bytes] = co_await http::async_read(stream, buffer, *parser, nothrow);
    if (ec || stopping_) {
      break;
    }
    self->last_active = std::chrono::steady_clock::now();
    keep_alive = parser->get().keep_alive();
    fill_request(parser->get(), request);
    HttpResponse response = sandbox_.respond(request);
    keep_alive = co_await send(stream, self, std::move(response), keep_alive);
    self->last_active = std::chrono::steady_clock::now();
  }
  boost::system::error_code ignored;
  if (socket.is_open()) {
    // Over TLS the peer sees a truncation, as it would from a server that dies; HTTP framing tells it what it
    // has.
    socket.shutdown(tcp::socket::shutdown_both, ignored);
    socket.close(ignored);
  }
}

std::string Server::head(const HttpResponse& response, std::size_t body_bytes, bool keep_alive) {
  const TimePoint now = sandbox_.wire_now();
  const std::int64_t second = now.time_since_epoch().count() / 1000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = http_date(now);
  }
  std::string out;
  out.reserve(256);
  out.append("HTTP/1.1 ").append(std::to_string(response.status)).push_back(' ');
  const http::status status = http::int_to_status(static_cast<unsigned>(response.status));
  const std::string_view reason = status == http::status::unknown ? "Status" : http::obsolete_reason(status);
  out.append(reason).append("\r\nServer: moneykit-sandbox\r\nDate: ").append(date_).append("\r\n");
  for (const auto& [name, value] : response.headers) {
    out.append(name).append(": ").append(value).append("\r\n");
  }
  if (response.status != 204 && response.status != 304 && response.status >= 200) {
    out.append("Content-Length: ").append(std::to_string(body_bytes)).append("\r\n");
  }
  return out.append(keep_alive ? "\r\n" : "Connection: close\r\n\r\n");
}

template <class Stream>
asio::awaitable<bool> Server::send(Stream& stream, Connections::iterator self, HttpResponse response,
                                   bool keep_alive) {
  const Transport& transport = response.transport;
  if (transport.delay_ms != 0) {
    self->delay.expires_after(std::chrono::milliseconds{transport.delay_ms});
    co_await self->delay.async_wait(nothrow);
  }
  if (transport.reset_before) {
    boost::system::error_code ignored;
    self->socket->set_option(asio::socket_base::linger(true, 0), ignored);  // makes close() send a reset
    self->socket->close(ignored);
    co_return false;
  }
  if (transport.close_before) {
    co_return false;
  }
  const std::string head_text = head(response, response.body.size(), keep_alive);
  std::size_t body_bytes = response.body.size();
  if (transport.cut_at_byte) {
    body_bytes = std::min(body_bytes, *transport.cut_at_byte);
    keep_alive = false;
  }
  if (transport.slow_bytes_per_second != 0) {
    std::string bytes = head_text + response.body.substr(0, body_bytes);
    const bool sent = co_await drip(stream, self, std::move(bytes), transport.slow_bytes_per_second);
    co_return sent&& keep_alive;
  }
  const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head_text),
                                                     asio::buffer(response.body.data(), body_bytes)};
  auto [ec, bytes] = co_await asio::async_write(stream, buffers, nothrow);
  co_return !ec && keep_alive;
}

template <class Stream>
asio::awaitable<bool> Server::drip(Stream& stream, Connections::iterator self, std::string bytes,
                                   std::uint32_t bytes_per_second) {
  constexpr std::chrono::milliseconds tick{50};
  const std::size_t step = std::max<std::size_t>(1, bytes_per_second / 20);
  for (std::size_t at = 0; at < bytes.size() && !stopping_; at += step) {
    const auto part = asio::buffer(bytes.data() + at, std::min(step, bytes.size() - at));
    auto [ec, sent] = co_await asio::async_write(stream, part, nothrow);
    if (ec) {
      co_return false;
    }
    self->delay.expires_after(tick);
    co_await self->delay.async_wait(nothrow);
  }
  co_return !stopping_;
}

}  // namespace syncd::sandbox
