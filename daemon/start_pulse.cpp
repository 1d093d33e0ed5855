#include "daemon/start_pulse.hpp"

namespace syncd::daemon {

namespace {

// How long systemd is asked to wait: until the next beat and some that are late.
constexpr int beats_granted = 6;

}  // namespace

StartPulse::StartPulse(const Notifier& notifier, core::Millis every, core::Millis longest)
    : notifier_(notifier), every_(every), longest_(longest) {
  thread_ = std::jthread([this](const std::stop_token& ended) { beat(ended); });
}

void StartPulse::beat(const std::stop_token& ended) {
  std::unique_lock lock(mutex_);
  for (core::Millis passed{0}; passed < longest_; passed += every_) {
    notifier_.still_starting(every_ * beats_granted);
    wake_.wait_for(lock, ended, every_, [] { return false; });
    if (ended.stop_requested()) return;
  }
}

}  // namespace syncd::daemon
