#include "daemon/admin/access.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace syncd::test {

using daemon::Access;
using daemon::AccessOptions;
using daemon::FailureLimit;
using daemon::FailureLimits;
using daemon::HttpRequest;
using daemon::HttpResponse;
using daemon::Role;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

namespace {

constexpr core::Millis second{1'000};
constexpr core::Millis minute = 60 * second;
constexpr core::WallTime start{core::Millis{1'746'549'072'451}};

std::string token_of(std::uint8_t number) {
  std::array<std::uint8_t, daemon::token_random_bytes> random{};
  random.fill(number);
  return std::string(daemon::token_text(random).reveal());
}

class AccessRules : public testing::Test {
 protected:
  AccessRules() {
    add("reader", Role::read, 1);
    add("operator", Role::operate, 2);
    add("boss", Role::admin, 3);
    add("gone", Role::admin, 4);
    EXPECT_TRUE(table.revoke("gone", start));
  }
  void add(const std::string& name, Role role, std::uint8_t number) {
    EXPECT_TRUE(table.add({.name = name, .role = role, .lifetime = 60 * minute},
                          daemon::hash_of_token(token_of(number)), "uid:0", start));
  }
  Access access(bool tls = false) {
    AccessOptions options;
    options.tls = tls;
    options.hosts = daemon::own_hosts({.address = "127.0.0.1", .port = 8420}, tls);
    options.hosts.emplace_back("admin.example.com");
    options.wall_now = [this] { return wall; };
    options.steady_now = [this] { return steady; };
    options.on_bad_token = [this](const daemon::BadToken& bad) {
      const std::string words[] = {std::string(bad.remote), std::string(bad.reason), std::string(bad.name)};
      (bad.turned_away ? turned_away : refused).push_back(words[0] + " " + words[1] + " " + words[2]);
    };
    options.page = [](std::string_view path) -> std::optional<HttpResponse> {
      if (path != "/" && path != "/app.js") return std::nullopt;
      return HttpResponse{.status = 200, .content_type = "text/html", .body = "page", .allow = {}};
    };
    return Access(std::move(options), [this]() -> const daemon::TokenTable& { return table; });
  }
  static HttpRequest request(const std::string& authorization = {}) {
    HttpRequest made{.method = "GET", .target = "/v1/status", .content_type = {}, .body = {}, .peer = {}};
    made.remote = "192.0.2.7";
    made.host = "127.0.0.1:8420";
    if (!authorization.empty()) made.authorization = api::Secret(authorization);
    return made;
  }
  // The code of the refusal and its status; empty: admitted.
  static std::string outcome(Access& rules, const std::string& authorization, const std::string& remote) {
    HttpRequest made = request(authorization);
    made.remote = remote;
    const auto caller = rules.identify(made);
    if (caller) return caller->actor;
    return std::to_string(caller.error().status);
  }

  daemon::TokenTable table;
  core::WallTime wall = start + minute;
  api::SteadyTime steady{minute};
  std::vector<std::string> refused;
  std::vector<std::string> turned_away;
};

}  // namespace

TEST_F(AccessRules, ATokenSaysWhoAsksAndWhatHeMay) {
  Access rules = access();
  const auto caller = rules.identify(request("Bearer " + token_of(2)));
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->actor, "token:operator");
  EXPECT_EQ(caller->role, Role::operate);
  EXPECT_EQ(caller->uid, std::nullopt);
  EXPECT_EQ(caller->expires_at, start + 60 * minute);
  for (const char* scheme : {"bearer ", "BEARER ", "bEaReR "})  // RFC 9110 section 11.1
    EXPECT_TRUE(rules.identify(request(scheme + token_of(2)))) << scheme;
  EXPECT_THAT(refused, IsEmpty());
  const daemon::Caller peer = daemon::caller_of({.uid = 1000, .gid = 7});
  EXPECT_EQ(peer.actor, "uid:1000");
  EXPECT_EQ(peer.role, Role::admin);
  EXPECT_EQ(peer.uid, 1000U);
}

