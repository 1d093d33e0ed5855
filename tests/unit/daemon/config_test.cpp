#include "daemon/config.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config_table.hpp"
#include "daemon/secret_file.hpp"
#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {

using daemon::Config;
using daemon::ConfigKey;
using daemon::Environment;
using daemon::LoadedConfig;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

namespace {

constexpr const char* minimal = "[upstream]\nclient_id = \"sandbox_1\"\n";

// All problems, with the scratch directory's name cut off.
std::vector<std::string> problems_of(const ScratchDirectory& scratch, const std::string& path,
                                     const Environment& environment = {}) {
  std::vector<std::string> texts;
  const auto loaded = daemon::load_config(path, environment);
  if (loaded) return texts;
  for (const auto& problem : loaded.error()) {
    std::string text = daemon::describe(problem);
    const std::string prefix = scratch.path("");
    for (std::size_t at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
      text.erase(at, prefix.size());
    texts.push_back(text);
  }
  return texts;
}

}  // namespace

TEST(Config, TakesDefaultsForWhatIsNotWritten) {
  const ScratchDirectory scratch;
  const auto loaded = daemon::load_config(scratch.write("config.toml", minimal), {});
  ASSERT_TRUE(loaded);
  const Config& config = loaded->config;
  EXPECT_EQ(config.upstream.base_url, "https://api.moneykit.com");
  EXPECT_EQ(config.upstream.auth, "headers");
  EXPECT_FALSE(config.upstream.allow_private_addresses);
  EXPECT_EQ(config.store.path, "/var/lib/moneykit-syncd");
  EXPECT_EQ(config.schedule.interval, std::chrono::hours(6));
  EXPECT_EQ(config.schedule.max_interval, std::chrono::hours(24));
  EXPECT_EQ(config.schedule.accounts_interval, std::chrono::hours(6));
  EXPECT_EQ(config.budget.sync_per_app, 600U);
  EXPECT_EQ(config.budget.sync_per_link, 15U);
  EXPECT_EQ(config.budget.accounts_per_app, 600U);
  EXPECT_EQ(config.budget.accounts_per_link, 4U);
  EXPECT_EQ(config.budget.link_per_app, 1000U);
  EXPECT_EQ(config.budget.link_per_link, 15U);
  EXPECT_EQ(config.budget.link_session_per_app, 1200U);
  EXPECT_EQ(config.budget.link_session_per_user, 20U);
  EXPECT_EQ(config.budget.exchange_per_app, 600U);
  EXPECT_EQ(config.budget.user_links_per_app, 600U);
  EXPECT_EQ(config.budget.delete_link_per_app, 600U);
  EXPECT_EQ(config.budget.update_link_per_app, 600U);
  EXPECT_EQ(config.budget.update_link_per_link, 4U);
  EXPECT_EQ(config.budget.products_per_app, 600U);
  EXPECT_EQ(config.budget.products_per_link, 15U);
  EXPECT_EQ(config.link_session.redirect_uri, "");
  EXPECT_EQ(config.link_session.webhook, "");
  EXPECT_EQ(config.link_session.lifetime, std::chrono::minutes(30));
  EXPECT_EQ(config.admin.socket, "/run/moneykit-syncd/admin.sock");
  EXPECT_EQ(config.admin.listen, "");
  EXPECT_EQ(config.metrics.listen, "127.0.0.1:9464");
}

TEST(Config, EveryDefaultButTheClientIdIsAcceptable) {
  for (const ConfigKey& key : daemon::config_keys()) {
    const bool required = key.full_name() == "upstream.client_id";
    EXPECT_EQ(daemon::check_value(key, key.default_value).has_value(), required) << key.full_name();
    EXPECT_EQ(key.binding.index(), key.default_value.index()) << key.full_name();
    EXPECT_FALSE(key.help.empty()) << key.full_name();
  }
}

TEST(Config, LaterSourcesWin) {
  const ScratchDirectory scratch;
  const std::string path = scratch.write("config.toml", std::string(minimal) +
                                                            "[schedule]\ninterval = \"1h\"\n"
                                                            "max_interval = \"2h\"\n");
  scratch.write("conf.d/20-b.toml", "[schedule]\ninterval = \"3s\"\n");
  scratch.write("conf.d/10-a.toml", "[schedule]\ninterval = \"2s\"\n[log]\nlevel = \"debug\"\n");
  scratch.write("conf.d/30-c.toml.bak", "not read = at all\n");
  const auto loaded =
      daemon::load_config(path, {{"MONEYKIT_SYNCD__BUDGET__SYNC_PER_APP", "42"},
                                 {"MONEYKIT_SYNCD__UPSTREAM__ALLOW_PRIVATE_ADDRESSES", "true"}});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.schedule.interval.count(), 3000);
  EXPECT_EQ(loaded->config.schedule.max_interval, std::chrono::hours(2));
  EXPECT_EQ(loaded->config.log.level, "debug");
  EXPECT_EQ(loaded->config.budget.sync_per_app, 42U);
  EXPECT_TRUE(loaded->config.upstream.allow_private_addresses);
  EXPECT_THAT(loaded->origins.find("schedule.interval")->second, HasSubstr("20-b.toml:2"));
}

