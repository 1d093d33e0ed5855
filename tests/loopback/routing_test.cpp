#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/loopback/fake_server.hpp"
#include "tests/loopback/http_client.hpp"

namespace syncd::test {
namespace {

using core::Errc;

void expect_refused(const HttpClient::Outcome& outcome, const std::string& why) {
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::transport);
  EXPECT_NE(outcome.error().error.message.find(why), std::string::npos) << outcome.error().error.message;
}

TEST(routing, private_addresses_are_refused_before_connecting) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.allow_private_addresses = false;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    options.url.host = host;
    HttpClient client(options);
    expect_refused(client.get(), "set upstream.allow_private_addresses = true");
  }
  options.url.tls = true;
  for (const char* address : {"10.1.2.3", "169.254.169.254", "::1", "::ffff:192.168.0.1", "fe80::1"}) {
    options.addresses = {address};
    HttpClient client(options);
    expect_refused(client.get(), address);
  }
  EXPECT_EQ(server.connections(), 0U);
}

TEST(routing, plain_http_stays_on_this_machine) {
  api::TransportOptions options = plain_options(1);
  options.addresses = {"10.1.2.3", "1.1.1.1"};
  HttpClient client(options);
  expect_refused(client.get(), "plain http is for loopback");
}

TEST(routing, each_address_is_tried) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.addresses = {"::1", "127.0.0.2", "127.0.0.3", "127.0.0.1"};  // only the last one listens
  HttpClient client(options);
  const auto outcome = client.get();
  EXPECT_TRUE(outcome) << outcome.error().error.message;
}

TEST(routing, a_refused_connection_is_named) {
  std::uint16_t port = 0;
  {
    FakeServer server;
    server.on_connection().serve("");
    port = server.start();
  }
  HttpClient client(plain_options(port));
  expect_refused(client.get(), "connect to 127.0.0.1:" + std::to_string(port) + ": Connection refused");
  EXPECT_EQ(client.transport().stats().open, 0U);
}

TEST(routing, names_are_resolved) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.url.host = "localhost";
  HttpClient client(options);
  const auto outcome = client.get();
  EXPECT_TRUE(outcome) << outcome.error().error.message;
}

TEST(routing, one_question_serves_all_who_wait_and_its_failure_is_told) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.url.host = "localhost";
  const auto questions = std::make_shared<std::atomic<int>>(0);
  options.resolver = [questions](const std::string& host) {
    EXPECT_EQ(host, "localhost");
    api::NameAnswer answer;
    if (++*questions == 1) {
      answer.failure = "the name server is away";
    } else {
      answer.addresses.push_back(boost::asio::ip::make_address("127.0.0.1"));
    }
    return answer;
  };
  HttpClient client(options);
  auto& first = client.start();
  auto& second = client.start();
  for (HttpClient::Pending* one : {&first, &second}) {
    const auto outcome = client.finish(*one);
    ASSERT_FALSE(outcome);
    EXPECT_NE(outcome.error().error.message.find("the name server is away"), std::string::npos);
  }
  EXPECT_TRUE(client.get());
  EXPECT_EQ(*questions, 2);
}

TEST(routing, the_request_is_what_it_should_be) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.url.path = "/base";
  options.user_agent = "tester/1";
  HttpClient client(options);
  ASSERT_TRUE(client.get("/links/a?x=%20"));
  const std::string authority = "127.0.0.1:" + std::to_string(options.url.port);
  EXPECT_EQ(server.requests().at(0),
            "GET /base/links/a?x=%20 HTTP/1.1\r\nHost: " + authority +
                "\r\nUser-Agent: tester/1\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n"
                "X-Client-Secret: hunter2\r\n\r\n");
}

TEST(routing, redirects_are_not_followed) {
  for (const int status : {301, 302, 303, 307, 308}) {
    FakeServer server;
    server.on_connection().serve("HTTP/1.1 " + std::to_string(status) +
                                 " Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
    HttpClient client(plain_options(server.start()));
    const auto outcome = client.get();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->status, status);
    EXPECT_EQ(server.request_count(), 1U);
  }
}

TEST(routing, proxy_variables_are_ignored) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"})
    ::setenv(name, "http://127.0.0.1:1", 1);
  HttpClient client(plain_options(server.start()));
  EXPECT_TRUE(client.get());
  for (const char* name : {"http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"})
    ::unsetenv(name);
}

TEST(routing, control_characters_never_reach_the_wire) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  HttpClient client(plain_options(server.start()));
  for (const char* target : {"/a b", "/a\r\nX: y", "a", "", "/\x7f"}) {
    const auto outcome = client.get(target);
    ASSERT_FALSE(outcome) << target;
    EXPECT_EQ(outcome.error().error.code, Errc::invalid);
  }
  EXPECT_EQ(server.request_count(), 0U);
}

}  // namespace
}  // namespace syncd::test
