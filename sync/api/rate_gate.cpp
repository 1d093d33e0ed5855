#include "sync/api/rate_gate.hpp"

#include <algorithm>
#include <charconv>

#include <boost/asio/this_coro.hpp>

#include "sync/core/classify.hpp"
#include "sync/core/note_numbers.hpp"

namespace syncd::api {

namespace {

using core::Endpoint;

constexpr core::Millis window{61'000};  // 60 s, and the slot the request itself is in
// Requests that one cycle may have sent without a commit that records them: one, its resend on a fresh
// connection, and both again with a renewed token.
constexpr std::uint32_t sends_per_cycle_max = 4;
// A cycle that ends because upstream refuses our credentials commits nothing either, and neither do the
// others in flight. Until upstream is asked again at least 5 s pass: so often a minute, and once more at the
// crash itself, may all workers have sent unrecorded.
constexpr std::uint32_t unrecorded_rounds_max = 60 / 5 + 2;
constexpr std::uint32_t unrecorded_sends_max = sends_per_cycle_max * unrecorded_rounds_max;
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
    case Endpoint::link_session:
      return budgets.link_session_per_app;
    case Endpoint::exchange_token:
      return budgets.exchange_per_app;
    case Endpoint::user_links:
      return budgets.user_links_per_app;
    case Endpoint::delete_link:
      return budgets.delete_link_per_app;
    case Endpoint::key_set:
      return key_sets_per_app;
    case Endpoint::update_link:
      return budgets.update_link_per_app;
    case Endpoint::products:
      return budgets.products_per_app;
  }
  return 1;
}

// Who goes first: people, then what upstream tells of, then the schedule, then what can wait.
int rank_of(core::Cause cause) {
  switch (cause) {
    case core::Cause::manual:
      return 3;
    case core::Cause::webhook:
      return 2;
    case core::Cause::verify:
      return 0;
    default:
      return 1;
  }
}

// What a cause leaves free for those before it: of what the minute allows, a verify takes what is left of the
// first half, so that an ordinary visit always finds room.
std::uint32_t reserve_of(core::Cause cause, std::uint32_t limit) {
  if (cause == core::Cause::manual) return 0;
  return rank_of(cause) == 0 ? limit / 2 : limit / 10;
}

// Of the first nine tenths, what verifies may have even if nothing is left of the first half. 0: the budget
// is too small for that.
std::uint32_t share_of_verifies(std::uint32_t limit) {
  return limit * 3 / 100;
}

// Endpoints whose requests are recorded with their link.
bool is_recorded(Endpoint endpoint) {
  return endpoint == Endpoint::sync || endpoint == Endpoint::accounts || endpoint == Endpoint::link;
}

std::int64_t ms(SteadyTime at) {
  return at.time_since_epoch().count();
}

constexpr std::string_view snapshot_head = "v2\n";

// One line of a snapshot about requests; the id points into its text.
struct SnapshotLine {
  Endpoint endpoint = Endpoint::sync;
  core::WallTime at{};
  std::uint32_t requests = 0;
  std::string_view id;  // of a link, or of a user where the endpoint counts by user; empty: for the app alone
};

// Endpoints whose requests count against a customer user and never against a link.
bool counts_by_user(Endpoint endpoint) {
  return endpoint == Endpoint::link_session;
}

constexpr std::uint32_t requests_max = 1'000'000;            // the largest budget
constexpr std::int64_t wall_ms_max = std::int64_t{1} << 50;  // beyond the year 30,000

std::optional<SnapshotLine> read_line(std::string_view text) {
  unsigned endpoint = 0;
  std::int64_t wall_ms = 0;
  std::uint32_t requests = 0;
  if (!core::take_number(text, endpoint, ' ') || !core::take_number(text, wall_ms, ' ') ||
      !core::take_number(text, requests, ' '))
    return std::nullopt;
  const bool sane = endpoint >= 1 && endpoint <= core::endpoint_count && wall_ms >= 0 &&
                    wall_ms <= wall_ms_max && requests <= requests_max;
  if (!sane) return std::nullopt;
  if (!text.empty() && (requests != 1 || !core::is_valid_id(text))) return std::nullopt;
  return SnapshotLine{static_cast<Endpoint>(endpoint), core::WallTime(core::Millis(wall_ms)), requests, text};
}

// One line of a snapshot about an open window.
struct FreezeLine {
  Endpoint endpoint = Endpoint::sync;
  core::WallTime stopped_at{};
  core::Millis remaining{};
};
constexpr std::string_view freeze_mark = "frozen ";

std::optional<FreezeLine> read_freeze(std::string_view text) {
  text.remove_prefix(freeze_mark.size());
  unsigned endpoint = 0;
  std::int64_t wall_ms = 0;
  std::int64_t remaining = 0;
  if (!core::take_number(text, endpoint, ' ') || !core::take_number(text, wall_ms, ' ') ||
      !core::take_number(text, remaining, ' '))
    return std::nullopt;
  const bool sane = endpoint >= 1 && endpoint <= core::endpoint_count && wall_ms >= 0 &&
                    wall_ms <= wall_ms_max && remaining >= 0 && remaining <= core::retry_after_max.count();
  if (!sane || !text.empty()) return std::nullopt;
  return FreezeLine{static_cast<Endpoint>(endpoint), core::WallTime(core::Millis(wall_ms)),
                    core::Millis(remaining)};
}

std::string freeze_line(std::size_t endpoint, core::WallTime now, core::Millis remaining) {
  return std::string(freeze_mark) + std::to_string(endpoint) + ' ' +
         std::to_string(now.time_since_epoch().count()) + ' ' + std::to_string(remaining.count()) + " \n";
}

struct Snapshot {
  std::vector<SnapshotLine> requests;
  std::vector<FreezeLine> windows;
};

// All or nothing.
std::optional<Snapshot> read_snapshot(std::string_view text) {
  if (!text.starts_with(snapshot_head)) return std::nullopt;
  text.remove_prefix(snapshot_head.size());
  Snapshot snapshot;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.starts_with(freeze_mark)) {
      const std::optional<FreezeLine> freeze = read_freeze(line);
      if (!freeze) return std::nullopt;
      snapshot.windows.push_back(*freeze);
      continue;
    }
    const std::optional<SnapshotLine> requests = read_line(line);
    if (!requests) return std::nullopt;
    snapshot.requests.push_back(*requests);
  }
  return snapshot;
}

}  // namespace

