#include "daemon/webhook/receiver.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/webhook/hook_world.hpp"

namespace syncd::test {
namespace {

using core::Cause;
using daemon::HookOutcome;
using daemon::SignatureFault;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

std::string retry_after(const daemon::HttpResponse& response) {
  for (const auto& [name, value] : response.headers) {
    if (name == "Retry-After") return value;
  }
  return {};
}

TEST(Receiver, AHookMakesItsLinkDueAtOnce) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.know("mk_2", world.now() + hours(5));
  world.begin();
  const daemon::HttpResponse response = world.ask(world.signed_request(hook_body("mk_1", "k1")));
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body.empty());
  EXPECT_FALSE(response.close);
  EXPECT_EQ(world.count(HookOutcome::accepted), 1u);
  world.io.pass(seconds(1));
  EXPECT_THAT(world.causes("mk_1"), ElementsAre(Cause::webhook));
  EXPECT_THAT(world.causes("mk_2"), IsEmpty());
  EXPECT_THAT(world.store.hints(), IsEmpty()) << "the visit's commit has taken it away";
  EXPECT_EQ(world.engine->hints_waiting(), 0u);
}

// Before the 200 the hint is in the store.
TEST(Receiver, AnswersWhenTheHintIsStoredAndNotBefore) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.begin();
  world.let_nobody_drain(minutes(1));
  world.store.hint_gate = [&] {
    return world.io.timers.sleep_until(world.io.timers.steady_now() + seconds(2));
  };
  std::optional<daemon::HttpResponse> response;
  world.io.start(world.run(world.signed_request(hook_body("mk_1", "k1")), response));
  world.io.pass(core::Millis(1'999));
  EXPECT_FALSE(response);
  EXPECT_THAT(world.store.hints(), IsEmpty());
  world.io.pass(core::Millis(1));
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(world.store.hints(), SizeIs(1));
  EXPECT_EQ(world.engine->hints_waiting(), 1u);
}

TEST(Receiver, ManyThatCameDuringAWriteShareTheNext) {
  HookWorld world;
  for (int link = 0; link < 50; ++link)
    world.know("mk_" + std::to_string(link), world.now() + hours(5));
  world.begin();
  world.let_nobody_drain(minutes(1));
  world.store.hint_gate = [&] {
    return world.io.timers.sleep_until(world.io.timers.steady_now() + seconds(1));
  };
  std::vector<std::optional<daemon::HttpResponse>> responses(50);
  for (int link = 0; link < 50; ++link) {
    world.io.group.spawn(
        world.run(world.signed_request(hook_body("mk_" + std::to_string(link), "k" + std::to_string(link))),
                  responses[static_cast<std::size_t>(link)]));
  }
  world.io.pass(seconds(2));
  EXPECT_EQ(world.store.hint_writes, 2u);
  for (const auto& response : responses)
    EXPECT_TRUE(response && response->status == 200);
  EXPECT_THAT(world.store.hints(), SizeIs(50));
}

TEST(Receiver, ARepetitionIsKnownByItsKeyHoweverLate) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(500));
  world.begin();
  const std::string body = hook_body("mk_1", "k1");
  const std::string signature = world.signer.token(body, world.now());
  EXPECT_EQ(world.ask(world.request(body, signature)).status, 200);
  world.io.pass(minutes(1));
  const std::size_t visits = world.causes("mk_1").size();
  for (int again = 0; again < 400; ++again)
    EXPECT_EQ(world.ask(world.request(body, signature)).status, 200);
  // Signed anew, two days later.
  world.io.pass(hours(48));
  EXPECT_EQ(world.send("mk_1", "k1"), 200);
  EXPECT_EQ(world.count(HookOutcome::duplicate), 401u);
  EXPECT_EQ(std::ranges::count(world.causes("mk_1"), Cause::webhook), 1);
  EXPECT_EQ(visits, 1u);
  // And the same bytes then, whose signature is too old.
  EXPECT_EQ(world.ask(world.request(body, signature)).status, 400);
}

