#pragma once

#include <functional>

#include "daemon/admin/admin_view.hpp"
#include "daemon/admin/token_book.hpp"
#include "daemon/log.hpp"
#include "daemon/observer.hpp"
#include "daemon/relink_counter.hpp"
#include "daemon/revision.hpp"
#include "daemon/store_care.hpp"
#include "sync/api/https_transport.hpp"
#include "sync/engine/store_gateway.hpp"

namespace syncd::daemon {

// The state of the process that no part holds.
struct ProcessState {
  StatusView::AdminTcp admin_tcp;
  core::WallTime started_at{};
  StatusView::ConfigState config;
  bool started = false;
  bool stopping = false;
};

// What the running daemon shows and does for its operators. All references outlive every task.
class LiveView final : public AdminView {
 public:
  struct Parts {
    api::Timers& timers;
    api::RateGate& gate;
    api::HttpsTransport& transport;
    engine::StoreGateway& store;
    engine::Engine& engine;
    const Observer& observer;
    const StoreCare& care;
    BackupDesk& backups;
    Log& log;
    const ProcessState& process;
    TokenBook& tokens;
    std::string environment;
  };
  explicit LiveView(Parts parts) : parts_(std::move(parts)) {}

  api::Task<core::Result<engine::AddOutcome>> add_link(engine::NewLink link, engine::Requester by) override;
  api::Task<core::Result<engine::Imported>> import_links(std::vector<engine::NewLink> links,
                                                         engine::Requester by) override;
  api::Task<core::Result<void>> record_act(std::string action, std::string detail,
                                           engine::Requester by) override;
  api::Task<core::Result<core::LinkStatus>> pause(core::LinkId link_id, engine::Requester by) override;
  api::Task<core::Result<core::LinkStatus>> resume(core::LinkId link_id, engine::Requester by) override;
  api::Task<core::Result<std::optional<core::CycleReport>>> sync(core::LinkId link_id,
                                                                 core::Millis wait) override;
  api::Task<core::Result<store::Listing<core::LinkRecord>>> links(
      std::string after, std::size_t limit, std::optional<core::LinkStatus> status) override;
  api::Task<core::Result<std::optional<core::LinkRecord>>> link(core::LinkId link_id) override;
  api::Task<core::Result<std::string>> link_object(core::LinkId link_id) override;
  api::Task<core::Result<store::Listing<core::StoredAccount>>> accounts(core::LinkId link_id,
                                                                        std::string after,
                                                                        std::size_t limit) override;
  api::Task<core::Result<store::Listing<core::StoredTransaction>>> transactions(core::LinkId link_id,
                                                                                std::string after,
                                                                                std::size_t limit) override;
  api::Task<core::Result<store::FeedSlice>> feed(std::uint64_t after, std::size_t limit,
                                                 core::Millis wait) override;
  // ---- live_consumers.cpp ----
  api::Task<core::Result<store::ConsumerList>> feed_consumers() override;
  api::Task<core::Result<store::ConsumerLook>> feed_consumer(std::string name) override;
  api::Task<core::Result<store::AddedConsumer>> add_feed_consumer(std::string name,
                                                                  store::ConsumerStart start,
                                                                  engine::Requester by) override;
  api::Task<core::Result<void>> remove_feed_consumer(std::string name, engine::Requester by) override;
  api::Task<core::Result<store::MovedConsumer>> move_feed_consumer(std::string name, store::FeedPosition to,
                                                                   store::ConsumerMove move,
                                                                   engine::Requester by) override;
  // ----
  api::Task<core::Result<store::Listing<core::RelinkEntry>>> relink_entries(
      std::string after, std::size_t limit, store::RelinkFilter filter) override;
  api::Task<core::Result<std::optional<core::RelinkEntry>>> relink_entry(core::LinkId link_id) override;
  api::Task<core::Result<std::optional<std::string>>> continuity(core::LinkId link_id,
                                                                 core::Millis wait) override;
  api::Task<core::Result<core::RelinkEntry>> act_on_entry(core::LinkId link_id, core::RelinkRequest request,
                                                          engine::Requester by) override;
  api::Task<core::Result<std::pair<engine::IssuedSession, core::RelinkEntry>>> issue_relink_session(
      engine::RelinkSessionRequest request, engine::Requester by) override;
  api::Task<core::Result<engine::IssuedSession>> issue_session(core::SessionRequest session,
                                                               engine::Requester by) override;
  api::Task<core::Result<engine::Exchanged>> exchange(engine::ExchangeRequest request,
                                                      engine::Requester by) override;
  api::Task<core::Result<engine::RefreshAnswer>> refresh(core::LinkId link_id,
                                                         std::vector<core::RefreshProduct> products,
                                                         engine::Requester by) override {
    return parts_.engine.refresh(std::move(link_id), std::move(products), std::move(by));
  }
  engine::ExplainedSchedule explain_schedule(const core::LinkRecord& record) const override {
    return parts_.engine.explain_schedule(record);
  }
  engine::PlannedBudget plan_budget(std::optional<std::uint64_t> links,
                                    std::optional<std::uint32_t> webhook_percent) const override {
    return parts_.engine.plan_budget(links, webhook_percent);
  }
  std::string session_webhook() const override { return parts_.engine.session_webhook(); }
  api::Task<core::Result<engine::WebhooksFixed>> fix_webhooks(std::vector<core::LinkId> links,
                                                              engine::Requester by) override {
    return parts_.engine.fix_webhooks(std::move(links), std::move(by));
  }
  api::Task<std::uint64_t> revision(std::uint64_t seen, core::Millis wait) override;
  api::Task<core::Result<store::Listing<core::LinkRecord>>> search_links(std::string prefix,
                                                                         std::string after,
                                                                         std::size_t limit) override;
  api::Task<core::Result<store::AuditSlice>> audit_entries(std::uint64_t before, std::size_t limit) override;
  api::Task<core::Result<store::AuditCheck>> check_audit() override;
  api::Task<core::Result<StatusView>> status() override;
  std::vector<engine::Incident> incidents() const override { return parts_.engine.incidents(); }
  std::optional<std::string> held_back_by(const core::LinkId& link_id) const override {
    return parts_.engine.held_back_by(link_id);
  }
  api::Task<core::Result<engine::VerifyState>> verify(core::LinkId link_id, core::Millis wait) override;
  api::Task<core::Result<engine::VerifyState>> verify_state(core::LinkId link_id, core::Millis wait) override;
  api::Task<core::Result<std::optional<core::CycleReport>>> repair(core::LinkId link_id, core::Millis wait,
                                                                   engine::Requester by) override;
  api::Task<core::Result<engine::Purged>> purge(core::LinkId link_id, bool unlink,
                                                engine::Requester by) override;
  api::Task<core::Result<std::vector<store::FeedEntry>>> link_feed(core::LinkId link_id, std::uint64_t before,
                                                                   std::size_t limit) override;
  api::Task<core::Result<store::Listing<core::DeadLetter>>> dead_letters(std::string after,
                                                                         std::size_t limit) override;
  api::Task<core::Result<std::optional<core::DeadLetter>>> dead_letter(core::LinkId link_id,
                                                                       core::WallTime at) override;
  api::Task<core::Result<core::LinkStatus>> retry_letter(core::LinkId link_id, core::WallTime at,
                                                         engine::Requester by) override;
  api::Task<core::Result<core::LinkStatus>> drop_letter(core::LinkId link_id, core::WallTime at,
                                                        engine::Requester by) override;

  api::Task<core::Result<CreatedToken>> create_token(NewToken wanted, engine::Requester by) override;
  api::Task<core::Result<Token>> revoke_token(std::string name, engine::Requester by) override;
  const TokenTable& tokens() const override { return parts_.tokens.table(); }

  BackupDesk& backups() override { return parts_.backups; }

  bool knows(const core::LinkId& link_id) const override { return parts_.engine.knows(link_id); }
  std::string link_ref(const core::LinkId& link_id) const override {
    return parts_.log.links().link_ref(link_id);
  }
  core::WallTime wall_now() const override { return parts_.timers.wall_now(); }
  core::WallTime started_at() const override { return parts_.process.started_at; }
  bool healthy() const override { return parts_.store.healthy(); }
  bool ready() const override { return parts_.process.started && !parts_.process.stopping && healthy(); }
  void note_action(std::string_view action, const core::LinkId& link_id, std::string_view actor) override;

 private:
  std::uint64_t revision_now() const {
    return first_revision(parts_.process.started_at) + parts_.store.relink_revision() +
           parts_.engine.incidents_revision();
  }

  Parts parts_;
  RelinkCounter live_relinks_{parts_.store, RelinkCounter::Half::live};
};

}  // namespace syncd::daemon
