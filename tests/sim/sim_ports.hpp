#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "sync/api/transport.hpp"
#include "sync/engine/store_port.hpp"
#include "tests/sandbox/model/upstream.hpp"
#include "tests/sim/model_store.hpp"
#include "tests/sim/virtual_timers.hpp"

namespace syncd::test {

// How often things go wrong, in thousandths, drawn per seed.
struct FaultWeights {
  std::uint32_t request_lost = 0;  // never reaches upstream
  std::uint32_t answer_lost = 0;   // reached upstream, the answer did not come back
  std::uint32_t stale_connection = 0;
  std::uint32_t commit_fails_before = 0;
  std::uint32_t commit_fails_after = 0;  // written, but reported as failed
};

// What one simulated process shares with its ports: after a crash every port answers `cancelled` and writes
// nothing.
struct ProcessState {
  bool stopping = false;  // by a crash, a failed store or a clean stop
  bool dead = false;
  bool storage_failed = false;
};

// The Retry-After windows that a process was told of and has to respect, across restarts. A window whose 429
// never arrived binds nobody.
struct KnownWindows {
  std::map<std::string, core::WallTime> until;  // by endpoint, in true time
  std::map<std::string, std::uint64_t> told;    // by the form of the header
  std::uint64_t broken = 0;                     // requests inside one
};

// How often the transport made something up, by name.
using MadeUp = std::map<std::string, std::uint64_t>;

class SimTransport final : public api::Transport {
 public:
  SimTransport(VirtualTimers& timers, sandbox::Upstream& upstream, const FaultWeights& weights,
               const ProcessState& process, KnownWindows& windows, std::uint64_t seed);
  // A kept connection, or one that takes its time: to come free, to connect, to shake hands.
  api::Lease try_lease() override;
  api::Task<std::expected<api::Lease, api::TransportError>> lease() override;

  // Links asked about by two requests at once: the engine promised never to.
  std::uint64_t overlapping_requests() const { return overlapping_; }
  std::size_t in_flight() const { return in_flight_.size(); }
  const MadeUp& made_up() const { return made_up_; }

 private:
  api::Task<std::expected<api::HttpReply, api::TransportError>> send(
      std::shared_ptr<api::ReadyConnection> connection, api::HttpCall call) override;
  void give_back(std::shared_ptr<api::ReadyConnection>) override {}
  core::Millis connection_phase();
  bool happens(std::uint32_t permille) { return random_() % 1000 < permille; }
  void learn(const std::string& endpoint, const api::HttpReply& reply);
  api::Task<std::expected<api::HttpReply, api::TransportError>> exchange(const api::HttpCall& call);
  bool happens(std::uint32_t permille, const char* what) {
    const bool now = happens(permille);
    if (now) ++made_up_[what];
    return now;
  }

  VirtualTimers& timers_;
  sandbox::Upstream& upstream_;
  const FaultWeights& weights_;
  const ProcessState& process_;
  KnownWindows& windows_;
  std::mt19937_64 random_;
  std::multiset<std::string> in_flight_;
  std::uint64_t overlapping_ = 0;
  MadeUp made_up_;
};

// What the world wants to know of commits.
class CommitWatcher {
 public:
  virtual ~CommitWatcher() = default;
  // Handed over, not yet written: the moment in which something else may happen to the link.
  virtual void on_commit_begins(const core::LinkUpdate& update) = 0;
  // Written. `before`: the record it replaced; null for a new link.
  virtual void on_committed(const core::LinkUpdate& update, const core::LinkRecord* before) = 0;
};

class SimStorePort final : public engine::StorePort {
 public:
  SimStorePort(VirtualTimers& timers, ModelStore& store, const FaultWeights& weights, ProcessState& process,
               std::uint64_t seed, CommitWatcher& watcher);

  api::Task<core::Result<std::optional<core::LinkRecord>>> load(core::LinkId link_id) override;
  api::Task<core::Result<core::Held>> lookup(core::LookupRequest request) override;
  api::Task<core::Result<void>> commit(core::LinkUpdate update) override;
  api::Task<core::Result<void>> put_freeze(core::GateFreeze freeze) override;
  bool healthy() const override { return !process_.storage_failed; }

  std::uint32_t waiting() const { return waiting_; }        // commits handed over, not yet written
  std::uint32_t unanswered() const { return unanswered_; }  // commits written, the caller does not know yet
  const MadeUp& made_up() const { return made_up_; }

 private:
  api::Task<void> pause();
  core::Result<void> apply(const core::LinkUpdate& update);

  VirtualTimers& timers_;
  ModelStore& store_;
  const FaultWeights& weights_;
  ProcessState& process_;
  std::mt19937_64 random_;
  CommitWatcher& watcher_;
  std::uint32_t waiting_ = 0;
  std::uint32_t unanswered_ = 0;
  MadeUp made_up_;
};

}  // namespace syncd::test
