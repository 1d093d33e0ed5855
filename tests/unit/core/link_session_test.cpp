#include "sync/core/link_session.hpp"

#include <functional>
#include <string>

#include <gtest/gtest.h>

namespace syncd::core {
namespace {

SessionRequest smallest() {
  SessionRequest request;
  request.customer_user_id = "user-000042";
  request.redirect_uri = "https://app.example.com/linked";
  return request;
}

// ---- the request
// -------------------------------------------------------------------------------------------------

TEST(SessionBody, HoldsWhatIsRequiredAndNothingElse) {
  const auto body = session_body(smallest());
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(*body,
            R"({"customer_user":{"id":"user-000042"},"redirect_uri":"https://app.example.com/linked"})");
}

TEST(SessionBody, HoldsAllThatIsAskedFor) {
  SessionRequest request = smallest();
  request.email = "user42@example.com";
  request.phone = "+1 555 0100";
  request.phone_country = "US";
  request.existing_link_id = LinkId("mk_1");
  request.institution_id = "chase";
  request.webhook = "https://hooks.example.com/moneykit?tenant=42";
  request.link_tags = {"tenant:42", "b \"quoted\""};
  request.products = {{.name = "transactions", .required = true, .prefetch = true, .reason = "To\\advise"},
                      {.name = "identity", .require_permission = true}};
  request.countries = {"US", "CA"};
  request.providers = {"mx", "plaid"};
  const auto body = session_body(request);
  ASSERT_TRUE(body) << body.error().message;
  EXPECT_EQ(
      *body,
      R"({"customer_user":{"id":"user-000042","email":{"address":"user42@example.com"},)"
      R"("phone":{"number":"+1 555 0100","country":"US"}},"redirect_uri":"https://app.example.com/linked",)"
      R"("existing_link_id":"mk_1","institution_id":"chase",)"
      R"("webhook":"https://hooks.example.com/moneykit?tenant=42","link_tags":["tenant:42","b \"quoted\""],)"
      R"("settings":{"providers":["mx","plaid"],"countries":["US","CA"],"products":{)"
      R"("transactions":{"required":true,"require_permission":false,"prefetch":true,"reason":"To\\advise"},)"
      R"("identity":{"required":false,"require_permission":true,"prefetch":false}}}})");
}

TEST(SessionBody, TakesWhatIsJustWithinTheBounds) {
  const std::string four_bytes = "\xf0\x9f\x8f\xa6";
  std::string many_characters;
  for (int i = 0; i < 60; ++i)
    many_characters += four_bytes;
  const std::function<void(SessionRequest&)> within[] = {
      [](SessionRequest& r) { r.customer_user_id = "1234"; },
      [](SessionRequest& r) { r.customer_user_id = std::string(150, 'x'); },
      [&](SessionRequest& r) { r.customer_user_id = many_characters; },
      [](SessionRequest& r) { r.email = "a@bc"; },
      [](SessionRequest& r) { r.email = std::string(254, 'x'); },
      [](SessionRequest& r) { r.phone = std::string(30, '1'); },
      [](SessionRequest& r) { r.redirect_uri = "http://127.0.0.1:8080/back"; },
      [](SessionRequest& r) { r.redirect_uri = "http://[::1]:8080"; },
      [](SessionRequest& r) { r.redirect_uri = "https://a" + std::string(65'536 - 9, '/'); },
      [](SessionRequest& r) { r.webhook = "http://old.example.com/hook"; },
      [](SessionRequest& r) { r.link_tags = {std::string(99, 'x')}; },
      [](SessionRequest& r) { r.link_tags.assign(1000, "t"); },
  };
  for (const auto& change : within) {
    SessionRequest request = smallest();
    change(request);
    const auto body = session_body(request);
    EXPECT_TRUE(body) << body.error().message;
  }
}

struct Refused {
  const char* field;
  std::function<void(SessionRequest&)> change;
};

TEST(SessionBody, RefusesWhatUpstreamWouldNamingTheFieldAndNotTheValue) {
  const Refused table[] = {
      {"customer_user.id", [](SessionRequest& r) { r.customer_user_id = "hus"; }},
      {"customer_user.id", [](SessionRequest& r) { r.customer_user_id = ""; }},
      {"customer_user.id", [](SessionRequest& r) { r.customer_user_id = "hush" + std::string(147, 'x'); }},
      {"customer_user.id", [](SessionRequest& r) { r.customer_user_id = "hush\n"; }},
      {"customer_user.id", [](SessionRequest& r) { r.customer_user_id = "hush\xff"; }},
      {"customer_user.email", [](SessionRequest& r) { r.email = "hus"; }},
      {"customer_user.email", [](SessionRequest& r) { r.email = std::string(255, 'x'); }},
      {"customer_user.phone", [](SessionRequest& r) { r.phone = "123"; }},
      {"customer_user.phone", [](SessionRequest& r) { r.phone = std::string(31, '1'); }},
      {"customer_user.phone", [](SessionRequest& r) { r.phone_country = "US"; }},
      {"customer_user.phone",
       [](SessionRequest& r) {
         r.phone = "12345";
         r.phone_country = "DE";
       }},
      {"redirect_uri", [](SessionRequest& r) { r.redirect_uri = ""; }},
      {"redirect_uri", [](SessionRequest& r) { r.redirect_uri = "https://a.example/?hush"; }},
      {"redirect_uri", [](SessionRequest& r) { r.redirect_uri = "http://hush.example/"; }},
      {"redirect_uri", [](SessionRequest& r) { r.redirect_uri = "https://a" + std::string(65'528, '/'); }},
      {"webhook", [](SessionRequest& r) { r.webhook = "https://hush.example/\r\n"; }},
      {"webhook", [](SessionRequest& r) { r.webhook = std::string(65'537, 'x'); }},
      {"institution_id", [](SessionRequest& r) { r.institution_id = std::string(257, 'x'); }},
      {"link_tags", [](SessionRequest& r) { r.link_tags = {"fine", "-hush"}; }},
      {"link_tags", [](SessionRequest& r) { r.link_tags = {""}; }},
      {"link_tags", [](SessionRequest& r) { r.link_tags = {std::string(100, 'x')}; }},
      {"link_tags", [](SessionRequest& r) { r.link_tags.assign(1001, "t"); }},
      {"settings.products", [](SessionRequest& r) { r.products = {{.name = "hush", .reason = {}}}; }},
      {"settings.products",
       [](SessionRequest& r) {
         r.products = {{.name = "identity", .reason = {}}, {.name = "identity", .reason = {}}};
       }},
      {"settings.products",
       [](SessionRequest& r) { r.products = {{.name = "identity", .reason = "hush\x01"}}; }},
      {"settings.countries", [](SessionRequest& r) { r.countries = {"USA"}; }},
      {"settings.countries", [](SessionRequest& r) { r.countries = {"us"}; }},
      {"settings.countries", [](SessionRequest& r) { r.countries.assign(101, "US"); }},
      {"settings.providers", [](SessionRequest& r) { r.providers = {"hush hush"}; }},
      {"settings.providers", [](SessionRequest& r) { r.providers = {""}; }},
  };
  for (const Refused& c : table) {
    SessionRequest request = smallest();
    c.change(request);
    const auto body = session_body(request);
    ASSERT_FALSE(body) << c.field;
    EXPECT_EQ(body.error().code, Errc::invalid);
    EXPECT_TRUE(body.error().message.starts_with("link session: " + std::string(c.field) + " "))
        << body.error().message;
    EXPECT_EQ(body.error().message.find("hush"), std::string::npos) << body.error().message;
  }
}

TEST(SessionAddresses, AreHttpsOrThisMachines) {
  for (const char* good : {"https://app.example.com", "https://app.example.com:8443/a/b%20c",
                           "http://localhost", "https://[::1]/", "http://localhost:3000/back",
                           "http://127.0.0.1", "http://127.1.2.3:80/x", "http://[::1]:1/x"}) {
    EXPECT_FALSE(redirect_uri_fault(good)) << good;
    EXPECT_FALSE(webhook_fault(good)) << good;
  }
  for (const char* bad :
       {"", "app.example.com", "ftp://a.example", "HTTPS://a.example", "https://", "https:///path",
        "https://:443", "https://user@a.example", "https://u:p@a.example/", "https://a.example/#f",
        "https://a.example/a b", "https://a.example/\n", "https://\xc3\xa4.example/", "http://a.example",
        "http://127.0.0.1.example.com", "http://localhost.example.com", "http://10.0.0.1", "https://[::1",
        "http://[::2]"}) {
    EXPECT_TRUE(redirect_uri_fault(bad)) << bad;
    EXPECT_TRUE(webhook_fault(bad)) << bad;
  }
  EXPECT_TRUE(redirect_uri_fault("https://a.example/?q"));
  EXPECT_FALSE(webhook_fault("https://a.example/?q=1"));
  EXPECT_FALSE(webhook_fault("https://a.example?q=http://x@y"));
}

TEST(ExchangeBody, HoldsTheTokenAndNeverGrows) {
  const auto body = exchange_body("9f6d2c1a-0b43");
  ASSERT_TRUE(body);
  EXPECT_EQ(*body, R"({"exchangeable_token":"9f6d2c1a-0b43"})");
  const auto escaped = exchange_body("a\"b\\");
  ASSERT_TRUE(escaped);
  EXPECT_EQ(*escaped, R"({"exchangeable_token":"a\"b\\"})");
  const auto longest = exchange_body(std::string(4096, '"'));
  ASSERT_TRUE(longest);
  EXPECT_EQ(longest->capacity(), 64U + 2 * 4096U) << "it was made larger, and left a copy behind";
}

TEST(ExchangeBody, RefusesWhatIsNoTokenWithoutShowingIt) {
  for (const std::string& token :
       {std::string(), std::string("hush\n"), std::string("hush\xff"), std::string(4097, 'x')}) {
    const auto body = exchange_body(token);
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code, Errc::invalid);
    EXPECT_EQ(body.error().message.find("hush"), std::string::npos);
  }
}

// ---- the answers
// -------------------------------------------------------------------------------------------------

TEST(SessionAnswers, AreRead) {
  const auto answer = parse_session(R"({"link_session_token":"3f1b7d52-9a64","unknown":{"a":[1]}})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->link_session_token, "3f1b7d52-9a64");
}

TEST(SessionAnswers, AreRefusedWithoutShowingTheToken) {
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"("hush")"),
        std::string(R"({"link_session_token":null})"), std::string(R"({"link_session_token":""})"),
        std::string(R"({"link_session_token":5})"), std::string(R"({"link_session_token":"hush hush"})"),
        std::string(R"({"link_session_token":"hush\n"})"),
        std::string(R"({"link_session_token":"h\u00fcsh"})"),
        std::string(R"({"link_session_token":"hush","link_session_token":"hush"})"),
        std::string(R"({"link_session_token":"hush"} x)"), std::string(R"({"link_session_token":"hush")"),
        R"({"link_session_token":")" + std::string(8193, 'x') + "\"}"}) {
    const auto answer = parse_session(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().code, Errc::protocol);
    EXPECT_EQ(answer.error().message.find("hush"), std::string::npos);
  }
}

std::string link_json(const std::string& id, const std::string& state = "connected") {
  return R"({"link_id":")" + id + R"(","institution_id":"chase","state":")" + state +
         R"(","error_code":null,"provider":"mx","products":{}})";
}

TEST(ExchangeAnswers, TakeTheIdOfTheLink) {
  const auto answer = parse_exchange(R"({"link_id":"mk_old","link":)" + link_json("mk_new") + "}");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)->link.link_id, "mk_new");
  EXPECT_EQ((*answer)->link.state, "connected");
  EXPECT_EQ((*answer)->link.json, link_json("mk_new"));
  for (const char* deprecated : {"", R"("link_id":null,)"}) {
    const auto without =
        parse_exchange("{" + std::string(deprecated) + R"("link":)" + link_json("mk_1") + "}");
    ASSERT_TRUE(without) << without.error().message;
    EXPECT_EQ((*without)->link.link_id, "mk_1");
  }
}

TEST(ExchangeAnswers, FallBackToTheDeprecatedId) {
  for (const char* body : {R"({"link_id":"mk_1"})", R"({"link":null,"link_id":"mk_1"})"}) {
    const auto answer = parse_exchange(body);
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ((*answer)->link.link_id, "mk_1");
    EXPECT_EQ((*answer)->link.state, "");
    EXPECT_EQ((*answer)->link.json, "");
  }
}

TEST(ExchangeAnswers, AreRefusedWhole) {
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"({"link":null})"),
        std::string(R"({"link_id":null})"), std::string(R"({"link_id":""})"), std::string(R"({"link_id":5})"),
        std::string(R"({"link_id":"mk_1","link":{}})"), std::string(R"({"link_id":"mk_1","link":[]})"),
        R"({"link":)" + link_json("mk_1") + R"(,"link":)" + link_json("mk_1") + "}",
        R"({"link":)" + link_json("mk_1") + "} {}"}) {
    const auto answer = parse_exchange(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().code, Errc::protocol);
  }
}

