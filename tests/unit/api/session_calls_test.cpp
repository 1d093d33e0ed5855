#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sync/api/moneykit_api.hpp"
#include "tests/unit/api/client_fixture.hpp"

// What people ask of upstream: link sessions, the exchange of a token, a user's links, the end of a link.
namespace syncd::test {
namespace {

using api::HttpCall;
using api::Method;
using core::Cause;
using core::Endpoint;
using core::Errc;
using core::LinkId;

constexpr const char* session_json = R"({"link_session_token":"session-token-1"})";
constexpr const char* link_json =
    R"({"link_id":"mk_1","institution_id":"i","state":"connected","error_code":null,"products":{}})";

std::string exchange_json() {
  return R"({"link_id":"mk_1","link":)" + std::string(link_json) + "}";
}
std::string user_json() {
  return R"({"links":{"mk_1":)" + std::string(link_json) + "}}";
}

core::SessionRequest session_of(std::string user = "user-000042") {
  core::SessionRequest session;
  session.customer_user_id = std::move(user);
  session.redirect_uri = "https://app.example.com/linked";
  return session;
}

// An answer without a body, as a 204 is.
api::HttpReply bare_reply(int status) {
  api::HttpReply reply;
  reply.status = status;
  return reply;
}

FakeTransport::Answer broken(Errc code, bool stale, bool nothing_sent) {
  return std::unexpected(api::TransportError{.error = {.code = code, .message = "closed"},
                                             .connection_was_stale = stale,
                                             .nothing_sent = nothing_sent});
}

struct Calls : ClientFixture {
  explicit Calls(Upstream upstream, api::AuthMethod auth = api::AuthMethod::headers)
      : ClientFixture(auth, std::move(upstream)) {}

  auto create(core::SessionRequest session = session_of()) {
    return run(client.create_session(std::move(session), Cause::manual));
  }
  auto exchange(std::string token = "exchange-token-1") {
    return run(client.exchange(api::Secret(std::move(token)), Cause::manual));
  }
  auto user_links(std::string user = "user-000042") {
    return run(client.user_links(std::move(user), Cause::manual));
  }
  auto end(std::string link = "mk_1") {
    return run(client.delete_link(LinkId(std::move(link)), Cause::manual));
  }
  std::uint32_t used(Endpoint endpoint) {
    for (const api::BudgetUse& use : gate.use())
      if (use.endpoint == endpoint) return use.used;
    return 0;
  }
};

// Each of the four calls, by name, as a call that gives its error.
struct AnyCall {
  const char* name;
  Endpoint endpoint;
  core::Result<void> (*ask)(Calls&);
};
template <class Answer>
core::Result<void> only_error(core::Result<Answer> answer) {
  if (!answer) return std::unexpected(std::move(answer.error()));
  return {};
}
constexpr AnyCall session_call{"session", Endpoint::link_session,
                               [](Calls& calls) { return only_error(calls.create()); }};
constexpr AnyCall exchange_call{"exchange", Endpoint::exchange_token,
                                [](Calls& calls) { return only_error(calls.exchange()); }};
constexpr AnyCall user_call{"user_links", Endpoint::user_links,
                            [](Calls& calls) { return only_error(calls.user_links()); }};
constexpr AnyCall delete_call{"delete", Endpoint::delete_link, [](Calls& calls) { return calls.end(); }};
constexpr AnyCall all_calls[] = {session_call, exchange_call, user_call, delete_call};

api::HttpReply good_reply(const HttpCall& call) {
  if (call.method == Method::del) return bare_reply(204);
  if (call.target == "/link-session") return json_reply(201, session_json);
  if (call.target == "/link-session/exchange-token") return json_reply(201, exchange_json());
  return json_reply(200, user_json());
}

// ---- requests
// --------------------------------------------------------------------------------------------------

TEST(session_calls, a_session_is_asked_for_with_its_body) {
  Calls calls(good_reply);
  core::SessionRequest session = session_of();
  session.existing_link_id = LinkId("mk_1");
  const auto token = calls.create(std::move(session));
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ((*token)->reveal(), "session-token-1");
  const HttpCall& call = calls.transport.calls().at(0);
  EXPECT_EQ(call.method, Method::post);
  EXPECT_EQ(call.target, "/link-session");
  EXPECT_EQ(call.content_type, "application/json");
  EXPECT_EQ(call.body,
            R"({"customer_user":{"id":"user-000042"},"redirect_uri":"https://app.example.com/linked",)"
            R"("existing_link_id":"mk_1"})");
  EXPECT_EQ(header_of(call, "X-Client-Secret"), "hunter2&");
  EXPECT_EQ(header_of(call, "MoneyKit-Version"), "2023-02-18");
  ASSERT_EQ(calls.reports.size(), 1U);
  EXPECT_EQ(calls.reports[0].endpoint, Endpoint::link_session);
  EXPECT_EQ(calls.reports[0].status, 201);
  EXPECT_FALSE(calls.reports[0].failure);
}

TEST(session_calls, a_token_is_exchanged_in_a_body) {
  Calls calls(good_reply);
  const auto answer = calls.exchange("a\"b");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)->link.link_id, "mk_1");
  const HttpCall& call = calls.transport.calls().at(0);
  EXPECT_EQ(call.method, Method::post);
  EXPECT_EQ(call.target, "/link-session/exchange-token");
  EXPECT_EQ(call.content_type, "application/json");
  EXPECT_EQ(call.body, R"({"exchangeable_token":"a\"b"})");
}

