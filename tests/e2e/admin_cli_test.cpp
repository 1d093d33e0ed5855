#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

// The operator's tool against the real daemon.
namespace syncd::test::e2e {
namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds end_limit{60};

struct Result {
  int code = -1;
  std::string output;
};

class AdminCli : public testing::Test {
 protected:
  AdminCli()
      : sandbox_(dir_.path(), {"--no-budgets"}),
        daemon_(dir_.path(), sandbox_, {}),
        link_id_(sandbox_.add_links(
            R"({"institution_id":"instant_bank","accounts":2,"history_months":3,"transactions_per_month":900)"
            R"(,"refresh_every_seconds":31536000})")[0]) {}

  Result ctl(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::filesystem::path log = dir_.path() / ("ctl-" + std::to_string(++runs_) + ".log");
    Process process(command, log);
    const Ended ended = process.wait(end_limit);
    std::ifstream file(log, std::ios::binary);
    return {ended.code.value_or(-1), {std::istreambuf_iterator<char>(file), {}}};
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  std::string link_id_;
  int runs_ = 0;
};

TEST_F(AdminCli, SaysWhenNobodyAnswers) {
  const Result result = ctl({"status"});
  EXPECT_EQ(result.code, 69);
  EXPECT_THAT(result.output, HasSubstr("cannot reach the daemon at "));
  EXPECT_THAT(result.output, HasSubstr("is moneykit-syncd running?"));
  EXPECT_EQ(ctl({"links"}).code, 2);
  EXPECT_EQ(ctl({"links", "ls", "--state", "happy"}).code, 2);
}

TEST_F(AdminCli, WalksThroughTheLifeOfALink) {
  daemon_.start();
  EXPECT_THAT(ctl({"links", "ls"}).output, HasSubstr("no links"));
  const Result dry = ctl({"links", "add", link_id_, "--dry-run"});
  EXPECT_EQ(dry.code, 0);
  EXPECT_THAT(dry.output, HasSubstr("would register"));
  EXPECT_TRUE(daemon_.links().empty()) << "a dry run changes nothing";

  EXPECT_THAT(ctl({"links", "add", link_id_, "--user", "u1", "--tag", "vip"}).output,
              HasSubstr("is registered"));
  EXPECT_THAT(ctl({"links", "add", link_id_}).output, HasSubstr("was registered already"));
  const Result synced = ctl({"links", "sync", link_id_, "--wait", "30s"});
  EXPECT_EQ(synced.code, 0) << synced.output;
  EXPECT_THAT(synced.output, HasSubstr("outcome           success"));
  const Result shown = ctl({"links", "show", link_id_});
  EXPECT_THAT(shown.output, HasSubstr("customer user     u1"));
  EXPECT_THAT(shown.output, HasSubstr("tags              vip"));

  daemon_.wait_for("the whole history",
                   [&] { return daemon_.links()[link_id_]["last_success_at"].text() != "null"; });
  const auto stored = daemon_.list("/v1/links/" + link_id_ + "/transactions");
  ASSERT_GT(stored.size(), 1000U) << "more than one page";
  const Json listed = Json::parse(ctl({"transactions", link_id_, "--json"}).output);
  ASSERT_EQ(listed["items"].items().size(), stored.size());
  for (std::size_t at = 0; at < stored.size(); ++at) {
    ASSERT_EQ(listed["items"].items()[at].canonical(), stored[at].canonical());
  }
  EXPECT_THAT(ctl({"transactions", link_id_}).output, HasSubstr(stored.back()["data"]["amount"].text()));
  EXPECT_THAT(ctl({"accounts", link_id_}).output, HasSubstr("2 accounts"));

  EXPECT_THAT(ctl({"links", "pause", link_id_}).output, HasSubstr("is paused"));
  EXPECT_EQ(ctl({"links", "sync", link_id_}).code, 1);
  EXPECT_THAT(ctl({"links", "ls"}).output, HasSubstr("1 link: 1 paused"));
  EXPECT_THAT(ctl({"links", "resume", link_id_}).output, HasSubstr("is active"));
  const Result unknown = ctl({"links", "show", "mk_nobody"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_THAT(unknown.output, HasSubstr("no link mk_nobody is registered here"));
}

TEST_F(AdminCli, ShowsTheRelinkQueueAndTheFeed) {
  daemon_.start();
  daemon_.add_link(link_id_);
  daemon_.wait_for("the first sync",
                   [&] { return daemon_.links()[link_id_]["last_success_at"].text() != "null"; });
  EXPECT_THAT(ctl({"relink", "ls"}).output, HasSubstr("no relink entries"));
  sandbox_.control("POST", "links/" + link_id_ + "/state",
                   R"({"state":"error","error_code":"auth_expired"})");
  EXPECT_THAT(ctl({"links", "sync", link_id_, "--wait", "30s"}).output,
              HasSubstr("status            relink"));
  EXPECT_THAT(ctl({"relink", "ls"}).output, HasSubstr("auth_expired"));
  EXPECT_THAT(ctl({"relink", "show", link_id_}).output, HasSubstr("status            open"));
  EXPECT_THAT(ctl({"feed", "tail"}).output, HasSubstr("relink.opened"));
  const Result all = ctl({"feed", "tail", "--after", "0", "--json"});
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(all.output, '\n'));
  EXPECT_EQ(lines, daemon_.admin("GET", "/v1/status")["feed"]["head"].number());
  EXPECT_THAT(ctl({"status"}).output, HasSubstr("1 relink"));
}

}  // namespace
}  // namespace syncd::test::e2e
