#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <openssl/types.h>

namespace syncd::test {

struct X509Free {
  void operator()(X509* certificate) const;
};
struct KeyFree {
  void operator()(EVP_PKEY* key) const;
};
struct ContextFree {
  void operator()(SSL_CTX* context) const;
};
using ContextPtr = std::unique_ptr<SSL_CTX, ContextFree>;

// A certificate and its key, made on the spot.
struct Identity {
  std::unique_ptr<X509, X509Free> certificate;
  std::unique_ptr<EVP_PKEY, KeyFree> key;
};

struct CertificateSpec {
  std::string common_name = "test";
  std::string alternative_names = {};  // OpenSSL's syntax: DNS:a.example,IP:127.0.0.1; empty: none
  long not_before = -86'400;           // seconds from now
  long not_after = 86'400;
  int rsa_bits = 0;  // 0: an elliptic curve (P-256)
  bool authority = false;
  std::string extended_usage = "serverAuth";  // empty: none
  bool sha1 = false;
};

// `issuer`: nullptr signs itself.
Identity make_identity(const CertificateSpec& spec, const Identity* issuer);

// Writes the certificate as PEM.
void write_pem(const Identity& identity, const std::filesystem::path& path);
// Its private key, as PEM; with a passphrase if there is one.
std::string key_pem(const Identity& identity, const std::string& passphrase = {});

struct ServerTls {
  int version_max = 0;                     // 0: any; else for instance TLS1_1_VERSION
  std::string tls12_suites = {};           // empty: OpenSSL's choice
  const Identity* intermediate = nullptr;  // sent along
};
// A server context that would accept anything: the client has to do the refusing.
ContextPtr make_server_context(const Identity& identity, const ServerTls& options = {});

}  // namespace syncd::test
