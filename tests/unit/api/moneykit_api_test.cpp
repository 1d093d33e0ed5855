#include "sync/api/moneykit_api.hpp"

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

#include "tests/unit/api/client_fixture.hpp"

namespace syncd::test {
namespace {

using api::HttpCall;
using core::Endpoint;
using core::Errc;
using std::chrono::minutes;

constexpr const char* link_json =
    R"({"link_id":"l1","institution_id":"i","state":"connected","error_code":null,"products":{}})";
constexpr const char* expired = "api_error.auth.expired_access_token";
constexpr const char* unauthorized = "api_error.auth.unauthorized";

std::string page_json() {
  return std::string(R"({"transactions":{"created":[],"updated":[],"removed":[]},"accounts":[],)") +
         R"("cursor":{"next":"c2"},"has_more":false,"link":)" + link_json + "}";
}

std::string accounts_json() {
  return std::string(R"({"accounts":[],"link":)") + link_json + "}";
}

std::string token_json(int number, int expires_in = 3600) {
  return R"({"access_token":"token-)" + std::to_string(number) + R"(","token_type":"bearer","expires_in":)" +
         std::to_string(expires_in) + "}";
}

// Hands out tokens; accepts those that `accepts` says.
struct TokenUpstream {
  int issued = 0;
  int expires_in = 3600;
  std::function<bool(int number)> accepts = [](int) { return true; };
  std::string refusal = expired;

  FakeTransport::Answer operator()(const HttpCall& call) {
    if (call.target == "/auth/token") return json_reply(201, token_json(++issued, expires_in));
    const std::string header = header_of(call, "Authorization");
    constexpr std::string_view prefix = "Bearer token-";
    if (!header.starts_with(prefix)) return error_reply(401, unauthorized);
    if (!accepts(std::stoi(header.substr(prefix.size())))) return error_reply(401, refusal);
    return json_reply(200, link_json);
  }
};

// ---- requests
// --------------------------------------------------------------------------------------------------

TEST(moneykit_api, sends_another_secret_from_then_on) {
  ClientFixture fixture(api::AuthMethod::headers,
                        [](const HttpCall&) { return json_reply(200, page_json()); });
  const auto sent = [&](std::size_t request) {
    const auto page =
        fixture.run(fixture.client.sync_page(core::LinkId("l/1"), std::nullopt, 500, core::Cause::schedule));
    EXPECT_TRUE(page);
    return std::string(header_of(fixture.transport.calls().at(request), "X-Client-Secret"));
  };
  EXPECT_EQ(sent(0), "hunter2&");
  EXPECT_FALSE(fixture.client.set_client_secret(std::make_shared<const api::Secret>("hunter2&")));
  EXPECT_TRUE(fixture.client.set_client_secret(std::make_shared<const api::Secret>("hunter3")));
  EXPECT_EQ(sent(1), "hunter3");
}

TEST(moneykit_api, asks_for_a_page_with_credentials_in_headers) {
  ClientFixture fixture(api::AuthMethod::headers,
                        [](const HttpCall&) { return json_reply(200, page_json()); });
  const auto page = fixture.run(
      fixture.client.sync_page(core::LinkId("l/1"), core::Cursor{"a+/="}, 500, core::Cause::schedule));
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_EQ((*page)->next, "c2");
  ASSERT_EQ(fixture.transport.calls().size(), 1U);
  const HttpCall& call = fixture.transport.calls()[0];
  EXPECT_EQ(call.method, api::Method::get);
  EXPECT_EQ(call.target, "/links/l%2F1/transactions/sync?size=500&cursor=a%2B%2F%3D");
  EXPECT_EQ(header_of(call, "MoneyKit-Version"), "2023-02-18");
  EXPECT_EQ(header_of(call, "X-Client-Id"), "id+1");
  EXPECT_EQ(header_of(call, "X-Client-Secret"), "hunter2&");
  EXPECT_EQ(header_of(call, "Authorization"), "");
  ASSERT_EQ(fixture.reports.size(), 1U);
  EXPECT_EQ(fixture.reports[0].endpoint, Endpoint::sync);
  EXPECT_EQ(fixture.reports[0].status, 200);
  EXPECT_FALSE(fixture.reports[0].failure);
  EXPECT_EQ(fixture.reports[0].body_bytes, page_json().size());
}

TEST(moneykit_api, asks_for_each_endpoint_at_its_place) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall& call) {
    if (call.target.ends_with("/accounts")) return json_reply(200, accounts_json());
    if (call.target.starts_with("/links?")) return json_reply(200, R"({"links":[],"next_cursor":""})");
    if (call.target == "/auth/introspect") {
      return json_reply(200, R"({"client_id":"x","app":{"app_id":"app"},"disabled_at":null})");
    }
    return json_reply(200, call.target.find("sync") != std::string::npos ? page_json() : link_json);
  });
  EXPECT_TRUE(
      fixture.run(fixture.client.sync_page(core::LinkId("l1"), std::nullopt, 50, core::Cause::schedule)));
  EXPECT_TRUE(fixture.run(fixture.client.accounts(core::LinkId("l1"), core::Cause::schedule)));
  EXPECT_TRUE(fixture.link());
  EXPECT_TRUE(fixture.run(fixture.client.links("")));
  EXPECT_TRUE(fixture.run(fixture.client.links("a=")));
  const auto introspected = fixture.run(fixture.client.introspect());
  ASSERT_TRUE(introspected) << introspected.error().message;
  EXPECT_EQ(introspected->app_id, "app");
  std::vector<std::string> targets;
  for (const HttpCall& call : fixture.transport.calls())
    targets.push_back(call.target);
  EXPECT_EQ(targets, (std::vector<std::string>{"/links/l1/transactions/sync?size=50", "/links/l1/accounts",
                                               "/links/l1", "/links?limit=5000",
                                               "/links?limit=5000&cursor=a%3D", "/auth/introspect"}));
}

