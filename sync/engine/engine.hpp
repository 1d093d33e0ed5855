#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/freshness_explain.hpp"
#include "sync/core/freshness_forecast.hpp"
#include "sync/core/hint.hpp"
#include "sync/core/incident.hpp"
#include "sync/core/link_session.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/refresh_demand.hpp"
#include "sync/core/relink.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/types.hpp"
#include "sync/engine/outages.hpp"
#include "sync/engine/store_port.hpp"
#include "sync/engine/verifier.hpp"

namespace syncd::engine {

// What link sessions are made with, beside what a request says.
struct SessionSettings {
  std::string redirect_uri;  // where the user's browser goes afterwards; empty: a request must say it
  std::string webhook;       // of new links; empty: none
  core::Millis lifetime{std::chrono::minutes(30)};  // upstream does not say how long a session lives
};

struct EngineOptions {
  core::Policy policy;
  std::uint32_t workers = 64;            // cycles in flight
  std::uint32_t links_max = 10'000'000;  // registered links
  bool discovery = true;                 // compare GET /links with the store
  bool discovery_registers = false;      // add what is missing here
  core::Millis discovery_interval{std::chrono::hours(24)};
  // While nothing waits for its turn, the schedule looks at the clock this often: what moves the heartbeat.
  core::Millis idle_look{1'000};
  SessionSettings sessions = {};
  core::Millis gone_links_kept{0};  // links that are gone for longer are purged; 0: none
  core::RefreshPolicy refresh = {};
};

// Whether and how often the links are compared with upstream's list; see EngineOptions.
struct DiscoverySettings {
  bool compares = true;
  bool registers = false;
  core::Millis interval{std::chrono::hours(24)};
};

// What the engine tells the rest of the process. Called on the io thread; must not block.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;
  virtual void on_cycle(const core::CycleReport& report) = 0;
  // Our own credentials were refused (true) or work again (false).
  virtual void on_auth_incident(bool refused, const core::Error& error) = 0;
  // Discovery compared both sides: ids that only one of them knows (at most 100,000 each, and the full
  // counts).
  virtual void on_discovery(const std::vector<core::LinkId>& only_upstream, std::uint64_t only_upstream_count,
                            const std::vector<core::LinkId>& only_here, std::uint64_t only_here_count) = 0;
  // One of those that only upstream knew is registered now.
  virtual void on_registered() {}
  virtual void on_discovery_failed(const core::Error& error) = 0;
  virtual void on_store_failed(const core::Error& error) = 0;
  // A verify has ended, one that somebody asked for or one of the audit.
  virtual void on_verify(const core::VerifyReport&) {}
  // Everything of a link was taken away: by a person, or because it has been gone for long enough.
  virtual void on_purged(const core::LinkId&, bool by_retention, const core::Counts&) {
    static_cast<void>(by_retention);
  }
  // An incident has opened, goes on after a restart, ramps, has relapsed or is closed.
  virtual void on_incident(const core::IncidentEvent&) {}
  // A refresh that somebody asked for was refused, accepted, or has ended.
  virtual void on_refresh(const core::LinkId&, core::RefreshProduct, core::RefreshStage) {}
  // A person has dismissed a relink entry, or opened it again; the entry afterwards.
  virtual void on_entry_moved(const core::RelinkEntry&) {}
};

struct NewLink {
  core::LinkId link_id;
  std::string customer_user_id;
  std::vector<std::string> tags;
};

// Who asks for an act, for the audit log, which gets it in the batch of the change.
struct Requester {
  std::string actor;  // `uid:1000`, `token:NAME`
  // Of a request with an Idempotency-Key, see core::AuditNote. One that was answered within a day is not done
  // again: the answer is how things are now. conflict: the key belongs to another request.
  core::Digest request_key{};
  core::Digest request_digest{};
};

// A session for the component in the user's browser or app. The token is nowhere else.
struct IssuedSession {
  std::shared_ptr<const api::Secret> token;
  core::WallTime expires_at{};
};

struct RelinkSessionRequest {
  core::LinkId link_id;
  std::uint64_t version = 0;  // of the entry, as the person saw it
  std::string redirect_uri;   // empty: the configured one
  bool force = false;         // also while the bank is down
};

struct ExchangeRequest {
  std::shared_ptr<const api::Secret> token;
  std::string customer_user_id;  // empty: an exchange whose answer is lost cannot be recovered
  std::vector<std::string> tags;
};

struct Exchanged {
  core::LinkId link_id;
  bool added = false;      // false: it was registered already
  bool recovered = false;  // the answer of an earlier exchange was lost; found among the user's links
};

struct Purged {
  core::Counts counts{};  // of what was stored
  bool unlinked = false;  // ended upstream, too
  bool repeated = false;  // by an earlier request with this key: the counts are not known any more
};

// What is going on with a link, beside what is stored of it.
enum class LinkMoment : std::uint8_t {
  waits,    // for its time
  queued,   // before all that is due: asked for by a person or a webhook
  visited,  // now
  put_off,  // due, but its institution or provider is down
  budget,   // due, but others came first, or the budget of its call is spent
};
std::string_view to_string(LinkMoment moment);

struct ExplainedSchedule {
  core::ScheduleExplanation stored;
  LinkMoment moment = LinkMoment::waits;
  // Of one that waits for the budget of its peek: when it is tried again. Nobody knows when others let an
  // overdue link through.
  std::optional<core::WallTime> next_try_at;
};

// What a budget buys, and for whom that was reckoned.
struct PlannedBudget {
  std::uint64_t links = 0;
  std::uint32_t webhook_percent = 0;
  std::uint32_t sync_per_minute = 0, link_per_minute = 0;  // the budgets
  bool adaptive = false, peeks = false;                    // as the schedule is set now
  core::FleetModel model;
  core::Forecast delays;
};

enum class AddOutcome : std::uint8_t { added, existed };

inline constexpr std::size_t import_links_max = 1000;
// What became of each link of an import, in their order; an error: the link was not taken.
using Imported = std::vector<core::Result<AddOutcome>>;

// What became of one product of a request to refresh a link.
struct RefreshAsked {
  core::RefreshProduct product = core::RefreshProduct::transactions;
  bool asked = false;       // upstream accepted it, or may have
  std::string reason = {};  // why not: a word, and for people
  std::string message = {};
  std::optional<core::WallTime> retry_at = {};
};
struct RefreshAnswer {
  std::vector<RefreshAsked> products;  // in the order of the request
  std::uint32_t calls_left = 0;        // of the day's and the month's the fewer
};

enum class WebhookFix : std::uint8_t { fixed, right };
inline constexpr std::size_t webhook_fixes_max = 50;
// What became of each link, in their order; an error: it was not fixed.
using WebhooksFixed = std::vector<core::Result<WebhookFix>>;
struct WebhookFixCounts {
  std::uint64_t fixed = 0, right = 0, refused = 0;
};
WebhookFixCounts counts_of(const WebhooksFixed& results);

struct EngineStatus {
  std::array<std::uint64_t, core::link_status_count + 1> links_by_status{};  // index: LinkStatus
  std::uint64_t links = 0;
  std::uint64_t due = 0;        // due now and not yet begun
  std::uint64_t in_flight = 0;  // cycles
  std::uint64_t tasks = 0;      // coroutines that have not ended, cycles among them
  bool auth_refused = false;
  bool on_hold = false;  // by hold()
  bool store_healthy = true;
  // Neither paused nor gone, and no success within the longest interval, counted from the registration before
  // the first one.
  std::uint64_t stale = 0;
  // Of the others: upstream's data was older than the longest interval at their last success.
  std::uint64_t stale_upstream = 0;
  // The longest ago of the last successes of links neither paused nor gone; one without any is in `stale`.
  std::optional<core::WallTime> oldest_success_at;
  std::optional<core::WallTime> next_due_at;
  std::vector<Incident> incidents;  // open ones and those that ramp
};

// Decides which link is visited when, and visits them with a bounded number of workers. At most one cycle per
// link is in flight; a request for a link that is being visited marks it dirty and it is visited once more.
//
// Lifecycle: register_stored() for each link of the start-up scan, start(), then stop() awaited to its end.
// Thread: the io thread.
class Engine {
 public:
  Engine(api::Timers& timers, api::MoneykitApi& upstream, api::RateGate& gate, StorePort& store,
         EngineObserver& observer, EngineOptions options);
  ~Engine();

