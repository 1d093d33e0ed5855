// Hooks as values: what the model tells, how it is signed, when it is sent, what becomes of it.
#include <algorithm>
#include <map>
#include <set>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/sandbox/hook_check.hpp"
#include "tests/sandbox/model/upstream.hpp"

namespace syncd::sandbox::test {
namespace {

namespace json = boost::json;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""s;

constexpr TimePoint start{Milliseconds{1'790'000'000'000}};

// The public test vector: made with a throw-away key.
constexpr std::string_view vector_keys =
    R"({"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"contract-test-key-1",)"
    R"("x":"Xuws3Z1SY-dpyGAylbso-e653hKAZ5_PQcMkmwk-C6s",)"
    R"("y":"NPAU_ZcavKp6mDY2zoe2LcyXb6ePNo--aI7IYGtOuPQ"}]})";
constexpr std::string_view vector_body =
    R"({"webhook_major_version":1,"webhook_minor_version":0,)"
    R"("webhook_idempotency_key":"0b7c1b1e-5a0e-4a52-9a43-6f1f6f0c7a11",)"
    R"("webhook_timestamp":"2025-05-06T16:31:12.451000+00:00","link_id":"mk_7Qm2vTz5kXcN4RbYwHs9Ld",)"
    R"("link_tags":["tenant:42"],"webhook_event":"transactions.updates_available","has_history":true})";
constexpr std::string_view vector_jws =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImNvbnRyYWN0LXRlc3Qta2V5LTEiLCJ0eXAiOiJKV1QifQ."
    "eyJpc3MiOiJodHRwczovL2FwaS5tb25leWtpdC5jb20iLCJpYXQiOjE3NDY1NDkwNzIsInJlcXVlc3RfYm9keV9zaGEyNTYiOiJlZmM4"
    "YWRiN"
    "WYzMDI0YzQ3NmEzZDdlNGVhMzU5YWM1YTE4YzMyMzdjMDExZWY3YzQ4MjQyYTE3ZDMxZDEyY2RkIn0."
    "5E2FxK8tHz4dKTMcN9BnaEWv0Y_kogYy5ent5hh2SNokafQU3EfCv7C5dI-sK2icygerSKtGc9JbCPxWtxCcTw";

struct Bank {
  explicit Bank(UpstreamOptions options = quiet()) : upstream(std::move(options)) {}
  static UpstreamOptions quiet() {
    UpstreamOptions out;
    out.budgets = Budgets::unlimited();
    out.switches.refresh_failure_permille = 0;
    out.refreshes_kept = 1000;
    return out;
  }
  HttpResponse call(const std::string& method, const std::string& target, const std::string& body = "") {
    const UpstreamOptions defaults;
    return upstream.respond(
        {method,
         target,
         {{"X-Client-Id", defaults.client_id}, {"X-Client-Secret", defaults.client_secret}},
         body},
        now);
  }
  /// A link with a webhook that somebody has asked for, so that it lives.
  std::string link(const std::string& url = "http://127.0.0.1:1/hook") {
    NewLink wanted;
    wanted.webhook = url;
    wanted.tags = {"tenant:42"};
    const std::string id = upstream.add_link(wanted, now);
    call("GET", "/links/" + id);
    return id;
  }
  std::vector<HookDelivery> due() { return upstream.due_hooks(now, now, 1000); }
  std::string keys() { return call("GET", "/.well-known/jwks.json").body; }

