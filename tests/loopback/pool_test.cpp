#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/loopback/fake_server.hpp"
#include "tests/loopback/http_client.hpp"

namespace syncd::test {
namespace {

using core::Errc;

std::vector<std::string> targets_of(const FakeServer& server) {
  std::vector<std::string> targets;
  for (const std::string& request : server.requests())
    targets.push_back(request.substr(4, request.find(' ', 4) - 4));
  return targets;
}

TEST(pool, a_connection_serves_one_request_after_another) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  HttpClient client(plain_options(server.start()));
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(client.get());
  EXPECT_EQ(server.connections(), 1U);
  const api::TransportStats stats = client.transport().stats();
  EXPECT_EQ(stats.created, 1U);
  EXPECT_EQ(stats.reused, 4U);
  EXPECT_EQ(stats.open, 1U);
  EXPECT_EQ(stats.idle, 1U);
}

TEST(pool, opens_no_more_than_allowed) {
  FakeServer server;
  server.on_connection().read_request().wait_for_gate().send(json_answer("{}")).serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.connections_max = 2;
  HttpClient client(options);
  std::vector<HttpClient::Pending*> pending;
  for (int i = 0; i < 10; ++i)
    pending.push_back(&client.start());
  client.run_until([&] { return server.request_count() == 2; });
  EXPECT_EQ(client.transport().stats().open, 2U);
  EXPECT_EQ(client.transport().stats().waiting, 8U);
  server.open_gate();
  for (HttpClient::Pending* one : pending)
    EXPECT_TRUE(client.finish(*one));
  EXPECT_EQ(server.connections(), 2U);
  EXPECT_EQ(client.transport().stats().waiting, 0U);
}

TEST(pool, first_come_first_served) {
  FakeServer server;
  server.on_connection().read_request().wait_for_gate().send(json_answer("{}")).serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.connections_max = 1;
  HttpClient client(options);
  client.start("/a");
  client.start("/b");
  auto& left = client.start("/left");
  auto& last = client.start("/c");
  client.run_until([&] { return server.request_count() == 1; });
  left.cancel();
  const auto outcome = client.finish(left);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::cancelled);
  server.open_gate();
  EXPECT_TRUE(client.finish(last));
  EXPECT_EQ(targets_of(server), (std::vector<std::string>{"/a", "/b", "/c"}));
}

TEST(pool, a_failed_connection_makes_room_for_the_next_in_line) {
  FakeServer server;
  server.on_connection().read_request().wait_for_gate();
  server.on_connection().serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.connections_max = 1;
  HttpClient client(options);
  auto& first = client.start("/a");
  auto& second = client.start("/b");
  client.run_until([&] { return server.request_count() == 1; });
  server.open_gate();
  EXPECT_FALSE(client.finish(first));
  EXPECT_TRUE(client.finish(second));
}

TEST(pool, connection_close_is_obeyed) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}", "Connection: close\r\n"));
  HttpClient client(plain_options(server.start()));
  EXPECT_TRUE(client.get());
  EXPECT_EQ(client.transport().stats().open, 0U);
  EXPECT_TRUE(client.get());
  EXPECT_EQ(server.connections(), 2U);
}

TEST(pool, a_kept_connection_that_the_server_closes_is_noticed_at_once) {
  FakeServer server;
  server.on_connection().read_request().send(json_answer("{}"));
  HttpClient client(plain_options(server.start()));
  ASSERT_TRUE(client.get());
  client.run_until([&] { return client.transport().stats().open == 0; });
  EXPECT_EQ(client.transport().stats().stale, 1U);
  EXPECT_TRUE(client.get());
}

TEST(pool, bytes_that_nobody_asked_for_are_never_an_answer) {
  FakeServer server;
  server.on_connection()
      .read_request()
      .send(json_answer("\"asked\""))
      .wait_for_gate()
      .send(json_answer("\"smuggled\""))
      .wait_for_close();
  server.on_connection().serve(json_answer("\"fresh\""));
  HttpClient client(plain_options(server.start()));
  ASSERT_TRUE(client.get());
  server.open_gate();
  client.run_until([&] { return client.transport().stats().open == 0; });
  const auto next = client.get();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body, "\"fresh\"");
}

TEST(pool, a_kept_connection_closed_under_the_request_is_called_stale) {
  for (const bool reset : {false, true}) {
    FakeServer server;
    Script& script = server.on_connection().read_request().send(json_answer("{}")).read_request();
    if (reset) script.reset();
    HttpClient client(plain_options(server.start()));
    ASSERT_TRUE(client.get());
    const auto outcome = client.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().error.code, Errc::transport);
    EXPECT_TRUE(outcome.error().connection_was_stale);
    EXPECT_EQ(client.transport().stats().open, 0U);
  }
}

TEST(pool, a_fresh_connection_closed_under_the_request_is_not_called_stale) {
  FakeServer server;
  server.on_connection().read_request();
  HttpClient client(plain_options(server.start()));
  const auto outcome = client.get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::transport);
  EXPECT_FALSE(outcome.error().connection_was_stale);
}

TEST(pool, one_stale_connection_condemns_the_other_idle_ones) {
  FakeServer server;
  server.on_connection().read_request().wait_for_gate().send(json_answer("{}")).read_request();
  HttpClient client(plain_options(server.start()));
  auto& first = client.start();
  auto& second = client.start();
  client.run_until([&] { return server.request_count() == 2; });
  server.open_gate();
  EXPECT_TRUE(client.finish(first));
  EXPECT_TRUE(client.finish(second));
  client.run_until([&] { return client.transport().stats().idle == 2; });
  const auto outcome = client.get();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().connection_was_stale);
  EXPECT_EQ(client.transport().stats().open, 0U);
}

TEST(pool, after_shutdown_nothing_is_sent) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  HttpClient client(plain_options(server.start()));
  EXPECT_TRUE(client.get());
  client.transport().shutdown();
  EXPECT_EQ(client.transport().stats().open, 0U);
  const auto outcome = client.get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::cancelled);
  EXPECT_EQ(server.request_count(), 1U);
}

}  // namespace
}  // namespace syncd::test