  // Before start().
  void reserve(std::size_t links);
  void register_stored(const store::LinkSummary& summary);
  // The store's note `incidents_note`, behind the last register_stored(): the incidents that were open when
  // the daemon stopped go on, each with a canary at once.
  void restore_incidents(std::string_view note);
  // The store's note `core::planner_note`, before start(): what the visits have taught.
  void restore_planner(std::string_view note);
  // The store's note `core::purged_sends_note`, before start().
  void restore_purged_sends(std::string_view note);
  // A hint that waited when the daemon stopped, before start(): its link is due at once.
  void restore_hint(const core::LinkId& link_id, std::uint64_t sequence);
  void start(api::IoExecutor executor);
  // Takes no new link, lets running pages finish until `grace_end`, then cancels what waits; returns when no
  // task is left. Commits already handed to the store are always awaited.
  api::Task<void> stop(api::SteadyTime grace_end);

  // ---- operator actions; errors: not_found, conflict, storage, invalid ----
  // `existed`: the record got what it lacked of user and tags, as an act (`links.complete`).
  api::Task<core::Result<AddOutcome>> add_link(NewLink link, Requester by);
  // As add_link() for each of at most import_links_max links, together and so in few synced writes; but the
  // links wait for their first visit, with cause `backfill`, in a row that leaves the others half of the
  // budget. Errors end the whole, with what was registered until then, and to repeat it is harmless: storage,
  // cancelled, and conflict as of a Requester. One link's own is in its place: invalid.
  api::Task<core::Result<Imported>> import_links(std::vector<NewLink> links, Requester by);
  // Notes an act that is about no link and changes nothing. Errors: storage; conflict as of a Requester.
  api::Task<core::Result<void>> record_act(std::string action, std::string detail, Requester by);
  api::Task<core::Result<core::LinkStatus>> pause(core::LinkId link_id, Requester by);
  api::Task<core::Result<core::LinkStatus>> resume(core::LinkId link_id, Requester by);
  // Makes the link due at once with cause `manual`. Errors: not_found; conflict when it is paused or gone.
  core::Result<void> sync_now(const core::LinkId& link_id);
  // Waits for the end of the next cycle that begins after this call (call it right after sync_now, without an
  // await between them). nullopt: `deadline` passed first.
  api::Task<std::optional<core::CycleReport>> wait_for_cycle(core::LinkId link_id, api::SteadyTime deadline);

