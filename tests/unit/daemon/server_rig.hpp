#pragma once

#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include "daemon/admin/http_server.hpp"
#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"

// A server that runs, and connections to it.
namespace syncd::test {

// Answers with what it was asked, `/fields` with what stood in the header; `/wait` waits until it is
// cancelled, and `/wait/large` then has more to say than a socket takes. Under `/in` it knows who asks.
class Echo final : public daemon::HttpService {
 public:
  explicit Echo(api::Timers& timers) : timers_(timers) {}
  api::Task<daemon::HttpResponse> handle(daemon::HttpRequest request) override {
    // As long as the call: nothing of it may stay behind.
    ++calls;
    const auto left = [this](const void*) { --calls; };
    const std::unique_ptr<const void, decltype(left)> call(this, left);
    if (request.target.starts_with("/wait")) {
      waiting.set_value();
      const api::SteadyTime never = timers_.steady_now() + std::chrono::hours(1);
      co_await timers_.sleep_until(never);
      woken.set_value();
    }
    daemon::HttpResponse response;
    response.admitted = request.target.starts_with("/in");
    if (request.target == "/wait/large") {
      response.body = std::string(large_bytes, 'x');
      co_return response;
    }
    response.content_type = "text/plain";
    if (request.target == "/fields") {
      response.body = fields_of(request);
      response.headers.emplace_back("X-Extra", "more");
      co_return response;
    }
    response.body = request.method + " " + request.target + " " + std::to_string(request.body.size()) + " " +
                    (request.peer ? std::to_string(request.peer->uid) : "none");
    co_return response;
  }
  std::promise<void> waiting;
  std::promise<void> woken;
  std::atomic<int> calls = 0;  // under way

 private:
  static std::string fields_of(const daemon::HttpRequest& request) {
    return request.remote + "|" +
           (request.authorization ? std::string(request.authorization->reveal()) : "none") + "|" +
           request.host.value_or("none") + "|" + request.origin.value_or("none") + "|" +
           request.sec_fetch_site.value_or("none") + "|" + request.idempotency_key.value_or("none");
  }
  static constexpr std::size_t large_bytes = 64 << 20;
  api::Timers& timers_;
};

// A server on its own thread.
class Running {
 public:
  Running(daemon::Listener listener, daemon::ServerOptions options)
      : server(io.get_executor(), timers, echo, std::move(listener), std::move(options), rethrow),
        group(io.get_executor(), rethrow) {
    server.start();
    thread = std::thread([this] { io.run(); });
  }
  ~Running() { stop(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void stop() {
    if (!thread.joinable()) return;
    boost::asio::post(io, [this] { group.spawn(server.stop()); });
    thread.join();
  }

  static void rethrow(std::exception_ptr error) { std::rethrow_exception(error); }
  boost::asio::io_context io{1};
  engine::SystemTimers timers{io.get_executor()};
  Echo echo{timers};
  daemon::HttpServer server;
  engine::TaskGroup group;
  std::thread thread;
};

class Connection {
 public:
  explicit Connection(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  // `from`: our own address, of this machine.
  Connection(const std::string& ip, int port, const std::string& from = {})
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    if (!from.empty()) {
      address.sin_family = AF_INET;
      inet_pton(AF_INET, from.c_str(), &address.sin_addr);
      if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return;
    }
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_; }
  int descriptor() const { return fd_; }
  void stop_sending() const { shutdown(fd_, SHUT_WR); }
  void send(const std::string& text) const {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t bytes = ::send(fd_, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (bytes <= 0) return;
      sent += static_cast<std::size_t>(bytes);
    }
  }
  // Until the server closes.
  std::string read_all() const {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t bytes = recv(fd_, buffer.data(), buffer.size(), 0); bytes > 0;
         bytes = recv(fd_, buffer.data(), buffer.size(), 0)) {
      text.append(buffer.data(), static_cast<std::size_t>(bytes));
    }
    return text;
  }
  std::string ask(const std::string& text) const {
    send(text);
    return read_all();
  }

 private:
  int fd_;
  bool connected_ = false;
};

inline int port_of(const std::string& name) {
  return std::stoi(name.substr(name.rfind(':') + 1));
}

}  // namespace syncd::test