TEST(Receiver, WhatIsNotForUsIsAnsweredAndLeavesNothing) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.know("mk_paused", world.now(), core::LinkStatus::paused);
  world.begin();
  const auto notes = world.store.notes;
  EXPECT_EQ(world.send("mk_of_another", "k1"), 200);
  EXPECT_EQ(world.send("mk_paused", "k2"), 200);
  const std::string unknown_event = hook_body("mk_1", "k3", "something.new");
  EXPECT_EQ(world.ask(world.signed_request(unknown_event)).status, 200);
  std::string next_version = hook_body("mk_1", "k4");
  next_version.replace(next_version.find("version\":1"), 10, "version\":2");
  EXPECT_EQ(world.ask(world.signed_request(next_version)).status, 200);
  EXPECT_EQ(world.ask(world.signed_request("{}")).status, 200);
  EXPECT_EQ(world.count(HookOutcome::unknown_link), 1u);
  EXPECT_EQ(world.count(HookOutcome::not_visited), 1u);
  EXPECT_EQ(world.count(HookOutcome::ignored), 2u);
  EXPECT_EQ(world.count(HookOutcome::unreadable), 1u);
  EXPECT_EQ(world.store.notes, notes);
  EXPECT_EQ(world.store.hint_writes, 0u);
  world.io.pass(minutes(1));
  EXPECT_THAT(world.observer.cycles, IsEmpty());
}

TEST(Receiver, ASignatureThatDoesNotHoldIs400AndSaysNoMore) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.begin();
  const std::string body = hook_body("mk_1", "k1");
  const HookSigner stranger("test-key");
  const HookSigner other("another-key");
  const std::pair<std::string, SignatureFault> bad[] = {
      {"", SignatureFault::missing},
      {"garbage", SignatureFault::form},
      {stranger.token(body, world.now()), SignatureFault::signature},
      {other.token(body, world.now()), SignatureFault::unknown_key},
      {world.signer.token(body + " ", world.now()), SignatureFault::body},
      {world.signer.token(body, world.now() - hours(3)), SignatureFault::too_old},
      {world.signer.token(body, world.now() + hours(1)), SignatureFault::in_future},
      {world.signer.token(body, world.now(), "https://evil.example"), SignatureFault::issuer}};
  std::string said;
  for (const auto& [signature, fault] : bad) {
    const daemon::HttpResponse response = world.ask(world.request(body, signature));
    EXPECT_EQ(response.status, 400);
    EXPECT_TRUE(response.close);
    EXPECT_EQ(world.reports.back().fault, fault);
    EXPECT_FALSE(world.reports.back().link_id);
    if (said.empty()) said = response.body;
    EXPECT_EQ(response.body, said) << "the same, whatever was wrong";
  }
  EXPECT_EQ(world.count(HookOutcome::bad_signature), std::size(bad));
  EXPECT_THAT(world.store.hints(), IsEmpty());
}

TEST(Receiver, HasOnePathAndOneMethod) {
  HookWorld world;
  world.begin();
  const auto ask = [&](const std::string& method, const std::string& target) {
    daemon::HttpRequest request = world.signed_request(hook_body("mk_1", "k"));
    request.method = method;
    request.target = target;
    return world.ask(std::move(request));
  };
  for (const char* target :
       {"/", "/webhooks", "/webhook/", "/v1/links", "/metrics", "/webhook%20", "*", ""}) {
    const daemon::HttpResponse response = ask("POST", target);
    EXPECT_EQ(response.status, 404) << target;
    EXPECT_TRUE(response.close);
  }
  for (const char* method : {"GET", "PUT", "DELETE", "OPTIONS", "CONNECT"}) {
    const daemon::HttpResponse response = ask(method, "/webhook");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.allow, "POST");
    EXPECT_TRUE(response.close);
  }
  EXPECT_EQ(ask("POST", "/webhook?tenant=1").status, 200);
}