TEST(Config, NamesPlaceKeyReasonAndNextStep) {
  struct Case {
    const char* line;
    const char* message;
  };
  const Case cases[] = {
      {"[schedule]\ninterval = \"6 hours\"",
       "config.toml:4: schedule.interval: \"6 hours\" is not a duration; write a number and a unit, for "
       "example "
       "\"30s\", \"6h\" or \"1h30m\""},
      {"[schedule]\ninterval = 6",
       "config.toml:4: schedule.interval: is an integer, not a duration; write for example interval = "
       "\"6h\""},
      {"[schedule]\ninterval = \"500ms\"",
       "config.toml:4: schedule.interval: \"500ms\" is out of range; use 1s to 30d"},
      {"[schedule]\nintervall = \"6h\"",
       "config.toml:4: schedule.intervall: is not a known key; did you mean schedule.interval?"},
      {"[budget]\nsync_per_app = 0",
       "config.toml:4: budget.sync_per_app: 0 is out of range; use 1 to 1,000,000"},
      {"[budget]\nsync_per_app = -1",
       "config.toml:4: budget.sync_per_app: -1 is out of range; use 1 to 1,000,000"},
      {"[budget]\nsync_per_app = 1000001",
       "config.toml:4: budget.sync_per_app: 1000001 is out of range; use 1 to 1,000,000"},
      {"[budget]\nsync_per_app = 1.5",
       "config.toml:4: budget.sync_per_app: is a number with a fraction, not an "
       "integer; write for example sync_per_app = 600"},
      {"[budget]\nsync_per_app = \"600\"",
       "config.toml:4: budget.sync_per_app: is a text, not an integer; write for example sync_per_app = 600"},
      {"[budget]\nlink_session_per_user = 0",
       "config.toml:4: budget.link_session_per_user: 0 is out of range; use 1 to 1,000,000"},
      {"[colour]\nred = 1",
       "config.toml:3: colour: is not a known section; remove it, or see docs/configuration.md for the "
       "sections there "
       "are"},
      {"[store]\npath = \"data\"",
       "config.toml:4: store.path: \"data\" is not an absolute path; write the whole path, from \"/\" on"},
      {"[store]\npath = \"something-long-like-a-secret\"\n",
       "config.toml:4: store.path: the value is not an absolute path; write the whole path, from \"/\" on"},
      {"[metrics]\nlisten = \"8420\"",
       "config.toml:4: metrics.listen: \"8420\" is not of the form ADDRESS:PORT; write for example "
       "\"127.0.0.1:9464\""},
      {"[metrics]\nlisten = \"127.0.0.1:99999\"",
       "config.toml:4: metrics.listen: \"127.0.0.1:99999\" has a port that is not between 0 and 65535; write "
       "for "
       "example \"127.0.0.1:9464\""},
      {"[log]\nlevel = \"loud\"",
       "config.toml:4: log.level: \"loud\" is not one of the accepted values; use \"debug\", \"info\", "
       "\"warn\" or "
       "\"error\""},
      {"[schedule]\ninterval = \"2d\"",
       "config.toml:4: schedule.interval: schedule.interval (2d) is longer than schedule.max_interval (1d); "
       "lower "
       "interval or raise max_interval"},
      {"[feed]\nkeep = \"400d\"",
       "config.toml:4: feed.keep: feed.keep (400d) is longer than feed.keep_max (365d); lower keep or raise "
       "keep_max"},
      {"[feed]\nkeep_max = \"89d\"",
       "config.toml:4: feed.keep_max: feed.keep (90d) is longer than feed.keep_max (89d); lower keep or "
       "raise keep_max"},
  };
  for (const Case& test : cases) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("config.toml", std::string(minimal) + test.line + "\n");
    EXPECT_THAT(problems_of(scratch, path), ElementsAre(test.message)) << test.line;
  }
}