  TimePoint now = start;
  Upstream upstream;
};

std::string header_of(const HookDelivery& delivery, std::string_view name) {
  const std::string* const value = find_header(delivery.headers, name);
  return value == nullptr ? "" : *value;
}

std::string event_of(const HookDelivery& delivery) {
  return std::string(json::parse(delivery.body).at("webhook_event").as_string());
}

TEST(HookSigner, TheCheckerTakesThePublicVector) {
  const auto checked = check_hook(vector_keys, vector_jws, vector_body);
  ASSERT_TRUE(checked) << checked.error();
  EXPECT_EQ(checked->issued_at, 1746549072);
  EXPECT_EQ(check_hook(vector_keys, vector_jws, std::string(vector_body) + " ").error(), "wrong body");
}

TEST(HookSigner, SignsAsTheVectorIsSigned) {
  const HookSigner signer(7, 1, "contract-test-key-1");
  const std::string set = "{\"keys\":[" + signer.jwk() + "]}";
  const std::string jws = signer.sign(vector_body, 1746549072);
  const auto checked = check_hook(set, jws, vector_body);
  ASSERT_TRUE(checked) << checked.error();
  // Header and payload byte for byte; only the signature and the key differ.
  EXPECT_EQ(jws.substr(0, jws.rfind('.')), vector_jws.substr(0, vector_jws.rfind('.')));
  EXPECT_EQ(jws.size(), vector_jws.size());
  EXPECT_EQ(signer.jwk(), HookSigner(7, 1, "contract-test-key-1").jwk());
  EXPECT_NE(signer.jwk(), HookSigner(8, 1, "contract-test-key-1").jwk());
  EXPECT_FALSE(check_hook(vector_keys, jws, vector_body));
}

TEST(HookSigner, ManySignaturesAllHaveTheirFullLength) {
  // r and s are padded to 32 bytes each; about one in 128 signatures would be short otherwise.
  const HookSigner signer(11, 1, "k");
  const std::string set = "{\"keys\":[" + signer.jwk() + "]}";
  for (int i = 0; i < 600; ++i) {
    const std::string body = "{\"n\":" + std::to_string(i) + "}";
    ASSERT_TRUE(check_hook(set, signer.sign(body, i), body)) << i;
  }
}

TEST(Hooks, ARefreshWithChangesTellsOfItself) {
  Bank bank;
  const std::string id = bank.link();
  EXPECT_TRUE(bank.due().empty()) << "what lies before the first touch is told";
  bank.now += 1min;
  bank.upstream.refresh_with_changes(id, bank.now);
  const auto hooks = bank.due();
  std::multiset<std::string> events;
  for (const HookDelivery& hook : hooks) {
    const auto checked = check_hook(bank.keys(), header_of(hook, "MoneyKit-Signature"), hook.body);
    ASSERT_TRUE(checked) << checked.error();
    EXPECT_EQ(checked->issued_at, bank.now.time_since_epoch().count() / 1000);
    const json::value body = json::parse(hook.body);
    EXPECT_EQ(body.at("link_id"), json::string(id));
    EXPECT_EQ(body.at("link_tags").as_array().at(0), "tenant:42");
    EXPECT_EQ(body.at("webhook_major_version"), 1);
    EXPECT_EQ(header_of(hook, "MoneyKit-Delivery-Attempt"), "1");
    EXPECT_TRUE(header_of(hook, "MoneyKit-Delivery-Token").starts_with("dlv_"));
    events.insert(event_of(hook));
  }
  EXPECT_EQ(events, (std::multiset<std::string>{"link.product_refresh", "link.product_refresh",
                                                "transactions.updates_available"}));
  const auto refreshes = bank.upstream.refreshes(0, 10, bank.now);
  ASSERT_EQ(refreshes.size(), 1U);
  EXPECT_EQ(refreshes[0].at, bank.now);
  EXPECT_GT(refreshes[0].rows, 0U);
  EXPECT_TRUE(bank.upstream.truth(id, bank.now)->posted.contains(refreshes[0].created_row) ||
              bank.upstream.truth(id, bank.now)->pending.contains(refreshes[0].created_row));
}

TEST(Hooks, AStateTellsOfItselfWithTheFieldNamesOfHooks) {
  Bank bank;
  const std::string id = bank.link();
  bank.call("POST", "/links/" + id + "/reset");
  auto hooks = bank.due();
  ASSERT_EQ(hooks.size(), 1U);
  json::value body = json::parse(hooks[0].body);
  EXPECT_EQ(body.at("webhook_event"), "link.state_changed");
  EXPECT_EQ(body.at("state"), "error");
  EXPECT_EQ(body.at("error"), "auth_expired");
  EXPECT_FALSE(body.as_object().contains("error_code"));
  bank.call("POST", "/links/" + id + "/reset");
  EXPECT_TRUE(bank.due().empty()) << "nothing changed";
  bank.call("DELETE", "/links/" + id);
  hooks = bank.due();
  ASSERT_EQ(hooks.size(), 1U);
  EXPECT_EQ(json::parse(hooks[0].body).at("state"), "deleted");
}

TEST(Hooks, ScheduledRefreshesTellOfThemselvesWithoutAnyCall) {
  Bank bank;
  NewLink wanted;
  wanted.webhook = "http://127.0.0.1:1/hook";
  wanted.refresh_every = 1h;
  const std::string id = bank.upstream.add_link(wanted, bank.now);
  bank.call("GET", "/links/" + id);
  std::size_t told = 0;
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(bank.upstream.next_hook());
    bank.now = std::max(bank.now + 1s, *bank.upstream.next_hook());
    for (const HookDelivery& hook : bank.due()) {
      bank.upstream.hook_answered(hook.number, 204, bank.now);
      ++told;
    }
  }
  EXPECT_GE(told, 10U);
  EXPECT_GE(bank.upstream.refreshes(0, 100, bank.now).size(), 5U);
  EXPECT_EQ(bank.upstream.hooks().counts().delivered, told);
}

