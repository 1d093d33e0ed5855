#include "tests/loopback/certificates.hpp"

#include <atomic>
#include <cstdio>
#include <stdexcept>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace syncd::test {

namespace {

void check(bool good, const char* doing) {
  if (!good) throw std::runtime_error(std::string("cannot ") + doing);
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  check(extension != nullptr, "make an extension");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

void X509Free::operator()(X509* certificate) const {
  X509_free(certificate);
}
void KeyFree::operator()(EVP_PKEY* key) const {
  EVP_PKEY_free(key);
}
void ContextFree::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

Identity make_identity(const CertificateSpec& spec, const Identity* issuer) {
  static std::atomic<long> serial = 1000;
  Identity made;
  made.key.reset(spec.rsa_bits != 0 ? EVP_RSA_gen(static_cast<unsigned>(spec.rsa_bits))
                                    : EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  check(made.key && made.certificate, "make a key");
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), spec.not_before);
  X509_gmtime_adj(X509_getm_notAfter(certificate), spec.not_after);
  X509_set_pubkey(certificate, made.key.get());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL wants unsigned characters
  const auto* const name = reinterpret_cast<const unsigned char*>(spec.common_name.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, name, -1, -1, 0);
  X509* const signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  add_extension(certificate, signer, NID_basic_constraints,
                spec.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(
      certificate, signer, NID_key_usage,
      spec.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature,keyEncipherment");
  if (!spec.alternative_names.empty()) {
    add_extension(certificate, signer, NID_subject_alt_name, spec.alternative_names);
  }
  if (!spec.authority && !spec.extended_usage.empty()) {
    add_extension(certificate, signer, NID_ext_key_usage, spec.extended_usage);
  }
  EVP_PKEY* const signing_key = issuer != nullptr ? issuer->key.get() : made.key.get();
  check(X509_sign(certificate, signing_key, spec.sha1 ? EVP_sha1() : EVP_sha256()) > 0, "sign a certificate");
  return made;
}

void write_pem(const Identity& identity, const std::filesystem::path& path) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  check(file != nullptr, "open a file for a certificate");
  const int written = PEM_write_X509(file, identity.certificate.get());
  std::fclose(file);
  check(written == 1, "write a certificate");
}

std::string key_pem(const Identity& identity, const std::string& passphrase) {
  BIO* const bio = BIO_new(BIO_s_mem());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL wants unsigned characters
  const auto* const secret = reinterpret_cast<const unsigned char*>(passphrase.data());
  check(PEM_write_bio_PrivateKey(bio, identity.key.get(), passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
                                 secret, static_cast<int>(passphrase.size()), nullptr, nullptr) == 1,
        "write a key");
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

ContextPtr make_server_context(const Identity& identity, const ServerTls& options) {
  ContextPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = made.get();
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  if (options.version_max != 0) SSL_CTX_set_max_proto_version(context, options.version_max);
  if (!options.tls12_suites.empty()) {
    check(SSL_CTX_set_cipher_list(context, options.tls12_suites.c_str()) == 1, "set suites");
  }
  check(SSL_CTX_use_certificate(context, identity.certificate.get()) == 1, "use a certificate");
  check(SSL_CTX_use_PrivateKey(context, identity.key.get()) == 1, "use a key");
  if (options.intermediate != nullptr) {
    X509* const intermediate = options.intermediate->certificate.get();
    X509_up_ref(intermediate);
    check(SSL_CTX_add_extra_chain_cert(context, intermediate) == 1, "add a certificate");
  }
  return made;
}

}  // namespace syncd::test