TEST(Config, LinkSessionAddressesAreCheckedAndNotRepeated) {
  struct Case {
    const char* line;
    const char* message;
  };
  const Case cases[] = {
      {"[link_session]\nredirect_uri = \"https://app.example.com/?key=hush\"",
       "config.toml:4: link_session.redirect_uri: has a query, which upstream does not accept; write an "
       "address whose origin is registered in the MoneyKit dashboard, for example "
       "\"https://app.example.com/linked\""},
      {"[link_session]\nwebhook = \"http://hush.example.com/\"",
       "config.toml:4: link_session.webhook: is plain http to another machine than this; use https; write "
       "for "
       "example \"https://hooks.example.com/moneykit\""},
      {"[link_session]\nlifetime = \"59s\"",
       "config.toml:4: link_session.lifetime: \"59s\" is out of range; use 1m to 1d"},
  };
  for (const Case& test : cases) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("config.toml", std::string(minimal) + test.line + "\n");
    EXPECT_THAT(problems_of(scratch, path), ElementsAre(test.message)) << test.line;
  }
}

TEST(Config, LinkSessionsAreConfiguredAndReloaded) {
  const ScratchDirectory scratch;
  const auto before = daemon::load_config(scratch.write("before.toml", minimal), {});
  const auto after = daemon::load_config(
      scratch.write("after.toml",
                    std::string(minimal) +
                        "[budget]\nlink_session_per_app = 1\nlink_session_per_user = 2\n"
                        "exchange_per_app = 3\nuser_links_per_app = 4\ndelete_link_per_app = 5\n"
                        "update_link_per_app = 6\nupdate_link_per_link = 7\nproducts_per_app = "
                        "8\nproducts_per_link = 9\n"
                        "[link_session]\nredirect_uri = \"http://localhost:3000/back\"\n"
                        "webhook = \"https://h.example/x?k=v\"\nlifetime = \"24h\"\n"),
      {});
  ASSERT_TRUE(before && after);
  EXPECT_THAT(daemon::compare_configs(before->config, after->config).need_restart, ElementsAre());
  const Config merged = daemon::merge_reloadable(before->config, after->config);
  const Config::Budget& budgets = merged.budget;
  EXPECT_EQ(budgets.link_session_per_app, 1U);
  EXPECT_EQ(budgets.link_session_per_user, 2U);
  EXPECT_EQ(budgets.exchange_per_app, 3U);
  EXPECT_EQ(budgets.user_links_per_app, 4U);
  EXPECT_EQ(budgets.delete_link_per_app, 5U);
  EXPECT_EQ(budgets.update_link_per_app, 6U);
  EXPECT_EQ(budgets.update_link_per_link, 7U);
  EXPECT_EQ(budgets.products_per_app, 8U);
  EXPECT_EQ(budgets.products_per_link, 9U);
  EXPECT_EQ(merged.link_session.redirect_uri, "http://localhost:3000/back");
  EXPECT_EQ(merged.link_session.webhook, "https://h.example/x?k=v");
  EXPECT_EQ(merged.link_session.lifetime, std::chrono::hours(24));
}