TEST(moneykit_api, refuses_ids_that_would_change_the_path) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) { return json_reply(200, link_json); });
  for (const char* id : {".", "..", ""}) {
    const auto answer = fixture.run(fixture.client.link(core::LinkId(id), core::Cause::schedule));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::invalid);
  }
  EXPECT_TRUE(fixture.transport.calls().empty());
}

// ---- answers
// ---------------------------------------------------------------------------------------------------

TEST(moneykit_api, a_success_that_is_not_json_is_the_servers_failure) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) {
    api::HttpReply reply = json_reply(200, "<html>maintenance</html>");
    reply.json = false;
    return reply;
  });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::server);
  EXPECT_EQ(answer.error().http_status, 200);
  ASSERT_EQ(fixture.reports.size(), 1U);
  EXPECT_EQ(fixture.reports[0].failure, Errc::server);
}

TEST(moneykit_api, json_that_is_not_the_answer_is_a_protocol_error) {
  ClientFixture fixture(api::AuthMethod::headers,
                        [](const HttpCall&) { return json_reply(200, R"({"link_id":)"); });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::protocol);
  ASSERT_EQ(fixture.reports.size(), 1U);
  EXPECT_EQ(fixture.reports[0].failure, Errc::protocol);
}

TEST(moneykit_api, errors_are_classified_with_status_and_code) {
  ClientFixture fixture(api::AuthMethod::headers,
                        [](const HttpCall&) { return error_reply(404, "link_error.not_found"); });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::gone);
  EXPECT_EQ(answer.error().http_status, 404);
  EXPECT_EQ(answer.error().api_code, "link_error.not_found");
  EXPECT_EQ(fixture.transport.calls().size(), 1U);
}

TEST(moneykit_api, wrong_header_credentials_are_not_tried_again) {
  ClientFixture fixture(api::AuthMethod::headers,
                        [](const HttpCall&) { return error_reply(401, unauthorized); });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::auth);
  EXPECT_EQ(fixture.transport.calls().size(), 1U);
}