TEST(session_calls, a_users_links_are_asked_for_by_a_path_that_nothing_can_leave) {
  Calls calls(good_reply);
  for (const char* user : {"user-000042", "a/../b?c#d", "%2e%2e", "\xc3\xa4 b", "...."})
    EXPECT_TRUE(calls.user_links(user)) << user;
  std::vector<std::string> targets;
  for (const HttpCall& call : calls.transport.calls()) {
    EXPECT_EQ(call.method, Method::get);
    EXPECT_EQ(call.body, "");
    targets.push_back(call.target);
  }
  EXPECT_EQ(targets, (std::vector<std::string>{"/users/user-000042/links", "/users/a%2F..%2Fb%3Fc%23d/links",
                                               "/users/%252e%252e/links", "/users/%C3%A4%20b/links",
                                               "/users/..../links"}));
}

TEST(session_calls, a_link_is_ended_by_its_path) {
  Calls calls(good_reply);
  ASSERT_TRUE(calls.end("mk/1"));
  const HttpCall& call = calls.transport.calls().at(0);
  EXPECT_EQ(call.method, Method::del);
  EXPECT_EQ(call.target, "/links/mk%2F1");
  EXPECT_EQ(call.content_type, "");
  ASSERT_EQ(calls.reports.size(), 1U);
  EXPECT_EQ(calls.reports[0].status, 204);
  EXPECT_FALSE(calls.reports[0].failure);
}

TEST(session_calls, what_cannot_be_asked_for_is_not_sent) {
  Calls calls(good_reply);
  EXPECT_EQ(calls.create(session_of("abc")).error().code, Errc::invalid);
  EXPECT_EQ(calls.exchange("").error().code, Errc::invalid);
  EXPECT_EQ(calls.exchange("a\nb").error().code, Errc::invalid);
  for (const char* user : {"", ".", "..", "a\nb"})
    EXPECT_EQ(calls.user_links(user).error().code, Errc::invalid) << user;
  EXPECT_EQ(calls.user_links(std::string(257, 'x')).error().code, Errc::invalid);
  for (const char* link : {"", ".", ".."})
    EXPECT_EQ(calls.end(link).error().code, Errc::invalid) << link;
  EXPECT_TRUE(calls.transport.calls().empty());
  for (const AnyCall& call : all_calls)
    EXPECT_EQ(calls.used(call.endpoint), 0U);
}