TEST(Config, TheAdminListenerIsNeverBareToTheNetwork) {
  struct Case {
    const char* line;
    const char* message;
  };
  const Case cases[] = {
      {"[admin]\nlisten = \"8420\"",
       "config.toml:4: admin.listen: \"8420\" is not of the form ADDRESS:PORT; write for example "
       "\"127.0.0.1:8420\""},
      {"[admin]\nlisten = \"0.0.0.0:8420\"",
       "config.toml:4: admin.listen: \"0.0.0.0:8420\" can be reached from outside, and there is no TLS; set "
       "admin.tls_certificate_file, or listen on 127.0.0.1 and come through ssh -L"},
      {"[admin]\nlisten = \"[2001:db8::1]:8420\"",
       "config.toml:4: admin.listen: \"[2001:db8::1]:8420\" can be reached from outside, and there is no "
       "TLS; "
       "set admin.tls_certificate_file, or listen on 127.0.0.1 and come through ssh -L"},
      {"[admin]\ntls_key_file = \"/etc/key.pem\"",
       "config.toml:4: admin.tls_key_file: is set without admin.tls_certificate_file; name the certificate "
       "too, "
       "or remove the key"},
      {"[admin]\nlisten = \"10.0.0.1:1\"\ntls_certificate_file = \"x.pem\"",
       "config.toml:5: admin.tls_certificate_file: is not an absolute path (the value is not repeated here: "
       "it "
       "may be a secret); name a PEM file, from \"/\" on"},
      {"[admin]\nallowed_hosts = \"admin.example.com http://x\"",
       "config.toml:4: admin.allowed_hosts: \"http://x\" is not of the form HOST[:PORT]; write the hosts as "
       "browsers send them, separated by blanks, for example \"admin.example.com:8420\""},
  };
  for (const Case& test : cases) {
    const ScratchDirectory scratch;
    const std::string path = scratch.write("config.toml", std::string(minimal) + test.line + "\n");
    EXPECT_THAT(problems_of(scratch, path), ElementsAre(test.message)) << test.line;
  }
}

TEST(Config, BaseUrl) {
  struct Case {
    const char* url;
    const char* reason;  // nullptr: accepted
  };
  const Case cases[] = {
      {"https://api.moneykit.com", nullptr},
      {"https://api.moneykit.com/", nullptr},
      {"https://api.moneykit.com:8443", nullptr},
      {"http://127.0.0.1:8080", nullptr},
      {"http://localhost:8080", nullptr},
      {"http://[::1]:8080", nullptr},
      {"http://api.moneykit.com", "plain http would send the credentials in the clear"},
      {"http://127.0.0.1.evil.com", "plain http would send the credentials in the clear"},
      {"http://10.0.0.1", "plain http would send the credentials in the clear"},
      {"ftp://api.moneykit.com", "must begin with https://"},
      {"api.moneykit.com", "must begin with https://"},
      {"HTTP://api.moneykit.com", ""},
      {"", "must begin with https://"},
      {"https://", "host"},
      {"https://user:pw@api.moneykit.com", "user and password do not belong into it"},
      {"https://api.moneykit.com?x=1", "query, fragment"},
      {"https://api.moneykit.com#x", "query, fragment"},
      {"https://api.moneykit.com/v1", nullptr},
      {"https://api moneykit.com", "host"},
      {"https://api.moneykit.com\\n", "host"},
      {"https://-a.com", "host"},
      {"https://api.moneykit.com:0", "the port must be a number from 1 to 65535"},
      {"https://api.moneykit.com:", "the port must be a number from 1 to 65535"},
      {"https://api.moneykit.com:70000", "the port must be a number from 1 to 65535"},
  };
  for (const Case& test : cases) {
    const ScratchDirectory scratch;
    const std::string path =
        scratch.write("config.toml", std::string(minimal) + "base_url = \"" + test.url + "\"\n");
    const auto problems = problems_of(scratch, path);
    if (test.reason == nullptr) {
      EXPECT_THAT(problems, ElementsAre()) << test.url;
    } else {
      ASSERT_EQ(problems.size(), 1U) << test.url;
      EXPECT_THAT(problems[0], HasSubstr("config.toml:3: upstream.base_url: "));
      EXPECT_THAT(problems[0], HasSubstr(test.reason)) << test.url;
    }
  }
}

