#include "daemon/cli/long_work.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

#include "daemon/duration.hpp"

namespace syncd::cli {

namespace {

constexpr core::Millis pause_first{250};
constexpr core::Millis pause_max{10'000};
// A thousand links are one or a few synced writes, on a disk that may be slow.
constexpr core::Millis work_wait{60'000};

}  // namespace

CliResult<Answer> PatientClient::ask(const std::function<CliResult<Answer>()>& request) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point give_up_at = Clock::now() + limit_;
  core::Millis pause = pause_first;
  bool told = false;
  while (true) {
    auto answer = request();
    if (answer) {
      was_there_ = true;
      return answer;
    }
    const CliError& error = answer.error();
    const bool throttled = error.retry_after > core::Millis{0};
    was_there_ = was_there_ || error.was_there;
    const bool comes_back = was_there_ && (throttled || error.daemon_is_away());
    const core::Millis wait = throttled ? error.retry_after : pause;
    if (!comes_back || Clock::now() + wait > give_up_at) return answer;
    // Who reads much is asked to wait now and then: nothing that anybody needs to know.
    if (!told && !throttled) {
      if (told_) told_();
      fmt::print(stderr, "{}; trying again for {}\n", error.message, daemon::format_duration(limit_));
      told = true;
    }
    // tidy: allow sleep: the pause between two looks at a daemon that is down, which nothing announces
    std::this_thread::sleep_for(wait);
    pause = std::min(pause * 2, pause_max);
  }
}

CliResult<Answer> PatientClient::get(const std::string& target) {
  return ask([&] { return client_.get(target); });
}

CliResult<Answer> PatientClient::post(const std::string& target, const std::string& body) {
  return ask([&] { return client_.post(target, body, work_wait); });
}

}  // namespace syncd::cli
