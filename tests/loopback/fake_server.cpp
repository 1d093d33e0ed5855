#include "tests/loopback/fake_server.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdexcept>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tests/loopback/wire.hpp"

namespace syncd::test {

namespace {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

std::system_error system_failure(const char* doing) {
  return {errno, std::generic_category(), doing};
}

std::size_t body_size(std::string_view head) {
  constexpr std::string_view name = "Content-Length: ";
  const std::size_t at = head.find(name);
  return at == std::string_view::npos ? 0 : std::stoul(std::string(head.substr(at + name.size(), 12)));
}

}  // namespace

// ---- Peer
// ------------------------------------------------------------------------------------------------------

long Peer::receive(char* data, std::size_t size) {
  return receive_some(socket_, ssl_, data, size);
}

bool Peer::handshake() {
  return ssl_ == nullptr || SSL_accept(ssl_) == 1;
}

bool Peer::read_request(std::string& request) {
  std::array<char, 4096> chunk{};
  for (;;) {
    const std::size_t head = buffered_.find("\r\n\r\n");
    if (head != std::string::npos) {
      const std::size_t size = head + 4 + body_size(buffered_.substr(0, head));
      if (buffered_.size() >= size) {
        request = buffered_.substr(0, size);
        buffered_.erase(0, size);
        return true;
      }
    }
    const long got = receive(chunk.data(), chunk.size());
    if (got <= 0) return false;
    buffered_.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

bool Peer::send(std::string_view bytes) {
  return send_all(socket_, ssl_, bytes);
}

bool Peer::wait_for_close() {
  std::array<char, 4096> chunk{};
  while (receive(chunk.data(), chunk.size()) > 0) {
  }
  return true;
}

void Peer::close_orderly() {
  if (ssl_ != nullptr) SSL_shutdown(ssl_);
}

void Peer::reset() {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

// ---- Script
// ----------------------------------------------------------------------------------------------------

struct Script::Context {
  FakeServer& server;

  bool note_request(Peer& peer) const {
    std::string request;
    if (!peer.read_request(request)) return false;
    const std::scoped_lock lock(server.mutex_);
    server.requests_.push_back(std::move(request));
    return true;
  }
  bool wait_for_gate() const {
    std::unique_lock lock(server.mutex_);
    server.gate_.wait(lock, [this] { return server.gate_open_ || server.stopping_; });
    return !server.stopping_;
  }
};

Script& Script::read_request() {
  steps_.emplace_back([](Peer& peer, Context& context) { return context.note_request(peer); });
  return *this;
}

Script& Script::send(std::string bytes) {
  steps_.emplace_back([bytes = std::move(bytes)](Peer& peer, Context&) { return peer.send(bytes); });
  return *this;
}

Script& Script::send_each_byte(std::string bytes) {
  steps_.emplace_back([bytes = std::move(bytes)](Peer& peer, Context&) {
    return std::ranges::all_of(bytes, [&](const char& byte) { return peer.send({&byte, 1}); });
  });
  return *this;
}

Script& Script::wait_for_close() {
  steps_.emplace_back([](Peer& peer, Context&) { return peer.wait_for_close(); });
  return *this;
}

Script& Script::close_orderly() {
  steps_.emplace_back([](Peer& peer, Context&) {
    peer.close_orderly();
    return true;
  });
  return *this;
}

Script& Script::reset() {
  steps_.emplace_back([](Peer& peer, Context&) {
    peer.reset();
    return true;
  });
  return *this;
}

Script& Script::wait_for_gate() {
  steps_.emplace_back([](Peer&, Context& context) { return context.wait_for_gate(); });
  return *this;
}

Script& Script::serve(std::string response) {
  steps_.emplace_back([response = std::move(response)](Peer& peer, Context& context) {
    while (context.note_request(peer) && peer.send(response)) {
    }
    return true;
  });
  return *this;
}

Script& Script::no_handshake() {
  handshake_ = false;
  return *this;
}

// ---- FakeServer
// ------------------------------------------------------------------------------------------------

FakeServer::FakeServer(SSL_CTX* tls) : tls_(tls) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener_ < 0) throw system_failure("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets interface
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0) throw system_failure("bind");
  if (::listen(listener_, 128) != 0) throw system_failure("listen");
  if (::getsockname(listener_, generic, &size) != 0) throw system_failure("getsockname");
  port_ = ntohs(address.sin_port);
}

FakeServer::~FakeServer() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (const int socket : sockets_)
      ::shutdown(socket, SHUT_RDWR);
  }
  gate_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);
  if (acceptor_.joinable()) acceptor_.join();
  for (std::thread& thread : threads_)
    thread.join();
  for (const int socket : sockets_)
    if (socket >= 0) ::close(socket);
  ::close(listener_);
}

Script& FakeServer::on_connection() {
  return scripts_.emplace_back();
}

std::uint16_t FakeServer::start() {
  if (!acceptor_.joinable()) acceptor_ = std::thread([this] { accept_all(); });
  return port_;
}

void FakeServer::open_gate() {
  {
    const std::scoped_lock lock(mutex_);
    gate_open_ = true;
  }
  gate_.notify_all();
}

std::size_t FakeServer::request_count() const {
  const std::scoped_lock lock(mutex_);
  return requests_.size();
}

std::vector<std::string> FakeServer::requests() const {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

void FakeServer::accept_all() {
  for (;;) {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const std::scoped_lock lock(mutex_);
    if (stopping_) {
      ::close(socket);
      return;
    }
    const std::size_t index = std::min<std::size_t>(connections_, scripts_.size() - 1);
    const Script& script = *std::next(scripts_.begin(), static_cast<std::ptrdiff_t>(index));
    ++connections_;
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket, &script] { serve(socket, script); });
  }
}

void FakeServer::serve(int socket, const Script& script) {
  // OpenSSL writes with write(). Only this thread is spared the signal: the client must do without.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  {
    const std::unique_ptr<SSL, SslFree> ssl(tls_ != nullptr ? SSL_new(tls_) : nullptr);
    if (ssl) SSL_set_fd(ssl.get(), socket);
    Peer peer(socket, ssl.get());
    Script::Context context{*this};
    bool going = !script.handshake_ || peer.handshake();
    for (std::size_t i = 0; going && i < script.steps_.size(); ++i)
      going = script.steps_[i](peer, context);
    ERR_clear_error();
  }
  const std::scoped_lock lock(mutex_);
  std::ranges::replace(sockets_, socket, -1);
  ::close(socket);
  ++finished_;
}

std::string json_answer(std::string_view body, std::string_view more_fields) {
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
  answer += more_fields;
  answer += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  answer += body;
  return answer;
}

}  // namespace syncd::test