TEST(Config, ReportsAllProblemsOfAllSourcesAtOnce) {
  const ScratchDirectory scratch;
  const std::string path = scratch.write("config.toml", "[schedule]\ninterval = 6\n[nonsense]\n");
  scratch.write("conf.d/a.toml", "[budget]\nsync_per_app = 0\n");
  scratch.write("conf.d/b.toml", "[budget\n");
  const auto problems = problems_of(scratch, path,
                                    {{"MONEYKIT_SYNCD__LOG__LEVEL", "loud"},
                                     {"MONEYKIT_SYNCD__LOG__COLOUR", "red"},
                                     {"MONEYKIT_SYNCD__", ""}});
  ASSERT_EQ(problems.size(), 7U) << testing::PrintToString(problems);
  EXPECT_THAT(problems[0], HasSubstr("config.toml:3: nonsense: is not a known section"));
  EXPECT_THAT(problems[1], HasSubstr("config.toml:2: schedule.interval: "));
  EXPECT_THAT(problems[2], HasSubstr("conf.d/a.toml:2: budget.sync_per_app: "));
  EXPECT_THAT(problems[3], HasSubstr("conf.d/b.toml:1:"));
  EXPECT_THAT(problems[4], HasSubstr("environment MONEYKIT_SYNCD__LOG__LEVEL: log.level: "));
  EXPECT_THAT(problems[5],
              HasSubstr("environment MONEYKIT_SYNCD__LOG__COLOUR: log.colour: is not a known key"));
}

TEST(Config, SaysWhatIsMissing) {
  const ScratchDirectory scratch;
  const std::string path = scratch.write("config.toml", "");
  EXPECT_THAT(problems_of(scratch, path),
              ElementsAre("config.toml: upstream.client_id: is missing; copy the client id from the MoneyKit "
                          "dashboard, for example \"live_0123\""));
  EXPECT_THAT(
      problems_of(scratch, scratch.path("none.toml")),
      ElementsAre("none.toml: cannot be read: No such file or directory; create it, correct its permissions, "
                  "or name another file with --config"));
}

TEST(Config, NeverRepeatsAMisplacedSecret) {
  const ScratchDirectory scratch;
  const std::string path =
      scratch.write("config.toml", std::string(minimal) + "client_secret = \"canary-5f1c\"\n");
  const auto problems =
      problems_of(scratch, path, {{"MONEYKIT_SYNCD__UPSTREAM__CLIENT_SECRET", "canary-5f1c"}});
  ASSERT_EQ(problems.size(), 2U);
  for (const std::string& problem : problems) {
    EXPECT_THAT(problem, HasSubstr("secrets do not belong into the configuration"));
    EXPECT_THAT(problem, testing::Not(HasSubstr("canary")));
  }
}

// Whatever stands under [upstream], and whatever lacks its quotes, may be the secret in the wrong place.
TEST(Config, RepeatsNoValueOfUpstream) {
  for (const char* key : {"base_url", "client_id", "client_secret_file", "auth", "ca_file"}) {
    const ScratchDirectory scratch;
    const std::string id = std::string(key) == "client_id" ? "" : "client_id = \"sandbox_1\"\n";
    const std::string path = scratch.write("config.toml", "[upstream]\n" + id + key + " = \"canary 5f1c\"\n");
    const std::string variable = std::string("MONEYKIT_SYNCD__UPSTREAM__") + key;
    const auto problems = problems_of(scratch, path, {{variable, "canary 5f1c"}});
    EXPECT_EQ(problems.size(), 2U) << key;
    EXPECT_THAT(problems, testing::Each(HasSubstr(key)));
    EXPECT_THAT(problems, testing::Each(testing::Not(HasSubstr("canary")))) << key;
  }
  for (const char* value : {"true-canary", "tcanary", "0xcanary", "20260101canary", "canary", "'canary"}) {
    const ScratchDirectory scratch;
    const std::string path =
        scratch.write("config.toml", std::string(minimal) + "client_secret = " + value + "\n");
    const auto problems = problems_of(scratch, path);
    ASSERT_EQ(problems.size(), 1U) << value;
    EXPECT_THAT(problems[0], HasSubstr("config.toml:3:"));
    EXPECT_THAT(problems[0], testing::Not(HasSubstr("anary"))) << value;
  }
}

