#pragma once

#include <exception>
#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/admin/routes.hpp"
#include "sync/api/secret.hpp"
#include "tests/unit/daemon/fake_desk.hpp"

namespace syncd::test {

using daemon::HttpRequest;
using daemon::HttpResponse;
using testing::HasSubstr;
using testing::Not;

// A process with one link, `mk_1`, of everything a little.
class FakeView final : public daemon::AdminView {
 public:
  api::Task<core::Result<engine::AddOutcome>> add_link(engine::NewLink link, engine::Requester) override {
    added = link;
    co_return link.link_id == core::LinkId{"mk_1"} ? engine::AddOutcome::existed : engine::AddOutcome::added;
  }
  // The first existed, the last of several is refused, the others are added.
  api::Task<core::Result<engine::Imported>> import_links(std::vector<engine::NewLink> links,
                                                         engine::Requester by) override {
    if (broken) co_return core::fail(core::Errc::storage, "the disk is gone");
    asked_actor = by.actor;
    engine::Imported results(links.size(), engine::AddOutcome::added);
    if (!results.empty()) results.front() = engine::AddOutcome::existed;
    if (results.size() > 1)
      results.back() = std::unexpected(
          core::Error{.code = core::Errc::invalid, .message = "no room", .api_code = "links_max"});
    imported = std::move(links);
    co_return std::move(results);
  }
  api::Task<core::Result<void>> record_act(std::string action, std::string detail,
                                           engine::Requester by) override {
    if (broken) co_return core::fail(core::Errc::storage, "the disk is gone");
    acts.push_back(action + " " + detail + " by " + by.actor);
    co_return core::Result<void>{};
  }
  api::Task<core::Result<core::LinkStatus>> pause(core::LinkId, engine::Requester) override {
    co_return core::LinkStatus::paused;
  }
  api::Task<core::Result<core::LinkStatus>> resume(core::LinkId, engine::Requester) override {
    co_return core::LinkStatus::active;
  }
  api::Task<core::Result<std::optional<core::CycleReport>>> sync(core::LinkId link_id,
                                                                 core::Millis wait) override {
    if (paused) co_return core::fail(core::Errc::conflict, "the link is paused: it is not visited");
    if (wait == core::Millis{0}) co_return std::nullopt;
    core::CycleReport report;
    report.link_id = link_id;
    report.cause = core::Cause::manual;
    report.status_after = core::LinkStatus::active;
    report.created = 3;
    waited = wait;
    co_return report;
  }
  api::Task<core::Result<store::Listing<core::LinkRecord>>> links(
      std::string after, std::size_t limit, std::optional<core::LinkStatus> status) override {
    asked_after = after;
    asked_limit = limit;
    asked_status = status;
    store::Listing<core::LinkRecord> listing;
    listing.items.push_back(record());
    listing.next = more ? "mk_1" : "";
    co_return listing;
  }
  api::Task<core::Result<std::optional<core::LinkRecord>>> link(core::LinkId link_id) override {
    core::LinkRecord found = record();
    found.link_id = link_id;
    if (!knows(link_id) && !(added && added->link_id == link_id)) co_return std::nullopt;
    co_return found;
  }
  api::Task<core::Result<std::string>> link_object(core::LinkId) override {
    if (object) co_return *object;
    co_return std::string(R"({"link_id":"mk_1","odd":1.0})");
  }
  api::Task<core::Result<store::Listing<core::StoredAccount>>> accounts(core::LinkId, std::string,
                                                                        std::size_t) override {
    store::Listing<core::StoredAccount> listing;
    listing.items.push_back(
        {.account_id = "acc", .json = R"({"balances":{"current":-0.0}})", .gone = false, .gone_since = {}});
    co_return listing;
  }
  api::Task<core::Result<store::Listing<core::StoredTransaction>>> transactions(core::LinkId, std::string,
                                                                                std::size_t) override {
    store::Listing<core::StoredTransaction> listing;
    listing.items.push_back(
        {.transaction_id = "t\"1",
         .account_id = "acc",
         .json = R"({"amount":"100.10","x":1e2,"n":12345678901234567890123456789012345678})",
         .pending = true,
         .generation = 1,
         .posted_from = ""});
    co_return listing;
  }
  api::Task<core::Result<store::FeedSlice>> feed(std::uint64_t after, std::size_t limit,
                                                 core::Millis wait) override {
    waited = wait;
    store::FeedSlice slice;
    slice.epoch = 2;
    slice.head = 9;
    slice.first = feed_first;
    if (slice.is_cut(after)) co_return slice;
    for (std::uint64_t sequence = after + 1; sequence <= 9 && slice.entries.size() < limit; ++sequence) {
      store::FeedEntry entry;
      entry.epoch = 2;
      entry.sequence = sequence;
      entry.link_id = core::LinkId{"mk_1"};
      entry.kind = core::ChangeKind::transaction_created;
      entry.id = "t1";
      entry.after = R"({"amount":"1.10"})";
      slice.entries.push_back(entry);
    }
    co_return slice;
  }
  // One consumer, `books`; the others are not there, and `full` finds no room.
  api::Task<core::Result<store::ConsumerList>> feed_consumers() override {
    if (broken) co_return core::fail(core::Errc::storage, "the disk is gone");
    store::ConsumerList list;
    list.consumers.push_back(books());
    list.feed = feed_bounds();
    co_return list;
  }
  api::Task<core::Result<store::ConsumerLook>> feed_consumer(std::string name) override {
    store::ConsumerLook found{.found = std::nullopt, .feed = feed_bounds()};
    if (name == "books") found.found = books();
    co_return found;
  }
  api::Task<core::Result<store::AddedConsumer>> add_feed_consumer(std::string name,
                                                                  store::ConsumerStart start,
                                                                  engine::Requester by) override {
    asked_actor = by.actor;
    asked_start = start;
    if (name == "full")
      co_return std::unexpected(core::Error{
          .code = core::Errc::conflict, .message = "64 are there", .api_code = "too_many_consumers"});
    store::AddedConsumer answer;
    answer.outcome =
        name == "books" ? store::AddedConsumer::Outcome::existed : store::AddedConsumer::Outcome::added;
    answer.look = {.found = books(), .feed = feed_bounds()};
    answer.look.found->consumer.name = std::move(name);
    co_return answer;
  }
  api::Task<core::Result<void>> remove_feed_consumer(std::string name, engine::Requester by) override {
    asked_actor = by.actor;
    if (name != "books") co_return core::fail(core::Errc::not_found, "no such consumer");
    co_return core::Result<void>{};
  }
  api::Task<core::Result<store::MovedConsumer>> move_feed_consumer(std::string name, store::FeedPosition to,
                                                                   store::ConsumerMove how,
                                                                   engine::Requester) override {
    using Outcome = store::MovedConsumer::Outcome;
    asked_move = {to, how};
    store::MovedConsumer moved;
    moved.look = {.found = books(), .feed = feed_bounds()};
    moved.outcome = name == "books" ? move_outcome : Outcome::unknown;
    co_return moved;
  }
  store::FeedBounds feed_bounds() const { return {.epoch = 2, .first = feed_first, .head = 9}; }
  store::ConsumerView books() const {
    const store::FeedConsumer consumer{.name = "books",
                                       .created_at = core::WallTime{core::Millis{1'746'549'072'451}},
                                       .acknowledged = {.epoch = consumer_epoch, .sequence = 4},
                                       .acknowledged_at = {}};
    return {.consumer = consumer,
            .state = store::state_of(consumer, feed_bounds()),
            .lag = store::lag_of(consumer, feed_bounds()),
            .oldest_unread_at = core::WallTime{core::Millis{1'746'549'072'000}}};
  }
  api::Task<core::Result<store::Listing<core::RelinkEntry>>> relink_entries(
      std::string after, std::size_t, store::RelinkFilter filter) override {
    asked_after = after;
    asked_relink = filter;
    store::Listing<core::RelinkEntry> listing;
    listing.items.push_back(*entry());
    co_return listing;
  }
  api::Task<core::Result<std::optional<core::RelinkEntry>>> relink_entry(core::LinkId link_id) override {
    co_return knows(link_id) && has_entry ? entry() : std::nullopt;
  }
  api::Task<core::Result<std::optional<std::string>>> continuity(core::LinkId link_id,
                                                                 core::Millis wait) override {
    waited = wait;
    if (!continuity_note || !knows(link_id)) co_return std::nullopt;
    co_return continuity_note;
  }
  api::Task<core::Result<core::RelinkEntry>> act_on_entry(core::LinkId link_id, core::RelinkRequest request,
                                                          engine::Requester by) override {
    asked_act = request;
    asked_actor = by.actor;
    if (!knows(link_id) || !has_entry) co_return core::fail(core::Errc::not_found, "no such link");
    request.actor = std::move(by.actor);
    co_return core::apply(*entry(), request, wall_now());
  }
  api::Task<core::Result<std::pair<engine::IssuedSession, core::RelinkEntry>>> issue_relink_session(
      engine::RelinkSessionRequest request, engine::Requester) override {
    asked_session = request;
    if (request.version != 1) {
      co_return std::unexpected(core::Error{.code = core::Errc::conflict,
                                            .message = "the entry has version 1 by now",
                                            .api_code = std::string(core::relink_version_conflict)});
    }
    co_return std::pair{issued(), *entry()};
  }
  api::Task<core::Result<engine::IssuedSession>> issue_session(core::SessionRequest session,
                                                               engine::Requester) override {
    asked_new_session = std::move(session);
    if (!upstream_error.message.empty()) co_return std::unexpected(upstream_error);
    co_return issued();
  }
  api::Task<core::Result<engine::Exchanged>> exchange(engine::ExchangeRequest request,
                                                      engine::Requester) override {
    asked_exchange = std::string(request.token->reveal()) + " of " + request.customer_user_id;
    if (!upstream_error.message.empty()) co_return std::unexpected(upstream_error);
    co_return engine::Exchanged{.link_id = core::LinkId{"mk_1"}, .added = true};
  }
  static engine::IssuedSession issued() {
    return {.token = std::make_shared<const api::Secret>(std::string("the-token")),
            .expires_at = core::WallTime{core::Millis{1'746'549'072'451}}};
  }
  api::Task<std::uint64_t> revision(std::uint64_t seen, core::Millis wait) override {
    asked_revision = seen;
    waited = wait;
    co_return 12;
  }
  api::Task<core::Result<store::Listing<core::LinkRecord>>> search_links(std::string prefix,
                                                                         std::string after,
                                                                         std::size_t limit) override {
    asked_search = prefix;
    asked_after = after;
    asked_limit = limit;
    store::Listing<core::LinkRecord> listing;
    listing.items.push_back(record());
    co_return listing;
  }
  api::Task<core::Result<store::AuditSlice>> audit_entries(std::uint64_t before, std::size_t limit) override {
    asked_limit = limit;
    const core::AuditEntry first =
        core::next_entry({}, wall_now(), core::LinkId{"mk_1"}, {.actor = "uid:7", .action = "links.pause"});
    const core::AuditEntry second =
        core::next_entry({first.sequence, first.hash}, wall_now(), core::LinkId{},
                         {.actor = "uid:7", .action = "x", .detail = R"({"a":1})"});
    store::AuditSlice slice{.entries = {second, first}, .head = {second.sequence, second.hash}};
    if (before == 2) slice.entries.erase(slice.entries.begin());
    co_return slice;
  }
  api::Task<core::Result<store::AuditCheck>> check_audit() override {
    co_return store::AuditCheck{.end = {.sequence = 2}, .finished = true};
  }
  std::vector<engine::Incident> incidents() const override { return outages; }
  std::optional<std::string> held_back_by(const core::LinkId&) const override { return held_back; }
  api::Task<core::Result<daemon::StatusView>> status() override {
    if (broken) co_return core::fail(core::Errc::storage, "the disk is gone");
    daemon::StatusView view;
    view.version = "1.2.3";
    view.engine.incidents = outages;
    view.store.feed_head = 9;
    view.store.published = 7;
    view.relinks_open = {.count = 3, .more = false};
    view.dead_letters = {.count = 1000, .more = true};
    co_return view;
  }
  api::Task<core::Result<engine::VerifyState>> verify(core::LinkId link_id, core::Millis wait) override {
    if (paused) co_return core::fail(core::Errc::conflict, "the link is paused: it cannot be verified");
    waited = wait;
    co_return state_of(link_id, wait > core::Millis{0});
  }
  api::Task<core::Result<engine::VerifyState>> verify_state(core::LinkId link_id,
                                                            core::Millis wait) override {
    waited = wait;
    co_return state_of(link_id, true);
  }
  api::Task<core::Result<std::optional<core::CycleReport>>> repair(core::LinkId link_id, core::Millis wait,
                                                                   engine::Requester) override {
    return sync(std::move(link_id), wait);
  }
  api::Task<core::Result<store::Listing<core::DeadLetter>>> dead_letters(std::string after,
                                                                         std::size_t limit) override {
    asked_after = after;
    asked_limit = limit;
    store::Listing<core::DeadLetter> listing;
    listing.items.push_back(letter());
    listing.next = "5:mk_1";
    co_return listing;
  }
  api::Task<core::Result<std::optional<core::DeadLetter>>> dead_letter(core::LinkId link_id,
                                                                       core::WallTime at) override {
    const bool found = link_id == letter().link_id && at == letter().at;
    co_return found ? std::optional(letter()) : std::nullopt;
  }
  // The first is asked for, the others were a moment ago.
  api::Task<core::Result<engine::RefreshAnswer>> refresh(core::LinkId link_id,
                                                         std::vector<core::RefreshProduct> products,
                                                         engine::Requester) override {
    if (link_id.str() != "mk_1") co_return core::fail(core::Errc::not_found, "no such link");
    engine::RefreshAnswer answer{.products = {}, .calls_left = 7};
    if (products.empty()) products.push_back(core::RefreshProduct::transactions);
    for (const core::RefreshProduct product : products) {
      engine::RefreshAsked& one = answer.products.emplace_back();
      one.product = product;
      one.asked = answer.products.size() == 1 && !paused;
      if (one.asked) continue;
      one.reason = "too_soon";
      one.message = "a short while ago";
      one.retry_at = core::WallTime(core::Millis(1'746'549'072'451));
    }
    co_return answer;
  }
  engine::ExplainedSchedule explain_schedule(const core::LinkRecord& record) const override {
    engine::ExplainedSchedule explained = schedule;
    explained.stored.status = record.status;
    return explained;
  }
  engine::PlannedBudget plan_budget(std::optional<std::uint64_t> links,
                                    std::optional<std::uint32_t> webhook_percent) const override {
    engine::PlannedBudget planned = budget_plan;
    planned.links = links.value_or(3);
    planned.webhook_percent = webhook_percent.value_or(50);
    return planned;
  }
  std::string session_webhook() const override { return webhook; }
  // The first was right already, the last of several is refused, the others are fixed.
  api::Task<core::Result<engine::WebhooksFixed>> fix_webhooks(std::vector<core::LinkId> links,
                                                              engine::Requester) override {
    if (broken) co_return core::fail(core::Errc::storage, "the disk is gone");
    engine::WebhooksFixed results(links.size(), engine::WebhookFix::fixed);
    if (!results.empty()) results.front() = engine::WebhookFix::right;
    if (results.size() > 1)
      results.back() =
          std::unexpected(core::Error{.code = core::Errc::gone, .message = "the link was deleted"});
    fixed_links = std::move(links);
    co_return std::move(results);
  }
  api::Task<core::Result<engine::Purged>> purge(core::LinkId link_id, bool unlink,
                                                engine::Requester) override {
    if (link_id.str() != "mk_1") co_return core::fail(core::Errc::not_found, "no such link");
    if (paused)
      co_return core::fail(core::Errc::server, "upstream failed; nothing was taken away here, try again");
    co_return engine::Purged{.counts = {.accounts = 2, .transactions = 40, .pending = 1}, .unlinked = unlink};
  }
  api::Task<core::Result<std::vector<store::FeedEntry>>> link_feed(core::LinkId link_id, std::uint64_t before,
                                                                   std::size_t limit) override {
    std::vector<store::FeedEntry> entries;
    for (std::uint64_t sequence = before == 0 ? 9 : before - 1; sequence > 0 && entries.size() < limit;
         --sequence) {
      store::FeedEntry entry;
      entry.epoch = 2;
      entry.sequence = sequence;
      entry.link_id = link_id;
      entry.id = link_id.str();
      entries.push_back(std::move(entry));
    }
    co_return entries;
  }
  api::Task<core::Result<core::LinkStatus>> retry_letter(core::LinkId, core::WallTime at,
                                                         engine::Requester) override {
    if (at != letter().at) co_return core::fail(core::Errc::not_found, "no such dead letter");
    if (paused) co_return core::fail(core::Errc::conflict, "the letter was retried already");
    co_return core::LinkStatus::active;
  }
  api::Task<core::Result<core::LinkStatus>> drop_letter(core::LinkId, core::WallTime at,
                                                        engine::Requester) override {
    if (at != letter().at) co_return core::fail(core::Errc::not_found, "no such dead letter");
    co_return core::LinkStatus::quarantined;
  }
  bool knows(const core::LinkId& link_id) const override {
    return link_id == core::LinkId{"mk_1"} || link_id == core::LinkId{"a/b"};
  }
  std::string link_ref(const core::LinkId&) const override { return "0123456789ab"; }
  core::WallTime wall_now() const override { return core::WallTime{core::Millis{1'746'549'072'451}}; }
  core::WallTime started_at() const override { return core::WallTime{core::Millis{1'746'549'072'451}}; }
  bool healthy() const override { return !broken; }
  bool ready() const override { return is_ready; }
  api::Task<core::Result<daemon::CreatedToken>> create_token(daemon::NewToken, engine::Requester) override {
    co_return core::fail(core::Errc::storage, "the disk is gone");
  }
  api::Task<core::Result<daemon::Token>> revoke_token(std::string, engine::Requester) override {
    co_return core::fail(core::Errc::storage, "the disk is gone");
  }
  const daemon::TokenTable& tokens() const override { return token_table; }
  daemon::BackupDesk& backups() override { return desk; }
  void note_action(std::string_view action, const core::LinkId&, std::string_view actor) override {
    noted = std::string(action) + " by " + std::string(actor);
  }