TEST(moneykit_api, a_429_freezes_the_endpoint_for_as_long_as_upstream_says) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) {
    api::HttpReply reply = error_reply(429, "api_error.rate_limit_exceeded");
    reply.retry_after = "120";
    return reply;
  });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::throttled);
  EXPECT_EQ(answer.error().retry_after, core::Millis(120'000));
  EXPECT_EQ(fixture.gate.frozen_until(Endpoint::link), fixture.timers.wall_now() + minutes(2));
  EXPECT_FALSE(fixture.gate.frozen_until(Endpoint::sync));
  EXPECT_EQ(fixture.gate.allowed(Endpoint::link), fixture.gate.budgets().link_per_app / 2);
  EXPECT_EQ(fixture.gate.allowed(Endpoint::sync), fixture.gate.budgets().sync_per_app);
  EXPECT_EQ(fixture.transport.calls().size(), 1U) << "a throttled request is not repeated by itself";
}

TEST(moneykit_api, a_429_without_a_time_freezes_for_a_minute) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) {
    api::HttpReply reply = json_reply(429, "slow down");
    reply.json = false;
    return reply;
  });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::throttled);
  EXPECT_EQ(answer.error().retry_after, core::Millis(60'000));
  EXPECT_EQ(fixture.gate.frozen_until(Endpoint::link), fixture.timers.wall_now() + minutes(1));
}

// ---- the gate and the wire
// -------------------------------------------------------------------------------------

TEST(moneykit_api, a_window_that_opens_while_a_connection_is_made_holds_the_request) {
  core::WallTime sent_at{};
  ClientFixture* used = nullptr;
  ClientFixture fixture(api::AuthMethod::headers, [&](const HttpCall&) {
    sent_at = used->timers.wall_now();
    return json_reply(200, link_json);
  });
  used = &fixture;
  const core::WallTime until = fixture.timers.wall_now() + minutes(2);
  fixture.transport.while_connecting = [&] { fixture.gate.freeze(Endpoint::link, until); };
  EXPECT_TRUE(fixture.link());
  EXPECT_GE(sent_at, until);
  EXPECT_EQ(fixture.transport.given_back(), 1U) << "no connection is kept while the gate is closed";
  EXPECT_EQ(fixture.timers.sleeps(), 1U) << "it waits, it does not ask again and again";
}

TEST(moneykit_api, a_request_takes_its_place_in_the_budget_when_it_goes_out) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) { return json_reply(200, link_json); });
  const auto used = [&] {
    std::uint32_t all = 0;
    for (const api::BudgetUse& use : fixture.gate.use())
      all += use.used;
    return all;
  };
  fixture.transport.while_connecting = [&] {
    EXPECT_EQ(used(), 0U);
    fixture.timers.advance(minutes(5));
  };
  EXPECT_TRUE(fixture.link());
  EXPECT_EQ(used(), 1U) << "counted before the connection was there, it would be forgotten by now";
}

TEST(moneykit_api, a_connection_that_fails_takes_its_place_too) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) { return json_reply(200, link_json); });
  fixture.transport.refusal = {.error = {.code = Errc::transport, .message = "connection refused"}};
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::transport);
  EXPECT_TRUE(fixture.transport.calls().empty());
  ASSERT_EQ(fixture.reports.size(), 1U);
  EXPECT_EQ(fixture.reports[0].failure, Errc::transport);
  for (const api::BudgetUse& use : fixture.gate.use())
    EXPECT_EQ(use.used, use.endpoint == Endpoint::link ? 1U : 0U);
}

TEST(moneykit_api, a_token_that_expires_behind_a_closed_gate_is_renewed_before_the_request) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  ASSERT_TRUE(fixture.link());
  fixture.gate.freeze(Endpoint::link, fixture.timers.wall_now() + minutes(59));
  ASSERT_TRUE(fixture.link());
  EXPECT_EQ(upstream.issued, 2);
  EXPECT_EQ(header_of(fixture.transport.calls().back(), "Authorization"), "Bearer token-2");
}

// ---- stale connections
// -----------------------------------------------------------------------------------------

FakeTransport::Answer stale() {
  return std::unexpected(api::TransportError{.error = {.code = Errc::transport, .message = "closed"},
                                             .connection_was_stale = true});
}