TEST(session_calls, each_counts_against_its_own_budget) {
  for (const AnyCall& call : all_calls) {
    Calls calls(good_reply);
    ASSERT_TRUE(call.ask(calls)) << call.name;
    for (const api::BudgetUse& use : calls.gate.use())
      EXPECT_EQ(use.used, use.endpoint == call.endpoint ? 1U : 0U) << call.name;
  }
}

TEST(session_calls, sessions_count_against_their_user) {
  Calls calls(good_reply);
  for (int i = 0; i < 20; ++i)
    ASSERT_TRUE(calls.create());
  EXPECT_EQ(calls.timers.sleeps(), 0U);
  ASSERT_TRUE(calls.create(session_of("somebody else")));
  EXPECT_EQ(calls.timers.sleeps(), 0U);
  ASSERT_TRUE(calls.create());
  EXPECT_EQ(calls.timers.sleeps(), 1U) << "the 21st of one user waits";
}

// ---- answers
// ---------------------------------------------------------------------------------------------------

TEST(session_calls, any_2xx_with_a_good_body_is_a_success) {
  for (const int status : {200, 201, 202}) {
    Calls calls([&](const HttpCall& call) {
      api::HttpReply reply = good_reply(call);
      reply.status = status;
      return reply;
    });
    for (const AnyCall& call : all_calls)
      EXPECT_TRUE(call.ask(calls)) << call.name << status;
  }
}

TEST(session_calls, a_deletion_needs_no_body_and_believes_no_page) {
  Calls json([](const HttpCall&) { return json_reply(200, link_json); });
  EXPECT_TRUE(json.end());
  Calls page([](const HttpCall&) {
    api::HttpReply reply = json_reply(200, "<html>maintenance</html>");
    reply.json = false;
    return reply;
  });
  const auto answer = page.end();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::server);
  EXPECT_TRUE(answer.error().outcome_unknown);
  Calls bare([](const HttpCall&) { return bare_reply(201); });
  EXPECT_EQ(bare.create().error().code, Errc::server) << "only a deletion may be answered without a body";
}

struct Refusal {
  AnyCall call;
  int status;
  const char* code;
  Errc expected;
};

TEST(session_calls, refusals_are_told_by_their_kind_and_were_not_carried_out) {
  const Refusal table[] = {
      {session_call, 403, "link_session_error.forbidden_config", Errc::forbidden},
      {session_call, 422, "api_error.request.validation_failed", Errc::invalid},
      {session_call, 401, "api_error.auth.unauthorized", Errc::auth},
      {exchange_call, 400, "link_session_error.invalid_token_exchange", Errc::invalid},
      {exchange_call, 422, "api_error.request.validation_failed", Errc::invalid},
      {exchange_call, 401, "api_error.auth.unauthorized", Errc::auth},
      {exchange_call, 401, "link_error.unauthorized_access", Errc::forbidden},
      {exchange_call, 429, "api_error.rate_limit_exceeded", Errc::throttled},
      {user_call, 404, "api_error.not_found", Errc::not_found},
      {delete_call, 404, "link_error.not_found", Errc::gone},
      {delete_call, 410, "link_error.deleted", Errc::gone},
      {delete_call, 403, "link_error.forbidden_action", Errc::forbidden},
  };
  for (const Refusal& c : table) {
    Calls calls([&](const HttpCall&) { return error_reply(c.status, c.code); });
    const auto answer = c.call.ask(calls);
    ASSERT_FALSE(answer) << c.code;
    EXPECT_EQ(answer.error().code, c.expected) << c.code;
    EXPECT_EQ(answer.error().http_status, c.status);
    EXPECT_EQ(answer.error().api_code, c.code);
    EXPECT_FALSE(answer.error().outcome_unknown) << c.code;
    EXPECT_EQ(calls.transport.calls().size(), 1U) << c.code;
  }
}

TEST(session_calls, a_relink_of_a_link_that_is_not_there_says_so) {
  Calls calls([](const HttpCall&) { return error_reply(404, "link_error.not_found"); });
  core::SessionRequest relink = session_of();
  relink.existing_link_id = LinkId("mk_1");
  EXPECT_EQ(calls.create(std::move(relink)).error().code, Errc::gone);
  EXPECT_EQ(calls.create().error().code, Errc::protocol) << "a new link cannot be gone";
}

