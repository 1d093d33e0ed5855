#include "tests/loopback/bad_certificates.hpp"

#include <utility>

#include <openssl/ssl.h>

namespace syncd::test {

namespace {

Shown signed_by_us(const CertificateSpec& spec, int version_max = 0) {
  return {.identity = make_identity(spec, &authority().root), .version_max = version_max};
}

template <class Change>
Shown changed(Change change) {
  CertificateSpec spec = good_spec();
  change(spec);
  return signed_by_us(spec);
}

Shown with_names(const char* names) {
  return signed_by_us(CertificateSpec{.alternative_names = names});
}

Identity another_root() {
  return make_identity({.common_name = "other root", .rsa_bits = 2048, .authority = true}, nullptr);
}

constexpr BadCertificate all[] = {
    {"expired", "expired", [] { return changed([](auto& spec) { spec.not_after = -60; }); }},
    {"not_yet_valid", "not yet valid", [] { return changed([](auto& spec) { spec.not_before = 3600; }); }},
    {"another_host", "hostname mismatch", [] { return with_names("DNS:other.test.example"); }},
    {"self_signed", "self-signed", [] { return Shown{.identity = make_identity(good_spec(), nullptr)}; }},
    {"unknown_authority", "issuer",
     [] {
       const Identity other = another_root();
       return Shown{.identity = make_identity(good_spec(), &other)};
     }},
    {"unknown_authority_that_is_sent_along", "self-signed",
     [] {
       Identity other = another_root();
       Identity leaf = make_identity(good_spec(), &other);
       return Shown{.identity = std::move(leaf), .sent_along = std::move(other)};
     }},
    {"tls_1_0", "TLS handshake", [] { return signed_by_us(good_spec(), TLS1_VERSION); }},
    {"tls_1_1", "TLS handshake", [] { return signed_by_us(good_spec(), TLS1_1_VERSION); }},
    {"weak_key", "key too weak", [] { return changed([](auto& spec) { spec.rsa_bits = 1024; }); }},
    {"weak_signature", "certificate refused", [] { return changed([](auto& spec) { spec.sha1 = true; }); }},
    {"address_instead_of_name", "hostname mismatch", [] { return with_names("IP:127.0.0.1"); }},
    {"wildcard_for_everything", "hostname mismatch", [] { return with_names("DNS:*"); }},
    {"wildcard_below_the_top", "hostname mismatch", [] { return with_names("DNS:*.example"); },
     "test.example"},
    {"wildcard_for_part_of_a_label", "hostname mismatch", [] { return with_names("DNS:ap*.test.example"); }},
    {"wildcard_for_two_labels", "hostname mismatch", [] { return with_names("DNS:*.test.example"); },
     "a.b.test.example"},
    {"intermediate_that_is_no_authority", "certificate refused",
     [] {
       Identity pretender = make_identity(good_spec(), &authority().root);
       Identity leaf = make_identity(good_spec(), &pretender);
       return Shown{.identity = std::move(leaf), .sent_along = std::move(pretender)};
     }},
    {"for_clients_only", "purpose",
     [] { return changed([](auto& spec) { spec.extended_usage = "clientAuth"; }); }},
};

}  // namespace

ContextPtr make_server_context(const Shown& shown) {
  const bool more = shown.sent_along.certificate != nullptr;
  return make_server_context(
      shown.identity, {.version_max = shown.version_max, .intermediate = more ? &shown.sent_along : nullptr});
}

std::span<const BadCertificate> bad_certificates() {
  return all;
}

}  // namespace syncd::test
