#include "sync/api/https_transport.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "sync/api/connection_pool.hpp"
#include "sync/api/secret.hpp"

namespace syncd::api {

namespace {

using core::Errc;
using Handle = ConnectionPool::Handle;
template <class T>
using Outcome = ConnectionPool::Outcome<T>;

// Gives the connection up unless it was kept: a half-used one must never serve again.
class Use {
 public:
  Use(ConnectionPool& pool, Handle connection) : pool_(pool), connection_(std::move(connection)) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    if (!connection_) return;
    wipe(connection_->out);
    pool_.drop(connection_, false);
  }
  Connection& operator*() const { return *connection_; }
  // After a complete answer.
  void end(bool reusable) {
    const Handle connection = std::exchange(connection_, nullptr);
    if (reusable) {
      pool_.release(connection);
    } else {
      pool_.drop(connection, true);
    }
  }

 private:
  ConnectionPool& pool_;
  Handle connection_;
};

// A line break in any of these would let data become structure.
bool is_well_formed(const HttpCall& call) {
  const bool target = call.target.starts_with('/') && is_header_text(call.target) &&
                      call.target.find(' ') == std::string::npos;
  return target && is_header_text(call.content_type) && (!call.headers || call.headers->well_formed());
}

// What came of reading all that is there.
struct Pump {
  enum class State : unsigned char { need_more, want_write, complete, refused, closed, failed };
  State state = State::need_more;
  std::string reason;
  bool reset = false;
  bool reusable = false;
};

Pump ended(const IoResult& result) {
  if (result.step == IoStep::closed) return {.state = Pump::State::closed, .reason = {}};
  return {.state = Pump::State::failed, .reason = result.reason, .reset = result.reset};
}

Pump refused(std::string_view reason) {
  return {.state = Pump::State::refused, .reason = std::string(reason)};
}

// The answer is complete; nothing may follow it. What the kernel still holds is noticed when the connection
// is idle.
Pump finished(Connection& connection, std::size_t surplus_bytes) {
  constexpr std::string_view surplus = "bytes behind the end of the body";
  if (surplus_bytes != 0) return refused(surplus);
  Pump pump{.state = Pump::State::complete, .reason = {}, .reusable = connection.reader.keep_alive()};
  if (connection.tls() == nullptr || !connection.tls()->holds_input()) return pump;
  char byte = 0;
  const IoResult next = connection.read(&byte, 1);
  if (next.step == IoStep::done) return refused(surplus);
  if (next.step != IoStep::want_read) pump.reusable = false;
  return pump;
}

Pump pump_input(Connection& connection, char* scratch, std::size_t scratch_bytes) {
  std::size_t held = connection.carry.size();
  std::ranges::copy(connection.carry, scratch);
  connection.carry.clear();
  for (;;) {
    const std::size_t room = scratch_bytes - held;
    const IoResult result = connection.read(scratch + held, room);
    if (result.step == IoStep::want_read || result.step == IoStep::want_write) {
      connection.carry.assign(scratch, held);
      const bool read = result.step == IoStep::want_read;
      return {.state = read ? Pump::State::need_more : Pump::State::want_write, .reason = {}};
    }
    if (result.step != IoStep::done) return ended(result);
    connection.received += result.bytes;
    held += result.bytes;
    const auto progress = connection.reader.feed({scratch, held});
    held -= progress.consumed;
    if (progress.state == ResponseReader::State::refused) return refused(connection.reader.refusal());
    if (progress.state == ResponseReader::State::complete) return finished(connection, held);
    std::memmove(scratch, scratch + progress.consumed, held);
    // A plain socket that gave less than there was room for is empty: asking again would be a wasted call.
    if (connection.tls() == nullptr && result.bytes < room) {
      connection.carry.assign(scratch, held);
      return {.state = Pump::State::need_more, .reason = {}};
    }
  }
}

bool is_cancelled(const boost::asio::cancellation_state& state) {
  return state.cancelled() != boost::asio::cancellation_type::none;
}

// One request and its answer on one connection.
struct Exchange {
  ConnectionPool& pool;
  Connection& connection;
  TransportClock::time_point started = TransportClock::now();

  bool untouched_and_kept() const {
    return (connection.kept || connection.requests > 0) && connection.received == 0;
  }

  TransportError lost(std::string_view cause, bool reset) {
    TransportError error = pool.failure(Errc::transport, "request to", cause);
    error.connection_was_stale = reset && untouched_and_kept();
    if (error.connection_was_stale) pool.drop_idle();
    return error;
  }

