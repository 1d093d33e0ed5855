#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/api/secret.hpp"
#include "tests/unit/engine/verify_world.hpp"

// Sessions for the owners of links, for new links, and the exchange of their tokens.
namespace syncd::test {
namespace {

using core::Errc;
using core::RelinkStatus;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

using RelinkOutcome = std::optional<core::Result<std::pair<engine::IssuedSession, core::RelinkEntry>>>;
using SessionOutcome = std::optional<core::Result<engine::IssuedSession>>;
using ExchangeOutcome = std::optional<core::Result<engine::Exchanged>>;

api::Task<void> issue(engine::Engine& engine, engine::RelinkSessionRequest request, engine::Requester by,
                      RelinkOutcome& outcome) {
  outcome = co_await engine.issue_relink_session(std::move(request), std::move(by));
}

api::Task<void> issue_new(engine::Engine& engine, core::SessionRequest request, engine::Requester by,
                          SessionOutcome& outcome) {
  outcome = co_await engine.issue_session(std::move(request), std::move(by));
}

api::Task<void> exchange(engine::Engine& engine, engine::ExchangeRequest request, engine::Requester by,
                         ExchangeOutcome& outcome) {
  outcome = co_await engine.exchange(std::move(request), std::move(by));
}

api::Task<void> act(engine::Engine& engine, core::RelinkRequest request) {
  core::LinkId link_id{the_link};
  const auto done = co_await engine.act_on_entry(std::move(link_id), std::move(request), by_a_test);
  EXPECT_TRUE(done);
}

bool asks_for_session(const api::HttpCall& call) {
  return call.target == "/link-session";
}

// A link whose owner must act, with an open entry; its upstream answers are the test's.
struct Sessions : testing::Test {
  Sessions() {
    world.engine->set_session_settings({.redirect_uri = "https://app.example/back",
                                        .webhook = "https://app.example/hook",
                                        .lifetime = minutes(30)});
    world.sync({the_link});
    world.instead = [this](const api::HttpCall& call) { return answer(call); };
    EXPECT_TRUE(world.engine->sync_now(core::LinkId{the_link}));
    world.io.pass(minutes(1));
    EXPECT_EQ(entry().status, RelinkStatus::open);
    sessions = 0;
  }

