#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/admin/routes.hpp"
#include "tests/unit/daemon/fake_desk.hpp"

// Who may ask what: every route with every kind of credential.
namespace syncd::test {

using daemon::AdminRoutes;
using daemon::HttpRequest;
using daemon::HttpResponse;
using daemon::Role;
using testing::HasSubstr;
using testing::Not;

namespace {

constexpr core::Millis hour{3'600'000};
constexpr core::WallTime now{core::Millis{1'746'549'072'451}};

// Knows every link and fails at everything, and counts how often it was asked: a refusal must not get here.
class CountingView final : public daemon::AdminView {
 public:
  template <class T>
  using Answer = api::Task<core::Result<T>>;

  Answer<engine::AddOutcome> add_link(engine::NewLink, engine::Requester) override { return fail(); }
  Answer<engine::Imported> import_links(std::vector<engine::NewLink>, engine::Requester) override {
    return fail();
  }
  Answer<void> record_act(std::string, std::string, engine::Requester) override { return fail(); }
  Answer<core::LinkStatus> pause(core::LinkId, engine::Requester) override { return fail(); }
  Answer<core::LinkStatus> resume(core::LinkId, engine::Requester) override { return fail(); }
  Answer<std::optional<core::CycleReport>> sync(core::LinkId, core::Millis) override { return fail(); }
  Answer<store::Listing<core::LinkRecord>> links(std::string, std::size_t,
                                                 std::optional<core::LinkStatus>) override {
    return fail();
  }
  Answer<std::optional<core::LinkRecord>> link(core::LinkId) override { return fail(); }
  Answer<std::string> link_object(core::LinkId) override { return fail(); }
  Answer<store::Listing<core::StoredAccount>> accounts(core::LinkId, std::string, std::size_t) override {
    return fail();
  }
  Answer<store::Listing<core::StoredTransaction>> transactions(core::LinkId, std::string,
                                                               std::size_t) override {
    return fail();
  }
  Answer<store::FeedSlice> feed(std::uint64_t, std::size_t, core::Millis) override { return fail(); }
  Answer<store::ConsumerList> feed_consumers() override { return fail(); }
  Answer<store::ConsumerLook> feed_consumer(std::string) override { return fail(); }
  Answer<store::AddedConsumer> add_feed_consumer(std::string, store::ConsumerStart,
                                                 engine::Requester) override {
    return fail();
  }
  Answer<void> remove_feed_consumer(std::string, engine::Requester) override { return fail(); }
  Answer<store::MovedConsumer> move_feed_consumer(std::string, store::FeedPosition, store::ConsumerMove,
                                                  engine::Requester) override {
    return fail();
  }
  Answer<store::Listing<core::RelinkEntry>> relink_entries(std::string, std::size_t,
                                                           store::RelinkFilter) override {
    return fail();
  }
  Answer<std::optional<core::RelinkEntry>> relink_entry(core::LinkId) override { return fail(); }
  Answer<std::optional<std::string>> continuity(core::LinkId, core::Millis) override { return fail(); }
  Answer<core::RelinkEntry> act_on_entry(core::LinkId, core::RelinkRequest, engine::Requester) override {
    return fail();
  }
  Answer<std::pair<engine::IssuedSession, core::RelinkEntry>> issue_relink_session(
      engine::RelinkSessionRequest, engine::Requester) override {
    return fail();
  }
  Answer<engine::IssuedSession> issue_session(core::SessionRequest, engine::Requester) override {
    return fail();
  }
  Answer<engine::Exchanged> exchange(engine::ExchangeRequest, engine::Requester) override { return fail(); }
  std::vector<engine::Incident> incidents() const override {
    ++asked;
    return {};
  }
  std::optional<std::string> held_back_by(const core::LinkId&) const override { return std::nullopt; }
  api::Task<std::uint64_t> revision(std::uint64_t, core::Millis) override {
    ++asked;
    co_return 1;
  }
  Answer<store::Listing<core::LinkRecord>> search_links(std::string, std::string, std::size_t) override {
    return fail();
  }
  Answer<store::AuditSlice> audit_entries(std::uint64_t, std::size_t) override { return fail(); }
  Answer<store::AuditCheck> check_audit() override { return fail(); }
  Answer<daemon::StatusView> status() override { return fail(); }
  Answer<engine::VerifyState> verify(core::LinkId, core::Millis) override { return fail(); }
  Answer<engine::VerifyState> verify_state(core::LinkId, core::Millis) override { return fail(); }
  Answer<std::optional<core::CycleReport>> repair(core::LinkId, core::Millis, engine::Requester) override {
    return fail();
  }
  Answer<store::Listing<core::DeadLetter>> dead_letters(std::string, std::size_t) override { return fail(); }
  Answer<std::optional<core::DeadLetter>> dead_letter(core::LinkId, core::WallTime) override {
    return fail();
  }
  Answer<engine::RefreshAnswer> refresh(core::LinkId, std::vector<core::RefreshProduct>,
                                        engine::Requester) override {
    return fail();
  }
  engine::ExplainedSchedule explain_schedule(const core::LinkRecord&) const override {
    ++asked;
    return {};
  }
  engine::PlannedBudget plan_budget(std::optional<std::uint64_t>,
                                    std::optional<std::uint32_t>) const override {
    ++asked;
    return {};
  }
  std::string session_webhook() const override {
    ++asked;
    return "https://hooks.example.com/x";
  }
  Answer<engine::WebhooksFixed> fix_webhooks(std::vector<core::LinkId>, engine::Requester) override {
    return fail();
  }
  Answer<engine::Purged> purge(core::LinkId, bool, engine::Requester) override { return fail(); }
  Answer<std::vector<store::FeedEntry>> link_feed(core::LinkId, std::uint64_t, std::size_t) override {
    return fail();
  }
  Answer<core::LinkStatus> retry_letter(core::LinkId, core::WallTime, engine::Requester) override {
    return fail();
  }
  Answer<core::LinkStatus> drop_letter(core::LinkId, core::WallTime, engine::Requester) override {
    return fail();
  }
  Answer<daemon::CreatedToken> create_token(daemon::NewToken wanted, engine::Requester by) override {
    ++asked;
    requester = by;
    std::array<std::uint8_t, daemon::token_random_bytes> random{};
    random.fill(77);
    auto text = daemon::token_text(random);
    auto token = table.add(wanted, daemon::hash_of_token(text.reveal()), by.actor, now);
    if (!token) co_return std::unexpected(token.error());
    co_return daemon::CreatedToken{std::move(*token), std::move(text)};
  }
  Answer<daemon::Token> revoke_token(std::string name, engine::Requester by) override {
    ++asked;
    requester = by;
    co_return table.revoke(name, now);
  }
  daemon::BackupDesk& backups() override {
    desk.on_question = [this](const char*) {
      ++asked;
      return core::Error{.code = core::Errc::storage, .message = "it was asked"};
    };
    return desk;
  }
  const daemon::TokenTable& tokens() const override {
    ++asked;
    return table;
  }

