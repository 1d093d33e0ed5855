#include "tests/sandbox/server/server.hpp"

#include <thread>

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

namespace syncd::sandbox::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A server on a free loopback port with its own thread; stopped and joined by the destructor.
class RunningServer {
 public:
  RunningServer() : sandbox_(options(), 1.0, 0), server_(io_, sandbox_) {
    id_ = sandbox_.upstream().add_link({}, sandbox_.now());
    endpoint_ = server_.listen({asio::ip::address_v4::loopback(), 0}, nullptr);
    server_.start();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningServer() { stop(); }

  void stop() {
    if (thread_.joinable()) {
      asio::post(io_, [this] { server_.stop(); });
      thread_.join();
    }
  }
  [[nodiscard]] const tcp::endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] const std::string& link_id() const { return id_; }

 private:
  static UpstreamOptions options() {
    UpstreamOptions out;
    out.budgets = Budgets::unlimited();
    return out;
  }
  asio::io_context io_{1};
  Sandbox sandbox_;
  Server server_;
  std::string id_;
  tcp::endpoint endpoint_;
  std::thread thread_;
};

struct Answer {
  std::string head;
  std::string body;
  std::size_t declared = 0;
  boost::system::error_code ec;
};

class Client {
 public:
  explicit Client(const tcp::endpoint& endpoint) { socket_.connect(endpoint); }

  void send(const std::string& method, const std::string& target, const std::string& body = "") {
    const UpstreamOptions defaults;
    asio::write(socket_,
                asio::buffer(method + " " + target + " HTTP/1.1\r\nHost: test\r\nX-Client-Id: " +
                             defaults.client_id + "\r\nX-Client-Secret: " + defaults.client_secret +
                             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body));
  }
  Answer receive() {
    Answer answer;
    const std::size_t head =
        asio::read_until(socket_, asio::dynamic_buffer(received_), "\r\n\r\n", answer.ec);
    if (answer.ec) {
      return answer;
    }
    answer.head = received_.substr(0, head);
    received_.erase(0, head);
    const auto at = answer.head.find("Content-Length: ");
    answer.declared = at == std::string::npos ? 0 : std::stoul(answer.head.substr(at + 16));
    if (received_.size() < answer.declared) {
      asio::read(socket_, asio::dynamic_buffer(received_),
                 asio::transfer_exactly(answer.declared - received_.size()), answer.ec);
    }
    answer.body = received_.substr(0, answer.declared);
    received_.erase(0, answer.declared);
    return answer;
  }
  Answer call(const std::string& method, const std::string& target, const std::string& body = "") {
    send(method, target, body);
    return receive();
  }

 private:
  asio::io_context io_{1};
  tcp::socket socket_{io_};
  std::string received_;
};

TEST(Server, KeepsTheConnectionForManyRequests) {
  RunningServer server;
  Client client(server.endpoint());
  for (int i = 0; i < 50; ++i) {
    const Answer answer = client.call("GET", "/links/" + server.link_id());
    ASSERT_FALSE(answer.ec);
    EXPECT_TRUE(answer.head.starts_with("HTTP/1.1 200 OK\r\n")) << answer.head;
    EXPECT_TRUE(answer.body.contains(server.link_id()));
  }
  EXPECT_TRUE(client.call("DELETE", "/links/" + server.link_id()).head.starts_with("HTTP/1.1 204 "));
  EXPECT_TRUE(client.call("GET", "/nothing").head.starts_with("HTTP/1.1 404 "));
}

TEST(Server, ControlMovesTheBanks) {
  RunningServer server;
  Client client(server.endpoint());
  const std::string link = "/sandbox/links/" + server.link_id();
  EXPECT_EQ(client.call("POST", link + "/reset").body, R"({"ok":true})");
  EXPECT_TRUE(
      client.call("GET", "/sandbox/links").body.contains(R"("state":"error","error_code":"auth_expired")"));
  EXPECT_TRUE(client.call("POST", link + "/relink", R"({"username":"user_good","password":"no"})")
                  .head.contains(" 403 "));
  EXPECT_EQ(client.call("POST", link + "/relink", R"({"username":"user_good","password":"pass_good"})").body,
            R"({"ok":true})");
  EXPECT_TRUE(client.call("GET", link + "/truth").body.contains(R"("state":"connected")"));
  EXPECT_TRUE(client.call("POST", "/sandbox/links", R"({"count":3,"institution_id":"chase"})")
                  .head.contains(" 201 "));
  EXPECT_TRUE(client.call("GET", "/sandbox/links").body.starts_with(R"({"total":4,)"));
  EXPECT_TRUE(
      client.call("PUT", "/sandbox/faults", R"([{"fault":"nonsense"}])").body.contains("names no fault"));
  EXPECT_TRUE(client.call("PATCH", "/sandbox/switches", R"({"nulls":"sometimes"})").head.contains(" 400 "));
  EXPECT_TRUE(client.call("POST", "/sandbox/clock/advance", R"({"seconds":-1})").head.contains(" 400 "));
  EXPECT_TRUE(client.call("POST", link + "/state", R"({"stat":"error"})").body.contains("is not known here"));
  EXPECT_TRUE(client.call("POST", link + "/state", "[1]").head.contains(" 400 "));
  EXPECT_TRUE(client.call("GET", "/sandbox/nothing").head.contains(" 404 "));
  EXPECT_TRUE(client.call("GET", "/sandbox/statistics").body.contains(R"("requests":0)"))
      << "control calls are not counted";
}

