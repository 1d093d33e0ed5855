#pragma once

#include <cstddef>
#include <deque>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "sync/api/connection.hpp"
#include "sync/api/https_transport.hpp"
#include "sync/api/name_lookup.hpp"
#include "sync/api/tls.hpp"
#include "sync/api/transport.hpp"
#include "sync/api/wake_slot.hpp"

namespace syncd::api {

// The connections of one transport: hands them out, opens them, keeps them between requests, and ends what
// has passed its deadline. One timer serves all deadlines.
class ConnectionPool : public std::enable_shared_from_this<ConnectionPool> {
 public:
  using Handle = std::shared_ptr<Connection>;
  template <class T>
  using Outcome = std::expected<T, TransportError>;

  ConnectionPool(boost::asio::io_context& io, const TransportOptions& options,
                 std::unique_ptr<TlsContext> tls);
  ~ConnectionPool();

  // A kept connection, if there is one.
  Handle try_acquire();
  // A connection for one request, ready for it. Give it back, used or not, with release() or drop().
  Task<Outcome<Handle>> acquire();
  // Unused, or after a complete exchange that leaves the connection in order.
  void release(const Handle& connection);
  // `orderly`: nothing is wrong with it, it is only not wanted any more.
  void drop(const Handle& connection, bool orderly);
  // A connection that has served before serves again.
  void note_reuse() { ++reused_; }
  // A kept connection turned out closed: those kept longer will be, too.
  void drop_idle();

  // What a Wake that is not `ready` means for a request; `doing` names the phase.
  TransportError interrupted(Wake wake, std::string_view doing, std::chrono::milliseconds allowed) const;
  TransportError failure(core::Errc code, std::string_view doing, std::string_view cause) const;

  const std::string& authority() const { return authority_; }
  const TransportOptions& options() const { return options_; }
  // Shared by all connections, valid until the next suspension.
  char* scratch() { return scratch_.get(); }
  static constexpr std::size_t scratch_bytes = 512 * 1024;

  TransportStats stats() const;
  void shutdown();
  void on_idle_input(Connection& connection);

 private:
  using Timer =
      boost::asio::basic_waitable_timer<TransportClock, boost::asio::wait_traits<TransportClock>, IoExecutor>;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // A task in line for a connection; lives on its frame.
  struct Ticket {
    explicit Ticket(IoExecutor executor) : waiter(executor) {}
    WakeSlot waiter;
    Handle granted;
    TransportClock::time_point deadline;
  };

  Handle create();
  void grant_next();
  void forget(const Handle& connection);
  void drop_all_idle();
  Task<Outcome<Handle>> wait_in_line();

  Task<Outcome<void>> establish(Handle connection);
  Task<Outcome<std::vector<Endpoint>>> resolve(Handle connection);
  Task<Outcome<void>> connect(Handle connection, std::vector<Endpoint> endpoints);
  Task<Outcome<void>> secure(Handle connection);
  void start_resolving();
  void on_resolved(NameAnswer answer);
  Outcome<std::vector<Endpoint>> allowed(const std::vector<Endpoint>& endpoints) const;

  void ensure_sweeping();
  void sweep();

  TransportOptions options_;
  std::string authority_;
  std::unique_ptr<TlsContext> tls_;  // nullptr: plain
  IoExecutor executor_;
  Timer timer_;
  NameLookup lookup_;
  bool sweeping_ = false;
  bool stopped_ = false;
  std::vector<Handle> all_;
  std::vector<Handle> idle_;  // the last used one at the end
  std::deque<Ticket*> line_;
  std::unique_ptr<char[]> scratch_;

  std::string resolve_failure_;  // empty: none
  std::vector<Endpoint> resolved_;
  TransportClock::time_point resolved_until_{};  // the answer is used for so long

  std::uint64_t created_ = 0;
  std::uint64_t reused_ = 0;
  std::uint64_t stale_ = 0;
  std::uint64_t tls_resumed_ = 0;
};

}  // namespace syncd::api
