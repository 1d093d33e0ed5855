#include "sync/core/webhook_audit.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

constexpr const char* wanted = "https://hooks.example.com/mk";

TEST(WebhookAudit, JudgesTheStoredObject) {
  struct Case {
    const char* json;
    WebhookFinding finding;
  };
  const Case table[] = {
      {"", WebhookFinding::unknown},
      {"{}", WebhookFinding::missing},
      {R"({"webhook":null})", WebhookFinding::missing},
      {R"({"webhook":""})", WebhookFinding::missing},
      {R"({"webhook":"https://hooks.example.com/mk"})", WebhookFinding::right},
      {R"({"webhook":"https:\/\/hooks.example.com\/mk"})", WebhookFinding::right},
      {R"({"webhook":"https://hooks.example.com/mk/"})", WebhookFinding::other},
      {R"({"webhook":"https://HOOKS.example.com/mk"})", WebhookFinding::other},
  };
  for (const Case& c : table) {
    const auto finding = judge_webhook(c.json, wanted);
    ASSERT_TRUE(finding) << c.json;
    EXPECT_EQ(*finding, c.finding) << c.json;
  }
  EXPECT_EQ(judge_webhook("[]", wanted).error().code, Errc::protocol);
}

TEST(WebhookAudit, RepeatsTheTagsThatTheLinkHas) {
  const LinkChange plain = webhook_change({.webhook = "x", .link_tags = {}}, wanted);
  EXPECT_EQ(plain.webhook, wanted);
  EXPECT_FALSE(plain.link_tags) << "nothing to lose";
  const LinkChange tagged = webhook_change({.webhook = {}, .link_tags = {"a", "b"}}, wanted);
  EXPECT_EQ(tagged.link_tags, (std::vector<std::string>{"a", "b"}));
}

TEST(WebhookAudit, BelievesAChangeWhenTheAnswerShowsIt) {
  const LinkKeeps before{.webhook = {}, .link_tags = {"a", "b"}};
  EXPECT_TRUE(check_webhook_change(before, {.webhook = wanted, .link_tags = {"b", "a"}}, wanted));
  EXPECT_EQ(check_webhook_change(before, {.webhook = {}, .link_tags = {"a", "b"}}, wanted).error().code,
            Errc::protocol);
  const auto lost = check_webhook_change(before, {.webhook = wanted, .link_tags = {"a"}}, wanted);
  ASSERT_FALSE(lost);
  EXPECT_NE(lost.error().message.find("tags"), std::string::npos);
}

TEST(WebhookAudit, StoresTheObjectAndNothingElse) {
  const auto answer =
      parse_link(R"({"link_id":"mk_1","institution_id":"i","state":"error","error_code":"auth_expired",)"
                 R"("webhook":"x","products":{}})");
  ASSERT_TRUE(answer);
  LinkRecord record;
  record.link_id = LinkId("mk_1");
  record.fence = 7;
  record.upstream_state = "connected";
  record.last_attempt_at = WallTime(Millis(5));
  const Policy policy;
  const StepInput input{.record = record,
                        .held = std::make_shared<const Held>(),
                        .now = WallTime(Millis(99)),
                        .policy = policy,
                        .cause = Cause::manual,
                        .recent_sends = {}};
  const LinkUpdate update = step_link_object(input, *answer);
  EXPECT_EQ(update.expected_fence, 7U);
  ASSERT_TRUE(update.link_object);
  EXPECT_EQ(*update.link_object, (*answer)->link.json);
  EXPECT_TRUE(update.changes.empty());
  EXPECT_FALSE(update.relink);
  LinkRecord expected = record;
  expected.fence = 8;
  expected.link_digest = digest_of((*answer)->link.json);
  EXPECT_EQ(update.record, expected);
  const StepInput again{.record = update.record,
                        .held = std::make_shared<const Held>(),
                        .now = WallTime(Millis(99)),
                        .policy = policy,
                        .cause = Cause::manual,
                        .recent_sends = {}};
  EXPECT_FALSE(step_link_object(again, *answer).link_object) << "it is stored as it is";
}

}  // namespace
}  // namespace syncd::core
