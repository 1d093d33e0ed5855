#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/e2e/oracle.hpp"

// A backfill that is killed again and again ends with exactly what upstream has, and a feed without a scar.
namespace syncd::test::e2e {
namespace {

constexpr std::size_t kills = 20;
constexpr std::size_t kills_inside_min = 15;
constexpr std::size_t links_count = 12;
constexpr std::string_view new_links =
    R"({"count":12,"history_months":24,"transactions_per_month":60,"refresh_every_seconds":31536000})";

/// Another seed: E2E_SEED in the environment.
unsigned seed() {
  const char* const text = std::getenv("E2E_SEED");
  return text == nullptr ? 20'240 : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

Tuning small_pages() {
  return {.upstream = "",
          .schedule = "interval = \"30d\"\nmax_interval = \"30d\"\naccounts_interval = \"30d\"\n",
          .cycle = "page_size = 20\n",
          .budget =
              "sync_per_app = 1000000\nsync_per_link = 1000000\naccounts_per_app = 1000000\n"
              "accounts_per_link = 1000000\n",
          .daemon = ""};
}

/// Feed sequences at which the daemon is killed, ascending: uniform over the first nine tenths.
std::vector<std::size_t> draw_thresholds(std::mt19937& random, std::size_t rows) {
  std::uniform_int_distribution<std::size_t> place(1, rows * 9 / 10);
  std::vector<std::size_t> out(kills);
  std::ranges::generate(out, [&] { return place(random); });
  std::ranges::sort(out);
  return out;
}

bool all_synced(Daemon& daemon) {
  const auto links = daemon.links();
  return links.size() == links_count && std::ranges::all_of(links, [](const auto& link) {
           return !link.second["last_success_at"].is_null();
         });
}

/// Lets the daemon run until its feed has passed `threshold` or every link is synced, then kills it a moment
/// later. The moment is random, so that it falls anywhere between two commits and not only behind one.
void run_and_kill(Daemon& daemon, std::size_t threshold, std::mt19937& random) {
  daemon.wait_for("the feed to reach entry " + std::to_string(threshold), [&] {
    const Json slice = daemon.admin("GET", "/v1/feed?limit=1&wait=1s&after=" + std::to_string(threshold - 1));
    return slice["head"].number() >= threshold;
  });
  std::uniform_int_distribution<int> microseconds(0, 20'000);
  // tidy: allow sleep: the moment of the kill is what is drawn, nothing is waited for
  std::this_thread::sleep_for(std::chrono::microseconds{microseconds(random)});
  daemon.kill_now();
}

void expect_truth(Sandbox& sandbox, Daemon& daemon, const std::vector<std::string>& link_ids) {
  const FeedReplay replay = replay_feed(daemon);
  EXPECT_EQ(replay.problems, std::vector<std::string>{});
  EXPECT_TRUE(replay.relinks_open.empty());
  for (const std::string& link_id : link_ids) {
    const LinkRows truth = truth_of(sandbox, link_id);
    EXPECT_EQ(first_difference(truth, stored_rows(daemon, link_id)), "") << link_id;
    ASSERT_TRUE(replay.links.contains(link_id)) << link_id;
    EXPECT_EQ(first_difference(truth, replay.links.at(link_id)), "") << "replayed feed, " << link_id;
  }
}

TEST(KillBackfill, TwentyKillsLeaveNoScar) {
  std::mt19937 random(seed());
  RecordProperty("seed", std::to_string(seed()));
  std::printf("seed %u\n", seed());
  const ScratchDir dir;
  Sandbox sandbox(dir.path(), {"--no-budgets", "--seed", "41", "--refresh-failures", "0"});
  const std::vector<std::string> link_ids = sandbox.add_links(new_links);
  ASSERT_EQ(link_ids.size(), links_count);
  std::size_t rows = 0;
  for (const std::string& link_id : link_ids) {
    rows += truth_of(sandbox, link_id).transactions.size();
  }
  ASSERT_GE(rows, 5000U) << "the history is too short to be killed so often";
  sandbox.control("PUT", "faults",
                  R"([{"match":{"endpoint":"sync"},"fault":"latency","delay_ms":10,"delay_ms_max":50}])");

  Daemon daemon(dir.path(), sandbox, small_pages());
  daemon.start();
  for (const std::string& link_id : link_ids) {
    daemon.add_link(link_id);
  }
  const unsigned long long epoch = daemon.admin("GET", "/v1/status")["feed"]["epoch"].number();
  std::size_t inside = 0;
  for (const std::size_t threshold : draw_thresholds(random, rows)) {
    run_and_kill(daemon, threshold, random);
    daemon.start();
    // A link without a success after the restart was still draining when the daemon was killed.
    inside += all_synced(daemon) ? 0U : 1U;
  }
  std::printf("%zu of %zu kills fell inside the backfill of %zu rows\n", inside, kills, rows);
  EXPECT_GE(inside, kills_inside_min);

  sandbox.control("DELETE", "faults");
  daemon.wait_for("all links to be synced", [&] { return all_synced(daemon); });
  expect_truth(sandbox, daemon, link_ids);

  // One more visit to each finds nothing new, and says nothing.
  const Json status = daemon.admin("GET", "/v1/status");
  EXPECT_EQ(status["feed"]["epoch"].number(), epoch);
  for (const std::string& link_id : link_ids) {
    const Json report = daemon.admin("POST", "/v1/links/" + link_id + "/sync?wait=30s");
    EXPECT_EQ(report["outcome"].text(), "success") << link_id;
  }
  const Json after = daemon.admin("GET", "/v1/status");
  EXPECT_EQ(after["feed"]["head"].number(), status["feed"]["head"].number());
  EXPECT_EQ(after["links"]["by_status"]["active"].number(), links_count);
  EXPECT_TRUE(daemon.list("/v1/relink").empty());

  daemon.process().send(SIGTERM);
  const Ended ended = daemon.process().wait(std::chrono::seconds{30});
  EXPECT_EQ(ended.code, 0);
}

}  // namespace
}  // namespace syncd::test::e2e