  bool knows(const core::LinkId&) const override {
    ++asked;
    return true;
  }
  std::string link_ref(const core::LinkId&) const override { return "0123456789ab"; }
  core::WallTime wall_now() const override { return now; }
  core::WallTime started_at() const override { return now; }
  bool healthy() const override { return true; }
  bool ready() const override { return true; }
  void note_action(std::string_view, const core::LinkId&, std::string_view) override { ++asked; }

  mutable int asked = 0;
  daemon::TokenTable table;
  FakeDesk desk;
  engine::Requester requester;

 private:
  // The answer of everything: it was asked.
  struct Failure {
    CountingView& view;
    template <class T>
    operator Answer<T>() {
      return view.failed<T>();
    }
  };
  Failure fail() { return {*this}; }
  template <class T>
  Answer<T> failed() {
    ++asked;
    co_return core::fail(core::Errc::storage, "it was asked");
  }
};

std::string token_of(std::uint8_t number) {
  std::array<std::uint8_t, daemon::token_random_bytes> random{};
  random.fill(number);
  return std::string(daemon::token_text(random).reveal());
}

class RouteAccess : public testing::Test {
 protected:
  RouteAccess() {
    add("reader", Role::read, 1, 24 * hour);
    add("operator", Role::operate, 2, 24 * hour);
    add("boss", Role::admin, 3, 24 * hour);
    add("expired", Role::admin, 4, hour);
    add("revoked", Role::admin, 5, 24 * hour);
    add("spare", Role::read, 7, 24 * hour);
    EXPECT_TRUE(view.table.revoke("revoked", now - hour));
    daemon::AccessOptions options;
    options.hosts = {"127.0.0.1:8420"};
    options.limits.free_failures = 1'000'000;  // the wait has tests of its own
    options.limits.all_per_minute_max = 1'000'000;
    options.wall_now = [] { return now; };
    options.steady_now = [] { return api::SteadyTime{hour}; };
    options.page = [](std::string_view path) -> std::optional<HttpResponse> {
      if (path != "/") return std::nullopt;
      return HttpResponse{.status = 200, .content_type = "text/html", .body = "the page", .allow = {}};
    };
    access.emplace(std::move(options), [this]() -> const daemon::TokenTable& { return view.table; });
    routes.emplace(view, &*access);
  }
  void add(const std::string& name, Role role, std::uint8_t number, core::Millis lifetime) {
    EXPECT_TRUE(view.table.add({.name = name, .role = role, .lifetime = lifetime},
                               daemon::hash_of_token(token_of(number)), "uid:0", now - 2 * hour));
  }

