#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sync/api/timers.hpp"
#include "sync/api/transport.hpp"

namespace syncd::test {

// A clock that stands still until somebody sleeps.
class FakeTimers final : public api::Timers {
 public:
  core::WallTime wall_now() override {
    return core::WallTime(core::Millis(1'700'000'000'000)) + since_start_;
  }
  api::SteadyTime steady_now() override { return api::SteadyTime(core::Millis(5'000'000)) + since_start_; }
  std::uint64_t random() override { return 4; }
  api::Task<void> sleep_until(api::SteadyTime due) override;

  void advance(core::Millis by) { since_start_ += by; }
  std::size_t sleeps() const { return sleeps_; }

 private:
  core::Millis since_start_{0};
  std::size_t sleeps_ = 0;
};

// Answers each call by a function of the test, after the event loop went round a few times. A connection is
// never ready at once; what happens while one is made ready is the test's, too.
class FakeTransport final : public api::Transport {
 public:
  using Answer = std::expected<api::HttpReply, api::TransportError>;
  using Upstream = std::function<Answer(const api::HttpCall&)>;

  explicit FakeTransport(Upstream upstream) : upstream_(std::move(upstream)) {}
  api::Lease try_lease() override { return {}; }
  api::Task<std::expected<api::Lease, api::TransportError>> lease() override;

  // Called for each connection after it was asked for and before it is ready.
  std::function<void()> while_connecting;
  std::optional<api::TransportError> refusal;  // instead of a connection
  std::size_t given_back() const { return given_back_; }
  const std::vector<api::HttpCall>& calls() const { return calls_; }
  std::size_t count(const std::string& target_part) const;

 private:
  api::Task<Answer> send(std::shared_ptr<api::ReadyConnection> connection, api::HttpCall call) override;
  void give_back(std::shared_ptr<api::ReadyConnection>) override { ++given_back_; }

  Upstream upstream_;
  std::vector<api::HttpCall> calls_;
  std::size_t given_back_ = 0;
};

api::HttpReply json_reply(int status, std::string body);
api::HttpReply error_reply(int status, const std::string& code);
std::string header_of(const api::HttpCall& call, std::string_view name);  // empty: none

}  // namespace syncd::test
