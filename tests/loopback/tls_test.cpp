#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/loopback/tls_rig.hpp"

namespace syncd::test {
namespace {

using core::Errc;

// ---- accepted
// --------------------------------------------------------------------------------------------------

TEST(tls_accepts, tls_1_2_with_an_aead_suite) {
  expect_accepted(ask(good_spec(), {.version_max = TLS1_2_VERSION}));
}

TEST(tls_accepts, a_wildcard_for_one_label) {
  expect_accepted(ask({.alternative_names = "DNS:*.test.example"}));
}

TEST(tls_accepts, an_address_that_the_certificate_names) {
  expect_accepted(ask({.alternative_names = "IP:127.0.0.1"}, {}, "127.0.0.1"));
}

TEST(tls_accepts, a_chain_with_an_intermediate) {
  const Identity intermediate =
      make_identity({.common_name = "intermediate", .rsa_bits = 2048, .authority = true}, &authority().root);
  const Identity leaf = make_identity(good_spec(), &intermediate);
  expect_accepted(ask(leaf, {.intermediate = &intermediate}));
}

// ---- refused
// ---------------------------------------------------------------------------------------------------

TEST(tls_refuses, a_name_in_the_common_name_only) {
  expect_refused(ask({.common_name = host}), "hostname mismatch");
}

TEST(tls_refuses, a_name_instead_of_the_address) {
  expect_refused(ask({.alternative_names = "DNS:127.0.0.1"}, {}, "127.0.0.1"), "IP address mismatch");
}

TEST(tls_refuses, a_wildcard_for_the_bare_domain) {
  expect_refused(ask({.alternative_names = "DNS:*.test.example"}, {}, "test.example"), "hostname mismatch");
}

TEST(tls_refuses, tls_1_2_without_an_aead_suite) {
  const ServerTls server{.version_max = TLS1_2_VERSION, .tls12_suites = "ECDHE-ECDSA-AES128-SHA256"};
  expect_refused(ask(good_spec(), server), "TLS handshake");
}

TEST(tls_refuses, a_server_that_speaks_plain_http) {
  FakeServer server;
  server.on_connection().send(json_answer("{}")).wait_for_close();
  HttpClient client(tls_options(server.start()));
  expect_refused(client.get(), "TLS handshake");
}

TEST(tls_refuses, authorities_that_cannot_be_read) {
  boost::asio::io_context io;
  api::TransportOptions options = tls_options(1);
  options.ca_file = "/nonexistent/ca.pem";
  const auto transport = api::HttpsTransport::create(io, options);
  ASSERT_FALSE(transport);
  EXPECT_EQ(transport.error().code, Errc::invalid);
  EXPECT_NE(transport.error().message.find("/nonexistent/ca.pem"), std::string::npos);
}

// ---- the connection
// --------------------------------------------------------------------------------------------

class TlsConnection : public testing::TestWithParam<int> {
 protected:
  Identity identity_ = make_identity(good_spec(), &authority().root);
  ContextPtr context_ = make_server_context(identity_, {.version_max = GetParam()});
  FakeServer server_{context_.get()};
};

TEST_P(TlsConnection, is_kept) {
  server_.on_connection().serve(json_answer("{}"));
  HttpClient client(tls_options(server_.start()));
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(client.get());
  EXPECT_EQ(server_.connections(), 1U);
  EXPECT_EQ(client.transport().stats().reused, 4U);
}

TEST_P(TlsConnection, resumes_the_session) {
  server_.on_connection().serve(json_answer("{}", "Connection: close\r\n"));
  HttpClient client(tls_options(server_.start()));
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(client.get());
  EXPECT_EQ(server_.connections(), 3U);
  EXPECT_EQ(client.transport().stats().tls_resumed, 2U);
}

TEST_P(TlsConnection, carries_large_bodies) {
  std::string body;
  while (body.size() < 3'000'000)
    body += std::to_string(body.size()) + ' ';
  server_.on_connection().serve(json_answer(body));
  HttpClient client(tls_options(server_.start()));
  for (int i = 0; i < 2; ++i) {
    const auto outcome = client.get();
    ASSERT_TRUE(outcome) << outcome.error().error.message;
    EXPECT_EQ(outcome->body, body);
  }
}

TEST_P(TlsConnection, cut_in_the_middle_is_an_error) {
  const std::string whole = json_answer("hello");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Script& script = server_.on_connection().read_request();
    if (size > 0) script.send(whole.substr(0, size));
    if (size % 2 == 0) script.close_orderly();
  }
  HttpClient client(tls_options(server_.start()));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto outcome = client.get();
    ASSERT_FALSE(outcome) << "cut at " << size;
    EXPECT_EQ(outcome.error().error.code, Errc::transport);
    EXPECT_EQ(client.transport().stats().open, 0U);
  }
}