TEST(Receiver, WithoutKeysItIsToldToComeAgain) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  const std::string good = *std::exchange(world.key_set, std::nullopt);
  world.begin();
  const daemon::HttpResponse response = world.ask(world.signed_request(hook_body("mk_1", "k1")));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(retry_after(response), "300");
  EXPECT_EQ(world.count(HookOutcome::keys_unavailable), 1u);
  world.key_set = good;
  world.io.pass(minutes(5));
  EXPECT_EQ(world.send("mk_1", "k1"), 200);
  EXPECT_EQ(world.count(HookOutcome::accepted), 1u);
}

TEST(Receiver, WhatCannotBeStoredIsToldToComeAgain) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.begin();
  world.store.well = false;
  const daemon::HttpResponse response = world.ask(world.signed_request(hook_body("mk_1", "k1")));
  EXPECT_EQ(response.status, 503);
  EXPECT_FALSE(retry_after(response).empty());
  EXPECT_EQ(world.count(HookOutcome::store_unavailable), 1u);
  EXPECT_EQ(world.engine->hints_waiting(), 0u);
}

// On a disk that is nearly full nothing more is written than must be.
TEST(Receiver, WhileCyclesAreHeldItIsToldToComeAgain) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.begin();
  world.engine->hold(true);
  EXPECT_EQ(world.send("mk_1", "k1"), 503);
  EXPECT_THAT(world.store.hints(), IsEmpty());
  world.engine->hold(false);
  EXPECT_EQ(world.send("mk_1", "k1"), 200);
}

TEST(Receiver, SoManyLinksWaitAtMost) {
  HookWorld world;
  for (int link = 0; link < 12; ++link)
    world.know("mk_" + std::to_string(link), world.now() + hours(5));
  world.begin();
  world.engine->set_hints_max(10);
  world.let_nobody_drain(minutes(1));
  for (int link = 0; link < 10; ++link)
    EXPECT_EQ(world.send("mk_" + std::to_string(link), "k" + std::to_string(link)), 200);
  EXPECT_EQ(world.send("mk_10", "k10"), 503);
  EXPECT_EQ(world.count(HookOutcome::too_many_waiting), 1u);
  EXPECT_EQ(world.send("mk_3", "another key"), 200) << "one that waits already costs nothing more";
  EXPECT_THAT(world.store.hints(), SizeIs(10));
  world.io.pass(minutes(2));
  EXPECT_EQ(world.send("mk_10", "k10"), 200);
}

TEST(Receiver, MoreThanItLooksAtInASecondComeAgain) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.begin();
  world.receiver.set_rules({.path = "/webhook", .issuer = "https://api.moneykit.com", .per_second_max = 5});
  for (int second = 0; second < 3; ++second) {
    for (int hook = 0; hook < 20; ++hook)
      world.ask(world.request("{}", "garbage"));
    world.io.pass(seconds(1));
  }
  EXPECT_EQ(world.count(HookOutcome::bad_signature), 15u);
  EXPECT_EQ(world.count(HookOutcome::too_many), 45u);
}

// The hint that a visit answers is the one that was there when it began.
TEST(Receiver, AHookThatComesDuringAVisitIsAnsweredByTheNext) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  bool second_sent = false;
  world.answer = [&](const api::HttpCall& call) {
    // Upstream has made its answer; what the second hook tells of is not in it.
    if (!std::exchange(second_sent, true)) {
      static std::optional<daemon::HttpResponse> response;
      world.io.group.spawn(world.run(world.signed_request(hook_body("mk_1", "k2")), response));
    }
    return no_news(call);
  };
  world.begin();
  EXPECT_EQ(world.send("mk_1", "k1"), 200);
  world.io.pass(seconds(1));
  EXPECT_EQ(world.count(HookOutcome::accepted), 2u);
  EXPECT_THAT(world.causes("mk_1"), ElementsAre(Cause::webhook, Cause::webhook));
  EXPECT_THAT(world.store.hints(), IsEmpty());
}

