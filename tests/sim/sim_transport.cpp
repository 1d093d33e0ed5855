#include "tests/sim/sim_transport.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include <boost/asio/this_coro.hpp>

namespace syncd::test {

namespace {

using core::Endpoint;
using core::Errc;

constexpr core::Millis first_byte_deadline{30'000};
constexpr core::Millis answer_deadline{120'000};
constexpr core::Millis connect_deadline{10'000};
constexpr core::Millis idle_deadline{50'000};
// In thousandths of all requests, and of the connections made for the others.
constexpr std::uint32_t kept_connections = 600;
constexpr std::uint32_t long_connects = 50;
// No certificate is valid before.
constexpr core::WallTime first_certificate{std::chrono::sys_days{std::chrono::year{2024} / 1 / 1}};

std::unexpected<api::TransportError> broken(Errc code, std::string message, bool stale = false) {
  return std::unexpected(api::TransportError{{.code = code, .message = std::move(message)}, stale});
}

WireRequest wire_request(api::Method method, const std::string& target) {
  const std::string_view path = std::string_view(target).substr(0, target.find('?'));
  WireRequest wire{.endpoint = Endpoint::link, .link_id = {}, .target = target};
  constexpr std::string_view links = "/links/";
  if (path == "/auth/token") wire.endpoint = Endpoint::token;
  if (path == "/auth/introspect") wire.endpoint = Endpoint::introspect;
  if (path == "/.well-known/jwks.json") wire.endpoint = Endpoint::key_set;
  if (path == "/links") wire.endpoint = Endpoint::links;
  if (path == "/link-session") wire.endpoint = Endpoint::link_session;
  if (path == "/link-session/exchange-token") wire.endpoint = Endpoint::exchange_token;
  if (path.starts_with("/users/")) wire.endpoint = Endpoint::user_links;
  if (!path.starts_with(links)) return wire;
  if (method == api::Method::del) wire.endpoint = Endpoint::delete_link;
  if (method == api::Method::patch) wire.endpoint = Endpoint::update_link;
  wire.link_id = path.substr(links.size(), path.find('/', links.size()) - links.size());
  if (path.ends_with("/transactions/sync")) wire.endpoint = Endpoint::sync;
  if (path.ends_with("/products")) wire.endpoint = Endpoint::products;
  if (path.ends_with("/accounts")) wire.endpoint = Endpoint::accounts;
  return wire;
}

std::string header(const sandbox::HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (std::ranges::equal(key, name, [](char a, char b) { return std::tolower(a) == std::tolower(b); }))
      return value;
  }
  return {};
}

// IMF-fixdate (RFC 9110 5.6.7): every origin server with a clock sends one.
std::string http_date(core::WallTime at) {
  static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(at - day));
  char text[40];
  std::snprintf(text, sizeof text, "%s, %02u %s %04d %02d:%02d:%02d GMT",
                days[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text;
}

api::HttpReply reply_of(sandbox::HttpResponse response, core::WallTime at) {
  api::HttpReply reply;
  reply.status = response.status;
  reply.retry_after = header(response, "retry-after");
  reply.date = header(response, "date");
  if (reply.date.empty()) reply.date = http_date(at);
  reply.json = header(response, "content-type").starts_with("application/json");
  reply.body = std::move(response.body);
  return reply;
}

void add_fields(sandbox::HttpRequest& request, const api::HttpCall& call) {
  std::string_view block = call.headers ? call.headers->reveal() : std::string_view();
  while (!block.empty()) {
    const std::string_view field = block.substr(0, block.find("\r\n"));
    const std::size_t colon = field.find(": ");
    request.headers.emplace_back(field.substr(0, colon), field.substr(colon + 2));
    block.remove_prefix(field.size() + 2);
  }
}

sandbox::HttpRequest request_of(const api::HttpCall& call) {
  sandbox::HttpRequest request;
  request.method = to_string(call.method);
  request.target = call.target;
  add_fields(request, call);
  if (!call.content_type.empty()) request.headers.emplace_back("Content-Type", call.content_type);
  request.body = call.body;
  return request;
}

}  // namespace

SimTransport::SimTransport(VirtualTimers& timers, sandbox::Upstream& upstream, const FaultWeights& weights,
                           const ProcessState& process, WireWatcher& watcher, std::uint64_t seed)
    : timers_(timers),
      upstream_(upstream),
      weights_(weights),
      process_(process),
      watcher_(watcher),
      random_(seed) {
}

bool SimTransport::clock_is_impossible() const {
  return timers_.wall_now() < first_certificate;
}

api::Lease SimTransport::try_lease() {
  if (weights_.upstream_down || clock_is_impossible() || !happens(kept_connections)) return {};
  return {*this, std::make_shared<api::ReadyConnection>()};
}

void SimTransport::kill_kept(std::uint64_t connections) {
  dead_kept_ = connections;
  dead_until_ = timers_.steady_now() + idle_deadline;
}

// Mostly a handshake; now and then the connect deadline or a long queue.
core::Millis SimTransport::connection_phase() {
  if (happens(long_connects)) return core::Millis(random_() % 90'000);
  return core::Millis(random_() % 400);
}

api::Task<std::expected<api::Lease, api::TransportError>> SimTransport::lease() {
  // A task that was told to end while its turn was already queued must not begin to wait.
  const auto before = co_await boost::asio::this_coro::cancellation_state;
  if (process_.dead || before.cancelled() != boost::asio::cancellation_type::none) {
    co_return broken(Errc::cancelled, "stopped");
  }
  const bool black_hole = happens(Hazard::connect_timeout, "connect timed out");
  const core::Millis phase = black_hole ? connect_deadline : connection_phase();
  co_await timers_.sleep_until(timers_.steady_now() + phase);
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (process_.dead || state.cancelled() != boost::asio::cancellation_type::none) {
    co_return broken(Errc::cancelled, "stopped");
  }
  if (black_hole) co_return broken(Errc::timeout, "connect: no answer within 10 s");
  if (weights_.upstream_down) {
    ++made_up_["upstream is down"];
    co_return broken(Errc::transport, "connect: no route to host");
  }
  if (clock_is_impossible()) {
    ++made_up_["certificate from the future"];
    co_return broken(Errc::transport, "TLS: the certificate is not yet valid");
  }
  if (happens(Hazard::dns_failure, "name not resolved"))
    co_return broken(Errc::transport, "resolve: the name server failed");
  if (happens(Hazard::refused, "connection refused"))
    co_return broken(Errc::transport, "connect: connection refused");
  if (happens(Hazard::tls_failure, "TLS handshake failed"))
    co_return broken(Errc::transport, "TLS: certificate verify failed");
  co_return api::Lease(*this, std::make_shared<api::ReadyConnection>());
}

api::Task<SimTransport::Sent> SimTransport::send(std::shared_ptr<api::ReadyConnection>, api::HttpCall call) {
  const auto before = co_await boost::asio::this_coro::cancellation_state;
  if (before.cancelled() != boost::asio::cancellation_type::none)
    co_return broken(Errc::cancelled, "stopped");
  const WireRequest wire = wire_request(call.method, call.target);
  if (!process_.dead) {
    const std::size_t same_link = wire.link_id.empty() ? 0 : in_flight_.count(wire.link_id);
    watcher_.on_request(wire, same_link, in_flight_.size() + 1);
  }
  const auto place = in_flight_.insert(wire.link_id);
  Sent reply = co_await exchange(wire, call);
  in_flight_.erase(place);
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (process_.dead || state.cancelled() != boost::asio::cancellation_type::none) {
    co_return broken(Errc::cancelled, "stopped");
  }
  if (reply) watcher_.on_answer(wire, *reply);
  co_return reply;
}

api::Task<SimTransport::Sent> SimTransport::exchange(const WireRequest& wire, const api::HttpCall& call) {
  if (process_.dead) co_return broken(Errc::cancelled, "stopped");
  const bool dead_socket = dead_kept_ > 0 && timers_.steady_now() < dead_until_;
  if (dead_socket) {
    --dead_kept_;
    ++made_up_["socket dead after a suspend"];
  }
  if (dead_socket || happens(Hazard::stale_connection, "connection found closed"))
    co_return broken(Errc::transport, "the connection was closed", true);
  if (weights_.upstream_down || happens(Hazard::refused, "connection broken before the request")) {
    co_await timers_.sleep_until(timers_.steady_now() + core::Millis(random_() % 10'000));
    co_return broken(Errc::transport, "connection reset by peer");
  }
  const core::WallTime answered_at = timers_.true_now();
  const sandbox::HttpRequest request = request_of(call);
  sandbox::HttpResponse response = upstream_.respond(request, answered_at);
  watcher_.on_answer_under_way(wire, response);
  Sent sent = co_await deliver(std::move(response), answered_at);
  co_return sent;
}

// The way back, with its deadlines.
api::Task<SimTransport::Sent> SimTransport::deliver(sandbox::HttpResponse response,
                                                    core::WallTime answered_at) {
  const bool silent = happens(Hazard::silent_peer, "peer silent after the request");
  const bool slow = happens(Hazard::slow_answer, "answer trickles in");
  const core::Millis latency{5 + random_() % 300 + response.transport.delay_ms};
  const bool late = silent || latency > first_byte_deadline;
  const core::Millis wait = slow && !late ? answer_deadline : std::min(latency, first_byte_deadline);
  co_await timers_.sleep_until(timers_.steady_now() + (silent ? first_byte_deadline : wait));
  if (late && !silent) ++made_up_["answer too late"];
  if (late) co_return broken(Errc::timeout, "no answer within 30 s");
  if (slow) co_return broken(Errc::timeout, "the answer was not complete within 120 s");
  co_return arrive(std::move(response), answered_at);
}

SimTransport::Sent SimTransport::arrive(sandbox::HttpResponse response, core::WallTime answered_at) {
  if (happens(Hazard::answer_lost, "answer lost")) return broken(Errc::transport, "connection reset by peer");
  const sandbox::Transport& transport = response.transport;
  if (transport.reset_before || transport.close_before)
    return broken(Errc::transport, "closed without an answer");
  if (transport.cut_at_byte) return broken(Errc::transport, "closed in the middle of the answer");
  if (happens(Hazard::bad_framing, "answer badly framed"))
    return broken(Errc::server, "the answer has both Content-Length and Transfer-Encoding");
  if (happens(Hazard::compressed_answer, "answer compressed"))
    return broken(Errc::server, "the answer is compressed though nobody asked for it");
  if (response.body.size() > weights_.answer_bytes_max) {
    ++made_up_["answer too large"];
    auto refused = broken(Errc::protocol, std::string(answer_too_large));
    refused.error().error.too_large = true;
    return refused;
  }
  return reply_of(std::move(response), answered_at);
}

}  // namespace syncd::test
