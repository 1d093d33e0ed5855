#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/admin/backup_desk.hpp"
#include "daemon/admin/token_table.hpp"
#include "store/consumers.hpp"
#include "store/store.hpp"
#include "sync/api/rate_gate.hpp"
#include "sync/api/task.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/types.hpp"
#include "sync/engine/engine.hpp"

namespace syncd::daemon {

// What GET /v1/status shows.
struct StatusView {
  std::string version;
  std::string environment;  // sandbox or live
  core::WallTime now{};
  core::WallTime started_at{};
  bool healthy = false;
  bool ready = false;
  engine::EngineStatus engine;
  std::vector<api::BudgetUse> budget;
  struct Connections {
    std::uint64_t open = 0;
    std::uint64_t idle = 0;
    std::uint64_t waiting = 0;
  } connections;
  store::StoreStats store;
  bool space_low = false;           // nothing is fetched for want of disk space
  core::WallTime scrubbed_at{};     // epoch: not yet
  std::uint64_t damaged_files = 0;  // as of then
  struct Discovery {
    core::WallTime at{};
    std::uint64_t only_upstream = 0;
    std::uint64_t only_here = 0;
  };
  std::optional<Discovery> discovery;
  // Entries of a queue in the store. Counting ends at a bound: then there are `more`.
  struct Length {
    std::uint64_t count = 0;
    bool more = false;
  };
  Length relinks_open;
  Length dead_letters;
  struct ConfigState {
    core::WallTime loaded_at{};                     // of the one in effect
    core::WallTime reloaded_at{};                   // the last attempt; epoch: none since the start
    std::uint64_t problems = 0;                     // that it found; 0: it was accepted
    std::vector<std::string> pending_restart = {};  // keys whose new value needs a restart
  } config;
  std::string auth_error;  // why our credentials are refused; empty: they are not
  // The TCP listener of the admin API.
  struct AdminTcp {
    bool configured = false;
    bool open = false;
    std::optional<core::WallTime> certificate_expires_at = {};  // of the one in use
    std::string problem = {};  // why it is shut, or keeps the certificate before; empty: all is well
  } admin_tcp;
};

// A token just made; its text exists nowhere else.
struct CreatedToken {
  Token token;
  api::Secret text;
};

// What the admin routes need of the process. Thread: the io thread. Errors: not_found, conflict, invalid,
// storage, cancelled.
class AdminView {
 public:
  virtual ~AdminView() = default;

  virtual api::Task<core::Result<engine::AddOutcome>> add_link(engine::NewLink link,
                                                               engine::Requester by) = 0;
  // As Engine::import_links and Engine::record_act.
  virtual api::Task<core::Result<engine::Imported>> import_links(std::vector<engine::NewLink> links,
                                                                 engine::Requester by) = 0;
  virtual api::Task<core::Result<void>> record_act(std::string action, std::string detail,
                                                   engine::Requester by) = 0;
  virtual api::Task<core::Result<core::LinkStatus>> pause(core::LinkId link_id, engine::Requester by) = 0;
  virtual api::Task<core::Result<core::LinkStatus>> resume(core::LinkId link_id, engine::Requester by) = 0;
  // Makes the link due and waits up to `wait` for the end of the visit; nullopt: not waited for, or not ended
  // yet.
  virtual api::Task<core::Result<std::optional<core::CycleReport>>> sync(core::LinkId link_id,
                                                                         core::Millis wait) = 0;