RateGate::RateGate(Timers& timers, const Budgets& budgets) : timers_(timers), budgets_(budgets) {
  for (std::size_t i = 0; i <= core::endpoint_count; ++i) {
    const std::uint32_t limit = i == 0 ? 1 : app_limit(budgets, static_cast<Endpoint>(i));
    app_.emplace_back(limit);
    allowed_.emplace_back(limit);
    verifies_.emplace_back(std::max(share_of_verifies(limit), 1U));
  }
}

core::SlidingMinute& RateGate::app_window(Endpoint endpoint, SteadyTime now) {
  core::SlidingMinute& app = app_[index_of(endpoint)];
  app.set_limit(allowed_[index_of(endpoint)].allowed(ms(now)));
  return app;
}

std::uint32_t RateGate::limit_of(Endpoint endpoint, BudgetOwner owner) const {
  if (owner.id().empty() || owner.is_user() != counts_by_user(endpoint)) return 0;
  switch (endpoint) {
    case Endpoint::sync:
      return budgets_.sync_per_link;
    case Endpoint::accounts:
      return budgets_.accounts_per_link;
    case Endpoint::link:
      return budgets_.link_per_link;
    case Endpoint::update_link:
      return budgets_.update_link_per_link;
    case Endpoint::products:
      return budgets_.products_per_link;
    case Endpoint::link_session:
      return budgets_.link_session_per_user;
    default:
      return 0;
  }
}

SteadyTime RateGate::owner_available_at(Endpoint endpoint, const OwnerUse& owner, core::Cause cause,
                                        SteadyTime now) const {
  if (owner.limit == 0) return now;
  // A link's own budget knows one reserve only: what a verify leaves to visits.
  std::uint32_t usable = rank_of(cause) == 0 ? owner.limit - reserve_of(cause, owner.limit) : owner.limit;
  if (now < crash_shadow_until_) {
    const bool some_left = owner.recorded && owner.limit > unrecorded_sends_max;
    usable = std::min(usable, some_left ? owner.limit - unrecorded_sends_max : 0);
  }
  if (usable == 0) return crash_shadow_until_;
  if (owner.sends == nullptr) return now;
  // The sends are in time order: walk from the newest until `usable` are counted; that one must leave the
  // window.
  std::uint32_t used = 0;
  for (auto send = owner.sends->rbegin(); send != owner.sends->rend(); ++send) {
    if (send->endpoint != endpoint) continue;
    if (send->at + window <= now) break;
    if (++used == usable) return send->at + window;
  }
  return now;
}

