#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "store/store.hpp"
#include "sync/api/waiters.hpp"
#include "sync/api/wake_slot.hpp"
#include "sync/core/update.hpp"

namespace syncd::engine {

// The line in front of the one store thread.
//
// Natural group commit: while a round is under way, everything that arrives waits, and the next round takes
// all of it; its commits share one synced write. No timer delays a commit of an idle daemon.
//
// It has no thread and no store of its own: the daemon puts real ones behind it (StoreGateway), the
// simulation both in virtual time.
//
// Thread: all calls from the io thread. stop() must be awaited before destruction.
class CommitQueue {
 public:
  // The thread and the store behind it. Outlives the queue.
  class Backend {
   public:
    virtual ~Backend() = default;
    // Runs `work` later on the store thread. There is never more than one that has not ended.
    virtual void on_store_thread(std::move_only_function<void()> work) = 0;
    // Runs `work` later on the io thread, as a completion handler, each after those that were given earlier.
    // Called on the store thread.
    virtual void on_io_thread(std::move_only_function<void()> work) = 0;
    // As Store::commit. On the store thread.
    virtual core::Result<std::vector<store::CommitOutcome>> commit(
        std::span<const core::LinkUpdate* const> updates) = 0;
    // The highest feed sequence there is. On the store thread, and while the queue is made.
    virtual std::uint64_t feed_head() const = 0;
    // A round is over and everybody has been told; `commits` shared its write. On the io thread.
    virtual void on_round_end(std::uint32_t commits) = 0;
  };

  CommitQueue(Backend& backend, api::IoExecutor io);
  ~CommitQueue();
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // Returns when it is written or refused, whatever happens to the caller meanwhile. Errors as
  // StorePort::commit; one that fails a batch fails each commit in it.
  api::Task<core::Result<void>> commit(const core::LinkUpdate& update);

  // Any other call on the store: `work` runs on the store thread, before the commits of its round.
  template <class Work>
  api::Task<std::invoke_result_t<Work&>> run(Work work) {
    std::optional<std::invoke_result_t<Work&>> result;
    api::WakeSlot waiter(io_);
    Job job{.waiter = &waiter, .work = [&] { result.emplace(work()); }};
    hand_over(waiting_.reads, job);
    // The store thread has the job in its hands: being cancelled is no reason to leave.
    while (!job.done) {
      co_await waiter.wait();
    }
    co_return std::move(*result);
  }

  // The highest feed sequence that has been committed, as far as this process knows.
  std::uint64_t feed_head() const { return feed_head_; }
  // Returns when that has grown, or when cancelled.
  api::Task<void> feed_growth() { return feed_waiters_.wait(); }

  // Grows with every relink entry that a commit has changed; begins at 0 with the process.
  std::uint64_t relink_revision() const { return relink_revision_; }
  // Returns when that has grown, or when cancelled.
  api::Task<void> relink_change() { return relink_waiters_.wait(); }

  // Calls that wait for the round under way to end.
  std::size_t length() const { return waiting_.reads.size() + waiting_.commits.size(); }
  // Nothing is under way and nothing waits.
  bool idle() const { return !busy_ && waiting_.empty(); }
  // Waits until everything handed over is done.
  api::Task<void> stop();

 private:
  // Lives in the frame of the task that waits for it.
  struct Job {
    api::WakeSlot* waiter = nullptr;
    std::move_only_function<void()> work = {};  // of a read
    const core::LinkUpdate* update = nullptr;   // of a commit
    std::optional<core::Result<store::CommitOutcome>> outcome = {};
    bool done = false;
  };
  using Jobs = std::vector<Job*>;
  struct Round {
    bool empty() const { return reads.empty() && commits.empty(); }
    Jobs reads;
    Jobs commits;
  };

  void hand_over(Jobs& line, Job& job);
  void start_round();
  void run_round();
  void commit_all();
  static void finish(Jobs& jobs);
  static std::uint64_t changed_entries(const Jobs& commits);
  void end_round(std::uint64_t head);

  Backend& backend_;
  api::IoExecutor io_;
  Round waiting_;
  // Under way: the store thread's, then list by list the io thread's again.
  Round round_;
  bool busy_ = false;
  std::uint64_t feed_head_ = 0;
  api::Waiters feed_waiters_;
  std::uint64_t relink_revision_ = 0;
  api::Waiters relink_waiters_;
  api::Waiters idle_waiters_;
};

}  // namespace syncd::engine
