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
    Process process(command, log);
    const Ended ended = process.wait(end_limit);
    output = text_of(log);
    return ended.code.value_or(-1);
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

TEST_F(AdminTcp, AConfigurationThatWouldBareItIsRefused) {
  for (const char* more :
       {"listen = \"0.0.0.0:0\"\n", "listen = \"127.0.0.1:0\"\ntls_certificate_file = \"/none\"\n",
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
