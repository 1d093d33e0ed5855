#include "sync/api/base_url.hpp"

#include <string>

#include <gtest/gtest.h>

namespace syncd::test {
namespace {

using api::BaseUrl;
using api::parse_base_url;

TEST(base_url, reads_each_part) {
  const auto plain = parse_base_url("https://API.moneykit.com");
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->tls);
  EXPECT_EQ(plain->host, "api.moneykit.com");
  EXPECT_EQ(plain->port, 443);
  EXPECT_EQ(plain->path, "");
  EXPECT_EQ(plain->authority(), "api.moneykit.com");

  const auto full = parse_base_url("https://host.example:8443/base/v1/");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->port, 8443);
  EXPECT_EQ(full->path, "/base/v1");
  EXPECT_EQ(full->authority(), "host.example:8443");

  const auto six = parse_base_url("http://[::1]:8080");
  ASSERT_TRUE(six);
  EXPECT_FALSE(six->tls);
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->authority(), "[::1]:8080");
}

TEST(base_url, admits_plain_http_on_loopback_only) {
  EXPECT_TRUE(parse_base_url("http://127.0.0.1:1"));
  EXPECT_TRUE(parse_base_url("http://127.8.8.8"));
  EXPECT_TRUE(parse_base_url("http://localhost:1"));
  EXPECT_FALSE(parse_base_url("http://api.moneykit.com"));
  EXPECT_FALSE(parse_base_url("http://10.0.0.1"));
  EXPECT_FALSE(parse_base_url("http://localhost.example"));
  EXPECT_FALSE(parse_base_url("http://0.0.0.0"));
}

TEST(base_url, says_what_is_wrong) {
  for (const char* text : {"", "api.moneykit.com", "ftp://x", "https://", "https://:443", "https://a b",
                           "https://-a", "https://a..b", "https://a:0", "https://a:65536",
                           "https://a:", "https://a:8x", "https://a?q", "https://a/#f", "https://a/b c",
                           "https://[::1", "https://[zz]", "https://[1.2.3.4]", "https://[::1]8"}) {
    const auto url = parse_base_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, core::Errc::invalid);
    EXPECT_NE(url.error().message.find("base URL"), std::string::npos);
  }
}

TEST(base_url, admits_what_host_names_and_paths_are_made_of) {
  for (const char* text : {"https://a-b.c_d.0z9", "https://[2001:db8::1]", "https://host/a~b/c!"})
    EXPECT_TRUE(parse_base_url(text)) << text;
  for (const char* text : {"https://a{b", "https://a:b", "https://.a", "https://a/b\x7f", "https://[::g]"})
    EXPECT_FALSE(parse_base_url(text)) << text;
  EXPECT_TRUE(parse_base_url("https://" + std::string(253, 'a')));
  EXPECT_FALSE(parse_base_url("https://" + std::string(254, 'a')));
}

TEST(base_url, does_not_repeat_a_password) {
  const auto url = parse_base_url("https://user:hunter2@host");
  ASSERT_FALSE(url);
  EXPECT_EQ(url.error().message.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace syncd::test
