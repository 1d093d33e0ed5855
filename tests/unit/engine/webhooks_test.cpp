#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/core/conflict_codes.hpp"
#include "tests/unit/engine/engine_world.hpp"

// Links get the webhook that the settings name, each at most once and within upstream's budget.
namespace syncd::test {
namespace {

using core::Errc;
using engine::WebhookFix;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* wanted = "https://hooks.example.com/mk";

using Outcome = std::optional<core::Result<engine::WebhooksFixed>>;

api::Task<void> fix(engine::Engine& engine, std::vector<core::LinkId> links, Outcome& outcome) {
  outcome = co_await engine.fix_webhooks(std::move(links), by_a_test);
}

// What upstream knows of a link.
struct AtUpstream {
  std::string webhook;  // as JSON
  std::string tags = "[]";
  std::string state = "connected";
};

struct Webhooks : testing::Test {
  explicit Webhooks(api::Budgets budgets = {}) : world(budgets) {
    world.engine->set_session_settings({.redirect_uri = {}, .webhook = wanted});
    world.answer = [this](const api::HttpCall& call) { return answer(call); };
  }
  void begin(const std::vector<std::string>& ids, const std::string& webhook = "null") {
    for (const std::string& id : ids) {
      world.know(id, world.now() + std::chrono::hours(6));
      upstream[id] = {.webhook = webhook, .tags = R"(["tenant:42"])"};
    }
    world.start();
  }
  static std::string link_json(const std::string& id, const AtUpstream& link) {
    return R"({"link_id":")" + id + R"(","state":")" + link.state + R"(","webhook":)" + link.webhook +
           R"(,"link_tags":)" + link.tags + R"(,"products":{"transactions":{}}})";
  }
  FakeTransport::Answer answer(const api::HttpCall& call) {
    const std::string id = link_of(call.target);
    if (call.target != "/links/" + id) return no_news(call);
    const auto found = upstream.find(id);
    if (found == upstream.end()) return error_reply(404, "link_error.not_found");
    if (call.method == api::Method::patch) {
      patches.push_back(id + " " + call.body);
      if (patch_answer) return *patch_answer;
      if (!forgets_webhook) found->second.webhook = std::string("\"") + wanted + "\"";
      if (forgets_tags) found->second.tags = "[]";
    }
    return json_reply(200, link_json(id, found->second));
  }
  Outcome ask(const std::vector<std::string>& ids, core::Millis wait = minutes(1)) {
    Outcome outcome;
    std::vector<core::LinkId> links;
    for (const std::string& id : ids)
      links.emplace_back(id);
    world.io.start(fix(*world.engine, std::move(links), outcome));
    world.io.pass(wait);
    EXPECT_TRUE(outcome);
    return outcome;
  }

