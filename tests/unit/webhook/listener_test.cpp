#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "daemon/webhook/receiver.hpp"
#include "tests/unit/daemon/server_rig.hpp"
#include "tests/unit/webhook/signer.hpp"

// The receiver behind a real listener: what may come over the wire that is no webhook.
namespace syncd::test {
namespace {

using namespace std::chrono_literals;

core::WallTime wall_now() {
  return std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
}

// The daemon's part of it, without an engine.
class Listening {
 public:
  explicit Listening(core::Millis deadline = 10s) {
    auto listener = daemon::listen_tcp({.address = "127.0.0.1", .port = 0});
    EXPECT_TRUE(listener);
    daemon::ServerOptions options;
    options.read_deadline = deadline;
    options.one_at_a_time = true;
    server.emplace(io.get_executor(), timers, receiver, std::move(*listener), std::move(options),
                   Running::rethrow);
    port = port_of(server->name());
    keys.start();
    server->start();
    thread = std::thread([this] { io.run(); });
  }
  ~Listening() {
    boost::asio::post(io, [this] { group.spawn(stop()); });
    thread.join();
  }

  // What the server says until it closes.
  std::string ask(const std::string& text) const { return Connection("127.0.0.1", port).ask(text); }

  std::string post(const std::string& body, const std::string& signature,
                   const std::string& headers = "Connection: close\r\n") const {
    return "POST /webhook HTTP/1.1\r\nHost: hooks.example.com\r\nMoneyKit-Signature: " + signature +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           headers + "\r\n" + body;
  }
  std::string good(const std::string& headers = "Connection: close\r\n") const {
    const std::string body = hook_body("mk_1", "k1");
    return post(body, signer.token(body, wall_now()), headers);
  }

  HookSigner signer;
  boost::asio::io_context io{1};
  engine::SystemTimers timers{io.get_executor()};
  std::atomic<int> hints = 0;
  int port = 0;

 private:
  api::Task<core::Result<core::KeySetAnswer>> fetch() { co_return core::parse_key_set(key_set_of(signer)); }
  api::Task<core::Result<core::HintOutcome>> hint() {
    ++hints;
    co_return core::HintOutcome::accepted;
  }
  api::Task<void> stop() {
    co_await keys.stop();
    co_await server->stop();
  }

  daemon::KeyKeeper keys{timers, io.get_executor(), [this] { return fetch(); }, {}, Running::rethrow};
  daemon::WebhookReceiver receiver{
      {.timers = timers,
       .keys = keys,
       .hint = [this](core::LinkId, core::Digest) { return hint(); },
       .report = [](const daemon::HookReport&) {}},
      {.path = "/webhook", .issuer = "https://api.moneykit.com", .per_second_max = 100'000}};
  std::optional<daemon::HttpServer> server;
  engine::TaskGroup group{io.get_executor(), Running::rethrow};
  std::thread thread;
};

std::string status_of(const std::string& answer) {
  return answer.substr(0, answer.find('\r'));
}

TEST(WebhookListener, TakesAWebhook) {
  const Listening listening;
  const std::string answer = listening.ask(listening.good());
  EXPECT_EQ(status_of(answer), "HTTP/1.1 200 OK") << answer;
  EXPECT_EQ(listening.hints, 1);
}

TEST(WebhookListener, TakesOneAfterTheOtherOnOneConnection) {
  const Listening listening;
  const Connection connection("127.0.0.1", listening.port);
  connection.send(listening.good("Connection: keep-alive\r\n"));
  std::string first(12, '\0');
  ASSERT_EQ(recv(connection.descriptor(), first.data(), first.size(), MSG_WAITALL), 12);
  EXPECT_EQ(first, "HTTP/1.1 200");
  EXPECT_NE(connection.ask(listening.good()).find("HTTP/1.1 200 OK"), std::string::npos);
  EXPECT_EQ(listening.hints, 2);
}

TEST(WebhookListener, WhatIsOddIsAnsweredOnceAndTheConnectionClosed) {
  const Listening listening;
  const std::string good = listening.good("Connection: keep-alive\r\n");
  const std::string body = hook_body("mk_1", "k1");
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::pair<std::string, std::string> odd[] = {
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
      {"\x16\x03\x01\x02\x01\x01", "400"},  // TLS
      {replaced("POST", "GET"), "405"},
      {replaced("POST", "DELETE"), "405"},
      {replaced("/webhook", "/v1/links"), "404"},
      {replaced("/webhook", "http://evil.example/webhook"), "404"},
      {replaced("HTTP/1.1", "HTTP/3.0"), "400"},
      {replaced("MoneyKit-Signature: ", "MoneyKit-Signature: x"), "400"},
      {replaced("MoneyKit-Signature", "Money-Signature"), "400"},
      {replaced("Content-Type", "MoneyKit-Signature: x\r\nContent-Type"), "400"},
      {replaced("Content-Type", "Content-Length: 1\r\nContent-Type"), "400"},
      {replaced("Content-Type", "Transfer-Encoding: chunked\r\nContent-Type"), "400"},
      {listening.post(std::string(65 * 1024, 'x'), "a.b.c", ""), "413"},
      {"POST /webhook HTTP/1.1\r\nHost: a\r\nX: " + std::string(20 * 1024, 'x') + "\r\n\r\n", "431"},
      {good + good, "400"},  // the second before the first is answered
  };
  const int before = listening.hints;
  for (const auto& [text, status] : odd) {
    const std::string answer = listening.ask(text);
    EXPECT_EQ(status_of(answer).substr(9, 3), status) << text.substr(0, 300) << "\n" << answer;
    EXPECT_EQ(answer.find("HTTP/1.1 ", 1), std::string::npos) << "one answer only: " << answer;
  }
  EXPECT_EQ(listening.hints, before);
}

TEST(WebhookListener, WhoIsSlowIsClosed) {
  const Listening listening(200ms);
  const std::string good = listening.good();
  for (const std::size_t sent : {std::size_t{0}, std::size_t{20}, good.size() - 1}) {
    const Connection connection("127.0.0.1", listening.port);
    connection.send(good.substr(0, sent));
    EXPECT_EQ(connection.read_all(), "") << sent;
  }
  EXPECT_EQ(listening.hints, 0);
}

TEST(WebhookListener, ABodyOfTheLargestSizeIsRead) {
  const Listening listening;
  std::string body = hook_body("mk_1", "k1");
  body.insert(1, R"("padding":")" + std::string(64 * 1024 - body.size() - 13, 'x') + R"(",)");
  ASSERT_EQ(body.size(), 64u * 1024);
  const std::string answer = listening.ask(listening.post(body, listening.signer.token(body, wall_now())));
  EXPECT_EQ(status_of(answer), "HTTP/1.1 200 OK") << answer;
}

}  // namespace
}  // namespace syncd::test