TEST_F(AccessRules, EverythingElseIsRefusedAndSaysWhy) {
  wall = start + 2 * minute;
  Access rules = access();
  struct Case {
    std::string authorization;
    const char* code;
    const char* noted;
  };
  const std::string good = token_of(1);
  const Case cases[] = {
      {"", "token_missing", ""},
      {"Bearer " + token_of(9), "token_unknown", "192.0.2.7 token_unknown "},
      {"Bearer " + token_of(4), "token_revoked", "192.0.2.7 token_revoked gone"},
      {"Bearer", "token_malformed", "192.0.2.7 token_malformed "},
      {"Bearer  " + good, "token_malformed", ""},
      {"Bearers " + good, "token_malformed", ""},
      {"bearer\t" + good, "token_malformed", ""},
      {"Bearer " + good + " ", "token_malformed", ""},
      {"Bearer " + good + "," + good, "token_malformed", ""},
      {"Basic " + good, "token_malformed", ""},
      {good, "token_malformed", ""},
  };
  for (const Case& test : cases) {
    Access fresh = access();
    refused.clear();
    const auto caller = fresh.identify(request(test.authorization));
    ASSERT_FALSE(caller) << test.authorization;
    EXPECT_EQ(caller.error().status, 401);
    EXPECT_THAT(caller.error().body, HasSubstr(std::string(R"("code":")") + test.code + "\""));
    EXPECT_THAT(caller.error().headers, ElementsAre(Pair("WWW-Authenticate", "Bearer")));
    EXPECT_THAT(caller.error().body, testing::Not(HasSubstr(good)));
    if (*test.noted != '\0') {
      EXPECT_THAT(refused, ElementsAre(test.noted));
    }
    EXPECT_EQ(refused.empty(), test.authorization.empty()) << "no token is no guess";
  }
}

TEST_F(AccessRules, ATokenIsGoodUntilItsTimeAndNotALittleLonger) {
  Access rules = access();
  wall = start + 60 * minute - core::Millis{1};
  EXPECT_EQ(outcome(rules, "Bearer " + token_of(1), "::1"), "token:reader");
  wall = start + 60 * minute;
  EXPECT_EQ(outcome(rules, "Bearer " + token_of(1), "::1"), "401");
  EXPECT_THAT(refused, ElementsAre("::1 token_expired reader"));
}

TEST_F(AccessRules, ARevocationCountsAtOnce) {
  Access rules = access();
  EXPECT_EQ(outcome(rules, "Bearer " + token_of(3), "::1"), "token:boss");
  ASSERT_TRUE(table.revoke("boss", wall));
  EXPECT_EQ(outcome(rules, "Bearer " + token_of(3), "::1"), "401");
}

TEST_F(AccessRules, HostMustBeOneOfOurs) {
  Access rules = access();
  const auto status_of = [&](const std::optional<std::string>& host) {
    HttpRequest made = request();
    made.host = host;
    const auto refusal = rules.refuse_source(made);
    return refusal ? refusal->status : 200;
  };
  for (const char* good : {"127.0.0.1:8420", "localhost:8420", "LocalHost:8420", "admin.example.com"})
    EXPECT_EQ(status_of(good), 200) << good;
  for (const char* bad :
       {"evil.example.com", "evil.example.com:8420", "127.0.0.1", "localhost", "127.0.0.1:8421",
        "127.0.0.1:8420.evil.example.com", "localhost.:8420", "admin.example.com:8420", "admin.example.com.",
        "user@127.0.0.1:8420", "127.0.0.1:8420, evil.example.com", "[::1]:8420", "0x7f.1:8420",
        "127.0.0.1:08420", " 127.0.0.1:8420", "*"}) {
    EXPECT_EQ(status_of(bad), 421) << bad;
  }
  EXPECT_EQ(status_of(std::nullopt), 400);
  EXPECT_EQ(status_of(""), 400);
}

TEST_F(AccessRules, TheNamesThatAreOursMayChange) {
  Access rules = access();
  HttpRequest asks = request();
  asks.host = "admin.example.com";
  EXPECT_FALSE(rules.refuse_source(asks));
  rules.set_hosts({"127.0.0.1:8420", "other.example.com"});
  ASSERT_TRUE(rules.refuse_source(asks));
  EXPECT_EQ(rules.refuse_source(asks)->status, 421);
  asks.host = "other.example.com";
  EXPECT_FALSE(rules.refuse_source(asks));
}

TEST_F(AccessRules, APageOfAnotherOriginMayNotAsk) {
  const auto status_of = [&](bool tls, std::optional<std::string> origin, std::optional<std::string> site) {
    Access rules = access(tls);
    HttpRequest made = request();
    made.origin = std::move(origin);
    made.sec_fetch_site = std::move(site);
    const auto refusal = rules.refuse_source(made);
    return refusal ? refusal->status : 200;
  };
  EXPECT_EQ(status_of(false, std::nullopt, std::nullopt), 200) << "a program";
  EXPECT_EQ(status_of(false, "http://127.0.0.1:8420", "same-origin"), 200);
  EXPECT_EQ(status_of(false, "http://localhost:8420", std::nullopt), 200);
  EXPECT_EQ(status_of(true, "https://admin.example.com", "none"), 200);
  for (const char* origin :
       {"http://evil.example.com", "null", "", "https://127.0.0.1:8420", "http://127.0.0.1:8421",
        "http://127.0.0.1:8420/", "http://127.0.0.1:8420.evil", "127.0.0.1:8420", "HTTP://127.0.0.1:8420",
        "ftp://127.0.0.1:8420", "http://127.0.0.1:8420 http://evil.example.com"}) {
    EXPECT_EQ(status_of(false, origin, std::nullopt), 403) << origin;
  }
  EXPECT_EQ(status_of(true, "http://127.0.0.1:8420", std::nullopt), 403) << "not the listener's scheme";
  for (const char* site : {"cross-site", "same-site", "", "Same-Origin", "same-origin, none"})
    EXPECT_EQ(status_of(false, std::nullopt, site), 403) << site;
}

