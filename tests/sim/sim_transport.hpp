#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>

#include "sync/api/transport.hpp"
#include "tests/sandbox/model/upstream.hpp"
#include "tests/sim/hazards.hpp"
#include "tests/sim/virtual_timers.hpp"

namespace syncd::test {

// How often things go wrong, in thousandths, drawn per seed.
class FaultWeights {
 public:
  std::uint32_t& of(Hazard hazard) { return permille_.at(static_cast<std::size_t>(hazard)); }
  std::uint32_t of(Hazard hazard) const { return permille_.at(static_cast<std::size_t>(hazard)); }
  bool upstream_down = false;                // nothing is reached at all
  std::size_t answer_bytes_max = 16u << 20;  // as the real transport's limit

 private:
  std::array<std::uint32_t, hazard_count> permille_{};
};

// What one simulated process shares with its ports: after a crash every port answers `cancelled` and writes
// nothing.
struct ProcessState {
  bool stopping = false;  // by a crash, a failed store or a clean stop
  bool dead = false;
  bool storage_failed = false;
};

// How often a port made something up, by name.
using MadeUp = std::map<std::string, std::uint64_t, std::less<>>;

// The cause of an error about an answer that was not read for its size.
inline constexpr std::string_view answer_too_large = "the answer is larger than allowed";

// One request, as it is on the wire.
struct WireRequest {
  core::Endpoint endpoint = core::Endpoint::sync;
  std::string link_id;  // empty: about none
  std::string_view target;
};

// What the world wants to know of requests.
class WireWatcher {
 public:
  virtual ~WireWatcher() = default;
  // Its first byte leaves now. `same_link`: requests about this link that are under way already.
  virtual void on_request(const WireRequest& request, std::size_t same_link, std::size_t in_flight) = 0;
  // Upstream has made up its answer, which has not arrived: the moment in which something else may happen.
  virtual void on_answer_under_way(const WireRequest& request, const sandbox::HttpResponse& answer) = 0;
  // The process has it.
  virtual void on_answer(const WireRequest& request, const api::HttpReply& reply) = 0;
};

class SimTransport final : public api::Transport {
 public:
  SimTransport(VirtualTimers& timers, sandbox::Upstream& upstream, const FaultWeights& weights,
               const ProcessState& process, WireWatcher& watcher, std::uint64_t seed);
  // A kept connection, or one that takes its time: to come free, to connect, to shake hands.
  api::Lease try_lease() override;
  api::Task<std::expected<api::Lease, api::TransportError>> lease() override;

  // The next so many kept connections turn out to be dead, if they are used before they would have been
  // closed for having been idle.
  void kill_kept(std::uint64_t connections);
  std::size_t in_flight() const { return in_flight_.size(); }
  // The links that requests are under way about.
  const std::multiset<std::string>& links_in_flight() const { return in_flight_; }
  const MadeUp& made_up() const { return made_up_; }

 private:
  using Sent = std::expected<api::HttpReply, api::TransportError>;
  api::Task<Sent> send(std::shared_ptr<api::ReadyConnection> connection, api::HttpCall call) override;
  void give_back(std::shared_ptr<api::ReadyConnection>) override {}
  core::Millis connection_phase();
  bool clock_is_impossible() const;
  api::Task<Sent> exchange(const WireRequest& wire, const api::HttpCall& call);
  api::Task<Sent> deliver(sandbox::HttpResponse response, core::WallTime answered_at);
  Sent arrive(sandbox::HttpResponse response, core::WallTime answered_at);
  bool happens(std::uint32_t permille) { return permille != 0 && random_() % 1000 < permille; }
  bool happens(Hazard hazard, const char* what) {
    const bool now = happens(weights_.of(hazard));
    if (now) ++made_up_[what];
    return now;
  }

  VirtualTimers& timers_;
  sandbox::Upstream& upstream_;
  const FaultWeights& weights_;
  const ProcessState& process_;
  WireWatcher& watcher_;
  std::mt19937_64 random_;
  std::multiset<std::string> in_flight_;
  std::uint64_t dead_kept_ = 0;
  api::SteadyTime dead_until_{};
  MadeUp made_up_;
};

}  // namespace syncd::test
