#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/crash/daemon/campaign.hpp"

// One life of the daemon, from an empty store to a clean stop, in which any one system call may be the last
// or may fail. Whatever happens, the next start finds everything that was promised and goes on.
//
//   CRASH_CALLS=all    ends it at every call (default: 300 of them, evenly spread)
//   CRASH_CALL=N       only at the N-th
//   CRASH_ERRORS=N     failing calls tried of each kind (default 5)
namespace syncd::test::crash {
namespace {

using e2e::Daemon;

constexpr std::chrono::seconds limit{60};  // against hanging only
constexpr unsigned shards = 4;
constexpr std::string_view link_body =
    R"({"accounts":1,"history_months":1,"transactions_per_month":25,"refresh_every_seconds":31536000})";

/// One store with its daemon and links of its own at a shared upstream.
class Life {
 public:
  Life(const std::filesystem::path& dir, e2e::Sandbox& sandbox)
      : dir_(dir), daemon_(dir, sandbox, busy_tuning()), campaign_(sandbox) {}
  ~Life() {
    std::error_code ignored;
    if (running_) {
      daemon_.kill_now();
    }
    std::filesystem::remove_all(dir_, ignored);
  }
  Life(const Life&) = delete;
  Life& operator=(const Life&) = delete;

  /// From the start to the clean stop, as far as it goes.
  e2e::Ended live(const std::vector<std::string>& prefix) {
    daemon_.launch(prefix);
    running_ = true;
    const bool all = begin() && backfill() && take_changes() && relink();
    if (all) {
      reached_end_ = true;
      daemon_.process().send(SIGTERM);
    }
    const e2e::Ended ended = daemon_.process().wait(limit);
    running_ = false;
    return ended;
  }

  /// The next life, in which nothing fails: everything promised is there, and the rest comes.
  void recover() {
    daemon_.start();
    running_ = true;
    if (const std::string broken = campaign_.broken_promise(daemon_); !broken.empty()) {
      throw e2e::Failed(broken + "\n" + daemon_.process().log_tail());
    }
    while (campaign_.links().size() < 2) {
      campaign_.add_link(daemon_, link_body);
    }
    campaign_.expect_converged(daemon_);
    if (const std::string changed = campaign_.changed_history(daemon_); !changed.empty()) {
      throw e2e::Failed(changed);
    }
    if (daemon_.admin("GET", "/v1/status")["feed"]["epoch"].number() != campaign_.feed_epoch() ||
        daemon_.log().contains("begins at change 1")) {
      throw e2e::Failed("a new epoch began:\n" + daemon_.process().log_tail());
    }
    daemon_.process().send(SIGTERM);
    const e2e::Ended ended = daemon_.process().wait(limit);
    running_ = false;
    if (ended.code != 0) {
      throw e2e::Failed("the stop after the recovery failed:\n" + daemon_.process().log_tail());
    }
  }

  [[nodiscard]] bool reached_end() const { return reached_end_; }
  [[nodiscard]] bool was_ready() const { return was_ready_; }
  [[nodiscard]] std::string log_tail() { return daemon_.process().log_tail(); }
  [[nodiscard]] std::string log() { return daemon_.log(); }

 private:
  /// Tries again while the daemon lives: an answer may be what fails.
  template <class Step>
  bool persist(const char* what, Step step) {
    bool done = false;
    daemon_.wait_for(what, [&] { return !daemon_.process().running() || (done = step()); }, limit);
    return done;
  }
  bool begin() {
    was_ready_ = persist("ready", [&] { return daemon_.ask("GET", "/-/ready").status == 200; });
    return was_ready_;
  }
  bool visit_all() {
    return std::ranges::all_of(campaign_.links(), [&](const std::string& link_id) {
      return persist("a visit", [&] { return campaign_.visit_and_wait(daemon_, link_id); });
    });
  }
  bool backfill() {
    for (int link = 0; link < 2; ++link) {
      if (!campaign_.add_link(daemon_, link_body) &&
          !persist("a link", [&] { return campaign_.register_missing(daemon_); })) {
        return false;
      }
    }
    return visit_all() && persist("the feed", [&] { return campaign_.follow(daemon_); });
  }
  bool take_changes() {
    for (const std::string& link_id : campaign_.links()) {
      campaign_.change_upstream(link_id);
    }
    return visit_all() && persist("the feed", [&] { return campaign_.follow(daemon_); });
  }
  bool relink() {
    const std::string& link_id = campaign_.links().front();
    campaign_.ask_for_owner(link_id);
    if (!visit_all()) {
      return false;
    }
    campaign_.repair(link_id);
    return visit_all() && persist("the feed", [&] { return campaign_.follow(daemon_); });
  }

