#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::daemon {

// Tells systemd how the service is doing (sd_notify(3)). Without NOTIFY_SOCKET every call does nothing.
// Failures are ignored: a lost notification must not stop the daemon; systemd has timeouts for each of them.
class Notifier {
 public:
  void ready(std::string_view status) const;
  // The line that `systemctl status` shows.
  void status(std::string_view status) const;
  // Between this and the next ready() the service is reloading.
  void reloading() const;
  void stopping() const;
  void watchdog() const;
  // A start that takes its time is to be waited for `more` longer; also a watchdog ping.
  void still_starting(core::Millis more) const;
  // How often systemd expects watchdog(); nullopt: it does not.
  static std::optional<core::Millis> watchdog_interval();
};

// Decides whether a watchdog ping is honest: the engine's heartbeat, which moves at least every second, must
// have moved since the last look, and the store must have taken a write.
class WatchdogJudge {
 public:
  struct Verdict {
    bool alive = false;
    bool moved = false;
  };
  Verdict look(std::uint64_t heartbeat, bool store_writes) {
    const bool moved = !last_ || *last_ != heartbeat;
    last_ = heartbeat;
    return {.alive = moved && store_writes, .moved = moved};
  }

 private:
  std::optional<std::uint64_t> last_;
};

}  // namespace syncd::daemon
