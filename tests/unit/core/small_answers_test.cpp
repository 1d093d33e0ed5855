#include <gtest/gtest.h>

#include "sync/core/page.hpp"

namespace syncd::core {
namespace {

using namespace std::chrono_literals;

TEST(TokenAnswers, AreRead) {
  const auto answer =
      parse_token(R"({"access_token":"eyJh.b-_~+/=","token_type":"bearer","expires_in":3600})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->access_token, "eyJh.b-_~+/=");
  EXPECT_EQ(answer->expires_in, 3600s);
  EXPECT_TRUE(parse_token(R"({"access_token":"a","token_type":"Bearer","expires_in":1})"));
  EXPECT_TRUE(parse_token(R"({"expires_in":1,"token_type":"BEARER","scope":"","access_token":"a"})"));
}

TEST(TokenAnswers, AreRefusedWithoutShowingTheToken) {
  for (const char* body :
       {"",
        "{}",
        "[]",
        R"({"access_token":"hush","token_type":"bearer"})",
        R"({"access_token":"hush","expires_in":3600})",
        R"({"token_type":"bearer","expires_in":3600})",
        R"({"access_token":"hush","token_type":"mac","expires_in":3600})",
        R"({"access_token":"hush","token_type":"bearer","expires_in":0})",
        R"({"access_token":"hush","token_type":"bearer","expires_in":-5})",
        R"({"access_token":"hush","token_type":"bearer","expires_in":1.5})",
        R"({"access_token":"hush","token_type":"bearer","expires_in":1e3})",
        R"({"access_token":"hush","token_type":"bearer","expires_in":"3600"})",
        R"({"access_token":"hush","token_type":"bearer","expires_in":99999999999999999999})",
        R"({"access_token":"","token_type":"bearer","expires_in":3600})",
        R"({"access_token":"hush\r\nX-Evil: 1","token_type":"bearer","expires_in":3600})",
        R"({"access_token":"hush hush","token_type":"bearer","expires_in":3600})",
        R"({"access_token":"hüsh","token_type":"bearer","expires_in":3600})",
        "{\"access_token\":\"hush\x7f\",\"token_type\":\"bearer\",\"expires_in\":3600}",
        R"({"access_token":"hush","token_type":"be4rer","expires_in":3600})",
        R"({"access_token":"hush","token_type":null,"expires_in":3600})",
        R"({"access_token":null,"token_type":"bearer","expires_in":3600})",
        R"({"access_token":"hush","access_token":"hush","token_type":"bearer","expires_in":3600})"}) {
    const auto answer = parse_token(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().code, Errc::protocol);
    EXPECT_EQ(answer.error().message.find("hush"), std::string::npos);
  }
  EXPECT_FALSE(parse_token(R"({"access_token":")" + std::string(8193, 'x') +
                           R"(","token_type":"bearer","expires_in":3600})"));
}

TEST(ErrorAnswers, AreRead) {
  const auto answer =
      parse_error(R"({"error_code":"link_error.bad_state","error_message":"no","documentation_url":null,)"
                  R"("link_error_code":"auth_expired"})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->error_code, "link_error.bad_state");
  EXPECT_EQ(answer->link_error_code, "auth_expired");
  const auto validation =
      parse_error(R"({"error_code":"api_error.request.validation_failed",)"
                  R"("validation_errors":[{"location":["query",0],"message":"m","type":"t"}]})");
  ASSERT_TRUE(validation);
  EXPECT_EQ(validation->link_error_code, "");
  EXPECT_TRUE(parse_error("{}"));
  EXPECT_EQ(parse_error(R"({"error_code":null})")->error_code, "");
}

TEST(ErrorAnswers, NameTheRefusedFieldsAndNoValue) {
  const auto fields = [](const std::string& errors) {
    const auto answer = parse_error(R"({"error_code":"e","validation_errors":)" + errors + "}");
    EXPECT_TRUE(answer) << errors;
    return answer ? answer->refused_fields : std::vector<std::string>{"?"};
  };
  using Fields = std::vector<std::string>;
  EXPECT_EQ(fields(R"([{"location":["body","customer_user","id"],"message":"hush","type":"t"},)"
                   R"({"location":["body","link_tags",3]},{"location":["redirect_uri"]}])"),
            (Fields{"customer_user.id", "link_tags[3]", "redirect_uri"}));
  EXPECT_EQ(fields(R"([{"location":["body","hush@example.com","id"]},{"location":["body",-1,1.5,1234567]}])"),
            (Fields{"?.id", "[?][?][?]"}));
  EXPECT_EQ(fields(R"([{"location":["body","products",["hush"],{"hush":1},null]}])"),
            (Fields{"products[?][?][?]"}));
  EXPECT_EQ(fields(R"([{"location":["a","a","a","a","a","a","a","a"]}])"), (Fields{"?.?.?.?.?.?"}));
  EXPECT_EQ(
      fields(R"([{"location":["id"]},{"location":["size"]},{"location":["limit"]},{"location":["cursor"]},)"
             R"({"location":["webhook"]}])"),
      (Fields{"id", "size", "limit", "cursor"}));
  for (const char* other : {"null", "{}", "5", "[]", "[null,5,\"x\",[]]", R"([{"location":null}])",
                            R"([{"location":"body"}])", R"([{"location":[]}])", R"([{"location":["body"]}])"})
    EXPECT_EQ(fields(other), Fields{}) << other;
  EXPECT_FALSE(parse_error(R"({"error_code":"e","validation_errors":[{"location":["id"})"));
}

TEST(ErrorAnswers, AreRefusedWhenTheyAreNotUpstreams) {
  for (const std::string& body :
       {std::string(), std::string("<html>502</html>"), std::string("[]"), std::string("\"no\""),
        std::string(R"({"error_code":404})"), std::string(R"({"error_code":"two words"})"),
        std::string(R"({"error_code":"a\u001bb"})"), R"({"error_code":")" + std::string(129, 'x') + "\"}",
        std::string(R"({"error_code":"a"} x)")}) {
    const auto answer = parse_error(body);
    ASSERT_FALSE(answer) << body;
    EXPECT_EQ(answer.error().code, Errc::protocol);
  }
}

TEST(IntrospectAnswers, AreRead) {
  const auto answer =
      parse_introspect(R"({"client_id":"c","client_name":"n","scope":"","app":{"app_id":"app_1","name":"x"},)"
                       R"("disabled_at":"2030-01-01T00:00:00Z"})");
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->app_id, "app_1");
  EXPECT_EQ(answer->disabled_at, "2030-01-01T00:00:00Z");
  const auto plain = parse_introspect(R"({"client_id":"c","app":null,"disabled_at":null})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->disabled_at, "");
  EXPECT_EQ(parse_introspect(R"({"app":{"app_id":null}})")->app_id, "");
  EXPECT_FALSE(parse_introspect(R"({"app":[]})"));
  EXPECT_FALSE(parse_introspect(R"({"app":{"app_id":5}})"));
  EXPECT_FALSE(parse_introspect(R"({"app":{"name":nope}})"));
  EXPECT_FALSE(parse_introspect("nothing"));
}

}  // namespace
}  // namespace syncd::core