  static HttpRequest request(std::string method, std::string target, const std::string& token = {},
                             std::string body = {}) {
    HttpRequest made{.method = std::move(method),
                     .target = std::move(target),
                     .content_type = "application/json",
                     .body = std::move(body),
                     .peer = std::nullopt};
    made.remote = "127.0.0.1";
    made.host = "127.0.0.1:8420";
    if (!token.empty()) made.authorization = api::Secret("Bearer " + token);
    return made;
  }
  HttpResponse ask(HttpRequest made, AdminRoutes& service) {
    boost::asio::io_context io;
    HttpResponse response;
    std::exception_ptr thrown;
    auto done = [&](std::exception_ptr error, HttpResponse answer) {
      thrown = error;
      response = std::move(answer);
    };
    boost::asio::co_spawn(io.get_executor(), service.handle(std::move(made)), done);
    io.run();
    if (thrown) std::rethrow_exception(thrown);
    return response;
  }
  HttpResponse ask(HttpRequest made) { return ask(std::move(made), *routes); }

  CountingView view;
  std::optional<daemon::Access> access;
  std::optional<AdminRoutes> routes;
};

// A path that the route matches.
std::string target_of(const AdminRoutes::RouteInfo& route) {
  std::string target = route.path;
  const std::size_t star = target.find('*');
  if (star == std::string::npos) return target;
  const bool of_token = target.starts_with("/v1/tokens");
  return target.replace(star, 1, of_token ? "spare" : target.contains("letters") ? "1:mk_1" : "mk_1");
}

}  // namespace

TEST_F(RouteAccess, EveryRouteAsksForItsRole) {
  struct Credential {
    const char* name;
    std::string token;
    std::optional<Role> role;
  };
  const Credential credentials[] = {
      {"none", "", std::nullopt},
      {"read", token_of(1), Role::read},
      {"operate", token_of(2), Role::operate},
      {"admin", token_of(3), Role::admin},
      {"expired admin", token_of(4), std::nullopt},
      {"revoked admin", token_of(5), std::nullopt},
      {"unknown", token_of(6), std::nullopt},
      {"garbage", "mks_short", std::nullopt},
  };
  const auto table = AdminRoutes::list_routes();
  ASSERT_GE(table.size(), 23U);
  for (const AdminRoutes::RouteInfo& route : table) {
    for (const Credential& credential : credentials) {
      SCOPED_TRACE(std::string(route.method) + " " + route.path + " with " + credential.name);
      view.asked = 0;
      const HttpResponse answer = ask(request(std::string(route.method), target_of(route), credential.token));
      const bool admitted = credential.role && *credential.role >= route.role;
      if (admitted) {
        // On to the handler, or to what comes before it: the body is empty where one is needed.
        EXPECT_NE(answer.status, 401);
        EXPECT_NE(answer.status, 403);
        EXPECT_NE(answer.status, 404);
        EXPECT_NE(answer.status, 405);
        continue;
      }
      EXPECT_EQ(view.asked, 0);
      EXPECT_EQ(answer.status, credential.role ? 403 : 401);
      EXPECT_EQ(answer.content_type, "application/problem+json");
      if (credential.role) {
        EXPECT_THAT(answer.body, HasSubstr(R"("code":"role_too_low")"));
        EXPECT_THAT(answer.body, HasSubstr("needs the role " + std::string(daemon::to_string(route.role))));
      } else {
        EXPECT_THAT(answer.headers, testing::ElementsAre(testing::Pair("WWW-Authenticate", "Bearer")));
      }
    }
  }
}

// The table itself, so that a wrong role in it is seen.
TEST_F(RouteAccess, TheRolesAreThese) {
  for (const AdminRoutes::RouteInfo& route : AdminRoutes::list_routes()) {
    const bool by_the_thousand = route.path == "/v1/links:import" || route.path == "/v1/exports";
    const bool of_everything = route.path == "/v1/backups" && route.method == "POST";
    const bool of_admin = by_the_thousand || of_everything || route.path.ends_with("/purge") ||
                          route.path.starts_with("/v1/tokens") || route.path.starts_with("/v1/audit");
    const Role wanted = of_admin ? Role::admin : route.method == "GET" ? Role::read : Role::operate;
    EXPECT_EQ(route.role, wanted) << route.method << " " << route.path;
    EXPECT_TRUE(route.method == "GET" || route.method == "POST") << route.method << " " << route.path;
    EXPECT_TRUE(route.path.starts_with("/v1/")) << route.path;
  }
}

TEST_F(RouteAccess, APeerOfTheUnixSocketMayDoEverything) {
  for (const AdminRoutes::RouteInfo& route : AdminRoutes::list_routes()) {
    HttpRequest made = request(std::string(route.method), target_of(route));
    made.peer = daemon::Peer{.uid = 1000, .gid = 1000};
    made.host.reset();
    const HttpResponse answer = ask(std::move(made));
    EXPECT_NE(answer.status, 401) << route.path;
    EXPECT_NE(answer.status, 403) << route.path;
  }
  HttpRequest page = request("GET", "/");
  page.peer = daemon::Peer{.uid = 1000, .gid = 1000};
  EXPECT_EQ(ask(std::move(page)).status, 404) << "the page is for browsers, which cannot come here";
}

TEST_F(RouteAccess, WithoutRulesForItTcpIsRefused) {
  AdminRoutes closed(view);
  for (const char* target : {"/v1/status", "/-/healthy", "/"})
    EXPECT_EQ(ask(request("GET", target, token_of(3)), closed).status, 403) << target;
}

TEST_F(RouteAccess, ProbesAndThePageNeedNoToken) {
  EXPECT_EQ(ask(request("GET", "/-/healthy")).status, 200);
  EXPECT_EQ(ask(request("GET", "/-/ready")).status, 200);
  EXPECT_EQ(ask(request("GET", "/")).body, "the page");
  EXPECT_EQ(ask(request("POST", "/")).status, 405);
  HttpRequest rebound = request("GET", "/");
  rebound.host = "evil.example.com";
  EXPECT_EQ(ask(std::move(rebound)).status, 421);
}

TEST_F(RouteAccess, WhatIsNotThereNeedsATokenToo) {
  for (const char* target : {"/v1/nothing", "/v1", "/v1/statusx", "/V1/status", "/v1/status/", "/app.js"}) {
    EXPECT_EQ(ask(request("GET", target)).status, 401) << target;
    EXPECT_EQ(ask(request("GET", target, token_of(1))).status, 404) << target;
  }
  for (const char* method : {"OPTIONS", "DELETE", "PUT", "TRACE", "CONNECT", "get", "FROB"}) {
    EXPECT_EQ(ask(request(method, "/v1/status")).status, 401) << method;
    EXPECT_EQ(ask(request(method, "/v1/status", token_of(3))).status, 405) << method;
  }
}

TEST_F(RouteAccess, NoWritingOfAPathGoesAroundTheTable) {
  for (const char* target : {"//v1/tokens", "/v1//tokens", "/v1/./tokens", "/v1/x/../tokens", "/../v1/tokens",
                             "/v1/%2e%2e/v1/tokens", "/%2fv1/tokens", "/v1%2ftokens", "/v1%252ftokens",
                             "/v1/TOKENS", "/v1/tokens/", "/v1/tokens/%2e", "/v1/status%2f..%2ftokens",
                             "/v1/links/..%2ftokens/../tokens", "/v1/tokens;x"}) {
    view.asked = 0;
    const int status = ask(request("GET", target, token_of(1))).status;
    EXPECT_TRUE(status == 404 || status == 400 || status == 405) << target << " " << status;
    EXPECT_EQ(view.asked, 0) << target;
  }
  for (const char* target : {"/v1/tokens%00", "/v1/%c0%aftokens", "/v1/tokens#x",
                             "http://127.0.0.1:8420/v1/tokens", "v1/tokens", "*", "", "/v1/tok%65ns%"}) {
    EXPECT_EQ(ask(request("GET", target, token_of(3))).status, 400) << target;
  }
  // One way of writing is decoded, and then the role is asked for as ever.
  EXPECT_EQ(ask(request("GET", "/v1/tok%65ns", token_of(1))).status, 403);
  EXPECT_EQ(ask(request("GET", "/v1/tok%65ns", token_of(3))).status, 200);
}

TEST_F(RouteAccess, AnotherSiteGetsNothingEvenWithAToken) {
  struct Case {
    const char* origin;
    const char* site;
    int status;
  };
  for (const Case& test :
       {Case{nullptr, nullptr, 200}, Case{"http://127.0.0.1:8420", "same-origin", 200},
        Case{"http://evil.example.com", "cross-site", 403}, Case{"http://evil.example.com", nullptr, 403},
        Case{"null", nullptr, 403}, Case{nullptr, "cross-site", 403}, Case{nullptr, "same-site", 403}}) {
    HttpRequest made = request("GET", "/v1/whoami", token_of(3));
    if (test.origin != nullptr) made.origin = test.origin;
    if (test.site != nullptr) made.sec_fetch_site = test.site;
    const HttpResponse answer = ask(std::move(made));
    EXPECT_EQ(answer.status, test.status);
    for (const auto& [name, value] : answer.headers)
      EXPECT_FALSE(name.starts_with("Access-Control")) << name;
  }
}

TEST_F(RouteAccess, AnIdempotencyKeyIsShortAndVisible) {
  const auto status_of = [&](std::string key) {
    HttpRequest made = request("POST", "/v1/tokens/reader/revoke", token_of(3));
    made.idempotency_key = std::move(key);
    return ask(std::move(made)).status;
  };
  EXPECT_EQ(status_of(std::string(128, 'k')), 200);
  for (const std::string& bad :
       {std::string(), std::string(129, 'k'), std::string("a b"), std::string("\xC3\xA4")})
    EXPECT_EQ(status_of(bad), 400) << bad;
}

TEST_F(RouteAccess, AnActIsOfWhoAskedAndOfOneRequest) {
  const auto requester_of = [&](const std::string& name, const std::string& key, std::uint8_t token) {
    HttpRequest made = request("POST", "/v1/tokens/" + name + "/revoke", token_of(token));
    if (!key.empty()) made.idempotency_key = key;
    EXPECT_EQ(ask(std::move(made)).status, 200);
    return view.requester;
  };
  const auto plain = requester_of("reader", "", 3);
  EXPECT_EQ(plain.actor, "token:boss");
  EXPECT_EQ(plain.request_key, core::Digest{});
  EXPECT_EQ(plain.request_digest, core::Digest{});
  const auto first = requester_of("reader", "k1", 3);
  const auto again = requester_of("reader", "k1", 3);
  const auto other_request = requester_of("operator", "k1", 3);
  const auto other_key = requester_of("reader", "k2", 3);
  EXPECT_NE(first.request_key, core::Digest{});
  EXPECT_EQ(first.request_key, again.request_key);
  EXPECT_EQ(first.request_digest, again.request_digest);
  EXPECT_EQ(first.request_key, other_request.request_key);
  EXPECT_NE(first.request_digest, other_request.request_digest);
  EXPECT_NE(first.request_key, other_key.request_key);
  HttpRequest by_peer = request("POST", "/v1/tokens/reader/revoke");
  by_peer.peer = daemon::Peer{.uid = 7, .gid = 7};
  by_peer.idempotency_key = "k1";
  EXPECT_EQ(ask(std::move(by_peer)).status, 200);
  EXPECT_EQ(view.requester.actor, "uid:7");
  EXPECT_NE(view.requester.request_key, first.request_key) << "a key is its actor's own";
}

TEST_F(RouteAccess, SaysWhoAsks) {
  EXPECT_EQ(ask(request("GET", "/v1/whoami", token_of(2))).body,
            R"({"actor":"token:operator","role":"operate","expires_at":")" +
                core::format_wall_time(now + 22 * hour) + "\"}");
  HttpRequest by_peer = request("GET", "/v1/whoami");
  by_peer.peer = daemon::Peer{.uid = 1000, .gid = 7};
  EXPECT_EQ(ask(std::move(by_peer)).body, R"({"actor":"uid:1000","role":"admin"})");
}