TEST(session_calls, a_refused_field_is_named_and_its_value_is_not) {
  Calls calls([](const HttpCall&) {
    return json_reply(422, R"({"error_code":"api_error.request.validation_failed","validation_errors":[)"
                           R"({"location":["body","redirect_uri"],"message":"hush is not registered"}]})");
  });
  const auto answer = calls.create();
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().message.ends_with(": redirect_uri")) << answer.error().message;
  EXPECT_EQ(answer.error().message.find("hush"), std::string::npos);
}

TEST(session_calls, malformed_bodies_are_refused) {
  for (const char* body : {"", "{}", "[]", "{\"link_session_token\":5}", "{\"link\":{}}", "{\"links\":[]}"}) {
    Calls calls([&](const HttpCall&) { return json_reply(200, body); });
    for (const AnyCall& call : {session_call, exchange_call, user_call}) {
      const auto answer = call.ask(calls);
      ASSERT_FALSE(answer) << call.name << body;
      EXPECT_EQ(answer.error().code, Errc::protocol) << call.name << body;
      EXPECT_EQ(answer.error().http_status, 200);
    }
  }
}

TEST(session_calls, a_429_freezes_its_endpoint_alone) {
  for (const AnyCall& call : all_calls) {
    Calls calls([](const HttpCall&) {
      api::HttpReply reply = error_reply(429, "api_error.rate_limit_exceeded");
      reply.retry_after = "120";
      return reply;
    });
    ASSERT_FALSE(call.ask(calls));
    for (const api::BudgetUse& use : calls.gate.use())
      EXPECT_EQ(use.frozen_until.has_value(), use.endpoint == call.endpoint) << call.name;
  }
}

// ---- sent once
// -------------------------------------------------------------------------------------------------

TEST(session_calls, what_changes_something_is_not_sent_again_on_another_connection) {
  for (const AnyCall& call : {session_call, exchange_call, delete_call}) {
    Calls calls([](const HttpCall&) { return broken(Errc::transport, true, false); });
    const auto answer = call.ask(calls);
    ASSERT_FALSE(answer) << call.name;
    EXPECT_EQ(answer.error().code, Errc::transport);
    EXPECT_TRUE(answer.error().outcome_unknown) << call.name;
    EXPECT_EQ(calls.transport.calls().size(), 1U) << call.name;
  }
  Calls calls([](const HttpCall&) { return broken(Errc::transport, true, false); });
  const auto read = calls.user_links();
  ASSERT_FALSE(read);
  EXPECT_FALSE(read.error().outcome_unknown);
  EXPECT_EQ(calls.transport.calls().size(), 2U) << "a read is";
}

TEST(session_calls, a_connection_found_closed_before_anything_was_sent_is_no_obstacle) {
  for (const AnyCall& call : all_calls) {
    int asked = 0;
    Calls calls([&](const HttpCall& sent) {
      if (++asked == 1) return broken(Errc::transport, true, true);
      return FakeTransport::Answer(good_reply(sent));
    });
    EXPECT_TRUE(call.ask(calls)) << call.name;
    EXPECT_EQ(calls.used(call.endpoint), 2U) << call.name;
    Calls never([](const HttpCall&) { return broken(Errc::transport, true, true); });
    const auto answer = call.ask(never);
    ASSERT_FALSE(answer);
    EXPECT_FALSE(answer.error().outcome_unknown) << call.name;
    EXPECT_EQ(never.transport.calls().size(), 2U);
  }
}