  // Reads the whole history of the link once more, with mark and sweep, and tells what differs with cause
  // `verify`; also over a crash. Errors beside the usual ones: conflict while its owner must act, before its
  // first drain has ended, and during a resync that upstream caused. One that is under way goes on.
  api::Task<core::Result<core::LinkStatus>> repair(core::LinkId link_id, Requester by);
  // As wait_for_cycle(), but the report counts all visits that it took.
  api::Task<std::optional<core::CycleReport>> wait_for_repair(core::LinkId link_id, api::SteadyTime deadline);
  // Takes away everything of the link that is stored here, whatever state it is in; a receipt stays in the
  // feed and the act in the audit log, and the discovery does not bring it back. With `unlink` the link is
  // ended upstream first, for good. Errors beside the usual ones: with `unlink` those of upstream, and then
  // nothing was taken away.
  api::Task<core::Result<Purged>> purge(core::LinkId link_id, bool unlink, Requester by);
  // The link's dead letter of that time. Retry: the link leaves the quarantine and is due at once; the letter
  // is kept and says so. Drop: the letter goes, nothing else changes. Each once: conflict for a letter that
  // was retried, not_found for one that is not there (any more).
  api::Task<core::Result<core::LinkStatus>> retry_letter(core::LinkId link_id, core::WallTime at,
                                                         Requester by);
  api::Task<core::Result<core::LinkStatus>> drop_letter(core::LinkId link_id, core::WallTime at,
                                                        Requester by);
  // What a person does to the link's relink entry; the entry afterwards. The actor of `request` is the one of
  // `by`. Errors beside the usual ones: those of core::apply(); not_found: the link has no entry.
  api::Task<core::Result<core::RelinkEntry>> act_on_entry(core::LinkId link_id, core::RelinkRequest request,
                                                          Requester by);
  // Makes a session with which the link's owner reconnects it, with the webhook and tags that the link has,
  // and notes it in the entry. It costs a look at the link, and when that is connected again nothing is made:
  // the link is visited at once, and conflict says so. Errors beside the usual ones: conflict as of
  // act_on_entry(), and while the bank is down; invalid: no redirect_uri; those of
  // MoneykitApi::create_session.
  api::Task<core::Result<std::pair<IssuedSession, core::RelinkEntry>>> issue_relink_session(
      RelinkSessionRequest request, Requester by);
  // A session for a new link. What `session` leaves empty comes from the settings.
  api::Task<core::Result<IssuedSession>> issue_session(core::SessionRequest session, Requester by);
  // Turns the token that the component gave into a link, which is registered and visited at once. A token
  // works once: behind a lost answer the one link of the customer user that is not registered here, or that
  // the discovery has just registered, is taken for it. It runs as a task of the engine: whoever waits may be
  // cancelled and it goes on, and the same request (by its key) waits for it again. Errors beside the usual
  // ones: invalid (the token); conflict: there are several such links, or none; cancelled.
  api::Task<core::Result<Exchanged>> exchange(ExchangeRequest request, Requester by);
  void set_session_settings(const SessionSettings& settings);
  // Upstream says that there is news of the link; `key` is that of the message, which is the same each time
  // it is repeated. Stored, with many others in one write, when it returns `accepted`; the link is due at
  // once then, with cause `webhook`, also after a crash. Errors: throttled (too many links wait), storage
  // (also while cycles are held), cancelled.
  api::Task<core::Result<core::HintOutcome>> hint(core::LinkId link_id, core::Digest key);
  std::size_t hints_waiting() const;  // links
  void set_hints_max(std::size_t hints_max);
  const std::string& session_webhook() const;
  // Gives at most webhook_fixes_max links the webhook of the settings through PATCH, with the tags that they
  // have, within its budget. Each costs a look and, unless it is right already, one PATCH, which is an act of
  // the log. To repeat it is harmless. Errors end the whole, with what was done until then: conflict (no
  // webhook is configured; as of a Requester), invalid (too many), transport, throttled, auth, storage,
  // cancelled. One link's own is in its place: not_found, conflict (it is gone here), gone, and those of
  // MoneykitApi::update_link.
  api::Task<core::Result<WebhooksFixed>> fix_webhooks(std::vector<core::LinkId> links, Requester by);
  // Asks the link's bank anew, product by product (none: those that the settings cover), which upstream may
  // charge for: within the settings' limits, which hold across restarts. What comes of it is found out by
  // itself, and the link is visited then. Errors: not_found, storage, cancelled; conflict: the same link is
  // being asked for, or as of a Requester.
  api::Task<core::Result<RefreshAnswer>> refresh(core::LinkId link_id,
                                                 std::vector<core::RefreshProduct> products, Requester by);
  void set_refresh(const core::RefreshPolicy& policy);
  // The store's note core::refresh_spending_note, before start().
  void restore_refresh_spending(std::string_view note);
  // Compares the link with upstream, soon, and writes nothing. Errors: not_found; conflict when it is paused,
  // gone or waits for its owner, or when too many wait; cancelled.
  core::Result<void> verify(const core::LinkId& link_id);
  // Waits until no verify of the link is under way, or `deadline`. Errors: storage.
  api::Task<core::Result<VerifyState>> verify_state(core::LinkId link_id, api::SteadyTime deadline);
  // While true no cycle begins, those in flight yield before their next request, no verify asks anything, and
  // the discovery neither asks nor registers. Operator actions go on.
  void hold(bool on);

