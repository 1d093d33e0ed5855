#include <csignal>
#include <cstdio>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/crash/daemon/campaign.hpp"
#include "tests/crash/daemon/loop_disk.hpp"

// The disk fills up while the daemon works. Debian's database aborts on some failed writes and reports
// others: either way the process ends, nothing acknowledged is lost, and the first start with space goes on.
//
//   CRASH_DISKS=N   how often (default 10)
//   CRASH_SEED=N    other sizes
namespace syncd::test::crash {
namespace {

using e2e::Daemon;

constexpr std::chrono::seconds limit{60};  // against hanging only
constexpr std::uint64_t disk_bytes = 16ULL << 20;
constexpr std::uint64_t room_most = 3ULL << 20;
constexpr std::string_view link_body =
    R"({"accounts":1,"history_months":1,"transactions_per_month":60,"refresh_every_seconds":31536000})";

e2e::Tuning full_disk_tuning() {
  e2e::Tuning tuning = busy_tuning();
  tuning.cycle = "page_size = 100\n";
  // Without the guard that would keep the disk from filling up.
  tuning.store += "min_free_mib = 0\nmin_free_percent = 0\nmin_free_to_open_mib = 6\n";
  return tuning;
}

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = enter_private_mounts(); !why.empty()) {
      GTEST_SKIP() << why;
    }
  }

  /// Works until the process ends by itself.
  static e2e::Ended fill(Daemon& daemon, Campaign& campaign) {
    daemon.wait_for(
        "the daemon to meet the full disk",
        [&] {
          if (!daemon.process().running()) {
            return true;
          }
          // One after the other: each is in the store, or met its end, before the next comes.
          if (campaign.add_link(daemon, link_body)) {
            campaign.visit_and_wait(daemon, campaign.links().back());
          }
          campaign.follow(daemon);
          return false;
        },
        limit);
    return daemon.process().wait(limit);
  }

  /// A start on the full disk: it says what is missing, waits, and does not open the store.
  static void expect_waits(Daemon& daemon) {
    daemon.launch();
    daemon.wait_for(
        "the start on a full disk to wait",
        [&] { return daemon.ask("GET", "/v1/status").body.contains("too full to open it"); }, limit);
    if (daemon.ask("GET", "/-/ready").status != 503) {
      throw e2e::Failed("a start on a full disk is ready:\n" + daemon.process().log_tail());
    }
  }

  static void expect_whole(Daemon& daemon, Campaign& campaign) {
    if (daemon.process().running()) {
      daemon.wait_until_ready();  // it waited for the space and goes on by itself
    } else {
      daemon.start();
    }
    if (const std::string broken = campaign.broken_promise(daemon); !broken.empty()) {
      throw e2e::Failed(broken + "\n" + daemon.process().log_tail());
    }
    campaign.expect_converged(daemon);
    if (const std::string changed = campaign.changed_history(daemon); !changed.empty()) {
      throw e2e::Failed(changed);
    }
  }
};

TEST_F(FullDisk, LosesNothingAcknowledged) {
  const auto seed = number_from_environment("CRASH_SEED", 20'250'103);
  const auto cycles = number_from_environment("CRASH_DISKS", 6);
  std::mt19937 random(static_cast<unsigned>(seed));
  unsigned aborted = 0;
  for (unsigned long cycle = 1; cycle <= cycles; ++cycle) {
    const std::uint64_t room = std::uniform_int_distribution<std::uint64_t>(0, room_most)(random);
    try {
      const e2e::ScratchDir dir;
      const LoopDisk disk(dir.path() / "disk.img", dir.path() / "store", disk_bytes);
      e2e::Sandbox sandbox(dir.path(), {"--no-budgets", "--seed", "5", "--refresh-failures", "0"});
      Daemon daemon(dir.path(), sandbox, full_disk_tuning());
      Campaign campaign(sandbox);
      daemon.start();
      disk.leave_free(room);
      const e2e::Ended ended = fill(daemon, campaign);
      const bool by_database = ended.signal == SIGABRT && ended_by_database(daemon.process().log());
      aborted += by_database ? 1U : 0U;
      if (!by_database && ended.code != 74) {
        throw e2e::Failed("it ended with code " + std::to_string(ended.code.value_or(-1)) + ", signal " +
                          std::to_string(ended.signal) + ":\n" + daemon.process().log_tail());
      }
      if (cycle % 2 == 0) {
        expect_waits(daemon);
      }
      disk.free_again();
      expect_whole(daemon, campaign);
      daemon.kill_now();
    } catch (const e2e::Failed& failure) {
      FAIL() << "cycle " << cycle << " with room for " << room << " bytes, seed " << seed << ": "
             << failure.what() << "\nagain: CRASH_SEED=" << seed << " CRASH_DISKS=" << cycle
             << " crash_daemon_disk";
    }
  }
  std::printf("%lu full disks, %u aborts\n", cycles, aborted);
}

}  // namespace
}  // namespace syncd::test::crash
