#include "tests/crash/daemon/fault_proxy.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/loopback/wire.hpp"

namespace syncd::test::crash {

namespace {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslFree>;

std::system_error system_failure(const char* doing) {
  return {errno, std::generic_category(), doing};
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets interface
sockaddr* generic(sockaddr_in& address) {
  return reinterpret_cast<sockaddr*>(&address);
}

/// One end of a connection, blocking, with TLS or without.
class Wire {
 public:
  explicit Wire(int socket, SSL* ssl = nullptr) : socket_(socket), ssl_(ssl) {}

  [[nodiscard]] int socket() const { return socket_; }
  [[nodiscard]] const std::string& unread() const { return unread_; }

  bool send(std::string_view bytes) { return send_all(socket_, ssl_, bytes); }

  /// More bytes into unread(); how many, 0 at the end.
  std::size_t receive() {
    std::array<char, 16'384> chunk{};
    const long got = receive_some(socket_, ssl_, chunk.data(), chunk.size());
    if (got <= 0) return 0;
    unread_.append(chunk.data(), static_cast<std::size_t>(got));
    return static_cast<std::size_t>(got);
  }

  /// A whole message, if it is there. Both sides always declare the length of a body.
  std::optional<std::string> take_message() {
    constexpr std::string_view field = "\r\nContent-Length: ";
    const std::size_t head = unread_.find("\r\n\r\n");
    if (head == std::string::npos) return std::nullopt;
    const std::size_t declared = unread_.find(field);
    const bool body = declared < head;
    const std::size_t length = body ? std::stoul(unread_.substr(declared + field.size(), 12)) : 0;
    const std::size_t size = head + 4 + length;
    if (unread_.size() < size) return std::nullopt;
    std::string message = unread_.substr(0, size);
    unread_.erase(0, size);
    return message;
  }

  /// Whether something came (or the end) before `pause` was over.
  [[nodiscard]] bool comes(std::chrono::milliseconds pause) const {
    pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&wait, 1, static_cast<int>(pause.count())) == 1;
  }

 private:
  int socket_;
  SSL* ssl_;
  std::string unread_;
};

/// The proxy's own connection to the sandbox.
class Upstream {
 public:
  explicit Upstream(std::uint16_t port) : port_(port) {}
  ~Upstream() {
    if (wire_) ::close(wire_->socket());
  }
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  /// Nothing when the sandbox does not answer with a message as it should be.
  std::optional<std::string> ask(std::string_view request) {
    if (!wire_) connect();
    if (!wire_ || !wire_->send(request)) return std::nullopt;
    while (true) {
      if (auto answer = wire_->take_message()) {
        const bool exact = wire_->unread().empty() && answer->contains("\r\nContent-Length: ");
        return exact ? answer : std::nullopt;
      }
      if (wire_->receive() == 0) return std::nullopt;
    }
  }

 private:
  void connect() {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(port_);
    if (::connect(socket, generic(address), sizeof address) != 0) {
      ::close(socket);
      return;
    }
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    wire_.emplace(socket);
  }

  std::uint16_t port_;
  std::optional<Wire> wire_;
};

// "GET /links/ID/accounts HTTP/1.1"
Exchange named(std::string_view request) {
  const std::size_t begin = request.find(' ') + 1;
  std::string_view path = request.substr(begin, request.find(' ', begin) - begin);
  path = path.substr(0, path.find('?'));
  constexpr std::string_view links = "/links/";
  if (!path.starts_with(links)) {
    const std::size_t last = path.rfind('/') + 1;
    return {.kind = std::string(path.substr(last)), .link_id = {}, .answer = {}};
  }
  path.remove_prefix(links.size());
  const std::size_t id_end = std::min(path.find('/'), path.size());
  const std::size_t last = path.rfind('/');
  const std::string_view kind = last == std::string_view::npos ? "link" : path.substr(last + 1);
  return {.kind = std::string(kind), .link_id = std::string(path.substr(0, id_end)), .answer = {}};
}

}  // namespace

struct FaultProxy::Connection {
  int socket = -1;
  ContextPtr certificate;
  std::uint64_t generation = 0;
  std::atomic<bool> done = false;
  std::thread thread;
};

/// What happens on one connection of the daemon's.
class FaultProxy::Visit {
 public:
  Visit(FaultProxy& proxy, Connection& connection)
      : proxy_(proxy),
        connection_(connection),
        ssl_(connection.certificate ? SSL_new(connection.certificate.get()) : nullptr),
        wire_(connection.socket, ssl_.get()),
        upstream_(proxy.upstream_port_) {}

  void run() {
    if (!handshake()) return;
    while (auto request = read_request()) {
      Exchange exchange = named(*request);
      auto answer = upstream_.ask(*request);
      if (!answer) {
        note([&](FaultProxy& proxy) { proxy.problems_.push_back("no whole answer to " + exchange.kind); });
        return;
      }
      exchange.answer = std::move(*answer);
      const Fault fault = decide(exchange);
      if (!carry_out(fault, exchange.answer)) return;
    }
  }

 private:
  bool handshake() {
    if (!ssl_) return true;
    SSL_set_fd(ssl_.get(), connection_.socket);
    if (SSL_accept(ssl_.get()) != 1) return false;
    count([](Seen& seen) { ++seen.handshakes; });
    return true;
  }

  std::optional<std::string> read_request() {
    while (true) {
      if (auto request = wire_.take_message()) {
        count([](Seen& seen) { ++seen.requests; });
        return request;
      }
      const std::size_t got = wire_.receive();
      count([&](Seen& seen) { seen.bytes += got; });
      if (got == 0) return std::nullopt;
    }
  }

