#include "tests/loopback/tls_rig.hpp"

#include <gtest/gtest.h>

namespace syncd::test {

api::TransportOptions tls_options(std::uint16_t port, const std::string& name) {
  api::TransportOptions options = plain_options(port);
  options.url.tls = true;
  options.url.host = name;
  options.addresses = {"127.0.0.1"};
  options.ca_file = authority().file;
  return options;
}

HttpClient::Outcome ask_server(SSL_CTX* server_tls, const std::string& name) {
  FakeServer server(server_tls);
  server.on_connection().serve(json_answer("{}"));
  HttpClient client(tls_options(server.start(), name));
  HttpClient::Outcome outcome = client.get();
  if (!outcome) {
    EXPECT_EQ(server.request_count(), 0U) << "credentials were sent to a server that is not trusted";
    EXPECT_EQ(client.transport().stats().open, 0U);
  }
  return outcome;
}

HttpClient::Outcome ask(const Identity& identity, const ServerTls& server_tls, const std::string& name) {
  const ContextPtr context = make_server_context(identity, server_tls);
  return ask_server(context.get(), name);
}

HttpClient::Outcome ask(const CertificateSpec& spec, const ServerTls& server_tls, const std::string& name) {
  const Identity identity = make_identity(spec, &authority().root);
  return ask(identity, server_tls, name);
}

void expect_refused(const HttpClient::Outcome& outcome, const std::string& why) {
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().error.code, core::Errc::transport);
  EXPECT_NE(outcome.error().error.message.find(why), std::string::npos) << outcome.error().error.message;
}

void expect_accepted(const HttpClient::Outcome& outcome) {
  ASSERT_TRUE(outcome) << outcome.error().error.message;
  EXPECT_EQ(outcome->body, "{}");
}

}  // namespace syncd::test
