#include "sync/api/token_keeper.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <boost/asio/this_coro.hpp>

namespace syncd::api {

namespace {

using core::Millis;

constexpr std::chrono::seconds token_life_min{1};
constexpr std::chrono::seconds token_life_max{86'400};
// After an early renewal has failed, while the old token still serves.
constexpr Millis renewal_pause{10'000};

std::unexpected<core::Error> cancelled() {
  return core::fail(core::Errc::cancelled, "given up while waiting for an access token");
}

}  // namespace

bool TokenKeeper::usable(std::uint64_t refused) const {
  return serial_ > refused && timers_.steady_now() < expires_at_;
}

bool TokenKeeper::is_fresh(std::uint64_t refused) const {
  const bool can_wait_for_renewal = renewing_ || timers_.steady_now() < renew_at_;
  return can_wait_for_renewal && usable(refused);
}

Task<core::Result<void>> TokenKeeper::ensure(core::Cause cause, std::uint64_t refused) {
  for (;;) {
    if (is_fresh(refused)) co_return core::Result<void>{};
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return cancelled();
    if (!renewing_) {
      core::Result<void> renewed = co_await renew(cause);
      if (!renewed && !usable(refused)) co_return renewed;
      continue;
    }
    const std::uint64_t round = rounds_;
    co_await waiters_->wait();
    const auto woken = co_await boost::asio::this_coro::cancellation_state;
    if (woken.cancelled() != boost::asio::cancellation_type::none) co_return cancelled();
    if (rounds_ == round && !renewing_ && failure_ && !usable(refused)) co_return std::unexpected(*failure_);
  }
}

Task<core::Result<void>> TokenKeeper::renew(core::Cause cause) {
  if (!waiters_) {
    const IoExecutor executor = co_await boost::asio::this_coro::executor;
    waiters_.emplace(executor);
  }
  struct Round {
    explicit Round(TokenKeeper& its_keeper) : keeper(its_keeper) {
      keeper.renewing_ = true;
      ++keeper.rounds_;
      keeper.failure_.reset();
    }
    Round(const Round&) = delete;
    Round& operator=(const Round&) = delete;
    // Only running out of memory throws here, and that ends the process.
    // NOLINTNEXTLINE(bugprone-exception-escape)
    ~Round() {
      keeper.renewing_ = false;
      keeper.waiters_->notify_all();
    }
    TokenKeeper& keeper;
  };
  const Round round(*this);
  const SteadyTime asked_at = timers_.steady_now();
  core::Result<core::TokenAnswer> answer = co_await requester_.request_token(cause);
  if (answer) {
    store(std::move(*answer), asked_at);
    co_return core::Result<void>{};
  }
  if (answer.error().code != core::Errc::cancelled) failure_ = answer.error();
  renew_at_ = timers_.steady_now() + renewal_pause;
  co_return std::unexpected(std::move(answer.error()));
}

void TokenKeeper::store(core::TokenAnswer answer, SteadyTime asked_at) {
  const Millis life = std::clamp(answer.expires_in, token_life_min, token_life_max);
  std::string value;
  value.reserve(answer.access_token.size() + 8);
  value += "Bearer ";
  value += answer.access_token;
  wipe(answer.access_token);
  authorization_ = Secret(std::move(value));
  ++serial_;
  expires_at_ = asked_at + life;
  renew_at_ = asked_at + life * 85 / 100;
}

}  // namespace syncd::api
