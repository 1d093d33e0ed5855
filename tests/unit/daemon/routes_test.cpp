#include "daemon/admin/routes.hpp"

#include <exception>
#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace syncd::test {

using daemon::HttpRequest;
using daemon::HttpResponse;
using testing::HasSubstr;
using testing::Not;

namespace {

// A process with one link, `mk_1`, of everything a little.
class FakeView final : public daemon::AdminView {
 public:
  api::Task<core::Result<engine::AddOutcome>> add_link(engine::NewLink link, engine::Requester) override {
    added = link;
    co_return link.link_id == core::LinkId{"mk_1"} ? engine::AddOutcome::existed : engine::AddOutcome::added;
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
  api::Task<core::Result<store::Listing<core::RelinkEntry>>> relink_entries(
      std::string after, std::size_t, store::RelinkFilter filter) override {
    asked_after = after;
    asked_relink = filter;
    store::Listing<core::RelinkEntry> listing;
    listing.items.push_back(*entry());
    co_return listing;
  }
  api::Task<core::Result<std::optional<core::RelinkEntry>>> relink_entry(core::LinkId link_id) override {
    co_return knows(link_id) ? entry() : std::nullopt;
  }
  api::Task<core::Result<core::RelinkEntry>> act_on_entry(core::LinkId link_id, core::RelinkRequest request,
                                                          engine::Requester by) override {
    asked_act = request;
    asked_actor = by.actor;
    if (!knows(link_id)) co_return core::fail(core::Errc::not_found, "no such link");
    request.actor = std::move(by.actor);
    co_return core::apply(*entry(), request, wall_now());
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
  api::Task<core::Result<daemon::StatusView>> status() override {
    if (broken) co_return core::fail(core::Errc::storage, "the disk is gone");
    daemon::StatusView view;
    view.version = "1.2.3";
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
  std::optional<engine::NewLink> added;
  std::string asked_after;
  std::size_t asked_limit = 0;
  std::optional<core::LinkStatus> asked_status;
  std::optional<store::RelinkFilter> asked_relink;
  std::optional<core::RelinkRequest> asked_act;
  std::string asked_search;
  std::string asked_actor;
  std::uint64_t asked_revision = 0;
  core::Millis waited{};
  std::string noted;
  daemon::TokenTable token_table;
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

}  // namespace

TEST_F(Routes, RowsKeepTheTextOfTheirNumbers) {
  const HttpResponse transactions = ask("GET", "/v1/links/mk_1/transactions");
  EXPECT_EQ(transactions.status, 200);
  EXPECT_EQ(transactions.body,
            R"({"items":[{"transaction_id":"t\"1","account_id":"acc","pending":true,"posted_from":null,)"
            R"("data":{"amount":"100.10","x":1e2,"n":12345678901234567890123456789012345678}}]})");
  EXPECT_EQ(ask("GET", "/v1/links/mk_1/accounts").body,
            R"({"items":[{"account_id":"acc","gone":false,"gone_since":null,)"
            R"("data":{"balances":{"current":-0.0}}}]})");
}

TEST_F(Routes, ShowsALinkWithoutItsCursor) {
  const HttpResponse response = ask("GET", "/v1/links/mk_1");
  EXPECT_EQ(response.status, 200);
  for (const char* member :
       {R"("link_id":"mk_1")", R"("link_ref":"0123456789ab")", R"("status":"backoff")",
        R"("institution_id":"chase")", R"("cursor_set":true)", R"("last_success_at":null)",
        R"("next_due_at":null)",
        R"("last_error":{"kind":"server","http_status":502,"code":null,"message":"bad gateway")",
        R"("counts":{"accounts":0,"transactions":0,"pending":0})",
        R"("data":{"link_id":"mk_1","odd":1.0})"}) {
    EXPECT_THAT(response.body, HasSubstr(member));
  }
  EXPECT_THAT(response.body, Not(HasSubstr("secret-cursor")));
}

TEST_F(Routes, FiltersTheRelinkQueue) {
  const HttpResponse page = ask(
      "GET",
      "/v1/"
      "relink?status=claimed&institution=chase&reason=auth_expired&assignee=uid%3A7&search=mk&order=newest");
  EXPECT_EQ(page.status, 200);
  ASSERT_TRUE(view.asked_relink);
  EXPECT_EQ(view.asked_relink->state, store::RelinkFilter::State::claimed);
  EXPECT_EQ(view.asked_relink->institution_id, "chase");
  EXPECT_EQ(view.asked_relink->reason, "auth_expired");
  EXPECT_EQ(view.asked_relink->assignee, "uid:7");
  EXPECT_EQ(view.asked_relink->search, "mk");
  EXPECT_TRUE(view.asked_relink->newest_first);
  EXPECT_THAT(page.body, HasSubstr(R"("days_lost":0,"assignee":null,"session":null,"version":1})"));
  EXPECT_EQ(ask("GET", "/v1/relink?order=age").status, 400);
  EXPECT_EQ(ask("GET", "/v1/relink").status, 200);
  EXPECT_EQ(view.asked_relink->state, store::RelinkFilter::State::any);
}

TEST_F(Routes, ActsOnARelinkEntry) {
  const HttpResponse claimed = ask("POST", "/v1/relink/mk_1/claim", R"({"version":1,"assignee":"ann"})");
  EXPECT_EQ(claimed.status, 200) << claimed.body;
  EXPECT_THAT(claimed.body, HasSubstr(R"("status":"claimed")"));
  EXPECT_THAT(claimed.body, HasSubstr(R"("history":[{"at":"2025-05-06T16:31:12.451Z","kind":"claimed",)"
                                      R"("actor":"uid:1000","text":"ann"}])"));
  EXPECT_EQ(view.asked_actor, "uid:1000");
  EXPECT_EQ(view.noted, "relink.claim:1000");
  EXPECT_EQ(ask("POST", "/v1/relink/mk_1/note", R"({"text":"called"})").status, 200);
  EXPECT_EQ(view.asked_act->text, "called");
  const HttpResponse dismissed = ask("POST", "/v1/relink/mk_1/dismiss", R"({"version":1,"text":"left us"})");
  EXPECT_THAT(dismissed.body, HasSubstr(R"("status":"resolved")"));
  EXPECT_THAT(dismissed.body, HasSubstr(R"("resolved_by":"dismissed")"));
  EXPECT_EQ(ask("POST", "/v1/relink/mk_9/claim", R"({"version":1})").status, 404);
}

TEST_F(Routes, AConflictShowsTheEntryAsItIs) {
  const HttpResponse late = ask("POST", "/v1/relink/mk_1/claim", R"({"version":7})");
  EXPECT_EQ(late.status, 409);
  EXPECT_THAT(late.body, HasSubstr(R"("code":"version_conflict")"));
  EXPECT_THAT(late.body, HasSubstr("version 1 by now, not 7"));
  EXPECT_THAT(late.body, HasSubstr(R"("entry":{"link_id":"mk_1","status":"open")"));
  const HttpResponse impossible = ask("POST", "/v1/relink/mk_1/release", R"({"version":1})");
  EXPECT_EQ(impossible.status, 409);
  EXPECT_THAT(impossible.body, HasSubstr(R"("code":"conflict")"));
  EXPECT_THAT(impossible.body, HasSubstr(R"("entry":{)"));
}

TEST_F(Routes, RefusesActsThatAreNotExactlyRight) {
  struct Case {
    const char* act;
    const char* body;
    const char* detail;
  };
  const Case cases[] = {
      {"claim", "{}", "version is missing: send the version of the entry that you saw"},
      {"claim", R"({"version":"1"})", "version is not a number"},
      {"claim", R"({"version":1.5})", "version must be the version of the entry, a whole number"},
      {"claim", R"({"version":-1})", "version must be the version of the entry, a whole number"},
      {"claim", R"({"version":1,"text":"x"})",
       R"(member \"text\" is not known here; known are version, assignee)"},
      {"release", R"({"version":1,"assignee":"x"})", "known are version"},
      {"dismiss", R"({"version":1,"version":1})", "twice"},
      {"note", R"({"text":""})", "text is empty"},
      {"note", R"([])", "the body"},
      {"claim", R"({"version":1,"take_over":1})", "take_over"},
  };
  for (const Case& test : cases) {
    const HttpResponse response = ask("POST", std::string("/v1/relink/mk_1/") + test.act, test.body);
    EXPECT_EQ(response.status, 400) << test.body;
    EXPECT_THAT(response.body, HasSubstr(test.detail)) << test.body;
  }
  EXPECT_EQ(ask("POST", "/v1/relink/mk_1/note", R"({"text":")" + std::string(2001, 'x') + R"("})").status,
            400);
  EXPECT_EQ(ask("POST", "/v1/relink/mk_1/burn", R"({"version":1})").status, 404);
}

TEST_F(Routes, WaitsForTheQueueToChange) {
  EXPECT_EQ(ask("GET", "/v1/revision?after=12&wait=30s").body, R"({"revision":12})");
  EXPECT_EQ(view.asked_revision, 12U);
  EXPECT_EQ(view.waited, core::Millis{30'000});
}

TEST_F(Routes, ListsAndChecksTheAuditLog) {
  const HttpResponse whole = ask("GET", "/v1/audit");
  EXPECT_THAT(whole.body, HasSubstr(R"({"items":[{"sequence":2,)"));
  EXPECT_THAT(whole.body,
              HasSubstr(R"("actor":"uid:7","action":"x","link_id":null,"detail":{"a":1},"hash":")"));
  EXPECT_THAT(whole.body, HasSubstr(R"("head":{"sequence":2,"hash":")"));
  EXPECT_THAT(whole.body, Not(HasSubstr("\"next\"")));
  EXPECT_THAT(ask("GET", "/v1/audit?limit=1&after=2").body, HasSubstr(R"("detail":null)"));
  EXPECT_EQ(ask("GET", "/v1/audit?after=0").status, 400);
  EXPECT_THAT(ask("GET", "/v1/audit/check").body, HasSubstr(R"({"intact":true,"entries":2,)"));
}

TEST_F(Routes, FindsLinksByTheirBeginning) {
  EXPECT_EQ(ask("GET", "/v1/links?search=user1&after=u%3A5%3Auser1mk").status, 200);
  EXPECT_EQ(view.asked_search, "user1");
  EXPECT_EQ(view.asked_after, "u:5:user1mk");
  EXPECT_EQ(ask("GET", "/v1/links?search=user1&state=active").status, 400);
  EXPECT_EQ(ask("GET", "/v1/links?search=").status, 400);
}

TEST_F(Routes, ListsLinksByPage) {
  EXPECT_THAT(ask("GET", "/v1/links").body, Not(HasSubstr("\"next\"")));
  EXPECT_EQ(view.asked_limit, 100U);
  view.more = true;
  const HttpResponse page = ask("GET", "/v1/links?limit=1000&after=a%2Fb%C3%BC&state=relink");
  EXPECT_THAT(page.body, HasSubstr(R"("next":"mk_1"})"));
  EXPECT_THAT(page.body, Not(HasSubstr("\"data\"")));
  EXPECT_EQ(view.asked_after, "a/b\xC3\xBC");
  EXPECT_EQ(view.asked_limit, 1000U);
  EXPECT_EQ(view.asked_status, core::LinkStatus::relink);
}

TEST_F(Routes, AddsALinkOnce) {
  const HttpResponse fresh =
      ask("POST", "/v1/links", R"({"link_id":"mk_2","customer_user_id":"u7","tags":["a","b"]})");
  EXPECT_EQ(fresh.status, 201);
  ASSERT_TRUE(view.added);
  EXPECT_EQ(view.added->customer_user_id, "u7");
  EXPECT_THAT(view.added->tags, testing::ElementsAre("a", "b"));
  EXPECT_EQ(view.noted, "links.add by uid:1000");
  EXPECT_EQ(ask("POST", "/v1/links", R"({"link_id":"mk_1"})", "application/json; charset=utf-8").status, 200);
}

TEST_F(Routes, RefusesBodiesThatAreNotExactlyRight) {
  struct Case {
    const char* body;
    const char* detail;
  };
  const Case cases[] = {
      {"", "the body"},
      {"[]", "the body"},
      {"{}", "link_id is missing"},
      {R"({"link_id":5})", "link_id is not a string"},
      {R"({"link_id":""})", "link_id must have 1 to 256 bytes"},
      {R"({"link_id":"a\u0000b"})", "link_id must have 1 to 256 bytes"},
      {R"({"link_id":"a","link_id":"a"})", "twice"},
      {R"({"link_id":"a","colour":"red"})", R"(member \"colour\" is not known here; known are link_id, )"},
      {R"({"link_id":"a","tags":"x"})", "tags"},
      {R"({"link_id":"a","tags":[1]})", "tags[0] is not a string"},
      {R"({"link_id":"a","tags":[""]})", "1 to 128 bytes"},
      {R"({"link_id":"a"} x)", "the body"},
      {R"({"link_id":"a",})", "the body"},
      {"{\"link_id\":\"\xFF\"}", "the body"},
  };
  for (const Case& test : cases) {
    const HttpResponse response = ask("POST", "/v1/links", test.body);
    EXPECT_EQ(response.status, 400) << test.body;
    EXPECT_THAT(response.body, HasSubstr(test.detail)) << test.body;
    EXPECT_THAT(response.body, HasSubstr(R"("code":"invalid_body")"));
  }
  EXPECT_FALSE(view.added) << "nothing is applied";
  EXPECT_EQ(ask("POST", "/v1/links", R"({"link_id":"a"})", "text/plain").status, 415);
  EXPECT_EQ(ask("POST", "/v1/links", R"({"link_id":"a"})", "").status, 415);
}

TEST_F(Routes, SyncsAndWaitsWhenAsked) {
  const HttpResponse queued = ask("POST", "/v1/links/mk_1/sync");
  EXPECT_EQ(queued.status, 202);
  EXPECT_EQ(queued.body, R"({"link_id":"mk_1","queued":true})");
  const HttpResponse done = ask("POST", "/v1/links/mk_1/sync?wait=30s");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(view.waited.count(), 30'000);
  EXPECT_THAT(done.body, HasSubstr(R"("outcome":"success","cause":"manual","status":"active")"));
  EXPECT_THAT(done.body, HasSubstr(R"("created":3)"));
  EXPECT_EQ(ask("POST", "/v1/links/mk_9/sync").status, 404);
  view.paused = true;
  const HttpResponse conflict = ask("POST", "/v1/links/mk_1/sync");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_THAT(conflict.body, HasSubstr("the link is paused"));
}

TEST_F(Routes, PausesAndResumes) {
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/pause").body, R"({"link_id":"mk_1","status":"paused"})");
  EXPECT_EQ(view.noted, "links.pause by uid:1000");
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/resume", "{ }").body, R"({"link_id":"mk_1","status":"active"})");
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/pause", R"({"x":1})").status, 400);
}

TEST_F(Routes, FeedCarriesHeadEpochAndNext) {
  const HttpResponse page = ask("GET", "/v1/feed?after=6&limit=2&wait=5s");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body,
              HasSubstr(R"({"epoch":2,"seq":7,"at":null,"link_id":"mk_1","kind":"transaction.created",)"
                        R"("id":"t1","before":null,"after":{"amount":"1.10"},"cause":"schedule"})"));
  EXPECT_THAT(page.body, HasSubstr(R"("next":"8","epoch":2,"head":9})"));
  EXPECT_EQ(view.waited.count(), 5000);
  EXPECT_THAT(ask("GET", "/v1/feed?after=7").body, Not(HasSubstr("\"next\"")));
  EXPECT_EQ(ask("GET", "/v1/feed?after=9").body, R"({"items":[],"epoch":2,"head":9})");
}

TEST_F(Routes, RelinkQueue) {
  const HttpResponse open = ask("GET", "/v1/relink?status=open");
  ASSERT_TRUE(view.asked_relink);
  EXPECT_EQ(view.asked_relink->state, store::RelinkFilter::State::open);
  EXPECT_THAT(open.body, HasSubstr(R"({"link_id":"mk_1","status":"open","reason":"auth_expired")"));
  EXPECT_THAT(open.body, HasSubstr(R"("opened_at":"2025-05-06T16:31:12.451Z")"));
  EXPECT_THAT(open.body, HasSubstr(R"("version":1)"));
  EXPECT_EQ(ask("GET", "/v1/relink/mk_1").status, 200);
  EXPECT_EQ(ask("GET", "/v1/relink/mk_9").status, 404);
}

TEST_F(Routes, RefusesParametersThatAreWrongOrUnknown) {
  // A list would begin anew behind an id that cannot be.
  const std::string longer_than_an_id = "/v1/links?after=" + std::string(257, 'a');
  const std::string relink_longer_than_an_id = "/v1/relink?after=" + std::string(545, 'a');
  struct Case {
    const char* target;
    const char* detail;
  };
  const Case cases[] = {
      {"/v1/links?limit=0", "query parameter limit must be an integer from 1 to 1000"},
      {"/v1/links?limit=1001", "query parameter limit must be"},
      {"/v1/links?limit=", "query parameter limit must be"},
      {"/v1/links?limit=+5", "query parameter limit must be"},
      {"/v1/links?limit=5x", "query parameter limit must be"},
      {"/v1/links?limit=5&limit=6", "query parameter limit is given twice"},
      {"/v1/links?state=happy", "query parameter state must be one of active, "},
      {"/v1/links?colour=red", "query parameter colour is not known here"},
      {"/v1/links?after=", "query parameter after is empty"},
      {longer_than_an_id.c_str(), "query parameter after is longer than 544 bytes"},
      {relink_longer_than_an_id.c_str(), "query parameter after is longer than 544 bytes"},
      {"/v1/links?limit", "each query parameter must have the form name=value"},
      {"/v1/links?after=%zz", "the query has a bad percent-encoding"},
      {"/v1/links?after=%00", "the query has a bad percent-encoding"},
      {"/v1/links/mk_1?x=1", "query parameter x is not known here"},
      {"/v1/feed?after=-1", "query parameter after must be an integer"},
      {"/v1/feed?after=18446744073709551616", "query parameter after must be an integer"},
      {"/v1/feed?wait=61s", "query parameter wait must be a duration up to 1m"},
      {"/v1/feed?wait=5", "query parameter wait must be a duration"},
      {"/v1/relink?status=done", "query parameter status must be one of live, open, claimed"},
      {"/v1/status?verbose=1", "query parameter verbose is not known here"},
  };
  for (const Case& test : cases) {
    const HttpResponse response = ask("GET", test.target);
    EXPECT_EQ(response.status, 400) << test.target;
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_THAT(response.body, HasSubstr(test.detail)) << test.target;
  }
}

TEST_F(Routes, MatchesPathsExactly) {
  for (const char* target : {"/", "/v1", "/v1/", "/v1/links/", "/V1/links", "/v1//links", "/v1/links/mk_1/",
                             "/v1/links/mk_1/sync/x", "/v1/links/mk_1/%61ccountsx", "/v1/nothing",
                             "/v2/links", "/../etc/passwd", "/v1/links/../status"}) {
    EXPECT_EQ(ask("GET", target).status, 404) << target;
  }
  for (const char* target : {"v1/links", "http://x/v1/links", "*", "", "/v1/links#x", "/v1/%", "/v1/%2",
                             "/v1/%c0%af", "/v1/links/%00", "/v1/links/%0a"}) {
    EXPECT_EQ(ask("GET", target).status, 400) << target;
  }
  EXPECT_EQ(ask("GET", "/v1/links/a%2Fb").status, 200) << "an encoded slash belongs to the id";
  EXPECT_EQ(ask("GET", "/v1/links/a%252Fb").status, 404) << "decoded once only";
  EXPECT_EQ(ask("GET", "/v1/links/" + std::string(257, 'x')).status, 400);
}

TEST_F(Routes, NamesTheMethodsOfAPath) {
  struct Case {
    const char* method;
    const char* target;
    const char* allow;
  };
  const Case cases[] = {
      {"DELETE", "/v1/links", "POST, GET, HEAD"}, {"POST", "/v1/links/mk_1", "GET, HEAD"},
      {"GET", "/v1/links/mk_1/sync", "POST"},     {"PUT", "/v1/status", "GET, HEAD"},
      {"get", "/v1/status", "GET, HEAD"},         {"BREW", "/-/healthy", "GET, HEAD"},
  };
  for (const Case& test : cases) {
    const HttpResponse response = ask(test.method, test.target);
    EXPECT_EQ(response.status, 405) << test.method << test.target;
    EXPECT_EQ(response.allow, test.allow) << test.method << test.target;
  }
}

TEST_F(Routes, ProblemsHaveTheStandardShape) {
  EXPECT_EQ(ask("GET", "/v1/links/mk_9").body,
            R"({"type":"urn:moneykit-syncd:problem:link_not_found","title":"Not Found","status":404,)"
            R"("code":"link_not_found","detail":"no link mk_9 is registered here: misspelt, or not added )"
            R"x(yet (moneykitctl links add, POST /v1/links)"})x");
  view.broken = true;
  const HttpResponse broken = ask("GET", "/v1/status");
  EXPECT_EQ(broken.status, 503);
  EXPECT_THAT(broken.body, HasSubstr("the disk is gone"));
}

TEST_F(Routes, VerifiesAndTellsWhatDiffers) {
  const HttpResponse begun = ask("POST", "/v1/links/mk_1/verify");
  EXPECT_EQ(begun.status, 202);
  EXPECT_EQ(begun.body,
            R"({"link_id":"mk_1","state":"waiting","daemon_started_at":"2025-05-06T16:31:12.451Z",)"
            R"("report":null})");
  EXPECT_EQ(view.noted, "links.verify by uid:1000");
  const HttpResponse done = ask("POST", "/v1/links/mk_1/verify?wait=30s");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(view.waited.count(), 30'000);
  EXPECT_EQ(done.body,
            R"({"link_id":"mk_1","state":"done","daemon_started_at":"2025-05-06T16:31:12.451Z",)"
            R"("report":{"at":null,"result":"mismatch","reason":null,)"
            R"("detail":null,"transactions":{"compared":true,"missing":0,"extra":1,"changed":0,)"
            R"("missing_ids":[],"extra_ids":["t\"9"],"changed_ids":[]},"accounts":{"compared":false,)"
            R"("missing":0,"extra":0,"changed":0,"missing_ids":[],"extra_ids":[],"changed_ids":[]},)"
            R"("rows":12,"pages":0,"requests":0,"by_audit":false,"duration_ms":0}})");
  view.noted.clear();
  EXPECT_EQ(ask("GET", "/v1/links/mk_1/verify?wait=5s").body, done.body);
  EXPECT_EQ(view.noted, "") << "looking is no action";
  EXPECT_EQ(ask("POST", "/v1/links/mk_9/verify").status, 404);
  EXPECT_EQ(ask("GET", "/v1/links/mk_9/verify").status, 404);
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/verify?wait=61s").status, 400);
  view.paused = true;
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/verify").status, 409);
}

TEST_F(Routes, Repairs) {
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/repair").body, R"({"link_id":"mk_1","queued":true})");
  EXPECT_EQ(view.noted, "links.repair by uid:1000");
  EXPECT_THAT(ask("POST", "/v1/links/mk_1/repair?wait=10s").body, HasSubstr(R"("created":3)"));
  EXPECT_EQ(ask("POST", "/v1/links/mk_9/repair").status, 404);
  view.paused = true;
  view.noted.clear();
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/repair").status, 409);
  EXPECT_EQ(view.noted, "");
}

TEST_F(Routes, DeadLetters) {
  const HttpResponse list = ask("GET", "/v1/dead-letters?limit=1&after=4:mk_1");
  EXPECT_EQ(view.asked_after, "4:mk_1");
  EXPECT_EQ(list.body, R"({"items":[{"id":"1746549072451:mk_1","link_id":"mk_1","endpoint":"sync",)"
                       R"("at":"2025-05-06T16:31:12.451Z","reason":"page was refused: has_more is missing",)"
                       R"("body_bytes":77,"body_sha256_prefix":"01ab0000000000000000000000000000",)"
                       R"("retried_at":null}],"next":"5:mk_1"})");
  const std::string letter = "/v1/dead-letters/1746549072451:mk_1";
  EXPECT_THAT(ask("GET", letter).body, HasSubstr(R"("redacted_body":"{\"accounts\":[]}"})"));
  EXPECT_EQ(ask("POST", letter + "/retry").body, R"({"id":"1746549072451:mk_1","status":"active"})");
  EXPECT_EQ(view.noted, "dead_letters.retry by uid:1000");
  EXPECT_EQ(ask("POST", letter + "/drop").body, R"({"id":"1746549072451:mk_1","status":"quarantined"})");
  EXPECT_EQ(view.noted, "dead_letters.drop by uid:1000");
  for (const char* verb : {"", "/retry", "/drop"}) {
    const HttpResponse none =
        ask(*verb == '\0' ? "GET" : "POST", std::string("/v1/dead-letters/6:mk_1") + verb);
    EXPECT_EQ(none.status, 404);
    EXPECT_THAT(none.body, HasSubstr("dead_letter_not_found"));
  }
  for (const char* bad : {"mk_1", "5", "5:", ":mk_1", "x:mk_1", "05:mk_1", "5:%00"})
    EXPECT_EQ(ask("GET", std::string("/v1/dead-letters/") + bad).status, 400) << bad;
  const std::string longest(256, 'l');
  EXPECT_EQ(ask("GET", "/v1/dead-letters/-9223372036854775808:" + longest).status, 404);
  EXPECT_EQ(ask("GET", "/v1/dead-letters/1:" + longest + "l").status, 400);
  view.paused = true;
  EXPECT_EQ(ask("POST", letter + "/retry").status, 409);
}

TEST_F(Routes, StatusTellsQueuesAndWhatOfTheFeedWasShown) {
  const HttpResponse status = ask("GET", "/v1/status");
  EXPECT_THAT(status.body, HasSubstr(R"("head":9,"published":7})"));
  EXPECT_THAT(status.body, HasSubstr(R"("queues":{"relink_open":{"count":3,"more":false},)"
                                     R"("dead_letters":{"count":1000,"more":true}})"));
}

TEST_F(Routes, HealthAndReadiness) {
  EXPECT_EQ(ask("GET", "/-/healthy").status, 200);
  EXPECT_EQ(ask("GET", "/-/ready").status, 200);
  view.is_ready = false;
  EXPECT_EQ(ask("GET", "/-/ready").status, 503);
  view.broken = true;
  EXPECT_EQ(ask("GET", "/-/healthy").status, 503);
}

}  // namespace syncd::test