  std::filesystem::path dir_;
  Daemon daemon_;
  Campaign campaign_;
  bool running_ = false;
  bool reached_end_ = false;
  bool was_ready_ = false;
};

class Syscalls : public testing::Test {
 protected:
  void SetUp() override {
    e2e::Process probe({SYSCALL_FAULT, "all", "0", "-", "--", "/bin/true"}, dir_.path() / "probe.log");
    if (probe.wait(limit).code == 77) {
      GTEST_SKIP() << "the kernel does not let this process trace another one";
    }
  }

  std::filesystem::path next_dir() { return dir_.path() / std::to_string(++lives_); }

  /// Calls of a life in which nothing happens.
  std::uint64_t count_calls(const std::string& calls) {
    Life life(next_dir(), sandbox_);
    const std::filesystem::path counts = dir_.path() / "counts";
    const e2e::Ended ended = life.live({SYSCALL_FAULT, calls, "0", counts, "--"});
    if (ended.code != 0 || !life.reached_end()) {
      throw e2e::Failed("the life in which nothing happens fails:\n" + life.log_tail());
    }
    std::ifstream file(counts);
    std::string name;
    std::uint64_t total = 0;
    for (std::uint64_t count = 0; file >> name >> count;) {
      total += count;
    }
    return total;
  }

  /// The message names what to run again.
  template <class Body>
  void guarded(const std::string& where, Life& life, Body body) {
    try {
      body();
    } catch (const std::exception& failure) {
      ADD_FAILURE() << where << ": " << failure.what() << "\n" << life.log_tail();
    }
  }

