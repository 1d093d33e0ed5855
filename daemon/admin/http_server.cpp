#include "daemon/admin/http_server.hpp"

#include <cerrno>
#include <exception>
#include <optional>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include "sync/engine/task_group.hpp"

namespace syncd::daemon {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

using Protocol = asio::generic::stream_protocol;  // unix and TCP alike
using Socket = asio::basic_stream_socket<Protocol, api::IoExecutor>;
using Acceptor = asio::basic_socket_acceptor<Protocol, api::IoExecutor>;
using Stream = beast::basic_stream<Protocol, api::IoExecutor>;
using Parser = http::request_parser<http::string_body>;

constexpr asio::as_tuple_t<asio::use_awaitable_t<api::IoExecutor>> nothrow{};
constexpr std::size_t groups_usual = 32;
constexpr core::Millis accept_pause{200};  // when the process is out of descriptors

std::vector<gid_t> groups_of(int descriptor) {
  std::vector<gid_t> groups(groups_usual);
  auto size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  int failed = getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  if (failed != 0 && errno == ERANGE) {
    groups.resize(size / sizeof(gid_t));
    failed = getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
  }
  groups.resize(failed == 0 ? size / sizeof(gid_t) : 0);
  return groups;
}

std::optional<Peer> peer_of(int descriptor) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return Peer{.uid = credentials.uid,
              .gid = credentials.gid,
              .pid = credentials.pid,
              .groups = groups_of(descriptor)};
}

std::string_view view_of(beast::string_view text) {
  return {text.data(), text.size()};
}

// What to tell a client whose request could not be read; nullopt: nothing.
std::optional<HttpResponse> answer_bad_request(const beast::error_code& ec, const ServerOptions& options) {
  if (ec == http::error::end_of_stream || ec == http::error::partial_message) return std::nullopt;
  if (ec.category() != http::make_error_code(http::error::end_of_stream).category()) return std::nullopt;
  if (ec == http::error::header_limit || ec == http::error::buffer_overflow) {
    return problem(431, "header_too_large",
                   "the header exceeds " + std::to_string(options.header_bytes_max) + " bytes");
  }
  if (ec == http::error::body_limit) {
    return problem(413, "body_too_large",
                   "the body exceeds " + std::to_string(options.body_bytes_max) + " bytes");
  }
  return problem(400, "bad_request", "the request is not valid HTTP: " + ec.message());
}

}  // namespace

struct HttpServer::Impl {
  // What became of one request.
  struct Answered {
    HttpResponse response;
    bool peer_left = false;
    std::exception_ptr defect;
  };

  api::IoExecutor executor;
  api::Timers& timers;
  HttpService& service;
  Listener listener;
  ServerOptions options;
  Acceptor acceptor;
  engine::TaskGroup group;
  std::size_t connections = 0;
  bool stopping = false;

  Impl(api::IoExecutor io, api::Timers& clock, HttpService& answers, Listener socket, ServerOptions limits,
       std::function<void(std::exception_ptr)> on_exception)
      : executor(io),
        timers(clock),
        service(answers),
        listener(std::move(socket)),
        options(std::move(limits)),
        acceptor(io),
        group(io, std::move(on_exception)) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    getsockname(listener.descriptor(), reinterpret_cast<sockaddr*>(&address), &size);
    acceptor.assign(Protocol(address.ss_family, 0), listener.release());
  }

  api::Task<void> accept_all();
  api::Task<void> serve(Socket socket);
  api::Task<bool> answer_one(Stream& stream, beast::flat_buffer& buffer, const std::optional<Peer>& peer);
  api::Task<Answered> ask_service(Stream& stream, HttpRequest request);
  api::Task<void> handle(HttpRequest request, Answered& answered);
  static api::Task<void> watch_peer(Stream& stream, Answered& answered);
  api::Task<bool> send(Stream& stream, HttpResponse response, unsigned version, bool keep_alive, bool head);
  bool admits(const std::optional<Peer>& peer) const {
    return !listener.is_unix() || !options.admits || (peer && options.admits(*peer));
  }
};

api::Task<void> HttpServer::Impl::accept_all() {
  while (!stopping) {
    Socket socket(executor);
    const auto [ec] = co_await acceptor.async_accept(socket, nothrow);
    if (stopping || ec == asio::error::operation_aborted) break;
    if (ec) {
      // Out of descriptors or memory: connections wait in the backlog; trying at once again would only spin.
      const api::SteadyTime later = timers.steady_now() + accept_pause;
      co_await timers.sleep_until(later);
      continue;
    }
    group.spawn(serve(std::move(socket)));
  }
}

