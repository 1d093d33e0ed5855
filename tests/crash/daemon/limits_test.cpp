#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "tests/crash/daemon/campaign.hpp"

// The daemon with few descriptors and with little memory.
namespace syncd::test::crash {
namespace {

using e2e::Daemon;

constexpr std::chrono::seconds limit{60};  // against hanging only
constexpr std::string_view link_body =
    R"({"accounts":2,"history_months":2,"transactions_per_month":30,"refresh_every_seconds":31536000})";

constexpr std::string_view long_link_body =
    R"({"accounts":1,"history_months":12,"transactions_per_month":100,"refresh_every_seconds":31536000})";

/// Connections that say nothing. Stops when the daemon's queue of connections takes no more.
class IdleConnections {
 public:
  ~IdleConnections() { close_all(); }

  std::size_t open_some(const std::string& path, std::size_t count) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.data(), std::min(path.size(), sizeof(name.sun_path) - 1));
    while (sockets_.size() < count) {
      const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      if (::connect(socket, reinterpret_cast<const sockaddr*>(&name), sizeof(name)) != 0) {
        ::close(socket);
        break;
      }
      sockets_.push_back(socket);
    }
    return sockets_.size();
  }
  void close_all() {
    for (const int socket : sockets_) {
      ::close(socket);
    }
    sockets_.clear();
  }

 private:
  std::vector<int> sockets_;
};

class Limits : public testing::Test {
 protected:
  unsigned long long sync_requests() {
    return sandbox_.control("GET", "statistics")["endpoints"]["sync"]["requests"].number();
  }
  void add_links(int count) {
    for (int link = 0; link < count; ++link) {
      campaign_.add_link(daemon_, link_body);
    }
  }

  e2e::ScratchDir dir_;
  e2e::Sandbox sandbox_{dir_.path(), {"--no-budgets", "--seed", "9", "--refresh-failures", "0"}};
  Daemon daemon_{dir_.path(), sandbox_, busy_tuning()};
  Campaign campaign_{sandbox_};
};

// More connections than descriptors: they wait, nothing spins, the links are synced meanwhile, and it
// recovers alone.
TEST_F(Limits, FewDescriptors) {
  const std::filesystem::path counts = dir_.path() / "counts";
  daemon_.launch({SYSCALL_FAULT, "accept,accept4", "0", counts, "--", "/usr/bin/prlimit", "--nofile=64"});
  daemon_.wait_until_ready();
  add_links(3);
  campaign_.expect_converged(daemon_);
  // Enough rows for new files of the store while there are more connections than descriptors.
  const unsigned long long before = sync_requests();
  for (int link = 0; link < 4; ++link) {
    ASSERT_TRUE(campaign_.add_link(daemon_, long_link_body));
  }
  IdleConnections idle;
  const std::size_t opened = idle.open_some(dir_.path() / "admin.sock", 150);
  EXPECT_GT(opened, 64U);
  daemon_.wait_for(
      "the links to be visited meanwhile",
      [&] { return !daemon_.process().running() || sync_requests() > before + 400; }, limit);
  ASSERT_TRUE(daemon_.process().running()) << daemon_.process().log_tail();
  idle.close_all();
  daemon_.wait_for(
      "the daemon to answer again", [&] { return daemon_.ask("GET", "/-/ready").status == 200; }, limit);
  campaign_.expect_converged(daemon_);
  daemon_.process().send(SIGTERM);
  ASSERT_EQ(daemon_.process().wait(limit).code, 0) << daemon_.process().log_tail();
  std::ifstream file(counts);
  std::string name;
  unsigned long long accepts = 0;
  for (unsigned long long count = 0; file >> name >> count;) {
    accepts += count;
  }
  EXPECT_GT(accepts, 64U);
  EXPECT_LT(accepts, 20'000U) << "accept was tried again and again";
}

// Too little to start with: it says so and ends, and nothing is worse than before.
TEST_F(Limits, TooFewDescriptorsAreNamed) {
#if __has_feature(address_sanitizer)
  GTEST_SKIP() << "UBSan asks whether an address can be read with a pipe, for which there is no descriptor";
#endif
  daemon_.start();
  add_links(1);
  campaign_.expect_converged(daemon_);
  daemon_.kill_now();
  for (const char* const few : {"--nofile=12", "--nofile=16", "--nofile=20", "--nofile=24"}) {
    daemon_.launch({"/usr/bin/prlimit", few});
    const e2e::Ended ended = daemon_.process().wait(limit);
    EXPECT_TRUE(ended.code == 74 || ended.code == 69 || ended.code == 1) << few;
    const std::string tail = daemon_.process().log_tail();
    EXPECT_TRUE(tail.contains("Too many open files")) << few << "\n" << tail;
    EXPECT_FALSE(tail.contains("in use by another process")) << few << "\n" << tail;
  }
  daemon_.start();
  EXPECT_EQ(campaign_.broken_promise(daemon_), "");
  campaign_.expect_converged(daemon_);
}

// From far too little to enough: it works, or it ends as by a crash. What was acknowledged is always there.
TEST_F(Limits, LittleMemory) {
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
  GTEST_SKIP() << "a sanitizer needs terabytes of addresses";
#endif
  constexpr std::array<unsigned, 7> mebibytes{64, 128, 176, 192, 208, 256, 384};
  std::string worked;
  for (const unsigned size : mebibytes) {
    const std::string space = "--as=" + std::to_string(static_cast<unsigned long long>(size) << 20);
    daemon_.launch({"/usr/bin/prlimit", space});
    bool ready = false;
    daemon_.wait_for("ready, or the end", [&] {
      ready = daemon_.ask("GET", "/-/ready").status == 200;
      return ready || !daemon_.process().running();
    });
    if (ready && campaign_.add_link(daemon_, link_body)) {
      for (const std::string& link_id : campaign_.links()) {
        campaign_.change_upstream(link_id);
        campaign_.visit_and_wait(daemon_, link_id);
      }
      campaign_.follow(daemon_);
    }
    if (daemon_.process().running()) {
      worked += " " + std::to_string(size);
      daemon_.process().send(SIGTERM);
      EXPECT_EQ(daemon_.process().wait(limit).code, 0) << size << " MiB\n" << daemon_.process().log_tail();
    } else {
      const e2e::Ended ended = daemon_.process().wait(limit);
      EXPECT_TRUE(ended.signal == SIGABRT || ended.code == 1 || ended.code == 74 || ended.code == 127)
          << size << " MiB: code " << ended.code.value_or(-1) << ", signal " << ended.signal << "\n"
          << daemon_.process().log_tail();
    }
    daemon_.start();
    ASSERT_EQ(campaign_.broken_promise(daemon_), "") << size << " MiB";
    ASSERT_NO_THROW(campaign_.expect_converged(daemon_)) << size << " MiB";
    daemon_.kill_now();
  }
  EXPECT_TRUE(worked.contains("384")) << "worked with:" << worked;
  std::printf("worked with (MiB of address space):%s\n", worked.c_str());
}

}  // namespace
}  // namespace syncd::test::crash
