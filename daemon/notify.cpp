#include "daemon/notify.hpp"

#include <chrono>
#include <string>
#include <time.h>

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

namespace syncd::daemon {

namespace {

// A newline would begin another assignment.
std::string one_line(std::string_view text) {
  std::string line{text};
  for (char& character : line) {
    if (static_cast<unsigned char>(character) < 0x20) character = ' ';
  }
  return line;
}

void send(const std::string& state) {
  sd_notify(0, state.c_str());
}

}  // namespace

void Notifier::ready(std::string_view status) const {
  send("READY=1\nSTATUS=" + one_line(status));
}

void Notifier::status(std::string_view status) const {
  send("STATUS=" + one_line(status));
}

void Notifier::reloading() const {
  // Type=notify-reload (systemd 253 and newer) needs to know when the reload began.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const std::int64_t microseconds = now.tv_sec * 1'000'000LL + now.tv_nsec / 1000;
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reloading the configuration", microseconds));
}

void Notifier::stopping() const {
  send("STOPPING=1\nSTATUS=stopping");
}

void Notifier::watchdog() const {
  send("WATCHDOG=1");
}

void Notifier::still_starting(core::Millis more) const {
  send(fmt::format("EXTEND_TIMEOUT_USEC={}\nWATCHDOG=1", std::chrono::microseconds(more).count()));
}

std::optional<core::Millis> Notifier::watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) <= 0) return std::nullopt;
  return core::Millis{static_cast<std::int64_t>(microseconds / 1000)};
}

}  // namespace syncd::daemon
