#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "sync/core/continuity.hpp"
#include "sync/engine/task_group.hpp"
#include "tests/sim/damage.hpp"
#include "tests/sim/dice.hpp"
#include "tests/sim/feed_reader.hpp"
#include "tests/sim/oracle.hpp"
#include "tests/sim/process.hpp"
#include "tests/sim/request_watch.hpp"
#include "tests/sim/world.hpp"

namespace syncd::test {

using core::LinkId;
using core::Millis;

// The purposes of dice.
enum Stream : std::uint64_t {
  hazards_stream = 2,
  start_stream,
  check_stream,
  process_stream,
  step_stream,
  space_stream,
  read_failures_stream,
  queue_stream,
  purge_stream,
  hook_stream
};

class World final : public engine::EngineObserver, public CommitWatcher, public WireWatcher {
 public:
  explicit World(const Plan& plan);
  SimulationResult run();
  // After an exception has left run().
  SimulationResult give_up(const std::string& why);

 private:
  // Where something is meant to strike; it does so at the next moment of the kind after `skip` others.
  enum class Moment : std::uint8_t {
    any_event,
    request_in_flight,
    commit_waiting,     // handed over, not written
    commit_unanswered,  // written, the caller does not know
    mid_drain,          // some pages of a drain are committed
    mid_repair,         // an operator's repair has begun and not ended
    budget_spent,       // somebody has just used a budget to the last request
    hint_under_way,     // handed over to the store, the caller does not know
  };
  static constexpr std::uint64_t moment_count = 7;  // that are drawn
  // After a list that could not be read.
  static constexpr Millis list_retry = std::chrono::minutes(5);
  enum class Strike : std::uint8_t { crash, power_cut, clean_stop, look };
  struct StrikePlan {
    Strike strike = Strike::crash;
    Moment moment = Moment::any_event;
    std::uint64_t skip = 0;
  };
  struct FullDiskPlan {
    Moment moment = Moment::any_event;
    std::uint64_t skip = 0;
    Millis length{};
  };
  struct AskedInHold {
    std::string target;
    std::uint32_t sends = 0;
  };
  struct FullDisk {
    api::SteadyTime until{};
    std::size_t links_max = 0;                 // may be asked about: those of which a request was under way
    bool may_list = false;                     // the lists of links may have been under way when it began
    std::map<std::string, AskedInHold> asked;  // since then, by link; empty: about none
  };
  enum class Action : std::uint8_t { pause, resume, sync_now, verify, repair, retry_letter, drop_letter };
  static constexpr std::uint64_t action_count = 7;
  static constexpr std::uint64_t operator_actions = 3;  // of Hazard::operator_acts
  static Hazard hazard_of(Action action);
  // What the world remembers of a link besides the store.
  struct Past {
    std::string cursor;
    std::set<std::string> earlier;
    bool in_circle = false;  // its last page was one that leads back to where it was
    std::uint64_t requests = 0;
    std::string asked;                              // the last sync request about it
    std::string latest;                             // the last request about it
    std::map<core::Endpoint, std::string> answers;  // the last body of each that has arrived
    std::uint64_t relink_version = 0;
    api::SteadyTime registered_at{};
    bool history_was_read = false;   // a drain has ended, at any time
    std::set<std::string> removed;   // rows that are gone
    core::WallTime begun_in_wait{};  // the opening of the entry in whose wait the history was begun
    bool purged = false;             // by an act, and not registered since
    std::uint64_t asked_at = 0;      // the moment of the last request about it
    std::uint64_t feed_asked_at = 0;
  };
  struct OlderCopy {
    ModelDatabase data;
    std::set<LinkId> histories_read;  // as Past says it
  };
  struct WaitingHint {
    std::uint64_t sequence = 0;
    std::uint64_t stored_at = 0;  // the moment
  };

  void note(std::string what) {
    result_.events.push_back(core::format_wall_time(timers_.true_now()) + " " + std::move(what));
  }
  void trace(const std::string& what) {
    if (plan_.trace) note(what);
  }
  void tally(std::string_view what, std::uint64_t times = 1) { result_.tally.add(what, times); }
  bool on(Hazard hazard) const { return hazards_.has(hazard); }

