#pragma once

#include <exception>
#include <functional>
#include <list>

#include <boost/asio/cancellation_signal.hpp>

#include "sync/api/task.hpp"
#include "sync/api/waiters.hpp"

namespace syncd::engine {

// Every coroutine of the daemon runs in a group, and every group is joined before what its tasks refer to
// goes away. Tasks get cancellation as a state to ask for, never as an exception. An exception that leaves a
// task is a defect: it goes to `on_exception`, which should end the process.
//
// Thread: the io thread. The destructor asserts that nothing runs any more.
class TaskGroup {
 public:
  TaskGroup(api::IoExecutor executor, std::function<void(std::exception_ptr)> on_exception);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs `task` until its first suspension before it returns.
  void spawn(api::Task<void> task);
  // Tells every running task to end; later tasks are not affected.
  void cancel();
  // Returns when no task is left. Deaf to cancellation.
  api::Task<void> join();
  std::size_t size() const { return children_.size(); }

 private:
  using Children = std::list<boost::asio::cancellation_signal>;
  static api::Task<void> run(api::Task<void> task);
  void finished(Children::iterator child, std::exception_ptr error);

  api::IoExecutor executor_;
  std::function<void(std::exception_ptr)> on_exception_;
  Children children_;
  api::Waiters empty_;
};

}  // namespace syncd::engine