  static core::LinkRecord record() {
    core::LinkRecord link;
    link.link_id = core::LinkId{"mk_1"};
    link.status = core::LinkStatus::backoff;
    link.institution_id = "chase";
    link.cursor = core::Cursor{"secret-cursor"};
    link.last_error =
        core::ErrorNote{core::Errc::server, 502, "", "bad gateway", core::WallTime{core::Millis{1}}};
    return link;
  }
  static core::DeadLetter letter() {
    return {.link_id = core::LinkId{"mk_1"},
            .at = core::WallTime{core::Millis{1'746'549'072'451}},
            .reason = "page was refused: has_more is missing",
            .body_bytes = 77,
            .body_digest = {1, 0xab},
            .redacted_body = R"({"accounts":[]})"};
  }
  static engine::VerifyState state_of(const core::LinkId& link_id, bool done) {
    engine::VerifyState state;
    state.phase = done ? engine::VerifyState::Phase::done : engine::VerifyState::Phase::waiting;
    if (!done) return state;
    state.report = core::VerifyReport{};
    state.report->link_id = link_id;
    state.report->result = core::VerifyResult::mismatch;
    state.report->transactions = core::tally_of({{core::DifferenceKind::extra, "t\"9"}});
    state.report->transactions_compared = true;
    state.report->rows = 12;
    return state;
  }
  static std::optional<core::RelinkEntry> entry() {
    core::RelinkEntry found;
    found.link_id = core::LinkId{"mk_1"};
    found.reason = "auth_expired";
    found.opened_at = core::WallTime{core::Millis{1'746'549'072'451}};
    return found;
  }

