#include "sync/api/tls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <system_error>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <climits>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace syncd::api {

namespace {

// Several records in one recv: pages arrive in full records of 16 KB. Per connection, kept while it lives.
constexpr std::size_t tls_read_buffer_bytes = 64 * 1024;

constexpr const char* tls12_suites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

bool is_peer_gone(int error_number) {
  return error_number == ECONNRESET || error_number == EPIPE || error_number == ECONNABORTED;
}

bool is_try_again(int error_number) {
  return error_number == EAGAIN || error_number == EWOULDBLOCK;
}

IoResult socket_failure(int error_number) {
  return {.step = IoStep::failed,
          .reset = is_peer_gone(error_number),
          .reason = std::generic_category().message(error_number)};
}

// ---- the socket under OpenSSL
// ---------------------------------------------------------------------------------- OpenSSL's own socket BIO
// uses write(), which raises SIGPIPE on a broken connection.

struct BioState {
  int socket = -1;
  int last_errno = 0;
  bool at_end = false;
};

BioState& state_of(BIO* bio) {
  return *static_cast<BioState*>(BIO_get_data(bio));
}

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  BioState& state = state_of(bio);
  for (;;) {
    const ssize_t sent = ::send(state.socket, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<int>(sent);
    if (errno == EINTR) continue;
    if (is_try_again(errno)) {
      BIO_set_retry_write(bio);
    } else {
      state.last_errno = errno;
    }
    return -1;
  }
}

int bio_read(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  BioState& state = state_of(bio);
  for (;;) {
    const ssize_t got = ::recv(state.socket, data, static_cast<std::size_t>(size), 0);
    if (got > 0) return static_cast<int>(got);
    if (got == 0) {
      state.at_end = true;
      return 0;
    }
    if (errno == EINTR) continue;
    if (is_try_again(errno)) {
      BIO_set_retry_read(bio);
    } else {
      state.last_errno = errno;
    }
    return -1;
  }
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return state_of(bio).at_end ? 1 : 0;
  return 0;
}

int bio_destroy(BIO* bio) {
  delete static_cast<BioState*>(BIO_get_data(bio));
  BIO_set_data(bio, nullptr);
  return 1;
}

BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "non-blocking socket");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    BIO_meth_set_destroy(made, bio_destroy);
    return made;
  }();
  return method;
}

BIO* make_bio(int socket) {
  BIO* const bio = BIO_new(bio_method());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, new BioState{.socket = socket});
  BIO_set_init(bio, 1);
  return bio;
}

// The oldest queued error is the cause; the later ones tell how it spread.
std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  const char* const text = ERR_reason_error_string(code);
  return text != nullptr ? text : fmt::format("OpenSSL error {:#x}", code);
}

}  // namespace

IoResult socket_read(int socket, char* data, std::size_t size) {
  for (;;) {
    const ssize_t got = ::recv(socket, data, size, 0);
    if (got > 0) return {.step = IoStep::done, .bytes = static_cast<std::size_t>(got), .reason = {}};
    if (got == 0) return {.step = IoStep::closed, .reason = {}};
    if (errno == EINTR) continue;
    if (is_try_again(errno)) return {.step = IoStep::want_read, .reason = {}};
    return socket_failure(errno);
  }
}

IoResult socket_write(int socket, std::string_view bytes) {
  for (;;) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return {.step = IoStep::done, .bytes = static_cast<std::size_t>(sent), .reason = {}};
    if (errno == EINTR) continue;
    if (is_try_again(errno)) return {.step = IoStep::want_write, .reason = {}};
    return socket_failure(errno);
  }
}

// ---- the context
// -----------------------------------------------------------------------------------------------

struct TlsContext::Impl {
  struct ContextDeleter {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  struct SessionDeleter {
    void operator()(SSL_SESSION* old_session) const { SSL_SESSION_free(old_session); }
  };

  std::unique_ptr<SSL_CTX, ContextDeleter> ctx;
  std::unique_ptr<SSL_SESSION, SessionDeleter> session;  // the newest that the host gave us
  std::string host;
  bool host_is_address = false;

  static int on_new_session(SSL* ssl, SSL_SESSION* fresh) {
    auto* const self = static_cast<Impl*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    self->session.reset(fresh);
    return 1;  // we keep the reference
  }

  core::Result<void> load_authorities(const std::string& ca_file);
  void configure();
};

core::Result<void> TlsContext::Impl::load_authorities(const std::string& ca_file) {
  ERR_clear_error();
  const bool loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(ctx.get()) == 1
                                      : SSL_CTX_load_verify_file(ctx.get(), ca_file.c_str()) == 1;
  if (loaded) return {};
  const std::string reason = openssl_reason();
  if (ca_file.empty()) {
    return core::fail(core::Errc::invalid, "TLS: the system's certificate authorities cannot be loaded (" +
                                               reason + "); install ca-certificates or set upstream.ca_file");
  }
  return core::fail(core::Errc::invalid,
                    "CA file " + ca_file + ": cannot be loaded (" + reason +
                        "); it must be a readable PEM file with at least one certificate");
}

void TlsContext::Impl::configure() {
  SSL_CTX* const raw = ctx.get();
  SSL_CTX_set_security_level(raw, 2);
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(raw, tls12_suites);
  SSL_CTX_set_options(raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(raw, 1);
  SSL_CTX_set_default_read_buffer_len(raw, tls_read_buffer_bytes);
  SSL_CTX_set_app_data(raw, this);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, &Impl::on_new_session);
  constexpr std::array<unsigned char, 9> alpn = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(raw, alpn.data(), alpn.size());
}

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}
TlsContext::~TlsContext() = default;

