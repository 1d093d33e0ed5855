#include "tests/sandbox/model/meter.hpp"

#include <algorithm>

namespace syncd::sandbox {
namespace {

constexpr Milliseconds minute{60'000};

void set_budget(Budgets& budgets, Endpoint endpoint, std::uint32_t per_app, std::uint32_t per_link) {
  budgets.of(endpoint) = Budget{per_app, per_link};
}

}  // namespace

Budgets::Budgets() {
  set_budget(*this, Endpoint::token, 300, 0);
  set_budget(*this, Endpoint::link_session, 1200, 0);
  set_budget(*this, Endpoint::links, 600, 0);
  set_budget(*this, Endpoint::link, 1000, 15);
  set_budget(*this, Endpoint::link_update, 600, 4);
  set_budget(*this, Endpoint::link_delete, 600, 0);
  set_budget(*this, Endpoint::accounts, 600, 4);
  set_budget(*this, Endpoint::account, 600, 15);
  // No public table shows these rows; the figures are assumptions.
  set_budget(*this, Endpoint::transactions, 600, 15);
  set_budget(*this, Endpoint::sync, 600, 15);
  set_budget(*this, Endpoint::refresh, 600, 15);
  set_budget(*this, Endpoint::reset, 0, 15);
  set_budget(*this, Endpoint::webhook_test, 0, 15);
}

Budgets Budgets::unlimited() {
  Budgets budgets;
  budgets.table = {};
  budgets.link_session_per_user = 0;
  return budgets;
}

void MinuteCount::drop_old(TimePoint at) {
  while (head_ < entries_.size() && entries_[head_].first <= at - minute) {
    total_ -= entries_[head_].second;
    ++head_;
  }
  // Moving the rest only when half is dead keeps the cost of a busy window constant on average.
  if (head_ * 2 > entries_.size()) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

std::uint32_t MinuteCount::add(TimePoint at) {
  drop_old(at);
  if (entries_.size() > head_ && entries_.back().first == at) {
    ++entries_.back().second;
  } else {
    entries_.emplace_back(at, 1);
  }
  return ++total_;
}

std::uint32_t MinuteCount::count(TimePoint at) {
  drop_old(at);
  return total_;
}

bool Meter::inside(std::uint64_t window_key, TimePoint now) {
  const auto found = windows_.find(window_key);
  if (found == windows_.end()) {
    return false;
  }
  if (now >= found->second.until) {
    windows_.erase(found);
    return false;
  }
  return now >= found->second.from;
}

void Meter::arrived(Endpoint endpoint, std::uint32_t link, TimePoint now) {
  EndpointStatistics& books = of(endpoint);
  ++books.requests;
  books.in_minute_max =
      std::max(books.in_minute_max, app_arrived_.at(static_cast<std::size_t>(endpoint)).add(now));
  if (link != no_link && budgets_.of(endpoint).per_link != 0) {
    const auto seen = link_arrived_[key(endpoint, link)].add(now);
    books.in_minute_per_link_max = std::max(books.in_minute_per_link_max, seen);
  }
  if (windows_.empty()) {
    return;
  }
  // Both lookups drop what has passed.
  const bool app_wide = inside(key(endpoint, no_link), now);
  const bool of_link = link != no_link && inside(key(endpoint, link), now);
  if (app_wide || of_link) {
    ++books.inside_retry_after;
  }
}

std::optional<Meter::Refusal> Meter::take(Endpoint endpoint, std::uint32_t link, TimePoint now) {
  const Budget& budget = budgets_.of(endpoint);
  MinuteCount* const app = budget.per_app == 0 ? nullptr : &app_taken_.at(static_cast<std::size_t>(endpoint));
  MinuteCount* const own =
      budget.per_link == 0 || link == no_link ? nullptr : &link_taken_[key(endpoint, link)];
  if (own != nullptr && own->count(now) >= budget.per_link) {
    return Refusal{own->oldest_leaves() - now, link};
  }
  if (app != nullptr && app->count(now) >= budget.per_app) {
    return Refusal{app->oldest_leaves() - now, no_link};
  }
  if (own != nullptr) {
    own->add(now);
  }
  if (app != nullptr) {
    app->add(now);
  }
  return std::nullopt;
}

std::optional<Milliseconds> Meter::take_session_of_user(const std::string& user_id, TimePoint now) {
  if (budgets_.link_session_per_user == 0) {
    return std::nullopt;
  }
  MinuteCount& count = user_sessions_[user_id];
  if (count.count(now) >= budgets_.link_session_per_user) {
    return count.oldest_leaves() - now;
  }
  count.add(now);
  return std::nullopt;
}

void Meter::closed_until(Endpoint endpoint, std::uint32_t link, TimePoint now, TimePoint until) {
  const TimePoint from = now + grace_;
  const auto [found, fresh] = windows_.try_emplace(key(endpoint, link), Window{from, until});
  if (!fresh) {
    found->second.until = std::max(found->second.until, until);
  }
}

void Meter::answered(Endpoint endpoint, int status) {
  ++of(endpoint).by_status[status];
}

}  // namespace syncd::sandbox
