#include <string>

#include <gtest/gtest.h>

#include "tests/loopback/bad_certificates.hpp"
#include "tests/loopback/tls_rig.hpp"

// The good certificate and the bad ones.
namespace syncd::test {
namespace {

class tls_matrix : public testing::TestWithParam<BadCertificate> {};

TEST(tls_good, certificate_is_accepted) {
  expect_accepted(ask(good_spec()));
}

TEST_P(tls_matrix, is_refused) {
  const Shown shown = GetParam().show();
  const ContextPtr context = make_server_context(shown);
  expect_refused(ask_server(context.get(), GetParam().host), GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(bad, tls_matrix,
                         testing::ValuesIn(bad_certificates().begin(), bad_certificates().end()),
                         [](const testing::TestParamInfo<BadCertificate>& info) {
                           return std::string(info.param.name);
                         });

// The handshake is good and the answer incomplete: the end of the stream is not the end of the answer.
TEST(tls_matrix_end, truncated_answer_is_refused) {
  const Identity identity = make_identity(good_spec(), &authority().root);
  const ContextPtr context = make_server_context(identity, {});
  FakeServer server(context.get());
  const std::string answer = json_answer("{}");
  server.on_connection().read_request().send(answer.substr(0, answer.size() - 1));
  HttpClient client(tls_options(server.start()));
  expect_refused(client.get(), "");
}

}  // namespace
}  // namespace syncd::test
