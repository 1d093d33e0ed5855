#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

// How the process behaves towards whoever runs it: exit codes, signals, reload, its files.
namespace syncd::test::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::chrono::seconds end_limit{30};
constexpr std::string_view secret = "sandbox-secret";

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class DaemonProcess : public testing::Test {
 protected:
  DaemonProcess() : sandbox_(dir_.path(), {"--no-budgets"}), daemon_(dir_.path(), sandbox_, {}) {}

  std::filesystem::path config() const { return dir_.path() / "config.toml"; }
  // Runs the program to its end; its output is in `log`.
  Ended run_to_end(const std::vector<std::string>& arguments, const std::filesystem::path& log) {
    std::vector<std::string> command{SYNCD_PROGRAM};
    command.insert(command.end(), arguments.begin(), arguments.end());
    Process process(command, log);
    return process.wait(end_limit);
  }
  // A copy of the configuration under another name, with `from` replaced.
  std::filesystem::path variant(const std::string& name, const std::string& from, const std::string& to) {
    std::string text = read_text(config());
    text.replace(text.find(from), from.size(), to);
    const std::filesystem::path path = dir_.path() / name;
    write_private(path, text);
    return path;
  }

  ScratchDir dir_;
  Sandbox sandbox_;
  Daemon daemon_;
};

TEST_F(DaemonProcess, ChecksItsConfigurationOfflineAndOnline) {
  EXPECT_EQ(run_to_end({"check-config", "--config", config()}, dir_.path() / "a.log").code, 0);
  EXPECT_EQ(read_text(dir_.path() / "a.log"), "ok\n");
  EXPECT_EQ(run_to_end({"check-config", "--online", "--config", config()}, dir_.path() / "b.log").code, 0);
  EXPECT_THAT(read_text(dir_.path() / "b.log"), HasSubstr("accepts the credentials"));

  const auto stranger = variant("stranger.toml", sandbox_.client_id(), "sandbox_stranger");
  EXPECT_EQ(run_to_end({"check-config", "--online", "--config", stranger}, dir_.path() / "c.log").code, 78);
  EXPECT_THAT(read_text(dir_.path() / "c.log"), HasSubstr("refuses the credentials"));

  const auto broken = variant("broken.toml", "[metrics]", "[metrics]\nport = 5\n[colour]");
  EXPECT_EQ(run_to_end({"check-config", "--config", broken}, dir_.path() / "d.log").code, 78);
  EXPECT_THAT(read_text(dir_.path() / "d.log"), HasSubstr("metrics.port: is not a known key"));
  EXPECT_THAT(read_text(dir_.path() / "d.log"), HasSubstr("colour: is not a known section"));
  EXPECT_EQ(run_to_end({"run", "--config", broken}, dir_.path() / "e.log").code, 78);
  EXPECT_EQ(run_to_end({"--no-such-option"}, dir_.path() / "f.log").code, 2);
}

TEST_F(DaemonProcess, DumpShowsWhatIsInEffectAndNoSecret) {
  EXPECT_EQ(run_to_end({"config", "dump", "--config", config()}, dir_.path() / "dump.toml").code, 0);
  const std::string dump = read_text(dir_.path() / "dump.toml");
  EXPECT_THAT(dump, HasSubstr("max_interval = \"1d\"\n"));
  EXPECT_THAT(dump, Not(HasSubstr(secret)));
  const auto report = dir_.path() / "report.toml";
  EXPECT_EQ(run_to_end({"config", "dump", "--effective", "--redacted", "--config", config()}, report).code,
            0);
  EXPECT_THAT(read_text(report), HasSubstr("max_interval = \"1d\"  # default\n"));
  EXPECT_THAT(read_text(report), HasSubstr("client_id = \"(redacted)\"  # " + config().string()));
  EXPECT_THAT(read_text(report), Not(HasSubstr(sandbox_.client_id())));
  // An installed machine has the reference, whatever its configuration is like.
  const auto reference = dir_.path() / "reference.md";
  EXPECT_EQ(run_to_end({"config", "reference", "--config", "/nowhere"}, reference).code, 0);
  EXPECT_THAT(read_text(reference), testing::StartsWith("# Configuration\n"));
  EXPECT_THAT(read_text(reference), HasSubstr("## What needs a restart\n"));
  EXPECT_EQ(run_to_end({"config"}, dir_.path() / "usage.log").code, 2);
}

