#include <string>

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include "tests/loopback/tls_rig.hpp"

// The good certificate and the bad ones, each of which is good but for one thing. A certificate that was
// revoked is not among them: the client asks for no status, and nobody else tells it.
namespace syncd::test {
namespace {

struct BadCase {
  const char* name;
  const char* why;  // part of what is said
  HttpClient::Outcome (*ask)();
};

template <class Change>
CertificateSpec changed(Change change) {
  CertificateSpec spec = good_spec();
  change(spec);
  return spec;
}

HttpClient::Outcome with_names(const char* names) {
  return ask(CertificateSpec{.alternative_names = names});
}

// The handshake is good and the answer incomplete: the end of the stream is not the end of the answer.
HttpClient::Outcome truncated() {
  const Identity identity = make_identity(good_spec(), &authority().root);
  const ContextPtr context = make_server_context(identity, {});
  FakeServer server(context.get());
  const std::string answer = json_answer("{}");
  server.on_connection().read_request().send(answer.substr(0, answer.size() - 1));
  HttpClient client(tls_options(server.start()));
  return client.get();
}

constexpr BadCase bad_cases[] = {
    {"expired", "expired", [] { return ask(changed([](auto& spec) { spec.not_after = -60; })); }},
    {"not_yet_valid", "not yet valid",
     [] { return ask(changed([](auto& spec) { spec.not_before = 3600; })); }},
    {"another_host", "hostname mismatch", [] { return with_names("DNS:other.test.example"); }},
    {"self_signed", "self-signed", [] { return ask(make_identity(good_spec(), nullptr)); }},
    {"unknown_authority", "issuer",
     [] {
       const Identity other =
           make_identity({.common_name = "other root", .rsa_bits = 2048, .authority = true}, nullptr);
       return ask(make_identity(good_spec(), &other));
     }},
    {"unknown_authority_that_is_sent_along", "self-signed",
     [] {
       const Identity other =
           make_identity({.common_name = "other root", .rsa_bits = 2048, .authority = true}, nullptr);
       return ask(make_identity(good_spec(), &other), {.intermediate = &other});
     }},
    {"tls_1_0", "TLS handshake", [] { return ask(good_spec(), {.version_max = TLS1_VERSION}); }},
    {"tls_1_1", "TLS handshake", [] { return ask(good_spec(), {.version_max = TLS1_1_VERSION}); }},
    {"weak_key", "key too weak", [] { return ask(changed([](auto& spec) { spec.rsa_bits = 1024; })); }},
    {"weak_signature", "certificate refused",
     [] { return ask(changed([](auto& spec) { spec.sha1 = true; })); }},
    {"address_instead_of_name", "hostname mismatch", [] { return with_names("IP:127.0.0.1"); }},
    {"wildcard_for_everything", "hostname mismatch", [] { return with_names("DNS:*"); }},
    {"wildcard_below_the_top", "hostname mismatch",
     [] { return ask(CertificateSpec{.alternative_names = "DNS:*.example"}, {}, "test.example"); }},
    {"wildcard_for_part_of_a_label", "hostname mismatch", [] { return with_names("DNS:ap*.test.example"); }},
    {"wildcard_for_two_labels", "hostname mismatch",
     [] { return ask(CertificateSpec{.alternative_names = "DNS:*.test.example"}, {}, "a.b.test.example"); }},
    {"intermediate_that_is_no_authority", "certificate refused",
     [] {
       const Identity pretender = make_identity(good_spec(), &authority().root);
       return ask(make_identity(good_spec(), &pretender), {.intermediate = &pretender});
     }},
    {"for_clients_only", "purpose",
     [] { return ask(changed([](auto& spec) { spec.extended_usage = "clientAuth"; })); }},
    {"truncated", "", truncated},
};

class tls_matrix : public testing::TestWithParam<BadCase> {};

TEST(tls_good, certificate_is_accepted) {
  expect_accepted(ask(good_spec()));
}

TEST_P(tls_matrix, is_refused) {
  expect_refused(GetParam().ask(), GetParam().why);
}

INSTANTIATE_TEST_SUITE_P(bad, tls_matrix, testing::ValuesIn(bad_cases),
                         [](const testing::TestParamInfo<BadCase>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace syncd::test
