#include <algorithm>
#include <exception>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/secret.hpp"
#include "tests/loopback/fake_server.hpp"
#include "tests/loopback/http_client.hpp"
#include "tests/sim/virtual_timers.hpp"

// What the gate promises is about the wire: here with real connections, in a time that only the test moves.
namespace syncd::test {
namespace {

using core::Endpoint;
using core::Errc;

constexpr std::string_view too_many =
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view link_answer =
    R"({"link_id":"l","institution_id":"i","state":"connected","error_code":null,"products":{}})";

class Caller {
 public:
  using Outcome = core::Result<std::shared_ptr<const core::LinkAnswer>>;
  struct Call {
    std::optional<Outcome> outcome;
    boost::asio::cancellation_signal signal;
  };

  explicit Caller(const api::TransportOptions& options)
      : client(options),
        timers(client.io(), core::WallTime(core::Millis(1'700'000'000'000)), 1),
        gate(timers, {}),
        upstream(client.transport(), gate, timers, credentials(), [](const core::HttpReport&) {}) {}
  ~Caller() {
    for (Call& call : calls) {
      if (!call.outcome) call.signal.emit(boost::asio::cancellation_type::terminal);
    }
    client.run_until([this] {
      return std::ranges::all_of(calls, [](const Call& call) { return call.outcome.has_value(); });
    });
  }

  Call& start(const std::string& link) {
    Call& call = calls.emplace_back();
    auto task = ask(upstream, core::LinkId{link}, call);
    boost::asio::co_spawn(
        client.io().get_executor(), std::move(task),
        boost::asio::bind_cancellation_slot(call.signal.slot(), [](std::exception_ptr error) {
          if (error) std::rethrow_exception(error);
        }));
    return call;
  }
  api::BudgetUse use() {
    for (const api::BudgetUse& use : gate.use())
      if (use.endpoint == Endpoint::link) return use;
    return {};
  }

  HttpClient client;
  VirtualTimers timers;
  api::RateGate gate;
  api::MoneykitApi upstream;
  std::list<Call> calls;

 private:
  static api::ApiOptions credentials() {
    api::ApiOptions options;
    options.client_id = "id";
    options.client_secret = std::make_shared<const api::Secret>("hunter2");
    return options;
  }
  static api::Task<void> ask(api::MoneykitApi& upstream, core::LinkId link_id, Call& call) {
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    Outcome outcome = co_await upstream.link(std::move(link_id), core::Cause::schedule);
    call.outcome.emplace(std::move(outcome));
  }
};

TEST(gate, a_429_holds_back_those_that_queue_for_a_connection) {
  FakeServer server;
  server.on_connection()
      .read_request()
      .wait_for_gate()
      .send(std::string(too_many))
      .serve(json_answer(link_answer));
  api::TransportOptions options = plain_options(server.start());
  options.connections_max = 1;
  Caller caller(options);
  Caller::Call& first = caller.start("a");
  Caller::Call& second = caller.start("b");
  Caller::Call& third = caller.start("c");
  caller.client.run_until([&] { return server.request_count() == 1; });
  EXPECT_EQ(caller.client.transport().stats().waiting, 2U);
  server.open_gate();
  caller.client.run_until([&] { return first.outcome && caller.use().waiting == 2; });
  EXPECT_EQ(first.outcome->error().code, Errc::throttled);
  EXPECT_EQ(caller.use().used, 1U);
  EXPECT_EQ(caller.client.transport().stats().idle, 1U) << "nobody holds a connection while it waits";
  // The window closes; both go out on the connection that was given back unharmed.
  const api::SteadyTime end = caller.timers.steady_now() + std::chrono::seconds(120);
  caller.timers.run_until(end - core::Millis(1));
  EXPECT_EQ(server.request_count(), 1U);
  caller.timers.run_until(end);
  caller.client.run_until([&] { return second.outcome && third.outcome; });
  EXPECT_TRUE(*second.outcome && *third.outcome);
  EXPECT_EQ(server.connections(), 1U);
  EXPECT_EQ(caller.use().used, 2U) << "the one before the window is more than a minute old";
}

}  // namespace
}  // namespace syncd::test
