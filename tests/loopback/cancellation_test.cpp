#include <atomic>
#include <future>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/loopback/fake_server.hpp"
#include "tests/loopback/full_listener.hpp"
#include "tests/loopback/http_client.hpp"

namespace syncd::test {
namespace {

using core::Errc;

void expect_cancelled(const HttpClient::Outcome& outcome) {
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::cancelled) << outcome.error().error.message;
  EXPECT_FALSE(outcome.error().connection_was_stale);
}

TEST(cancellation, while_connecting) {
  const FullListener listener;
  HttpClient client(plain_options(listener.port()));
  auto& pending = client.start();
  client.run_ready();
  pending.cancel();
  expect_cancelled(client.finish(pending));
  EXPECT_EQ(client.transport().stats().open, 0U);
}

TEST(cancellation, while_resolving) {
  api::TransportOptions options = plain_options(1);
  options.url.host = "localhost";
  HttpClient client(options);
  auto& pending = client.start();
  pending.cancel();
  expect_cancelled(client.finish(pending));
  EXPECT_EQ(client.transport().stats().open, 0U);
}

// The question that nobody can interrupt, as in an outage of DNS.
struct DeafNameServer {
  std::atomic<bool> asked = false;
  std::promise<void> answer;
};

TEST(cancellation, a_stop_does_not_wait_for_name_resolution) {
  const auto names = std::make_shared<DeafNameServer>();
  api::TransportOptions options = plain_options(1);
  options.url.host = "bank.example";
  options.resolver = [names](const std::string&) {
    names->asked = true;
    names->answer.get_future().wait();
    return api::NameAnswer{};
  };
  {
    HttpClient client(options);
    auto& pending = client.start();
    client.run_until([&] { return names->asked.load(); });
    pending.cancel();
    expect_cancelled(client.finish(pending));
  }  // the event loop has run out of work, the question is still under way
  names->answer.set_value();
}

TEST(cancellation, while_sending) {
  FakeServer server;
  server.on_connection().wait_for_gate();
  HttpClient client(plain_options(server.start()));
  auto& pending = client.start("/" + std::string(32 * 1024 * 1024, 'a'));
  client.run_until([&] { return client.transport().stats().created == 1; });
  client.run_ready();
  pending.cancel();
  expect_cancelled(client.finish(pending));
  EXPECT_EQ(client.transport().stats().open, 0U);
}

TEST(cancellation, before_the_first_byte) {
  FakeServer server;
  server.on_connection().read_request().wait_for_close();
  HttpClient client(plain_options(server.start()));
  auto& pending = client.start();
  client.run_until([&] { return server.request_count() == 1; });
  pending.cancel();
  expect_cancelled(client.finish(pending));
  EXPECT_EQ(client.transport().stats().open, 0U);
  // The connection is closed for the server, too.
  client.run_until([&] { return server.finished() == 1; });
}

TEST(cancellation, in_the_middle_of_the_body) {
  FakeServer server;
  server.on_connection()
      .read_request()
      .send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
      .wait_for_gate();
  HttpClient client(plain_options(server.start()));
  auto& pending = client.start();
  client.run_until([&] { return server.request_count() == 1; });
  client.run_ready();
  pending.cancel();
  expect_cancelled(client.finish(pending));
  EXPECT_EQ(client.transport().stats().open, 0U);
}

// Wherever the task is when it is told to stop: it ends with a whole answer or as cancelled, and leaves
// nothing behind that would disturb the next request.
TEST(cancellation, after_any_number_of_steps) {
  FakeServer server;
  server.on_connection().serve(json_answer("\"whole\""));
  api::TransportOptions options = plain_options(server.start());
  options.connections_max = 2;
  options.url.host = "localhost";
  HttpClient client(options);
  for (int steps = 0; steps < 200; ++steps) {
    auto& first = client.start();
    auto& second = client.start();
    auto& third = client.start();
    for (int i = 0; i < steps % 25; ++i)
      client.run_ready();
    second.cancel();
    if (steps % 2 == 0) first.cancel();
    for (HttpClient::Pending* one : {&first, &second, &third}) {
      const auto outcome = client.finish(*one);
      if (outcome) {
        EXPECT_EQ(outcome->body, "\"whole\"");
      } else {
        EXPECT_EQ(outcome.error().error.code, Errc::cancelled) << outcome.error().error.message;
        EXPECT_NE(one, &third);
      }
    }
    EXPECT_EQ(client.transport().stats().waiting, 0U);
    EXPECT_LE(client.transport().stats().open, 2U);
    EXPECT_EQ(client.transport().stats().open, client.transport().stats().idle);
  }
}

}  // namespace
}  // namespace syncd::test
