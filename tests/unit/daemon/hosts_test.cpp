#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/address.hpp"

namespace syncd::test {

using daemon::parse_hosts;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Hosts, AreNamesAndAddressesWithOrWithoutAPort) {
  EXPECT_THAT(*parse_hosts(""), IsEmpty());
  EXPECT_THAT(*parse_hosts("  "), IsEmpty());
  EXPECT_THAT(*parse_hosts(" Admin.Example.com  10.0.0.1:8420 [2001:DB8::1]:443 [::1] localhost"),
              ElementsAre("admin.example.com", "10.0.0.1:8420", "[2001:db8::1]:443", "[::1]", "localhost"));
  for (const char* bad : {"http://a",
                          "a/b",
                          "a:",
                          "a:0",
                          "a:65536",
                          "a:x",
                          ":1",
                          "a b:c",
                          "*.example.com",
                          "*",
                          "a,b",
                          ".a",
                          "a.",
                          "a..b",
                          "[::1",
                          "[::1]x",
                          "[a]",
                          "2001:db8::1",
                          "a_b",
                          "user@a",
                          "a\n",
                          "\xC3\xA4.example"}) {
    EXPECT_FALSE(parse_hosts(bad)) << bad;
  }
  EXPECT_FALSE(parse_hosts(std::string(254, 'a')));
}

TEST(Hosts, AreBounded) {
  std::string text;
  for (std::size_t at = 0; at < daemon::hosts_max; ++at)
    text += "a" + std::to_string(at) + " ";
  EXPECT_EQ(parse_hosts(text)->size(), daemon::hosts_max);
  EXPECT_FALSE(parse_hosts(text + "b"));
}

TEST(Loopback, IsThisMachineAlone) {
  const auto loopback = [](const char* text) { return is_loopback(*daemon::parse_listen_address(text)); };
  for (const char* inside : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"})
    EXPECT_TRUE(loopback(inside)) << inside;
  for (const char* outside : {"0.0.0.0:1", "10.0.0.1:1", "192.0.2.1:1", "[::]:1", "[2001:db8::1]:1",
                              "[::ffff:10.0.0.1]:1", "[fe80::1]:1", "12.7.0.1:1"}) {
    EXPECT_FALSE(loopback(outside)) << outside;
  }
}

}  // namespace syncd::test
