#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "sync/api/http_response.hpp"
#include "sync/api/task.hpp"
#include "sync/api/tls.hpp"
#include "sync/api/transport.hpp"
#include "sync/api/wake_slot.hpp"

namespace syncd::api {

using TransportClock = std::chrono::steady_clock;
class ConnectionPool;

// One connection of the pool: a socket, TLS over it when the URL asks for it, and the one task that uses it.
//
// The socket is watched for input from the end of one answer to the end of the next, idle time included. So
// an idle connection notices at once when the peer closes it or sends what nobody asked for, and a request
// needs one system call less than a fresh wait would.
class Connection final : public ReadyConnection, public std::enable_shared_from_this<Connection> {
 public:
  enum class Phase : unsigned char { fresh, resolving, connecting, handshake, busy, idle, closed };
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, IoExecutor>;

  Connection(IoExecutor executor, ConnectionPool& pool, const ResponseLimits& limits);

  Phase phase = Phase::fresh;
  ResponseReader reader;
  std::string out;             // the request; holds credentials until it is sent
  std::uint64_t requests = 0;  // served before the present one
  bool kept = false;           // it has been idle: the other side may have closed it meanwhile
  TransportClock::time_point deadline = TransportClock::time_point::max();
  TransportClock::time_point opened_at{};
  TransportClock::time_point rate_since = TransportClock::time_point::max();  // first byte of the answer
  std::uint64_t received = 0;                                                 // bytes of the present answer
  boost::system::error_code connect_error;
  std::size_t place = 0;  // in the pool's list of all

  Socket& socket() { return socket_; }
  TlsChannel* tls() { return tls_.get(); }
  bool is_open() const { return phase != Phase::closed; }
  bool has_unread_input() const { return readable_; }

  // Starts connecting; the waiter is woken when that has ended, with connect_error set.
  void start_connect(const boost::asio::ip::tcp::endpoint& endpoint);
  void abandon_connect();
  void start_tls(TlsContext& context);

  // One task at a time waits: for input (unless some is there already), for room to write, or just to be
  // woken.
  bool take_readable() { return std::exchange(readable_, false); }
  Task<Wake> wait_readable();
  Task<Wake> wait_writable();
  Task<Wake> wait() { return waiter_.wait(); }
  void wake(Wake why) { waiter_.wake(why); }

  IoResult read(char* data, std::size_t size);
  IoResult write(std::string_view bytes);

  // Keeps watching for input. Call after an answer is complete.
  void watch();
  // For good. `orderly`: TLS says goodbye first.
  void close(bool orderly);

  // Input that the reader could not use yet, between two reads; shorter than the header limit.
  std::string carry;

 private:
  enum class WaitingFor : unsigned char { input, room };
  void on_readable(const boost::system::error_code& error);

  ConnectionPool* pool_;  // nullptr once closed
  Socket socket_;
  std::unique_ptr<TlsChannel> tls_;
  WakeSlot waiter_;
  WaitingFor waiting_for_ = WaitingFor::input;
  bool watching_ = false;
  bool readable_ = false;
  std::uint64_t attempt_ = 0;  // tells a late completion from the present one
};

}  // namespace syncd::api
