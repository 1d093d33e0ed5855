#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "daemon/visit_line.hpp"
#include "sync/core/planner.hpp"
#include "tests/e2e/rig.hpp"

// What the schedule gains is measured: by the control group, and by the trace that the real daemon writes.
namespace syncd::test::e2e {
namespace {

struct Measured : testing::Test {
  static Tuning tuning() {
    Tuning out;
    out.schedule =
        "interval = \"30d\"\nmax_interval = \"30d\"\naccounts_interval = \"30d\"\ncontrol_percent = 50\n"
        "record_mib = 1\n";
    out.budget = "sync_per_link = 1000000\naccounts_per_link = 1000000\n";
    return out;
  }
  void start_with_links() {
    daemon.start();
    for (const std::string& link_id : link_ids)
      daemon.add_link(link_id);
    daemon.wait_for("the links to be synced", [&] {
      for (const auto& [link_id, link] : daemon.links()) {
        if (link["last_success_at"].is_null()) return false;
      }
      return true;
    });
  }
  void refresh_all() {
    for (const std::string& link_id : link_ids) {
      sandbox.control("POST", "links/" + link_id + "/refresh", R"({"changes":true})");
      daemon.admin("POST", "/v1/links/" + link_id + "/sync?wait=30s");
    }
  }
  void restart() {
    daemon.process().send(SIGTERM);
    ASSERT_EQ(daemon.process().wait(std::chrono::seconds{30}).code, 0);
    daemon.start();
  }
  std::filesystem::path trace_file() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir.path())) {
      if (entry.path().filename() == "visits.trace") return entry.path();
    }
    return {};
  }
  std::vector<daemon::VisitLine> trace() const {
    std::ifstream file(trace_file());
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(line + "\n", daemon::visit_trace_head);
    std::vector<daemon::VisitLine> visits;
    while (std::getline(file, line)) {
      const auto visit = daemon::parse_visit(line);
      EXPECT_TRUE(visit) << line;
      if (visit) visits.push_back(*visit);
    }
    return visits;
  }
  // Whole ones, the head among them.
  std::size_t lines() const {
    std::ifstream file(trace_file());
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(file), {}, '\n'));
  }
  std::size_t links_of(core::Arm arm) const {
    std::size_t count = 0;
    for (const std::string& link_id : link_ids)
      count += core::arm_of(core::stable_hash(link_id), 0.5) == arm ? 1 : 0;
    return count;
  }
  std::string changes_of(const std::string& arm) {
    return daemon.metric("moneykit_syncd_change_delay_seconds_count{arm=\"" + arm + "\"}");
  }

  ScratchDir dir;
  Sandbox sandbox{dir.path(), {"--seed", "22", "--refresh-failures", "0"}};
  std::vector<std::string> link_ids =
      sandbox.add_links(R"({"count":8,"history_months":1,"refresh_every_seconds":31536000})");
  Daemon daemon{dir.path() / "daemon", sandbox, tuning()};
};

TEST_F(Measured, EachDelayCountsForItsArm) {
  start_with_links();
  EXPECT_EQ(changes_of("adaptive"), "0") << "a first sync reads history";
  refresh_all();
  ASSERT_GT(links_of(core::Arm::control), 0U);
  ASSERT_GT(links_of(core::Arm::adaptive), 0U);
  EXPECT_EQ(changes_of("control"), std::to_string(links_of(core::Arm::control)));
  EXPECT_EQ(changes_of("adaptive"), std::to_string(links_of(core::Arm::adaptive)));
}

TEST_F(Measured, TheTraceTellsOfVisitsAndNotOfPeople) {
  start_with_links();
  refresh_all();
  daemon.wait_for("the trace to be written", [&] { return lines() > 2 * link_ids.size(); });
  restart();
  refresh_all();
  restart();  // what waits is written at the stop
  const auto visits = trace();
  std::set<std::uint64_t> names;
  std::set<std::int64_t> clocks;
  std::size_t changed = 0;
  for (const daemon::VisitLine& visit : visits) {
    names.insert(visit.link);
    clocks.insert(visit.refreshed_at.time_since_epoch().count());
    changed += visit.changed ? 1 : 0;
    EXPECT_TRUE(visit.fetched);
    EXPECT_GE(visit.at, visit.refreshed_at);
  }
  EXPECT_EQ(names.size(), link_ids.size()) << "a link has the same name in each run";
  EXPECT_EQ(changed, 3 * link_ids.size()) << "the first sync and two refreshes";
  EXPECT_GE(clocks.size(), 3U);
  EXPECT_EQ(std::filesystem::status(trace_file()).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::ifstream file(trace_file());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const std::string& link_id : link_ids)
    EXPECT_EQ(text.find(link_id), std::string::npos);
}

}  // namespace
}  // namespace syncd::test::e2e
