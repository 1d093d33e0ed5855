#include "daemon/notify.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "daemon/start_pulse.hpp"
#include "tests/unit/daemon/scratch.hpp"

namespace syncd::test {

namespace {

// Stands where systemd would be.
class NotifySocket {
 public:
  NotifySocket() : path_(scratch_.path("notify")), environment_("NOTIFY_SOCKET", path_.c_str()) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    bound_ = bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~NotifySocket() { close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  bool bound() const { return bound_; }
  // The next message, also one that is still to come.
  std::string wait() {
    pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
    while (poll(&ready, 1, -1) < 0 && errno == EINTR) {
    }
    return receive();
  }
  std::string receive() {
    std::array<char, 4096> buffer{};
    const ssize_t bytes = recv(fd_, buffer.data(), buffer.size(), 0);
    return bytes < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(bytes));
  }

 private:
  ScratchDirectory scratch_;
  std::string path_;
  ScopedEnvironment environment_;
  int fd_ = -1;
  bool bound_ = false;
};

}  // namespace

TEST(StartPulse, AsksForPatienceUntilTheStartIsOver) {
  NotifySocket systemd;
  ASSERT_TRUE(systemd.bound());
  const daemon::Notifier notifier;
  constexpr core::Millis hour{3'600'000};
  std::optional<daemon::StartPulse> pulse(std::in_place, notifier, hour, 2 * hour);
  EXPECT_EQ(systemd.wait(), "EXTEND_TIMEOUT_USEC=21600000000\nWATCHDOG=1");
  pulse.reset();  // does not wait for the next beat
  EXPECT_EQ(systemd.receive(), "");
}

std::ptrdiff_t threads() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

// Not more beats than the socket takes when nobody reads it (net.unix.max_dgram_qlen).
TEST(StartPulse, BeatsButDoesNotHideAStartThatHangs) {
  NotifySocket systemd;
  ASSERT_TRUE(systemd.bound());
  const daemon::Notifier notifier;
  const std::ptrdiff_t before = threads();
  const auto given_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  const daemon::StartPulse pulse(notifier, core::Millis{1}, core::Millis{2});
  EXPECT_EQ(systemd.wait(), "EXTEND_TIMEOUT_USEC=6000\nWATCHDOG=1");
  EXPECT_EQ(systemd.wait(), "EXTEND_TIMEOUT_USEC=6000\nWATCHDOG=1");
  std::string more;
  while (threads() > before && more.empty() && std::chrono::steady_clock::now() < given_up)
    more = systemd.receive();
  ASSERT_EQ(more, "") << "it goes on";
  ASSERT_EQ(threads(), before) << "it is left behind";
  notifier.status("the last");
  EXPECT_EQ(systemd.wait(), "STATUS=the last");
}

TEST(Notifier, SpeaksTheProtocol) {
  NotifySocket systemd;
  ASSERT_TRUE(systemd.bound());
  const daemon::Notifier notifier;
  notifier.ready("3 links");
  EXPECT_EQ(systemd.receive(), "READY=1\nSTATUS=3 links");
  notifier.status("busy\nREADY=0");
  EXPECT_EQ(systemd.receive(), "STATUS=busy READY=0") << "a status is one line";
  notifier.watchdog();
  EXPECT_EQ(systemd.receive(), "WATCHDOG=1");
  notifier.reloading();
  EXPECT_TRUE(systemd.receive().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  notifier.stopping();
  EXPECT_TRUE(systemd.receive().starts_with("STOPPING=1\n"));
}

TEST(Notifier, IsSilentWithoutSystemd) {
  const ScopedEnvironment none("NOTIFY_SOCKET", nullptr);
  const daemon::Notifier notifier;
  notifier.ready("nobody listens");
  notifier.watchdog();
}

TEST(Notifier, ReadsTheWatchdogIntervalForThisProcessOnly) {
  const ScopedEnvironment usec("WATCHDOG_USEC", "30000000");
  {
    const ScopedEnvironment pid("WATCHDOG_PID", std::to_string(getpid()).c_str());
    ASSERT_TRUE(daemon::Notifier::watchdog_interval());
    EXPECT_EQ(daemon::Notifier::watchdog_interval()->count(), 30'000);
  }
  const ScopedEnvironment pid("WATCHDOG_PID", "1");
  EXPECT_FALSE(daemon::Notifier::watchdog_interval());
}

TEST(WatchdogJudge, WantsAHeartbeatThatMovesAndAStoreThatWrites) {
  daemon::WatchdogJudge judge;
  EXPECT_TRUE(judge.look(1, true).alive) << "the first look proves nothing against it";
  EXPECT_TRUE(judge.look(2, true).alive);
  EXPECT_FALSE(judge.look(2, true).alive);
  EXPECT_FALSE(judge.look(2, true).moved);
  EXPECT_FALSE(judge.look(3, false).alive) << "it moves, but nothing can be stored";
  EXPECT_TRUE(judge.look(4, true).alive);
}

}  // namespace syncd::test
