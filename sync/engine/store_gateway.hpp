#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "store/store.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/reports.hpp"
#include "sync/engine/commit_queue.hpp"
#include "sync/engine/store_port.hpp"

namespace syncd::engine {

// The io thread's door to the store: hands work through the commit queue to the one store thread and resumes
// the asking task with the result.
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
  api::Task<core::Result<void>> record_act(core::AuditNote note) override;
  // The same with a small value that it changes.
  api::Task<core::Result<void>> record_act(core::AuditNote note, std::optional<store::NoteChange> change);
  api::Task<core::Result<void>> put_freeze(core::GateFreeze freeze) override;
  bool healthy() const override;
  api::Task<core::Result<std::vector<core::HintOutcome>>> put_hints(std::vector<core::Hint> hints) override;
  api::Task<core::Result<std::optional<core::LinkId>>> next_link(std::string after) override;
  api::Task<core::Result<std::optional<std::string>>> note(std::string name) override;
  api::Task<core::Result<void>> put_note(std::string name, std::string value) override;
  api::Task<core::Result<bool>> put_link_note(core::LinkId link_id, std::string name,
                                              std::string value) override;

  // Any other call on the store: `work` runs on the store thread.
  template <class Work>
  api::Task<std::invoke_result_t<Work&, store::Store&>> run(Work work) {
    auto of_store = [&store = worker_.store(), work = std::move(work)]() mutable { return work(store); };
    return queue_.run(std::move(of_store));
  }

  // The highest feed sequence that has been committed, as far as this process knows.
  std::uint64_t feed_head() const { return queue_.feed_head(); }
  // Returns when the feed has an entry above `after`, at `deadline`, or when cancelled.
  api::Task<void> wait_for_feed(std::uint64_t after, api::SteadyTime deadline);

  // Grows with every relink entry that this process has changed.
  std::uint64_t relink_revision() const { return queue_.relink_revision(); }
  // Returns when it is another than `seen`, at `deadline`, or when cancelled.
  api::Task<void> wait_for_relink(std::uint64_t seen, api::SteadyTime deadline);

  // Calls that wait for those before them.
  std::size_t queue_length() const { return queue_.length(); }

  // Waits until everything handed over is done.
  api::Task<void> stop() { return queue_.stop(); }

 private:
  // The store thread, and the store that only it uses.
  class Worker final : public CommitQueue::Backend {
   public:
    Worker(store::Store& store, api::IoExecutor io, std::function<void(const core::CommitReport&)> report);
    store::Store& store() const { return store_; }
    void join() { thread_.join(); }

   private:
    void on_store_thread(std::move_only_function<void()> work) override;
    void on_io_thread(std::move_only_function<void()> work) override;
    core::Result<std::vector<store::CommitOutcome>> commit(
        std::span<const core::LinkUpdate* const> updates) override;
    std::uint64_t feed_head() const override { return store_.feed_head(); }
    void on_round_end(std::uint32_t commits) override;

    store::Store& store_;
    api::IoExecutor io_;
    std::function<void(const core::CommitReport&)> report_;
    core::Millis took_{};  // of the round's commit: written by the store thread, read behind it
    boost::asio::thread_pool thread_{1};
  };

  api::Timers& timers_;
  Worker worker_;
  CommitQueue queue_;
};

}  // namespace syncd::engine
