#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sync/api/task.hpp"
#include "sync/core/result.hpp"

namespace syncd::api {

enum class Method : unsigned char { get, post };

// One request, without what the transport adds by itself (Host, User-Agent, Accept, Content-Length,
// Connection).
struct HttpCall {
  Method method = Method::get;
  std::string target;                                             // origin form, percent-encoded
  std::vector<std::pair<std::string_view, std::string>> headers;  // names are literals; values may be secrets
  std::string content_type;                                       // of the body; empty: no body
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
};

// The seam under the client: real HTTPS connections in the daemon, the upstream model in the simulation.
// Sends the request exactly once; every deadline and limit is the transport's own.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Task<std::expected<HttpReply, TransportError>> send(HttpCall call) = 0;
};

}  // namespace syncd::api