TEST(Server, ControlRefusesWhatItCannotMean) {
  RunningServer server;
  Client client(server.endpoint());
  const std::string link = "/sandbox/links/" + server.link_id();
  struct Case {
    const char* method;
    std::string target;
    const char* body;
    const char* complaint;
  };
  const Case cases[] = {
      {"POST", "/sandbox/links", R"({"count":"3"})", "\\\"count\\\" must be an integer"},
      {"POST", "/sandbox/links", R"({"count":0})", "\\\"count\\\" must be an integer from 1 to"},
      {"POST", "/sandbox/links", R"({"accounts":13})", "\\\"accounts\\\" must be an integer from 0 to 12"},
      {"POST", "/sandbox/links", R"({"transactions_product":1})",
       "\\\"transactions_product\\\" must be true or"},
      {"POST", "/sandbox/links", R"({"webhook":false})", "\\\"webhook\\\" must be a string"},
      {"POST", "/sandbox/links", R"({"state":"error"})", "\\\"error_code\\\" is missing"},
      {"GET", "/sandbox/links?from=x", "", "must be whole numbers"},
      {"POST", link + "/state", R"({"state":"error","error_code":7})", "\\\"error_code\\\" must be a string"},
      {"POST", link + "/refresh", R"({"changes":"yes"})", "\\\"changes\\\" must be true or false"},
      {"POST", link + "/relink", R"({"new_accounts":"yes"})", "\\\"new_accounts\\\" must be true or false"},
      {"POST", "/sandbox/clock/advance", R"({"seconds":1.5})", "\\\"seconds\\\" must be an integer"},
      {"POST", "/sandbox/credentials", "{}", "\\\"client_secret\\\" is missing or empty"},
      {"POST", "/sandbox/credentials", "", "\\\"client_secret\\\" is missing or empty"},
      {"PUT", "/sandbox/recorded", "{}", "\\\"keep\\\" must be an integer from 0"},
      {"PUT", "/sandbox/budgets", R"({"sync":{"per_link":"9"}})",
       "\\\"sync\\\": \\\"per_link\\\" must be an integer"},
      {"PUT", "/sandbox/budgets", R"({"sync":{"per_links":9}})", "\\\"per_links\\\" is not known here"},
      {"PUT", "/sandbox/budgets", R"({"unlimited":1})", "\\\"unlimited\\\" must be true or false"},
  };
  for (const Case& test : cases) {
    const Answer answer = client.call(test.method, test.target, test.body);
    EXPECT_TRUE(answer.head.contains(" 400 ")) << test.target << test.body << answer.head;
    EXPECT_TRUE(answer.body.contains(test.complaint)) << answer.body;
  }
  EXPECT_TRUE(client.call("POST", "/sandbox/institutions/no_bank/outage").head.contains(" 404 "));
  EXPECT_TRUE(client.call("GET", "/sandbox/links").body.starts_with(R"({"total":1,)")) << "nothing was done";
  EXPECT_TRUE(client.call("GET", "/links/" + server.link_id()).head.contains(" 200 "))
      << "the secret is the same";
}

TEST(Server, RecordsBodiesByteForByte) {
  RunningServer server;
  Client client(server.endpoint());
  client.call("PUT", "/sandbox/recorded", R"({"keep":2})");
  client.call("GET", "/links");
  const Answer link = client.call("GET", "/links/" + server.link_id());
  const Answer accounts = client.call("GET", "/links/" + server.link_id() + "/accounts");
  EXPECT_FALSE(client.call("GET", "/sandbox/recorded").body.contains(R"("number":1,)"));
  EXPECT_EQ(client.call("GET", "/sandbox/recorded/2").body, link.body);
  EXPECT_EQ(client.call("GET", "/sandbox/recorded/3").body, accounts.body);
}

TEST(Server, CarriesOutTransportFaults) {
  RunningServer server;
  Client control(server.endpoint());
  const auto ask = [&](const std::string& rule) {
    EXPECT_TRUE(control.call("PUT", "/sandbox/faults", "[" + rule + "]").head.contains(" 200 "));
    Client client(server.endpoint());
    return client.call("GET", "/links/" + server.link_id());
  };
  EXPECT_EQ(ask(R"({"fault":"reset","count":1})").ec, asio::error::connection_reset);
  EXPECT_EQ(ask(R"({"fault":"close","count":1})").ec, asio::error::eof);
  const Answer cut = ask(R"({"fault":"cut","at_byte":10,"count":1})");
  EXPECT_EQ(cut.ec, asio::error::eof);
  EXPECT_GT(cut.declared, 10U);
  EXPECT_EQ(cut.body.size(), 10U);
  const Answer slow = ask(R"({"fault":"slow","bytes_per_second":40000,"count":1})");
  EXPECT_FALSE(slow.ec);
  EXPECT_TRUE(slow.body.contains(server.link_id()));
  EXPECT_TRUE(ask(R"({"fault":"latency","delay_ms":1,"count":1})").head.contains(" 200 "));
}

TEST(Server, StopsWithConnectionsOpenAndAnswersDelayed) {
  RunningServer server;
  Client idle(server.endpoint());
  Client waiting(server.endpoint());
  EXPECT_TRUE(idle.call("PUT", "/sandbox/faults", R"([{"fault":"latency","delay_ms":86400000}])")
                  .head.contains(" 200 "));
  waiting.send("GET", "/links");
  while (!idle.call("GET", "/sandbox/faults").body.contains("[1]")) {
  }
  server.stop();  // the test hangs here, and times out, if the delay is waited for
  EXPECT_TRUE(waiting.receive().ec);
}

}  // namespace
}  // namespace syncd::sandbox::test
