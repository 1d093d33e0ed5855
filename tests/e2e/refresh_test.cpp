#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

// A bank is asked anew because somebody wants it, by the real daemon, and not more often than is paid for.
namespace syncd::test::e2e {
namespace {

constexpr std::chrono::seconds end_limit{120};

class Refresh : public testing::Test {
 protected:
  static Tuning tuning() {
    Tuning out;
    out.schedule = "interval = \"30d\"\nmax_interval = \"30d\"\naccounts_interval = \"30d\"\n";
    out.budget =
        "sync_per_link = 1000000\n\n[link_session]\nredirect_uri = \"http://localhost:3000/back\"\n\n"
        "[refresh]\nenabled = true\ncalls_per_day = 2\n";
    return out;
  }
  Refresh() : sandbox_(dir_.path(), {"--refresh-failures", "0"}), daemon_(dir_.path(), sandbox_, tuning()) {}

  int ctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"});
    Process process(arguments, dir_.path() / "ctl.log");
    return process.wait(end_limit).code.value_or(-1);
  }
  // A link whose bank has not delivered anything yet, because its session asks for nothing in advance, and
  // will not by itself for an hour and a half.
  std::string new_link(const std::string& user) {
    const Json session =
        daemon_.admin("POST", "/v1/link-sessions", R"({"customer_user":{"id":")" + user + "\"}}");
    const Json done =
        sandbox_.control("POST", "sessions/" + session["link_session_token"].text() + "/complete",
                         R"({"institution_id":"prairie_savings"})");
    const Json link = daemon_.admin("POST", "/v1/links:exchange",
                                    R"({"exchangeable_token":")" + done["exchangeable_token"].text() + "\"}");
    std::string id = link["link_id"].text();
    daemon_.wait_for("the link is visited",
                     [&] { return !daemon_.admin("GET", "/v1/links/" + id)["last_success_at"].is_null(); });
    return id;
  }
  std::uint64_t rows(const std::string& id) {
    return daemon_.admin("GET", "/v1/links/" + id)["counts"]["transactions"].number();
  }
  std::string reason(const std::string& id) {
    const Json answer = daemon_.admin("POST", "/v1/links/" + id + "/refresh", "{}");
    return answer["items"].items().at(0)["reason"].text();
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
};

TEST_F(Refresh, BringsRowsOnceAndItsLimitOutlivesAKill) {
  daemon_.start();
  const std::string first = new_link("user-1");
  EXPECT_EQ(rows(first), 0U);
  EXPECT_EQ(ctl({"links", "refresh", first, "--yes"}), 0);
  EXPECT_EQ(ctl({"links", "refresh", first, "--yes"}), 1);
  EXPECT_EQ(reason(first), "too_soon");
  daemon_.wait_for("its rows are here", [&] { return rows(first) > 0; });
  daemon_.wait_for("its end is counted", [&] {
    return daemon_.scrape().contains(
        "moneykit_syncd_refreshes_total{product=\"transactions\",stage=\"completed\"} 1");
  });

  const std::string second = new_link("user-2");
  const std::string third = new_link("user-3");
  EXPECT_EQ(ctl({"links", "refresh", second, "--yes"}), 0);
  daemon_.kill_now();
  daemon_.start();
  EXPECT_EQ(reason(third), "day_spent");
  EXPECT_EQ(reason(second), "too_soon");
  const Json asked = sandbox_.control("GET", "statistics")["endpoints"]["refresh"];
  EXPECT_EQ(asked["requests"].number(), 2U);
}

}  // namespace
}  // namespace syncd::test::e2e