  // Framing that is not plain comes from something in front of upstream and meets all links alike: it passes,
  // like a 502. A body over the limit is upstream's own, and about this one request.
  TransportError refused(std::string_view why) const {
    const bool too_large = why == body_too_large;
    TransportError error = pool.failure(too_large ? Errc::protocol : Errc::server, "answer of", why);
    error.error.too_large = too_large;
    return error;
  }

  TransportError interrupted(Wake wake) const {
    const auto& limits = pool.options().deadlines;
    if (wake == Wake::cancelled) return pool.failure(Errc::cancelled, "request to", "given up");
    const auto now = TransportClock::now();
    std::string cause;
    if (connection.received == 0) {
      cause = fmt::format("no answer within {} ms", limits.first_byte.count());
    } else if (now - started >= limits.response) {
      cause = fmt::format("answer not complete within {} ms", limits.response.count());
    } else {
      cause = fmt::format("answer slower than {} bytes a second", limits.bytes_per_second_min);
    }
    return pool.failure(Errc::timeout, "request to", cause);
  }

  void begin() {
    const auto& limits = pool.options().deadlines;
    connection.reader.begin();
    connection.received = 0;
    connection.carry.clear();
    connection.deadline = started + std::min(limits.first_byte, limits.response);
  }

  // The answer has begun and is not complete yet.
  void note_progress() {
    if (connection.received == 0 || connection.rate_since != TransportClock::time_point::max()) return;
    connection.rate_since = TransportClock::now();
    connection.deadline = started + pool.options().deadlines.response;
  }

  // Until the socket takes no more; removes what was written. A request mostly fits at once.
  IoResult write(std::string_view& rest);
  Task<Outcome<void>> send_rest(std::string_view rest, IoResult result);
  Task<Outcome<bool>> receive();  // whether the connection may serve again
};

IoResult Exchange::write(std::string_view& rest) {
  for (;;) {
    const IoResult result = connection.write(rest);
    if (result.step != IoStep::done) return result;
    rest.remove_prefix(result.bytes);
    if (rest.empty()) return result;
  }
}

Task<Outcome<void>> Exchange::send_rest(std::string_view rest, IoResult result) {
  while (!rest.empty()) {
    if (result.step == IoStep::failed) co_return std::unexpected(lost(result.reason, result.reset));
    if (result.step == IoStep::closed) co_return std::unexpected(lost("closed by the other side", true));
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    Wake wake = is_cancelled(state) ? Wake::cancelled : Wake::ready;
    if (wake == Wake::ready && result.step == IoStep::want_write) {
      wake = co_await connection.wait_writable();
    } else if (wake == Wake::ready && !connection.take_readable()) {
      wake = co_await connection.wait_readable();
    }
    if (wake != Wake::ready) co_return std::unexpected(interrupted(wake));
    result = write(rest);
  }
  co_return Outcome<void>{};
}

Task<Outcome<bool>> Exchange::receive() {
  bool want_write = false;
  for (;;) {
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    Wake wake = is_cancelled(state) ? Wake::cancelled : Wake::ready;
    if (wake == Wake::ready && want_write) {
      wake = co_await connection.wait_writable();
    } else if (wake == Wake::ready && !connection.take_readable()) {
      wake = co_await connection.wait_readable();
    }
    if (wake != Wake::ready) co_return std::unexpected(interrupted(wake));
    const Pump pump = pump_input(connection, pool.scratch(), ConnectionPool::scratch_bytes);
    want_write = pump.state == Pump::State::want_write;
    switch (pump.state) {
      case Pump::State::need_more:
      case Pump::State::want_write:
        note_progress();
        break;
      case Pump::State::complete:
        co_return pump.reusable;
      case Pump::State::refused:
        co_return std::unexpected(refused(pump.reason));
      case Pump::State::failed:
        co_return std::unexpected(lost(pump.reason, pump.reset));
      case Pump::State::closed:
        co_return std::unexpected(
            lost(connection.received == 0 ? "closed without an answer" : "closed in the middle of the answer",
                 true));
    }
  }
}

}  // namespace

HttpsTransport::HttpsTransport(std::shared_ptr<ConnectionPool> pool, const TransportOptions& options)
    : pool_(std::move(pool)),
      path_prefix_(options.url.path),
      head_tail_(fmt::format(
          "Host: {}\r\nUser-Agent: {}\r\nAccept: application/json\r\nAccept-Encoding: identity\r\n",
          options.url.authority(), options.user_agent)) {
}

