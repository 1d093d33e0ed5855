#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

// The admin API over TCP: who has a token may ask, and nobody else.
namespace syncd::test::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds end_limit{60};

Tuning over_tcp() {
  Tuning tuning;
  tuning.admin = "listen = \"127.0.0.1:0\"\nallowed_hosts = \"admin.example.com\"\n";
  return tuning;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class AdminTcp : public testing::Test {
 protected:
  AdminTcp() : sandbox_(dir_.path(), {"--no-budgets"}), daemon_(dir_.path(), sandbox_, over_tcp()) {}

  int run(const std::vector<std::string>& command, std::string& output) {
    const std::filesystem::path log = dir_.path() / ("run-" + std::to_string(++runs_) + ".log");
    Result result = run_to_end(command, log, end_limit);
    output = std::move(result.output);
    return result.code;
  }
  /// The text of a new token.
  std::string token(const std::string& name, const std::string& role) {
    std::string output;
    EXPECT_EQ(run({MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock", "tokens", "create", "--json",
                   name, "--role", role},
                  output),
              0)
        << output;
    return Json::parse(output)["token"].text();
  }
  Reply ask(const std::string& token, std::string_view method, std::string_view target,
            const std::string& headers = {}) {
    return request(daemon_.admin_over_tcp(), method, target, {},
                   "Authorization: Bearer " + token + "\r\n" + headers);
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  int runs_ = 0;
};

TEST_F(AdminTcp, ATokenOpensWhatItsRoleMaySee) {
  daemon_.start();
  const Reply nobody = request(daemon_.admin_over_tcp(), "GET", "/v1/status");
  EXPECT_EQ(nobody.status, 401);
  EXPECT_THAT(nobody.head, HasSubstr("WWW-Authenticate: Bearer\r\n"));
  EXPECT_EQ(request(daemon_.admin_over_tcp(), "GET", "/-/ready").status, 200);

  const std::string reader = token("reader", "read");
  EXPECT_EQ(ask(reader, "GET", "/v1/status").status, 200);
  EXPECT_THAT(ask(reader, "GET", "/v1/whoami").body,
              AllOf(HasSubstr(R"("actor":"token:reader","role":"read","expires_at":")")));
  EXPECT_EQ(ask(reader, "GET", "/v1/tokens").status, 403);
  EXPECT_EQ(ask(reader, "POST", "/v1/links/mk_1/sync").status, 403);
  EXPECT_EQ(ask(reader, "GET", "/v1/status", "Origin: http://evil.example.com\r\n").status, 403);

  const std::string boss = token("boss", "admin");
  EXPECT_EQ(ask(boss, "POST", "/v1/links/mk_1/sync").status, 404) << "may, but there is no such link";
  const Reply tokens = ask(boss, "GET", "/v1/tokens");
  EXPECT_EQ(tokens.status, 200);
  EXPECT_THAT(tokens.body,
              AllOf(HasSubstr("reader"), HasSubstr("boss"), Not(HasSubstr(reader)), Not(HasSubstr("mks_"))));
  EXPECT_EQ(ask(boss, "POST", "/v1/tokens/reader/revoke").status, 200);
  EXPECT_EQ(ask(reader, "GET", "/v1/status").status, 401);
  EXPECT_EQ(daemon_.ask("GET", "/v1/whoami").body.substr(0, 14), R"({"actor":"uid:)") << "as ever";
}

TEST_F(AdminTcp, TokensOutliveTheDaemonAndTheirTextIsNowhere) {
  daemon_.start();
  const std::string kept = token("kept", "operate");
  const std::string lost = token("lost", "operate");
  EXPECT_EQ(ask(kept, "POST", "/v1/tokens/lost/revoke").status, 403);
  std::string output;
  EXPECT_EQ(
      run({MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock", "tokens", "revoke", "lost", "--yes"},
          output),
      0);
  daemon_.kill_now();
  daemon_.start();
  EXPECT_EQ(ask(kept, "GET", "/v1/status").status, 200);
  EXPECT_EQ(ask(lost, "GET", "/v1/status").status, 401);
  EXPECT_EQ(ask("mks_" + std::string(43, 'A'), "GET", "/v1/status").status, 401);
  EXPECT_THAT(daemon_.log(),
              AllOf(HasSubstr(R"("event":"token_created")"), HasSubstr(R"("name":"kept")"),
                    HasSubstr(R"("reason":"token_revoked")"), HasSubstr(R"("reason":"token_unknown")")));
  EXPECT_THAT(daemon_.scrape(), HasSubstr("admin_bad_tokens_total{outcome=\"refused\"} 2\n"));
  daemon_.kill_now();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path())) {
    const bool shown_to_us = entry.path().filename().string().starts_with("run-");
    if (!entry.is_regular_file() || shown_to_us) continue;
    const std::string text = text_of(entry.path());
    EXPECT_THAT(text, Not(HasSubstr(kept))) << entry.path();
    EXPECT_THAT(text, Not(HasSubstr(lost))) << entry.path();
  }
}

// Ten requests a minute of a reader, a hundred of an administrator.
class Reads : public AdminTcp {
 protected:
  Reads() : reading_(dir_.path() / "reading", sandbox_, slowly()) {}
  static Tuning slowly() {
    Tuning tuning;
    tuning.admin = "listen = \"127.0.0.1:0\"\nread_requests_per_minute = 10\nread_rows_per_minute = 0\n";
    return tuning;
  }
  /// What `actor` has read, as the audit log says, oldest first.
  std::vector<Json> traced(const std::string& actor) {
    std::vector<Json> acts;
    for (Json& act : reading_.list("/v1/audit")) {
      if (act["action"].text() == "data.read" && act["actor"].text() == actor)
        acts.insert(acts.begin(), std::move(act));
    }
    return acts;
  }
  Reply read(const std::string& token, const std::string& target) const {
    return request(reading_.admin_over_tcp(), "GET", target, {}, "Authorization: Bearer " + token + "\r\n");
  }

  Daemon reading_;
};

TEST_F(Reads, OfPeoplesDataAreBoundedAndInTheAuditLog) {
  reading_.start();
  const std::string link_id = sandbox_.add_links(
      R"({"institution_id":"instant_bank","accounts":2,"history_months":1,"transactions_per_month":20})")[0];
  reading_.add_link(link_id);
  reading_.admin("POST", "/v1/links/" + link_id + "/sync?wait=30s");
  const Json made =
      reading_.admin("POST", "/v1/tokens", R"({"name":"reader","role":"read","lifetime":"1h"})");
  const std::string reader = made["token"].text();
  const std::string of_link = "/v1/links/" + link_id;
  const Reply rows = read(reader, of_link + "/transactions");
  ASSERT_EQ(rows.status, 200);
  const std::size_t shown = Json::parse(rows.body)["items"].items().size();
  EXPECT_GT(shown, 0U);
  reading_.wait_for("the trace", [&] { return traced("token:reader").size() == 1; });
  const Json first = traced("token:reader").front();
  EXPECT_EQ(first["link_id"].text(), link_id);
  EXPECT_EQ(first["detail"]["requests"].number(), 1U);
  EXPECT_EQ(first["detail"]["transactions"].number(), shown);

  for (int request = 0; request < 4; ++request)
    EXPECT_EQ(read(reader, of_link + "/accounts").status, 200);
  for (int request = 0; request < 5; ++request)
    EXPECT_EQ(read(reader, "/v1/feed?limit=1&after=" + std::to_string(request)).status, 200);
  const Reply refused = read(reader, of_link + "/transactions");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr(R"("code":"rate_limited")"));
  EXPECT_THAT(refused.head, testing::ContainsRegex("Retry-After: [1-6]\r\n"));
  EXPECT_EQ(read(reader, of_link).status, 200) << "no rows";
  EXPECT_EQ(reading_.ask("GET", of_link + "/accounts").status, 200) << "another caller";
  EXPECT_EQ(reading_.metric("moneykit_syncd_admin_reads_limited_total{limit=\"requests\"}"), "1");
  EXPECT_EQ(reading_.metric("moneykit_syncd_admin_rows_read_total{kind=\"transactions\"}"),
            std::to_string(shown));
  EXPECT_THAT(reading_.log(), HasSubstr(R"("event":"reads_limited")"));

  // A stop loses nothing of what the window holds.
  reading_.process().send(SIGTERM);
  EXPECT_EQ(reading_.process().wait(end_limit).code, 0);
  reading_.start();
  const std::vector<Json> all = traced("token:reader");
  std::uint64_t accounts = 0;
  std::uint64_t entries = 0;
  for (const Json& act : all) {
    if (!act["detail"]["accounts"].is_null() && act["link_id"].text() == link_id)
      accounts += act["detail"]["accounts"].number();
    if (!act["link_id"].is_null()) continue;
    entries += act["detail"]["feed"].number();
    EXPECT_GE(act["detail"]["last_seq"].number(), act["detail"]["first_seq"].number());
  }
  EXPECT_EQ(accounts, 4U * 2U);
  EXPECT_EQ(entries, 5U);
  EXPECT_LE(all.size(), 4U) << "two acts of the link, two of the feed";
  EXPECT_TRUE(reading_.admin("GET", "/v1/audit/check")["intact"].is_true());
  for (const Json& row : Json::parse(rows.body)["items"].items())
    EXPECT_THAT(reading_.ask("GET", "/v1/audit").body, Not(HasSubstr(row["transaction_id"].text())));
}

TEST_F(AdminTcp, AConfigurationThatWouldBareItIsRefused) {
  for (const char* more : {"listen = \"0.0.0.0:0\"\n", "listen = \"127.0.0.1:0\"\ntls_key_file = \"/none\"\n",
                           "listen = \"localhost\"\n"}) {
    Tuning tuning;
    tuning.admin = more;
    const Daemon other(dir_.path() / "other", sandbox_, tuning);
    for (const char* verb : {"check-config", "run"}) {
      std::string output;
      EXPECT_EQ(run({SYNCD_PROGRAM, verb, "--config", dir_.path() / "other" / "config.toml"}, output), 78)
          << more << verb;
      EXPECT_THAT(output, HasSubstr("admin.")) << more << verb;
    }
  }
}

}  // namespace
}  // namespace syncd::test::e2e
