#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "tests/loopback/fake_server.hpp"
#include "tests/loopback/full_listener.hpp"
#include "tests/loopback/http_client.hpp"

namespace syncd::test {
namespace {

using core::Errc;
using std::chrono::milliseconds;

void expect_timeout(const HttpClient::Outcome& outcome, const std::string& phase) {
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::timeout) << outcome.error().error.message;
  EXPECT_NE(outcome.error().error.message.find(phase), std::string::npos) << outcome.error().error.message;
  EXPECT_FALSE(outcome.error().connection_was_stale);
}

TEST(deadline, no_first_byte) {
  FakeServer server;
  server.on_connection().read_request().wait_for_close();
  api::TransportOptions options = plain_options(server.start());
  options.deadlines.first_byte = milliseconds(10);
  HttpClient client(options);
  expect_timeout(client.get(), "no answer within 10 ms");
  EXPECT_EQ(client.transport().stats().open, 0U);
}

TEST(deadline, an_answer_that_never_ends) {
  FakeServer server;
  server.on_connection().read_request().send("HTTP/1.1 200 OK\r\nContent-Le").wait_for_close();
  api::TransportOptions options = plain_options(server.start());
  options.deadlines.response = milliseconds(20);
  HttpClient client(options);
  // If the machine stalls for 20 ms before the first byte, that deadline is the one to be met.
  const auto outcome = client.get();
  expect_timeout(outcome, "within");
}

TEST(deadline, a_body_that_trickles) {
  FakeServer server;
  server.on_connection()
      .read_request()
      .send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst bytes")
      .wait_for_close();
  api::TransportOptions options = plain_options(server.start());
  options.deadlines.rate_grace = milliseconds(5);
  options.deadlines.bytes_per_second_min = 1'000'000'000;
  HttpClient client(options);
  expect_timeout(client.get(), "slower than");
}

TEST(deadline, connect_into_a_black_hole) {
  const FullListener listener;
  api::TransportOptions options = plain_options(listener.port());
  options.deadlines.connect = milliseconds(30);
  HttpClient client(options);
  expect_timeout(client.get(), "connect to 127.0.0.1");
  EXPECT_EQ(client.transport().stats().open, 0U);
}

TEST(deadline, a_request_that_nobody_reads) {
  FakeServer server;
  server.on_connection().wait_for_gate();
  api::TransportOptions options = plain_options(server.start());
  options.deadlines.first_byte = milliseconds(30);
  HttpClient client(options);
  // Larger than the buffers of both sockets together.
  expect_timeout(client.get("/" + std::string(32 * 1024 * 1024, 'a')), "request to");
  EXPECT_EQ(client.transport().stats().open, 0U);
}

TEST(deadline, no_free_connection) {
  FakeServer server;
  server.on_connection().read_request().wait_for_gate().send(json_answer("{}")).wait_for_close();
  api::TransportOptions options = plain_options(server.start());
  options.connections_max = 1;
  options.deadlines.queue = milliseconds(10);
  HttpClient client(options);
  auto& first = client.start();
  auto& second = client.start();
  expect_timeout(client.finish(second), "wait for a connection");
  EXPECT_FALSE(first.outcome);
  EXPECT_EQ(client.transport().stats().waiting, 0U);
  server.open_gate();
  EXPECT_TRUE(client.finish(first));
}

TEST(deadline, an_idle_connection_is_closed) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.deadlines.idle = milliseconds(5);
  HttpClient client(options);
  EXPECT_TRUE(client.get());
  client.run_until([&] { return client.transport().stats().open == 0; });
  client.run_until([&] { return server.finished() == 1; });
  EXPECT_TRUE(client.get());
}

TEST(deadline, an_old_connection_is_not_kept) {
  FakeServer server;
  server.on_connection().serve(json_answer("{}"));
  api::TransportOptions options = plain_options(server.start());
  options.deadlines.age = milliseconds(-1);
  HttpClient client(options);
  EXPECT_TRUE(client.get());
  EXPECT_EQ(client.transport().stats().open, 0U);
  EXPECT_TRUE(client.get());
  EXPECT_EQ(server.connections(), 2U);
}

}  // namespace
}  // namespace syncd::test
