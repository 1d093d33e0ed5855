#include "sync/api/rate_gate.hpp"

#include <algorithm>
#include <charconv>

#include <boost/asio/this_coro.hpp>

#include "sync/core/classify.hpp"

namespace syncd::api {

namespace {

using core::Endpoint;

constexpr core::Millis window{61'000};  // 60 s, and the slot the request itself is in
// Requests that one link may have sent between two commits: one, its resend on a fresh connection, and both
// again with a renewed token.
constexpr std::uint32_t unrecorded_sends_max = 4;
constexpr std::size_t snapshot_sends_max = 20'000;

std::size_t index_of(Endpoint endpoint) {
  return static_cast<std::size_t>(endpoint);
}

std::uint32_t app_limit(const Budgets& budgets, Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::sync:
      return budgets.sync_per_app;
    case Endpoint::accounts:
      return budgets.accounts_per_app;
    case Endpoint::link:
      return budgets.link_per_app;
    case Endpoint::links:
      return budgets.links_per_app;
    case Endpoint::token:
    case Endpoint::introspect:
      return budgets.token_per_client;
  }
  return 1;
}

std::uint32_t reserve_of(core::Cause cause, std::uint32_t limit) {
  const bool may_use_reserve = cause == core::Cause::manual || cause == core::Cause::webhook;
  return may_use_reserve ? 0 : limit / 10;
}

std::int64_t ms(SteadyTime at) {
  return at.time_since_epoch().count();
}

template <class Number>
bool take_number(std::string_view& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.starts_with(' ')) return false;
  text.remove_prefix(1);
  return true;
}

// One line of a snapshot; the link id points into its text.
struct SnapshotLine {
  Endpoint endpoint = Endpoint::sync;
  core::WallTime at{};
  std::uint32_t requests = 0;
  std::string_view link_id;  // empty: counted for the app alone
};

constexpr std::uint32_t requests_max = 1'000'000;            // the largest budget
constexpr std::int64_t wall_ms_max = std::int64_t{1} << 50;  // beyond the year 30,000

std::optional<SnapshotLine> read_line(std::string_view text) {
  unsigned endpoint = 0;
  std::int64_t wall_ms = 0;
  std::uint32_t requests = 0;
  if (!take_number(text, endpoint) || !take_number(text, wall_ms) || !take_number(text, requests))
    return std::nullopt;
  const bool sane = endpoint >= 1 && endpoint <= core::endpoint_count && wall_ms >= 0 &&
                    wall_ms <= wall_ms_max && requests <= requests_max;
  if (!sane) return std::nullopt;
  if (!text.empty() && (requests != 1 || !core::is_valid_id(text))) return std::nullopt;
  return SnapshotLine{static_cast<Endpoint>(endpoint), core::WallTime(core::Millis(wall_ms)), requests, text};
}

}  // namespace

RateGate::RateGate(Timers& timers, const Budgets& budgets) : timers_(timers), budgets_(budgets) {
  for (std::size_t i = 0; i <= core::endpoint_count; ++i) {
    app_.emplace_back(i == 0 ? 1 : app_limit(budgets, static_cast<Endpoint>(i)));
  }
}

core::SlidingMinute& RateGate::app_window(Endpoint endpoint) {
  return app_[index_of(endpoint)];
}

std::uint32_t RateGate::limit_per_link(Endpoint endpoint) const {
  switch (endpoint) {
    case Endpoint::sync:
      return budgets_.sync_per_link;
    case Endpoint::accounts:
      return budgets_.accounts_per_link;
    case Endpoint::link:
      return budgets_.link_per_link;
    default:
      return 0;  // not limited per link
  }
}