TEST(session_calls, a_failure_says_whether_it_may_have_been_carried_out) {
  struct Case {
    FakeTransport::Answer answer;
    bool unknown;
  };
  api::HttpReply page = json_reply(201, "<html>");
  page.json = false;
  const Case table[] = {
      {broken(Errc::timeout, false, false), true},
      {broken(Errc::transport, false, false), true},
      {broken(Errc::cancelled, false, false), true},
      {broken(Errc::server, false, false), true},
      {broken(Errc::invalid, false, true), false},
      {error_reply(500, "x"), true},
      {error_reply(503, "x"), true},
      {error_reply(408, "x"), true},
      {page, true},
      {json_reply(201, R"({"half":)"), true},
      {error_reply(302, "x"), false},
      {error_reply(400, "x"), false},
      {error_reply(409, "x"), false},
      {error_reply(429, "x"), false},
      {json_reply(404, "{}"), false},
  };
  for (const Case& c : table) {
    Calls calls([&](const HttpCall&) { return c.answer; });
    for (const AnyCall& call : {session_call, exchange_call}) {
      const auto answer = call.ask(calls);
      ASSERT_FALSE(answer);
      EXPECT_EQ(answer.error().outcome_unknown, c.unknown) << call.name << ' ' << answer.error().message;
      calls.timers.advance(std::chrono::minutes(2));  // a 429's window
    }
    const auto read = calls.user_links();
    ASSERT_FALSE(read);
    EXPECT_FALSE(read.error().outcome_unknown) << read.error().message;
  }
}

TEST(session_calls, without_a_connection_nothing_was_carried_out) {
  for (const AnyCall& call : all_calls) {
    Calls calls(good_reply);
    calls.transport.refusal = {.error = {.code = Errc::transport, .message = "connection refused"}};
    const auto answer = call.ask(calls);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::transport);
    EXPECT_FALSE(answer.error().outcome_unknown) << call.name;
  }
}

TEST(session_calls, a_refused_bearer_token_is_renewed_and_the_call_sent_whole_again) {
  for (const AnyCall& call : all_calls) {
    int issued = 0;
    Calls calls(
        [&](const HttpCall& sent) {
          if (sent.target == "/auth/token") {
            return json_reply(201, R"({"access_token":"t)" + std::to_string(++issued) +
                                       R"(","token_type":"bearer","expires_in":3600})");
          }
          if (issued == 1) return error_reply(401, "api_error.auth.expired_access_token");
          return good_reply(sent);
        },
        api::AuthMethod::token);
    EXPECT_TRUE(call.ask(calls)) << call.name;
    ASSERT_EQ(calls.transport.calls().size(), 4U) << call.name;
    const HttpCall& first = calls.transport.calls()[1];
    const HttpCall& second = calls.transport.calls()[3];
    EXPECT_EQ(first.body, second.body);
    EXPECT_EQ(first.target, second.target);
    EXPECT_EQ(first.method, second.method);
  }
}

// ---- secrets
// ---------------------------------------------------------------------------------------------------

TEST(session_calls, no_error_repeats_a_secret_or_a_person) {
  core::SessionRequest session = session_of("hush-user");
  session.email = "hush@example.com";
  for (const int status : {200, 201, 302, 400, 401, 403, 404, 409, 410, 422, 429, 500}) {
    Calls calls([&](const HttpCall&) {
      return json_reply(status,
                        R"({"error_code":"x","link_session_token":"hush hush","error_message":"hush",)"
                        R"("link":{"link_id":"hush"},"links":{"hush":{}},)"
                        R"("validation_errors":[{"location":["hush"],"message":"hush"}]})");
    });
    std::vector<core::Error> errors;
    errors.push_back(calls.create(session).error());
    errors.push_back(calls.exchange("hush").error());
    errors.push_back(calls.user_links("hush-user").error());
    if (status >= 300) errors.push_back(calls.end("hush").error());
    for (const core::Error& error : errors) {
      EXPECT_EQ(error.message.find("hush"), std::string::npos) << error.message;
      EXPECT_EQ(error.redacted_body.find("hush"), std::string::npos) << error.redacted_body;
      EXPECT_EQ(error.api_code.find("hush"), std::string::npos) << error.api_code;
    }
  }
}

}  // namespace
}  // namespace syncd::test