TEST_F(DaemonProcess, StopsOnTermAndRemovesItsSocket) {
  daemon_.start();
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "admin.sock"));
  daemon_.process().send(SIGTERM);
  EXPECT_EQ(daemon_.process().wait(end_limit).code, 0);
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "admin.sock"));
  EXPECT_THAT(daemon_.log(), Not(HasSubstr(secret)));
}

TEST_F(DaemonProcess, ASecondOneIsRefusedAndTouchesNothing) {
  daemon_.start();
  EXPECT_EQ(run_to_end({"run", "--config", config()}, dir_.path() / "same.log").code, 69);
  EXPECT_THAT(read_text(dir_.path() / "same.log"), HasSubstr("another process answers on it"));
  const auto elsewhere = variant("elsewhere.toml", "admin.sock", "other.sock");
  EXPECT_EQ(run_to_end({"run", "--config", elsewhere}, dir_.path() / "store.log").code, 74);
  EXPECT_THAT(read_text(dir_.path() / "store.log"), HasSubstr("\"store_open_failed\""));
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "other.sock"));
  EXPECT_EQ(daemon_.ask("GET", "/-/ready").status, 200);
}

// systemd starts again what ends with 74, and leaves alone what ends with 78.
TEST_F(DaemonProcess, AStoreThatIsNotForItIsNotTriedAgainAndADamagedOneIs) {
  daemon_.start();
  daemon_.process().send(SIGTERM);
  ASSERT_EQ(daemon_.process().wait(end_limit).code, 0);
  const auto live = variant("live.toml", sandbox_.client_id(), "live_stranger");
  EXPECT_EQ(run_to_end({"run", "--config", live}, dir_.path() / "live.log").code, 78);
  EXPECT_THAT(read_text(dir_.path() / "live.log"), HasSubstr("\"store_open_failed\""));
  EXPECT_THAT(read_text(dir_.path() / "live.log"), HasSubstr("belongs to environment"));
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "store/clean-close"));

  std::ofstream(dir_.path() / "store/db/CURRENT") << "garbage";
  EXPECT_EQ(run_to_end({"run", "--config", config()}, dir_.path() / "damaged.log").code, 74);
  EXPECT_THAT(read_text(dir_.path() / "damaged.log"), HasSubstr("moneykit-syncd backup restore latest"));
}

TEST_F(DaemonProcess, ComesBackOverTheSocketOfACrash) {
  daemon_.start();
  daemon_.kill_now();
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "admin.sock"));
  daemon_.start();
}

// A fresh machine: nothing of what the configuration names exists yet but the secret.
TEST_F(DaemonProcess, TheFirstStartMakesWhatItNeeds) {
  const auto fresh = variant("fresh.toml", dir_.path() / "admin.sock", dir_.path() / "run/admin.sock");
  EXPECT_EQ(run_to_end({"check-config", "--config", fresh}, dir_.path() / "check.log").code, 0)
      << read_text(dir_.path() / "check.log");
  EXPECT_FALSE(std::filesystem::exists(dir_.path() / "run")) << "a check changes nothing";
  Process process({SYNCD_PROGRAM, "run", "--config", fresh}, dir_.path() / "fresh.log");
  wait_until(
      "the daemon to be ready",
      [&] { return request({dir_.path() / "run/admin.sock"}, "GET", "/-/ready").status == 200; },
      [&] { return process.log_tail(); });
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(dir_.path() / "run").permissions() & perms::others_all, perms::none);
  process.send(SIGTERM);
  EXPECT_EQ(process.wait(end_limit).code, 0);
}

TEST_F(DaemonProcess, AnswersThatItIsStartingWhileTheStoreOpens) {
  daemon_.start();
  daemon_.process().send(SIGTERM);
  EXPECT_EQ(daemon_.process().wait(end_limit).code, 0);
  // Opening the store ends with the salt of the log's names. From a pipe it comes when we say so.
  const std::filesystem::path salt = dir_.path() / "store/log-salt";
  std::filesystem::remove(salt);
  ASSERT_EQ(mkfifo(salt.c_str(), 0600), 0);
  daemon_.launch();
  daemon_.wait_for("an answer", [&] { return daemon_.ask("GET", "/-/healthy").status != 0; });
  const Reply healthy = daemon_.ask("GET", "/-/healthy");
  EXPECT_EQ(healthy.status, 503);
  EXPECT_THAT(healthy.body, HasSubstr("is starting"));
  EXPECT_EQ(daemon_.ask("GET", "/-/ready").status, 503);
  Process ctl({MONEYKITCTL_PROGRAM, "--socket", dir_.path() / "admin.sock", "status"},
              dir_.path() / "ctl.log");
  EXPECT_EQ(ctl.wait(end_limit).code, 69);
  EXPECT_THAT(read_text(dir_.path() / "ctl.log"), HasSubstr("the daemon is starting"));
  std::ofstream(salt, std::ios::binary) << "0123456789abcdef";
  daemon_.wait_until_ready();
  EXPECT_EQ(daemon_.ask("GET", "/v1/status").status, 200);
}

