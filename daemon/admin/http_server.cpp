#include "daemon/admin/http_server.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <map>
#include <optional>
#include <sys/socket.h>
#include <utility>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>

#include "daemon/admin/failure_limit.hpp"
#include "daemon/admin/http_stream.hpp"
#include "daemon/admin/page.hpp"
#include "sync/engine/task_group.hpp"

namespace syncd::daemon {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

using Protocol = HttpStream::Protocol;
using Socket = HttpStream::Socket;
using Acceptor = asio::basic_socket_acceptor<Protocol, api::IoExecutor>;
using Parser = http::request_parser<http::string_body>;
using Message = http::request<http::string_body>;

constexpr asio::as_tuple_t<asio::use_awaitable_t<api::IoExecutor>> nothrow{};
constexpr std::size_t groups_usual = 32;
constexpr core::Millis accept_pause{200};  // when the process is out of descriptors
constexpr std::size_t read_bytes = 16 * 1024;
// The parser asserts, and so ends the process, when it is asked again about a last chunk (`0\r\n\r\n`) of
// which less is there. Behind the header of a chunked message at least so much always comes.
constexpr std::size_t chunk_bytes_min = 5;

// Of every answer: nothing of it may be kept, framed, guessed at or used by another site, and the page runs
// only what we serve.
const std::string& common_headers() {
  static const std::string headers =
      "Cache-Control: no-store\r\nContent-Security-Policy: " + std::string(page_security_policy) +
      "\r\nCross-Origin-Opener-Policy: same-origin\r\n"
      "Cross-Origin-Resource-Policy: same-origin\r\n"
      "Referrer-Policy: no-referrer\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "X-Frame-Options: DENY\r\n";
  return headers;
}

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

std::optional<std::string> field_of(const Message& message, http::field name) {
  const auto found = message.find(name);
  if (found == message.end()) return std::nullopt;
  return std::string(view_of(found->value()));
}

// What the parser lets pass and two readers could understand in two ways; nullopt: nothing.
std::optional<HttpResponse> refuse_ambiguous(const Message& message) {
  constexpr http::field once[] = {http::field::host,           http::field::authorization,
                                  http::field::origin,         http::field::content_type,
                                  http::field::content_length, http::field::transfer_encoding};
  constexpr std::string_view once_by_name[] = {"Idempotency-Key", "Sec-Fetch-Site", "MoneyKit-Signature"};
  const auto refuse = [](std::string_view name) {
    return problem(400, "duplicate_header", fmt::format("the header {} is given more than once", name));
  };
  for (const http::field field : once) {
    if (message.count(field) > 1) return refuse(view_of(http::to_string(field)));
  }
  for (const std::string_view name : once_by_name) {
    if (message.count({name.data(), name.size()}) > 1) return refuse(name);
  }
  const auto encoding = field_of(message, http::field::transfer_encoding);
  if (encoding && (message.version() < 11 || !beast::iequals(*encoding, "chunked")))
    return problem(400, "bad_request", "the only Transfer-Encoding is chunked, of HTTP/1.1");
  return std::nullopt;
}

HttpRequest request_of(Message message) {
  HttpRequest request;
  const bool head = message.method() == http::verb::head;
  request.method = head ? "GET" : std::string(view_of(message.method_string()));
  request.target = view_of(message.target());
  request.content_type = view_of(message[http::field::content_type]);
  if (auto value = field_of(message, http::field::authorization)) {
    request.authorization = api::Secret(std::move(*value));
  }
  request.host = field_of(message, http::field::host);
  request.origin = field_of(message, http::field::origin);
  const auto named = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = message.find({name.data(), name.size()});
    if (found == message.end()) return std::nullopt;
    return std::string(view_of(found->value()));
  };
  request.sec_fetch_site = named("Sec-Fetch-Site");
  request.idempotency_key = named("Idempotency-Key");
  request.signature = named("MoneyKit-Signature").value_or(std::string());
  request.body = std::move(message.body());
  return request;
}

std::string head_of(const HttpResponse& response, unsigned version, bool keep_alive) {
  const unsigned minor = version % 10;
  std::string head = fmt::format("HTTP/1.{} {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}", minor,
                                 response.status, reason_phrase(response.status), response.content_type,
                                 response.body.size(), common_headers());
  if (!response.allow.empty()) head += fmt::format("Allow: {}\r\n", response.allow);
  const bool says_when =
      std::ranges::any_of(response.headers, [](const auto& header) { return header.first == "Retry-After"; });
  if (response.status == 503 && !says_when) head += "Retry-After: 1\r\n";
  for (const auto& [name, value] : response.headers)
    head += fmt::format("{}: {}\r\n", name, value);
  if (!keep_alive) head += "Connection: close\r\n";
  if (keep_alive && minor == 0) head += "Connection: keep-alive\r\n";
  return head + "\r\n";
}