TEST(moneykit_api, a_stale_connection_costs_one_more_request) {
  int calls = 0;
  ClientFixture fixture(api::AuthMethod::headers, [&](const HttpCall&) {
    if (++calls == 1) return stale();
    return FakeTransport::Answer(json_reply(200, link_json));
  });
  EXPECT_TRUE(fixture.link());
  EXPECT_EQ(fixture.transport.calls().size(), 2U);
  EXPECT_EQ(fixture.reports.size(), 2U);
  for (const api::BudgetUse& use : fixture.gate.use()) {
    if (use.endpoint == Endpoint::link) {
      EXPECT_EQ(use.used, 2U) << "each sending has its own place in the budget";
    }
  }
}

TEST(moneykit_api, a_second_stale_connection_is_an_error) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) { return stale(); });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::transport);
  EXPECT_EQ(fixture.transport.calls().size(), 2U);
}

TEST(moneykit_api, another_transport_failure_is_not_repeated) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) {
    return FakeTransport::Answer(
        std::unexpected(api::TransportError{.error = {.code = Errc::timeout, .message = "no answer"}}));
  });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::timeout);
  EXPECT_EQ(fixture.transport.calls().size(), 1U);
  ASSERT_EQ(fixture.reports.size(), 1U);
  EXPECT_EQ(fixture.reports[0].status, 0);
  EXPECT_EQ(fixture.reports[0].failure, Errc::timeout);
}

// ---- tokens
// ----------------------------------------------------------------------------------------------------

TEST(moneykit_token, is_asked_for_once_and_used_from_then_on) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  for (int i = 0; i < 3; ++i)
    ASSERT_TRUE(fixture.link());
  EXPECT_EQ(upstream.issued, 1);
  const HttpCall& call = fixture.transport.calls().at(0);
  EXPECT_EQ(call.method, api::Method::post);
  EXPECT_EQ(call.target, "/auth/token");
  EXPECT_EQ(call.content_type, "application/x-www-form-urlencoded");
  EXPECT_EQ(call.body, "grant_type=client_credentials&client_id=id%2B1&client_secret=hunter2%26");
  EXPECT_EQ(header_of(call, "X-Client-Secret"), "");
  EXPECT_EQ(header_of(fixture.transport.calls().at(1), "Authorization"), "Bearer token-1");
  EXPECT_EQ(header_of(fixture.transport.calls().at(1), "X-Client-Secret"), "");
  EXPECT_EQ(fixture.reports.at(0).endpoint, Endpoint::token);
  EXPECT_EQ(fixture.reports.at(0).status, 201);
}

TEST(moneykit_token, is_renewed_at_85_percent_of_its_life) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  ASSERT_TRUE(fixture.link());
  fixture.timers.advance(minutes(51) - core::Millis(1));
  ASSERT_TRUE(fixture.link());
  EXPECT_EQ(upstream.issued, 1);
  fixture.timers.advance(core::Millis(1));
  ASSERT_TRUE(fixture.link());
  EXPECT_EQ(upstream.issued, 2);
  EXPECT_EQ(header_of(fixture.transport.calls().back(), "Authorization"), "Bearer token-2");
}

TEST(moneykit_token, the_next_one_is_asked_for_with_the_new_secret) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  ASSERT_TRUE(fixture.link());
  EXPECT_TRUE(fixture.client.set_client_secret(std::make_shared<const api::Secret>("hunter3")));
  ASSERT_TRUE(fixture.link());
  EXPECT_EQ(upstream.issued, 1) << "the token is still good";
  fixture.timers.advance(minutes(60));
  ASSERT_TRUE(fixture.link());
  EXPECT_EQ(upstream.issued, 2);
  const auto asked = std::ranges::find(fixture.transport.calls().rbegin(), fixture.transport.calls().rend(),
                                       "/auth/token", &HttpCall::target);
  EXPECT_TRUE(asked->body.ends_with("client_secret=hunter3")) << "asked for with the old one";
}

// Starts `count` calls at once, gives how many succeeded.
int call_at_once(ClientFixture& fixture, int count) {
  std::list<std::optional<LinkResult>> results;
  for (int i = 0; i < count; ++i) {
    auto& result = results.emplace_back();
    auto task = fixture.client.link(core::LinkId("l" + std::to_string(i)), core::Cause::schedule);
    boost::asio::co_spawn(fixture.io, ClientFixture::keep(std::move(task), result), ClientFixture::rethrow);
  }
  fixture.io.restart();
  fixture.io.run();
  int good = 0;
  for (const auto& result : results)
    good += result->has_value() ? 1 : 0;
  return good;
}