TEST(Config, AProblemIsOneLineForATerminal) {
  const auto reading = daemon::read_config_text(
      "file", "\"a\\u001b[31m\\n\" = 1\n[store]\npath = \"x\\u0007\"\n", {{"MONEYKIT_SYNCD__A\nB", "\xff"}});
  ASSERT_GE(reading.problems.size(), 3u);
  for (const auto& problem : reading.problems) {
    const std::string text = daemon::describe(problem);
    EXPECT_TRUE(std::ranges::none_of(text, [](char c) { return c >= 0 && c < 0x20; })) << text;
  }
}

TEST(Config, ATextIsUtf8WhereverItComesFrom) {
  const std::string good = "[upstream]\nclient_id = \"c\"\n";
  EXPECT_TRUE(daemon::read_config_text("file", good, {{"MONEYKIT_SYNCD__STORE__PATH", "/\xc3\xa9"}})
                  .problems.empty());
  const auto bad = daemon::read_config_text("file", good, {{"MONEYKIT_SYNCD__STORE__PATH", "/\xe9"}});
  ASSERT_EQ(bad.problems.size(), 1u);
  EXPECT_EQ(bad.problems[0].key, "store.path");
}

TEST(Config, AnAddressHasNothingBehindANul) {
  const std::string text =
      "[upstream]\nclient_id = \"c\"\n[metrics]\nlisten = \"127.0.0.1\\u0000.example:9464\"\n";
  ASSERT_EQ(daemon::read_config_text("file", text, {}).problems.size(), 1u);
}

TEST(Config, DumpReadsBackToTheSame) {
  const ScratchDirectory scratch;
  const std::string path = scratch.write(
      "config.toml",
      std::string(minimal) + "ca_file = \"/tmp/with \\\"quotes\\\".pem\"\n[schedule]\ninterval = \"90m\"\n");
  const auto loaded = daemon::load_config(path, {});
  ASSERT_TRUE(loaded);
  const std::string dump = daemon::dump_config(*loaded);
  EXPECT_THAT(dump, HasSubstr("interval = \"1h30m\"  # " + path + ":5"));
  const auto again = daemon::load_config(scratch.write("dumped.toml", dump), {});
  ASSERT_TRUE(again) << daemon::describe(again.error().front());
  const auto changes = daemon::compare_configs(loaded->config, again->config);
  EXPECT_THAT(changes.applied, ElementsAre());
  EXPECT_THAT(changes.need_restart, ElementsAre());
}

TEST(Config, EffectiveDumpSaysOfEachValueWhereItIsFrom) {
  const ScratchDirectory scratch;
  const std::string path = scratch.write("config.toml", minimal);
  const std::string fragment = scratch.write("conf.d/10-site.toml", "[schedule]\n\ninterval = \"90m\"\n");
  const auto loaded = daemon::load_config(path, {{"MONEYKIT_SYNCD__LOG__LEVEL", "warn"}});
  ASSERT_TRUE(loaded);
  const std::string dump = daemon::dump_config(*loaded, {.effective = true});
  EXPECT_THAT(dump, HasSubstr("\nclient_id = \"sandbox_1\"  # " + path + ":2\n"));
  EXPECT_THAT(dump, HasSubstr("\ninterval = \"1h30m\"  # " + fragment + ":3\n"));
  EXPECT_THAT(dump, HasSubstr("\nlevel = \"warn\"  # environment MONEYKIT_SYNCD__LOG__LEVEL\n"));
  EXPECT_THAT(dump, HasSubstr("\nmax_interval = \"1d\"  # default\n"));
  std::istringstream lines(dump);
  std::size_t values = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" = ") == std::string::npos) continue;
    ++values;
    EXPECT_THAT(line, HasSubstr("  # "));
  }
  EXPECT_EQ(values, daemon::config_keys().size());
  EXPECT_THAT(daemon::dump_config(*loaded), testing::Not(HasSubstr("# default")));
}

