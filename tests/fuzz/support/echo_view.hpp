#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "daemon/admin/admin_view.hpp"
#include "sync/api/secret.hpp"
#include "sync/core/continuity.hpp"

namespace syncd::fuzz {

// A process behind the admin API that knows every link, shows it as it was asked for, and notes what it was
// asked.
class EchoView final : public daemon::AdminView {
 public:
  struct Question {
    std::string verb;
    std::string link_id = {};
    std::string after = {};
    std::size_t limit = 1;
    core::Millis wait{};
    bool changes = false;
  };

  api::Task<core::Result<engine::AddOutcome>> add_link(engine::NewLink link, engine::Requester) override {
    note({.verb = "add", .link_id = link.link_id.str(), .changes = true});
    added = std::move(link);
    co_return engine::AddOutcome::added;
  }
  api::Task<core::Result<engine::Imported>> import_links(std::vector<engine::NewLink> links,
                                                         engine::Requester) override {
    if (!links.empty()) note({.verb = "import", .limit = links.size(), .changes = true});
    engine::Imported results(links.size(), engine::AddOutcome::added);
    imported = std::move(links);
    co_return std::move(results);
  }
  api::Task<core::Result<void>> record_act(std::string action, std::string detail,
                                           engine::Requester) override {
    note({.verb = std::move(action), .changes = true});
    act_detail = std::move(detail);
    co_return core::Result<void>{};
  }
  api::Task<core::Result<core::LinkStatus>> pause(core::LinkId link_id, engine::Requester) override {
    note({.verb = "pause", .link_id = link_id.str(), .changes = true});
    co_return core::LinkStatus::paused;
  }
  api::Task<core::Result<core::LinkStatus>> resume(core::LinkId link_id, engine::Requester) override {
    note({.verb = "resume", .link_id = link_id.str(), .changes = true});
    co_return core::LinkStatus::active;
  }
  api::Task<core::Result<std::optional<core::CycleReport>>> sync(core::LinkId link_id,
                                                                 core::Millis wait) override {
    note({.verb = "sync", .link_id = link_id.str(), .wait = wait, .changes = true});
    core::CycleReport report;
    report.link_id = link_id;
    report.institution_id = link_id.str();
    co_return report;
  }
  api::Task<core::Result<store::Listing<core::LinkRecord>>> links(std::string after, std::size_t limit,
                                                                  std::optional<core::LinkStatus>) override {
    note({.verb = "links", .after = after, .limit = limit});
    co_return store::Listing<core::LinkRecord>{.items = {record(core::LinkId{"mk_1"})}, .next = after};
  }
  api::Task<core::Result<std::optional<core::LinkRecord>>> link(core::LinkId link_id) override {
    note({.verb = "link", .link_id = link_id.str()});
    co_return record(link_id);
  }
  api::Task<core::Result<std::string>> link_object(core::LinkId) override {
    co_return std::string(R"({"link_id":"mk_1","odd":1.0})");
  }
  api::Task<core::Result<store::Listing<core::StoredAccount>>> accounts(core::LinkId link_id,
                                                                        std::string after,
                                                                        std::size_t limit) override {
    note({.verb = "accounts", .link_id = link_id.str(), .after = after, .limit = limit});
    store::Listing<core::StoredAccount> listing;
    listing.items.push_back({.account_id = link_id.str(), .json = "{}"});
    listing.next = after;
    co_return listing;
  }
  api::Task<core::Result<store::Listing<core::StoredTransaction>>> transactions(core::LinkId link_id,
                                                                                std::string after,
                                                                                std::size_t limit) override {
    note({.verb = "transactions", .link_id = link_id.str(), .after = after, .limit = limit});
    store::Listing<core::StoredTransaction> listing;
    listing.items.push_back(
        {.transaction_id = link_id.str(), .account_id = after, .json = "{}", .posted_from = {}});
    co_return listing;
  }
  api::Task<core::Result<store::FeedSlice>> feed(std::uint64_t after, std::size_t limit,
                                                 core::Millis wait) override {
    note({.verb = "feed", .limit = limit, .wait = wait});
    store::FeedSlice slice{.entries = {}, .epoch = 1, .head = after};
    store::FeedEntry& entry = slice.entries.emplace_back();
    entry.sequence = after;
    entry.link_id = core::LinkId{"mk_1"};
    entry.id = "t1";
    co_return slice;
  }
  api::Task<core::Result<store::ConsumerList>> feed_consumers() override {
    note({.verb = "consumers"});
    store::ConsumerList list;
    list.consumers.push_back(consumer("books"));
    co_return list;
  }
  api::Task<core::Result<store::ConsumerLook>> feed_consumer(std::string name) override {
    note({.verb = "consumer", .after = name});
    co_return store::ConsumerLook{.found = consumer(std::move(name)), .feed = {}};
  }
  api::Task<core::Result<store::AddedConsumer>> add_feed_consumer(std::string name, store::ConsumerStart,
                                                                  engine::Requester) override {
    note({.verb = "add_consumer", .after = name, .changes = true});
    store::AddedConsumer answer;
    answer.look.found = consumer(std::move(name));
    co_return answer;
  }
  api::Task<core::Result<void>> remove_feed_consumer(std::string name, engine::Requester) override {
    note({.verb = "remove_consumer", .after = std::move(name), .changes = true});
    co_return core::Result<void>{};
  }
  api::Task<core::Result<store::MovedConsumer>> move_feed_consumer(std::string name, store::FeedPosition,
                                                                   store::ConsumerMove,
                                                                   engine::Requester) override {
    note({.verb = "move_consumer", .after = name, .changes = true});
    store::MovedConsumer moved;
    moved.look.found = consumer(std::move(name));
    co_return moved;
  }
  static store::ConsumerView consumer(std::string name) {
    store::ConsumerView view;
    view.consumer.name = std::move(name);
    return view;
  }
  api::Task<core::Result<store::Listing<core::RelinkEntry>>> relink_entries(std::string after,
                                                                            std::size_t limit,
                                                                            store::RelinkFilter) override {
    note({.verb = "relinks", .after = after, .limit = limit});
    co_return store::Listing<core::RelinkEntry>{.items = {entry(core::LinkId{"mk_1"})}, .next = after};
  }
  api::Task<core::Result<std::optional<core::RelinkEntry>>> relink_entry(core::LinkId link_id) override {
    note({.verb = "relink", .link_id = link_id.str()});
    co_return entry(link_id);
  }
  api::Task<core::Result<std::optional<std::string>>> continuity(core::LinkId link_id,
                                                                 core::Millis wait) override {
    note({.verb = "continuity", .link_id = link_id.str(), .wait = wait});
    co_return core::report_note("{}");
  }
  api::Task<core::Result<core::RelinkEntry>> act_on_entry(core::LinkId link_id, core::RelinkRequest,
                                                          engine::Requester) override {
    note({.verb = "relink act", .link_id = link_id.str(), .changes = true});
    co_return entry(link_id);
  }
  api::Task<core::Result<std::pair<engine::IssuedSession, core::RelinkEntry>>> issue_relink_session(
      engine::RelinkSessionRequest request, engine::Requester) override {
    note({.verb = "relink session", .changes = true});
    co_return std::pair{issued(), entry(request.link_id)};
  }
  api::Task<core::Result<engine::IssuedSession>> issue_session(core::SessionRequest session,
                                                               engine::Requester) override {
    note({.verb = "session", .changes = true});
    static_cast<void>(session);
    co_return issued();
  }
  api::Task<core::Result<engine::Exchanged>> exchange(engine::ExchangeRequest request,
                                                      engine::Requester) override {
    note({.verb = "exchange", .changes = true});
    static_cast<void>(request);
    co_return engine::Exchanged{.link_id = core::LinkId{"mk_1"}, .added = true};
  }
  static engine::IssuedSession issued() {
    return {.token = std::make_shared<const api::Secret>(std::string("the-token")),
            .expires_at = core::WallTime{core::Millis{1'746'549'072'451}}};
  }
  api::Task<std::uint64_t> revision(std::uint64_t seen, core::Millis wait) override {
    note({.verb = "revision", .after = std::to_string(seen), .wait = wait});
    co_return 1;
  }
  api::Task<core::Result<store::Listing<core::LinkRecord>>> search_links(std::string prefix,
                                                                         std::string after,
                                                                         std::size_t limit) override {
    note({.verb = "search", .after = after, .limit = limit});
    static_cast<void>(prefix);
    co_return store::Listing<core::LinkRecord>{};
  }
  api::Task<core::Result<store::AuditSlice>> audit_entries(std::uint64_t before, std::size_t limit) override {
    note({.verb = "audit", .after = std::to_string(before), .limit = limit});
    co_return store::AuditSlice{};
  }
  api::Task<core::Result<store::AuditCheck>> check_audit() override {
    note({.verb = "audit check"});
    co_return store::AuditCheck{};
  }
  std::vector<engine::Incident> incidents() const override { return {}; }
  std::optional<std::string> held_back_by(const core::LinkId&) const override { return std::nullopt; }
  api::Task<core::Result<daemon::StatusView>> status() override {
    note({.verb = "status"});
    co_return daemon::StatusView{};
  }
  api::Task<core::Result<engine::VerifyState>> verify(core::LinkId link_id, core::Millis wait) override {
    note({.verb = "verify", .link_id = link_id.str(), .wait = wait, .changes = true});
    co_return engine::VerifyState{};
  }
  api::Task<core::Result<engine::VerifyState>> verify_state(core::LinkId link_id,
                                                            core::Millis wait) override {
    note({.verb = "verify state", .link_id = link_id.str(), .wait = wait});
    co_return engine::VerifyState{};
  }
  api::Task<core::Result<std::optional<core::CycleReport>>> repair(core::LinkId link_id, core::Millis wait,
                                                                   engine::Requester) override {
    note({.verb = "repair", .link_id = link_id.str(), .wait = wait, .changes = true});
    co_return std::nullopt;
  }
  api::Task<core::Result<store::Listing<core::DeadLetter>>> dead_letters(std::string after,
                                                                         std::size_t limit) override {
    note({.verb = "dead letters", .after = after, .limit = limit});
    store::Listing<core::DeadLetter> listing;
    listing.items.push_back(letter(core::LinkId{"mk_1"}, {}));
    listing.next = after;
    co_return listing;
  }
  // The name of a letter holds the link's id in a form of its own, so that these do not note it.
  api::Task<core::Result<std::optional<core::DeadLetter>>> dead_letter(core::LinkId link_id,
                                                                       core::WallTime at) override {
    note({.verb = "dead letter"});
    co_return letter(link_id, at);
  }
  api::Task<core::Result<engine::RefreshAnswer>> refresh(core::LinkId link_id,
                                                         std::vector<core::RefreshProduct> products,
                                                         engine::Requester) override {
    note({.verb = "refresh", .link_id = link_id.str(), .limit = products.size(), .changes = true});
    co_return engine::RefreshAnswer{};
  }
  engine::ExplainedSchedule explain_schedule(const core::LinkRecord& record) const override {
    engine::ExplainedSchedule explained;
    explained.stored.status = record.status;
    explained.stored.weight_tag = record.link_id.str();
    explained.stored.why = "\"because\"";
    return explained;
  }
  engine::PlannedBudget plan_budget(std::optional<std::uint64_t> links,
                                    std::optional<std::uint32_t> webhook_percent) const override {
    return {.links = links.value_or(1),
            .webhook_percent = webhook_percent.value_or(0),
            .model = core::assumed_fleet(),
            .delays = {}};
  }
  std::string session_webhook() const override { return "https://hooks.example.com/x"; }
  api::Task<core::Result<engine::WebhooksFixed>> fix_webhooks(std::vector<core::LinkId> links,
                                                              engine::Requester) override {
    note({.verb = "fix webhooks", .limit = links.size(), .changes = true});
    co_return engine::WebhooksFixed(links.size(), engine::WebhookFix::fixed);
  }
  api::Task<core::Result<engine::Purged>> purge(core::LinkId, bool, engine::Requester) override {
    note({.verb = "purge", .changes = true});
    co_return engine::Purged{};
  }
  api::Task<core::Result<std::vector<store::FeedEntry>>> link_feed(core::LinkId, std::uint64_t,
                                                                   std::size_t limit) override {
    note({.verb = "link_feed", .limit = limit});
    co_return std::vector<store::FeedEntry>{};
  }
  api::Task<core::Result<core::LinkStatus>> retry_letter(core::LinkId, core::WallTime,
                                                         engine::Requester) override {
    note({.verb = "retry", .changes = true});
    co_return core::LinkStatus::active;
  }
  api::Task<core::Result<core::LinkStatus>> drop_letter(core::LinkId, core::WallTime,
                                                        engine::Requester) override {
    note({.verb = "drop", .changes = true});
    co_return core::LinkStatus::quarantined;
  }
  bool knows(const core::LinkId&) const override { return true; }
  std::string link_ref(const core::LinkId&) const override { return "0123456789ab"; }
  core::WallTime wall_now() const override { return core::WallTime{core::Millis{1'746'549'072'451}}; }
  core::WallTime started_at() const override { return {}; }
  bool healthy() const override { return true; }
  bool ready() const override { return true; }
  // Tokens are told of in a way of their own, not by note_action().
  api::Task<core::Result<daemon::CreatedToken>> create_token(daemon::NewToken wanted,
                                                             engine::Requester) override {
    note({.verb = "create token"});
    const std::array<std::uint8_t, daemon::token_random_bytes> random{};
    co_return daemon::CreatedToken{token(std::move(wanted.name)), daemon::token_text(random)};
  }
  api::Task<core::Result<daemon::Token>> revoke_token(std::string name, engine::Requester) override {
    note({.verb = "revoke token"});
    co_return token(std::move(name));
  }
  static daemon::Token token(std::string name) {
    daemon::Token made;
    made.name = std::move(name);
    return made;
  }
  const daemon::TokenTable& tokens() const override { return table; }
  daemon::BackupDesk& backups() override { return desk_; }
  void note_action(std::string_view, const core::LinkId&, std::string_view) override { ++actions; }

