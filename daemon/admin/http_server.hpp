#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "daemon/admin/http.hpp"
#include "daemon/admin/server_tls.hpp"
#include "daemon/admin/socket_listener.hpp"
#include "sync/api/timers.hpp"

namespace syncd::daemon {

inline constexpr core::Millis departure_look_every{500};

// Of the admin API: room for an import of a thousand links.
inline constexpr std::uint64_t admin_body_bytes_max = 1024 * 1024;

struct ServerOptions {
  std::size_t connections_max = 64;  // one more is told to come back later
  // TCP: connections of one address, as limit_key() has it, over which nobody has been admitted yet; so that
  // whoever has no token cannot take the place of those who have. 0: as many as there are.
  std::size_t strangers_per_address_max = 0;
  std::uint32_t header_bytes_max = 16 * 1024;
  std::uint64_t body_bytes_max = 64 * 1024;
  // For a whole request, or for the greeting of TLS; also how long a connection may idle.
  core::Millis read_deadline{10'000};
  core::Millis write_deadline{30'000};
  // Who sends more before the answer has come is refused, and the connection closed.
  bool one_at_a_time = false;
  core::Millis stop_write_deadline{1'000};  // for an answer that is still to be sent while the server stops
  // Unix sockets: whether this peer may ask anything; a peer that is not known may not. Empty: everybody.
  std::function<bool(const Peer&)> admits;
  std::shared_ptr<const ServerTls> tls = {};  // null: plain
};

// HTTP/1.1 on one listening socket, plain or under TLS: one request at a time on each connection, strict
// limits, keep-alive. A request whose client has closed its end is cancelled, so that nobody's abandoned wait
// holds a connection; over TCP, where one that only stops sending looks the same, it is noticed once in
// departure_look_every.
//
// Lifecycle: start(), then stop() awaited to its end before destruction. Thread: the io thread.
class HttpServer {
 public:
  // `service` and `timers` outlive it. `on_exception`: a defect, should end the process.
  HttpServer(api::IoExecutor executor, api::Timers& timers, HttpService& service, Listener listener,
             ServerOptions options, std::function<void(std::exception_ptr)> on_exception);
  ~HttpServer();

  void start();
  // Closes the listening socket, cancels requests that wait, and returns when no connection is left.
  api::Task<void> stop();
  const std::string& name() const;
  // That are open.
  std::size_t connections() const;
  // For the connections that come from now on; those that there are keep theirs.
  void set_tls(std::shared_ptr<const ServerTls> tls);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::daemon
