#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sync/api/header_block.hpp"
#include "sync/api/task.hpp"
#include "sync/core/result.hpp"

namespace syncd::api {

enum class Method : unsigned char { get, post, patch, del };

inline std::string_view to_string(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::post:
      return "POST";
    case Method::patch:
      return "PATCH";
    case Method::del:
      return "DELETE";
  }
  return "GET";
}

// One request, without what the transport adds by itself (Host, User-Agent, Accept, Content-Length,
// Connection).
struct HttpCall {
  Method method = Method::get;
  std::string target;                          // origin form, percent-encoded
  std::shared_ptr<const HeaderBlock> headers;  // shared by all requests of one kind; nullptr: none
  std::string content_type;                    // of the body; empty: no body
  std::string body;
};

struct HttpReply {
  int status = 0;
  std::string body;         // capacity has room for core::body_padding_bytes more
  std::string retry_after;  // header value, verbatim; empty: none
  std::string date;         // Date header, for HTTP-dates relative to upstream's own clock
  bool json = false;        // Content-Type is application/json (or a +json type)
};

struct TransportError {
  core::Error error;  // transport, timeout, server (framing), protocol (too large), cancelled
  // The request went out on a kept-alive connection that closed before the first byte of an answer: an
  // idempotent request may be sent once more, as a new request with its own place in the budget.
  bool connection_was_stale = false;
  // No byte of the request has left: it may be sent anew whatever it does.
  bool nothing_sent = false;
};

class Transport;

// What a transport hands out; it alone knows what is behind it.
class ReadyConnection {
 public:
  virtual ~ReadyConnection() = default;
};

// A connection that is ready for one request: whatever takes time (a queue, connecting, TLS) is over. Given
// up unused it goes back unharmed. The transport outlives it.
class Lease {
 public:
  Lease() = default;  // of nothing
  Lease(Transport& transport, std::shared_ptr<ReadyConnection> connection)
      : transport_(&transport), connection_(std::move(connection)) {}
  Lease(Lease&& other) noexcept
      : transport_(other.transport_), connection_(std::exchange(other.connection_, nullptr)) {}
  Lease& operator=(Lease&& other) noexcept {
    std::swap(transport_, other.transport_);
    std::swap(connection_, other.connection_);
    return *this;
  }
  ~Lease();

  explicit operator bool() const { return connection_ != nullptr; }
  // Sends the request exactly once; its first byte leaves before the caller suspends. Ends the lease.
  Task<std::expected<HttpReply, TransportError>> send(HttpCall call);

 private:
  Transport* transport_ = nullptr;
  std::shared_ptr<ReadyConnection> connection_;
};

// The seam under the client: real HTTPS connections in the daemon, the upstream model in the simulation.
// Every deadline and limit is the transport's own.
class Transport {
 public:
  virtual ~Transport() = default;
  // A connection that is ready at once; an empty lease when there is none.
  virtual Lease try_lease() = 0;
  // Waits for one. Sends nothing of any request.
  virtual Task<std::expected<Lease, TransportError>> lease() = 0;

 protected:
  friend class Lease;
  virtual Task<std::expected<HttpReply, TransportError>> send(std::shared_ptr<ReadyConnection> connection,
                                                              HttpCall call) = 0;
  virtual void give_back(std::shared_ptr<ReadyConnection> connection) = 0;
};

inline Lease::~Lease() {
  if (connection_) transport_->give_back(std::move(connection_));
}

inline Task<std::expected<HttpReply, TransportError>> Lease::send(HttpCall call) {
  return transport_->send(std::exchange(connection_, nullptr), std::move(call));
}

}  // namespace syncd::api