  std::vector<Question> questions;
  std::optional<engine::NewLink> added;
  std::vector<engine::NewLink> imported;
  std::string act_detail;
  int actions = 0;
  daemon::TokenTable table;

 private:
  class Desk final : public daemon::BackupDesk {
   public:
    explicit Desk(EchoView& view) : view_(view) {}
    api::Task<core::Result<daemon::BackupState>> create(core::Millis wait, engine::Requester) override {
      view_.note({.verb = "create backup", .wait = wait, .changes = true});
      co_return daemon::BackupState{};
    }
    api::Task<core::Result<std::vector<daemon::BackupState>>> list() override {
      view_.note({.verb = "backups"});
      co_return std::vector<daemon::BackupState>{};
    }
    api::Task<core::Result<std::optional<daemon::BackupState>>> show(std::string name,
                                                                     core::Millis wait) override {
      view_.note({.verb = "backup", .wait = wait});
      daemon::BackupState state;
      state.name = std::move(name);
      co_return state;
    }

   private:
    EchoView& view_;
  };
  Desk desk_{*this};

  void note(Question question) { questions.push_back(std::move(question)); }
  static core::LinkRecord record(const core::LinkId& link_id) {
    core::LinkRecord link;
    link.link_id = link_id;
    return link;
  }
  static core::DeadLetter letter(const core::LinkId& link_id, core::WallTime at) {
    core::DeadLetter found;
    found.link_id = link_id;
    found.at = at;
    return found;
  }
  static core::RelinkEntry entry(const core::LinkId& link_id) {
    core::RelinkEntry found;
    found.link_id = link_id;
    found.reason = "auth_expired";
    return found;
  }
};

}  // namespace syncd::fuzz