core::Result<std::unique_ptr<TlsContext>> TlsContext::create(const TlsOptions& options) {
  auto impl = std::make_unique<Impl>();
  impl->ctx.reset(SSL_CTX_new(TLS_client_method()));
  if (!impl->ctx) return core::fail(core::Errc::invalid, "TLS cannot be set up: " + openssl_reason());
  impl->host = options.host;
  boost::system::error_code not_address;
  boost::asio::ip::make_address(options.host, not_address);
  impl->host_is_address = !not_address;
  impl->configure();
  if (auto loaded = impl->load_authorities(options.ca_file); !loaded) return std::unexpected(loaded.error());
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

// ---- one connection
// --------------------------------------------------------------------------------------------

void TlsChannel::SslFree::operator()(SSL* ssl) const {
  SSL_free(ssl);
}

TlsChannel::TlsChannel(TlsContext& context, int socket) : ssl_(SSL_new(context.impl_->ctx.get())) {
  TlsContext::Impl& impl = *context.impl_;
  SSL* const ssl = ssl_.get();
  BIO* const bio = ssl != nullptr ? make_bio(socket) : nullptr;
  if (bio == nullptr) {
    ssl_.reset();  // out of memory; the handshake fails
    return;
  }
  SSL_set_bio(ssl, bio, bio);
  X509_VERIFY_PARAM* const verify = SSL_get0_param(ssl);
  bool named = false;
  if (impl.host_is_address) {
    named = X509_VERIFY_PARAM_set1_ip_asc(verify, impl.host.c_str()) == 1;
  } else {
    // The certificate's alternative names decide; its common name never does.
    X509_VERIFY_PARAM_set_hostflags(
        verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    named = X509_VERIFY_PARAM_set1_host(verify, impl.host.c_str(), impl.host.size()) == 1 &&
            SSL_set_tlsext_host_name(ssl, impl.host.c_str()) == 1;
  }
  if (!named) {
    ssl_.reset();  // never connect without a name to verify
    return;
  }
  if (impl.session) SSL_set_session(ssl, impl.session.get());
  SSL_set_connect_state(ssl);
}

TlsChannel::~TlsChannel() = default;

std::string TlsChannel::failure_reason() {
  const long verdict = SSL_get_verify_result(ssl_.get());
  if (verdict == X509_V_OK) return openssl_reason();
  ERR_clear_error();
  std::string reason = X509_verify_cert_error_string(verdict);
  if (verdict == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
      verdict == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN || verdict == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT) {
    reason += " (for a server with its own authority, set upstream.ca_file)";
  }
  return "certificate refused: " + reason;
}

IoResult TlsChannel::outcome(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  switch (error) {
    case SSL_ERROR_WANT_READ:
      return {.step = IoStep::want_read, .reason = {}};
    case SSL_ERROR_WANT_WRITE:
      return {.step = IoStep::want_write, .reason = {}};
    case SSL_ERROR_ZERO_RETURN:
      return {.step = IoStep::closed, .reason = {}};
    case SSL_ERROR_SYSCALL: {
      ERR_clear_error();
      const int error_number = state_of(SSL_get_rbio(ssl_.get())).last_errno;
      IoResult failure = socket_failure(error_number != 0 ? error_number : ECONNRESET);
      return failure;
    }
    default: {
      const bool truncated = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
      if (truncated) {
        ERR_clear_error();
        return {.step = IoStep::failed,
                .reset = true,
                .reason = "connection cut without the TLS closing message"};
      }
      return {.step = IoStep::failed, .reason = failure_reason()};
    }
  }
}

IoResult TlsChannel::handshake() {
  if (!ssl_) return {.step = IoStep::failed, .reason = "TLS cannot be set up"};
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return {.step = IoStep::done, .reason = {}};
  return outcome(result);
}

IoResult TlsChannel::read(char* data, std::size_t size) {
  ERR_clear_error();
  const int result = SSL_read(ssl_.get(), data, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
  if (result > 0) return {.step = IoStep::done, .bytes = static_cast<std::size_t>(result), .reason = {}};
  return outcome(result);
}

bool TlsChannel::holds_input() const {
  return SSL_has_pending(ssl_.get()) == 1;
}

IoResult TlsChannel::write(std::string_view bytes) {
  ERR_clear_error();
  const int result =
      SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
  if (result > 0) return {.step = IoStep::done, .bytes = static_cast<std::size_t>(result), .reason = {}};
  return outcome(result);
}

void TlsChannel::say_goodbye() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool TlsChannel::resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

}  // namespace syncd::api
