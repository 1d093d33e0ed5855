#pragma once

#include <optional>
#include <utility>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "sync/api/task.hpp"

namespace syncd::api {

enum class Wake : unsigned char { ready, timed_out, cancelled };

// One task waits, anybody on the io thread wakes it; the cancellation of the task wakes it too. Costs no
// allocation of its own. The slot must live until the task has resumed, so it belongs to the task's frame
// or to something that the frame keeps alive.
class WakeSlot {
 public:
  explicit WakeSlot(IoExecutor executor) : executor_(std::move(executor)) {}
  WakeSlot(const WakeSlot&) = delete;
  WakeSlot& operator=(const WakeSlot&) = delete;

  bool waiting() const { return handler_.has_value(); }

  // Suspends until woken. At most one task at a time. A task that is already cancelled is not woken by that:
  // ask before waiting.
  Task<Wake> wait() {
    const Token token;
    return boost::asio::async_initiate<const Token&, void(Wake)>(
        [this](Handler handler) {
          auto slot = boost::asio::get_associated_cancellation_slot(handler);
          handler_.emplace(std::move(handler));
          if (slot.is_connected()) {
            slot.assign([this](boost::asio::cancellation_type) { wake(Wake::cancelled); });
          }
        },
        token);
  }

  // Resumes the waiting task from the event loop, after the caller; nothing happens when nobody waits.
  void wake(Wake why) {
    if (!handler_) return;
    boost::asio::post(executor_, [handler = take(), why]() mutable { handler(why); });
  }
  // Resumes the waiting task before returning. Only from a completion handler, where no task is running.
  void wake_inline(Wake why) {
    if (!handler_) return;
    Handler handler = take();
    handler(why);
  }

 private:
  using Token = boost::asio::use_awaitable_t<IoExecutor>;
  using Handler = boost::asio::async_result<Token, void(Wake)>::handler_type;

  Handler take() {
    Handler handler = std::move(*handler_);
    handler_.reset();
    return handler;
  }

  IoExecutor executor_;
  std::optional<Handler> handler_;
};

}  // namespace syncd::api
