#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "sync/api/base_url.hpp"
#include "sync/api/http_policy.hpp"
#include "sync/api/name_lookup.hpp"
#include "sync/api/transport.hpp"

namespace syncd::api {

// How long each phase of a request may take. They are checked every `sweep_interval`, so a deadline is met up
// to that much late.
struct TransportDeadlines {
  std::chrono::milliseconds queue{300'000};   // for a free connection
  std::chrono::milliseconds connect{10'000};  // name resolution and all addresses together
  std::chrono::milliseconds tls{10'000};
  std::chrono::milliseconds first_byte{30'000};  // after the request
  std::chrono::milliseconds response{120'000};   // from the request to the last byte
  std::chrono::milliseconds idle{50'000};        // a kept connection; below the 60 s of usual load balancers
  std::chrono::milliseconds age{600'000};        // of a connection, so that changed addresses are noticed
  // An answer slower than this on average, once it has lasted `rate_grace`, is given up.
  std::uint64_t bytes_per_second_min = 1024;
  std::chrono::milliseconds rate_grace{15'000};
  std::chrono::milliseconds sweep_interval{250};
};

struct TransportOptions {
  BaseUrl url;
  std::string ca_file;  // PEM; empty: the system's authorities
  bool allow_private_addresses = false;
  std::size_t connections_max = 64;  // at least 1; more tasks than that queue, first come, first served
  std::string user_agent = "moneykit-syncd";
  std::vector<std::string> addresses;  // use these instead of asking DNS
  NameResolver resolver;               // empty: the system's
  TransportDeadlines deadlines;
  ResponseLimits limits;
};

// Connections of one transport. Gauges and counters since its start.
struct TransportStats {
  std::size_t open = 0;  // in any phase, idle ones included
  std::size_t idle = 0;
  std::size_t waiting = 0;  // tasks without a connection
  std::uint64_t created = 0;
  std::uint64_t reused = 0;  // requests on a connection that had served one before
  std::uint64_t stale = 0;   // kept connections found closed, before or after a request was put on them
  std::uint64_t tls_resumed = 0;
};

class ConnectionPool;

// HTTP/1.1 to one host over a bounded set of kept-alive connections, one request at a time on each. Strict
// about what it accepts (see ResponseHead), follows no redirect, knows no proxy. Plain http and private
// addresses only where the options allow them; every address is checked after resolution, right before
// connecting.
//
// Thread: the io thread. Lifetime: outlives every task in it and every lease; the io_context outlives it.
// Idle connections count as work of the io_context: run() returns only after shutdown().
class HttpsTransport final : public Transport {
 public:
  // Errc::invalid: an authority file that cannot be used, plain http to a host that is not loopback.
  static core::Result<std::unique_ptr<HttpsTransport>> create(boost::asio::io_context& io,
                                                              const TransportOptions& options);
  ~HttpsTransport() override;

  // Tasks must run with this_coro::throw_if_cancelled(false); then nothing is thrown but std::bad_alloc. A
  // cancelled request costs its connection, unless it still waited for one.
  Lease try_lease() override;
  Task<std::expected<Lease, TransportError>> lease() override;

  TransportStats stats() const;
  // Closes the idle connections and refuses new requests; those under way end by themselves or when
  // cancelled.
  void shutdown();

 private:
  HttpsTransport(std::shared_ptr<ConnectionPool> pool, const TransportOptions& options);
  Task<std::expected<HttpReply, TransportError>> send(std::shared_ptr<ReadyConnection> connection,
                                                      HttpCall call) override;
  void give_back(std::shared_ptr<ReadyConnection> connection) override;
  // The request as it goes out; wipes the credentials in `call`.
  void write_request(HttpCall& call, std::string& out) const;

  std::shared_ptr<ConnectionPool> pool_;
  std::string path_prefix_;
  std::string head_tail_;  // the header fields that never change
};

}  // namespace syncd::api