  bool more = false;
  bool paused = false;
  bool broken = false;
  bool is_ready = true;
  bool has_entry = true;
  std::optional<engine::NewLink> added;
  std::vector<engine::NewLink> imported;
  std::vector<std::string> acts;
  std::string asked_after;
  std::size_t asked_limit = 0;
  std::optional<core::LinkStatus> asked_status;
  std::optional<store::RelinkFilter> asked_relink;
  std::optional<core::RelinkRequest> asked_act;
  std::optional<engine::RelinkSessionRequest> asked_session;
  std::optional<core::SessionRequest> asked_new_session;
  std::string asked_exchange;
  core::Error upstream_error;
  std::string asked_search;
  std::string webhook = "https://hooks.example.com/right";
  engine::ExplainedSchedule schedule;
  engine::PlannedBudget budget_plan;
  std::optional<std::string> object;  // instead of the usual one
  std::vector<core::LinkId> fixed_links;
  std::string asked_actor;
  std::uint64_t asked_revision = 0;
  std::vector<engine::Incident> outages;
  core::Millis waited{};
  std::string noted;
  std::optional<std::string> held_back;
  std::optional<std::string> continuity_note;
  daemon::TokenTable token_table;
  FakeDesk desk;
  std::uint64_t feed_first = 1;
  std::uint64_t consumer_epoch = 2;
  std::optional<store::ConsumerStart> asked_start;
  std::pair<store::FeedPosition, store::ConsumerMove> asked_move;
  store::MovedConsumer::Outcome move_outcome = store::MovedConsumer::Outcome::moved;
};

class Routes : public testing::Test {
 protected:
  HttpResponse ask(std::string method, std::string target, std::string body = {},
                   std::string content_type = "application/json") {
    HttpRequest request{.method = std::move(method),
                        .target = std::move(target),
                        .content_type = std::move(content_type),
                        .body = std::move(body),
                        .peer = daemon::Peer{.uid = 1000, .gid = 1000, .pid = 1}};
    boost::asio::io_context io;
    HttpResponse response;
    std::exception_ptr thrown;
    auto done = [&](std::exception_ptr error, HttpResponse answer) {
      thrown = error;
      response = std::move(answer);
    };
    boost::asio::co_spawn(io.get_executor(), routes.handle(std::move(request)), done);
    io.run();
    if (thrown) std::rethrow_exception(thrown);
    return response;
  }

  FakeView view;
  daemon::AdminRoutes routes{view};
};

}  // namespace syncd::test
