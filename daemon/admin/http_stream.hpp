#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include "daemon/admin/server_tls.hpp"
#include "sync/api/task.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// One accepted connection, plain or under TLS. Every wait is bounded by the deadline that was set last; one
// that has passed fails the wait and closes the socket.
class HttpStream {
 public:
  using Protocol = boost::asio::generic::stream_protocol;  // unix and TCP alike
  using Socket = boost::asio::basic_stream_socket<Protocol, api::IoExecutor>;
  using ErrorCode = boost::system::error_code;
  struct Moved {
    ErrorCode error;
    std::size_t bytes = 0;
  };

  // `tls`: nullptr: plain.
  HttpStream(Socket socket, const ServerTls* tls);
  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  Socket& socket();
  void expires_after(core::Millis limit);
  void expires_never();

  // Before anything else; nothing to do on a plain connection.
  api::Task<ErrorCode> handshake();
  api::Task<Moved> read_some(char* data, std::size_t size);
  // All of both; they must stay where they are until then.
  api::Task<ErrorCode> write(std::string_view head, std::string_view body);
  // Says goodbye, within the deadline. The socket is closed when this object goes.
  api::Task<void> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The address of the other end of a TCP connection, without its port; empty: unknown, or no TCP.
std::string remote_address(int descriptor);
// The other end of a TCP connection sends no more: it has closed it, or only its sending half.
bool has_stopped_sending(int descriptor);

}  // namespace syncd::daemon
