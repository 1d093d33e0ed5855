#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/oracle.hpp"

// SIGTERM with a thousand pulls under way: the process ends within its promise, and nothing is lost or half
// done.
namespace syncd::test::e2e {
namespace {

constexpr unsigned links_count = 1000;
/// The promise to whoever stops the service; not a measurement.
constexpr std::chrono::seconds stop_promise{10};

Tuning wide() {
  return {.upstream = "connections = 256\n",
          .schedule = "interval = \"30d\"\nmax_interval = \"30d\"\naccounts_interval = \"30d\"\n",
          .cycle = "",
          .budget = "sync_per_app = 1000000\naccounts_per_app = 1000000\nlink_per_app = 1000000\n",
          .daemon = "workers = 1000\n"};
}

unsigned long long in_flight(Daemon& daemon) {
  return daemon.admin("GET", "/v1/status")["links"]["in_flight"].number();
}

std::size_t count_of(const std::string& text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    ++count;
  }
  return count;
}

TEST(GracefulStop, AThousandPullsInFlight) {
  const ScratchDir dir;
  Sandbox sandbox(dir.path(), {"--no-budgets", "--seed", "1000", "--refresh-failures", "0"});
  const std::vector<std::string> link_ids =
      sandbox.add_links(R"({"count":1000,"accounts":1,"history_months":1,"transactions_per_month":5,)"
                        R"("refresh_every_seconds":31536000})");
  ASSERT_EQ(link_ids.size(), links_count);
  // Longer than the promise: no pull can end by itself in time.
  sandbox.control("PUT", "faults", R"([{"match":{"endpoint":"sync"},"fault":"latency","delay_ms":25000}])");

  Daemon daemon(dir.path(), sandbox, wide());
  daemon.start();
  for (const std::string& link_id : link_ids) {
    daemon.add_link(link_id);
  }
  daemon.wait_for("a thousand pulls under way", [&] { return in_flight(daemon) == links_count; });
  daemon.process().send(SIGTERM);
  const Ended first = daemon.process().wait(stop_promise);
  EXPECT_EQ(first.signal, 0);
  ASSERT_EQ(first.code, 0) << daemon.process().log_tail();

  // The next start finds a clean store, and every link where it was left.
  sandbox.control("DELETE", "faults");
  daemon.start();
  daemon.wait_for("all links to be synced", [&] {
    const auto links = daemon.links();
    return links.size() == links_count && std::ranges::all_of(links, [](const auto& link) {
             return !link.second["last_success_at"].is_null();
           });
  });
  EXPECT_EQ(count_of(daemon.log(), "\"unclean_stop\""), 0U);
  EXPECT_EQ(count_of(daemon.log(), "\"store_notice\""), 0U);
  const FeedReplay replay = replay_feed(daemon);
  EXPECT_EQ(replay.problems, std::vector<std::string>{});
  for (const std::string& link_id : link_ids) {
    const LinkRows truth = truth_of(sandbox, link_id);
    ASSERT_EQ(first_difference(truth, stored_rows(daemon, link_id)), "") << link_id;
    ASSERT_TRUE(replay.links.contains(link_id)) << link_id;
    ASSERT_EQ(first_difference(truth, replay.links.at(link_id)), "") << link_id;
  }
  daemon.process().send(SIGTERM);
  EXPECT_EQ(daemon.process().wait(stop_promise).code, 0);
}

}  // namespace
}  // namespace syncd::test::e2e
