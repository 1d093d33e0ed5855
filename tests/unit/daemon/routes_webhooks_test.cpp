#include <string>

#include "tests/unit/daemon/fake_view.hpp"

// Links without the configured webhook, and how they get it.
namespace syncd::test {
namespace {

using testing::HasSubstr;

TEST_F(Routes, TheWebhookAuditShowsWhatIsNotRight) {
  view.webhook = "https://hooks.example.com/right";
  view.object = R"({"webhook":"https://hooks.example.com/right"})";
  const HttpResponse right = ask("GET", "/v1/webhooks/audit");
  EXPECT_EQ(right.status, 200) << right.body;
  EXPECT_THAT(right.body,
              testing::StartsWith(R"({"items":[],"webhook":"https://hooks.example.com/right","looked_at":)"));
  view.object = R"({"webhook":"https://old.example/x"})";
  EXPECT_THAT(ask("GET", "/v1/webhooks/audit").body,
              HasSubstr(R"("finding":"other","webhook":"https://old.example/x"})"));
  view.object = R"({"webhook":null})";
  EXPECT_THAT(ask("GET", "/v1/webhooks/audit").body, HasSubstr(R"("finding":"missing"})"));
  view.object = "";
  EXPECT_THAT(ask("GET", "/v1/webhooks/audit").body, HasSubstr(R"("finding":"unknown"})"));
}

TEST_F(Routes, WithoutAConfiguredWebhookThereIsNothingToAudit) {
  view.webhook.clear();
  const HttpResponse response = ask("GET", "/v1/webhooks/audit");
  EXPECT_EQ(response.status, 409);
  EXPECT_THAT(response.body, HasSubstr(R"("code":"no_webhook")"));
}

TEST_F(Routes, WebhooksAreFixedLinkByLink) {
  const HttpResponse response = ask("POST", "/v1/webhooks/fix", R"({"link_ids":["mk_1","mk_2","mk_3"]})");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body,
            R"({"items":[{"link_id":"mk_1","result":"right"},{"link_id":"mk_2","result":"fixed"},)"
            R"({"link_id":"mk_3","result":"refused","code":"gone","message":"the link was deleted"}],)"
            R"("counts":{"fixed":1,"right":1,"refused":1}})");
  EXPECT_EQ(view.fixed_links.size(), 3U);
  EXPECT_EQ(view.noted, "webhooks.fix by uid:1000");
}

TEST_F(Routes, ABodyThatNamesNoLinksIsRefused) {
  std::string many = R"({"link_ids":["mk_0")";
  for (int i = 1; i <= 50; ++i)
    many += ",\"mk_" + std::to_string(i) + '"';
  const std::pair<std::string, std::string> cases[] = {
      {"", "the body"},
      {"{}", "link_ids is missing or empty"},
      {R"({"link_ids":[]})", "link_ids is missing or empty"},
      {R"({"link_ids":["mk_1","mk_1"]})", "names a link twice"},
      {R"({"link_ids":["mk_1",7]})", "link_ids[1] is not a string"},
      {R"({"link_ids":["a\nb"]})", "link_ids must have 1 to 256 bytes"},
      {R"({"links":["mk_1"]})", "known are link_ids"},
      {many + "]}", "are more than 50"},
  };
  for (const auto& [body, why] : cases) {
    const HttpResponse response = ask("POST", "/v1/webhooks/fix", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_THAT(response.body, HasSubstr(why)) << body;
  }
  EXPECT_TRUE(view.fixed_links.empty());
}

TEST_F(Routes, ARefreshSaysForEachProductWhetherItWasAskedFor) {
  const HttpResponse both =
      ask("POST", "/v1/links/mk_1/refresh", R"({"products":["accounts","transactions"]})");
  EXPECT_EQ(both.status, 202) << both.body;
  EXPECT_EQ(both.body,
            R"({"link_id":"mk_1","items":[{"product":"accounts","asked":true},)"
            R"({"product":"transactions","asked":false,"reason":"too_soon","message":"a short while ago",)"
            R"("retry_at":"2025-05-06T16:31:12.451Z"}],"calls_left":7})");
  EXPECT_EQ(view.noted.substr(0, 13), "links.refresh");
  view.noted.clear();
  view.paused = true;
  EXPECT_EQ(ask("POST", "/v1/links/mk_1/refresh", "{}").status, 200) << "nothing was asked for";
  EXPECT_EQ(view.noted, "");
  EXPECT_EQ(ask("POST", "/v1/links/mk_7/refresh", "{}").status, 404);
  const std::pair<const char*, const char*> bad[] = {
      {R"({"products":[]})", "products is empty"},
      {R"({"products":["identity"]})", "products must be accounts or transactions"},
      {R"({"products":["accounts","accounts"]})", "name a product twice"},
      {R"({"product":"accounts"})", "known are products"},
  };
  for (const auto& [body, why] : bad) {
    const HttpResponse response = ask("POST", "/v1/links/mk_1/refresh", body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_THAT(response.body, HasSubstr(why)) << body;
  }
}

}  // namespace
}  // namespace syncd::test
