#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "store/store.hpp"
#include "sync/api/timers.hpp"
#include "sync/api/waiters.hpp"
#include "sync/api/wake_slot.hpp"
#include "sync/core/reports.hpp"
#include "sync/engine/store_port.hpp"

namespace syncd::engine {

// The io thread's door to the store: hands work to the one store thread and resumes the asking task with the
// result.
//
// Natural group commit: while the store thread is busy, everything that arrives waits, and the next round
// takes all of it; its commits share one synced write. No timer delays a commit of an idle daemon.
//
// Thread: all calls from the io thread. stop() must be awaited before destruction.
class StoreGateway final : public StorePort {
 public:
  StoreGateway(store::Store& store, api::IoExecutor io, api::Timers& timers,
               std::function<void(const core::CommitReport&)> report);
  ~StoreGateway() override;

  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId link_id) override;
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) override;
  api::Task<core::Result<void>> commit(core::LinkUpdate update) override;
  api::Task<core::Result<void>> put_freeze(core::GateFreeze freeze) override;
  bool healthy() const override;
  api::Task<core::Result<std::optional<core::LinkId>>> next_link(std::string after) override;
  api::Task<core::Result<std::optional<std::string>>> note(std::string name) override;
  api::Task<core::Result<void>> put_note(std::string name, std::string value) override;

  // Any other call on the store: `work` runs on the store thread.
  template <class Work>
  api::Task<std::invoke_result_t<Work, store::Store&>> run(Work work) {
    std::optional<std::invoke_result_t<Work, store::Store&>> result;
    Job job{[&](store::Store& store) { result.emplace(work(store)); }, nullptr};
    co_await submit(job);
    co_return std::move(*result);
  }

  // The highest feed sequence that has been committed, as far as this process knows.
  std::uint64_t feed_head() const { return feed_head_; }
  // Returns when the feed has an entry above `after`, at `deadline`, or when cancelled.
  api::Task<void> wait_for_feed(std::uint64_t after, api::SteadyTime deadline);

  // Waits until everything handed over is done.
  api::Task<void> stop();

 private:
  struct Job {
    std::move_only_function<void(store::Store&)> work;  // empty: a commit
    const core::LinkUpdate* update = nullptr;
    std::optional<core::Result<store::CommitOutcome>> outcome = {};
    bool done = false;
    api::WakeSlot* waiter = nullptr;
  };
  using Jobs = std::vector<Job*>;

  api::Task<void> submit(Job& job);
  void start_round();
  void run_round(Jobs jobs);
  core::CommitReport commit_all(const Jobs& commits);
  void finish(Jobs jobs);
  void end_round(core::CommitReport report, std::uint64_t head);

  store::Store& store_;
  api::IoExecutor io_;
  api::Timers& timers_;
  std::function<void(const core::CommitReport&)> report_;
  boost::asio::thread_pool thread_{1};
  Jobs waiting_;
  bool busy_ = false;
  std::uint64_t feed_head_ = 0;
  api::Waiters feed_waiters_;
  api::Waiters idle_waiters_;
};

}  // namespace syncd::engine
