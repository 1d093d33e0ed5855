#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <random>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "sync/engine/commit_queue.hpp"
#include "sync/engine/store_port.hpp"
#include "sync/engine/task_group.hpp"
#include "tests/sim/model_store.hpp"
#include "tests/sim/sim_transport.hpp"

namespace syncd::test {

// What the error of such a read says.
inline constexpr std::string_view read_failure = "injected: not read";

// What the world wants to know of commits.
class CommitWatcher {
 public:
  virtual ~CommitWatcher() = default;
  // Handed over, not yet written: the moment in which something else may happen to the link.
  virtual void on_commit_begins(const core::LinkUpdate& update) = 0;
  // Written. `before`: the record it replaced; null for a new link.
  virtual void on_committed(const core::LinkUpdate& update, const core::LinkRecord* before) = 0;
  // About to be written.
  virtual void on_note(const std::string& name, const std::string& value) = 0;
  // Written, or not needed.
  virtual void on_hint(const core::Hint& hint, core::HintOutcome outcome) = 0;
};

// The store thread and its disk in virtual time. What has been handed over and not yet written is the
// volatile half: it is gone with a crash, except what a power cut finds written though nobody was told.
class SimStoreThread final : public engine::CommitQueue::Backend {
 public:
  SimStoreThread(VirtualTimers& timers, boost::asio::io_context& io, ModelStore& store,
                 const FaultWeights& weights, ProcessState& process, std::uint64_t seed,
                 CommitWatcher& watcher);

  // A commit is handed over now; `update` must live until it is told.
  void take(const core::LinkUpdate& update) { handed_over_.push_back(&update); }
  // The caller of a commit knows.
  void told() { --unanswered_; }
  // The power goes: the round under way is a single synced write, which the disk has whole or not at all;
  // what waits for the next round is lost. Returns how many commits are not on the disk.
  std::size_t cut_power(bool round_is_written);

  std::uint32_t waiting() const { return static_cast<std::uint32_t>(handed_over_.size()); }
  std::uint32_t unanswered() const { return unanswered_; }
  const MadeUp& made_up() const { return made_up_; }
  void make_up(const char* what) { ++made_up_[what]; }

 private:
  void on_store_thread(std::move_only_function<void()> work) override;
  void on_io_thread(std::move_only_function<void()> work) override;
  core::Result<std::vector<store::CommitOutcome>> commit(
      std::span<const core::LinkUpdate* const> updates) override;
  std::uint64_t feed_head() const override { return store_.head(); }
  void on_round_end(std::uint32_t) override {}

  api::Task<void> run_round(std::move_only_function<void()> work);
  api::Task<void> tell(api::SteadyTime at, std::move_only_function<void()> work);
  core::Millis draw_delay();
  core::Result<std::vector<store::CommitOutcome>> write_all(std::span<const core::LinkUpdate* const> updates);
  // The more there is to write, the likelier.
  bool strikes(Hazard hazard, const char* what, std::size_t commits);
  bool write(const core::LinkUpdate& update);

  VirtualTimers& timers_;
  boost::asio::io_context& io_;
  ModelStore& store_;
  const FaultWeights& weights_;
  ProcessState& process_;
  std::mt19937_64 random_;
  CommitWatcher& watcher_;
  std::uint64_t slow_permille_;
  std::vector<const core::LinkUpdate*> handed_over_;
  std::size_t in_round_ = 0;  // so many of them, from the front, are in the round under way
  std::uint32_t unanswered_ = 0;
  api::SteadyTime told_at_{};  // the latest of those that are told
  MadeUp made_up_;
  engine::TaskGroup work_;  // never cancelled: threads and disks are deaf
};

// The store as the engine sees it: the daemon's own commit queue in front of the model.
class SimStorePort final : public engine::StorePort {
 public:
  SimStorePort(VirtualTimers& timers, boost::asio::io_context& io, ModelStore& store,
               const FaultWeights& weights, ProcessState& process, std::uint64_t seed,
               CommitWatcher& watcher);

  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId link_id) override;
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) override;
  api::Task<core::Result<void>> commit(core::LinkUpdate update) override;
  api::Task<core::Result<void>> record_act(core::AuditNote note) override;
  api::Task<core::Result<void>> put_freeze(core::GateFreeze freeze) override;
  api::Task<core::Result<std::vector<core::HintOutcome>>> put_hints(std::vector<core::Hint> hints) override;
  api::Task<core::Result<std::optional<core::LinkId>>> next_link(std::string after) override;
  api::Task<core::Result<std::optional<std::string>>> note(std::string name) override;
  api::Task<core::Result<void>> put_note(std::string name, std::string value) override;
  api::Task<core::Result<bool>> put_link_note(core::LinkId link_id, std::string name,
                                              std::string value) override;
  bool healthy() const override { return !process_.storage_failed; }
  void let_next_fail(bool fails) { next_fails_ = fails; }  // that is no commit
  // As StoreGateway::stop.
  api::Task<void> stop() { return queue_.stop(); }

  std::size_t cut_power(bool round_is_written) { return thread_.cut_power(round_is_written); }
  std::uint32_t waiting() const { return thread_.waiting(); }        // handed over, not written
  std::uint32_t unanswered() const { return thread_.unanswered(); }  // written, the caller does not know yet
  bool hints_under_way() const { return hints_under_way_ > 0; }      // handed over, the caller does not know
  const MadeUp& made_up() const { return thread_.made_up(); }
  // Retry-After windows that are handed over and not written, or never will be.
  struct FreezeUnderWay {
    core::Endpoint endpoint{};
    core::WallTime since{};  // the world's true time
  };
  const std::list<FreezeUnderWay>& freezes_under_way() const { return freezes_under_way_; }

 private:
  // `work` runs on the store thread, unless the process has ended by then or has when it is told.
  template <class Work>
  api::Task<std::invoke_result_t<Work&>> run(Work work);
  core::Result<void> open_for_writing() const;
  core::Result<void> write_note(const std::string& name, const std::string& value);
  // An error of the disk where nothing is committed, so many times likelier than usual. From then on nothing
  // is written any more.
  bool fails(const char* what, std::uint32_t likelier = 1);

  VirtualTimers& timers_;
  ModelStore& store_;
  ProcessState& process_;
  const FaultWeights& weights_;
  std::mt19937_64 random_;
  bool next_fails_ = false;
  CommitWatcher& watcher_;
  std::list<FreezeUnderWay> freezes_under_way_;
  std::uint32_t hints_under_way_ = 0;
  SimStoreThread thread_;
  engine::CommitQueue queue_;
};

}  // namespace syncd::test
