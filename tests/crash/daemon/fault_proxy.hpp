#pragma once

#include <chrono>
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

#include "tests/loopback/certificates.hpp"

namespace syncd::test::crash {

/// One request and the whole answer to it, before the daemon has seen any of it.
struct Exchange {
  std::string kind;  ///< as the sandbox names its endpoints: token, introspect, links, link, accounts, sync
  std::string link_id;  ///< empty: not about a link
  std::string answer;   ///< head and body
};

/// What becomes of one answer, and of the connection behind it.
struct Fault {
  enum class Way : unsigned char {
    none,
    cut,               ///< the first `at` bytes, then the end
    stall,             ///< the first `at` bytes, and the rest after FaultProxy::release()
    close_behind,      ///< the answer, then the end: after `pause`, or already when the next request comes
    half_close,        ///< the answer, then our half ends; what comes is not read
    close_under_next,  ///< the answer, then the end as soon as the next request has come
    other_bytes,       ///< `bytes` instead of the answer, then the end
    more_bytes,        ///< the answer and `bytes` at once; goes on
    late_bytes,        ///< the answer, after `pause` (or the next request) `bytes`; goes on
  };
  Way way = Way::none;
  std::size_t at = 0;
  bool reset = false;  ///< the end is a reset
  std::chrono::milliseconds pause{0};
  std::string bytes = {};
};

/// Stands between the daemon and the sandbox and does to each answer what the plan says, request by request,
/// also on kept connections. With a certificate it is the end of TLS; upstream it always speaks plainly.
class FaultProxy {
 public:
  /// Called for each answer, by one thread at a time.
  using Plan = std::function<Fault(const Exchange&)>;

  /// `upstream`: "http://127.0.0.1:PORT". Lets all answers pass.
  explicit FaultProxy(std::string_view upstream);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// From now on.
  void follow(Plan plan);
  /// Ends all connections and calls the plan no more.
  void stop();
  /// Ends all connections; the next ones meet this certificate. Null: plain bytes.
  void show(ContextPtr certificate);
  /// Answers that stall now or later go on.
  void release();

  /// What has come from the daemon since the last show().
  struct Seen {
    std::size_t connections = 0;
    std::size_t handshakes = 0;  ///< complete
    std::size_t requests = 0;
    std::size_t bytes = 0;  ///< behind the TLS, if there is any
  };
  [[nodiscard]] Seen seen() const;
  /// Stalls that the daemon has ended.
  [[nodiscard]] std::size_t given_up() const;
  [[nodiscard]] std::size_t stalling() const;
  /// What the proxy itself did not understand; none is right.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  struct Connection;
  class Visit;

  void accept_all();
  void serve(Connection& connection);
  void reap();

  std::uint16_t upstream_port_ = 0;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int released_ = -1;  ///< an eventfd, readable from release() on
  Plan plan_;
  mutable std::mutex mutex_;
  std::mutex plan_mutex_;
  bool stopping_ = false;
  std::uint64_t generation_ = 0;  ///< of the certificate
  ContextPtr certificate_;
  Seen seen_;
  std::size_t given_up_ = 0;
  std::size_t stalling_ = 0;
  std::vector<std::string> problems_;
  std::list<Connection> connections_;
  std::thread acceptor_;
};

}  // namespace syncd::test::crash
