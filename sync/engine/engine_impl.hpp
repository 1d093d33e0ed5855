#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <deque>
#include <exception>
#include <expected>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "sync/core/next_visit.hpp"
#include "sync/core/planner.hpp"
#include "sync/core/purge.hpp"
#include "sync/core/schedule.hpp"
#include "sync/core/step.hpp"
#include "sync/engine/cycle.hpp"
#include "sync/engine/discovery.hpp"
#include "sync/engine/engine.hpp"
#include "sync/engine/errand.hpp"
#include "sync/engine/hint_desk.hpp"
#include "sync/engine/import_pace.hpp"
#include "sync/engine/link_table.hpp"
#include "sync/engine/outages.hpp"
#include "sync/engine/peek_row.hpp"
#include "sync/engine/refresh_state.hpp"
#include "sync/engine/task_group.hpp"
#include "sync/engine/verifier.hpp"

namespace syncd::engine {

using core::LinkStatus;
using Slot = LinkTable::Slot;
using Tick = LinkTable::Tick;

inline constexpr core::Millis tick_length{100};
inline constexpr core::Millis look_at_budget_every{1'000};
// Ticks before the start: of links that are overdue then, the most overdue come first.
inline constexpr core::Millis overdue_told_apart = std::chrono::hours(72);
inline constexpr core::Millis auth_probe_first{5'000};
inline constexpr core::Millis auth_probe_max{15 * 60'000};
inline constexpr core::Millis discovery_retry{5 * 60'000};
inline constexpr core::Millis storage_retry{10'000};
// A backfill commits page after page: an action fits between two of them, sooner or later.
inline constexpr int conflict_retries_max = 20;
inline constexpr std::size_t probes_per_discovery_max = 100;

inline std::size_t index_of(LinkStatus status) {
  return static_cast<std::size_t>(status);
}

inline std::uint32_t seconds_of(core::WallTime at) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, 0xffffffff));
}

inline core::AuditNote audit_note(std::string_view action, const Requester& by, std::string detail) {
  return {.actor = by.actor,
          .action = std::string(action),
          .detail = std::move(detail),
          .request_key = by.request_key,
          .request_digest = by.request_digest};
}

inline core::Error no_room_for_links() {
  return {.code = core::Errc::invalid,
          .message = "the limit of registered links is reached; raise [daemon] links_max",
          .api_code = "links_max"};
}

struct Engine::Impl final : VisitPort {
  Impl(api::Timers& timers_, api::MoneykitApi& upstream_, api::RateGate& gate_, StorePort& store_,
       EngineObserver& observer_, EngineOptions options_)
      : timers(timers_),
        upstream(upstream_),
        gate(gate_),
        store(store_),
        observer(observer_),
        options(options_),
        origin(timers_.steady_now() - overdue_told_apart),
        planner(core::freshness_policy_of(options_.policy)),
        outages(table, timers_, store_, options.policy.incidents, outage_hooks()) {}

  // A task that waits in wait_for_cycle(); lives in its frame.
  struct CycleWaiter {
    Slot slot;
    std::uint64_t begun_after;  // only a cycle with a higher number counts
    bool in_all;                // the report counts what the visits before, which yielded, have done
    std::optional<core::CycleReport> report;
    api::Waiters done;
    core::CycleReport so_far = {};
    bool by_verify = false;  // which gives up as soon as the link may not be asked
  };

  // What a link that the verifier has claimed goes back to.
  struct Claimed {
    Slot slot = LinkTable::no_slot;
    std::optional<Tick> due;
    bool urgent = false;
    std::uint8_t wanted_cause = 0;
  };

  // ---- time ----
  Tick tick_of(api::SteadyTime at) const {
    const auto ticks = (at - origin + tick_length - core::Millis(1)) / tick_length;
    return static_cast<Tick>(std::clamp<std::int64_t>(ticks, 0, 0xfffffffe));
  }
  api::SteadyTime time_of(Tick tick) const { return origin + tick * tick_length; }
  Tick now_tick() const { return static_cast<Tick>((timers.steady_now() - origin) / tick_length); }

  // Wall times are stored; waiting is steady. A stored time further off than any link may wait comes from a
  // clock that was wrong: it is cut.
  Tick due_tick(core::WallTime due) const {
    const core::Millis max_interval = longest_interval();
    const core::Millis longest = max_interval + max_interval / 10;
    const core::Millis wait = std::clamp(due - timers.wall_now(), -overdue_told_apart, longest);
    return tick_of(timers.steady_now() + wait);
  }

  // ---- the schedule ----
  void set_status(Slot slot, LinkStatus status) {
    --by_status[index_of(table.status(slot))];
    ++by_status[index_of(status)];
    table.set_status(slot, status);
    if (visited_by_schedule(status)) return;
    table.unschedule(slot);
    outages.forget(slot);
    peek_row.left(slot);
  }

  Slot add(std::string_view link_id, LinkStatus status, core::WallTime due) {
    const Slot slot = table.add(link_id, status);
    ++by_status[index_of(status)];
    // One that was purged and comes back may still be visited; its visit's end puts it into the schedule.
    if (visited_by_schedule(status) && !table.in_flight(slot)) table.schedule(slot, due_tick(due));
    return slot;
  }

  void want_now(Slot slot, core::Cause cause) {
    // What a person asked for is not turned into something less by a later hint.
    const bool asked_for = table.wanted_cause(slot) == static_cast<std::uint8_t>(core::Cause::manual);
    // Whatever else it is wanted for, nobody takes it from the queue of those that were told of.
    if (cause != core::Cause::webhook) leave_hinted(slot);
    if (!asked_for) table.set_wanted_cause(slot, static_cast<std::uint8_t>(cause));
    if (table.in_flight(slot)) return;  // visited once more when it ends
    table.unschedule(slot);
    put_urgent(slot);
    pump();
  }

  // Each link is in one of the queues once, however often it is asked for while nothing may begin.
  void put_urgent(Slot slot) {
    if (table.urgent(slot)) return;
    table.set_urgent(slot, true);
    (is_hinted(slot) ? hinted : urgent).push_back(slot);
  }

  bool may_begin() const { return running && !stopping && !on_hold && !auth_refused && store.healthy(); }

  // Starts as many cycles as are due and allowed. The only place where a cycle begins.
  void pump() {
    ++heartbeat;
    if (pumping) return;
    pumping = true;
    if (may_begin()) outages.act();
    while (may_begin() && in_flight < options.workers) {
      const std::optional<LinkTable::Due> next = next_link();
      if (!next) break;
      begin_cycle(*next);
    }
    pumping = false;
    // What is due or urgent waits for a slot of the budget, and the clock may have chosen a later time before
    // that, when nothing might begin.
    if (clock && clock_wakes_at > tick_of(next_wake())) clock->notify_all();
  }

  std::optional<LinkTable::Due> next_link() {
    while (!urgent.empty()) {
      const Slot slot = urgent.front();
      const bool drains = table.status(slot) != LinkStatus::relink;
      if (drains && nobody_may_drain(core::Cause::manual)) return std::nullopt;
      urgent.pop_front();
      table.set_urgent(slot, false);
      if (table.in_flight(slot) || !visited_by_schedule(table.status(slot))) continue;
      table.unschedule(slot);
      if (put_off(slot)) continue;
      return LinkTable::Due{.due = now_tick(), .slot = slot};
    }
    if (!hints_give_way()) {
      if (const auto next = next_hinted()) return next;
    }
    if (table.nothing_due() || table.earliest() > now_tick()) return std::nullopt;
    if (nobody_may_drain(core::Cause::schedule)) return std::nullopt;
    while (!table.nothing_due() && table.earliest() <= now_tick()) {
      const LinkTable::Due next = table.pop();
      if (!put_off(next.slot)) return next;
    }
    return next_hinted();  // those for which it would have given way are put off
  }

  // Taking links off the heap would only put them back: upstream lets nobody drain, or the app's budget is
  // spent.
  bool nobody_may_drain(core::Cause cause) {
    const api::SteadyTime at = gate.available_at(core::Endpoint::sync, core::LinkId{}, cause);
    return at > timers.steady_now();
  }

  void begin_cycle(LinkTable::Due next) {
    const Slot slot = next.slot;
    const std::uint8_t wanted = table.wanted_cause(slot);
    table.set_wanted_cause(slot, 0);
    note_turn(wanted);
    core::Cause cause = wanted != 0 ? static_cast<core::Cause>(wanted) : core::Cause::schedule;
    if (wanted == 0 && table.status(slot) == LinkStatus::relink) cause = core::Cause::probe;
    table.set_in_flight(slot, true);
    ++in_flight;
    in_flight_numbers[slot] = ++cycles_begun;
    group->spawn(visit(next, cause, cycles_begun));
  }

  api::Task<void> visit(LinkTable::Due due, core::Cause cause, std::uint64_t number);

  // Somebody who waits for a visit wants its outcome, not to hear that it has to wait, too.
  static bool answers(CycleEnd end) {
    return end != CycleEnd::yielded && end != CycleEnd::held_back && end != CycleEnd::conflict;
  }

  // Puts the link back where it belongs: it never falls out of the schedule.
  void settle(LinkTable::Due visited, core::Cause cause, CycleOutcome& outcome);

  // It keeps its place: among the first again, or by its due time among those that are as late.
  void hold_back(LinkTable::Due visited, core::Cause cause);

  // The visit is not over: the next one has the same cause, unless somebody has asked for one meanwhile.
  void come_back(Slot slot, core::Cause cause, Tick due);

  // These are found out anew when the link is due.
  static bool scheduled_anyway(core::Cause cause) {
    return cause == core::Cause::schedule || cause == core::Cause::probe;
  }

  void keep_cause(Slot slot, core::Cause cause) {
    if (table.wanted_cause(slot) == 0 && !scheduled_anyway(cause))
      table.set_wanted_cause(slot, static_cast<std::uint8_t>(cause));
  }

  void reschedule(Slot slot, Tick due) {
    if (!visited_by_schedule(table.status(slot))) return;
    if (table.wanted_cause(slot) != 0) {
      put_urgent(slot);
      return;
    }
    put_in_schedule(slot, due);
  }

  void put_in_schedule(Slot slot, Tick due) {
    table.schedule(slot, due);
    if (due < clock_wakes_at && clock) clock->notify_all();
  }

  // The record is gone from the store.
  void forget(Slot slot) {
    if (in_flight_numbers.contains(slot)) of_purged.insert(slot);
    outages.forget(slot);
    hints.forget(slot);
    if (verifier) verifier->forget(table.id(slot));
    peek_row.left(slot);
    leave_hinted(slot);  // or the queue would drop it when it is added again, and nothing else take it
    --by_status[index_of(table.status(slot))];
    table.bury(slot);
    for (CycleWaiter* waiter : cycle_waiters) {
      if (waiter->slot == slot) waiter->done.notify_all();
    }
  }

  // ---- our own credentials ----
  void refuse_auth(const core::Error& error) {
    if (auth_refused) return;
    auth_refused = true;
    observer.on_auth_incident(true, error);
    group->spawn(probe_auth());
  }

  api::Task<void> probe_auth();

  // ---- tasks ----
  api::Task<void> keep_freeze(core::GateFreeze freeze);

  // Wakes the schedule when the earliest link is due, and at least every second.
  api::Task<void> watch_clock() {
    using namespace boost::asio::experimental::awaitable_operators;
    while (!stopping) {
      tend_planner();
      pump();
      const api::SteadyTime wake = next_wake();
      clock_wakes_at = tick_of(wake);
      auto earlier = clock->wait();
      auto due = timers.sleep_until(wake);
      co_await (std::move(earlier) || std::move(due));
      const auto state = co_await boost::asio::this_coro::cancellation_state;
      if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    }
  }

  // What is due and held back by the budget is looked at again soon: nobody tells when a slot comes free.
  api::SteadyTime next_wake() const {
    const api::SteadyTime now = timers.steady_now();
    const bool overdue = !table.nothing_due() && time_of(table.earliest()) <= now;
    if (may_begin() && (overdue || !urgent.empty() || !hinted.empty()))
      return now + std::min(look_at_budget_every, options.idle_look);
    const api::SteadyTime latest =
        std::min(now + options.idle_look, may_begin() ? outages.next_at() : api::SteadyTime::max());
    if (table.nothing_due() || overdue) return latest;
    return std::min(latest, time_of(table.earliest()));
  }

  // ---- discovery (engine_discovery.cpp) ----
  struct Registered {
    std::uint64_t count = 0;
    bool held = false;  // a hold came before the end
  };
  api::Task<void> discover();
  void begin_discovery();
  api::Task<void> pause_discovery(bool failed);
  void set_discovery(const DiscoverySettings& settings);
  api::Task<Registered> act_on(const Differences& found);

  // ---- operator actions (engine_actions.cpp) ----
  // Whether the action suits the record as it is now; an error: it does not.
  enum class Verdict : std::uint8_t { act_and_visit, act, nothing_to_do };
  struct Act {
    std::string_view name;  // in the audit log
    std::function<core::LinkUpdate(const core::StepInput&)> action;
    std::function<core::Result<Verdict>(const core::LinkRecord& record, const core::Held& held)> check;
    Requester by;
    std::optional<core::WallTime> letter_at = std::nullopt;  // the dead letter that it is about
  };
  struct Acted {
    LinkStatus status = LinkStatus::active;
    std::optional<core::RelinkEntry> entry;
    core::Counts counts = {};  // before
    bool repeated = false;     // the request was answered before: nothing was done
  };
  static core::Result<Verdict> may_pause(const core::LinkRecord& record, const core::Held& held);
  static core::Result<Verdict> may_resume(const core::LinkRecord& record, const core::Held& held);
  static core::Result<Verdict> may_repair(const core::LinkRecord& record, const core::Held& held);
  static core::Result<Verdict> may_retry_letter(const core::LinkRecord& record, const core::Held& held);
  static core::Result<Verdict> may_drop_letter(const core::LinkRecord& record, const core::Held& held);

  // `by`: nobody when the discovery adds it.
  // `wait`: how long after now its first visit is due.
  api::Task<core::Result<AddOutcome>> add_link(NewLink link, core::Cause cause, std::optional<Requester> by,
                                               core::Millis wait = core::Millis{0});
  // Of a link that is registered already: it gets what its record lacks of `link`.
  api::Task<core::Result<AddOutcome>> complete(NewLink link, Requester by);
  // How the link and its entry are afterwards.
  api::Task<core::Result<Acted>> act(core::LinkId link_id, Act act);
  api::Task<core::Result<LinkStatus>> change(core::LinkId link_id, Act act);
  // The request's actor is the one of `by`.
  static Act entry_act(core::RelinkRequest request, Requester by, api::Timers& timers);
  api::Task<core::Result<core::RelinkEntry>> act_on_entry(core::LinkId link_id, core::RelinkRequest request,
                                                          Requester by);

  // ---- purge and retention (engine_purge.cpp) ----
  api::Task<core::Result<Purged>> purge(core::LinkId link_id, bool unlink, Requester by);
  Act purge_act(bool unlinked, Requester by);
  void note_purge(core::LinkUpdate& update);
  api::Task<core::Result<void>> unlink(core::LinkId link_id);
  api::Task<bool> was_purged(core::LinkId link_id);
  api::Task<void> retain();
  bool has_expired(const core::LinkRecord& record) const;
  api::Task<void> purge_expired();

  // ---- import (engine_import.cpp) ----
  struct ImportRun;  // of one import: what its tasks share
  api::Task<core::Result<Imported>> import_links(std::vector<NewLink> links, Requester by);
  api::Task<void> import_some(ImportRun& run);
  Imported imported_before(const std::vector<NewLink>& links) const;
  api::Task<core::Result<void>> record_act(std::string action, std::string detail, Requester by);

  // ---- webhooks of links (engine_webhooks.cpp) ----
  struct WebhookRun;
  api::Task<core::Result<void>> keep_link_object(core::LinkId link_id,
                                                 std::shared_ptr<const core::LinkAnswer> answer,
                                                 std::optional<Requester> by);
  api::Task<core::Result<WebhookFix>> fix_webhook(core::LinkId link_id, std::string webhook, Requester by);
  api::Task<void> fix_some(std::shared_ptr<WebhookRun> run);
  api::Task<core::Result<WebhooksFixed>> fix_webhooks(std::vector<core::LinkId> links, Requester by);

  // ---- refresh on demand (engine_refresh.cpp) ----
  struct Refreshing;  // of one product of one link, while it is asked for
  api::Task<core::Result<RefreshAnswer>> refresh(core::LinkId link_id,
                                                 std::vector<core::RefreshProduct> products, Requester by);
  api::Task<core::Result<RefreshAsked>> refresh_product(core::LinkId link_id, core::RefreshProduct product,
                                                        Requester& by);
  api::Task<core::Result<void>> charge_refresh(Refreshing& refreshing, Requester& by);
  api::Task<core::Result<RefreshAsked>> take_refusal(Refreshing& refreshing, core::Error error);
  api::Task<void> follow_refresh(core::LinkId link_id, core::RefreshProduct product,
                                 std::optional<core::UpstreamTime> refreshed_before,
                                 std::optional<core::UpstreamTime> attempted_before);

  // ---- sessions (engine_sessions.cpp) ----
  using RelinkSession = std::pair<IssuedSession, core::RelinkEntry>;
  api::Task<core::Result<RelinkSession>> issue_relink_session(RelinkSessionRequest request, Requester by);
  // What upstream must be told again of the link. conflict: it needs no session, or none would help.
  api::Task<core::Result<core::LinkKeeps>> look_before_session(const RelinkSessionRequest& request);
  core::Result<void> refuse_held_back(const core::LinkId& link_id) const;
  api::Task<core::Result<IssuedSession>> make_session(core::SessionRequest session);
  // The act of this very request, where it was answered before.
  api::Task<core::Result<std::optional<core::AuditEntry>>> earlier_act(Requester by);
  static core::Result<bool> is_repeated(const core::Held& held, const Requester& by);
  api::Task<core::Result<void>> refuse_repeated(Requester by);
  api::Task<core::Result<IssuedSession>> issue_session(core::SessionRequest session, Requester by);
  // Waits for the exchange as a task of the group; one with the request's key that is under way is this one.
  api::Task<core::Result<Exchanged>> await_exchange(ExchangeRequest request, Requester by);
  api::Task<void> run_exchange(std::shared_ptr<Errand> errand, ExchangeRequest request);
  api::Task<core::Result<Exchanged>> exchange(ExchangeRequest request, Requester by);
  api::Task<core::Result<Exchanged>> recover_exchange(ExchangeRequest request, core::Error error,
                                                      Requester by);
  api::Task<core::Result<Exchanged>> take_link(core::LinkId link_id, const ExchangeRequest& request,
                                               bool recovered, Requester by);
  void apply_action(const core::LinkId& link_id, LinkStatus status);
  core::Result<void> sync_now(const core::LinkId& link_id);
  api::Task<std::optional<core::CycleReport>> wait_for_cycle(core::LinkId link_id, api::SteadyTime deadline,
                                                             bool in_all);
  api::Task<void> until_answered(CycleWaiter& waiter, api::SteadyTime deadline);
  std::uint64_t wait_after(Slot slot) const;

  // ---- freshness (engine_freshness.cpp) ----
  core::Millis longest_interval() const;
  // Tells the planner what a visit has cost. A peek that was turned away gets the place where it comes back.
  void count_calls(Slot slot, core::Cause cause, CycleOutcome& outcome);
  void place_peek(Slot slot, CycleOutcome& outcome);
  // Tells the planner how many links share which budgets, and moves its prices now and then.
  void tend_planner();
  api::Task<void> keep_planner();
  void tell_moment(const core::LinkId& link_id, ExplainedSchedule& told) const;
  PlannedBudget plan_budget(std::optional<std::uint64_t> links,
                            std::optional<std::uint32_t> webhook_percent) const;
  std::uint64_t links_visited() const;

  // ---- incidents (engine_outages.cpp) ----
  Outages::Hooks outage_hooks();
  // True: the visit waits for the end of an incident, and the link stands in the schedule for later.
  bool put_off(Slot slot);
  void bring_forward(Slot slot, bool first);

  // ---- webhooks (engine_hints.cpp) ----
  api::Task<core::Result<core::HintOutcome>> take_hint(core::LinkId link_id, core::Digest key);
  bool is_hinted(Slot slot) const;
  // A person asks for it, too: it goes before those that upstream tells of.
  void leave_hinted(Slot slot);
  bool hints_give_way();
  // Whose turn the visit that begins now is: `wanted` is a Cause, or 0 for the schedule's own.
  void note_turn(std::uint8_t wanted);
  std::optional<LinkTable::Due> next_hinted();

  // ---- verify (engine_verify.cpp) ----
  std::optional<Obstacle> service_obstacle() const;
  std::optional<Obstacle> obstacle(const core::LinkId& link_id) const override;
  api::Task<std::optional<Obstacle>> claim(core::LinkId link_id) override;
  void release(const core::LinkId& link_id) override;
  api::Task<std::expected<core::CycleReport, Obstacle>> visit(core::LinkId link_id, bool with_accounts,
                                                              api::SteadyTime deadline) override;
  void listen(const core::LinkId& link_id, std::shared_ptr<core::VisitNews> news) override;
  api::Task<void> until_idle(const core::LinkId& link_id, Slot slot, api::SteadyTime deadline);
  core::Result<void> may_ask(Slot slot) const;
  void start_verifier(const api::IoExecutor& executor);
  core::Result<void> want_verify(const core::LinkId& link_id);

  // ---- engine.cpp ----
  EngineStatus status() const;
  void note_success(Slot slot, const CycleOutcome& outcome);
  void answer_waiters(Slot slot, std::uint64_t number, const CycleOutcome& outcome);

  api::Task<void> stop(api::SteadyTime grace_end) {
    stopping = true;
    for (CycleWaiter* waiter : cycle_waiters)
      waiter->done.notify_all();
    if (verifier) verifier->stop();
    if (!group) co_return;
    // What is asked once and cannot be asked again may end, as pages may.
    const auto at_work = [this] { return in_flight > 0 || !exchanges.empty(); };
    if (!at_work()) group->cancel();
    while (at_work() && timers.steady_now() < grace_end) {
      co_await timers.sleep_until(std::min(grace_end, timers.steady_now() + core::Millis(20)));
    }
    group->cancel();
    co_await group->join();
    gate.on_freeze({});
    running = false;
  }

  api::Timers& timers;
  api::MoneykitApi& upstream;
  api::RateGate& gate;
  StorePort& store;
  EngineObserver& observer;
  EngineOptions options;
  const api::SteadyTime origin;
  core::VisitPlanner planner;
  bool keeping_planner = false;
  PeekRow peek_row;
  LinkTable table;
  Outages outages;
  std::array<std::uint64_t, core::link_status_count + 1> by_status{};
  std::deque<Slot> urgent;
  std::deque<Slot> hinted;           // behind those: webhooks tell of them
  std::uint32_t hints_in_a_row = 0;  // visits begun since the last that was the schedule's
  // Visits of the schedule that asked for no feed: what hints left to it was not used, and is still its.
  std::uint32_t turns_owed = 0;
  std::uint32_t turns_in_a_row = 0;  // of the schedule, since the last visit for a hint
  ImportPace import_pace;
  std::size_t adding = 0;  // links whose registration is being committed
  std::list<CycleWaiter*> cycle_waiters;
  std::unordered_map<Slot, std::uint64_t> in_flight_numbers;
  Errands exchanges;                    // also those whose caller has left
  std::unique_ptr<api::Waiters> clock;  // wakes the schedule before the time it chose
  Tick clock_wakes_at = 0;
  std::unique_ptr<api::Waiters> hold_ended;
  std::unique_ptr<api::Waiters> discovery_changed;
  bool discovering = false;                           // its task runs
  bool compare_at_once = false;                       // it need not wait
  std::unique_ptr<api::Waiters> credentials_changed;  // wakes the question about them
  std::unique_ptr<Verifier> verifier;
  std::unique_ptr<api::Waiters> visit_ended;  // for who wants a link for itself
  Claimed claimed;                            // of the link that the verifier has claimed
  std::optional<Slot> accounts_asked;         // the visit of this link pulls the accounts, too
  std::optional<Slot> listened_to;            // the pages of its visits are told to the listener
  std::shared_ptr<core::VisitNews> listener;
  Continuity continuity{store, timers, stopping, on_hold};
  HintDesk hints{store};
  std::unordered_set<Slot> of_purged;  // whose visits in flight began before a purge
  std::uint64_t fence_floor = 0;       // no purged link had a higher one
  core::PurgedSends purged_sends;      // of the last minute
  RefreshState refreshes;
  std::unique_ptr<TaskGroup> group;
  std::uint64_t in_flight = 0;
  std::uint64_t cycles_begun = 0;
  std::uint64_t heartbeat = 0;
  bool running = false;
  bool stopping = false;
  bool pumping = false;
  bool on_hold = false;
  bool auth_refused = false;
  core::Millis auth_pause = auth_probe_first;
};

}  // namespace syncd::engine