// A link in a dashboard or a mail leads to the page itself, and to nothing else.
TEST_F(AccessRules, ALinkElsewhereMayOpenThePage) {
  Access rules = access();
  HttpRequest made = request();
  made.method = "GET";
  made.target = "/";
  made.sec_fetch_site = "cross-site";
  EXPECT_FALSE(rules.refuse_source(made));
  made.origin = "http://evil.example.com";
  EXPECT_TRUE(rules.refuse_source(made));
  made.origin.reset();
  for (const char* target : {"/app.js", "/v1/status", "//", "/?x"}) {
    made.target = target;
    EXPECT_TRUE(rules.refuse_source(made)) << target;
  }
  made.target = "/";
  made.method = "POST";
  EXPECT_TRUE(rules.refuse_source(made));
}

TEST_F(AccessRules, ThePageNeedsNoToken) {
  Access rules = access();
  HttpRequest made = request();
  EXPECT_EQ(rules.page_file(made), std::nullopt);
  made.target = "/app.js";
  ASSERT_TRUE(rules.page_file(made));
  EXPECT_EQ(rules.page_file(made)->body, "page");
  made.method = "POST";
  EXPECT_EQ(rules.page_file(made)->status, 405);
  made.method = "GET";
  for (const char* target :
       {"/app.js?x", "//app.js", "/%61pp.js", "/../app.js", "/APP.JS", "http://x/app.js"}) {
    made.target = target;
    EXPECT_EQ(rules.page_file(made), std::nullopt) << target;
  }
}

TEST(OwnHosts, AreTheAddressAndLocalhostWithThePort) {
  using daemon::own_hosts;
  EXPECT_THAT(own_hosts({.address = "127.0.0.1", .port = 8420}, false),
              ElementsAre("localhost:8420", "127.0.0.1:8420"));
  EXPECT_THAT(own_hosts({.address = "::1", .port = 443}, true),
              ElementsAre("localhost:443", "localhost", "[::1]:443", "[::1]"));
  EXPECT_THAT(own_hosts({.address = "::1", .port = 443}, false), ElementsAre("localhost:443", "[::1]:443"));
  EXPECT_THAT(own_hosts({.address = "0.0.0.0", .port = 80}, false), ElementsAre("localhost:80", "localhost"));
  EXPECT_THAT(own_hosts({.address = "::", .port = 8420}, true), ElementsAre("localhost:8420"));
}

TEST(IdempotencyKey, IsShortAndVisible) {
  EXPECT_TRUE(daemon::is_valid_idempotency_key("a"));
  EXPECT_TRUE(daemon::is_valid_idempotency_key(std::string(128, '~')));
  EXPECT_FALSE(daemon::is_valid_idempotency_key(std::string(129, '~')));
  for (const char* bad : {"", " ", "a b", "a\t", "\x7F", "\xC3\xA4"})
    EXPECT_FALSE(daemon::is_valid_idempotency_key(bad)) << bad;
}

TEST(Roles, EachMayWhatTheLowerOnesMay) {
  const Role roles[] = {Role::read, Role::operate, Role::admin};
  for (std::size_t has = 0; has < 3; ++has) {
    for (std::size_t needed = 0; needed < 3; ++needed)
      EXPECT_EQ(daemon::allows(roles[has], roles[needed]), has >= needed);
    EXPECT_EQ(daemon::parse_role(daemon::to_string(roles[has])), roles[has]);
  }
  for (const char* none : {"", "Admin", "root", "none"})
    EXPECT_EQ(daemon::parse_role(none), std::nullopt) << none;
}