TEST(Hooks, ALinkWithoutAWebhookTellsNothingAndARelinkThatOmitsItDropsIt) {
  Bank bank;
  const std::string id = bank.link();
  bank.call("PATCH", "/links/" + id, R"({"webhook":null})");
  bank.upstream.refresh_with_changes(id, bank.now);
  EXPECT_TRUE(bank.due().empty());
  bank.call("PATCH", "/links/" + id, R"({"webhook":"http://127.0.0.1:2/again"})");
  bank.upstream.refresh_with_changes(id, bank.now);
  EXPECT_EQ(bank.due().at(0).url, "http://127.0.0.1:2/again");
  const auto session = bank.call(
      "POST", "/link-session",
      R"({"customer_user":{"id":"user-1"},"redirect_uri":"https://a.example","existing_link_id":")" + id +
          "\"}");
  const std::string token(json::parse(session.body).at("link_session_token").as_string());
  ASSERT_TRUE(bank.upstream.complete_session(token, "", "user_good", "pass_good", bank.now).ok);
  bank.upstream.refresh_with_changes(id, bank.now);
  EXPECT_TRUE(bank.due().empty());
  EXPECT_TRUE(json::parse(bank.call("GET", "/links/" + id).body).at("webhook").is_null());
}

TEST(Hooks, WhatIsNotTakenComesAgainEverLaterAndEndsAfterTwoHours) {
  Bank bank;
  const std::string id = bank.link();
  bank.upstream.hold_refreshes(true);
  bank.upstream.send_hooks(id, HookEvent::updates_available, 1, bank.now);
  std::vector<TimePoint> at;
  std::set<std::string> keys;
  std::set<std::string> signatures;
  while (bank.upstream.hooks().counts().waiting != 0) {
    const auto hooks = bank.due();
    for (const HookDelivery& hook : hooks) {
      at.push_back(bank.now);
      keys.insert(std::string(json::parse(hook.body).at("webhook_idempotency_key").as_string()));
      signatures.insert(header_of(hook, "MoneyKit-Signature"));
      EXPECT_EQ(header_of(hook, "MoneyKit-Delivery-Attempt"), std::to_string(at.size()));
      bank.upstream.hook_answered(hook.number, at.size() % 2 == 0 ? 503 : 0, bank.now);
    }
    bank.now += 1s;
  }
  ASSERT_GE(at.size(), 8U);
  EXPECT_EQ(keys.size(), 1U);
  EXPECT_EQ(signatures.size(), 1U) << "iat is renewed only where the option says so";
  EXPECT_LE(at.back() - at.front(), 2h);
  EXPECT_GE(at.back() - at.front(), 1h + 30min);
  for (std::size_t i = 2; i < at.size(); ++i) {
    EXPECT_GE(at[i] - at[i - 1], at[i - 1] - at[i - 2]);
  }
  EXPECT_EQ(bank.upstream.hooks().counts().given_up, 1U);
}

TEST(Hooks, KeysRotateAndThePreviousOneStaysListed) {
  Bank bank;
  const std::string id = bank.link();
  bank.upstream.send_hooks(id, HookEvent::updates_available, 1, bank.now);
  const HookDelivery before = bank.due().at(0);
  bank.upstream.hooks().keys().rotate();
  bank.upstream.send_hooks(id, HookEvent::updates_available, 1, bank.now);
  const HookDelivery after = bank.due().at(0);
  const auto old_key = check_hook(bank.keys(), header_of(before, "MoneyKit-Signature"), before.body);
  const auto new_key = check_hook(bank.keys(), header_of(after, "MoneyKit-Signature"), after.body);
  ASSERT_TRUE(old_key && new_key);
  EXPECT_NE(old_key->kid, new_key->kid);
  bank.upstream.hooks().keys().rotate();
  EXPECT_EQ(check_hook(bank.keys(), header_of(before, "MoneyKit-Signature"), before.body).error(),
            "unknown kid");
  EXPECT_TRUE(check_hook(bank.keys(), header_of(after, "MoneyKit-Signature"), after.body));
}

TEST(Hooks, FaultsSpoilThemEachInItsWay) {
  const std::map<std::string, std::string> refused = {{"hook_wrong_signature", "wrong signature"},
                                                      {"hook_unknown_kid", "unknown kid"},
                                                      {"hook_wrong_body", "wrong body"}};
  for (const auto& [fault, why] : refused) {
    Bank bank;
    const std::string id = bank.link();
    bank.upstream.faults().set(*parse_fault_script(R"([{"fault":")" + fault + "\"}]"));
    bank.upstream.send_hooks(id, HookEvent::updates_available, 1, bank.now);
    const HookDelivery hook = bank.due().at(0);
    const auto checked = check_hook(bank.keys(), header_of(hook, "MoneyKit-Signature"), hook.body);
    ASSERT_FALSE(checked) << fault;
    EXPECT_EQ(checked.error(), why);
  }
  Bank bank;
  const std::string id = bank.link();
  const std::string other = bank.link();
  bank.upstream.faults().set(*parse_fault_script(
      R"([{"fault":"hook_other_link","count":1},{"fault":"hook_other_link","variant":"unknown","count":1},)"
      R"({"match":{"endpoint":"hook"},"fault":"hook_dark"},)"
      R"({"match":{"endpoint":"sync"},"fault":"hook_dark"}])"));
  bank.upstream.send_hooks(id, HookEvent::updates_available, 3, bank.now);
  const auto hooks = bank.due();
  ASSERT_EQ(hooks.size(), 2U);
  EXPECT_EQ(json::parse(hooks[0].body).at("link_id"), json::string(other));
  const std::string stranger(json::parse(hooks[1].body).at("link_id").as_string());
  EXPECT_TRUE(stranger.starts_with("mk_") && stranger.size() == 25 && stranger != id && stranger != other);
  EXPECT_EQ(bank.upstream.hooks().counts().lost, 1U);
  EXPECT_EQ(bank.call("GET", "/links/" + id).status, 200) << "faults of hooks are none of calls";
  EXPECT_EQ(bank.upstream.faults().firings(), (std::vector<std::uint64_t>{1, 1, 1, 0}));
}