RateGate::OwnerUse RateGate::use_by(Endpoint endpoint, BudgetOwner owner) {
  const std::uint32_t limit = limit_of(endpoint, owner);
  if (limit == 0) return {};
  const SendsById& all = sends_of(owner);
  const auto found = all.find(owner.id());
  return {.limit = limit,
          .recorded = is_recorded(endpoint),
          .sends = found == all.end() ? nullptr : &found->second};
}

std::int64_t RateGate::app_opens_ms(Endpoint endpoint, core::Cause cause, std::uint32_t ahead,
                                    SteadyTime now) {
  core::SlidingMinute& app = app_window(endpoint, now);
  const std::int64_t opens = app.earliest_ms(ms(now), reserve_of(cause, app.limit()) + ahead);
  const std::uint32_t share = share_of_verifies(app.limit());
  if (cause != core::Cause::verify || opens <= ms(now) || share == 0) return opens;
  core::SlidingMinute& verifies = verifies_[index_of(endpoint)];
  verifies.set_limit(share);
  const std::uint32_t reserve = reserve_of(core::Cause::schedule, app.limit());
  return std::min(opens, std::max(app.earliest_ms(ms(now), reserve + ahead), verifies.earliest_ms(ms(now))));
}

RateGate::Opening RateGate::opening(Endpoint endpoint, const OwnerUse& owner, core::Cause cause,
                                    std::uint32_t ahead, SteadyTime now) {
  const std::int64_t by_app = app_opens_ms(endpoint, cause, ahead, now);
  const SteadyTime by_all = std::max({now, SteadyTime(core::Millis(by_app)), frozen_[index_of(endpoint)]});
  const SteadyTime by_owner = owner_available_at(endpoint, owner, cause, now);
  return {.at = std::max(by_all, by_owner), .held_by_owner = by_owner > by_all};
}

// Room for the whole line is room for this one: only where it is tight does it matter who is ahead.
RateGate::Opening RateGate::opening_in_line(const Turn* turn, Endpoint endpoint, const OwnerUse& owner,
                                            core::Cause cause, SteadyTime now) {
  const auto all = static_cast<std::uint32_t>(line_[index_of(endpoint)].size());
  const Opening for_all = opening(endpoint, owner, cause, all, now);
  if (all == 0 || for_all.at <= now) return for_all;
  return opening(endpoint, owner, cause, ahead_of(turn, endpoint, cause), now);
}

SteadyTime RateGate::available_at(Endpoint endpoint, BudgetOwner owner, core::Cause cause) {
  return opening_in_line(nullptr, endpoint, use_by(endpoint, owner), cause, timers_.steady_now()).at;
}

std::uint32_t RateGate::ahead_of(const Turn* turn, Endpoint endpoint, core::Cause cause) const {
  std::uint32_t ahead = 0;
  for (const Turn* other : line_[index_of(endpoint)]) {
    if (other == turn) break;
    const bool goes_first = rank_of(other->cause_) >= rank_of(cause);
    if (goes_first && !other->held_by_owner_) ++ahead;
  }
  return ahead;
}

// ---- one request
// -----------------------------------------------------------------------------------------------

RateGate::Turn::Turn(RateGate& gate, Endpoint endpoint, BudgetOwner owner, core::Cause cause)
    : gate_(gate), owner_(owner), endpoint_(endpoint), cause_(cause) {
  gate_.line_[index_of(endpoint)].push_back(this);
}

RateGate::Turn::~Turn() {
  std::erase(gate_.line_[index_of(endpoint_)], this);
}

SteadyTime RateGate::Turn::look(SteadyTime now) {
  const OwnerUse owner = gate_.use_by(endpoint_, owner_);
  const Opening opening = gate_.opening_in_line(this, endpoint_, owner, cause_, now);
  held_by_owner_ = opening.held_by_owner;
  return opening.at;
}