api::Task<void> HttpServer::Impl::serve(Socket socket) {
  ++connections;
  const std::optional<Peer> peer = listener.is_unix() ? peer_of(socket.native_handle()) : std::nullopt;
  Stream stream(std::move(socket));
  if (connections > options.connections_max) {
    HttpResponse busy = problem(503, "too_many_connections", "all connections are in use; try again later");
    co_await send(stream, std::move(busy), 11, false, false);
  } else {
    beast::flat_buffer buffer(options.header_bytes_max + options.body_bytes_max);
    bool again = true;
    while (again && !stopping) {
      again = co_await answer_one(stream, buffer, peer);
    }
  }
  beast::error_code ignored;
  stream.socket().shutdown(Socket::shutdown_send, ignored);
  --connections;
}

// One request and its answer; false: the connection is done.
api::Task<bool> HttpServer::Impl::answer_one(Stream& stream, beast::flat_buffer& buffer,
                                             const std::optional<Peer>& peer) {
  Parser parser;
  parser.header_limit(options.header_bytes_max);
  parser.body_limit(options.body_bytes_max);
  stream.expires_after(options.read_deadline);
  const auto [ec, bytes] = co_await http::async_read(stream, buffer, parser, nothrow);
  if (ec) {
    auto refusal = answer_bad_request(ec, options);
    if (refusal) {
      co_await send(stream, std::move(*refusal), 11, false, false);
    }
    co_return false;
  }
  stream.expires_never();
  http::request<http::string_body> message = parser.release();
  const unsigned version = message.version();
  const bool keep_alive = message.keep_alive();
  const bool head = message.method() == http::verb::head;
  Answered answered;
  if (admits(peer)) {
    HttpRequest request;
    request.method = head ? "GET" : std::string(view_of(message.method_string()));
    request.target = view_of(message.target());
    request.content_type = view_of(message[http::field::content_type]);
    request.body = std::move(message.body());
    request.peer = peer;
    answered = co_await ask_service(stream, std::move(request));
  } else {
    answered.response = problem(403, "not_permitted", "you are neither root nor in the group of this socket");
  }
  // Also to a peer that left: it may have closed only its sending half.
  const bool again = keep_alive && !answered.peer_left && !stopping;
  const bool sent = co_await send(stream, std::move(answered.response), version, again, head);
  co_return sent&& again;
}

// Both parts end before this does: the first to end cancels the other.
api::Task<HttpServer::Impl::Answered> HttpServer::Impl::ask_service(Stream& stream, HttpRequest request) {
  using namespace asio::experimental::awaitable_operators;
  Answered answered;
  auto answer = handle(std::move(request), answered);
  auto departure = watch_peer(stream, answered);
  co_await (std::move(answer) || std::move(departure));
  if (answered.defect) std::rethrow_exception(answered.defect);
  co_return answered;
}

// A defect is carried over by hand: the wait for one of two tasks would go on waiting for the other.
api::Task<void> HttpServer::Impl::handle(HttpRequest request, Answered& answered) {
  co_await asio::this_coro::throw_if_cancelled(false);
  try {
    answered.response = co_await service.handle(std::move(request));
  } catch (...) {
    answered.defect = std::current_exception();
  }
}

// Ends when the peer has closed the connection; bytes it sent ahead do not count.
api::Task<void> HttpServer::Impl::watch_peer(Stream& stream, Answered& answered) {
  co_await asio::this_coro::throw_if_cancelled(false);
  const auto [ec] = co_await stream.socket().async_wait(Socket::wait_error, nothrow);
  if (!ec) answered.peer_left = true;
}

api::Task<bool> HttpServer::Impl::send(Stream& stream, HttpResponse response, unsigned version,
                                       bool keep_alive, bool head) {
  http::response<http::string_body> message;
  message.version(version);
  message.result(static_cast<unsigned>(response.status));
  message.reason(std::string(reason_phrase(response.status)));
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  if (response.status == 503) message.set(http::field::retry_after, "1");
  message.keep_alive(keep_alive);
  message.content_length(response.body.size());
  if (!head) message.body() = std::move(response.body);
  stream.expires_after(stopping ? options.stop_write_deadline : options.write_deadline);
  const auto [ec, bytes] = co_await http::async_write(stream, message, nothrow);
  co_return !ec;
}

HttpServer::HttpServer(api::IoExecutor executor, api::Timers& timers, HttpService& service, Listener listener,
                       ServerOptions options, std::function<void(std::exception_ptr)> on_exception)
    : impl_(std::make_unique<Impl>(executor, timers, service, std::move(listener), std::move(options),
                                   std::move(on_exception))) {
}

HttpServer::~HttpServer() = default;

void HttpServer::start() {
  impl_->group.spawn(impl_->accept_all());
}

api::Task<void> HttpServer::stop() {
  impl_->stopping = true;
  beast::error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->group.cancel();
  co_await impl_->group.join();
}

const std::string& HttpServer::name() const {
  return impl_->listener.name();
}

}  // namespace syncd::daemon
