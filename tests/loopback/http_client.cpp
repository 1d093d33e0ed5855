#include "tests/loopback/http_client.hpp"

#include <chrono>
#include <stdexcept>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

namespace syncd::test {

namespace {

api::Task<void> run(api::HttpsTransport& transport, std::string target, HttpClient::Pending& pending) {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  api::HttpCall call;
  call.target = std::move(target);
  auto headers = std::make_shared<api::HeaderBlock>();
  headers->add("X-Client-Secret", "hunter2");
  call.headers = std::move(headers);
  api::Lease lease = transport.try_lease();
  if (!lease) {
    auto leased = co_await transport.lease();
    if (!leased) {
      pending.outcome.emplace(std::unexpected(leased.error()));
      co_return;
    }
    lease = std::move(*leased);
  }
  HttpClient::Outcome outcome = co_await lease.send(std::move(call));
  pending.outcome.emplace(std::move(outcome));
}

}  // namespace

HttpClient::HttpClient(const api::TransportOptions& options) {
  auto transport = api::HttpsTransport::create(io_, options);
  if (!transport) throw std::runtime_error(transport.error().message);
  transport_ = std::move(*transport);
}

HttpClient::~HttpClient() {
  for (Pending& pending : pending_)
    pending.cancel();
  transport_->shutdown();
  // Nothing may be left that keeps the loop busy.
  io_.restart();
  io_.run();
}

HttpClient::Pending& HttpClient::start(const std::string& target) {
  Pending& pending = pending_.emplace_back();
  auto task = run(*transport_, target, pending);
  boost::asio::co_spawn(
      io_.get_executor(), std::move(task),
      boost::asio::bind_cancellation_slot(pending.signal.slot(), [](std::exception_ptr error) {
        if (error) std::rethrow_exception(error);
      }));
  return pending;
}

HttpClient::Outcome HttpClient::finish(Pending& pending) {
  run_until([&] { return pending.outcome.has_value(); });
  return *pending.outcome;
}

void HttpClient::run_until(const std::function<bool()>& condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) throw std::runtime_error("the awaited event never came");
    if (io_.stopped()) io_.restart();
    io_.run_one_for(std::chrono::milliseconds(2));
  }
}

void HttpClient::run_ready() {
  if (io_.stopped()) io_.restart();
  io_.poll();
}

api::TransportOptions plain_options(std::uint16_t port) {
  api::TransportOptions options;
  options.url = {.tls = false, .host = "127.0.0.1", .port = port, .path = ""};
  options.allow_private_addresses = true;
  options.deadlines.sweep_interval = std::chrono::milliseconds(2);
  return options;
}

}  // namespace syncd::test