TEST(moneykit_token, ten_callers_share_one_request) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  EXPECT_EQ(call_at_once(fixture, 10), 10);
  EXPECT_EQ(upstream.issued, 1);
  EXPECT_EQ(fixture.transport.calls().size(), 11U);
}

TEST(moneykit_token, ten_callers_with_an_expired_token_share_one_renewal) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  ASSERT_TRUE(fixture.link());
  upstream.accepts = [](int number) { return number >= 2; };
  EXPECT_EQ(call_at_once(fixture, 10), 10);
  EXPECT_EQ(upstream.issued, 2);
  EXPECT_EQ(fixture.transport.calls().size(), 2U + 10 + 1 + 10);
}

TEST(moneykit_token, ten_callers_share_one_failure) {
  ClientFixture fixture(api::AuthMethod::token,
                        [](const HttpCall&) { return error_reply(401, unauthorized); });
  EXPECT_EQ(call_at_once(fixture, 10), 0);
  EXPECT_EQ(fixture.transport.calls().size(), 1U);
}

TEST(moneykit_token, callers_go_on_with_the_old_one_while_it_is_renewed) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  ASSERT_TRUE(fixture.link());
  fixture.timers.advance(minutes(55));
  EXPECT_EQ(call_at_once(fixture, 10), 10);
  EXPECT_EQ(upstream.issued, 2);
  int with_old = 0;
  for (const HttpCall& call : fixture.transport.calls())
    with_old += header_of(call, "Authorization") == "Bearer token-1" ? 1 : 0;
  EXPECT_EQ(with_old, 1 + 9);
}

TEST(moneykit_token, a_failed_early_renewal_is_no_failure_while_the_old_one_serves) {
  TokenUpstream upstream;
  bool down = false;
  ClientFixture fixture(api::AuthMethod::token, [&](const HttpCall& call) {
    if (down && call.target == "/auth/token") return FakeTransport::Answer(error_reply(500, "x"));
    return upstream(call);
  });
  ASSERT_TRUE(fixture.link());
  down = true;
  fixture.timers.advance(minutes(55));
  EXPECT_TRUE(fixture.link());
  EXPECT_TRUE(fixture.link());
  EXPECT_EQ(fixture.transport.count("/auth/token"), 2U) << "not again at once";
  fixture.timers.advance(minutes(5));
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::server);
}

TEST(moneykit_token, an_expired_one_is_renewed_and_the_call_replayed_once) {
  for (const char* refusal : {expired, unauthorized}) {
    TokenUpstream upstream;
    upstream.refusal = refusal;
    upstream.accepts = [](int number) { return number >= 2; };
    ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
    EXPECT_TRUE(fixture.link());
    EXPECT_EQ(upstream.issued, 2);
    EXPECT_EQ(fixture.transport.count("/links/"), 2U);
  }
}

TEST(moneykit_token, a_second_refusal_is_about_our_credentials) {
  for (const char* refusal : {expired, unauthorized}) {
    TokenUpstream upstream;
    upstream.refusal = refusal;
    upstream.accepts = [](int) { return false; };
    ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
    const auto answer = fixture.link();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::auth);
    EXPECT_EQ(answer.error().http_status, 401);
    EXPECT_EQ(upstream.issued, 2);
    EXPECT_EQ(fixture.transport.count("/links/"), 2U);
  }
}

TEST(moneykit_token, a_link_that_is_not_ours_never_renews_it) {
  TokenUpstream upstream;
  upstream.refusal = "link_error.unauthorized_access";
  upstream.accepts = [](int) { return false; };
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::forbidden);
  EXPECT_EQ(upstream.issued, 1);
  EXPECT_EQ(fixture.transport.count("/links/"), 1U);
}

TEST(moneykit_token, refusals_by_the_token_endpoint_condemn_no_link) {
  for (const int status : {400, 401, 403, 404, 410, 422}) {
    ClientFixture fixture(api::AuthMethod::token,
                          [&](const HttpCall&) { return error_reply(status, unauthorized); });
    const auto answer = fixture.link();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::auth) << status;
    EXPECT_EQ(fixture.transport.calls().size(), 1U);
  }
}

