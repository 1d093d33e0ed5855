#include "daemon/webhook/key_keeper.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

namespace syncd::daemon {

namespace asio = boost::asio;

KeyKeeper::KeyKeeper(api::Timers& timers, api::IoExecutor executor, Fetch fetch, OnFetch on_fetch,
                     std::function<void(std::exception_ptr)> on_exception)
    : timers_(timers),
      fetch_(std::move(fetch)),
      on_fetch_(std::move(on_fetch)),
      fetched_(executor),
      group_(executor, std::move(on_exception)) {
}

bool KeyKeeper::restore(const std::vector<core::PublicKey>& keys, core::Millis age) {
  if (age < core::Millis(0) || age >= key_set_age_max) return false;
  auto made = made_of(keys);
  if (!made) return false;
  keys_ = std::move(*made);
  fetched_at_ = timers_.steady_now() - age;
  attempted_at_ = fetched_at_;
  last_worked_ = true;
  return true;
}

void KeyKeeper::start() {
  if (may_fetch(timers_.steady_now())) begin_fetch();
  group_.spawn(keep_fresh());
}

api::Task<void> KeyKeeper::stop() {
  stopping_ = true;
  group_.cancel();
  co_await group_.join();
  fetched_.notify_all();
}

std::optional<core::Millis> KeyKeeper::age() const {
  if (!fetched_at_) return std::nullopt;
  return timers_.steady_now() - *fetched_at_;
}

bool KeyKeeper::has_usable_set(api::SteadyTime now) const {
  return fetched_at_.has_value() && now - *fetched_at_ < key_set_age_max;
}

bool KeyKeeper::may_fetch(api::SteadyTime now) const {
  return !fetching_ && !stopping_ && (!attempted_at_ || now - *attempted_at_ >= key_set_fetched_every);
}

void KeyKeeper::begin_fetch() {
  fetching_ = true;
  attempted_at_ = timers_.steady_now();
  group_.spawn(fetch());
}

// A task of its own: whoever asked for the key may leave, and the request was counted all the same.
api::Task<void> KeyKeeper::fetch() {
  auto answer = co_await fetch_();
  fetching_ = false;
  const bool cancelled = !answer && answer.error().code == core::Errc::cancelled;
  const core::Result<std::size_t> taken = take(std::move(answer));
  last_worked_ = taken.has_value();
  if (!cancelled && on_fetch_) on_fetch_(taken);
  fetched_.notify_all();
}

core::Result<std::size_t> KeyKeeper::take(core::Result<core::KeySetAnswer> answer) {
  if (!answer) return std::unexpected(std::move(answer.error()));
  auto made = made_of(answer->keys);
  if (!made) return std::unexpected(std::move(made.error()));
  keys_ = std::move(*made);
  fetched_at_ = timers_.steady_now();
  if (keep_) keep_(answer->keys);
  return keys_.size();
}

// All keys or none: a set with a key that is no point of the curve is not believed.
core::Result<KeyKeeper::Keys> KeyKeeper::made_of(const std::vector<core::PublicKey>& keys) {
  Keys made;
  for (const core::PublicKey& key : keys) {
    auto verify_key = VerifyKey::create(key);
    if (!verify_key) return core::fail(core::Errc::protocol, "key_set: " + verify_key.error().message);
    made.emplace(key.kid, std::make_shared<const VerifyKey>(std::move(*verify_key)));
  }
  return made;
}

api::Task<KeyLookup> KeyKeeper::find(std::string kid, api::SteadyTime deadline) {
  using namespace asio::experimental::awaitable_operators;
  using enum KeyLookup::Answer;
  for (;;) {
    const api::SteadyTime now = timers_.steady_now();
    const bool usable = has_usable_set(now);
    if (usable) {
      const auto known = keys_.find(kid);
      if (known != keys_.end()) co_return KeyLookup{.answer = found, .key = known->second};
    }
    if (may_fetch(now)) begin_fetch();
    // Nobody can say that a key is unknown while the last look at upstream failed.
    if (!fetching_) co_return KeyLookup{.answer = usable && last_worked_ ? unknown : unavailable};
    const auto state = co_await asio::this_coro::cancellation_state;
    const bool cancelled = state.cancelled() != asio::cancellation_type::none;
    if (cancelled || now >= deadline) co_return KeyLookup{.answer = unavailable};
    auto ended = fetched_.wait();
    auto late = timers_.sleep_until(deadline);
    co_await (std::move(ended) || std::move(late));
  }
}

api::SteadyTime KeyKeeper::next_renewal() const {
  const api::SteadyTime now = timers_.steady_now();
  const api::SteadyTime due = fetched_at_ ? *fetched_at_ + key_set_renewed_after : now;
  const api::SteadyTime allowed = attempted_at_ ? *attempted_at_ + key_set_fetched_every : now;
  return std::max(due, allowed);
}

api::Task<void> KeyKeeper::keep_fresh() {
  while (!stopping_) {
    if (next_renewal() <= timers_.steady_now() && may_fetch(timers_.steady_now())) begin_fetch();
    // Also behind one that is under way: it is looked at again when it may have failed.
    const api::SteadyTime next =
        std::max(next_renewal(), timers_.steady_now() + core::Millis(std::chrono::seconds(1)));
    co_await timers_.sleep_until(next);
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
  }
}

}  // namespace syncd::daemon