SteadyTime RateGate::link_available_at(Endpoint endpoint, const core::LinkId& link_id, SteadyTime now) {
  const std::uint32_t limit = limit_per_link(endpoint);
  if (limit == 0 || link_id.empty()) return now;
  const auto found = links_.find(link_id);
  std::uint32_t used = 0;
  SteadyTime earliest = now;
  const bool shadowed = now < crash_shadow_until_;
  const std::uint32_t usable =
      !shadowed ? limit : (limit > unrecorded_sends_max ? limit - unrecorded_sends_max : 0);
  if (usable == 0) return crash_shadow_until_;
  if (found == links_.end()) return now;
  // The sends are in time order: walk from the newest until `usable` are counted; that one must leave the
  // window.
  const std::vector<Send>& sends = found->second;
  for (auto send = sends.rbegin(); send != sends.rend(); ++send) {
    if (send->endpoint != endpoint) continue;
    if (send->at + window <= now) break;
    if (++used == usable) {
      earliest = send->at + window;
      break;
    }
  }
  return earliest;
}

SteadyTime RateGate::available_at(Endpoint endpoint, const core::LinkId& link_id, core::Cause cause) {
  const SteadyTime now = timers_.steady_now();
  core::SlidingMinute& app = app_window(endpoint);
  const std::int64_t by_app = app.earliest_ms(ms(now), reserve_of(cause, app.limit()));
  const SteadyTime by_link = link_available_at(endpoint, link_id, now);
  const SteadyTime by_freeze = frozen_[index_of(endpoint)];
  return std::max({now, SteadyTime(core::Millis(by_app)), by_link, by_freeze});
}

Task<core::Result<void>> RateGate::acquire(Endpoint endpoint, core::LinkId link_id, core::Cause cause) {
  for (;;) {
    // Also before the first wait: a task that was told to end earlier is not told again, and would sleep on.
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) {
      co_return core::fail(core::Errc::cancelled, "stopped while waiting for the request budget");
    }
    const SteadyTime now = timers_.steady_now();
    const SteadyTime at = available_at(endpoint, link_id, cause);
    if (at <= now) {
      count(endpoint, link_id, now);
      co_return core::Result<void>{};
    }
    ++waiting_[index_of(endpoint)];
    co_await timers_.sleep_until(at);
    --waiting_[index_of(endpoint)];
  }
}

void RateGate::count(Endpoint endpoint, const core::LinkId& link_id, SteadyTime now) {
  app_window(endpoint).count(ms(now));
  if (limit_per_link(endpoint) != 0 && !link_id.empty()) links_[link_id].push_back({endpoint, now});
  forget_old(now);
}

void RateGate::forget_old(SteadyTime now) {
  if (now < forget_at_) return;
  forget_at_ = now + window;
  std::erase_if(links_, [now](const auto& entry) { return entry.second.back().at + window <= now; });
  for (auto& [link_id, sends] : links_) {
    std::erase_if(sends, [now](const Send& send) { return send.at + window <= now; });
  }
}

void RateGate::freeze(Endpoint endpoint, core::WallTime until) {
  const SteadyTime now = timers_.steady_now();
  const SteadyTime end = std::clamp(to_steady(until), now, now + core::retry_after_max);
  if (end <= frozen_[index_of(endpoint)]) return;
  frozen_[index_of(endpoint)] = end;
  if (tell_freeze_) tell_freeze_({.endpoint = endpoint, .until = to_wall(end)});
}

std::optional<core::WallTime> RateGate::frozen_until(Endpoint endpoint) const {
  const SteadyTime end = frozen_[index_of(endpoint)];
  const SteadyTime now = timers_.steady_now();
  if (end <= now) return std::nullopt;
  return timers_.wall_now() + (end - now);
}

std::vector<core::RecentSend> RateGate::recent_sends(const core::LinkId& link_id) {
  std::vector<core::RecentSend> result;
  const auto found = links_.find(link_id);
  if (found == links_.end()) return result;
  const SteadyTime now = timers_.steady_now();
  for (const Send& send : found->second) {
    if (send.at + window > now) result.push_back({send.endpoint, to_wall(send.at)});
  }
  return result;
}

core::WallTime RateGate::to_wall(SteadyTime at) {
  return timers_.wall_now() - (timers_.steady_now() - at);
}

SteadyTime RateGate::to_steady(core::WallTime at) {
  return timers_.steady_now() + (at - timers_.wall_now());
}

