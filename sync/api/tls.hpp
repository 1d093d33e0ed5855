#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/types.h>

#include "sync/core/result.hpp"

namespace syncd::api {

// What a step on a non-blocking connection came to.
enum class IoStep : unsigned char {
  done,        // `bytes` were moved, or the handshake is complete
  want_read,   // try again when the socket is readable
  want_write,  // try again when the socket is writable
  closed,      // the peer ended the connection in order (TLS: with close_notify)
  failed,      // reset, truncated or a TLS failure; the connection is of no more use
};
struct IoResult {
  IoStep step = IoStep::done;
  std::size_t bytes = 0;
  bool reset = false;  // `failed`: the peer vanished (reset, broken pipe, end without close_notify)
  std::string reason;  // `failed`: for people
};

// recv and send on a non-blocking socket; a broken pipe is an error, not a signal.
IoResult socket_read(int socket, char* data, std::size_t size);
IoResult socket_write(int socket, std::string_view bytes);

struct TlsOptions {
  std::string host;     // name or address that the certificate must be for
  std::string ca_file;  // PEM; empty: the system's authorities
};

// How every connection to one host is secured: TLS 1.2 or later, AEAD suites, security level 2 (no RSA below
// 2048 bits, no SHA-1), chain and name verified, no renegotiation, sessions resumed. There is no way to
// switch verification off.
//
// Outlives its channels.
class TlsContext {
 public:
  // Errc::invalid when the authorities cannot be read.
  static core::Result<std::unique_ptr<TlsContext>> create(const TlsOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsChannel;
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The TLS client on one connected non-blocking socket, which it does not own.
class TlsChannel {
 public:
  TlsChannel(TlsContext& context, int socket);
  ~TlsChannel();
  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;

  // Until done or failed. A failure names the certificate's fault where there is one.
  IoResult handshake();
  IoResult read(char* data, std::size_t size);
  // Bytes from the socket, decrypted or not, that no read has used yet.
  bool holds_input() const;
  // After want_read or want_write: again with the same bytes.
  IoResult write(std::string_view bytes);
  // Tells the peer, best effort, and lets the session be resumed.
  void say_goodbye();
  bool resumed() const;

 private:
  IoResult outcome(int result);
  std::string failure_reason();

  struct SslFree {
    void operator()(SSL* ssl) const;
  };
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace syncd::api
