#include "sync/api/connection_pool.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "sync/api/address_policy.hpp"

namespace syncd::api {

namespace {

using core::Errc;
using std::chrono::milliseconds;

constexpr std::size_t addresses_max = 16;
constexpr std::chrono::seconds resolved_life{30};

bool is_cancelled(const boost::asio::cancellation_state& state) {
  return state.cancelled() != boost::asio::cancellation_type::none;
}

std::unexpected<TransportError> cancelled_error() {
  return std::unexpected(TransportError{.error = {.code = Errc::cancelled, .message = "request given up"}});
}

// IPv6 and IPv4 in turn, so that one broken family does not use up the time.
template <class Endpoint>
std::vector<Endpoint> interleave(const std::vector<Endpoint>& endpoints) {
  std::vector<Endpoint> six, four, mixed;
  for (const Endpoint& endpoint : endpoints)
    (endpoint.address().is_v6() ? six : four).push_back(endpoint);
  for (std::size_t i = 0; i < std::max(six.size(), four.size()); ++i) {
    if (i < six.size()) mixed.push_back(six[i]);
    if (i < four.size()) mixed.push_back(four[i]);
  }
  if (mixed.size() > addresses_max) mixed.resize(addresses_max);
  return mixed;
}

}  // namespace

ConnectionPool::ConnectionPool(boost::asio::io_context& io, const TransportOptions& options,
                               std::unique_ptr<TlsContext> tls)
    : options_(options),
      authority_(options.url.authority()),
      tls_(std::move(tls)),
      executor_(io.get_executor()),
      timer_(executor_),
      lookup_(executor_, options.resolver),
      scratch_(std::make_unique_for_overwrite<char[]>(scratch_bytes)) {
}

ConnectionPool::~ConnectionPool() {
  for (const Handle& connection : all_)
    connection->close(false);
}

TransportError ConnectionPool::failure(Errc code, std::string_view doing, std::string_view cause) const {
  return {.error = {.code = code, .message = fmt::format("{} {}: {}", doing, authority_, cause)}};
}

TransportError ConnectionPool::interrupted(Wake wake, std::string_view doing, milliseconds allowed) const {
  if (wake == Wake::cancelled) return failure(Errc::cancelled, doing, "given up");
  return failure(Errc::timeout, doing, fmt::format("not done within {} ms", allowed.count()));
}

// ---- handing out
// -----------------------------------------------------------------------------------------------

ConnectionPool::Handle ConnectionPool::try_acquire() {
  if (idle_.empty()) return {};
  Handle connection = std::move(idle_.back());
  idle_.pop_back();
  connection->phase = Connection::Phase::busy;
  return connection;
}

ConnectionPool::Handle ConnectionPool::create() {
  auto connection = std::make_shared<Connection>(executor_, *this, options_.limits);
  connection->place = all_.size();
  all_.push_back(connection);
  return connection;
}

Task<ConnectionPool::Outcome<ConnectionPool::Handle>> ConnectionPool::acquire() {
  if (stopped_) co_return cancelled_error();
  Handle connection = try_acquire();
  if (!connection && all_.size() < options_.connections_max) connection = create();
  if (!connection) {
    Outcome<Handle> waited = co_await wait_in_line();
    if (!waited) co_return std::unexpected(std::move(waited.error()));
    connection = std::move(*waited);
  }
  if (connection->phase != Connection::Phase::fresh) co_return connection;
  Outcome<void> established = co_await establish(connection);
  if (established) co_return connection;
  drop(connection, false);
  co_return std::unexpected(std::move(established.error()));
}

Task<ConnectionPool::Outcome<ConnectionPool::Handle>> ConnectionPool::wait_in_line() {
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (is_cancelled(state)) co_return cancelled_error();
  Ticket ticket(executor_);
  ticket.deadline = TransportClock::now() + options_.deadlines.queue;
  line_.push_back(&ticket);
  ensure_sweeping();
  const Wake wake = co_await ticket.waiter.wait();
  if (!ticket.granted) std::erase(line_, &ticket);
  if (ticket.granted && wake == Wake::ready) co_return std::move(ticket.granted);
  // Granted and interrupted at the same moment: the next in line gets it.
  if (ticket.granted && ticket.granted->phase == Connection::Phase::fresh) drop(ticket.granted, false);
  if (ticket.granted && ticket.granted->is_open()) release(ticket.granted);
  co_return std::unexpected(interrupted(wake, "wait for a connection to", options_.deadlines.queue));
}

void ConnectionPool::release(const Handle& connection) {
  const auto now = TransportClock::now();
  const bool old = now - connection->opened_at > options_.deadlines.age;
  if (stopped_ || old || !connection->is_open()) return drop(connection, true);
  connection->deadline = TransportClock::time_point::max();
  connection->rate_since = TransportClock::time_point::max();
  connection->watch();
  if (!line_.empty()) {
    Ticket& ticket = *line_.front();
    line_.pop_front();
    ticket.granted = connection;
    ticket.waiter.wake(Wake::ready);
    return;
  }
  connection->phase = Connection::Phase::idle;
  connection->kept = true;
  connection->deadline = now + options_.deadlines.idle;
  idle_.push_back(connection);
  if (connection->has_unread_input()) on_idle_input(*connection);
}

void ConnectionPool::forget(const Handle& connection) {
  all_.back()->place = connection->place;
  std::swap(all_[connection->place], all_.back());
  all_.pop_back();
}

void ConnectionPool::drop(const Handle& connection, bool orderly) {
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the caller's may be an element of a list
  const Handle keep = connection;
  if (!keep->is_open()) return;
  if (keep->phase == Connection::Phase::idle) std::erase(idle_, keep);
  keep->close(orderly);
  forget(keep);
  grant_next();
}

void ConnectionPool::grant_next() {
  if (line_.empty() || stopped_ || all_.size() >= options_.connections_max) return;
  Ticket& ticket = *line_.front();
  line_.pop_front();
  ticket.granted = create();
  ticket.waiter.wake(Wake::ready);
}

void ConnectionPool::drop_idle() {
  ++stale_;
  drop_all_idle();
}

void ConnectionPool::drop_all_idle() {
  const std::vector<Handle> idle = std::exchange(idle_, {});
  for (const Handle& connection : idle)
    drop(connection, true);
}

// The peer closed an idle connection, or sent something that no request asked for. TLS may also have sent a
// new session ticket, which is welcome.
void ConnectionPool::on_idle_input(Connection& connection) {
  const Handle keep = connection.shared_from_this();
  keep->take_readable();
  char byte = 0;
  if (keep->tls() != nullptr && keep->read(&byte, 1).step == IoStep::want_read) {
    keep->watch();
    return;
  }
  ++stale_;
  drop(keep, true);
}

// ---- opening
// ---------------------------------------------------------------------------------------------------

Task<ConnectionPool::Outcome<void>> ConnectionPool::establish(Handle connection) {
  ensure_sweeping();
  connection->opened_at = TransportClock::now();
  connection->deadline = connection->opened_at + options_.deadlines.connect;
  Outcome<std::vector<Endpoint>> endpoints = co_await resolve(connection);
  if (!endpoints) co_return std::unexpected(std::move(endpoints.error()));
  Outcome<std::vector<Endpoint>> usable = allowed(*endpoints);
  if (!usable) co_return std::unexpected(std::move(usable.error()));
  std::vector<Endpoint> in_turn = interleave(*usable);
  Outcome<void> connected = co_await connect(connection, std::move(in_turn));
  if (!connected) {
    resolved_until_ = {};  // ask again: the addresses may have changed
    co_return connected;
  }
  boost::system::error_code error;
  connection->socket().native_non_blocking(true, error);
  if (!error) connection->socket().set_option(boost::asio::ip::tcp::no_delay(true), error);
  if (error) co_return std::unexpected(failure(Errc::transport, "connect to", error.message()));
  if (tls_) {
    Outcome<void> secured = co_await secure(connection);
    if (!secured) co_return secured;
  }
  ++created_;
  connection->phase = Connection::Phase::busy;
  co_return Outcome<void>{};
}

void ConnectionPool::start_resolving() {
  // Cannot be interrupted: whoever waits for it may give up, the answer then serves the next one.
  lookup_.start(options_.url.host, [weak = weak_from_this()](NameAnswer answer) {
    if (const auto self = weak.lock()) self->on_resolved(std::move(answer));
  });
}

void ConnectionPool::on_resolved(NameAnswer answer) {
  resolve_failure_ = std::move(answer.failure);
  resolved_.clear();
  for (const auto& address : answer.addresses)
    resolved_.emplace_back(address, options_.url.port);
  const bool useful = resolve_failure_.empty();
  resolved_until_ = useful ? TransportClock::now() + resolved_life : TransportClock::time_point{};
  for (const Handle& connection : all_) {
    if (connection->phase == Connection::Phase::resolving) connection->wake(Wake::ready);
  }
}

Task<ConnectionPool::Outcome<std::vector<ConnectionPool::Endpoint>>> ConnectionPool::resolve(
    Handle connection) {
  std::vector<std::string> literals = options_.addresses;
  boost::system::error_code not_address;
  boost::asio::ip::make_address(options_.url.host, not_address);
  if (literals.empty() && !not_address) literals.push_back(options_.url.host);
  if (!literals.empty()) {
    std::vector<Endpoint> endpoints;
    for (const std::string& literal : literals) {
      const auto address = boost::asio::ip::make_address(literal, not_address);
      if (not_address)
        co_return std::unexpected(failure(Errc::transport, "resolve", "not an address: " + literal));
      endpoints.emplace_back(address, options_.url.port);
    }
    co_return endpoints;
  }
  if (TransportClock::now() < resolved_until_) co_return resolved_;
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (is_cancelled(state)) co_return cancelled_error();
  connection->phase = Connection::Phase::resolving;
  if (!lookup_.running()) start_resolving();
  const Wake wake = co_await connection->wait();
  if (wake != Wake::ready)
    co_return std::unexpected(interrupted(wake, "resolve", options_.deadlines.connect));
  if (!resolve_failure_.empty())
    co_return std::unexpected(failure(Errc::transport, "resolve", resolve_failure_));
  if (resolved_.empty()) co_return std::unexpected(failure(Errc::transport, "resolve", "no address"));
  co_return resolved_;
}

ConnectionPool::Outcome<std::vector<ConnectionPool::Endpoint>> ConnectionPool::allowed(
    const std::vector<Endpoint>& endpoints) const {
  std::vector<Endpoint> usable;
  std::string refused;
  bool plain_refused = false;
  for (const Endpoint& endpoint : endpoints) {
    const auto address = endpoint.address();
    if (!tls_ && !is_loopback_address(address)) {
      plain_refused = true;
    } else if (!options_.allow_private_addresses && !is_public_address(address)) {
      refused = address.to_string();
    } else {
      usable.push_back(endpoint);
    }
  }
  if (!usable.empty()) return usable;
  if (plain_refused) {
    return std::unexpected(
        failure(Errc::transport, "connect to",
                "plain http is for loopback addresses only; use https in upstream.base_url"));
  }
  return std::unexpected(failure(
      Errc::transport, "connect to",
      fmt::format(
          "its address {} is private or reserved; set upstream.allow_private_addresses = true if that is "
          "intended",
          refused)));
}

Task<ConnectionPool::Outcome<void>> ConnectionPool::connect(Handle connection,
                                                            std::vector<Endpoint> endpoints) {
  const auto end = connection->opened_at + options_.deadlines.connect;
  std::string cause;
  bool timed_out = false;
  connection->phase = Connection::Phase::connecting;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_error();
    // Each address may use its share of what is left.
    const auto now = TransportClock::now();
    timed_out = now >= end;
    if (timed_out) break;
    connection->deadline = now + (end - now) / static_cast<std::int64_t>(endpoints.size() - i);
    connection->start_connect(endpoints[i]);
    const Wake wake = co_await connection->wait();
    if (wake == Wake::ready && !connection->connect_error) co_return Outcome<void>{};
    connection->abandon_connect();
    if (wake == Wake::cancelled) co_return cancelled_error();
    timed_out = wake == Wake::timed_out;
    cause = timed_out ? "no answer" : connection->connect_error.message();
  }
  if (endpoints.size() > 1) cause += fmt::format(" (the last of {} addresses)", endpoints.size());
  if (timed_out)
    co_return std::unexpected(interrupted(Wake::timed_out, "connect to", options_.deadlines.connect));
  co_return std::unexpected(failure(Errc::transport, "connect to", cause));
}

