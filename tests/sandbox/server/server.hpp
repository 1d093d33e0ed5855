#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "tests/sandbox/server/hook_sender.hpp"
#include "tests/sandbox/server/sandbox.hpp"

namespace syncd::sandbox {

/// HTTP/1.1 with keep-alive in front of a Sandbox, plain and over TLS, and behind it the sender of its hooks,
/// on the thread that runs the io_context.
///
/// start() listens; stop() closes everything, after which the io_context runs out of work once every
/// connection coroutine has ended. The server must outlive that.
class Server {
 public:
  Server(boost::asio::io_context& io, Sandbox& sandbox);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens on the address (port 0: any) and returns the endpoint; plain HTTP when `tls` is null. Throws
  /// boost::system::system_error when the address is not to be had.
  boost::asio::ip::tcp::endpoint listen(const boost::asio::ip::tcp::endpoint& address,
                                        boost::asio::ssl::context* tls);
  void start();
  void stop();

  static constexpr std::chrono::seconds idle_timeout{120};  ///< connections without traffic are closed
  static constexpr std::size_t body_bytes_max = 4U << 20U;
  static constexpr std::uint32_t header_bytes_max = 64U << 10U;
  static constexpr std::size_t connections_max = 20'000;

 private:
  using Socket =
      boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  using Acceptor =
      boost::asio::basic_socket_acceptor<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;
  using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                  boost::asio::wait_traits<std::chrono::steady_clock>,
                                                  boost::asio::io_context::executor_type>;
  /// What the server knows of a live connection; the coroutine owns the socket.
  struct Connection {
    Socket* socket;
    Timer delay;  ///< of scripted latency
    std::chrono::steady_clock::time_point last_active;
  };
  struct Listener {
    Acceptor acceptor;
    boost::asio::ssl::context* tls;
  };
  using Connections = std::list<Connection>;

  /// Membership in connections_ for as long as it lives; ends also when the coroutine throws.
  class Entered {
   public:
    Entered(Server& server, Socket& socket);
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;
    ~Entered() { server_.connections_.erase(self_); }
    [[nodiscard]] Connections::iterator self() const { return self_; }

   private:
    Server& server_;
    Connections::iterator self_;
  };

  boost::asio::awaitable<void> accept_loop(std::size_t listener);
  boost::asio::awaitable<void> serve_plain(Socket socket);
  boost::asio::awaitable<void> serve_tls(Socket socket, boost::asio::ssl::context* tls);
  template <class Stream>
  boost::asio::awaitable<void> serve(Stream& stream, Connections::iterator self);
  template <class Stream>
  boost::asio::awaitable<bool> send(Stream& stream, Connections::iterator self, HttpResponse response,
                                    bool keep_alive);
  template <class Stream>
  boost::asio::awaitable<bool> drip(Stream& stream, Connections::iterator self, std::string bytes,
                                    std::uint32_t bytes_per_second);
  boost::asio::awaitable<void> sweep();
  std::string head(const HttpResponse& response, std::size_t body_bytes, bool keep_alive);

  boost::asio::io_context& io_;
  Sandbox& sandbox_;
  HookSender hooks_;
  std::vector<Listener> listeners_;
  Connections connections_;
  Timer sweep_timer_;
  bool stopping_ = false;
  std::string date_;  ///< of date_second_
  std::int64_t date_second_ = 0;
};

}  // namespace syncd::sandbox
