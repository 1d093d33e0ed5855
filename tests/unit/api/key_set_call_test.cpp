#include <gtest/gtest.h>

#include "tests/unit/api/client_fixture.hpp"

namespace syncd::test {
namespace {

using api::HttpCall;
using core::Endpoint;
using core::Errc;

// Anybody may read the keys that webhooks are signed with: it is said who asks, and proven by nothing.
TEST(key_set_call, asks_for_the_key_set_without_a_secret_or_a_token) {
  for (const api::AuthMethod auth : {api::AuthMethod::headers, api::AuthMethod::token}) {
    ClientFixture fixture(auth, [](const HttpCall&) {
      return json_reply(200, R"({"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"k",)"
                             R"("x":"Xuws3Z1SY-dpyGAylbso-e653hKAZ5_PQcMkmwk-C6s",)"
                             R"("y":"NPAU_ZcavKp6mDY2zoe2LcyXb6ePNo--aI7IYGtOuPQ"}]})");
    });
    const auto set = fixture.run(fixture.client.key_set());
    ASSERT_TRUE(set) << set.error().message;
    ASSERT_EQ(set->keys.size(), 1U);
    EXPECT_EQ(set->keys[0].kid, "k");
    ASSERT_EQ(fixture.transport.calls().size(), 1U);
    const HttpCall& call = fixture.transport.calls()[0];
    EXPECT_EQ(call.method, api::Method::get);
    EXPECT_EQ(call.target, "/.well-known/jwks.json");
    EXPECT_EQ(header_of(call, "X-Client-Id"), "id+1");
    EXPECT_EQ(header_of(call, "X-Client-Secret"), "");
    EXPECT_EQ(header_of(call, "Authorization"), "");
    EXPECT_EQ(fixture.reports.at(0).endpoint, Endpoint::key_set);
  }
}

TEST(key_set_call, a_key_set_that_is_none_is_a_protocol_error) {
  ClientFixture fixture(api::AuthMethod::headers, [](const HttpCall&) { return json_reply(200, "{}"); });
  const auto set = fixture.run(fixture.client.key_set());
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, Errc::protocol);
  EXPECT_EQ(set.error().http_status, 200);
}

}  // namespace
}  // namespace syncd::test
