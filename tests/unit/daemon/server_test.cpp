#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <future>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/admin/http_server.hpp"
#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"
#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {

using daemon::HttpRequest;
using daemon::HttpResponse;
using daemon::Listener;
using testing::HasSubstr;

namespace {

// Answers with what it was asked; `/wait` waits until it is cancelled.
class Echo final : public daemon::HttpService {
 public:
  explicit Echo(api::Timers& timers) : timers_(timers) {}
  api::Task<HttpResponse> handle(HttpRequest request) override {
    if (request.target == "/wait") {
      waiting.set_value();
      const api::SteadyTime never = timers_.steady_now() + std::chrono::hours(1);
      co_await timers_.sleep_until(never);
    }
    HttpResponse response;
    response.content_type = "text/plain";
    response.body = request.method + " " + request.target + " " + std::to_string(request.body.size()) + " " +
                    (request.peer ? std::to_string(request.peer->uid) : "none");
    co_return response;
  }
  std::promise<void> waiting;

 private:
  api::Timers& timers_;
};

// A server on its own thread.
class Running {
 public:
  Running(Listener listener, daemon::ServerOptions options)
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
  Connection(const std::string& ip, int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return connected_; }
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

int port_of(const std::string& name) {
  return std::stoi(name.substr(name.rfind(':') + 1));
}

}  // namespace

TEST(HttpServer, AnswersOnAUnixSocketAndKnowsThePeer) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0660U);
  const std::string answer = Connection(path).ask("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nGET /x 0 " + std::to_string(getuid())));
  EXPECT_THAT(answer, HasSubstr("Cache-Control: no-store\r\n"));
  const std::string head = Connection(path).ask("HEAD /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(head, testing::EndsWith("\r\n\r\n"));
}

TEST(HttpServer, KeepsTheConnectionAndAnswersInOrder) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  const std::string answer = Connection(path).ask(
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
      "POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::size_t first = answer.find("POST /1 3");
  const std::size_t second = answer.find("POST /2 2");
  const std::size_t third = answer.find("GET /3 0");
  ASSERT_NE(third, std::string::npos) << answer;
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
}

TEST(HttpServer, RefusesWhatIsTooLargeOrNotHttp) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  struct Case {
    std::string request;
    const char* status;
  };
  const Case cases[] = {
      {"nonsense\r\n\r\n", "400"},
      {"GET / HTTP/3.0\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
      {"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
      {"GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "431"},
      {"POST / HTTP/1.1\r\nContent-Length: 70000\r\n\r\n", "413"},
  };
  for (const Case& test : cases) {
    EXPECT_THAT(Connection(path).ask(test.request),
                testing::StartsWith(std::string("HTTP/1.1 ") + test.status))
        << test.request.substr(0, 80);
  }
}

TEST(HttpServer, TellsOneConnectionTooManyToComeBack) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  daemon::ServerOptions options;
  options.connections_max = 1;
  Running running(*daemon::listen_unix(path, ""), options);
  const Connection first(path);
  first.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  running.echo.waiting.get_future().wait();
  EXPECT_THAT(Connection(path).read_all(), testing::StartsWith("HTTP/1.1 503 "));
}

TEST(HttpServer, StopEndsALongPollWithAnAnswer) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  Running running(*daemon::listen_unix(path, ""), {});
  const Connection waiting(path);
  waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  const Connection idle(path);
  running.echo.waiting.get_future().wait();
  running.stop();
  EXPECT_THAT(waiting.read_all(), HasSubstr("GET /wait"));
  EXPECT_EQ(idle.read_all(), "");
}

TEST(HttpServer, OverTcpRefusesForeignPagesAndHosts) {
  auto listener = daemon::listen_tcp({.address = "127.0.0.1", .port = 0});
  ASSERT_TRUE(listener);
  const int port = port_of(listener->name());
  daemon::ServerOptions options;
  options.hosts = {"127.0.0.1", "localhost"};
  Running running(std::move(*listener), options);
  const auto ask = [&](const std::string& headers) {
    return Connection("127.0.0.1", port)
        .ask("GET /x HTTP/1.1\r\n" + headers + "Connection: close\r\n\r\n")
        .substr(9, 3);
  };
  EXPECT_EQ(ask("Host: 127.0.0.1:" + std::to_string(port) + "\r\n"), "200");
  EXPECT_EQ(ask("Host: localhost\r\n"), "200");
  EXPECT_EQ(ask("Host: evil.example\r\n"), "403");
  EXPECT_EQ(ask("Host: localhost.evil.example\r\n"), "403");
  EXPECT_EQ(ask(""), "403");
  EXPECT_EQ(ask("Host: localhost\r\nHost: localhost\r\n"), "403");
  EXPECT_EQ(ask("Host: localhost\r\nOrigin: http://evil.example\r\n"), "403");
}

TEST(Listener, ReplacesTheFileOfADeadSocketOnly) {
  const ScratchDirectory scratch;
  const std::string path = scratch.path("admin.sock");
  {
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    close(dead);
  }
  auto listener = daemon::listen_unix(path, "");
  ASSERT_TRUE(listener) << listener.error().message;
  const auto second = daemon::listen_unix(path, "");
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another process answers on it"));
  {
    const Listener gone = std::move(*listener);
  }
  struct stat status{};
  EXPECT_NE(stat(path.c_str(), &status), 0) << "the file is removed at the end";

  scratch.write("admin.sock", "precious");
  const auto file = daemon::listen_unix(path, "");
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("no socket"));
  EXPECT_EQ(stat(path.c_str(), &status), 0);

  const auto nowhere = daemon::listen_unix(scratch.path("none/admin.sock"), "");
  ASSERT_FALSE(nowhere);
  EXPECT_THAT(nowhere.error().message, HasSubstr("the directory must exist"));
}

TEST(Listener, SaysWhenTheGroupDoesNotExist) {
  const ScratchDirectory scratch;
  const auto listener = daemon::listen_unix(scratch.path("admin.sock"), "no-such-group-here");
  ASSERT_TRUE(listener);
  EXPECT_THAT(listener->warning(), HasSubstr("no-such-group-here does not exist"));
}

}  // namespace syncd::test
