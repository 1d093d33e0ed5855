// Hooks over real HTTP: the server sends what the model tells, and says what became of it.
#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/sandbox/hook_check.hpp"
#include "tests/sandbox/server/server.hpp"

namespace syncd::sandbox::test {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using asio::ip::tcp;

struct Received {
  std::string head;
  std::string body;

  [[nodiscard]] std::string header(std::string_view name) const {
    const auto at = head.find("\r\n" + std::string(name) + ": ");
    return at == std::string::npos
               ? ""
               : head.substr(at + name.size() + 4, head.find("\r\n", at + 2) - at - name.size() - 4);
  }
};

/// One request after the other on a free loopback port; `answer` says with which status each is answered, 0:
/// not at all.
class Receiver {
 public:
  explicit Receiver(std::function<int(std::size_t)> answer)
      : answer_(std::move(answer)),
        acceptor_(io_, {asio::ip::address_v4::loopback(), 0}),
        thread_([this] { run(); }) {}
  ~Receiver() {
    stopping_ = true;
    tcp::socket last(io_);
    boost::system::error_code ignored;
    last.connect(acceptor_.local_endpoint(), ignored);  // wakes accept()
    last.close(ignored);
    thread_.join();
  }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/moneykit?x=1";
  }
  std::vector<Received> received() {
    const std::scoped_lock lock(mutex_);
    return received_;
  }

 private:
  void run() {
    for (std::size_t number = 0; !stopping_;) {
      tcp::socket socket(io_);
      boost::system::error_code ec;
      acceptor_.accept(socket, ec);
      std::string text;
      const std::size_t head = asio::read_until(socket, asio::dynamic_buffer(text), "\r\n\r\n", ec);
      if (ec) {
        continue;
      }
      Received one{text.substr(0, head), text.substr(head)};
      const std::size_t length = std::stoul(one.header("Content-Length"));
      if (one.body.size() < length) {
        asio::read(socket, asio::dynamic_buffer(one.body), asio::transfer_exactly(length - one.body.size()),
                   ec);
      }
      const int status = answer_(number++);
      {
        const std::scoped_lock lock(mutex_);
        received_.push_back(std::move(one));
      }
      if (status != 0) {
        asio::write(socket,
                    asio::buffer("HTTP/1.1 " + std::to_string(status) +
                                 " Text\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"),
                    ec);
      }
    }
  }

  std::function<int(std::size_t)> answer_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<Received> received_;
  std::thread thread_;
};

class RunningSandbox {
 public:
  explicit RunningSandbox(const std::string& webhook, HookOptions hooks = {})
      : sandbox_(options(hooks), 1.0, 0), server_(io_, sandbox_) {
    NewLink link;
    link.webhook = webhook;
    id_ = sandbox_.upstream().add_link(link, sandbox_.now());
    server_.start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningSandbox() {
    asio::post(io_, [this] { server_.stop(); });
    thread_.join();
  }
  /// A control call, made on the server's thread.
  json::value control(const std::string& method, const std::string& target, const std::string& body = "") {
    std::promise<std::string> answer;
    asio::post(io_,
               [&] { answer.set_value(sandbox_.respond({method, "/sandbox/" + target, {}, body}).body); });
    return json::parse(answer.get_future().get());
  }
  std::string key_set() {
    std::promise<std::string> answer;
    asio::post(io_, [&] { answer.set_value(sandbox_.upstream().hooks().keys().key_set()); });
    return answer.get_future().get();
  }
  /// Waits until so many hooks have ended in this way; false after a minute.
  bool ended(std::string_view outcome, std::int64_t count) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    while (std::chrono::steady_clock::now() < until) {
      if (control("GET", "hooks").at("counts").at(outcome).as_int64() >= count) {
        return true;
      }
      std::this_thread::yield();
    }
    return false;
  }
  [[nodiscard]] const std::string& link_id() const { return id_; }
  void send(int count) {
    control("POST", "hooks", R"({"link_id":")" + id_ + R"(","count":)" + std::to_string(count) + "}");
  }

 private:
  static UpstreamOptions options(HookOptions hooks) {
    UpstreamOptions out;
    out.hooks = hooks;
    out.refreshes_kept = 100;
    return out;
  }
  asio::io_context io_{1};
  Sandbox sandbox_;
  Server server_;
  std::string id_;
  std::thread thread_;
};

