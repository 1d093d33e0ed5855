#include "daemon/admin/server_tls.hpp"

#include <chrono>
#include <ctime>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace syncd::daemon {

namespace {

constexpr const char* tls12_suites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr std::string_view http11 = "\x08http/1.1";

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// The oldest queued error is the cause; the later ones tell how it spread.
std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text != nullptr ? text : "no reason given";
}

std::unexpected<core::Error> refuse(std::string message) {
  return core::fail(core::Errc::invalid, std::move(message));
}

// Who speaks only something else than HTTP/1.1 is refused.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(http11.data()),
                            static_cast<unsigned int>(http11.size()), offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Nobody is there to type it.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::string date_of(const ASN1_TIME* time) {
  const std::unique_ptr<BIO, Free> bio{BIO_new(BIO_s_mem())};
  if (!bio || ASN1_TIME_print(bio.get(), time) != 1) return "an unknown time";
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

struct ServerTls::Impl {
  std::unique_ptr<SSL_CTX, Free> ctx;

  void configure();
  core::Result<void> load_certificate(const std::string& file);
  core::Result<void> load_key(const api::Secret& key, const std::string& place);
  core::Result<void> check_validity(const std::string& file, core::WallTime now) const;
};

void ServerTls::Impl::configure() {
  SSL_CTX* const raw = ctx.get();
  SSL_CTX_set_security_level(raw, 2);
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(raw, tls12_suites);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                               SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(
      raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
}

core::Result<void> ServerTls::Impl::load_certificate(const std::string& file) {
  if (SSL_CTX_use_certificate_chain_file(ctx.get(), file.c_str()) == 1) return {};
  return refuse(fmt::format(
      "TLS certificate {}: cannot be loaded ({}); it must be a readable PEM file with our certificate first",
      file, openssl_reason()));
}

core::Result<void> ServerTls::Impl::load_key(const api::Secret& key, const std::string& place) {
  const std::string_view text = key.reveal();
  const std::unique_ptr<BIO, Free> bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
  const std::unique_ptr<EVP_PKEY, Free> parsed{
      bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr};
  if (!parsed) {
    ERR_clear_error();
    return refuse(fmt::format(
        "TLS key {}: is no private key in PEM form without a passphrase; check that it is the right file",
        place));
  }
  if (SSL_CTX_use_PrivateKey(ctx.get(), parsed.get()) == 1 && SSL_CTX_check_private_key(ctx.get()) == 1)
    return {};
  return refuse(
      fmt::format("TLS key {}: does not belong to the certificate ({}); name the two that were made together",
                  place, openssl_reason()));
}

core::Result<void> ServerTls::Impl::check_validity(const std::string& file, core::WallTime now) const {
  const X509* const certificate = SSL_CTX_get0_certificate(ctx.get());
  std::time_t seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (X509_cmp_time(X509_get0_notAfter(certificate), &seconds) <= 0) {
    return refuse(fmt::format("TLS certificate {}: it expired at {}; renew it", file,
                              date_of(X509_get0_notAfter(certificate))));
  }
  if (X509_cmp_time(X509_get0_notBefore(certificate), &seconds) > 0) {
    return refuse(
        fmt::format("TLS certificate {}: it is not valid before {}; check the clock, or name another", file,
                    date_of(X509_get0_notBefore(certificate))));
  }
  return {};
}

ServerTls::ServerTls(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}
ServerTls::~ServerTls() = default;

core::Result<std::shared_ptr<const ServerTls>> ServerTls::create(const std::string& certificate_file,
                                                                 const api::Secret& key,
                                                                 const std::string& key_place,
                                                                 core::WallTime now) {
  ERR_clear_error();
  auto impl = std::make_unique<Impl>();
  impl->ctx.reset(SSL_CTX_new(TLS_server_method()));
  if (!impl->ctx) return refuse("TLS cannot be set up: " + openssl_reason());
  impl->configure();
  if (auto loaded = impl->load_certificate(certificate_file); !loaded) return std::unexpected(loaded.error());
  if (auto loaded = impl->load_key(key, key_place); !loaded) return std::unexpected(loaded.error());
  if (auto valid = impl->check_validity(certificate_file, now); !valid) return std::unexpected(valid.error());
  return std::shared_ptr<const ServerTls>(new ServerTls(std::move(impl)));
}

core::WallTime ServerTls::expires_at() const {
  std::tm end{};
  const X509* const certificate = SSL_CTX_get0_certificate(impl_->ctx.get());
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) return {};
  return core::WallTime{std::chrono::seconds(timegm(&end))};
}

SSL* ServerTls::new_session() const {
  return SSL_new(impl_->ctx.get());
}

}  // namespace syncd::daemon
