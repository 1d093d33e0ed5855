#include "daemon/admin/data_reads.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

namespace syncd::daemon {

namespace {

// Acts of one write: more would keep other work from the store for milliseconds.
constexpr std::size_t acts_at_once = 1000;

}  // namespace

void DataReads::set(const ReadRates& rates, core::Millis window) {
  rates_ = rates;
  trace_.set_window(window);
}

ReadRates DataReads::rates_of(const Caller& caller) const {
  if (caller.role != Role::admin) return rates_;
  return {.requests_per_minute = rates_.requests_per_minute * admin_reads_factor,
          .rows_per_minute = rates_.rows_per_minute * admin_reads_factor};
}

std::optional<HttpResponse> DataReads::refuse(const Caller& caller) {
  if (trace_.full()) {
    return try_later(503, "reads_not_traced",
                     "more was read than the audit log has taken so far; what cannot be traced is not shown",
                     reads_written_every);
  }
  const ReadRates rates = rates_of(caller);
  const ReadLimit::Verdict verdict = limit_.admit(caller.actor, rates, parts_.timers.steady_now());
  if (verdict.wait == core::Millis{0}) return std::nullopt;
  if (parts_.on_held_back)
    parts_.on_held_back({.caller = caller, .by_rows = verdict.by_rows, .first = verdict.first});
  const std::string detail =
      verdict.by_rows ? fmt::format(
                            "{} rows of people's data a minute are all that {} may read ([admin] "
                            "read_rows_per_minute)",
                            rates.rows_per_minute, caller.actor)
                      : fmt::format(
                            "{} requests for people's data a minute are all that {} may make ([admin] "
                            "read_requests_per_minute)",
                            rates.requests_per_minute, caller.actor);
  return try_later(429, "rate_limited", detail, verdict.wait);
}

void DataReads::note(const Caller& caller, const DataRead& read) {
  if (read.rows == 0) return;
  const api::SteadyTime now = parts_.timers.steady_now();
  limit_.charge(caller.actor, rates_of(caller), read.rows, now);
  trace_.note(caller.actor, read, now, parts_.timers.wall_now());
  if (parts_.on_read) parts_.on_read(read);
}

api::Task<void> DataReads::write(std::vector<store::LinkAct> acts) {
  for (std::size_t begun = 0; begun < acts.size(); begun += acts_at_once) {
    const std::size_t end = std::min(acts.size(), begun + acts_at_once);
    const auto first = std::make_move_iterator(acts.begin() + static_cast<std::ptrdiff_t>(begun));
    std::vector<store::LinkAct> part(first, first + static_cast<std::ptrdiff_t>(end - begun));
    const auto written = co_await parts_.record(std::move(part));
    if (written) continue;
    if (parts_.on_lost) parts_.on_lost(written.error(), acts.size() - begun);
    co_return;
  }
}

api::Task<void> DataReads::keep_trace() {
  while (true) {
    const api::SteadyTime next = parts_.timers.steady_now() + reads_written_every;
    co_await parts_.timers.sleep_until(next);
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) co_return;
    auto due = trace_.take_due(parts_.timers.steady_now());
    co_await write(std::move(due));
  }
}

api::Task<void> DataReads::finish() {
  auto rest = trace_.take_all();
  co_await write(std::move(rest));
}

}  // namespace syncd::daemon
