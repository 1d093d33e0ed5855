#pragma once

#include <cstdint>
#include <exception>
#include <expected>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>

#include "sync/api/https_transport.hpp"

namespace syncd::test {

// Runs a transport on an event loop of its own, driven by the test.
class HttpClient {
 public:
  using Outcome = std::expected<api::HttpReply, api::TransportError>;

  // One request under way. Stays at its place.
  struct Pending {
    std::optional<Outcome> outcome;
    boost::asio::cancellation_signal signal;
    // As a stopping daemon does it.
    void cancel() { signal.emit(boost::asio::cancellation_type::terminal); }
  };

  explicit HttpClient(const api::TransportOptions& options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Pending& start(const std::string& target = "/x");
  Outcome finish(Pending& pending);
  Outcome get(const std::string& target = "/x") { return finish(start(target)); }
  // Runs the event loop until the condition holds; the test fails after a minute.
  void run_until(const std::function<bool()>& condition);
  // Runs what is ready and what is due at once.
  void run_ready();

  api::HttpsTransport& transport() { return *transport_; }
  boost::asio::io_context& io() { return io_; }

 private:
  boost::asio::io_context io_{1};
  std::unique_ptr<api::HttpsTransport> transport_;
  std::list<Pending> pending_;
};

// Plain http to 127.0.0.1, private addresses allowed, deadlines checked every 2 ms.
api::TransportOptions plain_options(std::uint16_t port);

}  // namespace syncd::test
