#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config.hpp"
#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {
namespace {

using daemon::Config;
using testing::ElementsAre;

constexpr const char* minimal = "[upstream]\nclient_id = \"sandbox_1\"\n";

TEST(ConfigOfWebhooks, TheyAreReceivedWhereItIsSaidAndNowhereElse) {
  const ScratchDirectory scratch;
  const auto load = [&](const std::string& webhook) {
    return daemon::load_config(scratch.write("webhook.toml", std::string(minimal) + "[webhook]\n" + webhook),
                               {});
  };
  const auto usual = load("");
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->config.webhook.listen, "");
  EXPECT_EQ(usual->config.webhook.path, "/webhook");
  EXPECT_EQ(usual->config.webhook.issuer, "");
  EXPECT_EQ(usual->config.webhook.hooks_per_second_max, 500U);
  EXPECT_EQ(usual->config.webhook.links_waiting_max, 100'000U);
  const auto other = load(
      "listen = \"0.0.0.0:8421\"\npath = \"/a/b\"\nissuer = \"https://i.example\"\n"
      "hooks_per_second_max = 1\nlinks_waiting_max = 2\n");
  ASSERT_TRUE(other);
  EXPECT_THAT(daemon::compare_configs(usual->config, other->config).need_restart,
              ElementsAre("webhook.listen"));
  const Config merged = daemon::merge_reloadable(usual->config, other->config);
  EXPECT_EQ(merged.webhook.path, "/a/b");
  EXPECT_EQ(merged.webhook.links_waiting_max, 2U);
  for (const char* bad : {"path = \"\"\n", "path = \"webhook\"\n", "path = \"/a?b=c\"\n", "path = \"/a b\"\n",
                          "path = \"/a#b\"\n", "issuer = \"a\\nb\"\n", "listen = \"nowhere\"\n",
                          "hooks_per_second_max = 0\n", "links_waiting_max = 0\n"}) {
    const auto refused = load(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().size(), 1U) << bad;
    EXPECT_TRUE(refused.error()[0].key.starts_with("webhook.")) << bad;
    EXPECT_NE(refused.error()[0].next_step, "") << bad;
  }
}

}  // namespace
}  // namespace syncd::test