TEST(HookServer, ArrivesWithASignatureThatHoldsOverTheBytesOnTheWire) {
  Receiver receiver([](std::size_t) { return 204; });
  RunningSandbox sandbox(receiver.url());
  sandbox.send(3);
  ASSERT_TRUE(sandbox.ended("delivered", 3));
  const auto received = receiver.received();
  ASSERT_EQ(received.size(), 3U);
  for (const Received& one : received) {
    EXPECT_TRUE(one.head.starts_with("POST /moneykit?x=1 HTTP/1.1\r\n")) << one.head;
    EXPECT_EQ(one.header("Content-Type"), "application/json");
    EXPECT_EQ(one.header("MoneyKit-Delivery-Attempt"), "1");
    EXPECT_FALSE(one.header("MoneyKit-Delivery-Token").empty());
    const auto checked = check_hook(sandbox.key_set(), one.header("MoneyKit-Signature"), one.body);
    ASSERT_TRUE(checked) << checked.error();
    EXPECT_EQ(json::parse(one.body).at("link_id"), json::string(sandbox.link_id()));
  }
  const json::value listed = sandbox.control("GET", "hooks?limit=1&after=1");
  ASSERT_EQ(listed.at("hooks").as_array().size(), 1U);
  const json::value& hook = listed.at("hooks").as_array().at(0);
  EXPECT_EQ(hook.at("number").as_int64(), 2);
  EXPECT_EQ(hook.at("outcome"), "delivered");
  EXPECT_EQ(hook.at("attempts").as_array().at(0).at("status").as_int64(), 204);
  const json::value whole = sandbox.control("GET", "hooks/2");
  EXPECT_TRUE(check_hook(sandbox.key_set(), std::string_view(whole.at("signature").as_string()),
                         std::string_view(whole.at("body").as_string())));
}

TEST(HookServer, TriesAgainUntilItIsTaken) {
  HookOptions options;
  options.first_retry = Milliseconds{1};
  Receiver receiver([](std::size_t number) { return number == 0 ? 0 : number == 1 ? 500 : 200; });
  RunningSandbox sandbox(receiver.url(), options);
  sandbox.send(1);
  ASSERT_TRUE(sandbox.ended("delivered", 1));
  const auto received = receiver.received();
  ASSERT_EQ(received.size(), 3U);
  EXPECT_EQ(received[2].header("MoneyKit-Delivery-Attempt"), "3");
  EXPECT_EQ(received[0].body, received[2].body);
  EXPECT_EQ(received[0].header("MoneyKit-Signature"), received[2].header("MoneyKit-Signature"));
  const json::value hook = sandbox.control("GET", "hooks/1");
  EXPECT_EQ(hook.at("attempts").as_array().at(0).at("status").as_int64(), 0);
  EXPECT_EQ(hook.at("attempts").as_array().at(1).at("status").as_int64(), 500);
}

TEST(HookServer, GivesUpWhereItMayNotKnock) {
  RunningSandbox sandbox("https://hooks.example.com/x");
  sandbox.send(1);
  ASSERT_TRUE(sandbox.ended("given_up", 1));
  EXPECT_TRUE(
      std::string_view(sandbox.control("GET", "hooks/1").at("problem").as_string()).contains("plain http"));
  for (const std::string_view refused : {"http://10.0.0.1/x", "http://example.com/", "http://127.0.0.1:0/",
                                         "http://127.0.0.1:99999/", "ftp://127.0.0.1/"}) {
    EXPECT_FALSE(hook_target(refused)) << refused;
  }
  const auto v6 = hook_target("http://[::1]:81?a=b");
  ASSERT_TRUE(v6) << v6.error();
  EXPECT_EQ(v6->endpoint.port(), 81);
  EXPECT_EQ(v6->path, "/?a=b");
  EXPECT_EQ(hook_target("http://localhost")->endpoint.port(), 80);
}

TEST(HookServer, OptionsAndKeysChangeWhileItRuns) {
  Receiver receiver([](std::size_t) { return 200; });
  RunningSandbox sandbox(receiver.url());
  EXPECT_EQ(sandbox.control("PATCH", "hooks", R"({"recall_permille":1001})").at("error"),
            "\"recall_permille\" must be an integer from 0 to 1000");
  EXPECT_TRUE(sandbox.control("PATCH", "hooks", R"({"events":"nothing"})").as_object().contains("error"));
  EXPECT_EQ(
      sandbox.control("PATCH", "hooks", R"({"events":"link.state_changed","latency_ms":5})").at("events"),
      "link.state_changed");
  EXPECT_EQ(sandbox.control("POST", "keys/rotate").at("kid"), "sandbox-key-2");
  sandbox.control("POST", "links/" + sandbox.link_id() + "/refresh", R"({"changes":true})");
  sandbox.control("POST", "links/" + sandbox.link_id() + "/reset");
  ASSERT_TRUE(sandbox.ended("delivered", 1));
  EXPECT_EQ(sandbox.control("GET", "hooks").at("hooks").as_array().size(), 1U);
  EXPECT_EQ(sandbox.control("GET", "refreshes").at("refreshes").as_array().size(), 1U);
  EXPECT_TRUE(sandbox.control("DELETE", "hooks").at("ok").as_bool());
  EXPECT_EQ(sandbox.control("GET", "hooks").at("hooks").as_array().size(), 0U);
  EXPECT_TRUE(sandbox.control("POST", "institutions/nobody/refresh-hours", R"({"from":1,"to":2})")
                  .as_object()
                  .contains("error"));
}

TEST(HookServer, AStormArrivesWholeAndOnFewConnections) {
  Receiver receiver([](std::size_t) { return 200; });
  RunningSandbox sandbox(receiver.url());
  sandbox.send(2000);
  ASSERT_TRUE(sandbox.ended("delivered", 2000));
  EXPECT_EQ(receiver.received().size(), 2000U);
  EXPECT_EQ(sandbox.control("GET", "hooks").at("counts").at("waiting").as_int64(), 0);
}

}  // namespace
}  // namespace syncd::sandbox::test
