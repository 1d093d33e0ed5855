#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "sync/engine/task_group.hpp"
#include "tests/sim/dice.hpp"
#include "tests/sim/feed_reader.hpp"
#include "tests/sim/oracle.hpp"
#include "tests/sim/process.hpp"
#include "tests/sim/world.hpp"

namespace syncd::test {

using core::LinkId;
using core::Millis;

class World final : public engine::EngineObserver, public CommitWatcher {
 public:
  explicit World(std::uint64_t seed);
  SimulationResult run();

 private:
  // Where a crash is meant to strike; it does so at the next moment of the kind after `skip` others.
  enum class CrashPoint : std::uint8_t {
    any_event,
    request_in_flight,
    commit_waiting,     // handed over, not written
    commit_unanswered,  // written, the caller does not know
    mid_drain,          // some pages of a drain are committed
  };
  struct CrashPlan {
    CrashPoint point = CrashPoint::any_event;
    std::uint64_t skip = 0;
  };
  enum class Action : std::uint8_t { pause, resume, sync_now };
  // Where a link's commits stood.
  struct Past {
    std::string cursor;
    std::set<std::string> earlier;
  };

  void note(std::string what) {
    result_.events.push_back(core::format_wall_time(timers_.true_now()) + " " + std::move(what));
  }
  void violate(std::string what) { result_.violations.push_back(std::move(what)); }
  void tally(std::string_view what) { result_.tally.add(what); }

  // ---- what the engine and the store tell ----
  void on_cycle(const core::CycleReport& report) override;
  void on_auth_incident(bool refused, const core::Error&) override;
  void on_discovery(const std::vector<LinkId>&, std::uint64_t, const std::vector<LinkId>&,
                    std::uint64_t) override {}
  void on_discovery_failed(const core::Error&) override {}
  void on_store_failed(const core::Error&) override {}
  void on_commit_begins(const core::LinkUpdate& update) override;
  void on_committed(const core::LinkUpdate& update, const core::LinkRecord* before) override;
  void check_cursor(const core::LinkUpdate& update);
  void count_changes(const core::LinkUpdate& update, const core::LinkRecord* before);

  // ---- the process ----
  void boot();
  void halt(Millis grace);
  void end_process();
  void crash();
  void restart();
  void stop_after_storage_failure();
  void put_back_older_copy();
  bool crash_due();
  bool reached(CrashPoint point) const;
  void note_crash_moment();
  Millis draw_pause();
  // Lets virtual time pass; what strikes in it strikes at its moment.
  void live(Millis by);
  void pass(Millis by) { timers_.run_until(timers_.steady_now() + by); }
  bool clock_settled() const { return timers_.true_now() >= settled_clock_at_; }
  void wait_for_clock();

  // ---- tasks of people ----
  void register_link(const std::string& link_id);
  void operate(Action action, const LinkId& link_id);
  api::Task<void> add_task(LinkId link_id);
  api::Task<void> pause_task(LinkId link_id, Millis until_resume);
  api::Task<void> resume_task(LinkId link_id);
  api::Task<void> stop_task(api::SteadyTime grace_end, bool& stopped);

  // ---- what happens in the world (world_acts.cpp) ----
  std::string add_upstream_link();
  void begin_faults();
  void act();
  void act_upstream(const std::string& link);
  void act_on_process();
  void plan_crash();
  void jump_clock();
  void rare(const std::string& link);
  void set_error(const std::string& link);
  void set_access(const std::string& link);
  void set_secret();

  // ---- the end ----
  void quiet();
  void check_quiet_links();
  void check_sync_now();
  std::uint64_t requests_of(const std::string& link_id) const;
  void heal();
  bool at_rest();
  void settle();
  void finish();
  void count_requests();
  void read_feed();
  void mix(std::string_view text) {
    result_.hash = result_.hash * 0x100000001b3ULL ^ core::stable_hash(text);
  }

  const std::uint64_t seed_;
  Dice dice_;
  Settings settings_;
  boost::asio::io_context io_;
  VirtualTimers timers_;
  engine::TaskGroup tasks_;
  sandbox::Upstream upstream_;
  ModelStore store_;
  ModelDatabase older_copy_;
  bool has_older_copy_ = false;
  bool put_back_unread_ = false;  // the consumer of the feed has not read since
  FeedReader reader_;
  FaultWeights drawn_weights_;
  FaultWeights weights_;
  KnownWindows windows_;
  std::unique_ptr<Process> process_;
  std::vector<std::string> links_;
  std::set<std::string> deleted_;
  std::map<std::string, sandbox::LinkAccess> access_;
  std::map<LinkId, Past> past_;
  std::set<LinkId> draining_;
  std::optional<CrashPlan> crash_plan_;
  std::optional<Action> action_at_commit_;
  core::WallTime settled_clock_at_{};
  bool outage_ = false;
  bool cursors_repeat_ = false;
  bool wrong_secret_ = false;
  SimulationResult result_;
};

}  // namespace syncd::test
