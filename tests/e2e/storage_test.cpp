#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

// What the process does about its disk: too full, and damaged.
namespace syncd::test::e2e {
namespace {

using testing::HasSubstr;

constexpr std::chrono::seconds end_limit{30};
constexpr std::string_view three_links = R"({"count": 3, "history_months": 1, "transactions_per_month": 20})";

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Storage : public testing::Test {
 protected:
  explicit Storage(Tuning tuning = {}) : sandbox_(dir_.path(), {"--no-budgets"}) {
    daemon_ = std::make_unique<Daemon>(dir_.path(), sandbox_, tuning);
  }
  void replace_in_config(const std::string& from, const std::string& to) {
    const auto path = dir_.path() / "config.toml";
    std::string text = read_text(path);
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    write_private(path, text);
  }
  void reload() { daemon_->process().send(SIGHUP); }
  bool logged(std::string_view event) const {
    return daemon_->log().find("\"" + std::string(event) + "\"") != std::string::npos;
  }
  void stop() {
    daemon_->process().send(SIGTERM);
    ASSERT_EQ(daemon_->process().wait(end_limit).code, 0) << daemon_->process().log_tail();
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  std::unique_ptr<Daemon> daemon_;
};

constexpr const char* more_than_any_disk = "1048576";

TEST_F(Storage, OnAFullDiskNothingIsFetchedAndEverythingIsServed) {
  daemon_->start();
  const auto links = sandbox_.add_links(three_links);
  daemon_->add_link(links[0]);
  daemon_->wait_for("the first link", [&] { return daemon_->links()[links[0]]["cursor_set"].is_true(); });

  replace_in_config("min_free_mib = 64", std::string("min_free_mib = ") + more_than_any_disk);
  reload();
  daemon_->wait_for("the guard", [&] { return logged("storage_low"); });
  EXPECT_TRUE(daemon_->admin("GET", "/v1/status")["store"]["space_low"].is_true());
  EXPECT_EQ(daemon_->metric("moneykit_syncd_store_space_low"), "1");
  EXPECT_EQ(daemon_->ask("GET", "/-/ready").status, 200) << "what is stored is still served";
  EXPECT_FALSE(daemon_->list("/v1/links/" + links[0] + "/transactions").empty());
  const Reply asked = daemon_->ask("POST", "/v1/links/" + links[0] + "/sync");
  EXPECT_EQ(asked.status, 503);
  EXPECT_THAT(asked.body, HasSubstr(R"("code":"space_low")"));
  EXPECT_THAT(asked.body, HasSubstr("nearly full"));
  EXPECT_THAT(asked.head, HasSubstr("Retry-After: 10\r\n"));

  const Reply many = daemon_->ask("POST", "/v1/links:import", R"({"items":[]})");
  EXPECT_EQ(many.status, 503);
  EXPECT_THAT(many.body, HasSubstr(R"("code":"space_low")"));

  // An operator may still register a link; it is not fetched before there is room.
  daemon_->add_link(links[1]);
  EXPECT_FALSE(daemon_->links()[links[1]]["cursor_set"].is_true());
  EXPECT_EQ(daemon_->admin("GET", "/v1/status")["links"]["in_flight"].text(), "0");

  replace_in_config(std::string("min_free_mib = ") + more_than_any_disk, "min_free_mib = 64");
  reload();
  daemon_->wait_for("room again", [&] { return logged("storage_enough"); });
  daemon_->wait_for("the second link", [&] { return daemon_->links()[links[1]]["cursor_set"].is_true(); });
  EXPECT_EQ(daemon_->metric("moneykit_syncd_store_space_low"), "0");
  stop();
}

TEST_F(Storage, AStoreOnAFullDiskIsNotOpenedButWaitedFor) {
  replace_in_config("min_free_to_open_mib = 64", std::string("min_free_to_open_mib = ") + more_than_any_disk);
  daemon_->launch();
  daemon_->wait_for("the guard", [&] { return logged("storage_low"); });
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "store")) << "nothing is written";
  daemon_->wait_for("the reason", [&] {
    return daemon_->ask("GET", "/v1/status").body.find("too full to open it") != std::string::npos;
  });
  const Reply status = daemon_->ask("GET", "/v1/status");
  EXPECT_EQ(status.status, 503);
  EXPECT_EQ(daemon_->ask("GET", "/-/ready").status, 503);

  replace_in_config(std::string("min_free_to_open_mib = ") + more_than_any_disk, "min_free_to_open_mib = 64");
  reload();
  daemon_->wait_until_ready();
  EXPECT_TRUE(logged("storage_enough"));
  EXPECT_EQ(daemon_->metric("moneykit_syncd_store_space_low"), "0");
  stop();
}

TEST_F(Storage, WhoeverWaitsForRoomStopsWhenAsked) {
  replace_in_config("min_free_to_open_mib = 64", std::string("min_free_to_open_mib = ") + more_than_any_disk);
  daemon_->launch();
  daemon_->wait_for("the guard", [&] { return logged("storage_low"); });
  stop();
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "store"));
}

class Scrubbed : public Storage {
 protected:
  Scrubbed() : Storage(often()) {}
  static Tuning often() {
    Tuning tuning{};
    tuning.store = "scrub_interval = \"1s\"\n";
    return tuning;
  }
  // A file with rows of transactions, which nobody reads at a start. The properties of a table name its
  // family.
  std::filesystem::path file_with_rows() {
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path() / "store/db")) {
      if (entry.path().extension() != ".sst") continue;
      if (read_text(entry.path()).find("nametransactions") != std::string::npos) return entry.path();
    }
    throw Failed("no table file holds transactions");
  }
};

TEST_F(Scrubbed, DamageIsFoundAndTold) {
  daemon_->start();
  const auto links = sandbox_.add_links(three_links);
  for (const auto& link : links)
    daemon_->add_link(link);
  daemon_->wait_for("the links", [&] {
    auto all = daemon_->links();
    return std::ranges::all_of(links, [&](const auto& link) { return all[link]["cursor_set"].is_true(); });
  });
  daemon_->wait_for("a walk", [&] { return logged("store_scrubbed"); });
  EXPECT_EQ(daemon_->metric("moneykit_syncd_store_damaged_files"), "0");
  stop();

  const auto victim = file_with_rows();
  {
    std::fstream file(victim, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(100);
    const char flipped = static_cast<char>(file.get() ^ 1);
    file.seekp(100);
    file.put(flipped);
    ASSERT_TRUE(file.flush());
  }
  daemon_->start();
  daemon_->wait_for("the damage",
                    [&] { return daemon_->metric("moneykit_syncd_store_damaged_files") == "1"; });
  EXPECT_TRUE(logged("store_damaged"));
  EXPECT_THAT(daemon_->log(), HasSubstr(victim.filename().string()));
  EXPECT_EQ(daemon_->admin("GET", "/v1/status")["store"]["damaged_files"].text(), "1");
}

}  // namespace
}  // namespace syncd::test::e2e
