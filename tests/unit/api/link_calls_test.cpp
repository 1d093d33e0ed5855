#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sync/api/moneykit_api.hpp"
#include "tests/unit/api/client_fixture.hpp"

// What changes a link upstream, or asks its bank anew.
namespace syncd::test {
namespace {

using api::HttpCall;
using api::Method;
using core::Cause;
using core::Endpoint;
using core::Errc;
using core::LinkChange;
using core::LinkId;

constexpr const char* link_json =
    R"({"link_id":"mk_1","institution_id":"i","state":"connected","error_code":null,"products":{}})";

FakeTransport::Answer closed(bool nothing_sent) {
  return std::unexpected(api::TransportError{.error = {.code = Errc::transport, .message = "closed"},
                                             .connection_was_stale = true,
                                             .nothing_sent = nothing_sent});
}

LinkChange change_to(std::string webhook, std::vector<std::string> tags = {"tenant:42"}) {
  return {.webhook = std::move(webhook), .link_tags = std::move(tags)};
}

struct Calls : ClientFixture {
  explicit Calls(Upstream upstream) : ClientFixture(api::AuthMethod::headers, std::move(upstream)) {}

  auto update(LinkChange change = change_to("https://h.example/x"), std::string link = "mk_1") {
    return run(client.update_link(LinkId(std::move(link)), std::move(change), Cause::manual));
  }
  auto refresh(std::vector<std::string> products = {"transactions"}, std::string link = "mk_1") {
    return run(client.refresh_products(LinkId(std::move(link)), std::move(products), Cause::manual));
  }
  std::uint32_t used(Endpoint endpoint) {
    for (const api::BudgetUse& use : gate.use())
      if (use.endpoint == endpoint) return use.used;
    return 0;
  }
  bool frozen(Endpoint endpoint) { return gate.frozen_until(endpoint).has_value(); }
};

TEST(link_calls, a_change_names_what_it_changes_and_nothing_else) {
  struct Case {
    LinkChange change;
    const char* body;
  };
  const Case table[] = {
      {change_to("https://h.example/x"), R"({"webhook":"https://h.example/x","link_tags":["tenant:42"]})"},
      {{.webhook = "https://h.example/\"", .link_tags = {}}, R"({"webhook":"https://h.example/\""})"},
      {{.webhook = "", .link_tags = {}}, R"({"webhook":null})"},
      {{.webhook = {}, .link_tags = std::vector<std::string>{}}, R"({"link_tags":[]})"},
      {{.webhook = {}, .link_tags = std::vector<std::string>{"a", "b"}}, R"({"link_tags":["a","b"]})"},
  };
  for (const Case& c : table) {
    Calls calls([](const HttpCall&) { return json_reply(200, link_json); });
    const auto answer = calls.update(c.change);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)->link.link_id, "mk_1");
    const HttpCall& call = calls.transport.calls().at(0);
    EXPECT_EQ(call.method, Method::patch);
    EXPECT_EQ(call.target, "/links/mk_1");
    EXPECT_EQ(call.content_type, "application/json");
    EXPECT_EQ(call.body, c.body);
  }
}

TEST(link_calls, a_refresh_names_its_products) {
  Calls calls([](const HttpCall&) { return json_reply(202, link_json); });
  const auto answer = calls.refresh({"transactions"}, "mk/1");
  ASSERT_TRUE(answer) << answer.error().message;
  const HttpCall& call = calls.transport.calls().at(0);
  EXPECT_EQ(call.method, Method::post);
  EXPECT_EQ(call.target, "/links/mk%2F1/products");
  EXPECT_EQ(call.body, R"({"products":["transactions"]})");
}

TEST(link_calls, what_cannot_be_asked_for_is_not_sent) {
  Calls calls([](const HttpCall&) { return json_reply(200, link_json); });
  EXPECT_EQ(calls.update(change_to("https://h.example/\n")).error().code, Errc::invalid);
  EXPECT_EQ(calls.update(change_to("https://h.example/", {"_no"})).error().code, Errc::invalid);
  EXPECT_EQ(calls.update(change_to("https://h.example/"), "..").error().code, Errc::invalid);
  EXPECT_EQ(calls.refresh({}).error().code, Errc::invalid);
  EXPECT_EQ(calls.refresh({"payments"}).error().code, Errc::invalid);
  EXPECT_EQ(calls.refresh({"transactions"}, "").error().code, Errc::invalid);
  EXPECT_TRUE(calls.transport.calls().empty());
}

TEST(link_calls, each_has_budgets_of_its_own) {
  Calls calls([](const HttpCall&) { return json_reply(200, link_json); });
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(calls.update());
  EXPECT_EQ(calls.timers.sleeps(), 0U);
  ASSERT_TRUE(calls.update(change_to("https://h.example/x"), "mk_2"));
  EXPECT_EQ(calls.timers.sleeps(), 0U);
  ASSERT_TRUE(calls.update());
  EXPECT_EQ(calls.timers.sleeps(), 1U) << "the fifth of one link in a minute waits";
  const std::uint32_t updates = calls.used(Endpoint::update_link);
  ASSERT_TRUE(calls.refresh());
  EXPECT_EQ(calls.used(Endpoint::products), 1U);
  EXPECT_EQ(calls.used(Endpoint::update_link), updates);
  EXPECT_EQ(calls.used(Endpoint::link), 0U);
}

TEST(link_calls, neither_goes_out_twice_once_something_of_it_has_left) {
  for (const bool nothing_sent : {false, true}) {
    Calls calls([&](const HttpCall&) { return closed(nothing_sent); });
    for (const auto& answer : {calls.update(), calls.refresh()}) {
      ASSERT_FALSE(answer);
      EXPECT_EQ(answer.error().code, Errc::transport);
      EXPECT_EQ(answer.error().outcome_unknown, !nothing_sent);
    }
    EXPECT_EQ(calls.transport.calls().size(), nothing_sent ? 4U : 2U);
  }
  Calls failing([](const HttpCall&) { return error_reply(503, "x"); });
  EXPECT_TRUE(failing.update().error().outcome_unknown);
  EXPECT_TRUE(failing.refresh().error().outcome_unknown);
  EXPECT_EQ(failing.transport.calls().size(), 2U);
}

TEST(link_calls, refusals_are_told_by_their_kind) {
  struct Case {
    int status;
    const char* code;
    Errc expected;
  };
  const Case table[] = {
      {404, "link_error.not_found", Errc::gone},
      {410, "link_error.deleted", Errc::gone},
      {403, "link_error.forbidden_action", Errc::forbidden},
      {422, "link_error.bad_state", Errc::upstream_state},
      {422, "api_error.request.validation_failed", Errc::invalid},
      {401, "link_error.unauthorized_access", Errc::forbidden},
      {401, "api_error.auth.unauthorized", Errc::auth},
  };
  for (const Case& c : table) {
    Calls calls([&](const HttpCall&) { return error_reply(c.status, c.code); });
    EXPECT_EQ(calls.update().error().code, c.expected) << c.code;
    EXPECT_EQ(calls.refresh().error().code, c.expected) << c.code;
  }
}

TEST(link_calls, a_bank_that_was_asked_too_soon_holds_back_no_other_link) {
  const auto refused = [](const char* after) {
    return [after](const HttpCall&) {
      api::HttpReply reply = error_reply(429, "api_error.rate_limit_exceeded");
      reply.retry_after = after;
      return reply;
    };
  };
  Calls day(refused("80000"));
  const auto answer = day.refresh();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::throttled);
  EXPECT_EQ(answer.error().retry_after, core::Millis(std::chrono::seconds(80'000)));
  EXPECT_FALSE(day.frozen(Endpoint::products));
  Calls minute(refused("30"));
  ASSERT_FALSE(minute.refresh());
  EXPECT_TRUE(minute.frozen(Endpoint::products)) << "a budget that is used up is everybody's";
  Calls update(refused("80000"));
  ASSERT_FALSE(update.update());
  EXPECT_TRUE(update.frozen(Endpoint::update_link));
}

}  // namespace
}  // namespace syncd::test