TEST(Hooks, ChanceLosesDoublesAndReordersThem) {
  UpstreamOptions options = Bank::quiet();
  options.hooks.recall_permille = 900;
  options.hooks.latency_mean = 20s;
  options.hooks.duplicate_permille = 100;
  options.hooks.late_permille = 200;
  Bank bank(options);
  const std::string id = bank.link();
  for (int i = 0; i < 1000; ++i) {
    bank.now += 2s;
    bank.upstream.refresh_with_changes(id, bank.now);
  }
  std::map<std::string, int> seen;
  std::vector<std::string> order;
  bank.now += 1h;
  for (TimePoint at = start; at < bank.now && bank.upstream.next_hook(); at += 1s) {
    for (const HookDelivery& hook : bank.upstream.due_hooks(bank.now, bank.now, 1)) {
      const json::value body = json::parse(hook.body);
      ++seen[std::string(body.at("webhook_idempotency_key").as_string())];
      order.emplace_back(body.at("webhook_timestamp").as_string());
      bank.upstream.hook_answered(hook.number, 200, bank.now);
    }
  }
  const HookCounts counts = bank.upstream.hooks().counts();
  // Three hooks a refresh; each figure within five standard deviations.
  EXPECT_NEAR(static_cast<double>(counts.lost), 300, 85);
  EXPECT_NEAR(static_cast<double>(counts.delivered - seen.size()), 270, 80);
  EXPECT_FALSE(std::ranges::is_sorted(order));
  const auto first = bank.upstream.hooks().records().begin()->second;
  EXPECT_FALSE(first.key.empty());
}

TEST(Hooks, TheTestCallDeliversTheKeyThatItWasGiven) {
  Bank bank;
  const std::string id = bank.link();
  const auto answer =
      bank.call("POST", "/webhooks/test/link/" + id,
                R"({"webhook_event":"link.product_refresh","webhook_idempotency_key":"my key"})");
  ASSERT_EQ(answer.status, 200);
  const auto hooks = bank.due();
  ASSERT_EQ(hooks.size(), 1U);
  EXPECT_EQ(json::parse(hooks[0].body).at("webhook_idempotency_key"), "my key");
  EXPECT_EQ(json::parse(answer.body).at("delivery_token"),
            json::string(header_of(hooks[0], "MoneyKit-Delivery-Token")));
}

TEST(Hooks, OnlyTheChosenEventsAreTold) {
  UpstreamOptions options = Bank::quiet();
  options.hooks.events = {};
  options.hooks.events.at(static_cast<std::size_t>(HookEvent::updates_available)) = true;
  Bank bank(options);
  const std::string id = bank.link();
  bank.upstream.refresh_with_changes(id, bank.now);
  bank.call("POST", "/links/" + id + "/reset");
  const auto hooks = bank.due();
  ASSERT_EQ(hooks.size(), 1U);
  EXPECT_EQ(event_of(hooks[0]), "transactions.updates_available");
}

}  // namespace
}  // namespace syncd::sandbox::test
