#include <gtest/gtest.h>

#include "sync/core/page.hpp"
#include "tests/unit/core/sample_answers.hpp"

namespace syncd::core {
namespace {

using test::sample_link;

std::string refusal(const std::string& body) {
  const auto answer = parse_link(body);
  if (answer) return "accepted";
  EXPECT_EQ(answer.error().code, Errc::protocol);
  return answer.error().message;
}

TEST(LinkObjects, AreReadWhole) {
  const auto answer = parse_link(" " + sample_link() + "\n");
  ASSERT_TRUE(answer) << answer.error().message;
  const LinkObject& link = (*answer)->link;
  EXPECT_EQ(link.link_id, "mk_eqkWN34UEoa2NxyALG8pcV");
  EXPECT_EQ(link.institution_id, "chase");
  EXPECT_EQ(link.provider, "moneykit");
  EXPECT_EQ(link.state, "connected");
  EXPECT_EQ(link.error_code, "");
  EXPECT_EQ(link.json, sample_link());
  EXPECT_TRUE(link.accounts.granted);
  EXPECT_EQ(link.accounts.refreshed_at, parse_upstream_time("2024-03-01T09:40:00.000001Z"));
  EXPECT_TRUE(link.transactions.granted);
  EXPECT_EQ(link.transactions.refreshed_at, parse_upstream_time("2024-03-01T09:46:11.190512Z"));
  EXPECT_EQ(link.transactions.error_code, "");
  EXPECT_EQ((*answer)->unknown_values, 0u);
}

TEST(LinkObjects, KnowEveryDocumentedWord) {
  for (const char* state : {"connected", "error", "connecting", "awaiting_token_exchange", "deleted"}) {
    const auto answer = parse_link(sample_link("\"" + std::string(state) + "\""));
    ASSERT_TRUE(answer);
    EXPECT_EQ((*answer)->unknown_values, 0u) << state;
  }
  for (const char* code : {"auth_expired", "user_setup_required", "invalid_credentials", "user_oauth_denied",
                           "user_input_incorrect", "user_error", "incomplete", "no_accounts",
                           "institution_error", "provider_error", "system_error"}) {
    const auto answer = parse_link(sample_link("\"error\"", "\"" + std::string(code) + "\""));
    ASSERT_TRUE(answer);
    EXPECT_EQ((*answer)->link.error_code, code);
    EXPECT_EQ((*answer)->unknown_values, 0u) << code;
  }
}

// J-5
TEST(LinkObjects, KeepAndCountUnknownWords) {
  const auto answer =
      parse_link(R"({"link_id":"a","state":"dreaming","error_code":"payment_error","provider":"newbank",)"
                 R"("products":{"transactions":{"refreshed_at":"yesterday","error_code":"tired"}}})");
  ASSERT_TRUE(answer) << answer.error().message;
  const LinkObject& link = (*answer)->link;
  EXPECT_EQ(link.state, "dreaming");
  EXPECT_EQ(link.error_code, "payment_error");
  EXPECT_EQ(link.provider, "newbank");
  EXPECT_EQ(link.transactions.error_code, "tired");
  EXPECT_EQ(link.transactions.refreshed_at, std::nullopt);
  EXPECT_EQ((*answer)->unknown_values, 5u);
}

TEST(LinkObjects, OptionalMembersMayBeNullOrMissing) {
  for (const char* body :
       {R"({"link_id":"a","state":"connected"})",
        R"({"link_id":"a","state":"connected","error_code":null,"provider":null,"institution_id":null,)"
        R"("products":null})",
        R"({"link_id":"a","state":"connected","products":{}})",
        R"({"link_id":"a","state":"connected","products":{"accounts":null,"transactions":null}})"}) {
    const auto answer = parse_link(body);
    ASSERT_TRUE(answer) << body;
    EXPECT_FALSE((*answer)->link.transactions.granted);
    EXPECT_FALSE((*answer)->link.accounts.granted);
    EXPECT_EQ((*answer)->link.institution_id, "");
    EXPECT_EQ((*answer)->unknown_values, 0u);
  }
  const auto granted =
      parse_link(R"({"link_id":"a","state":"connected","products":{"transactions":{"refreshed_at":null}}})");
  ASSERT_TRUE(granted);
  EXPECT_TRUE((*granted)->link.transactions.granted);
  EXPECT_EQ((*granted)->link.transactions.refreshed_at, std::nullopt);
}

TEST(LinkObjects, AProductsErrorCountsUntilALaterTrySucceeds) {
  const auto failing = [](const std::string& members) {
    const auto answer =
        parse_link(R"({"link_id":"a","state":"connected","products":{"transactions":{)" + members + R"(}}})");
    EXPECT_TRUE(answer) << members;
    return answer && (*answer)->link.transactions.failing;
  };
  const std::string error = R"("error_code":"auth_expired")";
  const std::string at_1 = R"(,"last_attempted_at":"2025-05-01T10:00:00Z")";
  const std::string at_2 = R"(,"last_attempted_at":"2025-05-01T11:00:00Z")";
  const std::string success_2 = R"(,"refreshed_at":"2025-05-01T11:00:00Z")";
  EXPECT_TRUE(failing(error));
  EXPECT_TRUE(failing(error + at_1));
  EXPECT_TRUE(failing(error + success_2));
  EXPECT_TRUE(failing(error + at_2 + success_2));
  EXPECT_FALSE(failing(error + at_1 + success_2));
  EXPECT_FALSE(failing(R"("error_code":null)" + at_1));
}

// J-4
TEST(LinkObjects, RequiredMembersMustBeThere) {
  constexpr const char* front = "a link answer was refused: ";
  EXPECT_EQ(refusal("{}"), std::string(front) + "link_id is missing");
  EXPECT_EQ(refusal(R"({"link_id":"a"})"), std::string(front) + "state is missing");
  EXPECT_EQ(refusal(R"({"link_id":"a","state":null})"), std::string(front) + "state is null");
  EXPECT_EQ(refusal(R"({"link_id":7,"state":"connected"})"), std::string(front) + "link_id is not a string");
  EXPECT_EQ(refusal(R"({"link_id":"a","state":"connected","error_code":5})"),
            std::string(front) + "error_code is not a string");
  EXPECT_EQ(refusal(R"({"link_id":"a","state":"connected","products":[]})"),
            std::string(front) + "products is not an object");
  EXPECT_EQ(refusal(R"({"link_id":"a","state":"connected","products":{"transactions":true}})"),
            std::string(front) + "products.transactions is not an object");
  EXPECT_EQ(refusal(R"({"link_id":"a","state":"connected","products":{"accounts":{"refreshed_at":17}}})"),
            std::string(front) + "products.accounts.refreshed_at is not a string");
  EXPECT_EQ(refusal(R"({"link_id":"a","link_id":"b","state":"connected"})"),
            std::string(front) + "the answer has a member twice");
}

}  // namespace
}  // namespace syncd::core
