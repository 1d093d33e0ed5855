#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/e2e/rig.hpp"

// A configuration is read again and again, by whoever edits it and by tools that do not wait for each other:
// right, wrong, gone, or half written.
namespace syncd::test::e2e {
namespace {

constexpr int reloads = 1000;
constexpr int settling = 100;  // reloads until everything has been allocated once
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool keeps_what_was_given_back = true;
#else
constexpr bool keeps_what_was_given_back = false;
#endif
// A reload that kept 2.3 KiB, which is less than one configuration takes, would be over it.
constexpr std::int64_t growth_kib_max = 2048;

/// What systemd gets to hear.
class Notifications {
 public:
  explicit Notifications(const std::filesystem::path& path)
      : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
      throw Failed("no socket for notifications");
    const timeval against_hanging{60, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &against_hanging, sizeof(against_hanging));
  }
  ~Notifications() { ::close(socket_); }
  Notifications(const Notifications&) = delete;
  Notifications& operator=(const Notifications&) = delete;

  /// The next one that is more than a line for people.
  std::string next() {
    for (;;) {
      std::array<char, 4096> buffer{};
      const auto bytes = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (bytes <= 0) throw Failed("nothing more is told");
      std::string text(buffer.data(), static_cast<std::size_t>(bytes));
      if (!text.starts_with("STATUS=")) return text;
    }
  }

 private:
  int socket_;
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Reloads : public testing::Test {
 protected:
  Reloads() {
    ::setenv("NOTIFY_SOCKET", (dir_.path() / "notify.sock").c_str(), 1);
    daemon_.start();
    ::unsetenv("NOTIFY_SOCKET");
    while (!systemd_.next().starts_with("READY=1")) {
    }
  }

  [[nodiscard]] std::filesystem::path config() const { return dir_.path() / "config.toml"; }
  /// With another budget in it.
  [[nodiscard]] std::string good(const std::string& budget) const {
    auto text = original_;
    const std::string section = "[budget]\n";
    return text.replace(text.find(section), section.size(), section + "link_per_app = " + budget + "\n");
  }
  /// Puts the `number`-th kind of configuration there; its budget when it is a good one.
  std::string write(int number) {
    switch (number % 4) {
      case 0: {
        const auto budget = std::to_string(50 + number % 37);
        write_private(config(), good(budget));
        return budget;
      }
      case 1:
        write_private(config(), good("1000") + "level = \"loud\"\n");
        break;
      case 2:
        std::filesystem::remove(config());
        break;
      default: {
        const auto whole = good("1000");
        write_private(config(), whole.substr(0, whole.find("secret_file") + 20));
      }
    }
    return {};
  }
  void reload() {
    daemon_.process().send(SIGHUP);
    const auto begin = systemd_.next();
    EXPECT_TRUE(begin.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << begin;
    const auto end = systemd_.next();
    EXPECT_TRUE(end.starts_with("READY=1")) << end;
  }
  std::string budget() {
    const auto status = daemon_.admin("GET", "/v1/status");
    for (const Json& use : status["budget"].items()) {
      if (use["endpoint"].text() == "link") return use["limit"].text();
    }
    return "none";
  }
  [[nodiscard]] std::filesystem::path proc() const {
    return std::filesystem::path("/proc") / std::to_string(daemon_.process().id());
  }
  [[nodiscard]] std::int64_t descriptors() const {
    return std::distance(std::filesystem::directory_iterator(proc() / "fd"), {});
  }
  [[nodiscard]] std::int64_t resident_kib() const {
    const auto text = text_of(proc() / "status");
    constexpr std::string_view field = "VmRSS:";
    return std::stoll(text.substr(text.find(field) + field.size()));
  }

  ScratchDir dir_;
  Notifications systemd_{dir_.path() / "notify.sock"};
  Sandbox sandbox_{dir_.path(), {"--no-budgets"}};
  Daemon daemon_{dir_.path(), sandbox_, {}};
  std::string original_ = text_of(config());
};

TEST_F(Reloads, AThousandOfAllKindsLeaveTheLastGoodOneAndNothingElse) {
  std::string expected;
  std::int64_t resident = 0;
  // Connections of whoever asks come and go: the fewest count.
  std::int64_t at_first = std::numeric_limits<std::int64_t>::max();
  std::int64_t at_last = at_first;
  for (int number = 0; number < reloads && !HasFailure(); ++number) {
    const auto now = write(number);
    if (!now.empty()) expected = now;
    reload();
    EXPECT_EQ(budget(), expected) << "after reload " << number;
    if (number < settling) at_first = std::min(at_first, descriptors());
    if (number >= reloads - settling) at_last = std::min(at_last, descriptors());
    if (number == settling) resident = resident_kib();
  }
  EXPECT_EQ(at_first, at_last) << "descriptors";
  const auto growth = resident_kib() - resident;
  if (!keeps_what_was_given_back) {
    EXPECT_LT(growth, growth_kib_max) << "of " << resident << " KiB";
  }
  std::printf("resident: %lld KiB, then %lld more\n", static_cast<long long>(resident),
              static_cast<long long>(growth));

  constexpr auto metric = "moneykit_syncd_config_last_reload_successful";
  EXPECT_EQ(daemon_.metric(metric), "0") << "the last one was half written";
  write(0);
  reload();
  EXPECT_EQ(daemon_.metric(metric), "1");
}

}  // namespace
}  // namespace syncd::test::e2e