TEST(Receiver, AVisitThatFailsLeavesTheHint) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  bool down = true;
  world.answer = [&](const api::HttpCall& call) -> FakeTransport::Answer {
    if (down) return json_reply(503, "{}");
    return no_news(call);
  };
  world.begin();
  EXPECT_EQ(world.send("mk_1", "k1"), 200);
  world.io.pass(seconds(10));
  EXPECT_THAT(world.store.hints(), SizeIs(1));
  EXPECT_EQ(world.engine->hints_waiting(), 1u);
  down = false;
  world.io.pass(hours(1));
  EXPECT_THAT(world.store.hints(), IsEmpty());
  EXPECT_EQ(world.engine->hints_waiting(), 0u);
}

TEST(Receiver, HintsOfALaterRunAreNotMistakenForThoseOfAnEarlier) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  const std::uint64_t earlier = 1'600'000'000'000'000;
  world.store.notes[core::hint_note(core::LinkId{"mk_1"}, earlier)] = {};
  world.engine->restore_hint(core::LinkId{"mk_1"}, earlier);
  world.engine->restore_hint(core::LinkId{"mk_of_nobody"}, earlier);
  EXPECT_EQ(world.engine->hints_waiting(), 1u);
  world.begin();
  world.io.pass(seconds(1));
  EXPECT_THAT(world.causes("mk_1"), ElementsAre(Cause::webhook));
  EXPECT_THAT(world.store.hints(), IsEmpty());
  world.let_nobody_drain(minutes(1));
  EXPECT_EQ(world.send("mk_1", "k1"), 200);
  ASSERT_THAT(world.store.hints(), SizeIs(1));
  EXPECT_GT(world.store.hints().begin()->second, earlier);
}

api::Task<void> purge(engine::Engine& engine, std::string id) {
  core::LinkId link_id{std::move(id)};
  const auto purged = co_await engine.purge(std::move(link_id), false, by_a_test);
  EXPECT_TRUE(purged);
}

TEST(Receiver, APurgeTakesTheHintAway) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.begin();
  world.let_nobody_drain(minutes(1));
  EXPECT_EQ(world.send("mk_1", "k1"), 200);
  ASSERT_THAT(world.store.hints(), SizeIs(1));
  world.io.start(purge(*world.engine, "mk_1"));
  EXPECT_THAT(world.store.hints(), IsEmpty());
  EXPECT_EQ(world.engine->hints_waiting(), 0u);
  EXPECT_EQ(world.send("mk_1", "k2"), 200);
  EXPECT_EQ(world.count(HookOutcome::unknown_link), 1u);
  EXPECT_THAT(world.store.hints(), IsEmpty());
}

api::Task<void> add(engine::Engine& engine, std::string id) {
  engine::NewLink link{core::LinkId{std::move(id)}, {}, {}};
  const auto added = co_await engine.add_link(std::move(link), by_a_test);
  EXPECT_TRUE(added);
}

// It stood in the queue of those that were told of, where nobody takes it any more.
TEST(Receiver, ALinkThatIsAddedAgainBehindAHintIsVisited) {
  HookWorld world;
  world.know("mk_1", world.now() + hours(5));
  world.begin();
  world.let_nobody_drain(minutes(1));
  EXPECT_EQ(world.send("mk_1", "k1"), 200);
  world.io.start(purge(*world.engine, "mk_1"));
  world.io.start(add(*world.engine, "mk_1"));
  EXPECT_THAT(world.causes("mk_1"), IsEmpty());
  world.io.pass(minutes(2));
  EXPECT_THAT(world.causes("mk_1"), SizeIs(1));
}

}  // namespace
}  // namespace syncd::test