HttpsTransport::~HttpsTransport() {
  shutdown();
}

core::Result<std::unique_ptr<HttpsTransport>> HttpsTransport::create(boost::asio::io_context& io,
                                                                     const TransportOptions& options) {
  std::unique_ptr<TlsContext> tls;
  if (options.url.tls) {
    const TlsOptions tls_options{.host = options.url.host, .ca_file = options.ca_file};
    auto made = TlsContext::create(tls_options);
    if (!made) return std::unexpected(std::move(made.error()));
    tls = std::move(*made);
  }
  TransportOptions checked = options;
  checked.connections_max = std::max<std::size_t>(options.connections_max, 1);
  auto pool = std::make_shared<ConnectionPool>(io, checked, std::move(tls));
  return std::unique_ptr<HttpsTransport>(new HttpsTransport(std::move(pool), checked));
}

TransportStats HttpsTransport::stats() const {
  return pool_->stats();
}

void HttpsTransport::shutdown() {
  pool_->shutdown();
}

void HttpsTransport::write_request(HttpCall& call, std::string& out) const {
  wipe(out);
  const std::string_view headers = call.headers ? call.headers->reveal() : std::string_view();
  // Growing while it is written would leave credentials behind in freed memory.
  out.reserve(256 + path_prefix_.size() + call.target.size() + head_tail_.size() + headers.size() +
              call.body.size());
  out += to_string(call.method);
  out += ' ';
  out += path_prefix_;
  out += call.target;
  out += " HTTP/1.1\r\n";
  out += head_tail_;
  out += headers;
  if (call.method == Method::post || call.method == Method::patch) {
    if (!call.content_type.empty()) {
      out += "Content-Type: ";
      out += call.content_type;
      out += "\r\n";
    }
    out += fmt::format("Content-Length: {}\r\n", call.body.size());
  }
  out += "\r\n";
  out += call.body;
  wipe(call.body);
}

Lease HttpsTransport::try_lease() {
  Handle connection = pool_->try_acquire();
  if (!connection) return {};
  return {*this, std::move(connection)};
}

Task<std::expected<Lease, TransportError>> HttpsTransport::lease() {
  const std::shared_ptr<ConnectionPool> pool = pool_;
  Outcome<Handle> acquired = co_await pool->acquire();
  if (!acquired) co_return std::unexpected(std::move(acquired.error()));
  co_return Lease(*this, std::move(*acquired));
}

void HttpsTransport::give_back(std::shared_ptr<ReadyConnection> connection) {
  pool_->release(std::static_pointer_cast<Connection>(std::move(connection)));
}

Task<std::expected<HttpReply, TransportError>> HttpsTransport::send(
    std::shared_ptr<ReadyConnection> connection, HttpCall call) {
  const std::shared_ptr<ConnectionPool> pool = pool_;
  Handle handle = std::static_pointer_cast<Connection>(std::move(connection));
  if (!is_well_formed(call)) {
    pool->release(handle);
    TransportError error = pool->failure(Errc::invalid, "request to", "control characters in the request");
    error.nothing_sent = true;
    co_return std::unexpected(std::move(error));
  }
  Use use(*pool, std::move(handle));
  Exchange exchange{.pool = *pool, .connection = *use};
  exchange.begin();
  // Something arrived between two requests: closed, or an answer to nothing that must not become this one's.
  if ((*use).has_unread_input()) {
    TransportError error = exchange.lost("connection no longer usable", true);
    error.nothing_sent = true;
    co_return std::unexpected(std::move(error));
  }
  if ((*use).requests > 0) pool->note_reuse();
  write_request(call, (*use).out);
  std::string_view rest = (*use).out;
  IoResult written = exchange.write(rest);
  if (!rest.empty()) {
    Outcome<void> sent = co_await exchange.send_rest(rest, std::move(written));
    if (!sent) co_return std::unexpected(std::move(sent.error()));
  }
  wipe((*use).out);
  Outcome<bool> reusable = co_await exchange.receive();
  if (!reusable) co_return std::unexpected(std::move(reusable.error()));
  HttpReply reply = (*use).reader.take_reply();
  ++(*use).requests;
  use.end(*reusable);
  co_return reply;
}

}  // namespace syncd::api
