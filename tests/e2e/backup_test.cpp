// The store is lost and comes back from a backup: the real programs, from a backup under load to consumers
// that learn of the new epoch.
#include <algorithm>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/oracle.hpp"

namespace syncd::test::e2e {

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds end_limit{60};
// Nothing is asked in the first minute of a restored store.
constexpr std::chrono::seconds catch_up_limit{150};
constexpr std::size_t links_count = 8;
constexpr int kills = 10;

class Backup : public testing::Test {
 protected:
  Backup()
      : sandbox_(dir_.path(), {"--no-budgets", "--refresh-failures", "0"}),
        daemon_(dir_.path(), sandbox_, tuning()) {}

  // Beside the store, which is to be lost whole.
  fs::path backups() const { return dir_.path() / "backups"; }
  fs::path store() const { return dir_.path() / "store"; }
  Tuning tuning() const {
    Tuning tuning;
    tuning.budget =
        "sync_per_app = 1000000\nsync_per_link = 1000000\naccounts_per_app = 1000000\n"
        "accounts_per_link = 1000000\nlink_per_app = 1000000\nlink_per_link = 1000000\n";
    tuning.schedule = "interval = \"1s\"\n";
    tuning.cycle = "page_size = 20\n";
    tuning.store = "[backup]\nkeep = 3\ndirectory = \"" + backups().string() + "\"\n";
    return tuning;
  }
  Result run(std::vector<std::string> command) {
    const fs::path log = dir_.path() / ("run-" + std::to_string(++runs_) + ".log");
    return run_to_end(command, log, end_limit);
  }
  Result ctl(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
  }
  Result offline(const std::vector<std::string>& arguments) {
    std::vector<std::string> command{SYNCD_PROGRAM, "--config", dir_.path() / "config.toml", "backup"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command);
  }
  std::vector<std::string> add_links() {
    auto ids = sandbox_.add_links(
        R"({"count":8,"history_months":12,"transactions_per_month":60,"refresh_every_seconds":31536000})");
    EXPECT_EQ(ids.size(), links_count);
    return ids;
  }
  // Each link was visited successfully behind `moment`, as the daemon writes times.
  bool all_visited_since(const std::string& moment) {
    const auto links = daemon_.links();
    return links.size() == links_count && std::ranges::all_of(links, [&](const auto& link) {
             const Json& at = link.second["last_success_at"];
             return !at.is_null() && at.text() > moment;
           });
  }
  void expect_truth(const std::vector<std::string>& link_ids) {
    for (const std::string& link_id : link_ids)
      EXPECT_EQ(first_difference(truth_of(sandbox_, link_id), stored_rows(daemon_, link_id)), "") << link_id;
  }
  // Whole ones, by name.
  std::vector<std::string> whole_backups() const {
    std::vector<std::string> names;
    if (!fs::exists(backups())) return names;
    for (const auto& entry : fs::directory_iterator(backups())) {
      const std::string name = entry.path().filename().string();
      if (name.ends_with('Z')) names.push_back(name);
    }
    std::ranges::sort(names);
    return names;
  }
  std::ptrdiff_t count_partial() const {
    if (!fs::exists(backups())) return 0;
    return std::ranges::count_if(fs::directory_iterator(backups()),
                                 [](const auto& entry) { return entry.path().extension() == ".partial"; });
  }
  std::string copy_of_latest(const std::string& name) const {
    fs::copy(backups() / whole_backups().back(), dir_.path() / name, fs::copy_options::recursive);
    return dir_.path() / name;
  }
  static void flip_a_bit(const fs::path& file) {
    std::fstream open(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(fs::file_size(file) / 2);
    open.seekg(middle);
    const char byte = static_cast<char>(open.get() ^ 1);
    open.seekp(middle);
    open.put(byte);
    ASSERT_TRUE(open.flush());
  }
  std::size_t acts_named(const std::string& action) {
    const auto acts = daemon_.list("/v1/audit");
    return static_cast<std::size_t>(
        std::ranges::count_if(acts, [&](const Json& act) { return act["action"].text() == action; }));
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
  int runs_ = 0;
};

}  // namespace

TEST_F(Backup, UnderLoadThenLostThenRestoredIsUpstreamsAgain) {
  const auto link_ids = add_links();
  sandbox_.control("PUT", "faults",
                   R"([{"match":{"endpoint":"sync"},"fault":"latency","delay_ms":10,"delay_ms_max":40}])");
  daemon_.start();
  for (const std::string& link_id : link_ids)
    daemon_.add_link(link_id);
  daemon_.wait_for("the backfill to be under way",
                   [&] { return daemon_.admin("GET", "/v1/feed?limit=1&after=0")["head"].number() > 200; });
  const Result made = ctl({"backup", "create", "--json"});
  ASSERT_EQ(made.code, 0) << made.output;
  const Json backup = Json::parse(made.output);
  EXPECT_EQ(backup["state"].text(), "whole");
  EXPECT_EQ(backup["links"].number(), links_count);
  const auto head_in_backup = backup["feed"]["head"].number();

  // Life goes on, and a consumer sees it.
  sandbox_.control("DELETE", "faults");
  daemon_.wait_for("all links to be synced", [&] { return all_visited_since(""); });
  FeedFollower consumer;
  ASSERT_TRUE(consumer.read_on(daemon_));
  EXPECT_EQ(consumer.replay().problems, std::vector<std::string>{});
  const auto seen_epoch = daemon_.admin("GET", "/v1/feed?limit=1&after=0")["epoch"].number();
  const auto seen_head = consumer.replay().head;
  EXPECT_EQ(seen_epoch, backup["feed"]["epoch"].number());
  ASSERT_GT(seen_head, head_in_backup) << "nothing was lost: the test tests nothing";
  EXPECT_EQ(offline({"verify", "latest"}).code, 0) << "while the daemon runs";

  daemon_.kill_now();
  fs::remove_all(store());
  const Result drilled = offline({"drill", "latest"});
  EXPECT_EQ(drilled.code, 0) << drilled.output;
  EXPECT_THAT(drilled.output, HasSubstr("8 links"));
  const Result restored = offline({"restore", "latest"});
  ASSERT_EQ(restored.code, 0) << restored.output;
  for (const std::string& link_id : link_ids)
    sandbox_.control("POST", "links/" + link_id + "/refresh", R"({"changes":true})");

  daemon_.start();
  const std::string started = daemon_.admin("GET", "/v1/status")["started_at"].text();
  // What the consumer keeps is of another time, and the answer says so before anything else is synced.
  const Json answer = daemon_.admin("GET", "/v1/feed?after=" + std::to_string(seen_head));
  EXPECT_GT(answer["epoch"].number(), seen_epoch);
  EXPECT_LT(answer["head"].number(), seen_head);
  EXPECT_TRUE(answer["items"].items().empty());
  for (const Json& budget : daemon_.admin("GET", "/v1/status")["budget"].items())
    EXPECT_GE(budget["used"].number(), budget["limit"].number())
        << "what the lost store has sent is not known";
  daemon_.wait_for(
      "every link to be visited again", [&] { return all_visited_since(started); }, catch_up_limit);
  expect_truth(link_ids);
  EXPECT_EQ(daemon_.admin("GET", "/v1/feed?after=0&limit=1")["epoch"].number(), answer["epoch"].number());
  EXPECT_GT(daemon_.admin("GET", "/v1/feed?after=0&limit=1")["head"].number(), 0u);
  EXPECT_EQ(ctl({"audit", "check"}).code, 0);
  EXPECT_EQ(acts_named("backup.create"), 1u);
  EXPECT_EQ(acts_named("backup.restore"), 1u);
  EXPECT_GT(std::stod(daemon_.metric("moneykit_syncd_backup_last_success_timestamp_seconds")), 0)
      << "also behind a restart";
}

TEST_F(Backup, EachDamageIsFoundBeforeAnythingIsTouched) {
  const auto link_ids = add_links();
  daemon_.start();
  for (const std::string& link_id : link_ids)
    daemon_.add_link(link_id);
  daemon_.wait_for("all links to be synced", [&] { return all_visited_since(""); });
  EXPECT_EQ(offline({"verify", "latest"}).code, 1) << "there is none yet";
  EXPECT_THAT(ctl({"backup", "ls"}).output, HasSubstr("no backups"));
  EXPECT_EQ(ctl({"backup", "create", "--dry-run"}).code, 0);
  EXPECT_TRUE(whole_backups().empty());
  for (int i = 0; i < 4; ++i)
    ASSERT_EQ(ctl({"backup", "create"}).code, 0);
  EXPECT_EQ(whole_backups().size(), 3u) << "so many are kept";
  EXPECT_THAT(ctl({"backup", "ls"}).output, HasSubstr("3 backups"));
  const std::string copy = copy_of_latest("copy");
  EXPECT_EQ(offline({"verify", copy}).code, 0);
  daemon_.process().send(SIGTERM);
  ASSERT_EQ(daemon_.process().wait(end_limit).code, 0);

  fs::path table;
  for (const auto& entry : fs::directory_iterator(copy + "/db")) {
    if (entry.path().extension() == ".sst") table = entry.path();
  }
  flip_a_bit(table);
  for (const std::string verb : {"verify", "drill"}) {
    const Result refused = offline({verb, copy});
    EXPECT_EQ(refused.code, 74) << verb;
    EXPECT_THAT(refused.output, HasSubstr(table.filename().string()));
  }
  const Result refused = offline({"restore", copy, "--replace"});
  EXPECT_EQ(refused.code, 74) << refused.output;
  EXPECT_THAT(refused.output, HasSubstr("nothing was restored"));
  EXPECT_EQ(offline({"restore", "latest"}).code, 78) << "there is a store";
  daemon_.start();
  EXPECT_EQ(daemon_.links().size(), links_count);
  EXPECT_THAT(daemon_.log(), Not(HasSubstr("store_notice")));
  EXPECT_EQ(offline({"restore", "latest", "--replace"}).code, 74) << "the daemon has the store";
}

// Whatever moment a kill hits, what has the name of a backup is one.
TEST_F(Backup, AKillLeavesAWholeOneOrNone) {
  const auto link_ids = add_links();
  daemon_.start();
  for (const std::string& link_id : link_ids)
    daemon_.add_link(link_id);
  daemon_.wait_for("all links to be synced", [&] { return all_visited_since(""); });
  std::size_t whole = 0;
  for (int round = 0; round < kills; ++round) {
    std::jthread backup([&] { static_cast<void>(daemon_.ask("POST", "/v1/backups?wait=30s")); });
    // tidy: allow sleep: the moment of the kill is what is tried, nothing is waited for
    std::this_thread::sleep_for(std::chrono::milliseconds(12 * round));
    daemon_.kill_now();
    backup.join();
    for (const std::string& name : whole_backups()) {
      const Result checked = offline({"verify", name});
      EXPECT_EQ(checked.code, 0) << checked.output;
    }
    daemon_.start();
    const std::size_t listed = daemon_.list("/v1/backups").size();
    EXPECT_EQ(listed, whole_backups().size());
    whole = std::max(whole, listed);
    daemon_.wait_for("what is left to be cleared away", [&] { return count_partial() == 0; });
  }
  RecordProperty("backups that were whole at once", static_cast<int>(whole));
  EXPECT_EQ(ctl({"backup", "create"}).code, 0);
  EXPECT_EQ(ctl({"audit", "check"}).code, 0);
}

}  // namespace syncd::test::e2e
