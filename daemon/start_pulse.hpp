#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "daemon/notify.hpp"
#include "sync/core/types.hpp"

namespace syncd::daemon {

// While this lives, systemd is told that the start goes on (sd_notify(3): EXTEND_TIMEOUT_USEC, WATCHDOG): the
// recovery of a store after a crash and its conversion by a newer version occupy the thread that would
// otherwise say so, for as long as the disk takes. Not for ever: after `longest` it is silent, and systemd
// ends what hangs.
class StartPulse {
 public:
  StartPulse(const Notifier& notifier, core::Millis every, core::Millis longest);
  ~StartPulse() = default;  // ends the thread and waits for it
  StartPulse(const StartPulse&) = delete;
  StartPulse& operator=(const StartPulse&) = delete;

 private:
  void beat(const std::stop_token& ended);

  const Notifier& notifier_;
  const core::Millis every_;
  const core::Millis longest_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: the others are there as long as it runs
};

}  // namespace syncd::daemon