TEST(FailureLimit, TheWaitGrowsAndEnds) {
  FailureLimit limit(FailureLimits{.free_failures = 2, .delay_first = second, .delay_max = 5 * second});
  api::SteadyTime now{minute};
  EXPECT_EQ(limit.fail("192.0.2.1", now), core::Millis{0});
  EXPECT_EQ(limit.fail("192.0.2.1", now), core::Millis{0});
  for (const core::Millis wait : {second, 2 * second, 4 * second, 5 * second, 5 * second}) {
    EXPECT_EQ(limit.fail("192.0.2.1", now), core::Millis{0}) << "told, and made to wait from now on";
    EXPECT_EQ(limit.fail("192.0.2.1", now), wait);
    EXPECT_EQ(limit.fail("192.0.2.1", now + wait - core::Millis{1}), core::Millis{1})
        << "what comes meanwhile does not count";
    EXPECT_EQ(limit.fail("192.0.2.2", now), core::Millis{0}) << "others do not wait";
    now += wait;
  }
}

TEST(FailureLimit, ForgetsWhoHasBehaved) {
  FailureLimit limit(FailureLimits{.free_failures = 1, .delay_first = second, .forget_after = minute});
  api::SteadyTime now{minute};
  limit.fail("192.0.2.1", now);
  limit.fail("192.0.2.1", now);
  EXPECT_GT(limit.fail("192.0.2.1", now), core::Millis{0});
  now += minute;
  EXPECT_EQ(limit.fail("192.0.2.1", now), core::Millis{0});
  EXPECT_EQ(limit.fail("192.0.2.1", now), core::Millis{0}) << "the first of a new count";
}

TEST(FailureLimit, BoundsAllAddressesTogether) {
  FailureLimit limit(FailureLimits{.all_per_minute_max = 10});
  const api::SteadyTime now{10 * minute};
  const auto address = [](int number) { return "198.51.100." + std::to_string(number); };
  for (int number = 0; number < 10; ++number)
    EXPECT_EQ(limit.fail(address(number), now), core::Millis{0});
  EXPECT_EQ(limit.fail(address(10), now + second), minute - second);
  EXPECT_EQ(limit.fail(address(11), now + minute - core::Millis{1}), core::Millis{1});
  EXPECT_EQ(limit.fail(address(12), now + minute), core::Millis{0});
}

TEST(FailureLimit, RemembersABoundedNumberOfAddresses) {
  FailureLimit limit(
      FailureLimits{.free_failures = 0, .all_per_minute_max = 1'000'000, .addresses_max = 100});
  api::SteadyTime now{minute};
  for (int number = 0; number < 1'000; ++number) {
    now += core::Millis{1};
    limit.fail("203.0.113." + std::to_string(number), now);
    EXPECT_LE(limit.addresses(), 100U);
  }
  EXPECT_GT(limit.fail("203.0.113.999", now), core::Millis{0}) << "the last ones are the ones it knows";
  EXPECT_EQ(limit.fail("203.0.113.0", now), core::Millis{0}) << "the first are forgotten";
}

TEST(FailureLimit, ANetworkIsOneAddress) {
  EXPECT_EQ(daemon::limit_key("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(daemon::limit_key("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(daemon::limit_key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(daemon::limit_key("2001:db8:1:2:ffff::"), "2001:db8:1:2::/64");
  EXPECT_NE(daemon::limit_key("2001:db8:1:3::1"), "2001:db8:1:2::/64");
}

TEST_F(AccessRules, WhoGuessesIsTurnedAwayAndNobodyElse) {
  Access rules = access();
  for (int guess = 0; guess < 6; ++guess)
    EXPECT_EQ(outcome(rules, "Bearer " + token_of(99), "192.0.2.7"), "401") << guess;
  EXPECT_EQ(refused.size(), 6U);
  HttpRequest again = request("Bearer " + token_of(98));
  const auto seventh = rules.identify(again);
  ASSERT_FALSE(seventh);
  EXPECT_EQ(seventh.error().status, 429);
  EXPECT_THAT(seventh.error().headers, ElementsAre(Pair("Retry-After", "1")));
  EXPECT_EQ(refused.size(), 6U);
  EXPECT_THAT(turned_away, ElementsAre("192.0.2.7 token_unknown "));
  EXPECT_EQ(outcome(rules, "Bearer " + token_of(98), "192.0.2.8"), "401") << "from elsewhere it is a first";
  EXPECT_EQ(outcome(rules, "Bearer " + token_of(1), "192.0.2.7"), "token:reader")
      << "who has a token is not locked out by a neighbour";
  EXPECT_EQ(outcome(rules, "", "192.0.2.7"), "401");
  steady += second;
  EXPECT_EQ(outcome(rules, "Bearer " + token_of(98), "192.0.2.7"), "401");
  EXPECT_EQ(outcome(rules, "Bearer " + token_of(98), "192.0.2.7"), "429");
}

}  // namespace syncd::test