  std::optional<FakeTransport::Answer> answer(const api::HttpCall& call) {
    if (asks_for_session(call)) {
      ++sessions;
      session_body = call.body;
      if (while_asked) std::exchange(while_asked, nullptr)();
      return json_reply(201, R"({"link_session_token":"the-token"})");
    }
    if (call.target == "/link-session/exchange-token") {
      ++exchanges;
      if (while_asked) std::exchange(while_asked, nullptr)();
      return exchanged;
    }
    if (call.target.starts_with("/users/")) return users_links;
    const std::string ours = std::string("/links/") + the_link;
    if (!call.target.starts_with(ours)) return std::nullopt;
    const bool of_link = call.target == ours;
    if (!of_link && !asks_for_page(call) && !asks_for_accounts(call)) return std::nullopt;
    LinkText link{.state = state, .error_code = error_code};
    std::string text = link.json();
    text.insert(text.size() - 1, R"(,"webhook":"https://owner.example/w","link_tags":["t1","t2"])");
    if (of_link) return json_reply(200, text);
    if (state != "error") return std::nullopt;
    return json_reply(200, PageText{.next = "e", .link = link}.json());
  }

  const core::RelinkEntry& entry() { return world.port.model.relink.at(core::LinkId{the_link}); }
  RelinkOutcome ask(std::optional<std::uint64_t> version = {}, engine::Requester by = by_a_test,
                    bool force = false) {
    RelinkOutcome outcome;
    engine::RelinkSessionRequest request{.link_id = core::LinkId{the_link},
                                         .version = version.value_or(entry().version),
                                         .redirect_uri = {},
                                         .force = force};
    world.io.start(issue(*world.engine, std::move(request), std::move(by), outcome));
    world.io.pass(minutes(1));
    EXPECT_TRUE(outcome);
    return outcome;
  }
  std::string refusal(const RelinkOutcome& outcome, Errc code = Errc::conflict) {
    EXPECT_FALSE(*outcome);
    if (*outcome) return {};
    EXPECT_EQ(outcome->error().code, code);
    return outcome->error().message;
  }

  VerifyWorld world;
  std::string state = "error";
  std::string error_code = "auth_expired";
  FakeTransport::Answer exchanged = error_reply(400, "link_session_error.invalid_token_exchange");
  FakeTransport::Answer users_links = json_reply(200, R"({"links":{}})");
  int sessions = 0;
  int exchanges = 0;
  std::string session_body;
  std::function<void()> while_asked;  // once, while upstream makes the session, or exchanges
};

TEST_F(Sessions, TellUpstreamAgainWhatTheLinkHas) {
  const RelinkOutcome outcome = ask();
  ASSERT_TRUE(*outcome) << outcome->error().message;
  const auto& [session, changed] = **outcome;
  EXPECT_EQ(session.token->reveal(), "the-token");
  EXPECT_EQ(changed.status, RelinkStatus::session_issued);
  EXPECT_EQ(changed.session->expires_at, session.expires_at);
  EXPECT_EQ(entry(), changed);
  for (const char* part : {R"("existing_link_id":"mk_1")", R"("webhook":"https://owner.example/w")",
                           R"("link_tags":["t1","t2"])", R"("redirect_uri":"https://app.example/back")"})
    EXPECT_THAT(session_body, HasSubstr(part));
  ASSERT_FALSE(world.port.model.audit.empty());
  EXPECT_EQ(world.port.model.audit.back().note.action, "relink.session");
  EXPECT_THAT(world.port.model.audit.back().note.detail, Not(HasSubstr("the-token")));
}

TEST_F(Sessions, AreNotMadeForAnotherVersion) {
  EXPECT_THAT(refusal(ask(entry().version + 1)), HasSubstr("has version"));
  EXPECT_EQ(sessions, 0);
}

// Somebody else was faster, while upstream made the session: that one is forgotten.
TEST_F(Sessions, AreForgottenWhenTheEntryHasChangedMeanwhile) {
  while_asked = [this] {
    world.io.group.spawn(act(*world.engine, {.kind = core::RelinkRequest::Kind::claim, .assignee = "ann"}));
  };
  EXPECT_THAT(refusal(ask()), HasSubstr("changed it"));
  EXPECT_EQ(sessions, 1);
  EXPECT_EQ(entry().status, RelinkStatus::claimed);
  EXPECT_EQ(entry().session, std::nullopt);
}

// ---- the other acts ----

TEST_F(Sessions, ARepeatedClaimWritesNothing) {
  const auto claim = [this](const char* assignee) {
    world.io.group.spawn(
        act(*world.engine, {.kind = core::RelinkRequest::Kind::claim, .assignee = assignee}));
    world.io.pass(seconds(1));
  };
  claim("ann");
  const core::RelinkEntry claimed = entry();
  const std::size_t acts = world.port.model.audit.size();
  claim("ann");
  EXPECT_EQ(entry(), claimed);
  EXPECT_EQ(world.port.model.audit.size(), acts);
}

TEST_F(Sessions, WhatBecomesOfAnEntryByHandIsTold) {
  for (const auto kind : {core::RelinkRequest::Kind::claim, core::RelinkRequest::Kind::dismiss,
                          core::RelinkRequest::Kind::reopen}) {
    world.io.group.spawn(act(*world.engine, {.kind = kind}));
    world.io.pass(seconds(1));
  }
  EXPECT_EQ(world.observer.moved, (std::vector<RelinkStatus>{RelinkStatus::dismissed, RelinkStatus::open}));
}

TEST_F(Sessions, AreNotMadeForALinkThatIsConnectedAgain) {
  state = "connected";
  error_code = "";
  EXPECT_THAT(refusal(ask()), HasSubstr("connected again"));
  EXPECT_EQ(sessions, 0);
  world.io.pass(minutes(2));
  EXPECT_EQ(entry().status, RelinkStatus::resolved) << "it was visited at once";
}

TEST_F(Sessions, AreNotMadeWhileTheBankIsDownUnlessAsked) {
  error_code = "institution_error";
  EXPECT_THAT(refusal(ask()), HasSubstr("down (institution_error)"));
  EXPECT_EQ(sessions, 0);
  const RelinkOutcome forced = ask({}, by_a_test, true);
  EXPECT_TRUE(*forced);
  EXPECT_EQ(sessions, 1);
}

// Nobody's browser waits for a window of upstream's: when it ends is the answer.
TEST_F(Sessions, AreRefusedAtOnceWhileUpstreamsWindowIsOpen) {
  for (const core::Endpoint endpoint : {core::Endpoint::link_session, core::Endpoint::link}) {
    const core::WallTime begun = world.io.timers.wall_now();
    world.gate.freeze(endpoint, begun + minutes(7));
    const RelinkOutcome outcome = ask();  // looks again after a minute
    refusal(outcome, Errc::throttled);
    EXPECT_EQ(outcome->error().retry_after, minutes(7)) << core::to_string(endpoint);
    EXPECT_EQ(sessions, 0);
    world.io.pass(minutes(7));
  }
  EXPECT_TRUE(*ask());
}

TEST_F(Sessions, WaitForAWindowThatIsOverSoon) {
  world.gate.freeze(core::Endpoint::link_session, world.io.timers.wall_now() + std::chrono::seconds(9));
  EXPECT_TRUE(*ask());
  EXPECT_EQ(sessions, 1);
}

TEST_F(Sessions, TellProgramsWhyTheyAreRefused) {
  error_code = "institution_error";
  EXPECT_EQ(ask()->error().api_code, "bank_down");
  error_code = "auth_expired";
  const engine::Requester by{.actor = "uid:1", .request_key = {7}, .request_digest = {8}};
  const std::uint64_t version = entry().version;
  ASSERT_TRUE(*ask(version, by));
  EXPECT_EQ(ask(version, by)->error().api_code, "token_shown_before");
  const engine::Requester another{.actor = "uid:1", .request_key = {7}, .request_digest = {9}};
  EXPECT_EQ(ask(version, another)->error().api_code, "idempotency_key_reused");
  state = "connected";
  error_code = "";
  EXPECT_EQ(ask()->error().api_code, "nothing_to_relink");
}

TEST_F(Sessions, AreMadeOnceForARequest) {
  const engine::Requester by{.actor = "uid:1", .request_key = {7}, .request_digest = {8}};
  const std::uint64_t version = entry().version;
  ASSERT_TRUE(*ask(version, by));
  EXPECT_THAT(refusal(ask(version, by)), HasSubstr("shown once"));
  EXPECT_EQ(sessions, 1);
}

TEST_F(Sessions, NeedARedirectUri) {
  world.engine->set_session_settings({});
  EXPECT_THAT(refusal(ask(), Errc::invalid), HasSubstr("redirect_uri"));
  EXPECT_EQ(sessions, 0);
}

TEST_F(Sessions, OfNewLinksAreInTheAuditLogBeforeAnybodyHasTheToken) {
  SessionOutcome outcome;
  const engine::Requester by{.actor = "uid:1", .request_key = {7}, .request_digest = {8}};
  core::SessionRequest request;
  request.customer_user_id = "user-7";
  for (const bool again : {false, true}) {
    world.io.start(issue_new(*world.engine, request, by, outcome));
    world.io.pass(minutes(1));
    ASSERT_TRUE(outcome);
    EXPECT_EQ(outcome->has_value(), !again);
  }
  EXPECT_EQ(sessions, 1);
  EXPECT_THAT(session_body, HasSubstr(R"("webhook":"https://app.example/hook")"));
  EXPECT_EQ(world.port.model.audit.back().note.action, "link_sessions.create");
  EXPECT_THAT(outcome->error().message, HasSubstr("shown once"));
}

// ---- exchange ----

api::Task<void> add_nameless(engine::Engine& engine) {
  engine::NewLink link{core::LinkId{"mk_new"}, {}, {}};
  const auto added = co_await engine.add_link(std::move(link), by_a_test);
  EXPECT_TRUE(added);
}

struct Exchange : Sessions {
  static engine::ExchangeRequest the_request(std::string customer_user_id = "user-7") {
    return {.token = std::make_shared<const api::Secret>(std::string("ex-1")),
            .customer_user_id = std::move(customer_user_id),
            .tags = {"a"}};
  }
  ExchangeOutcome ask_for(std::string customer_user_id = "user-7", engine::Requester by = by_a_test) {
    ExchangeOutcome outcome;
    auto request = the_request(std::move(customer_user_id));
    world.io.start(exchange(*world.engine, std::move(request), std::move(by), outcome));
    world.io.pass(minutes(4));
    EXPECT_TRUE(outcome);
    return outcome;
  }
  static std::string link_text(const char* id, const char* link_state = "connected") {
    return LinkText{.id = id, .state = link_state}.json();
  }
  static FakeTransport::Answer links(const std::string& members) {
    return json_reply(200, R"({"links":{)" + members + "}}");
  }
};

TEST_F(Exchange, RegistersTheLinkAndSyncsIt) {
  exchanged = json_reply(201, R"({"link_id":"old","link":)" + link_text("mk_new") + "}");
  const ExchangeOutcome outcome = ask_for();
  ASSERT_TRUE(*outcome) << outcome->error().message;
  EXPECT_EQ((*outcome)->link_id.str(), "mk_new");
  EXPECT_TRUE((*outcome)->added);
  EXPECT_FALSE((*outcome)->recovered);
  EXPECT_EQ(world.record("mk_new").customer_user_id, "user-7");
  EXPECT_EQ(world.rows("mk_new").size(), world.truth.size());
}

// The answer was lost on the way to whoever asked: upstream is not asked again.
TEST_F(Exchange, KeepsItsTokenWhileUpstreamsWindowIsOpen) {
  exchanged = json_reply(201, R"({"link_id":"old","link":)" + link_text("mk_new") + "}");
  world.gate.freeze(core::Endpoint::exchange_token, world.io.timers.wall_now() + minutes(2));
  const ExchangeOutcome refused = ask_for();
  ASSERT_FALSE(*refused);
  EXPECT_EQ(refused->error().code, Errc::throttled);
  EXPECT_EQ(refused->error().retry_after, minutes(2));
  EXPECT_FALSE(refused->error().outcome_unknown);
  EXPECT_TRUE(*ask_for()) << "the token was not spent";
}

TEST_F(Exchange, IsDoneOnceForARequest) {
  const engine::Requester by{.actor = "uid:1", .request_key = {7}, .request_digest = {8}};
  exchanged = json_reply(201, R"({"link_id":"old","link":)" + link_text("mk_new") + "}");
  ASSERT_TRUE(*ask_for("user-7", by));
  exchanged = error_reply(400, "link_session_error.invalid_token_exchange");
  users_links = links(R"("mk_other":)" + link_text("mk_other"));
  const ExchangeOutcome again = ask_for("user-7", by);
  ASSERT_TRUE(*again) << again->error().message;
  EXPECT_EQ((*again)->link_id.str(), "mk_new");
  EXPECT_FALSE((*again)->added);
  EXPECT_FALSE(world.engine->knows(core::LinkId{"mk_other"}));
  engine::Requester other = by;
  other.request_digest = {9};
  EXPECT_THAT(ask_for("user-7", other)->error().message, HasSubstr("Idempotency-Key was used"));
}

TEST_F(Exchange, FindsTheLinkWhoseAnswerWasLost) {
  users_links = links(R"("mk_1":)" + link_text("mk_1") + R"(,"mk_new":)" + link_text("mk_new") +
                      R"(,"mk_dead":)" + link_text("mk_dead", "deleted"));
  const ExchangeOutcome outcome = ask_for();
  ASSERT_TRUE(*outcome) << outcome->error().message;
  EXPECT_EQ((*outcome)->link_id.str(), "mk_new");
  EXPECT_TRUE((*outcome)->recovered);
}

TEST_F(Exchange, RefusesToChooseAmongSeveral) {
  users_links = links(R"("mk_a":)" + link_text("mk_a") + R"(,"mk_b":)" + link_text("mk_b"));
  const ExchangeOutcome outcome = ask_for();
  ASSERT_FALSE(*outcome);
  EXPECT_EQ(outcome->error().code, Errc::conflict);
  EXPECT_THAT(outcome->error().message, HasSubstr("mk_a, mk_b"));
  EXPECT_FALSE(world.engine->knows(core::LinkId{"mk_a"}));
}

TEST_F(Exchange, SaysWhatIsMissingToFindIt) {
  EXPECT_THAT(ask_for("")->error().message, HasSubstr("with customer_user_id in the request"));
  EXPECT_THAT(ask_for()->error().message, HasSubstr("no link that is not registered here"));
}

// ---- whoever asked leaves, or asks again ----

struct ExchangeInFlight : Exchange {
  ExchangeInFlight() {
    exchanged = json_reply(201, R"({"link_id":"old","link":)" + link_text("mk_new") + "}");
  }
  // The callers are tasks of their own group, as a client's connection is not one of the engine's.
  void begin(engine::Requester by, ExchangeOutcome& outcome) {
    callers.spawn(exchange(*world.engine, the_request(), std::move(by), outcome));
  }

  // Once, before the request is sent.
  void while_connecting(std::function<void()> act) {
    world.transport.while_connecting = [this, act] {
      const std::function<void()> kept = act;  // which goes with this function
      world.transport.while_connecting = nullptr;
      kept();
    };
  }

  engine::TaskGroup callers{world.io.io.get_executor(),
                            [](std::exception_ptr error) { std::rethrow_exception(error); }};
};

TEST_F(ExchangeInFlight, GoesOnWhenItsCallerLeaves) {
  ExchangeOutcome outcome;
  while_connecting([this] { callers.cancel(); });
  begin(by_a_test, outcome);
  world.io.pass(minutes(1));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error().code, Errc::cancelled) << "nobody is there to hear more";
  EXPECT_EQ(world.record("mk_new").customer_user_id, "user-7");
  EXPECT_EQ(world.rows("mk_new").size(), world.truth.size());
}

TEST_F(ExchangeInFlight, IsFoundAgainByTheSameRequest) {
  const engine::Requester by{.actor = "uid:1", .request_key = {7}, .request_digest = {8}};
  engine::Requester other = by;
  other.request_digest = {9};
  ExchangeOutcome first;
  ExchangeOutcome again;
  ExchangeOutcome different;
  while_connecting([&] {
    callers.cancel();
    begin(by, again);
    begin(other, different);
  });
  begin(by, first);
  world.io.pass(minutes(1));
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->link_id.str(), "mk_new");
  EXPECT_EQ(exchanges, 1);
  ASSERT_TRUE(different && !*different);
  EXPECT_THAT(different->error().message, HasSubstr("under way"));
  EXPECT_EQ(first->error().code, Errc::cancelled);
}

TEST_F(ExchangeInFlight, MayEndWithinTheGraceOfAStop) {
  ExchangeOutcome outcome;
  ExchangeOutcome late;
  while_connecting([&] {
    world.io.group.spawn(world.engine->stop(world.io.timers.steady_now() + std::chrono::seconds(10)));
    begin(by_a_test, late);
  });
  begin(by_a_test, outcome);
  world.io.pass(minutes(1));
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ(world.record("mk_new").customer_user_id, "user-7");
  ASSERT_TRUE(late && !*late);
  EXPECT_EQ(late->error().code, Errc::cancelled) << "none begins";
  EXPECT_EQ(exchanges, 1);
}

// ---- the discovery registers the link first ----

TEST_F(ExchangeInFlight, SaysWhoseTheLinkIsThatWasRegisteredMeanwhile) {
  while_asked = [this] { world.io.group.spawn(add_nameless(*world.engine)); };
  const ExchangeOutcome outcome = ask_for();
  ASSERT_TRUE(*outcome) << outcome->error().message;
  EXPECT_FALSE((*outcome)->added);
  EXPECT_EQ(world.record("mk_new").customer_user_id, "user-7");
  EXPECT_EQ(world.record("mk_new").tags, std::vector<std::string>{"a"});
  EXPECT_EQ(world.port.model.audit.back().note.action, "links.complete");
  EXPECT_EQ(world.rows("mk_new").size(), world.truth.size());
}

// Both commits are on their way at once.
TEST_F(ExchangeInFlight, SaysWhoseTheLinkIsAlsoWhenTheCommitsCross) {
  while_asked = [this] {
    world.port.before_commit = [this] { world.io.group.spawn(add_nameless(*world.engine)); };
  };
  const engine::Requester by{.actor = "uid:1", .request_key = {7}, .request_digest = {8}};
  const ExchangeOutcome outcome = ask_for("user-7", by);
  ASSERT_TRUE(*outcome) << outcome->error().message;
  EXPECT_FALSE((*outcome)->added);
  EXPECT_EQ(world.record("mk_new").customer_user_id, "user-7");
  EXPECT_EQ(world.record("mk_new").tags, std::vector<std::string>{"a"});
}

TEST_F(ExchangeInFlight, LeavesWhatIsRegisteredAlready) {
  ASSERT_TRUE(*ask_for("user-7"));
  const std::uint64_t fence = world.record("mk_new").fence;
  ASSERT_TRUE(*ask_for("user-8"));
  EXPECT_EQ(world.record("mk_new").customer_user_id, "user-7");
  EXPECT_EQ(world.record("mk_new").fence, fence);
  EXPECT_EQ(world.port.model.audit.back().note.action, "links.add");
}

// The answer is lost, and the link is registered before it is looked for.
TEST_F(Exchange, FindsTheLinkThatWasRegisteredWithoutItsUser) {
  world.io.pass(minutes(15));
  users_links = links(R"("mk_1":)" + link_text("mk_1") + R"(,"mk_new":)" + link_text("mk_new"));
  while_asked = [this] { world.io.group.spawn(add_nameless(*world.engine)); };
  const ExchangeOutcome outcome = ask_for();
  ASSERT_TRUE(*outcome) << outcome->error().message;
  EXPECT_EQ((*outcome)->link_id.str(), "mk_new");
  EXPECT_TRUE((*outcome)->recovered);
  EXPECT_EQ(world.record("mk_new").customer_user_id, "user-7");
}

TEST_F(Exchange, DoesNotTakeAnOldLinkForANewOne) {
  world.io.start(add_nameless(*world.engine));
  world.io.pass(minutes(15));
  users_links = links(R"("mk_new":)" + link_text("mk_new"));
  EXPECT_THAT(ask_for()->error().message, HasSubstr("no link that is not registered here"));
  EXPECT_EQ(world.record("mk_new").customer_user_id, "");
}

}  // namespace
}  // namespace syncd::test
