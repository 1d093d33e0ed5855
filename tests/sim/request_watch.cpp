#include "tests/sim/request_watch.hpp"

#include <algorithm>

#include "tests/sim/retry_windows.hpp"

namespace syncd::test {

namespace {

using core::Endpoint;

constexpr core::Millis minute{60'000};

std::size_t index(Endpoint endpoint) {
  return static_cast<std::size_t>(endpoint);
}

std::uint32_t per_app(const api::Budgets& budgets, Endpoint endpoint) {
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
    case Endpoint::link_session:
      return budgets.link_session_per_app;
    case Endpoint::exchange_token:
      return budgets.exchange_per_app;
    case Endpoint::user_links:
      return budgets.user_links_per_app;
    case Endpoint::delete_link:
      return budgets.delete_link_per_app;
    case Endpoint::key_set:
      return api::key_sets_per_app;
    case Endpoint::update_link:
      return budgets.update_link_per_app;
    case Endpoint::products:
      return budgets.products_per_app;
  }
  return 0;
}

// 0: not limited.
std::uint32_t per_link(const api::Budgets& budgets, Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::sync:
      return budgets.sync_per_link;
    case Endpoint::accounts:
      return budgets.accounts_per_link;
    case Endpoint::link:
      return budgets.link_per_link;
    case Endpoint::update_link:
      return budgets.update_link_per_link;
    case Endpoint::products:
      return budgets.products_per_link;
    default:
      return 0;
  }
}

std::size_t count(std::deque<core::WallTime>& minute_of, core::WallTime now) {
  while (!minute_of.empty() && minute_of.front() <= now - minute)
    minute_of.pop_front();
  minute_of.push_back(now);
  return minute_of.size();
}

}  // namespace

RequestWatch::RequestWatch(const api::Budgets& budgets, Findings& findings, Tally& tally)
    : findings_(findings), tally_(tally), limits_{{budgets, {}}} {
}

void RequestWatch::change_budgets(const api::Budgets& budgets, core::WallTime now) {
  limits_.back().ended = now;
  std::erase_if(limits_, [&](const Limits& limits) { return limits.ended <= now - 2 * minute; });
  limits_.push_back({budgets, {}});
}

std::uint32_t RequestWatch::limit_of(Endpoint endpoint, bool of_link, core::WallTime now) const {
  std::uint32_t most = 0;
  for (const Limits& limits : limits_) {
    const bool counts = limits.ended == core::WallTime{} || now - limits.ended < minute;
    if (!counts) continue;
    most = std::max(most, of_link ? per_link(limits.budgets, endpoint) : per_app(limits.budgets, endpoint));
  }
  return most;
}

void RequestWatch::judge(std::string_view what, std::size_t requests, std::uint32_t limit,
                         core::WallTime now) {
  findings_.looked(Invariant::budget);
  if (requests == limit) {
    tally_.add("budget used to the last: " + std::string(what));
    spent_at_ = now;
  }
  if (requests <= limit) return;
  findings_.broken(Invariant::budget, std::string(what) + ": " + std::to_string(requests) +
                                          " requests in a minute, allowed are " + std::to_string(limit));
}

void RequestWatch::arrived(Endpoint endpoint, const std::string& link, core::WallTime now) {
  const std::string name(core::to_string(endpoint));
  judge(name, count(app_.at(index(endpoint)), now), limit_of(endpoint, false, now), now);
  const std::uint32_t limit = limit_of(endpoint, true, now);
  if (limit != 0 && !link.empty())
    judge(name + " of a link", count(links_[{link, endpoint}], now), limit, now);
  findings_.looked(Invariant::budget);
  const Window& window = windows_.at(index(endpoint));
  if (window.empty() || now >= window.back().until) return;
  if (now < windows_in_doubt_until_) return tally_.add("a window in doubt is broken");
  findings_.broken(Invariant::budget, name + ": a request inside a Retry-After window");
}

void RequestWatch::doubt_windows(core::WallTime until) {
  windows_in_doubt_until_ = std::max(windows_in_doubt_until_, until);
}

void RequestWatch::told(Endpoint endpoint, std::string_view retry_after, core::WallTime now) {
  const AskedWait asked = asked_wait(retry_after, now);
  tally_.add("429 with Retry-After: " + std::string(asked.form));
  Window& window = windows_.at(index(endpoint));
  if (!window.empty() && asked.until <= window.back().until) return;
  std::erase_if(window, [&](const Extension& extension) { return extension.until <= now; });
  window.push_back({.learnt = now, .until = asked.until});
}

void RequestWatch::lost(Endpoint endpoint, core::WallTime since) {
  Window& window = windows_.at(index(endpoint));
  while (!window.empty() && window.back().learnt >= since)
    window.pop_back();
}

}  // namespace syncd::test