TEST_F(RouteAccess, TokensAreListedByNameWithoutTheirHashes) {
  const HttpResponse all = ask(request("GET", "/v1/tokens", token_of(3)));
  EXPECT_EQ(all.status, 200);
  EXPECT_THAT(all.body, testing::StartsWith(R"({"items":[{"name":"boss","role":"admin","state":"live",)"));
  EXPECT_THAT(all.body, HasSubstr(R"("name":"expired","role":"admin","state":"expired")"));
  EXPECT_THAT(all.body, HasSubstr(R"("name":"revoked","role":"admin","state":"revoked")"));
  EXPECT_THAT(all.body, HasSubstr(R"("created_by":"uid:0")"));
  EXPECT_THAT(all.body, Not(HasSubstr("hash")));
  EXPECT_THAT(all.body, Not(HasSubstr("mks_")));
  EXPECT_THAT(all.body, Not(HasSubstr("next")));
  const HttpResponse page = ask(request("GET", "/v1/tokens?limit=2&after=boss", token_of(3)));
  EXPECT_THAT(page.body, testing::StartsWith(R"({"items":[{"name":"expired")"));
  EXPECT_THAT(page.body, testing::EndsWith(R"("next":"operator"})"));
  EXPECT_EQ(ask(request("GET", "/v1/tokens?after=zz", token_of(3))).body, R"({"items":[]})");
  EXPECT_EQ(ask(request("GET", "/v1/tokens?role=read", token_of(3))).status, 400);
}