  virtual api::Task<core::Result<store::Listing<core::LinkRecord>>> links(
      std::string after, std::size_t limit, std::optional<core::LinkStatus> status) = 0;
  virtual api::Task<core::Result<std::optional<core::LinkRecord>>> link(core::LinkId link_id) = 0;
  // Upstream's link object as last received; empty: none.
  virtual api::Task<core::Result<std::string>> link_object(core::LinkId link_id) = 0;
  virtual api::Task<core::Result<store::Listing<core::StoredAccount>>> accounts(core::LinkId link_id,
                                                                                std::string after,
                                                                                std::size_t limit) = 0;
  virtual api::Task<core::Result<store::Listing<core::StoredTransaction>>> transactions(
      core::LinkId link_id, std::string after, std::size_t limit) = 0;
  // Waits up to `wait` for an entry above `after` if there is none.
  virtual api::Task<core::Result<store::FeedSlice>> feed(std::uint64_t after, std::size_t limit,
                                                         core::Millis wait) = 0;
  // What the feed tells of one link, newest first, below the sequence `before` (0: from the last one).
  virtual api::Task<core::Result<std::vector<store::FeedEntry>>> link_feed(core::LinkId link_id,
                                                                           std::uint64_t before,
                                                                           std::size_t limit) = 0;
  // As the calls of the store; what was done already under the request's key is answered as done. Errors
  // beside the usual ones: conflict (the key belongs to another request; there is no room for one more),
  // not_found.
  virtual api::Task<core::Result<store::ConsumerList>> feed_consumers() = 0;
  virtual api::Task<core::Result<store::ConsumerLook>> feed_consumer(std::string name) = 0;
  virtual api::Task<core::Result<store::AddedConsumer>> add_feed_consumer(std::string name,
                                                                          store::ConsumerStart start,
                                                                          engine::Requester by) = 0;
  virtual api::Task<core::Result<void>> remove_feed_consumer(std::string name, engine::Requester by) = 0;
  virtual api::Task<core::Result<store::MovedConsumer>> move_feed_consumer(std::string name,
                                                                           store::FeedPosition to,
                                                                           store::ConsumerMove move,
                                                                           engine::Requester by) = 0;
  virtual api::Task<core::Result<store::Listing<core::RelinkEntry>>> relink_entries(
      std::string after, std::size_t limit, store::RelinkFilter filter) = 0;
  virtual api::Task<core::Result<std::optional<core::RelinkEntry>>> relink_entry(core::LinkId link_id) = 0;
  // The note about the link's last relink, see core::continuity_note(); nullopt: there is none. While it is
  // no report yet, waits up to `wait` for one.
  virtual api::Task<core::Result<std::optional<std::string>>> continuity(core::LinkId link_id,
                                                                         core::Millis wait) = 0;
  // Errors beside the usual ones: not_found, when the link has no entry.
  virtual api::Task<core::Result<core::RelinkEntry>> act_on_entry(core::LinkId link_id,
                                                                  core::RelinkRequest request,
                                                                  engine::Requester by) = 0;
  // As Engine::issue_relink_session, issue_session and exchange; beside their errors those of upstream.
  virtual api::Task<core::Result<std::pair<engine::IssuedSession, core::RelinkEntry>>> issue_relink_session(
      engine::RelinkSessionRequest request, engine::Requester by) = 0;
  virtual api::Task<core::Result<engine::IssuedSession>> issue_session(core::SessionRequest session,
                                                                       engine::Requester by) = 0;
  virtual api::Task<core::Result<engine::Exchanged>> exchange(engine::ExchangeRequest request,
                                                              engine::Requester by) = 0;
  // As Engine::refresh.
  virtual api::Task<core::Result<engine::RefreshAnswer>> refresh(core::LinkId link_id,
                                                                 std::vector<core::RefreshProduct> products,
                                                                 engine::Requester by) = 0;
  // As Engine::session_webhook and fix_webhooks.
  virtual std::string session_webhook() const = 0;
  virtual api::Task<core::Result<engine::WebhooksFixed>> fix_webhooks(std::vector<core::LinkId> links,
                                                                      engine::Requester by) = 0;
  // As Engine::explain_schedule and plan_budget.
  virtual engine::ExplainedSchedule explain_schedule(const core::LinkRecord& record) const = 0;
  virtual engine::PlannedBudget plan_budget(std::optional<std::uint64_t> links,
                                            std::optional<std::uint32_t> webhook_percent) const = 0;
  // A number that is another one when an entry of the queue has changed since, or the daemon was started
  // again; waits up to `wait` for one that is not `seen`.
  virtual api::Task<std::uint64_t> revision(std::uint64_t seen, core::Millis wait) = 0;
  virtual api::Task<core::Result<store::Listing<core::LinkRecord>>> search_links(std::string prefix,
                                                                                 std::string after,
                                                                                 std::size_t limit) = 0;
  // Newest first, below the sequence `before` (0: from the last one).
  virtual api::Task<core::Result<store::AuditSlice>> audit_entries(std::uint64_t before,
                                                                   std::size_t limit) = 0;
  // Walks the whole chain of acts.
  virtual api::Task<core::Result<store::AuditCheck>> check_audit() = 0;
  virtual api::Task<core::Result<StatusView>> status() = 0;
  // Links that fail together, open incidents and those that ramp.
  virtual std::vector<engine::Incident> incidents() const = 0;
  // The incident that the link's relink entry waits for; nullopt: none.
  virtual std::optional<std::string> held_back_by(const core::LinkId& link_id) const = 0;

  // Begins a verify of the link, or joins the one that is under way, and waits up to `wait` for its end.
  virtual api::Task<core::Result<engine::VerifyState>> verify(core::LinkId link_id, core::Millis wait) = 0;
  virtual api::Task<core::Result<engine::VerifyState>> verify_state(core::LinkId link_id,
                                                                    core::Millis wait) = 0;
  // As sync(), for the visits of a repair; the report counts all of them.
  virtual api::Task<core::Result<std::optional<core::CycleReport>>> repair(core::LinkId link_id,
                                                                           core::Millis wait,
                                                                           engine::Requester by) = 0;
  // As Engine::purge.
  virtual api::Task<core::Result<engine::Purged>> purge(core::LinkId link_id, bool unlink,
                                                        engine::Requester by) = 0;
  virtual api::Task<core::Result<store::Listing<core::DeadLetter>>> dead_letters(std::string after,
                                                                                 std::size_t limit) = 0;
  virtual api::Task<core::Result<std::optional<core::DeadLetter>>> dead_letter(core::LinkId link_id,
                                                                               core::WallTime at) = 0;
  virtual api::Task<core::Result<core::LinkStatus>> retry_letter(core::LinkId link_id, core::WallTime at,
                                                                 engine::Requester by) = 0;
  virtual api::Task<core::Result<core::LinkStatus>> drop_letter(core::LinkId link_id, core::WallTime at,
                                                                engine::Requester by) = 0;

  // As TokenTable::add and TokenTable::revoke; both are in the audit log.
  virtual api::Task<core::Result<CreatedToken>> create_token(NewToken wanted, engine::Requester by) = 0;
  virtual api::Task<core::Result<Token>> revoke_token(std::string name, engine::Requester by) = 0;
  virtual const TokenTable& tokens() const = 0;

  virtual BackupDesk& backups() = 0;

  virtual bool knows(const core::LinkId& link_id) const = 0;
  virtual std::string link_ref(const core::LinkId& link_id) const = 0;
  virtual core::WallTime wall_now() const = 0;
  virtual core::WallTime started_at() const = 0;  // tells this run of the daemon from any other
  virtual bool healthy() const = 0;
  virtual bool ready() const = 0;
  // An operator changed something: one line for the log.
  virtual void note_action(std::string_view action, const core::LinkId& link_id, std::string_view actor) = 0;
};

}  // namespace syncd::daemon