  // Upstream was given other credentials: where they are refused, they are tried at once.
  void take_new_credentials();

  // ---- incidents: links that fail together (decision 014) ----
  std::vector<Incident> incidents() const;
  // The id of the incident for whose end the link's relink entry waits: nobody should act on it until then.
  std::optional<std::string> held_back_by(const core::LinkId& link_id) const;
  // Grows with each change of an incident.
  std::uint64_t incidents_revision() const;
  // As core::Incidents::institutions(); the names live until the next await.
  std::vector<core::InstitutionTally> institutions() const;

  bool knows(const core::LinkId& link_id) const;
  EngineStatus status() const;
  // Resident bytes of the schedule and the id table, all links together.
  std::uint64_t schedule_bytes() const;
  // A counter that moves while the scheduler loop makes progress; the watchdog looks at it.
  std::uint64_t heartbeat() const;
  void set_policy(const core::Policy& policy);
  // Why the link of this record, which the caller has loaded just now, is due when it is.
  ExplainedSchedule explain_schedule(const core::LinkRecord& record) const;
  // What the configured budgets buy for so many links (1 to core::forecast_links_max; none: those that there
  // are) of which so many per cent have a webhook (none: as many as have one now). Takes some milliseconds.
  PlannedBudget plan_budget(std::optional<std::uint64_t> links,
                            std::optional<std::uint32_t> webhook_percent) const;
  void set_retention(core::Millis gone_links_kept);
  // From now on; what is above the new limits already stays and ends by itself.
  void set_limits(std::uint32_t workers, std::uint32_t links_max);
  // From now on. Turned on, or told to register what it only reported, it compares at once.
  void set_discovery(const DiscoverySettings& settings);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syncd::engine