TEST(moneykit_token, a_broken_token_answer_is_the_servers_failure) {
  for (const char* body :
       {"{}", "{\"access_token\":\"a\\nb\",\"token_type\":\"bearer\",\"expires_in\":1}", "["}) {
    ClientFixture fixture(api::AuthMethod::token, [&](const HttpCall&) { return json_reply(201, body); });
    const auto answer = fixture.link();
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Errc::server);
  }
}

TEST(moneykit_token, a_throttled_token_endpoint_is_frozen_by_itself) {
  ClientFixture fixture(api::AuthMethod::token, [](const HttpCall&) {
    api::HttpReply reply = error_reply(429, "api_error.rate_limit_exceeded");
    reply.retry_after = "30";
    return reply;
  });
  const auto answer = fixture.link();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::throttled);
  EXPECT_EQ(fixture.gate.frozen_until(Endpoint::token), fixture.timers.wall_now() + core::Millis(30'000));
  EXPECT_FALSE(fixture.gate.frozen_until(Endpoint::link));
}

// The task that renews is stopped: those who wait for it must not share that, one of them takes over.
TEST(moneykit_token, waiting_callers_survive_the_cancellation_of_the_one_who_renews) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  boost::asio::cancellation_signal signal;
  std::optional<LinkResult> first;
  std::optional<LinkResult> second;
  auto renewing = fixture.client.link(core::LinkId("a"), core::Cause::schedule);
  boost::asio::co_spawn(fixture.io, ClientFixture::keep(std::move(renewing), first),
                        boost::asio::bind_cancellation_slot(signal.slot(), ClientFixture::rethrow));
  auto waiting = fixture.client.link(core::LinkId("b"), core::Cause::schedule);
  boost::asio::co_spawn(fixture.io, ClientFixture::keep(std::move(waiting), second), ClientFixture::rethrow);
  fixture.io.run_one();
  signal.emit(boost::asio::cancellation_type::terminal);
  fixture.io.run();
  ASSERT_TRUE(first && second);
  ASSERT_FALSE(*first);
  EXPECT_EQ(first->error().code, Errc::cancelled);
  EXPECT_TRUE(*second);
  EXPECT_EQ(upstream.issued, 1);
}

TEST(moneykit_token, a_waiting_caller_can_be_cancelled) {
  TokenUpstream upstream;
  ClientFixture fixture(api::AuthMethod::token, std::ref(upstream));
  boost::asio::cancellation_signal signal;
  std::optional<LinkResult> first;
  std::optional<LinkResult> second;
  auto renewing = fixture.client.link(core::LinkId("a"), core::Cause::schedule);
  boost::asio::co_spawn(fixture.io, ClientFixture::keep(std::move(renewing), first), ClientFixture::rethrow);
  auto waiting = fixture.client.link(core::LinkId("b"), core::Cause::schedule);
  boost::asio::co_spawn(fixture.io, ClientFixture::keep(std::move(waiting), second),
                        boost::asio::bind_cancellation_slot(signal.slot(), ClientFixture::rethrow));
  fixture.io.run_one();
  signal.emit(boost::asio::cancellation_type::terminal);
  fixture.io.run();
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(*first);
  ASSERT_FALSE(*second);
  EXPECT_EQ(second->error().code, Errc::cancelled);
}

// ---- secrets
// ---------------------------------------------------------------------------------------------------

TEST(moneykit_api, no_error_repeats_a_secret) {
  for (const auto auth : {api::AuthMethod::headers, api::AuthMethod::token}) {
    for (const int status : {200, 302, 400, 401, 403, 404, 409, 410, 418, 422, 429, 500}) {
      ClientFixture fixture(auth, [&](const HttpCall& call) {
        if (call.target == "/auth/token") return json_reply(201, token_json(1));
        return json_reply(status, R"({"error_code":"x","secret":"hunter2&","token":"token-1"})");
      });
      const auto answer = fixture.link();
      ASSERT_FALSE(answer);
      EXPECT_EQ(answer.error().message.find("hunter2"), std::string::npos);
      EXPECT_EQ(answer.error().message.find("token-1"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace syncd::test