Task<core::Result<void>> RateGate::Turn::wait() {
  for (;;) {
    // Also before the first wait: a task that was told to end earlier is not told again, and would sleep on.
    const auto state = co_await boost::asio::this_coro::cancellation_state;
    if (state.cancelled() != boost::asio::cancellation_type::none) {
      co_return core::fail(core::Errc::cancelled, "stopped while waiting for the request budget");
    }
    const SteadyTime now = gate_.timers_.steady_now();
    const SteadyTime at = look(now);
    if (at <= now) co_return core::Result<void>{};
    ++gate_.waiting_[index_of(endpoint_)];
    co_await gate_.timers_.sleep_until(at);
    --gate_.waiting_[index_of(endpoint_)];
  }
}

bool RateGate::Turn::take() {
  return gate_.count_if_open(this, endpoint_, owner_, cause_);
}

bool RateGate::try_take(Endpoint endpoint, BudgetOwner owner, core::Cause cause) {
  return count_if_open(nullptr, endpoint, owner, cause);
}

bool RateGate::count_if_open(const Turn* turn, Endpoint endpoint, BudgetOwner owner, core::Cause cause) {
  const SteadyTime now = timers_.steady_now();
  const std::uint32_t limit = limit_of(endpoint, owner);
  Sends* const sends = limit != 0 ? &sends_of(owner)[owner.id()] : nullptr;
  const OwnerUse use{.limit = limit, .recorded = is_recorded(endpoint), .sends = sends};
  if (opening_in_line(turn, endpoint, use, cause, now).at > now) return false;
  app_window(endpoint, now).count(ms(now));
  // There may be more of them than their share: those of the first half.
  if (cause == core::Cause::verify) verifies_[index_of(endpoint)].seed(ms(now), ms(now), 1);
  if (sends != nullptr) sends->push_back({endpoint, now});
  forget_old(now);
  return true;
}

void RateGate::forget_old(SteadyTime now) {
  if (now < forget_at_) return;
  forget_at_ = now + window;
  forget_old(links_, now);
  forget_old(users_, now);
}

