#pragma once

#include <cstdint>
#include <list>
#include <random>

#include "sync/engine/store_port.hpp"
#include "tests/sim/model_store.hpp"
#include "tests/sim/sim_transport.hpp"

namespace syncd::test {

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
};

// The store as the engine sees it. What has been handed over and not yet written is the volatile half: it is
// gone with a crash, except what a power cut finds written though nobody was told.
class SimStorePort final : public engine::StorePort {
 public:
  SimStorePort(VirtualTimers& timers, ModelStore& store, const FaultWeights& weights, ProcessState& process,
               std::uint64_t seed, CommitWatcher& watcher);

  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId link_id) override;
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) override;
  api::Task<core::Result<void>> commit(core::LinkUpdate update) override;
  api::Task<core::Result<void>> put_freeze(core::GateFreeze freeze) override;
  api::Task<core::Result<std::optional<core::LinkId>>> next_link(std::string after) override;
  api::Task<core::Result<std::optional<std::string>>> note(std::string name) override;
  api::Task<core::Result<void>> put_note(std::string name, std::string value) override;
  bool healthy() const override { return !process_.storage_failed; }

  // The power goes: of what was handed over, the first `kept` are found on the disk later, each whole.
  // Returns how many there were.
  std::size_t cut_power(std::size_t kept);

  std::uint32_t waiting() const { return static_cast<std::uint32_t>(handed_over_.size()); }
  std::uint32_t unanswered() const { return unanswered_; }  // commits written, the caller does not know yet
  const MadeUp& made_up() const { return made_up_; }

 private:
  api::Task<void> pause();
  core::Result<void> apply(const core::LinkUpdate& update);
  bool write(const core::LinkUpdate& update);

  VirtualTimers& timers_;
  ModelStore& store_;
  const FaultWeights& weights_;
  ProcessState& process_;
  std::mt19937_64 random_;
  CommitWatcher& watcher_;
  std::list<const core::LinkUpdate*> handed_over_;
  std::uint32_t unanswered_ = 0;
  MadeUp made_up_;
};

}  // namespace syncd::test
