#include "daemon/admin/read_limit.hpp"

#include <algorithm>

namespace syncd::daemon {

namespace {

constexpr std::chrono::nanoseconds minute = std::chrono::minutes(1);
// More cost more than the bucket holds whatever the rate, and their product with a minute must fit.
constexpr std::uint64_t rows_charged_max = 100'000;

std::chrono::nanoseconds cost_of(std::uint64_t amount, std::uint64_t per_minute) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(amount, rows_charged_max)) *
                                  minute.count() / static_cast<std::int64_t>(per_minute));
}

core::Millis in_millis(std::chrono::nanoseconds wait) {
  return std::chrono::ceil<core::Millis>(std::max(wait, std::chrono::nanoseconds(0)));
}

}  // namespace

ReadLimit::Caller& ReadLimit::caller_of(std::string_view name, Time now) {
  const auto known = callers_.find(name);
  if (known != callers_.end()) {
    Caller& caller = known->second;
    if (caller.requests_full_at <= now && caller.rows_full_at <= now) caller.told = false;
    return caller;
  }
  if (callers_.size() >= callers_max) {
    callers_.erase(std::ranges::min_element(callers_, std::ranges::less{}, [](const auto& entry) {
      return std::max(entry.second.requests_full_at, entry.second.rows_full_at);
    }));
  }
  return callers_[std::string(name)];
}

ReadLimit::Verdict ReadLimit::admit(std::string_view name, const ReadRates& rates,
                                    api::SteadyTime steady_now) {
  const Time now = steady_now;
  Caller& caller = caller_of(name, now);
  const Time requests_full_at = std::max(caller.requests_full_at, now);
  std::chrono::nanoseconds request_cost{0};
  Verdict verdict;
  if (rates.requests_per_minute > 0) {
    request_cost = cost_of(1, rates.requests_per_minute);
    verdict.wait = in_millis(requests_full_at + request_cost - minute - now);
  }
  if (rates.rows_per_minute > 0) {
    // The bucket must hold one row, so that the wait is over when it says so.
    const core::Millis for_rows =
        in_millis(caller.rows_full_at + cost_of(1, rates.rows_per_minute) - minute - now);
    verdict.by_rows = for_rows > verdict.wait;
    verdict.wait = std::max(verdict.wait, for_rows);
  }
  if (verdict.wait == core::Millis{0}) {
    caller.requests_full_at = requests_full_at + request_cost;
    return verdict;
  }
  verdict.first = !caller.told;
  caller.told = true;
  return verdict;
}

void ReadLimit::charge(std::string_view name, const ReadRates& rates, std::uint64_t rows,
                       api::SteadyTime steady_now) {
  if (rates.rows_per_minute == 0 || rows == 0) return;
  const Time now = steady_now;
  Caller& caller = caller_of(name, now);
  caller.rows_full_at = std::max(caller.rows_full_at, now) + cost_of(rows, rates.rows_per_minute);
}

}  // namespace syncd::daemon