Task<ConnectionPool::Outcome<void>> ConnectionPool::secure(Handle connection) {
  constexpr std::string_view doing = "TLS handshake with";
  connection->phase = Connection::Phase::handshake;
  connection->deadline = TransportClock::now() + options_.deadlines.tls;
  connection->start_tls(*tls_);
  for (;;) {
    const IoResult result = connection->tls()->handshake();
    if (result.step == IoStep::done) break;
    if (result.step == IoStep::failed)
      co_return std::unexpected(failure(Errc::transport, doing, result.reason));
    if (result.step == IoStep::closed) {
      co_return std::unexpected(failure(Errc::transport, doing, "closed by the other side"));
    }
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (is_cancelled(state)) co_return cancelled_error();
    Wake wake = Wake::ready;
    if (result.step == IoStep::want_write) {
      wake = co_await connection->wait_writable();
    } else if (!connection->take_readable()) {
      wake = co_await connection->wait_readable();
    }
    if (wake != Wake::ready) co_return std::unexpected(interrupted(wake, doing, options_.deadlines.tls));
  }
  if (connection->tls()->resumed()) ++tls_resumed_;
  co_return Outcome<void>{};
}

// ---- deadlines
// -------------------------------------------------------------------------------------------------

void ConnectionPool::ensure_sweeping() {
  if (sweeping_) return;
  sweeping_ = true;
  timer_.expires_after(options_.deadlines.sweep_interval);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code&) {
    const auto self = weak.lock();
    if (!self) return;
    self->sweeping_ = false;
    self->sweep();
  });
}

