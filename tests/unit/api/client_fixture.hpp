#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/secret.hpp"
#include "tests/unit/api/fake_upstream.hpp"

namespace syncd::test {

using LinkResult = core::Result<std::shared_ptr<const core::LinkAnswer>>;

// A client on a scripted upstream.
class ClientFixture {
 public:
  using Upstream = FakeTransport::Upstream;

  ClientFixture(api::AuthMethod auth, Upstream upstream)
      : transport(std::move(upstream)),
        gate(timers, {}),
        client(transport, gate, timers, options(auth), reporter()) {}

  template <class T>
  T run(api::Task<T> task) {
    std::optional<T> result;
    boost::asio::co_spawn(io, keep(std::move(task), result), rethrow);
    io.restart();
    io.run();
    return std::move(*result);
  }
  template <class T>
  static api::Task<void> keep(api::Task<T> task, std::optional<T>& result) {
    co_await boost::asio::this_coro::throw_if_cancelled(false);
    T value = co_await std::move(task);
    result.emplace(std::move(value));
  }
  static void rethrow(std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  }
  LinkResult link() { return run(client.link(core::LinkId("l1"), core::Cause::schedule)); }

  static api::ApiOptions options(api::AuthMethod auth) {
    api::ApiOptions made;
    made.auth = auth;
    made.client_id = "id+1";
    made.client_secret = std::make_shared<const api::Secret>("hunter2&");
    return made;
  }
  std::function<void(const core::HttpReport&)> reporter() {
    return [this](const core::HttpReport& report) { reports.push_back(report); };
  }

  boost::asio::io_context io{1};
  FakeTimers timers;
  FakeTransport transport;
  api::RateGate gate;
  std::vector<core::HttpReport> reports;
  api::MoneykitApi client;
};

}  // namespace syncd::test