TEST_P(TlsConnection, cut_behind_a_complete_answer_does_no_harm) {
  server_.on_connection().read_request().send(json_answer("{}"));
  HttpClient client(tls_options(server_.start()));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.get());
    client.run_until([&] { return client.transport().stats().open == 0; });
  }
}

TEST_P(TlsConnection, closed_while_idle_is_noticed) {
  server_.on_connection().read_request().send(json_answer("{}")).close_orderly();
  HttpClient client(tls_options(server_.start()));
  ASSERT_TRUE(client.get());
  client.run_until([&] { return client.transport().stats().open == 0; });
  EXPECT_TRUE(client.get());
}

TEST_P(TlsConnection, bytes_that_nobody_asked_for_are_never_an_answer) {
  server_.on_connection()
      .read_request()
      .send(json_answer("\"asked\""))
      .wait_for_gate()
      .send(json_answer("\"smuggled\""))
      .wait_for_close();
  server_.on_connection().serve(json_answer("\"fresh\""));
  HttpClient client(tls_options(server_.start()));
  ASSERT_TRUE(client.get());
  server_.open_gate();
  client.run_until([&] { return client.transport().stats().open == 0; });
  const auto next = client.get();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body, "\"fresh\"");
}

TEST_P(TlsConnection, surplus_bytes_are_refused) {
  server_.on_connection().read_request().send(json_answer("{}") + "x").wait_for_close();
  HttpClient client(tls_options(server_.start()));
  const auto outcome = client.get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::server);
}

TEST_P(TlsConnection, closed_under_the_request_is_called_stale) {
  server_.on_connection().read_request().send(json_answer("{}")).read_request();
  HttpClient client(tls_options(server_.start()));
  ASSERT_TRUE(client.get());
  const auto outcome = client.get();
  ASSERT_FALSE(outcome);
  EXPECT_TRUE(outcome.error().connection_was_stale);
}

TEST_P(TlsConnection, handshake_has_a_deadline) {
  server_.on_connection().no_handshake().wait_for_gate();
  api::TransportOptions options = tls_options(server_.start());
  options.deadlines.tls = std::chrono::milliseconds(20);
  HttpClient client(options);
  const auto outcome = client.get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::timeout);
  EXPECT_NE(outcome.error().error.message.find("TLS handshake"), std::string::npos);
}

TEST_P(TlsConnection, handshake_can_be_cancelled) {
  server_.on_connection().no_handshake().wait_for_gate();
  HttpClient client(tls_options(server_.start()));
  auto& pending = client.start();
  client.run_until([&] { return server_.connections() == 1; });
  client.run_ready();
  pending.cancel();
  const auto outcome = client.finish(pending);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, Errc::cancelled);
  EXPECT_EQ(client.transport().stats().open, 0U);
}

INSTANTIATE_TEST_SUITE_P(versions, TlsConnection, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const testing::TestParamInfo<int>& info) {
                           return info.param == TLS1_2_VERSION ? std::string("tls_1_2")
                                                               : std::string("tls_1_3");
                         });

}  // namespace
}  // namespace syncd::test
