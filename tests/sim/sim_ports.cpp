#include "tests/sim/sim_ports.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include <boost/asio/this_coro.hpp>

#include "tests/sim/retry_windows.hpp"

namespace syncd::test {

namespace {

using core::Errc;

constexpr core::Millis answer_deadline{30'000};
// In thousandths of all requests, and of the connections made for the others.
constexpr std::uint32_t kept_connections = 600;
constexpr std::uint32_t long_connects = 50;

std::unexpected<api::TransportError> broken(Errc code, std::string message, bool stale = false) {
  return std::unexpected(api::TransportError{{.code = code, .message = std::move(message)}, stale});
}

std::string link_of(const std::string& target) {
  constexpr std::string_view prefix = "/links/";
  if (!target.starts_with(prefix)) return {};
  return target.substr(prefix.size(), target.find_first_of("/?", prefix.size()) - prefix.size());
}

// Path without ids and query: what a budget and a Retry-After are about.
std::string endpoint_of(const std::string& target) {
  const std::string link = link_of(target);
  std::string path = target.substr(0, target.find('?'));
  if (!link.empty()) path.replace(path.find(link), link.size(), "*");
  return path;
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

}  // namespace

SimTransport::SimTransport(VirtualTimers& timers, sandbox::Upstream& upstream, const FaultWeights& weights,
                           const ProcessState& process, KnownWindows& windows, std::uint64_t seed)
    : timers_(timers),
      upstream_(upstream),
      weights_(weights),
      process_(process),
      windows_(windows),
      random_(seed) {
}

api::Lease SimTransport::try_lease() {
  if (!happens(kept_connections)) return {};
  return {*this, std::make_shared<api::ReadyConnection>()};
}

// Mostly a handshake; now and then the connect deadline or a long queue.
core::Millis SimTransport::connection_phase() {
  if (happens(long_connects)) return core::Millis(random_() % 90'000);
  return core::Millis(random_() % 400);
}

api::Task<std::expected<api::Lease, api::TransportError>> SimTransport::lease() {
  co_await timers_.sleep_until(timers_.steady_now() + connection_phase());
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (process_.dead || state.cancelled() != boost::asio::cancellation_type::none) {
    co_return broken(Errc::cancelled, "stopped");
  }
  if (happens(weights_.request_lost, "request lost"))
    co_return broken(Errc::transport, "connect: connection refused");
  co_return api::Lease(*this, std::make_shared<api::ReadyConnection>());
}

api::Task<std::expected<api::HttpReply, api::TransportError>> SimTransport::send(
    std::shared_ptr<api::ReadyConnection>, api::HttpCall call) {
  const std::string link = link_of(call.target);
  if (!link.empty() && in_flight_.contains(link)) ++overlapping_;
  const std::string endpoint = endpoint_of(call.target);
  if (timers_.true_now() < windows_.until[endpoint]) ++windows_.broken;
  const auto place = in_flight_.insert(link);
  auto reply = co_await exchange(call);
  in_flight_.erase(place);
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (process_.dead || state.cancelled() != boost::asio::cancellation_type::none) {
    co_return broken(Errc::cancelled, "stopped");
  }
  if (reply) learn(endpoint, *reply);
  co_return reply;
}

void SimTransport::learn(const std::string& endpoint, const api::HttpReply& reply) {
  if (reply.status != 429) return;
  const AskedWait asked = asked_wait(reply.retry_after, timers_.true_now());
  ++windows_.told[std::string(asked.form)];
  windows_.until[endpoint] = std::max(windows_.until[endpoint], asked.until);
}

api::Task<std::expected<api::HttpReply, api::TransportError>> SimTransport::exchange(
    const api::HttpCall& call) {
  if (process_.dead) co_return broken(Errc::cancelled, "stopped");
  if (happens(weights_.stale_connection, "connection found closed"))
    co_return broken(Errc::transport, "the connection was closed", true);
  if (happens(weights_.request_lost, "request lost")) {
    co_await timers_.sleep_until(timers_.steady_now() + core::Millis(random_() % 10'000));
    co_return broken(Errc::transport, "connect: connection refused");
  }
  sandbox::HttpRequest request;
  request.method = call.method == api::Method::get ? "GET" : "POST";
  request.target = call.target;
  add_fields(request, call);
  if (!call.content_type.empty()) request.headers.emplace_back("Content-Type", call.content_type);
  request.body = call.body;
  const core::WallTime answered_at = timers_.true_now();
  sandbox::HttpResponse response = upstream_.respond(request, answered_at);

  const core::Millis latency{5 + random_() % 300 + response.transport.delay_ms};
  const bool late = latency > answer_deadline;
  co_await timers_.sleep_until(timers_.steady_now() + std::min(latency, answer_deadline));
  if (late) ++made_up_["answer too late"];
  if (late) co_return broken(Errc::timeout, "no answer within 30 s");
  if (happens(weights_.answer_lost, "answer lost"))
    co_return broken(Errc::transport, "connection reset by peer");
  const sandbox::Transport& transport = response.transport;
  if (transport.reset_before || transport.close_before)
    co_return broken(Errc::transport, "closed without an answer");
  if (transport.cut_at_byte) co_return broken(Errc::transport, "closed in the middle of the answer");
  co_return reply_of(std::move(response), answered_at);
}

SimStorePort::SimStorePort(VirtualTimers& timers, ModelStore& store, const FaultWeights& weights,
                           ProcessState& process, std::uint64_t seed, CommitWatcher& watcher)
    : timers_(timers), store_(store), weights_(weights), process_(process), random_(seed), watcher_(watcher) {
}

// The store thread is deaf to cancellation; a few virtual milliseconds make room for other tasks in between.
api::Task<void> SimStorePort::pause() {
  co_await timers_.sleep_until(timers_.steady_now() + core::Millis(random_() % 4));
}

api::Task<core::Result<std::optional<core::LinkRecord>>> SimStorePort::load(core::LinkId link_id) {
  co_await pause();
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  const auto found = store_.links.find(link_id);
  if (found == store_.links.end()) co_return std::optional<core::LinkRecord>{};
  co_return std::optional<core::LinkRecord>{found->second};
}

api::Task<core::Result<core::Held>> SimStorePort::lookup(core::LookupRequest request) {
  co_await pause();
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  co_return store_.lookup(request);
}

api::Task<core::Result<void>> SimStorePort::commit(core::LinkUpdate update) {
  watcher_.on_commit_begins(update);
  ++waiting_;
  co_await pause();
  --waiting_;
  const auto result = apply(update);
  ++unanswered_;
  co_await pause();
  --unanswered_;
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  co_return result;
}

// Never slow or failing: a window that is lost with the process could not be kept by any store.
api::Task<core::Result<void>> SimStorePort::put_freeze(core::GateFreeze freeze) {
  if (process_.dead) co_return core::fail(Errc::storage, "the process is gone");
  store_.freezes[freeze.endpoint] = freeze.until;
  co_return core::Result<void>{};
}

core::Result<void> SimStorePort::apply(const core::LinkUpdate& update) {
  if (process_.dead || process_.storage_failed) return core::fail(Errc::storage, "the store is closed");
  if (random_() % 1000 < weights_.commit_fails_before) {
    process_.storage_failed = true;
    ++made_up_["store fails before a commit is written"];
    return core::fail(Errc::storage, "injected: not written");
  }
  const auto found = store_.links.find(update.link_id);
  std::optional<core::LinkRecord> before;
  if (found != store_.links.end()) before = found->second;
  if (store_.apply(update) == store::CommitOutcome::conflict) {
    ++made_up_["commit refused by the fence"];
    return core::fail(Errc::conflict, "fence");
  }
  watcher_.on_committed(update, before ? &*before : nullptr);
  if (random_() % 1000 < weights_.commit_fails_after) {
    process_.storage_failed = true;
    ++made_up_["store fails after a commit is written"];
    return core::fail(Errc::storage, "injected: written but not acknowledged");
  }
  return {};
}

}  // namespace syncd::test
