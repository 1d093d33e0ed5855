#include "tests/loopback/tls_rig.hpp"

#include <cstdlib>

#include <gtest/gtest.h>

namespace syncd::test {

Authority::Authority()
    : root(make_identity({.common_name = "root", .rsa_bits = 2048, .authority = true}, nullptr)) {
  std::string pattern = testing::TempDir() + "tls-XXXXXX";
  directory_ = ::mkdtemp(pattern.data());
  file = directory_ / "root.pem";
  write_pem(root, file);
}

Authority::~Authority() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

const Authority& authority() {
  static const Authority instance;
  return instance;
}

api::TransportOptions tls_options(std::uint16_t port, const std::string& name) {
  api::TransportOptions options = plain_options(port);
  options.url.tls = true;
  options.url.host = name;
  options.addresses = {"127.0.0.1"};
  options.ca_file = authority().file;
  return options;
}

CertificateSpec good_spec() {
  return {.alternative_names = std::string("DNS:") + host};
}

HttpClient::Outcome ask(const Identity& identity, const ServerTls& server_tls, const std::string& name) {
  const ContextPtr context = make_server_context(identity, server_tls);
  FakeServer server(context.get());
  server.on_connection().serve(json_answer("{}"));
  HttpClient client(tls_options(server.start(), name));
  HttpClient::Outcome outcome = client.get();
  if (!outcome) {
    EXPECT_EQ(server.request_count(), 0U) << "credentials were sent to a server that is not trusted";
    EXPECT_EQ(client.transport().stats().open, 0U);
  }
  return outcome;
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