TEST(UserLinks, AreReadInTheirOrder) {
  const auto answer = parse_user_links(R"({"links":{"mk_2":)" + link_json("mk_2", "awaiting_token_exchange") +
                                       R"(,"mk_1":)" + link_json("mk_1") + R"(},"unknown":1})");
  ASSERT_TRUE(answer) << answer.error().message;
  ASSERT_EQ((*answer)->links.size(), 2U);
  EXPECT_EQ((*answer)->links[0].link_id, "mk_2");
  EXPECT_EQ((*answer)->links[0].state, "awaiting_token_exchange");
  EXPECT_EQ((*answer)->links[1].link_id, "mk_1");
  EXPECT_EQ((*answer)->links[1].json, link_json("mk_1"));
  const auto none = parse_user_links(R"({"links":{}})");
  ASSERT_TRUE(none);
  EXPECT_TRUE((*none)->links.empty());
}

TEST(UserLinks, AKeyMayBeWrittenWithEscapes) {
  const auto answer = parse_user_links(R"({"links":{"m\u006b_1":)" + link_json("mk_1") + "}}");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ((*answer)->links.at(0).link_id, "mk_1");
}

TEST(UserLinks, AreRefused) {
  for (const std::string& body :
       {std::string(), std::string("{}"), std::string("[]"), std::string(R"({"links":null})"),
        std::string(R"({"links":[]})"), std::string(R"({"links":{"mk_1":null}})"),
        std::string(R"({"links":{"mk_1":{}}})"), std::string(R"({"links":{"mk_1":[]}})"),
        R"({"links":{"mk_2":)" + link_json("mk_1") + "}}",
        R"({"links":{"mk_1":)" + link_json("mk_1") + R"(,"mk_1":)" + link_json("mk_1") + "}}",
        R"({"links":{"mk_1":)" + link_json("mk_1") + R"(,"m\u006b_1":)" + link_json("mk_1") + "}}",
        R"({"links":{"":)" + link_json("") + "}}", R"({"links":{"mk_1":)" + link_json("mk_1") + "}"}) {
    const auto answer = parse_user_links(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().code, Errc::protocol);
    EXPECT_FALSE(answer.error().too_large);
    EXPECT_EQ(answer.error().message.find("mk_"), std::string::npos) << answer.error().message;
  }
}