  e2e::ScratchDir dir_{e2e::fast_scratch_directory()};
  e2e::Sandbox sandbox_{dir_.path(), {"--no-budgets", "--seed", "11", "--refresh-failures", "0"}};
  unsigned lives_ = 0;
};

// ---- the last call ----

class LastCall : public Syscalls, public testing::WithParamInterface<unsigned> {
 protected:
  /// False: the life ended before this call.
  bool end_at(std::uint64_t call) {
    Life life(next_dir(), sandbox_);
    bool reached = false;
    guarded("CRASH_CALL=" + std::to_string(call), life, [&] {
      const e2e::Ended ended = life.live({SYSCALL_FAULT, "all", std::to_string(call), "-", "--"});
      reached = ended.signal == SIGKILL;
      if (!reached && ended.code != 0) {
        throw e2e::Failed("the daemon ended by itself");
      }
      life.recover();
    });
    return reached;
  }
  /// At this one, or where a life has fewer, at an earlier one.
  bool end_near(std::uint64_t call);
};

// How often the daemon is asked whether it is ready differs from life to life, and each time is some calls.
bool LastCall::end_near(std::uint64_t call) {
  for (int tries = 0; tries < 20 && !HasFailure(); ++tries) {
    if (end_at(call)) return true;
    call = call * 19 / 20;
  }
  return false;
}

TEST_P(LastCall, LosesNothing) {
  if (const auto only = number_from_environment("CRASH_CALL", 0); only != 0) {
    if (only % shards == GetParam()) {
      end_at(only);
    }
    return;
  }
  const char* const which = std::getenv("CRASH_CALLS");
  const bool every = which != nullptr && std::string_view(which) == "all";
  const std::uint64_t calls = count_calls("all");
  const std::uint64_t samples = every ? calls * 2 : number_from_environment("CRASH_CALLS", 300);
  ASSERT_GT(calls, 400U);
  std::uint64_t ended = 0;
  std::uint64_t missed = 0;
  std::uint64_t wanted = 0;
  // The number of calls differs from life to life: "all" goes on until none is left, ten times in a row.
  for (std::uint64_t i = GetParam(); i < samples && missed < 10 && !HasFailure(); i += shards) {
    const bool reached = every ? end_at(i + 1) : end_near(1 + i * calls / samples);
    ended += reached ? 1U : 0U;
    missed = reached || !every ? 0U : missed + 1;
    ++wanted;
  }
  std::printf("%llu lives ended at a call, of about %llu calls\n", static_cast<unsigned long long>(ended),
              static_cast<unsigned long long>(calls));
  if (every) {
    EXPECT_GE(ended * shards * 10, calls * 8);
  } else {
    EXPECT_EQ(ended, wanted);
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, LastCall, testing::Range(0U, shards));

// ---- calls that fail ----

struct Failing {
  const char* name;
  const char* calls;
  int error;
  unsigned times;
  bool must_stop = false;  ///< going on is no answer, however little seems to be lost
};

class FailedCall : public Syscalls, public testing::WithParamInterface<Failing> {
 protected:
  template <class Judge>
  void try_some(Judge judge) {
    const Failing& failing = GetParam();
    const std::uint64_t calls = count_calls(failing.calls);
    ASSERT_GT(calls, 0U) << "the daemon makes no such call";
    const std::uint64_t samples = std::min<std::uint64_t>(calls, number_from_environment("CRASH_ERRORS", 5));
    std::uint64_t failed = 0;
    for (std::uint64_t i = 0; i < samples && !HasFailure(); ++i) {
      const std::string call = std::to_string(1 + i * calls / samples);
      Life life(next_dir(), sandbox_);
      guarded("call " + call + " of " + failing.calls + " fails", life, [&] {
        const e2e::Ended ended = life.live({SYSCALL_FAULT, failing.calls, call, std::to_string(failing.error),
                                            std::to_string(failing.times), "-", "--"});
        failed += life.log().contains("which fails") ? 1U : 0U;
        if (const std::string wrong = judge(life, ended); !wrong.empty()) {
          throw e2e::Failed(wrong);
        }
        life.recover();
      });
    }
    // Some lives make fewer such calls than the first.
    EXPECT_GE(failed * 2, samples) << "of " << samples << " calls that were to fail";
  }
};

// What is in the way of a start, in the log, where standard error goes as well.
bool says_why(const std::string& log, int code) {
  if (code == 69) return log.contains("\"listen_failed\"");
  return log.contains("\"config_problem\"") || log.contains("in the configuration");
}

using FailedStorageCall = FailedCall;
using FailedSocketCall = FailedCall;

// It ends itself and says why, or the call did not matter. It never goes on in doubt.
TEST_P(FailedStorageCall, StopsTheProcessAndLosesNothing) {
  try_some([](Life& life, const e2e::Ended& ended) -> std::string {
    if (ended.signal == SIGABRT)
      return ended_by_database(life.log()) ? "" : "an abort that is not the database's";
    if (ended.code == 0) {
      return life.reached_end() && !GetParam().must_stop ? ""
                                                         : "the daemon stopped as if nothing had happened";
    }
    const std::string log = life.log();
    if (ended.code == 74) {
      return log.contains("\"store_") ? "" : "no line says why it stopped";
    }
    const bool refused = !life.was_ready() && (ended.code == 78 || ended.code == 69);
    if (refused) return says_why(log, *ended.code) ? "" : "no line says why the start was refused";
    return "it ended with code " + std::to_string(ended.code.value_or(-1)) + ", signal " +
           std::to_string(ended.signal);
  });
}

INSTANTIATE_TEST_SUITE_P(
    Calls, FailedStorageCall,
    testing::Values(Failing{"fdatasync_eio", "store:fdatasync", EIO, 1, true},
                    Failing{"fsync_eio", "store:fsync", EIO, 1, true},
                    Failing{"write_enospc", "store:write", ENOSPC, 1, true},
                    Failing{"write_eio", "store:write", EIO, 1, true},
                    Failing{"writes_erofs", "store:write", EROFS, 1000, true},
                    Failing{"rename_eio", "rename", EIO, 1, true},
                    Failing{"open_eacces", "openat", EACCES, 1}, Failing{"open_erofs", "openat", EROFS, 1},
                    Failing{"open_emfile", "openat", EMFILE, 1},
                    Failing{"fallocate_enospc", "store:fallocate", ENOSPC, 1},
                    Failing{"unlink_eio", "unlink", EIO, 1}, Failing{"mkdir_erofs", "mkdir", EROFS, 1},
                    Failing{"ftruncate_eio", "store:ftruncate", EIO, 1}),
    [](const testing::TestParamInfo<Failing>& info) { return std::string(info.param.name); });

// Peers come and go: it goes on.
class SurvivedCall : public FailedCall {};
TEST_P(SurvivedCall, DoesNoHarm) {
  try_some([](Life& life, const e2e::Ended& ended) -> std::string {
    // Before it is ready, a place to listen on is no more than the others wanted.
    const bool refused = !life.was_ready() && ended.code == 69 && life.log().contains("\"listen_failed\"");
    const bool survived = ended.code == 0 && life.reached_end();
    return refused || survived ? "" : "it ended with code " + std::to_string(ended.code.value_or(-1));
  });
}

INSTANTIATE_TEST_SUITE_P(Calls, SurvivedCall,
                         testing::Values(Failing{"accept_emfile", "accept,accept4", EMFILE, 3},
                                         Failing{"socket_emfile", "socket", EMFILE, 1},
                                         Failing{"connect_etimedout", "connect", ETIMEDOUT, 1},
                                         Failing{"send_econnreset", "sendmsg,sendto", ECONNRESET, 1},
                                         Failing{"receive_econnreset", "recvmsg,recvfrom", ECONNRESET, 1},
                                         Failing{"receive_eintr", "recvmsg,recvfrom", EINTR, 1},
                                         Failing{"epoll_eintr", "epoll_wait", EINTR, 2},
                                         Failing{"log_enospc", "log:write", ENOSPC, 1000},
                                         Failing{"log_eintr", "log:write", EINTR, 1}),
                         [](const testing::TestParamInfo<Failing>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace syncd::test::crash