void RateGate::seed_at(Endpoint endpoint, const core::LinkId& link_id, SteadyTime at,
                       std::uint32_t requests) {
  const SteadyTime now = timers_.steady_now();
  at = std::min(at, now);  // a clock that was set back: count it as sent now
  if (at + window <= now) return;
  app_window(endpoint).seed(ms(at), ms(now), requests);
  if (limit_per_link(endpoint) != 0 && !link_id.empty()) {
    std::vector<Send>& sends = links_[link_id];
    sends.push_back({endpoint, at});
    std::ranges::sort(sends, {}, &Send::at);
  }
}

void RateGate::seed(const core::LinkId& link_id, const std::vector<core::RecentSend>& sends) {
  for (const core::RecentSend& send : sends)
    seed_at(send.endpoint, link_id, to_steady(send.at), 1);
}

void RateGate::assume_crash(std::uint32_t in_flight_max) {
  const SteadyTime now = timers_.steady_now();
  crash_shadow_until_ = now + window;
  for (std::size_t i = 1; i <= core::endpoint_count; ++i) {
    core::SlidingMinute& app = app_[i];
    const std::uint64_t unrecorded = std::uint64_t{in_flight_max} * unrecorded_sends_max;
    app.seed(ms(now), ms(now), static_cast<std::uint32_t>(std::min<std::uint64_t>(unrecorded, app.limit())));
  }
}

// One line per send: endpoint, wall milliseconds, count, link id (absent for app-only counts).
std::string RateGate::snapshot() {
  const SteadyTime now = timers_.steady_now();
  std::string text = "v1\n";
  std::array<std::uint32_t, core::endpoint_count + 1> by_link{};
  std::size_t sends_written = 0;
  const auto line = [&](Endpoint endpoint, core::WallTime at, std::uint32_t requests,
                        std::string_view link_id) {
    text += std::to_string(static_cast<unsigned>(endpoint)) + ' ' +
            std::to_string(at.time_since_epoch().count()) + ' ' + std::to_string(requests) + ' ';
    text += link_id;
    text += '\n';
  };
  for (const auto& [link_id, sends] : links_) {
    for (const Send& send : sends) {
      if (send.at + window <= now) continue;
      if (++sends_written > snapshot_sends_max) return {};
      ++by_link[index_of(send.endpoint)];
      line(send.endpoint, to_wall(send.at), 1, link_id.str());
    }
  }
  // What the links do not account for is charged as if sent now: later than true, so never too little.
  for (std::size_t i = 1; i <= core::endpoint_count; ++i) {
    const std::uint32_t used = app_[i].used(ms(now));
    if (used > by_link[i]) line(static_cast<Endpoint>(i), to_wall(now), used - by_link[i], {});
  }
  return text;
}

bool RateGate::restore(std::string_view snapshot) {
  if (!snapshot.starts_with("v1\n")) return false;
  snapshot.remove_prefix(3);
  std::vector<SnapshotLine> lines;  // all or nothing
  while (!snapshot.empty()) {
    const std::size_t end = snapshot.find('\n');
    if (end == std::string_view::npos) return false;
    const std::optional<SnapshotLine> line = read_line(snapshot.substr(0, end));
    if (!line) return false;
    lines.push_back(*line);
    snapshot.remove_prefix(end + 1);
  }
  for (const SnapshotLine& line : lines)
    seed_at(line.endpoint, core::LinkId{std::string(line.link_id)}, to_steady(line.at), line.requests);
  return true;
}

std::vector<BudgetUse> RateGate::use() {
  const SteadyTime now = timers_.steady_now();
  std::vector<BudgetUse> result;
  for (std::size_t i = 1; i <= core::endpoint_count; ++i) {
    const auto endpoint = static_cast<Endpoint>(i);
    result.push_back({.endpoint = endpoint,
                      .limit = app_[i].limit(),
                      .used = app_[i].used(ms(now)),
                      .waiting = waiting_[i],
                      .frozen_until = frozen_until(endpoint)});
  }
  return result;
}

void RateGate::set_budgets(const Budgets& budgets) {
  budgets_ = budgets;
  for (std::size_t i = 1; i <= core::endpoint_count; ++i) {
    app_[i].set_limit(app_limit(budgets, static_cast<Endpoint>(i)));
  }
}

}  // namespace syncd::api