  // ---- what the engine, the store and the wire tell (world_checks.cpp) ----
  void on_cycle(const core::CycleReport& report) override;
  void on_auth_incident(bool refused, const core::Error&) override;
  void on_discovery(const std::vector<LinkId>& only_upstream, std::uint64_t only_upstream_count,
                    const std::vector<LinkId>& only_here, std::uint64_t only_here_count) override;
  void on_discovery_failed(const core::Error&) override { no_list_begins_for(list_retry); }
  void no_list_begins_for(Millis by) { no_list_until_ = timers_.steady_now() + by; }
  void on_store_failed(const core::Error& error) override;
  void on_verify(const core::VerifyReport& report) override;
  void on_incident(const core::IncidentEvent& event) override;
  void on_commit_begins(const core::LinkUpdate& update) override;
  void on_committed(const core::LinkUpdate& update, const core::LinkRecord* before) override;
  void on_note(const std::string& name, const std::string& value) override;
  void on_hint(const core::Hint& hint, core::HintOutcome outcome) override;
  void on_request(const WireRequest& request, std::size_t same_link, std::size_t in_flight) override;
  void on_answer_under_way(const WireRequest& request, const sandbox::HttpResponse& answer) override;
  void on_answer(const WireRequest& request, const api::HttpReply& reply) override;
  void check_cursor(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_tombstones(const core::LinkUpdate& update);
  void check_entry(const core::LinkUpdate& update);
  void check_queues(std::size_t in_flight);
  void check_still(const WireRequest& request);
  void check_asked_wait(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_link_object(const core::LinkUpdate& update);
  void count_changes(const core::LinkUpdate& update, const core::LinkRecord* before);
  void note_circle(const WireRequest& request, const sandbox::HttpResponse& answer);
  void count_answer(const WireRequest& request, const sandbox::HttpResponse& answer);
  void look();
  void read_feed();
  void tell_violations();

  // ---- the local copy: verify, repair, letters (world_verify.cpp) ----
  void act_on_copy(Dice& dice, const std::string& link);
  void ask_for_verify(const LinkId& link_id);
  void act_on_letter(Action action, const LinkId& link_id, Dice& dice);
  api::Task<void> repair_task(LinkId link_id);
  api::Task<void> letter_task(LinkId link_id, core::WallTime at, bool retry);
  void damage_and_repair(Dice& dice, const LinkId& link_id);
  void plan_strike_in_repair(Dice& dice);
  void repair_what_is_left();
  bool damaged(const LinkId& link_id) const;
  // Unless it is known to be damaged.
  void check_rows(const LinkId& link_id, Invariant where);
  void check_repair(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_damage(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_letters(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_new_letter(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_named(const core::VerifyReport& report);
  void check_found(const core::VerifyReport& report, const Damage& damage);
  void check_audit(core::WallTime since);

  // ---- around a relink (world_continuity.cpp) ----
  std::optional<core::ContinuitySnapshot> first_look(const LinkId& link_id) const;
  void check_continuity_notes();
  void check_continuity_note(const std::string& name, const std::string& value);
  void check_first_look(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_reports();

  // ---- the process (world_process.cpp) ----
  void boot();
  void halt(Millis grace);
  void check_nothing_left(Millis took, Millis grace);
  void end_process();
  void crash(bool power_cut);
  void stop_anywhere();
  void restart();
  void stop_after_storage_failure();
  void take_copy();
  void put_back_older_copy();
  bool strike_due();
  void doubt_stored_windows();
  void strike();
  bool reached(Moment moment) const;
  void note_moment(std::string_view strike);
  void pause_before_start();
  // Lets virtual time pass; what strikes in it strikes at its moment.
  void live(Millis by);
  void pass(Millis by) { timers_.run_until(timers_.steady_now() + by); }
  bool was_behind_lately() const;
  bool clock_settled() const { return timers_.true_now() >= settled_clock_at_; }
  void wait_for_clock();
  void reload(Dice& dice);
  void follow_hazards();
  void follow_budgets();

  // ---- the store's disk (world_space.cpp) ----
  void plan_full_disk(std::uint64_t step);
  bool disk_fills_up();
  void fill_disk();
  void free_disk();
  void hold_if_full();
  void check_full_disk(const WireRequest& request);

  // ---- tasks of people ----
  void register_link(const std::string& link_id);
  void operate(Action action, const LinkId& link_id, Dice& dice);
  void let_a_read_fail();
  void note_outcome(const core::Result<core::LinkStatus>& outcome);
  // ---- the relink queue (world_queue.cpp) ----
  void act_on_queue();
  void ask_for_entry_act(const LinkId& link_id, Dice& dice);
  api::Task<void> entry_task(LinkId link_id, core::RelinkRequest request, engine::Requester by);
  void check_act(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_act_chain();
  std::size_t acts_by(const std::string& actor) const;
  // ---- purges (world_purge.cpp) ----
  void purge_somebody();
  api::Task<void> purge_task(LinkId link_id, bool unlink, engine::Requester by,
                             std::optional<Millis> until_back);
  void check_purge(const core::LinkUpdate& update, const core::LinkRecord* before);
  void check_return(const core::LinkUpdate& update);
  // ---- webhooks (world_hooks.cpp) ----
  std::optional<std::string> draw_webhook();
  std::size_t hints_at_most() const;
  void begin_hook_faults();
  void end_hook_faults();
  void refuse_hooks();
  api::Task<void> send_hooks();
  api::Task<void> hook_task(LinkId link_id, core::Digest key, std::uint64_t number);
  void act_on_hooks();
  void tell_of_anything(Dice& dice, const std::string& link);
  void strike_at_hint(Dice& dice);
  void check_hints(const core::LinkUpdate& update);
  void check_answered(const core::LinkUpdate& update, std::uint64_t sequence);
  void check_hint_waits(const LinkId& link_id);
  void check_hints_known(std::string_view when);
  void take_hints_of_copy();
  bool follows_hooks(const std::string& link);
  void check_followed();
  void check_followed(const LinkId& link_id, core::WallTime since);
  // Who acts: another person each time, so that every act can be told from every other in the audit log.
  engine::Requester somebody();
  api::Task<void> add_task(LinkId link_id);
  api::Task<void> pause_task(LinkId link_id, Millis until_resume);
  api::Task<void> resume_task(LinkId link_id);
  api::Task<void> stop_task(api::SteadyTime grace_end, bool& stopped);

  // ---- what happens in the world (world_acts.cpp) ----
  std::string add_upstream_link(Dice& dice);
  void begin_faults();
  void act(Dice& dice);
  void plan_moments(Dice& dice);
  void act_upstream(Dice& dice, const std::string& link);
  void act_on_link(Hazard what, Dice& dice, const std::string& link);
  void act_on_all(Hazard what, Dice& dice);
  void act_on_process(Dice& dice);
  void act_on_clock(Hazard what, Dice& dice);
  void jump_clock(Millis by);
  void start_anew(Dice& dice);
  void boot_in_1970(Dice& dice);
  void flap(const std::string& link, Dice& dice);
  void all_down(Dice& dice);
  void strike_at_answer(const WireRequest& request);
  void delete_link(const std::string& link);
  void set_error(const std::string& link, Dice& dice);
  void set_access(const std::string& link, Dice& dice);
  void set_secret();

  // ---- the end (world_end.cpp) ----
  void quiet();
  void end_hazards();
  Millis heal_bound();
  Millis longest_drain();
  void check_quiet_links();
  bool waits_for_incident(const core::LinkRecord& record);
  void check_sync_now();
  std::uint64_t requests_of(const std::string& link_id) { return past_[LinkId{link_id}].requests; }
  void heal();
  bool at_rest();
  void settle();
  void finish();
  void mix(std::string_view text) {
    result_.hash = result_.hash * 0x100000001b3ULL ^ core::stable_hash(text);
  }

  const Plan plan_;
  HazardSet hazards_;
  Settings settings_;
  SimulationResult result_;
  Findings findings_;
  std::size_t violations_told_ = 0;
  Dice start_dice_;
  Dice check_dice_;
  Dice process_dice_;
  boost::asio::io_context io_;
  VirtualTimers timers_;
  engine::TaskGroup tasks_;
  sandbox::Upstream upstream_;
  ModelStore store_;
  RequestWatch watch_;
  std::optional<OlderCopy> older_copy_;
  bool put_back_unread_ = false;  // the consumer of the feed has not read since
  FeedReader reader_;
  FaultWeights weights_;
  std::unique_ptr<Process> process_;
  std::vector<std::string> links_;
  std::set<std::string> deleted_;
  std::map<std::string, sandbox::LinkAccess> access_;
  std::map<LinkId, Past> past_;
  std::set<LinkId> draining_;
  std::set<LinkId> repairing_;
  std::vector<Damage> damages_;                      // that are left
  std::map<LinkId, std::set<std::string>> planted_;  // ids that ever were damaged
  bool damage_found_ = false;
  std::map<LinkId, core::WallTime> awaited_reports_;  // by link: when the wait was opened that has ended
  std::optional<StrikePlan> strike_plan_;
  std::optional<FullDiskPlan> full_disk_plan_;
  std::optional<FullDisk> full_disk_;
  std::uint64_t operations_ = 0;
  api::SteadyTime no_list_until_{};  // the lists of links have just been compared
  std::optional<Action> action_at_commit_;
  std::optional<Hazard> act_at_answer_;
  std::optional<Millis> next_pause_;  // before the next start, instead of an ordinary one
  bool boots_in_1970_ = false;
  core::WallTime settled_clock_at_{};
  core::WallTime behind_until_{};   // true time
  core::WallTime forward_until_{};  // so long a time that was stored before the clock was put forward counts
  bool was_ahead_ = false;          // the clock, at any time
  api::Budgets upstream_budgets_;
  std::map<std::string, std::string> asked_last_;  // once the process stops: by link, what may still be asked
  std::optional<api::SteadyTime> refused_since_;   // our credentials, as this process knows
  std::map<std::string, std::uint32_t> asked_behind_visit_;  // since then, by link whose visit has ended
  bool outage_ = false;
  bool wrong_secret_ = false;
  bool faults_over_ = false;
  std::uint64_t acts_ = 0;  // that a person has asked for
  std::uint64_t queue_acts_ = 0;
  std::set<std::string> ended_;  // upstream was asked to end them
  std::uint64_t purging_ = 0;    // somebody waits for the end of a purge
  std::uint64_t purges_ = 0;     // that were thought of
  bool queue_act_at_commit_ = false;
  std::uint64_t moments_ = 0;             // of requests and hints, in their order
  std::map<LinkId, WaitingHint> hinted_;  // those that are stored and not answered
  std::set<std::string> hooked_;          // links that upstream tells of
  std::uint64_t hook_acts_ = 0;
};

}  // namespace syncd::test
