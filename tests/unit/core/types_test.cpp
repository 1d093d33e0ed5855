#include "sync/core/types.hpp"

#include <cstdlib>
#include <set>
#include <stdexcept>

#include <gtest/gtest.h>
#include <openssl/provider.h>

namespace syncd::core {
namespace {

using namespace std::chrono_literals;

// 2024-03-01T09:46:11Z
constexpr std::chrono::sys_seconds moment{1709286371s};

TEST(UpstreamTime, EveryPrintedFormIsTheSameMoment) {
  for (const char* text :
       {"2024-03-01T09:46:11Z", "2024-03-01T09:46:11z", "2024-03-01T09:46:11", "2024-03-01 09:46:11",
        "2024-03-01t09:46:11+00:00", "2024-03-01T09:46:11-00:00", "2024-03-01T09:46:11+0000",
        "2024-03-01T09:46:11+00", "2024-03-01T11:46:11+02:00", "2024-03-01T11:46:11+0200",
        "2024-02-29T23:46:11-10:00", "2024-03-01T15:31:11+05:45", "2024-03-01T09:46:11.0Z",
        "2024-03-01T09:46:11.000000000000000000001Z"}) {
    EXPECT_EQ(parse_upstream_time(text), UpstreamTime{moment}) << text;
  }
}

TEST(UpstreamTime, FractionsAreCutAtMicroseconds) {
  const UpstreamTime base{moment};
  EXPECT_EQ(parse_upstream_time("2024-03-01T09:46:11.1Z"), base + 100ms);
  EXPECT_EQ(parse_upstream_time("2024-03-01T09:46:11.190512"), base + 190512us);
  EXPECT_EQ(parse_upstream_time("2024-03-01T09:46:11.1905129+00:00"), base + 190512us);
  EXPECT_EQ(parse_upstream_time("2024-03-01T09:46:11.999999999Z"), base + 999999us);
}

TEST(UpstreamTime, AllYearsAndALeapSecond) {
  EXPECT_TRUE(parse_upstream_time("0001-01-01T00:00:00Z"));
  EXPECT_TRUE(parse_upstream_time("9999-12-31T23:59:59.999999Z"));
  EXPECT_LT(*parse_upstream_time("0001-01-01T00:00:00Z"), *parse_upstream_time("9999-12-31T23:59:59Z"));
  // A leap second is the last instant of its minute: neither lost nor equal to the next minute.
  EXPECT_EQ(parse_upstream_time("2016-12-31T23:59:60Z"), parse_upstream_time("2016-12-31T23:59:59.999999Z"));
  EXPECT_EQ(parse_upstream_time("2016-12-31T23:59:60.5Z"),
            parse_upstream_time("2016-12-31T23:59:59.999999Z"));
}

TEST(UpstreamTime, NothingElseIsATime) {
  for (const char* text : {"",
                           "2024-03-01",
                           "2024-03-01T",
                           "2024-03-01T09:46",
                           "2024-03-01T09:46Z",
                           "2024-03-01T9:46:11Z",
                           "2024-03-01T24:00:00Z",
                           "2024-03-01T09:60:00Z",
                           "2024-03-01T09:46:61Z",
                           "2023-02-29T00:00:00Z",
                           "0000-01-01T00:00:00Z",
                           "2024-13-01T00:00:00Z",
                           "2024-03-01T09:46:11.Z",
                           "2024-03-01T09:46:11,5Z",
                           "2024-03-01T09:46:11ZZ",
                           "2024-03-01T09:46:11 Z",
                           "2024-03-01T09:46:11+24:00",
                           "2024-03-01T09:46:11+01:60",
                           "2024-03-01T09:46:11+1",
                           "2024-03-01T09:46:11+01:",
                           "2024-03-01T09:46:11+01:0",
                           "2024-03-01T09:46:11 CET",
                           "1709286371",
                           "now",
                           "20240301T094611Z",
                           "2024-03-01X09:46:11Z",
                           " 2024-03-01T09:46:11Z"}) {
    EXPECT_FALSE(parse_upstream_time(text)) << text;
  }
}

TEST(WallClock, IsPrintedInUtcWithMilliseconds) {
  EXPECT_EQ(format_wall_time(WallTime{moment} + 451ms), "2024-03-01T09:46:11.451Z");
  EXPECT_EQ(format_wall_time(WallTime{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_wall_time(WallTime{-1ms}), "1969-12-31T23:59:59.999Z");
}

TEST(Ids, AreOneTo256BytesWithoutControlCharacters) {
  EXPECT_TRUE(is_valid_id("mk_eqkWN34UEoa2NxyALG8pcV"));
  EXPECT_TRUE(is_valid_id("a"));
  EXPECT_TRUE(is_valid_id(std::string(256, 'x')));
  EXPECT_TRUE(is_valid_tag("-Tier 1"));
  EXPECT_TRUE(is_valid_tag(std::string(128, 'x')));
  EXPECT_FALSE(is_valid_tag(std::string(129, 'x')));
  EXPECT_FALSE(is_valid_tag(""));
  EXPECT_FALSE(is_valid_tag("a\tb"));
  EXPECT_TRUE(is_valid_id("/../etc/passwd"));  // opaque: never part of a path
  EXPECT_TRUE(is_valid_id("a:b\"c'd e"));
  EXPECT_TRUE(is_valid_id("konto-Zürich-€"));
  EXPECT_FALSE(is_valid_id(""));
  EXPECT_FALSE(is_valid_id(std::string(257, 'x')));
}

TEST(Ids, ControlCharactersAreFoundAtEveryPlace) {
  for (std::size_t length = 1; length <= 40; ++length) {
    for (std::size_t at = 0; at < length; ++at) {
      for (const char bad : {'\0', '\x01', '\x1f', '\x7f', '\xff', '\x80'}) {
        std::string text(length, 'a');
        text[at] = bad;
        EXPECT_FALSE(is_valid_id(text)) << length << ' ' << at;
      }
      for (const char good : {' ', '~', '!'}) {
        std::string text(length, 'a');
        text[at] = good;
        EXPECT_TRUE(is_valid_id(text)) << length << ' ' << at;
      }
    }
  }
  EXPECT_FALSE(
      is_valid_id("a\xc2\x9b"
                  "b"));                       // C1
  EXPECT_FALSE(is_valid_id("a\xed\xa0\x80"));  // a surrogate
  EXPECT_FALSE(is_valid_id("a\xe2\x82"));      // cut off
}

TEST(Ids, ParseNamesTheRule) {
  const auto bad = LinkId::parse("");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::invalid);
  EXPECT_EQ(LinkId::parse("mk_1")->str(), "mk_1");
}

// The phase of every link in every installation hangs on these values.
TEST(StableHash, NeverChanges) {
  EXPECT_EQ(stable_hash(""), 0xefd01f60ba992926u);
  EXPECT_EQ(stable_hash("a"), 0x82a2a958a9bece5bu);
  EXPECT_EQ(stable_hash("mk_eqkWN34UEoa2NxyALG8pcV"), 0xcf8371e079c75851u);
}

TEST(DigestOf, IsTheFrontOfSha256) {
  constexpr Digest empty{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14,
                         0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24};
  constexpr Digest abc{0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                       0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23};
  EXPECT_EQ(digest_of(""), empty);
  EXPECT_EQ(digest_of("abc"), abc);
  EXPECT_EQ(digest_of(""), empty);
}

// With no provider that has the algorithm nothing may be taken for a digest. In a process of its own: one
// that has made a digest before has its provider for good.
TEST(DigestOfDeathTest, WithoutAnAlgorithmThereIsNone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto digest_without_provider = [] {
    OSSL_PROVIDER* const nothing = OSSL_PROVIDER_load(nullptr, "null");
    if (nothing == nullptr) std::exit(2);
    int code = 1;
    try {
      digest_of("abc");
    } catch (const std::runtime_error& error) {
      code = std::string_view(error.what()) == "OpenSSL has no working SHA-256" ? 0 : 3;
    }
    OSSL_PROVIDER_unload(nothing);
    std::exit(code);
  };
  EXPECT_EXIT(digest_without_provider(), testing::ExitedWithCode(0), "");
}

TEST(Names, OfStatusesRoundTrip) {
  std::set<std::string_view> names;
  for (std::size_t i = 1; i <= link_status_count; ++i) {
    const auto status = static_cast<LinkStatus>(i);
    names.insert(to_string(status));
    EXPECT_EQ(parse_link_status(to_string(status)), status);
  }
  EXPECT_EQ(names, (std::set<std::string_view>{"active", "backoff", "relink", "blocked", "quarantined",
                                               "paused", "gone"}));
  for (const char* text : {"", "Active", "unknown", "active "})
    EXPECT_FALSE(parse_link_status(text)) << text;
}

TEST(Names, OfEndpointsCausesAndEntries) {
  std::set<std::string_view> names;
  for (std::size_t i = 1; i <= endpoint_count; ++i)
    names.insert(to_string(static_cast<Endpoint>(i)));
  EXPECT_EQ(names, (std::set<std::string_view>{"sync", "accounts", "link", "links", "token", "introspect",
                                               "link_session", "exchange_token", "user_links", "delete_link",
                                               "key_set", "update_link", "products"}));
  names.clear();
  for (int i = 1; i <= 6; ++i)
    names.insert(to_string(static_cast<Cause>(i)));
  EXPECT_EQ(names,
            (std::set<std::string_view>{"schedule", "webhook", "manual", "backfill", "verify", "probe"}));
}

// A newer version may have stored them; a log line or an answer is no reason to stop.
TEST(Names, OfNumbersFromElsewhereAreUnknown) {
  EXPECT_EQ(to_string(static_cast<Endpoint>(99)), "unknown");
  EXPECT_EQ(to_string(static_cast<Cause>(99)), "unknown");
  EXPECT_EQ(to_string(static_cast<LinkStatus>(99)), "unknown");
}

}  // namespace
}  // namespace syncd::core