void ConnectionPool::sweep() {
  const auto now = TransportClock::now();
  const auto& limits = options_.deadlines;
  const auto too_slow = [&](const Connection& connection) {
    if (connection.rate_since == TransportClock::time_point::max()) return false;
    const auto elapsed = std::chrono::duration_cast<milliseconds>(now - connection.rate_since);
    if (elapsed < limits.rate_grace) return false;
    return connection.received * 1000 <
           limits.bytes_per_second_min * static_cast<std::uint64_t>(elapsed.count());
  };
  std::vector<Handle> overdue;  // dropping changes the list
  for (const Handle& connection : all_) {
    if (now >= connection->deadline || too_slow(*connection)) overdue.push_back(connection);
  }
  for (const Handle& connection : overdue) {
    if (connection->phase == Connection::Phase::idle) {
      drop(connection, true);
    } else {
      connection->wake(Wake::timed_out);
    }
  }
  for (Ticket* ticket : line_) {
    if (now >= ticket->deadline) ticket->waiter.wake(Wake::timed_out);
  }
  if (!all_.empty() || !line_.empty()) ensure_sweeping();
}

TransportStats ConnectionPool::stats() const {
  return {.open = all_.size(),
          .idle = idle_.size(),
          .waiting = line_.size(),
          .created = created_,
          .reused = reused_,
          .stale = stale_,
          .tls_resumed = tls_resumed_};
}

void ConnectionPool::shutdown() {
  stopped_ = true;
  if (lookup_.running()) {
    lookup_.cancel();
    on_resolved({.addresses = {}, .failure = "given up"});
  }
  drop_all_idle();
  for (Ticket* ticket : line_)
    ticket->waiter.wake(Wake::cancelled);
  if (all_.empty() && line_.empty()) timer_.cancel();  // otherwise it still has deadlines to keep
}

}  // namespace syncd::api
