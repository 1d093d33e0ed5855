#pragma once

#include <cstddef>
#include <string_view>
#include <sys/socket.h>

#include <openssl/ssl.h>

// Bytes to and from a blocking socket, through TLS where `ssl` is not null.
namespace syncd::test {

inline bool send_all(int socket, SSL* ssl, std::string_view bytes) {
  while (!bytes.empty()) {
    const long sent = ssl != nullptr ? SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()))
                                     : ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// As recv(2): 0 or less at the end.
inline long receive_some(int socket, SSL* ssl, char* data, std::size_t size) {
  if (ssl != nullptr) return SSL_read(ssl, data, static_cast<int>(size));
  return ::recv(socket, data, size, 0);
}

}  // namespace syncd::test