TEST(Config, RedactedDumpShowsNothingOfWhoTheOperatorIs) {
  const ScratchDirectory scratch;
  const std::string path = scratch.write(
      "config.toml",
      "[upstream]\nclient_id = \"canary-1\"\n[link_session]\nredirect_uri = \"https://canary-2.example/\"\n"
      "webhook = \"https://hooks.example/x?key=canary-3\"\n[admin]\nallowed_hosts = \"canary-4.example\"\n"
      "[schedule]\ninterval = \"1h\"\n");
  const auto loaded = daemon::load_config(path, {});
  ASSERT_TRUE(loaded) << daemon::describe(loaded.error().front());
  const std::string dump = daemon::dump_config(*loaded, {.redacted = true});
  EXPECT_THAT(dump, testing::Not(HasSubstr("canary")));
  EXPECT_THAT(dump, HasSubstr("client_id = \"(redacted)\"  # " + path + ":2\n"));
  EXPECT_THAT(dump, HasSubstr("interval = \"1h\"  # "));
  // What is not set is shown as that.
  const auto bare = daemon::load_config(scratch.write("bare.toml", minimal), {});
  ASSERT_TRUE(bare);
  EXPECT_THAT(daemon::dump_config(*bare, {.redacted = true}), HasSubstr("webhook = \"\"\n"));
  const auto hidden = std::ranges::count_if(daemon::config_keys(), daemon::is_confidential);
  EXPECT_EQ(hidden, 4) << "each name in the list is of a key";
}

TEST(Config, AProblemOfAFragmentOrAVariableNamesIt) {
  const ScratchDirectory scratch;
  const std::string path =
      scratch.write("config.toml", std::string(minimal) + "[schedule]\ninterval = \"2h\"\n");
  scratch.write("conf.d/10.toml", "[schedule]\ninterval = \"1h\"\n");
  scratch.write("conf.d/20.toml", "# a comment\n[schedule]\ninterval = \"30d\"\n");
  // The last file wins, and so it is the one to blame.
  EXPECT_THAT(problems_of(scratch, path),
              ElementsAre(testing::StartsWith("conf.d/20.toml:3: schedule.interval: ")));
  EXPECT_THAT(problems_of(scratch, path, {{"MONEYKIT_SYNCD__SCHEDULE__INTERVAL", "29d"}}),
              ElementsAre(testing::StartsWith(
                  "environment MONEYKIT_SYNCD__SCHEDULE__INTERVAL: schedule.interval: ")));
  EXPECT_THAT(problems_of(scratch, path, {{"MONEYKIT_SYNCD__SCHEDULE__INTERVAL", "1h"}}), ElementsAre());
  scratch.write("conf.d/10.toml", "[schedule]\ninterval = 7\nintervall = \"1h\"\n");
  scratch.write("conf.d/20.toml", "[schedule\n");
  EXPECT_THAT(
      problems_of(scratch, path),
      UnorderedElementsAre(testing::StartsWith("conf.d/10.toml:2: schedule.interval: is an integer"),
                           testing::StartsWith("conf.d/10.toml:3: schedule.intervall: is not a known"),
                           testing::StartsWith("conf.d/20.toml:1:")));
}

// A key that a running daemon does not take must say why.
TEST(Config, EveryKeyIsTakenByAReloadOrSaysWhyNot) {
  const std::string reference = daemon::configuration_reference();
  const std::string restart = reference.substr(reference.find("## What needs a restart"));
  for (const daemon::ConfigKey& key : daemon::config_keys()) {
    SCOPED_TRACE(key.full_name());
    EXPECT_EQ(key.reloadable, daemon::restart_reason(key).empty());
    const bool named = restart.find("`" + key.full_name() + "`") != std::string::npos;
    EXPECT_EQ(named, !key.reloadable);
  }
}

