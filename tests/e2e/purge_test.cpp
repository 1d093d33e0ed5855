// The end of a link: the real daemon, its command line tool, and kills in between.
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

namespace syncd::test::e2e {

namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds end_limit{60};
constexpr int kills = 12;

Tuning unhurried() {
  Tuning tuning;
  tuning.budget = "accounts_per_link = 1000\nsync_per_link = 1000\nlink_per_link = 1000\n";
  tuning.schedule = "interval = \"2s\"\ndiscovery_interval = \"1s\"\n";
  tuning.discovery = "register";
  return tuning;
}

class Purge : public testing::Test {
 protected:
  Purge() : sandbox_(dir_.path(), {"--no-budgets"}), daemon_(dir_.path(), sandbox_, unhurried()) {}

  Result ctl(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const std::filesystem::path log = dir_.path() / ("ctl-" + std::to_string(++runs_) + ".log");
    return run_to_end(command, log, end_limit);
  }
  // The discovery registers it.
  std::string add_link() {
    const std::string link_id = sandbox_.add_links(
        R"({"institution_id":"instant_bank","accounts":2,"history_months":1,"transactions_per_month":40})")
                                    [0];
    daemon_.wait_for("the first history", [&] {
      const Json link = Json::parse(daemon_.ask("GET", "/v1/links/" + link_id).body);
      return !link["last_success_at"].is_null();
    });
    return link_id;
  }
  bool is_there(const std::string& link_id) {
    return daemon_.ask("GET", "/v1/links/" + link_id).status == 200;
  }
  // The whole feed, folded: what of the link a consumer that began at its start has in the end.
  std::string fold(const std::string& link_id) {
    std::string state = "nothing";
    for (std::string after = "0";;) {
      const Json page = daemon_.admin("GET", "/v1/feed?limit=1000&after=" + after);
      for (const Json& entry : page["items"].items()) {
        const std::string expected = std::to_string(std::stoull(after) + 1);
        EXPECT_EQ(entry["seq"].text(), expected) << "a gap";
        after = entry["seq"].text();
        if (entry["link_id"].text() != link_id) continue;
        state = entry["kind"].text() == "link.purged" ? "nothing" : "something";
      }
      if (page["next"].is_null()) return state;
    }
  }
  std::size_t acts_about(const std::string& link_id) {
    std::size_t acts = 0;
    for (const Json& act : daemon_.list("/v1/audit"))
      acts += act["link_id"].text() == link_id && act["action"].text() == "links.purge" ? 1 : 0;
    return acts;
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  int runs_ = 0;
};

}  // namespace

TEST_F(Purge, LeavesTheReceiptAndNothingElse) {
  daemon_.start();
  const std::string link_id = add_link();
  const std::string other = add_link();
  EXPECT_EQ(fold(link_id), "something");

  const Result unasked = ctl({"links", "purge", link_id});
  EXPECT_EQ(unasked.code, 2) << unasked.output;
  EXPECT_THAT(unasked.output, HasSubstr("say --yes"));
  const Result dry = ctl({"links", "purge", link_id, "--dry-run"});
  EXPECT_EQ(dry.code, 0) << dry.output;
  EXPECT_THAT(dry.output, HasSubstr("2 accounts"));
  EXPECT_TRUE(is_there(link_id));

  const Result purged = ctl({"links", "purge", link_id, "--yes"});
  EXPECT_EQ(purged.code, 0) << purged.output;
  EXPECT_THAT(purged.output, HasSubstr("2 accounts and"));
  EXPECT_FALSE(is_there(link_id));
  EXPECT_EQ(fold(link_id), "nothing");
  EXPECT_EQ(fold(other), "something");
  EXPECT_EQ(acts_about(link_id), 1u);
  EXPECT_EQ(ctl({"audit", "check"}).code, 0);
  EXPECT_EQ(ctl({"links", "purge", link_id, "--yes"}).code, 1) << "once";
  EXPECT_THAT(daemon_.log(), HasSubstr(R"("event":"link_purged")"));

  // Upstream still lists it, and the discovery looks every second: it brings another new link, and not this.
  const std::string third = add_link();
  EXPECT_TRUE(is_there(third));
  EXPECT_FALSE(is_there(link_id));
  daemon_.kill_now();
  daemon_.start();
  EXPECT_FALSE(is_there(link_id)) << "nor behind a restart";
  EXPECT_EQ(fold(link_id), "nothing");

  const Result again = ctl({"links", "add", link_id});
  EXPECT_EQ(again.code, 0) << again.output;
  daemon_.wait_for("its history, anew", [&] { return fold(link_id) == "something"; });
}

TEST_F(Purge, EndsTheLinkAtMoneyKitWhenAsked) {
  daemon_.start();
  const std::string link_id = add_link();
  const Result purged = ctl({"links", "purge", link_id, "--unlink", "--yes", "--json"});
  ASSERT_EQ(purged.code, 0) << purged.output;
  EXPECT_EQ(Json::parse(purged.output)["unlinked"].text(), "true");
  EXPECT_FALSE(is_there(link_id));
  daemon_.add_link(link_id);
  daemon_.wait_for("upstream to say that it is gone", [&] {
    return Json::parse(daemon_.ask("GET", "/v1/links/" + link_id).body)["status"].text() == "gone";
  });
}

// Whatever moment a kill hits, the link is there with everything or not at all, and the log of acts says
// which.
TEST_F(Purge, AKillLeavesNoHalf) {
  daemon_.start();
  int survived = 0;
  std::vector<std::string> links;  // before the first kill: nothing is asked in the minute after one
  for (int round = 0; round < kills; ++round)
    links.push_back(add_link());
  for (int round = 0; round < kills; ++round) {
    const std::string& link_id = links[static_cast<std::size_t>(round)];
    std::jthread purge(
        [&] { static_cast<void>(daemon_.ask("POST", "/v1/links/" + link_id + "/purge", "{}")); });
    // tidy: allow sleep: the moment of the kill is what is tried, nothing is waited for
    std::this_thread::sleep_for(std::chrono::microseconds(300 * round));
    daemon_.kill_now();
    purge.join();
    daemon_.start();
    const bool there = is_there(link_id);
    survived += there ? 1 : 0;
    EXPECT_EQ(acts_about(link_id), there ? 0u : 1u);
    EXPECT_EQ(fold(link_id), there ? "something" : "nothing");
    if (there) EXPECT_GT(daemon_.list("/v1/links/" + link_id + "/transactions").size(), 0u);
  }
  EXPECT_EQ(ctl({"audit", "check"}).code, 0);
  RecordProperty("links that survived", survived);
}

}  // namespace syncd::test::e2e
