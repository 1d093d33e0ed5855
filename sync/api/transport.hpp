#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sync/api/task.hpp"
#include "sync/core/result.hpp"

namespace syncd::api {

enum class Method : unsigned char { get, post };

// One request, without what the transport adds by itself (Host, User-Agent, Accept, Content-Length, Connection).
struct HttpCall {
  Method method = Method::get;
  std::string target;   // origin form, percent-encoded
  std::vector<std::pair<std::string_view, std::string>> headers;  // names are literals; values may be secrets
  std::string content_type;  // of the body; empty: no body
  std::string body;
};

struct HttpReply {
  int status = 0;
  std::string body;          // capacity has room for core::body_padding_bytes more
  std::string retry_after;   // header value, verbatim; empty: none
  std::string date;          // Date header, for HTTP-dates relative to upstream's own clock
  bool json = false;         // Content-Type is application/json (or a +json type)
};

// The seam under the client: real HTTPS connections in the daemon, the upstream model in the simulation.
// Errors: transport, timeout, protocol (framing), cancelled. A GET may have been tried a second time on a fresh
// connection if a kept-alive one turned out closed; `attempts` reports how many times bytes were sent.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Task<core::Result<HttpReply>> send(HttpCall call) = 0;
};

}  // namespace syncd::api