TEST(Config, ReloadTakesOnlyWhatARunningDaemonCanTake) {
  const ScratchDirectory scratch;
  const auto before = daemon::load_config(scratch.write("a.toml", minimal), {});
  const auto after = daemon::load_config(
      scratch.write("b.toml", std::string(minimal) +
                                  "[schedule]\ninterval = \"1h\"\n[store]\npath = \"/elsewhere\"\n"
                                  "[budget]\nlink_per_app = 5\n[log]\nlevel = \"debug\"\n"),
      {});
  ASSERT_TRUE(before && after);
  const auto changes = daemon::compare_configs(before->config, after->config);
  EXPECT_THAT(changes.applied, UnorderedElementsAre("schedule.interval", "budget.link_per_app", "log.level"));
  EXPECT_THAT(changes.need_restart, ElementsAre("store.path"));
  const Config merged = daemon::merge_reloadable(before->config, after->config);
  EXPECT_EQ(merged.schedule.interval, std::chrono::hours(1));
  EXPECT_EQ(merged.store.path, "/var/lib/moneykit-syncd");
}

// A key of a section that is not known could not be set.
TEST(Config, EveryKeyIsOfASectionThatIsKnown) {
  for (const daemon::ConfigKey& key : daemon::config_keys()) {
    const auto is_its = [&](const daemon::ConfigSection& section) { return section.name == key.section; };
    EXPECT_TRUE(std::ranges::any_of(daemon::config_sections(), is_its)) << key.section << "." << key.name;
  }
}

TEST(Config, ReferencePageIsUpToDate) {
  const std::string path = std::string(SYNCD_SOURCE_DIR) + "/docs/configuration.md";
  const std::string wanted = daemon::configuration_reference();
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << wanted;
  std::ifstream file(path);
  const std::string found{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(found, wanted) << "run this test with UPDATE_GOLDEN=1";
}

TEST(Config, TheExampleNeedsOnlyTheClientId) {
  const std::string path = std::string(SYNCD_SOURCE_DIR) + "/systemd/config.toml";
  const auto empty = daemon::load_config(path, {});
  ASSERT_FALSE(empty);
  ASSERT_EQ(empty.error().size(), 1U);
  EXPECT_EQ(empty.error()[0].key, "upstream.client_id");
  EXPECT_TRUE(daemon::load_config(path, {{"MONEYKIT_SYNCD__UPSTREAM__CLIENT_ID", "live_1"}}));
}

TEST(SecretFile, IsNamedOrComesFromSystemd) {
  const ScratchDirectory scratch;
  const ScopedEnvironment none("CREDENTIALS_DIRECTORY", nullptr);
  Config config;
  const auto missing = daemon::read_client_secret(config);
  ASSERT_FALSE(missing);
  EXPECT_THAT(
      daemon::describe(missing.error()),
      HasSubstr(
          "upstream.client_secret_file: no file is named and systemd passed no credentials; name a file "
          "of mode 0400 here, or pass the credential moneykit-client-secret in the unit"));

  config.upstream.client_secret_file = scratch.write("secret", "canary-77\n");
  chmod(config.upstream.client_secret_file.c_str(), 0644);
  const auto open_to_all = daemon::read_client_secret(config);
  ASSERT_FALSE(open_to_all);
  EXPECT_THAT(daemon::describe(open_to_all.error()), HasSubstr("0644"));
  EXPECT_THAT(daemon::describe(open_to_all.error()), testing::Not(HasSubstr("canary")));

  chmod(config.upstream.client_secret_file.c_str(), 0400);
  const auto secret = daemon::read_client_secret(config);
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->reveal(), "canary-77");

  config.upstream.client_secret_file.clear();
  // Where systemd grants the read by an ACL, the ACL's mask shows as group bits.
  chmod(scratch.write("credentials/moneykit-client-secret", "from-systemd").c_str(), 0440);
  const ScopedEnvironment credentials("CREDENTIALS_DIRECTORY", scratch.path("credentials").c_str());
  const auto credential = daemon::read_client_secret(config);
  ASSERT_TRUE(credential) << daemon::describe(credential.error());
  EXPECT_EQ(credential->reveal(), "from-systemd");

  // systemd makes the directory also when it has not found the credential.
  std::filesystem::remove(scratch.path("credentials/moneykit-client-secret"));
  const auto no_credential = daemon::read_client_secret(config);
  ASSERT_FALSE(no_credential);
  EXPECT_THAT(daemon::describe(no_credential.error()),
              HasSubstr("systemd has no credential moneykit-client-secret; make it: systemd-creds "));
}

}  // namespace syncd::test
