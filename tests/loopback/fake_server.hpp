#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <openssl/types.h>

namespace syncd::test {

// The server's end of one connection. Every call blocks and gives false once the connection or the server
// ends.
class Peer {
 public:
  Peer(int socket, SSL* ssl) : socket_(socket), ssl_(ssl) {}
  // Head and, by its Content-Length, body of the next request.
  bool read_request(std::string& request);
  bool send(std::string_view bytes);
  // Until the client closes; whatever it sends meanwhile is dropped.
  bool wait_for_close();
  bool handshake();
  // TLS: with the closing message.
  void close_orderly();
  // At the end the client meets a reset instead of an end.
  void reset();

 private:
  long receive(char* data, std::size_t size);

  int socket_;
  SSL* ssl_;
  std::string buffered_;
};

// What the server does with one connection, step by step, then it closes it.
class Script {
 public:
  using Step = std::function<bool(Peer&)>;

  Script& read_request();
  Script& send(std::string bytes);
  Script& send_each_byte(std::string bytes);
  Script& wait_for_close();
  Script& close_orderly();
  Script& reset();
  // Blocks until FakeServer::open_gate().
  Script& wait_for_gate();
  // Answers request after request with the same bytes, as long as the client wants.
  Script& serve(std::string response);
  // Without this, TLS begins before the first step.
  Script& no_handshake();

 private:
  friend class FakeServer;
  struct Context;
  std::vector<std::function<bool(Peer&, Context&)>> steps_;
  bool handshake_ = true;
};

// A server on a free port of 127.0.0.1 that does exactly what its scripts say, legal or not. Each connection
// runs the next script; the last one serves all further connections.
class FakeServer {
 public:
  // `tls`: nullptr for plain; otherwise it must outlive the server.
  explicit FakeServer(SSL_CTX* tls = nullptr);
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  Script& on_connection();
  // Begins to accept, once all scripts are written. Gives the port.
  std::uint16_t start();
  void open_gate();

  std::size_t connections() const { return connections_; }
  std::size_t request_count() const;
  std::vector<std::string> requests() const;
  // Connections whose script has ended.
  std::size_t finished() const { return finished_; }

 private:
  friend struct Script::Context;
  void accept_all();
  void serve(int socket, const Script& script);

  SSL_CTX* tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::list<Script> scripts_;
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<std::size_t> finished_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable gate_;
  bool gate_open_ = false;
  bool stopping_ = false;
  std::vector<std::string> requests_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A complete answer: `HTTP/1.1 200 OK`, JSON, Content-Length.
std::string json_answer(std::string_view body, std::string_view more_fields = "");

}  // namespace syncd::test