// How many connections each address has over which nobody has been admitted yet.
class Strangers {
 public:
  // One of them, until forget() or its end. Outlived by the count.
  class Mark {
   public:
    Mark() = default;
    Mark(Strangers& all, std::string key) : all_(&all), key_(std::move(key)) { ++all.counts_[key_]; }
    Mark(Mark&& other) noexcept : all_(std::exchange(other.all_, nullptr)), key_(std::move(other.key_)) {}
    Mark& operator=(Mark&& other) noexcept {
      Mark taken(std::move(other));
      std::swap(all_, taken.all_);
      std::swap(key_, taken.key_);
      return *this;
    }
    ~Mark() { forget(); }
    void forget() {
      if (all_ == nullptr) return;
      Strangers* const all = std::exchange(all_, nullptr);
      const auto place = all->counts_.find(key_);
      if (--place->second == 0) all->counts_.erase(place);
    }

   private:
    Strangers* all_ = nullptr;
    std::string key_;
  };

  std::size_t of(const std::string& key) const {
    const auto found = counts_.find(key);
    return found == counts_.end() ? 0 : found->second;
  }

 private:
  std::map<std::string, std::size_t> counts_;
};

}  // namespace

struct HttpServer::Impl {
  // Who is at the other end of a connection.
  struct Sender {
    std::optional<Peer> peer;
    std::string remote;
    Strangers::Mark stranger;  // until somebody is admitted
  };
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
  Strangers strangers;
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
  std::optional<Sender> receive(int descriptor);
  api::Task<void> converse(HttpStream& stream, Sender sender);
  api::Task<beast::error_code> read_request(HttpStream& stream, beast::flat_buffer& buffer, Parser& parser);
  api::Task<bool> answer_one(HttpStream& stream, beast::flat_buffer& buffer, Sender& sender);
  api::Task<Answered> ask_service(HttpStream& stream, HttpRequest request);
  api::Task<void> handle(HttpRequest request, Answered& answered);
  api::Task<void> watch_peer(HttpStream& stream, Answered& answered);
  api::Task<bool> send(HttpStream& stream, HttpResponse response, unsigned version, bool keep_alive,
                       bool head);
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

// Who has just connected; nullopt: too many have.
std::optional<HttpServer::Impl::Sender> HttpServer::Impl::receive(int descriptor) {
  if (connections > options.connections_max) return std::nullopt;
  if (listener.is_unix()) return Sender{.peer = peer_of(descriptor), .remote = {}, .stranger = {}};
  Sender sender{.peer = {}, .remote = remote_address(descriptor), .stranger = {}};
  if (options.strangers_per_address_max == 0) return sender;
  std::string key = limit_key(sender.remote);
  if (strangers.of(key) >= options.strangers_per_address_max) return std::nullopt;
  sender.stranger = Strangers::Mark(strangers, std::move(key));
  return sender;
}

api::Task<void> HttpServer::Impl::serve(Socket socket) {
  ++connections;
  std::optional<Sender> sender = receive(socket.native_handle());
  // Kept as long as the connection: the next reload may bring another one.
  const std::shared_ptr<const ServerTls> tls = options.tls;
  HttpStream stream(std::move(socket), tls.get());
  if (sender) {
    co_await converse(stream, std::move(*sender));
  } else if (!tls) {
    // By then connections that idle are closed.
    HttpResponse busy =
        try_later(503, "too_many_connections",
                  "all connections that you may have are in use; try again later", options.read_deadline);
    co_await send(stream, std::move(busy), 11, false, false);
  }
  stream.expires_after(options.stop_write_deadline);
  co_await stream.finish();
  --connections;
}

api::Task<void> HttpServer::Impl::converse(HttpStream& stream, Sender sender) {
  stream.expires_after(options.read_deadline);
  const HttpStream::ErrorCode refused = co_await stream.handshake();
  if (refused) co_return;
  beast::flat_buffer buffer(options.header_bytes_max + options.body_bytes_max);
  bool again = true;
  while (again && !stopping) {
    again = co_await answer_one(stream, buffer, sender);
  }
}

// Until the parser has a whole message; what was sent behind it stays in the buffer.
api::Task<beast::error_code> HttpServer::Impl::read_request(HttpStream& stream, beast::flat_buffer& buffer,
                                                            Parser& parser) {
  parser.eager(true);
  while (true) {
    beast::error_code ec;
    const bool in_chunks = parser.is_header_done() && parser.chunked();
    if (buffer.size() >= (in_chunks ? chunk_bytes_min : 1)) {
      const std::size_t used = parser.put(buffer.data(), ec);
      buffer.consume(used);
      if (ec && ec != http::error::need_more) co_return ec;
      if (parser.is_done()) co_return beast::error_code{};
      if (used > 0 && buffer.size() > 0) continue;
    }
    const std::size_t room = std::min(read_bytes, buffer.max_size() - buffer.size());
    if (room == 0) co_return http::error::buffer_overflow;
    const auto space = buffer.prepare(room);
    const HttpStream::Moved got = co_await stream.read_some(static_cast<char*>(space.data()), space.size());
    buffer.commit(got.bytes);
    if (got.error != asio::error::eof) {
      if (got.error) co_return got.error;
      continue;
    }
    if (!parser.got_some()) co_return http::error::end_of_stream;
    ec = {};
    parser.put_eof(ec);
    co_return ec ? ec : http::error::partial_message;
  }
}

// One request and its answer; false: the connection is done.
api::Task<bool> HttpServer::Impl::answer_one(HttpStream& stream, beast::flat_buffer& buffer, Sender& sender) {
  Parser parser;
  parser.header_limit(options.header_bytes_max);
  parser.body_limit(options.body_bytes_max);
  stream.expires_after(options.read_deadline);
  const beast::error_code ec = co_await read_request(stream, buffer, parser);
  if (ec) {
    auto refusal = answer_bad_request(ec, options);
    if (refusal) {
      co_await send(stream, std::move(*refusal), 11, false, false);
    }
    co_return false;
  }
  stream.expires_never();
  Message message = parser.release();
  const unsigned version = message.version();
  const bool head = message.method() == http::verb::head;
  auto ambiguous = refuse_ambiguous(message);
  if (ambiguous) {
    co_await send(stream, std::move(*ambiguous), version, false, head);
    co_return false;
  }
  if (options.one_at_a_time && buffer.size() > 0) {
    HttpResponse refusal =
        problem(400, "pipelined", "a second request came before the first one was answered");
    co_await send(stream, std::move(refusal), version, false, head);
    co_return false;
  }
  const bool keep_alive = message.keep_alive();
  Answered answered;
  if (admits(sender.peer)) {
    HttpRequest request = request_of(std::move(message));
    request.peer = sender.peer;
    request.remote = sender.remote;
    answered = co_await ask_service(stream, std::move(request));
  } else {
    answered.response = problem(403, "not_permitted", "you are neither root nor in the group of this socket");
  }
  // Also to a peer that left: it may have closed only its sending half.
  if (answered.response.admitted) sender.stranger.forget();
  const bool again = keep_alive && !answered.response.close && !answered.peer_left && !stopping;
  const bool sent = co_await send(stream, std::move(answered.response), version, again, head);
  co_return sent&& again;
}

// Both parts end before this does: the first to end cancels the other.
api::Task<HttpServer::Impl::Answered> HttpServer::Impl::ask_service(HttpStream& stream, HttpRequest request) {
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

// Ends when the peer has closed the connection; bytes it sent ahead do not count. Nothing announces the end
// of a TCP connection behind such bytes, so it is looked for. That also leaves who sends one request and
// stops the time to be answered.
api::Task<void> HttpServer::Impl::watch_peer(HttpStream& stream, Answered& answered) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (listener.is_unix()) {
    const auto [ec] = co_await stream.socket().async_wait(Socket::wait_error, nothrow);
    if (!ec) answered.peer_left = true;
    co_return;
  }
  while (true) {
    const api::SteadyTime next_look = timers.steady_now() + departure_look_every;
    co_await timers.sleep_until(next_look);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
    answered.peer_left = has_stopped_sending(stream.socket().native_handle());
    if (answered.peer_left) co_return;
  }
}

api::Task<bool> HttpServer::Impl::send(HttpStream& stream, HttpResponse response, unsigned version,
                                       bool keep_alive, bool head) {
  const std::string header = head_of(response, version, keep_alive);
  stream.expires_after(stopping ? options.stop_write_deadline : options.write_deadline);
  const std::string_view body = head ? std::string_view() : std::string_view(response.body);
  const HttpStream::ErrorCode failed = co_await stream.write(header, body);
  co_return !failed;
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

void HttpServer::set_tls(std::shared_ptr<const ServerTls> tls) {
  impl_->options.tls = std::move(tls);
}

std::size_t HttpServer::connections() const {
  return impl_->connections;
}

const std::string& HttpServer::name() const {
  return impl_->listener.name();
}

}  // namespace syncd::daemon
