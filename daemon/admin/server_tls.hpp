#pragma once

#include <memory>
#include <string>

#include <openssl/types.h>

#include "sync/api/secret.hpp"
#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// How a TLS listener of ours is secured: TLS 1.2 or later, AEAD suites, security level 2, HTTP/1.1 alone, no
// renegotiation, no compression, no sessions to resume. Shared by its connections, on any thread.
class ServerTls {
 public:
  // `certificate_file`: PEM, our certificate first, then those between it and its authority. `key`: PEM,
  // without a passphrase; `key_place` names it for people. Errc::invalid, with the cause and what to do, also
  // when the two do not belong together and when the certificate is not valid at `now`.
  static core::Result<std::shared_ptr<const ServerTls>> create(const std::string& certificate_file,
                                                               const api::Secret& key,
                                                               const std::string& key_place,
                                                               core::WallTime now);
  ~ServerTls();
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  // When the certificate ends to be valid.
  core::WallTime expires_at() const;
  // The server's side of one connection, which the caller frees; nullptr: no memory.
  SSL* new_session() const;

 private:
  struct Impl;
  explicit ServerTls(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::daemon
