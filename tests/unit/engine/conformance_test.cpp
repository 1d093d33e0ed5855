#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "sync/api/moneykit_api.hpp"
#include "sync/api/secret.hpp"
#include "tests/unit/api/fake_upstream.hpp"
#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {
namespace {

using Answer = core::Result<std::shared_ptr<const core::LinkAnswer>>;

api::Task<void> look(api::MoneykitApi& upstream, std::optional<Answer>& answer) {
  const core::LinkId link_id{"mk_1"};
  answer = co_await upstream.link(link_id, core::Cause::schedule);
}

// Accepts only the newest token it gave out; that one ends when the test says so.
struct TokenUpstream {
  int issued = 0;
  int valid = 0;
  int refusals = 0;

  FakeTransport::Answer operator()(const api::HttpCall& call) {
    if (call.target == "/auth/token") {
      valid = ++issued;
      return json_reply(201, R"({"access_token":"t)" + std::to_string(issued) +
                                 R"(","token_type":"bearer","expires_in":3600})");
    }
    if (valid != 0 && header_of(call, "Authorization") == "Bearer t" + std::to_string(valid))
      return json_reply(200, R"({"link_id":"mk_1","state":"connected"})");
    ++refusals;
    return error_reply(401, "api_error.auth.expired_access_token");
  }
};

// The vendor's sample asks for a token once and works until it expires.
TEST(VendorSampleDefects, ExpiredTokenIsRenewed) {
  VirtualIo world;
  TokenUpstream tokens;
  FakeTransport transport(std::ref(tokens));
  api::RateGate gate(world.timers, {});
  api::ApiOptions options{.auth = api::AuthMethod::token,
                          .client_id = "client",
                          .client_secret = std::make_shared<const api::Secret>(std::string("secret"))};
  api::MoneykitApi upstream(transport, gate, world.timers, options, [](const core::HttpReport&) {});
  std::optional<Answer> answer;
  const auto ask = [&] {
    answer.reset();
    world.start(look(upstream, answer));
    return answer && *answer;
  };
  ASSERT_TRUE(ask());
  ASSERT_TRUE(ask());
  EXPECT_EQ(tokens.issued, 1);

  // Ended early: one refusal, one renewal, and the call is repeated.
  tokens.valid = 0;
  ASSERT_TRUE(ask());
  EXPECT_EQ(tokens.issued, 2);
  EXPECT_EQ(tokens.refusals, 1);

  // Ended at its stated time: renewed before anybody is refused.
  world.pass(std::chrono::hours(1));
  ASSERT_TRUE(ask());
  EXPECT_EQ(tokens.issued, 3);
  EXPECT_EQ(tokens.refusals, 1);
}

}  // namespace
}  // namespace syncd::test