  Fault decide(const Exchange& exchange) {
    const std::scoped_lock lock(proxy_.plan_mutex_);
    return proxy_.plan_ ? proxy_.plan_(exchange) : Fault{};
  }

  /// Whether the connection goes on.
  bool carry_out(const Fault& fault, std::string_view answer) {
    using enum Fault::Way;
    if (fault.reset) {
      const linger at_once{.l_onoff = 1, .l_linger = 0};
      ::setsockopt(connection_.socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    switch (fault.way) {
      case none:
        return wire_.send(answer);
      case cut:
        static_cast<void>(wire_.send(answer.substr(0, fault.at)));
        return false;
      case stall:
        return wire_.send(answer.substr(0, fault.at)) && stalled() && wire_.send(answer.substr(fault.at));
      case close_behind:
        if (wire_.send(answer)) static_cast<void>(wire_.comes(fault.pause));
        return false;
      case half_close:
        if (wire_.send(answer)) ::shutdown(connection_.socket, SHUT_WR);
        while (wire_.receive() > 0) {
        }
        return false;
      case close_under_next:
        if (wire_.send(answer)) static_cast<void>(wire_.comes(std::chrono::milliseconds{-1}));
        return false;
      case other_bytes:
        static_cast<void>(wire_.send(fault.bytes));
        return false;
      case more_bytes:
        return wire_.send(std::string(answer) + fault.bytes);
      case late_bytes:
        if (!wire_.send(answer)) return false;
        static_cast<void>(wire_.comes(fault.pause));
        return wire_.send(fault.bytes);
    }
    return false;
  }

  /// True once released, false when the daemon ended it.
  bool stalled() {
    note([](FaultProxy& proxy) { ++proxy.stalling_; });
    std::array<pollfd, 2> wait{{{.fd = connection_.socket, .events = POLLIN, .revents = 0},
                                {.fd = proxy_.released_, .events = POLLIN, .revents = 0}}};
    while (::poll(wait.data(), wait.size(), -1) < 0 && errno == EINTR) {
    }
    const bool released = wait[1].revents != 0;
    note([&](FaultProxy& proxy) {
      --proxy.stalling_;
      proxy.given_up_ += released || proxy.stopping_ ? 0U : 1U;
    });
    return released;
  }

  template <class Change>
  void note(Change change) {
    const std::scoped_lock lock(proxy_.mutex_);
    if (!proxy_.stopping_) change(proxy_);
  }
  template <class Change>
  void count(Change change) {
    const std::scoped_lock lock(proxy_.mutex_);
    if (connection_.generation == proxy_.generation_) change(proxy_.seen_);
  }

  FaultProxy& proxy_;
  Connection& connection_;
  SslPtr ssl_;
  Wire wire_;
  Upstream upstream_;
};

FaultProxy::FaultProxy(std::string_view upstream) {
  upstream_port_ =
      static_cast<std::uint16_t>(std::stoul(std::string(upstream.substr(upstream.rfind(':') + 1))));
  released_ = ::eventfd(0, EFD_CLOEXEC);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (released_ < 0 || listener_ < 0) throw system_failure("socket");
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, generic(address), size) != 0) throw system_failure("bind");
  if (::listen(listener_, 128) != 0) throw system_failure("listen");
  if (::getsockname(listener_, generic(address), &size) != 0) throw system_failure("getsockname");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

FaultProxy::~FaultProxy() {
  stop();
  ::close(listener_);
  ::close(released_);
}

void FaultProxy::follow(Plan plan) {
  const std::scoped_lock lock(plan_mutex_);
  plan_ = std::move(plan);
}

void FaultProxy::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (const Connection& connection : connections_)
      ::shutdown(connection.socket, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);
  if (acceptor_.joinable()) acceptor_.join();
  for (Connection& connection : connections_) {
    connection.thread.join();
  }
  connections_.clear();
}

void FaultProxy::show(ContextPtr certificate) {
  const std::scoped_lock lock(mutex_);
  ++generation_;
  certificate_ = std::move(certificate);
  seen_ = {};
  for (const Connection& connection : connections_)
    ::shutdown(connection.socket, SHUT_RDWR);
}

void FaultProxy::release() {
  const std::uint64_t one = 1;
  if (::write(released_, &one, sizeof one) != sizeof one) throw system_failure("release");
}

FaultProxy::Seen FaultProxy::seen() const {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

std::size_t FaultProxy::given_up() const {
  const std::scoped_lock lock(mutex_);
  return given_up_;
}

std::size_t FaultProxy::stalling() const {
  const std::scoped_lock lock(mutex_);
  return stalling_;
}

std::vector<std::string> FaultProxy::problems() const {
  const std::scoped_lock lock(mutex_);
  return problems_;
}

void FaultProxy::accept_all() {
  while (true) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0 && (errno == ECONNABORTED || errno == EINTR)) continue;  // it has gone already
    if (socket < 0) return;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::scoped_lock lock(mutex_);
    if (stopping_) {
      ::close(socket);
      return;
    }
    reap();
    ++seen_.connections;
    Connection& connection = connections_.emplace_back();
    connection.socket = socket;
    connection.generation = generation_;
    if (certificate_) {
      SSL_CTX_up_ref(certificate_.get());
      connection.certificate.reset(certificate_.get());
    }
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void FaultProxy::serve(Connection& connection) {
  // OpenSSL writes with write(): only this thread is spared the signal.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  Visit(*this, connection).run();
  ERR_clear_error();
  const std::scoped_lock lock(mutex_);
  ::close(std::exchange(connection.socket, -1));
  connection.done = true;
}

// Their threads have nothing left to do but to end.
void FaultProxy::reap() {
  connections_.remove_if([](Connection& connection) {
    if (!connection.done) return false;
    connection.thread.join();
    return true;
  });
}

}  // namespace syncd::test::crash