std::string many_links(std::size_t count) {
  std::string body = R"({"links":{)";
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = "mk_" + std::to_string(i);
    body += (i == 0 ? "\"" : ",\"") + id + "\":" + R"({"link_id":")" + id + R"(","state":"connected"})";
  }
  return body + "}}";
}

TEST(UserLinks, HaveABound) {
  const auto most = parse_user_links(many_links(user_links_max));
  ASSERT_TRUE(most) << most.error().message;
  EXPECT_EQ((*most)->links.size(), user_links_max);
  const auto more = parse_user_links(many_links(user_links_max + 1));
  ASSERT_FALSE(more);
  EXPECT_TRUE(more.error().too_large) << more.error().message;
}

TEST(LinkKeeps, AreWhatARelinkMustRepeat) {
  const auto keeps = parse_link_keeps(
      R"({"link_id":"mk_1","webhook":"https://hooks.example.com/mk","link_tags":["b","a"],"tags":["old"]})");
  ASSERT_TRUE(keeps) << keeps.error().message;
  EXPECT_EQ(keeps->webhook, "https://hooks.example.com/mk");
  EXPECT_EQ(keeps->link_tags, (std::vector<std::string>{"b", "a"}));
  const auto old = parse_link_keeps(R"({"webhook":null,"link_tags":null,"tags":["old"]})");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->webhook, "");
  EXPECT_EQ(old->link_tags, (std::vector<std::string>{"old"}));
  EXPECT_TRUE(parse_link_keeps("{}"));
  for (const char* bad : {"", "[]", R"({"webhook":5})", R"({"link_tags":{}})", R"({"link_tags":[5]})",
                          R"({"tags":"a"})", R"({"a":1} x)"}) {
    const auto refused = parse_link_keeps(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, Errc::protocol);
  }
}

}  // namespace
}  // namespace syncd::core