  EngineWorld world;
  std::map<std::string, AtUpstream> upstream;
  std::vector<std::string> patches;
  std::optional<FakeTransport::Answer> patch_answer;
  bool forgets_webhook = false;
  bool forgets_tags = false;
};

std::vector<std::string> actions_of(const std::vector<core::AuditNote>& notes) {
  std::vector<std::string> actions;
  for (const core::AuditNote& note : notes)
    actions.push_back(note.action);
  return actions;
}

TEST_F(Webhooks, ALinkGetsItWithTheTagsThatItHasNow) {
  begin({"mk_1"});
  const Outcome outcome = ask({"mk_1"});
  ASSERT_TRUE(*outcome) << outcome->error().message;
  EXPECT_EQ(*(**outcome)[0], WebhookFix::fixed);
  EXPECT_THAT(patches,
              ElementsAre(std::string(R"(mk_1 {"webhook":")") + wanted + R"(","link_tags":["tenant:42"]})"));
  EXPECT_THAT(actions_of(world.store.link_acts), ElementsAre("links.webhook"));
  EXPECT_THAT(actions_of(world.store.acts), ElementsAre("webhooks.fix"));
  EXPECT_EQ(world.store.acts[0].detail, R"({"fixed":1,"right":0,"refused":0})");
  EXPECT_NE(world.store.links.at("mk_1").link_digest, core::Digest{}) << "what upstream answered is stored";
}

TEST_F(Webhooks, OneThatHasItCostsALookAndIsNoAct) {
  begin({"mk_1"}, std::string("\"") + wanted + "\"");
  const Outcome outcome = ask({"mk_1"});
  ASSERT_TRUE(*outcome);
  EXPECT_EQ(*(**outcome)[0], WebhookFix::right);
  EXPECT_TRUE(patches.empty());
  EXPECT_TRUE(world.store.link_acts.empty());
  EXPECT_NE(world.store.links.at("mk_1").link_digest, core::Digest{}) << "the next audit sees it";
}

TEST_F(Webhooks, WhatConcernsOneLinkIsInItsPlace) {
  begin({"mk_1", "mk_2", "mk_3", "mk_gone"});
  upstream["mk_2"].state = "deleted";
  upstream.erase("mk_3");
  world.store.links.at("mk_gone").status = core::LinkStatus::gone;
  const Outcome outcome = ask({"mk_nobody", "mk_1", "mk_2", "mk_3"});
  ASSERT_TRUE(*outcome) << outcome->error().message;
  const engine::WebhooksFixed& results = **outcome;
  EXPECT_EQ(results[0].error().code, Errc::not_found);
  EXPECT_EQ(*results[1], WebhookFix::fixed);
  EXPECT_EQ(results[2].error().code, Errc::gone);
  EXPECT_EQ(results[3].error().code, Errc::gone);
  EXPECT_EQ(patches.size(), 1U);
  EXPECT_EQ(world.store.acts[0].detail, R"({"fixed":1,"right":0,"refused":3})");
}

TEST_F(Webhooks, AnAnswerThatDoesNotShowItIsNotBelieved) {
  begin({"mk_1", "mk_2"});
  forgets_webhook = true;
  EXPECT_EQ((**ask({"mk_1"}))[0].error().code, Errc::protocol);
  forgets_webhook = false;
  forgets_tags = true;
  const Outcome lost = ask({"mk_2"});
  EXPECT_EQ((**lost)[0].error().code, Errc::protocol);
  EXPECT_THAT((**lost)[0].error().message, HasSubstr("tags"));
}

TEST_F(Webhooks, AFailureBehindWhichItMayBeDoneSaysSoAndIsSentOnce) {
  begin({"mk_1"});
  patch_answer = error_reply(503, "x");
  const Outcome outcome = ask({"mk_1"});
  ASSERT_TRUE(*outcome);
  EXPECT_EQ((**outcome)[0].error().code, Errc::server);
  EXPECT_THAT((**outcome)[0].error().message, HasSubstr("may have been carried out"));
  EXPECT_EQ(patches.size(), 1U);
  patch_answer.reset();
  upstream["mk_1"].webhook = std::string("\"") + wanted + "\"";  // it was
  EXPECT_EQ(*(**ask({"mk_1"}))[0], WebhookFix::right);
  EXPECT_EQ(patches.size(), 1U);
}

TEST_F(Webhooks, WhatConcernsAllEndsTheWhole) {
  begin({"mk_1", "mk_2"});
  api::HttpReply reply = error_reply(429, "api_error.rate_limit_exceeded");
  reply.retry_after = "600";
  patch_answer = reply;
  const Outcome refused = ask({"mk_1", "mk_2"});
  ASSERT_FALSE(*refused);
  EXPECT_EQ(refused->error().code, Errc::throttled);
  EXPECT_TRUE(world.store.acts.empty());
  patch_answer.reset();
  const Outcome waiting = ask({"mk_1"}, seconds(1));
  ASSERT_FALSE(*waiting) << "nobody is kept waiting for ten minutes";
  EXPECT_EQ(waiting->error().code, Errc::throttled);
  EXPECT_GT(waiting->error().retry_after.value(), minutes(7));
  world.io.pass(minutes(10));
  EXPECT_EQ(*(**ask({"mk_1", "mk_2"}))[1], WebhookFix::fixed);
}

TEST_F(Webhooks, WithoutAConfiguredOneNothingIsAsked) {
  begin({"mk_1"});
  world.engine->set_session_settings({});
  const Outcome outcome = ask({"mk_1"});
  ASSERT_FALSE(*outcome);
  EXPECT_EQ(outcome->error().code, Errc::conflict);
  EXPECT_EQ(outcome->error().api_code, core::no_webhook);
  EXPECT_TRUE(patches.empty());
  EXPECT_EQ(ask(std::vector<std::string>(51, "mk_1"))->error().code, Errc::invalid);
  world.engine->set_session_settings({.redirect_uri = {}, .webhook = wanted});
  EXPECT_EQ(ask(std::vector<std::string>(51, "mk_1"))->error().code, Errc::invalid);
}

struct TightWebhooks : Webhooks {
  TightWebhooks() : Webhooks({.update_link_per_app = 20}) {}
};

// 20 a minute, of which a tenth is for people: the rest of the links wait for the next minute.
TEST_F(TightWebhooks, TheBudgetHolds) {
  std::vector<std::string> ids;
  for (int i = 0; i < 30; ++i)
    ids.push_back("mk_" + std::to_string(i));
  begin(ids);
  Outcome first = ask(ids, seconds(1));
  ASSERT_FALSE(*first) << "the budget opens in a minute, which is longer than anybody is kept waiting";
  EXPECT_EQ(first->error().code, Errc::throttled);
  EXPECT_EQ(patches.size(), 18U);
  world.io.pass(minutes(2));
  Outcome second = ask(ids, seconds(1));
  ASSERT_TRUE(*second) << second->error().message;
  EXPECT_EQ(patches.size(), 30U) << "it goes on where it stopped";
}

TEST_F(Webhooks, AStopEndsIt) {
  begin({"mk_1"});
  Outcome outcome;
  patch_answer =
      std::unexpected(api::TransportError{.error = {.code = Errc::cancelled, .message = "stopping"}});
  world.io.start(fix(*world.engine, {core::LinkId("mk_1")}, outcome));
  world.stop();
  world.io.pass(seconds(1));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->error().code, Errc::cancelled);
}

}  // namespace
}  // namespace syncd::test