TEST_F(DaemonProcess, FeedsTheWatchdogAfterAWriteOfTheStore) {
  const int systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = dir_.path() / "notify.sock";
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(systemd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const timeval limit{60, 0};
  setsockopt(systemd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setenv("NOTIFY_SOCKET", path.c_str(), 1);
  setenv("WATCHDOG_USEC", "3000000", 1);
  daemon_.start();
  unsetenv("NOTIFY_SOCKET");
  unsetenv("WATCHDOG_USEC");
  std::vector<std::string> received;
  while (std::ranges::count(received, "WATCHDOG=1") < 3) {
    std::array<char, 4096> buffer{};
    const ssize_t bytes = recv(systemd, buffer.data(), buffer.size(), 0);
    ASSERT_GT(bytes, 0) << daemon_.process().log_tail();
    received.emplace_back(buffer.data(), static_cast<std::size_t>(bytes));
  }
  close(systemd);
  EXPECT_TRUE(std::ranges::any_of(received, [](const auto& text) { return text.starts_with("READY=1"); }));
  bool written = false;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path() / "store")) {
    if (entry.path().extension() == ".log") written = written || read_text(entry.path()).contains("watchdog");
  }
  EXPECT_TRUE(written) << "the probe writes";
}

TEST_F(DaemonProcess, ReloadTakesAllOrNothing) {
  daemon_.start();
  const std::string before = read_text(config());
  const auto reload_until = [&](const char* line) {
    daemon_.process().send(SIGHUP);
    daemon_.wait_for(line, [&] { return daemon_.log().find(line) != std::string::npos; });
  };
  write_private(config(), before + "level = \"loud\"\n");
  reload_until("\"reload_failed\"");
  EXPECT_THAT(daemon_.log(), HasSubstr("log.level: \\\"loud\\\" is not one of the accepted values"));
  const Json refused = daemon_.admin("GET", "/v1/status")["config"];
  EXPECT_EQ(refused["last_reload_ok"].text(), "false");
  EXPECT_EQ(refused["problems"].text(), "1");
  EXPECT_EQ(refused["pending_restart"].items().size(), 0U);
  EXPECT_EQ(daemon_.metric("moneykit_syncd_config_last_reload_successful"), "0");

  std::string after = before;
  after.replace(after.find("[budget]\n"), 9, "[budget]\nlink_per_app = 77\n");
  after.replace(after.find("/store\""), 7, "/store2\"");
  write_private(config(), after);
  reload_until("\"restart_needed\"");
  EXPECT_THAT(daemon_.log(), HasSubstr("\"changed\":\"budget.link_per_app\""));
  EXPECT_THAT(daemon_.log(), HasSubstr("\"keys\":\"store.path\""));
  bool found = false;
  for (const Json& use : daemon_.admin("GET", "/v1/status")["budget"].items()) {
    found = found || (use["endpoint"].text() == "link" && use["limit"].text() == "77");
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(daemon_.metric("moneykit_syncd_config_last_reload_successful"), "1");
  const Json accepted = daemon_.admin("GET", "/v1/status")["config"];
  EXPECT_TRUE(accepted["last_reload_ok"].is_true());
  EXPECT_EQ(accepted["problems"].text(), "0");
  EXPECT_EQ(accepted["loaded_at"].text(), accepted["last_reload_at"].text());
  ASSERT_EQ(accepted["pending_restart"].items().size(), 1U);
  EXPECT_EQ(accepted["pending_restart"].items()[0].text(), "store.path");

  // A secret in the place of its file's name is not repeated where everybody reads.
  std::string misplaced = before;
  const std::string file = dir_.path() / "secret";
  misplaced.replace(misplaced.find(file), file.size(), "canary-5f1c");
  write_private(config(), misplaced);
  reload_until("upstream.client_secret_file: is not an absolute path");
  EXPECT_THAT(daemon_.log(), Not(HasSubstr("canary")));

  std::filesystem::remove(config());
  daemon_.process().send(SIGHUP);
  daemon_.wait_for("the missing file to be noticed",
                   [&] { return daemon_.log().find("No such file") != std::string::npos; });
  EXPECT_EQ(daemon_.ask("GET", "/-/ready").status, 200);
}

// What was once for the next start only.
TEST_F(DaemonProcess, ReloadReachesWorkersDiscoveryAndTheLogsForm) {
  const std::string link_id = sandbox_.add_links(R"({"institution_id":"instant_bank"})")[0];
  daemon_.start();
  EXPECT_TRUE(daemon_.links().empty()) << "discovery is off";
  std::string after = read_text(config());
  const auto change = [&after](const std::string& from, const std::string& to) {
    ASSERT_NE(after.find(from), std::string::npos) << after;
    after.replace(after.find(from), from.size(), to);
  };
  change("discovery = \"off\"", "discovery = \"register\"");
  change("journal_prefix = \"never\"", "journal_prefix = \"always\"");
  change("[daemon]\n", "[daemon]\nworkers = 3\nlinks_max = 1\n");
  write_private(config(), after);
  daemon_.process().send(SIGHUP);
  daemon_.wait_for("the link to be found and visited",
                   [&] { return daemon_.links()[link_id]["status"].text() == "active"; });
  EXPECT_THAT(daemon_.log(), HasSubstr("\"changed\":\"schedule.discovery daemon.workers daemon.links_max "
                                       "log.journal_prefix\""));
  EXPECT_THAT(daemon_.log(), HasSubstr("\n<6>{"));
  const Reply second = daemon_.ask("POST", "/v1/links", R"({"link_id":"mk_another"})");
  EXPECT_GE(second.status, 400) << second.body;
  EXPECT_THAT(second.body, HasSubstr("links_max"));
  EXPECT_EQ(daemon_.admin("GET", "/v1/status")["config"]["pending_restart"].items().size(), 0U);
}

// The secret is read again with the configuration, and what a start would refuse is refused.
TEST_F(DaemonProcess, ASecretIsChangedByReload) {
  daemon_.start();
  const std::string link_id = sandbox_.add_links(R"({"institution_id":"instant_bank"})")[0];
  daemon_.add_link(link_id);
  daemon_.wait_for("the link", [&] { return daemon_.links()[link_id]["status"].text() == "active"; });
  const auto reload_until = [&](std::string_view what, const std::function<bool()>& condition) {
    daemon_.process().send(SIGHUP);
    daemon_.wait_for(what, condition);
  };
  const auto lines = [&](std::string_view part) {
    const std::string log = daemon_.log();
    std::size_t count = 0;
    for (std::size_t at = log.find(part); at != std::string::npos; at = log.find(part, at + 1))
      ++count;
    return count;
  };
  const auto refused = [&] {
    return daemon_.admin("GET", "/v1/status")["upstream"]["auth_refused"].is_true();
  };
  const std::filesystem::path file = dir_.path() / "secret";
  reload_until("a reload without news", [&] { return lines("\"reloaded\"") == 1; });
  EXPECT_EQ(lines("\"secret_changed\""), 0U);

  write_private(file, "another\n");
  reload_until("the wrong secret", [&] { return lines("\"secret_changed\"") == 1; });
  daemon_.admin("POST", "/v1/links/" + link_id + "/sync?wait=20s");
  daemon_.wait_for("upstream's refusal", refused);

  std::filesystem::permissions(file, std::filesystem::perms(0644));
  reload_until("a file that others may read", [&] { return lines("\"reload_failed\"") == 1; });
  EXPECT_THAT(daemon_.log(), HasSubstr("mode is 0644, others may read or change it"));

  write_private(file, std::string(secret) + "\n");
  reload_until("the right secret", [&] { return lines("\"secret_changed\"") == 2 && !refused(); });
  EXPECT_THAT(daemon_.log(), Not(HasSubstr(secret)));
}

// Nothing records what was sent for the app as a whole, so it counts as sent, with or without links.
TEST_F(DaemonProcess, AKillBeforeTheFirstLinkLeavesACarefulMinute) {
  daemon_.start();
  EXPECT_THAT(daemon_.log(), Not(HasSubstr("\"unclean_stop\""))) << "a new store has sent nothing";
  daemon_.kill_now();
  daemon_.start();
  EXPECT_THAT(daemon_.log(), HasSubstr("\"unclean_stop\""));
  bool found = false;
  for (const Json& use : daemon_.admin("GET", "/v1/status")["budget"].items()) {
    if (use["endpoint"].text() != "token") continue;
    found = true;
    EXPECT_EQ(use["used"].text(), use["limit"].text());
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace syncd::test::e2e
