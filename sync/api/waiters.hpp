#pragma once

#include <functional>
#include <list>
#include <optional>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "sync/api/task.hpp"

namespace syncd::api {

// Tasks that wait for something to happen on the io thread: the condition variable of single-threaded
// coroutines. A resumed task runs from the run queue, never inside notify. Must be empty when destroyed.
class Waiters {
 public:
  explicit Waiters(IoExecutor executor) : executor_(std::move(executor)) {}
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;

  // Returns after a notify, or at once when the task is cancelled (ask this_coro::cancellation_state).
  Task<void> wait() { return suspend(true); }
  // The same, deaf to cancellation: for work that another thread has in its hands.
  Task<void> wait_uncancellable() { return suspend(false); }

  void notify_one() {
    if (!nodes_.empty()) complete(nodes_.begin());
  }
  void notify_all() {
    while (!nodes_.empty())
      complete(nodes_.begin());
  }
  bool empty() const { return nodes_.empty(); }

 private:
  struct Node {
    std::move_only_function<void()> resume;
    boost::asio::cancellation_slot slot;
  };
  using Nodes = std::list<Node>;
  using Token = boost::asio::use_awaitable_t<IoExecutor>;

  Task<void> suspend(bool cancellable) {
    auto initiate = [this, cancellable](auto handler) { add(std::move(handler), cancellable); };
    const Token token;
    co_await boost::asio::async_initiate<const Token, void()>(initiate, token);
  }

  template <class Handler>
  void add(Handler handler, bool cancellable) {
    auto slot = boost::asio::get_associated_cancellation_slot(handler);
    nodes_.push_back({[handler = std::move(handler)]() mutable { std::move(handler)(); }, {}});
    if (!cancellable || !slot.is_connected()) return;
    const auto node = std::prev(nodes_.end());
    node->slot = slot;
    // The slot keeps this function after it has run: a second signal must find nothing to do.
    slot.assign([this, waiting = std::optional(node)](boost::asio::cancellation_type) mutable {
      if (!waiting) return;
      const auto told = *std::exchange(waiting, std::nullopt);
      told->slot = {};  // must not be cleared from inside itself
      complete(told);
    });
  }

  void complete(Nodes::iterator node) {
    if (node->slot.is_connected()) node->slot.clear();
    auto resume = std::move(node->resume);
    nodes_.erase(node);
    boost::asio::post(executor_, std::move(resume));
  }

  IoExecutor executor_;
  Nodes nodes_;
};

}  // namespace syncd::api
