#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

// Links that lost their webhook are found and mended, by the real daemon and the operator's tool.
namespace syncd::test::e2e {
namespace {

constexpr std::chrono::seconds end_limit{120};
constexpr const char* wanted = "http://127.0.0.1:9/hooks/moneykit";

class Webhooks : public testing::Test {
 protected:
  static Tuning tuning() {
    Tuning out;
    out.schedule = "interval = \"30d\"\nmax_interval = \"30d\"\naccounts_interval = \"30d\"\n";
    // A table of its own behind the last one.
    out.budget = "sync_per_app = 1000000\nsync_per_link = 1000000\n\n[link_session]\nwebhook = \"" +
                 std::string(wanted) + "\"\n";
    return out;
  }
  Webhooks()
      : sandbox_(dir_.path(),
                 {"--budget", "link_update=600/4", "--budget", "sync=0/0", "--budget", "accounts=0/0"}),
        daemon_(dir_.path(), sandbox_, tuning()) {}

  int ctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"});
    Process process(arguments, dir_.path() / "ctl.log");
    return process.wait(end_limit).code.value_or(-1);
  }
  Json upstream_link(const std::string& id) {
    return sandbox_.control("GET", "links/" + id + "/truth")["link"];
  }
  std::uint64_t patches() {
    const Json requests = sandbox_.control("GET", "statistics")["endpoints"]["link_update"]["requests"];
    return requests.is_null() || requests.text().empty() ? 0 : requests.number();
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
};

TEST_F(Webhooks, AreFoundFixedOnceAndKeepTheTags) {
  daemon_.start();
  std::vector<std::string> ids =
      sandbox_.add_links(R"({"count":25,"link_tag":"tenant:42","history_months":1})");
  const auto others = sandbox_.add_links(
      R"({"count":5,"link_tag":"tenant:7","history_months":1,"webhook":"http://127.0.0.1:9/old"})");
  const auto right =
      sandbox_.add_links(R"({"count":5,"history_months":1,"webhook":"http://127.0.0.1:9/hooks/moneykit"})");
  ids.insert(ids.end(), others.begin(), others.end());
  ids.insert(ids.end(), right.begin(), right.end());
  for (const std::string& id : ids)
    daemon_.add_link(id);
  daemon_.wait_for("all links are visited", [&] {
    const Json page = daemon_.admin("GET", "/v1/webhooks/audit?limit=1000");
    const auto is_known = [](const Json& item) { return item["finding"].text() != "unknown"; };
    return page["items"].items().size() == 30 && std::ranges::all_of(page["items"].items(), is_known);
  });

  EXPECT_EQ(ctl({"webhooks", "audit"}), 1);
  EXPECT_EQ(ctl({"webhooks", "fix", "--dry-run"}), 0);
  EXPECT_EQ(patches(), 0U);
  EXPECT_EQ(ctl({"webhooks", "fix", "--yes"}), 0);
  EXPECT_EQ(patches(), 30U);
  for (const std::string& id : ids)
    EXPECT_EQ(upstream_link(id)["webhook"].text(), wanted);
  EXPECT_EQ(upstream_link(ids[0])["link_tags"].items().at(0).text(), "tenant:42");
  EXPECT_EQ(upstream_link(others[0])["link_tags"].items().at(0).text(), "tenant:7");

  EXPECT_EQ(ctl({"webhooks", "audit"}), 0) << "what upstream answered is stored";
  EXPECT_EQ(ctl({"webhooks", "fix", "--yes"}), 0);
  EXPECT_EQ(patches(), 30U) << "once";
  std::size_t acts = 0;
  for (const Json& entry : daemon_.list("/v1/audit"))
    acts += entry["action"].text() == "links.webhook" ? 1 : 0;
  EXPECT_EQ(acts, 30U);
}

TEST_F(Webhooks, ARelinkThatDropsItIsFoundAtTheNextVisit) {
  daemon_.start();
  const std::string id =
      sandbox_.add_links(R"({"webhook":"http://127.0.0.1:9/hooks/moneykit","history_months":1})").at(0);
  daemon_.add_link(id);
  daemon_.wait_for("the link is visited", [&] {
    return daemon_.admin("GET", "/v1/links/" + id)["status"].text() == "active" &&
           daemon_.admin("GET", "/v1/webhooks/audit")["items"].items().empty();
  });
  sandbox_.control("POST", "links/" + id + "/webhook", R"({"webhook":""})");
  daemon_.admin("POST", "/v1/links/" + id + "/sync?wait=30s");
  EXPECT_EQ(daemon_.admin("GET", "/v1/webhooks/audit")["items"].items().at(0)["finding"].text(), "missing");
  EXPECT_EQ(ctl({"webhooks", "fix", "--yes"}), 0);
  EXPECT_EQ(upstream_link(id)["webhook"].text(), wanted);
}

}  // namespace
}  // namespace syncd::test::e2e
