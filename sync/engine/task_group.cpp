#include "sync/engine/task_group.hpp"

#include <cassert>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

namespace syncd::engine {

TaskGroup::TaskGroup(api::IoExecutor executor, std::function<void(std::exception_ptr)> on_exception)
    : executor_(executor), on_exception_(std::move(on_exception)), empty_(executor) {
}

TaskGroup::~TaskGroup() {
  assert(children_.empty() && "a task group must be joined before it is destroyed");
}

api::Task<void> TaskGroup::run(api::Task<void> task) {
  co_await boost::asio::this_coro::throw_if_cancelled(false);
  co_await std::move(task);
}

void TaskGroup::spawn(api::Task<void> task) {
  const auto child = children_.emplace(children_.end());
  auto on_end = [this, child](std::exception_ptr error) { finished(child, error); };
  boost::asio::co_spawn(executor_, run(std::move(task)),
                        boost::asio::bind_cancellation_slot(child->slot(), std::move(on_end)));
}

void TaskGroup::cancel() {
  // A task that ends while it is told may take itself out of the list: step on before telling it.
  for (auto child = children_.begin(); child != children_.end();) {
    const auto current = child++;
    current->emit(boost::asio::cancellation_type::terminal);
  }
}

api::Task<void> TaskGroup::join() {
  while (!children_.empty()) {
    co_await empty_.wait_uncancellable();
  }
}

void TaskGroup::finished(Children::iterator child, std::exception_ptr error) {
  children_.erase(child);
  if (error) on_exception_(error);
  if (children_.empty()) empty_.notify_all();
}

}  // namespace syncd::engine