void RateGate::forget_old(SendsById& all, SteadyTime now) {
  std::erase_if(all, [now](const auto& entry) {
    return entry.second.empty() || entry.second.back().at + window <= now;
  });
  for (auto& [id, sends] : all) {
    const auto gone = [now](const Send& send) { return send.at + window <= now; };
    sends.erase(std::remove_if(sends.begin(), sends.end(), gone), sends.end());
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

std::uint32_t RateGate::used_by(const OwnerUse& owner, Endpoint endpoint, SteadyTime now) const {
  if (owner.sends == nullptr) return 0;
  const auto counts = [&](const Send& send) { return send.endpoint == endpoint && send.at + window > now; };
  return static_cast<std::uint32_t>(std::ranges::count_if(*owner.sends, counts));
}

void RateGate::refused(Endpoint endpoint, BudgetOwner owner) {
  const SteadyTime now = timers_.steady_now();
  const OwnerUse use = use_by(endpoint, owner);
  const std::uint64_t own = used_by(use, endpoint, now);
  core::SlidingMinute& app = app_window(endpoint, now);
  const bool of_owner = own > 1 && own * app.limit() > std::uint64_t{app.used(ms(now))} * use.limit;
  if (!of_owner) allowed_[index_of(endpoint)].refused(ms(now), ms(frozen_[index_of(endpoint)]));
}

std::uint32_t RateGate::allowed(Endpoint endpoint) {
  return app_window(endpoint, timers_.steady_now()).limit();
}

std::vector<core::RecentSend> RateGate::recent_sends(const core::LinkId& link_id) {
  std::vector<core::RecentSend> result;
  const auto found = links_.find(link_id.str());
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

void RateGate::seed_at(Endpoint endpoint, BudgetOwner owner, SteadyTime at, std::uint32_t requests) {
  const SteadyTime now = timers_.steady_now();
  at = std::min(at, now);  // a clock that was set back: count it as sent now
  if (at + window <= now) return;
  app_window(endpoint, now).seed(ms(at), ms(now), requests);
  if (limit_of(endpoint, owner) != 0) {
    Sends& sends = sends_of(owner)[owner.id()];
    sends.push_back({endpoint, at});
    std::sort(sends.begin(), sends.end(), [](const Send& a, const Send& b) { return a.at < b.at; });
  }
}

void RateGate::seed(const core::LinkId& link_id, const std::vector<core::RecentSend>& sends) {
  if (restored_) return;
  for (const core::RecentSend& send : sends)
    seed_at(send.endpoint, link_id, to_steady(send.at), 1);
}

void RateGate::assume_crash(std::uint32_t in_flight_max) {
  const SteadyTime now = timers_.steady_now();
  crash_shadow_until_ = now + window;
  for (std::size_t i = 1; i <= core::endpoint_count; ++i) {
    core::SlidingMinute& app = app_window(static_cast<Endpoint>(i), now);
    const std::uint64_t unrecorded = is_recorded(static_cast<Endpoint>(i))
                                         ? std::uint64_t{in_flight_max} * unrecorded_sends_max
                                         : app.limit();
    app.seed(ms(now), ms(now), static_cast<std::uint32_t>(std::min<std::uint64_t>(unrecorded, app.limit())));
  }
}

// One line per send: endpoint, wall milliseconds, count, id of the link or user (absent for app-only counts);
// one per open window: its endpoint, the wall time of the stop and what remained of it then.
std::string RateGate::snapshot() {
  const SteadyTime now = timers_.steady_now();
  std::string text(snapshot_head);
  std::array<std::uint32_t, core::endpoint_count + 1> by_owner{};
  std::size_t sends_written = 0;
  const auto line = [&](Endpoint endpoint, core::WallTime at, std::uint32_t requests, std::string_view id) {
    text += std::to_string(static_cast<unsigned>(endpoint)) + ' ' +
            std::to_string(at.time_since_epoch().count()) + ' ' + std::to_string(requests) + ' ';
    text += id;
    text += '\n';
  };
  for (const SendsById* all : {&links_, &users_}) {
    for (const auto& [id, sends] : *all) {
      for (const Send& send : sends) {
        if (send.at + window <= now) continue;
        if (++sends_written > snapshot_sends_max) return {};
        ++by_owner[index_of(send.endpoint)];
        line(send.endpoint, to_wall(send.at), 1, id);
      }
    }
  }
  // What the links and users do not account for is charged as if sent now: later than true, so never too
  // little.
  for (std::size_t i = 1; i <= core::endpoint_count; ++i) {
    const std::uint32_t used = app_[i].used(ms(now));
    if (used > by_owner[i]) line(static_cast<Endpoint>(i), to_wall(now), used - by_owner[i], {});
    if (frozen_[i] > now) text += freeze_line(i, timers_.wall_now(), frozen_[i] - now);
  }
  return text;
}

std::string_view RateGate::nothing_sent() {
  return snapshot_head;
}

bool RateGate::restore(std::string_view snapshot) {
  const std::optional<Snapshot> read = read_snapshot(snapshot);
  if (!read) return false;
  for (const SnapshotLine& line : read->requests) {
    const core::LinkId id{std::string(line.id)};
    const BudgetOwner owner = counts_by_user(line.endpoint) ? BudgetOwner::user(id.str()) : BudgetOwner(id);
    seed_at(line.endpoint, owner, to_steady(line.at), line.requests);
  }
  for (const FreezeLine& line : read->windows) {
    // A clock that was set back in between must not make the window longer than it was.
    const core::Millis passed = std::max(timers_.wall_now() - line.stopped_at, core::Millis(0));
    if (passed < line.remaining) freeze(line.endpoint, timers_.wall_now() + (line.remaining - passed));
  }
  restored_ = true;
  return true;
}

std::vector<BudgetUse> RateGate::use() {
  const SteadyTime now = timers_.steady_now();
  std::vector<BudgetUse> result;
  for (std::size_t i = 1; i <= core::endpoint_count; ++i) {
    const auto endpoint = static_cast<Endpoint>(i);
    result.push_back({.endpoint = endpoint,
                      .limit = app_window(endpoint, now).limit(),
                      .configured = app_limit(budgets_, endpoint),
                      .used = app_[i].used(ms(now)),
                      .waiting = waiting_[i],
                      .frozen_until = frozen_until(endpoint)});
  }
  return result;
}

void RateGate::set_budgets(const Budgets& budgets) {
  budgets_ = budgets;
  for (std::size_t i = 1; i <= core::endpoint_count; ++i) {
    allowed_[i].set_configured(app_limit(budgets, static_cast<Endpoint>(i)));
  }
}

}  // namespace syncd::api