TEST_F(RouteAccess, ATokenIsShownOnceAndWorksAtOnce) {
  const std::string body = R"({"name":"new","role":"read","lifetime":"30d"})";
  const HttpResponse made = ask(request("POST", "/v1/tokens", token_of(3), body));
  EXPECT_EQ(made.status, 201);
  EXPECT_THAT(made.body, HasSubstr(R"("token":")" + token_of(77) + "\""));
  EXPECT_THAT(made.body, HasSubstr(R"("created_by":"token:boss")"));
  EXPECT_EQ(ask(request("GET", "/v1/whoami", token_of(77))).status, 200);
  EXPECT_THAT(ask(request("GET", "/v1/tokens", token_of(3))).body, Not(HasSubstr("mks_")));
  EXPECT_EQ(ask(request("POST", "/v1/tokens", token_of(3), body)).status, 409) << "the name is taken";
  EXPECT_EQ(ask(request("POST", "/v1/tokens/new/revoke", token_of(3))).status, 200);
  EXPECT_EQ(ask(request("GET", "/v1/whoami", token_of(77))).status, 401);
  for (const char* bad :
       {R"({"name":"No","role":"read","lifetime":"1d"})", R"({"name":"x","role":"read","lifetime":"366d"})",
        R"({"name":"x","role":"root","lifetime":"1d"})", "{}"}) {
    EXPECT_EQ(ask(request("POST", "/v1/tokens", token_of(3), bad)).status, 400) << bad;
  }
  EXPECT_EQ(ask(request("POST", "/v1/tokens/nobody/revoke", token_of(3))).status, 404);
  EXPECT_EQ(ask(request("POST", "/v1/tokens/No/revoke", token_of(3))).status, 400);
}

}  // namespace syncd::test
