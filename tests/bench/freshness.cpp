#include "tests/bench/freshness.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>

#include "sync/api/rate_gate.hpp"
#include "sync/core/planner.hpp"
#include "sync/engine/link_table.hpp"
#include "sync/engine/peek_row.hpp"
#include "tests/bench/minute_count.hpp"

namespace syncd::bench {

namespace {

using engine::LinkTable;

constexpr std::int64_t minute_ms = 60'000;
constexpr std::int64_t hour_ms = 3'600'000;
constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t tick_ms = 100;
constexpr std::int64_t late_ms = 30 * minute_ms;
constexpr core::WallTime begin_wall{core::Millis(1'767'225'600'000)};  // 2026-01-01

// Time that the run moves.
class HandClock final : public api::Timers {
 public:
  core::WallTime wall_now() override { return begin_wall + core::Millis(now_ms + ahead_ms); }
  api::SteadyTime steady_now() override { return api::SteadyTime(core::Millis(now_ms)); }
  std::uint64_t random() override { return 0; }
  api::Task<void> sleep_until(api::SteadyTime) override { throw std::logic_error("nothing waits here"); }
  std::int64_t now_ms = 0;
  std::int64_t ahead_ms = 0;  // how wrong the wall clock is
};

struct Event {
  std::int64_t at_ms;
  std::uint32_t link;
  bool operator>(const Event& other) const { return at_ms > other.at_ms; }
};
using Events = std::priority_queue<Event, std::vector<Event>, std::greater<>>;

struct LinkState {
  core::LinkId id;
  core::LinkOutlook outlook;
  std::int64_t looked_ms = 0, fetched_ms = 0;
  bool peek = false;
  bool here = true;  // not deleted, and added already
  // Upstream's side.
  Refresh next;
  std::size_t played = 0;               // of the trace
  bool held_changed = false;            // while it was dark
  std::int64_t met_ms = 0;              // the clock that the last fetch met
  std::int64_t refreshed_ms = 0;        // the clock that an answer shows: of its linking, at first
  std::vector<std::int64_t> unseen_ms;  // changed refreshes since the last fetch
  double true_rate = 0;
};

// The changes that upstream refreshed in one hour.
struct Hour {
  double sum_min = 0;
  std::uint64_t changes = 0;
  double mean_min() const { return changes > 0 ? sum_min / static_cast<double>(changes) : 0; }
};

class Run {
 public:
  explicit Run(const FreshnessRun& what, std::vector<Hour> calm = {})
      : what_(what),
        calm_(std::move(calm)),
        random_(what.seed),
        sources_(make_sources()),
        share_(static_cast<double>(what.fleet.links) / static_cast<double>(what.links)),
        gate_(clock_, budgets()),
        planner_(bounds()) {
    planner_.set_fleet(fleet());
    make_links();
  }

  FreshnessResult go() {
    const auto end_ms = static_cast<std::int64_t>((what_.learning_days + what_.measured_days) * day_ms);
    hours_.resize(static_cast<std::size_t>(end_ms / hour_ms) + 1);
    while (clock_.now_ms < end_ms)
      step();
    return result();
  }
  const std::vector<Hour>& hours() const { return hours_; }

 private:
  core::FreshnessPolicy bounds() const {
    core::FreshnessPolicy policy = what_.bounds;
    policy.peeks = what_.peeks;
    return policy;
  }

  std::vector<LinkSource> make_sources() {
    if (what_.drawn != nullptr) return sources_of(*what_.drawn);
    return what_.recorded ? *what_.recorded : make_fleet(shape(), random_);
  }

  // Those that are added later are part of it from the beginning.
  FleetShape shape() const {
    FleetShape shape = what_.fleet;
    if (what_.fault == Fault::links_added) shape.links += shape.links / 2;
    return shape;
  }

  core::FleetBudget fleet() const {
    return {.links = links_here_,
            .sync_per_minute = budgets().sync_per_app,
            .link_per_minute = budgets().link_per_app};
  }

  api::Budgets budgets() const {
    const double share = broken_ && what_.fault == Fault::budget_halved ? share_ / 2 : share_;
    const auto scaled = [share](std::uint32_t calls) {
      return std::max(1U, static_cast<std::uint32_t>(std::lround(calls * share)));
    };
    api::Budgets budgets;
    budgets.sync_per_app = scaled(what_.sync_per_minute);
    budgets.link_per_app = scaled(what_.link_per_minute);
    return budgets;
  }

  std::string id_of(std::uint32_t at) const {
    const bool chosen = what_.drawn == nullptr || what_.drawn->links[at].id.empty();
    return chosen ? "mk_" + std::to_string(what_.seed) + '_' + std::to_string(at) : what_.drawn->links[at].id;
  }

  Refresh next_refresh(std::uint32_t at) {
    if (what_.drawn == nullptr) return sources_[at].next(what_.fleet.skipped_share, random_);
    const std::vector<Refresh>& all = what_.drawn->links[at].refreshes;
    std::size_t& played = links_[at].played;
    return played < all.size() ? all[played++] : Refresh{.at_ms = std::numeric_limits<std::int64_t>::max()};
  }

  void make_links() {
    table_.reserve(sources_.size());
    links_.resize(sources_.size());
    for (std::uint32_t at = 0; at < links_.size(); ++at) {
      LinkState& link = links_[at];
      const LinkSource& source = sources_[at];
      link.id = core::LinkId{id_of(at)};
      link.outlook.id_hash = core::stable_hash(link.id.str());
      link.outlook.has_webhook = what_.hooks && source.has_webhook;
      link.true_rate = source.changed_refreshes_per_day();
      link.outlook.fetched_at = clock_.wall_now();
      if (is_heavy(at)) link.outlook.weight = what_.heavy_weight;
      link.here = at < what_.fleet.links;
      table_.add(link.id.str(), core::LinkStatus::active);
      // Everything before the start is history.
      do {
        link.next = next_refresh(at);
        if (link.next.at_ms <= 0) link.refreshed_ms = link.next.at_ms;
      } while (link.next.at_ms <= 0);
      link.met_ms = link.refreshed_ms;
      refreshes_.push({link.next.at_ms, at});
    }
    if (what_.scheme == Scheme::sqrt_true) solve_sqrt();
    for (std::uint32_t at = 0; at < what_.fleet.links; ++at) {
      const core::Millis spread(static_cast<std::int64_t>(
          links_[at].outlook.id_hash % static_cast<std::uint64_t>(planner_.turn_interval().count())));
      if (what_.drawn != nullptr) links_[at].outlook.fetched_at = core::WallTime{};
      schedule(at, clock_.wall_now() + (what_.drawn != nullptr ? in_row(at) : spread));
    }
  }

  // When a link's first call comes, at half of the budget.
  core::Millis in_row(std::uint32_t place) const {
    return core::Millis(place * 2 * minute_ms / budgets().sync_per_app);
  }

  // The factor at which the law's visits, within the same bounds, are what the budget allows.
  void solve_sqrt() {
    double low = 1e-6;
    double high = 1e6;
    const double allowed = core::schedulable(budgets().sync_per_app) * 1440;
    for (int i = 0; i < 100; ++i) {
      sqrt_factor_ = std::sqrt(low * high);
      double visits = 0;
      for (const LinkState& link : links_)
        visits += 1 / sqrt_wait_days(link);
      (visits > allowed ? low : high) = sqrt_factor_;
    }
  }
  double sqrt_wait_days(const LinkState& link) const {
    const auto days = [](core::Millis span) { return static_cast<double>(span.count()) / day_ms; };
    return std::clamp(sqrt_factor_ / std::sqrt(std::max(link.true_rate, 1e-9)),
                      days(what_.bounds.min_interval), days(planner_.max_interval()));
  }

  void schedule(std::uint32_t at, core::WallTime due) {
    // As the engine: a wall time becomes a wait when it is decided.
    const std::int64_t due_ms = clock_.now_ms + std::max<std::int64_t>((due - clock_.wall_now()).count(), 0);
    table_.schedule(at, static_cast<LinkTable::Tick>((due_ms + tick_ms - 1) / tick_ms));
  }

  std::int64_t next_event_ms() const {
    std::int64_t next = refreshes_.top().at_ms;
    if (!hooks_.empty()) next = std::min(next, hooks_.top().at_ms);
    return next;
  }

  void step() {
    if (what_.fault != Fault::none) change_what_is_wrong();
    serve();
    std::int64_t next = std::min(next_event_ms(), clock_.now_ms + minute_ms);
    if (!table_.nothing_due()) {
      const bool now = due_ms() <= clock_.now_ms;
      next = std::min(next, now ? opens_ms(core::Cause::schedule) : due_ms());
    }
    if (!urgent_.empty()) next = std::min(next, opens_ms(core::Cause::webhook));
    clock_.now_ms = std::max(next, clock_.now_ms + 1);
    while (refreshes_.top().at_ms <= clock_.now_ms)
      refresh();
    while (!hooks_.empty() && hooks_.top().at_ms <= clock_.now_ms)
      take_hook();
    planner_.tick(clock_.wall_now(), table_.due_count(static_cast<LinkTable::Tick>(clock_.now_ms / tick_ms)),
                  peek_row_.size());
  }

  // ---- faults ----
  std::int64_t fault_from_ms() const {
    return measured_from_ms() + static_cast<std::int64_t>(what_.fault_day * static_cast<double>(day_ms));
  }
  std::int64_t fault_to_ms() const {
    return fault_from_ms() + static_cast<std::int64_t>(what_.fault_hours * static_cast<double>(hour_ms));
  }

  void change_what_is_wrong() {
    const bool broken = clock_.now_ms >= fault_from_ms() && clock_.now_ms < fault_to_ms();
    if (broken == broken_) return;
    broken_ = broken;
    budgets_changed_ms_ = clock_.now_ms;
    const auto hours = [](std::int64_t count) { return count * hour_ms; };
    switch (what_.fault) {
      case Fault::budget_halved:
        gate_.set_budgets(budgets());
        planner_.set_fleet(fleet());
        break;
      case Fault::clock_ahead:
        clock_.ahead_ms = broken ? hours(1) : 0;
        break;
      case Fault::clock_behind:
        clock_.ahead_ms = broken ? -hours(1) : 0;
        break;
      case Fault::clock_month:
        clock_.ahead_ms = broken ? hours(30 * 24) : 0;
        break;
      case Fault::links_deleted:
        if (broken) delete_links();
        break;
      case Fault::links_added:
        if (broken) add_links();
        break;
      default:
        break;
    }
  }

  void delete_links() {
    for (std::uint32_t at = 0; at < links_.size(); at += 5) {
      links_[at].here = false;
      links_[at].unseen_ms.clear();
      table_.unschedule(at);
      peek_row_.left(at);
      --links_here_;
    }
    planner_.set_fleet(fleet());
  }

  void add_links() {
    for (std::uint32_t at = what_.fleet.links; at < links_.size(); ++at) {
      LinkState& link = links_[at];
      link.here = true;
      link.unseen_ms.clear();  // its first drain brings them
      link.looked_ms = link.fetched_ms = clock_.now_ms;
      link.outlook.fetched_at = clock_.wall_now();
      schedule(at, clock_.wall_now() + in_row(at - what_.fleet.links));
      ++links_here_;
    }
    planner_.set_fleet(fleet());
  }

  // Nothing comes of a bank that is dark; what it would have brought comes with the next refresh.
  bool held_back(std::uint32_t at) const {
    return broken_ && what_.fault == Fault::bank_dark && sources_[at].institution == 0;
  }

  std::int64_t opens_ms(core::Cause cause) {
    const auto at = gate_.available_at(core::Endpoint::sync, core::LinkId{}, cause);
    return at.time_since_epoch().count();
  }

  // How long the webhook of the link's refresh travels.
  std::optional<std::int64_t> hook_of(const LinkState& link) {
    if (what_.drawn != nullptr) return link.outlook.has_webhook ? link.next.hook_ms : std::nullopt;
    const bool told =
        link.outlook.has_webhook && std::bernoulli_distribution(what_.fleet.hook_recall)(random_);
    const double latency = std::exponential_distribution<double>(1 / what_.fleet.hook_latency_s)(random_);
    return told ? std::optional(static_cast<std::int64_t>(latency * 1000)) : std::nullopt;
  }

  // Upstream refreshes a link, and may tell.
  void refresh() {
    const std::uint32_t at = refreshes_.top().link;
    refreshes_.pop();
    LinkState& link = links_[at];
    const bool shown = !held_back(at);
    const bool changed = link.next.changed || link.held_changed;
    link.held_changed = changed && !shown;
    if (shown) link.refreshed_ms = link.next.at_ms;
    ++refreshes_seen_;
    if (changed && shown && link.here) {
      link.unseen_ms.push_back(link.next.at_ms);
      const std::optional<std::int64_t> hook_ms = hook_of(link);
      const bool lost = broken_ && what_.fault == Fault::hooks_dark;
      if (hook_ms && !lost) hooks_.push({link.next.at_ms + *hook_ms, at});
    }
    link.next = next_refresh(at);
    refreshes_.push({link.next.at_ms, at});
  }

  void take_hook() {
    const std::uint32_t at = hooks_.top().link;
    hooks_.pop();
    if (table_.urgent(at) || !links_[at].here) return;
    table_.set_urgent(at, true);
    urgent_.push_back(at);
  }

  // As the engine (engine_hints.cpp): nothing is taken while nobody may drain; of links that were told of
  // four are fetched, or one when the schedule is late, then one that is due.
  void serve() {
    while (opens_ms(core::Cause::schedule) <= clock_.now_ms) {
      const bool due = !table_.nothing_due() && due_ms() <= clock_.now_ms;
      if (!due && urgent_.empty()) return;
      const bool late = due && clock_.now_ms - due_ms() >= late_ms;
      if (urgent_.empty() || (due && hooks_in_a_row_ >= (late ? 1 : 4))) {
        visit(table_.pop().slot);
      } else {
        visit_told();
      }
    }
  }
  std::int64_t due_ms() const { return static_cast<std::int64_t>(table_.earliest()) * tick_ms; }

  void visit_told() {
    const std::uint32_t at = urgent_.front();
    urgent_.pop_front();
    table_.set_urgent(at, false);
    if (!links_[at].here) return;
    if (gate_.try_take(core::Endpoint::sync, links_[at].id, core::Cause::webhook)) {
      table_.unschedule(at);
      fetch(at, core::FoundBy::hook);
      return;
    }
    table_.set_urgent(at, true);
    urgent_.push_back(at);  // its own budget is spent
  }

  void visit(std::uint32_t at) {
    LinkState& link = links_[at];
    if (link.peek && core::may_peek(link.outlook.fetched_at, planner_.max_interval(), clock_.wall_now())) {
      if (!gate_.try_take(core::Endpoint::link, link.id, core::Cause::schedule)) {
        const auto opens = gate_.available_at(core::Endpoint::link, link.id, core::Cause::schedule);
        const double pace = core::schedulable(gate_.allowed(core::Endpoint::link));
        const core::WallTime place =
            clock_.wall_now() + (peek_row_.place(at, opens, pace) - clock_.steady_now());
        schedule(at, std::min(place, link.outlook.fetched_at + planner_.max_interval()));
        return;
      }
      planner_.count_peek();
      peek_row_.left(at);
      peek(at);
      return;
    }
    if (!gate_.try_take(core::Endpoint::sync, link.id, core::Cause::schedule)) {
      const auto opens = gate_.available_at(core::Endpoint::sync, link.id, core::Cause::schedule);
      schedule(at, clock_.wall_now() + (opens - clock_.steady_now()) + core::Millis(tick_ms));
      return;
    }
    fetch(at, core::FoundBy::poll);
  }

  static core::UpstreamTime clock_of(const LinkState& link) {
    return core::UpstreamTime(begin_wall + core::Millis(link.refreshed_ms));
  }

  void peek(std::uint32_t at) {
    LinkState& link = links_[at];
    count_in_minute(peeks_minute_, budgets().link_per_app);
    if (measuring()) ++outcome_.peeks;
    const bool news = look(at);
    link.peek = false;
    if (!news) {
      plan(at);
    } else if (gate_.try_take(core::Endpoint::sync, link.id, core::Cause::schedule)) {
      fetch(at, core::FoundBy::poll);
    } else {
      schedule(at, clock_.wall_now());
    }
  }

  void fetch(std::uint32_t at, core::FoundBy by) {
    LinkState& link = links_[at];
    const std::uint32_t in_minute = count_in_minute(fetches_minute_, budgets().sync_per_app);
    outcome_.most_in_minute = std::max(outcome_.most_in_minute, in_minute);
    if (by == core::FoundBy::hook) {
      planner_.count_told();
      ++hooks_in_a_row_;
    } else {
      planner_.count_fetches();
      hooks_in_a_row_ = 0;
    }
    peek_row_.left(at);
    if (measuring()) ++outcome_.fetches;
    note_met(link);
    look(at);
    const bool changed = !link.unseen_ms.empty();
    for (const std::int64_t refreshed : link.unseen_ms)
      count_delay(at, refreshed);
    link.unseen_ms.clear();
    if (measuring()) fetch_gap_max_ms_ = std::max(fetch_gap_max_ms_, gap_since(link.fetched_ms));
    link.fetched_ms = clock_.now_ms;
    const core::WallTime now = clock_.wall_now();
    // What the first drain reads is history.
    if (link.outlook.fetched_at != core::WallTime{})
      link.outlook.evidence =
          planner_.note_fetch(link.outlook, institution_of(at), "moneykit", now, changed, by);
    link.outlook.fetched_at = now;
    plan(at);
  }

  void plan(std::uint32_t at) {
    LinkState& link = links_[at];
    const core::WallTime now = clock_.wall_now();
    switch (what_.scheme) {
      case Scheme::uniform:
        schedule(at, planner_.turn(link.outlook.id_hash, now).due_at);
        return;
      case Scheme::sqrt_true:
        schedule(at, now + core::Millis(static_cast<std::int64_t>(sqrt_wait_days(link) * day_ms)));
        return;
      case Scheme::sweep:
        schedule(at, now + std::chrono::hours(48));
        return;
      case Scheme::policy: {
        const core::VisitPlan plan = planner_.plan(link.outlook, institution_of(at), "moneykit", now);
        link.peek = plan.peek;
        schedule(at, plan.due_at);
        return;
      }
    }
  }

  const std::string& institution_of(std::uint32_t at) {
    const std::uint32_t institution = sources_[at].institution;
    while (names_.size() <= institution)
      names_.push_back("bank_" + std::to_string(names_.size()));
    return names_[institution];
  }

  // The upstream clock is seen. True: it has advanced.
  bool look(std::uint32_t at) {
    LinkState& link = links_[at];
    if (measuring()) gap_max_ms_ = std::max(gap_max_ms_, gap_since(link.looked_ms));
    link.looked_ms = clock_.now_ms;
    const core::UpstreamTime shown = clock_of(link);
    const bool news = !link.outlook.refreshed_at || shown > *link.outlook.refreshed_at;
    planner_.note_look(link.outlook, institution_of(at), "moneykit", shown);
    link.outlook.refreshed_at = shown;
    link.outlook.looked_at = clock_.wall_now();
    return news;
  }

  void note_met(LinkState& link) {
    if (measuring() && link.refreshed_ms > link.met_ms) {
      met_sum_min_ += static_cast<double>(clock_.now_ms - link.refreshed_ms) / minute_ms;
      ++met_;
    }
    link.met_ms = link.refreshed_ms;
  }

  // Some of each institution.
  bool is_heavy(std::uint32_t at) const { return at % 10 < what_.heavy_tenths; }

  void count_delay(std::uint32_t at, std::int64_t refreshed_ms) {
    if (refreshed_ms < measured_from_ms()) return;
    const double minutes = static_cast<double>(clock_.now_ms - refreshed_ms) / minute_ms;
    Hour& kind = is_heavy(at) ? heavy_ : others_;
    kind.sum_min += minutes;
    ++kind.changes;
    delays_min_.push_back(static_cast<float>(minutes));
    Hour& hour = hours_[static_cast<std::size_t>(refreshed_ms / hour_ms)];
    hour.sum_min += minutes;
    ++hour.changes;
  }

  std::int64_t gap_since(std::int64_t at_ms) const {
    return clock_.now_ms - std::max(at_ms, measured_from_ms());
  }

  // In the minute after a change of the budgets both hold.
  std::uint32_t count_in_minute(MinuteCount& minute, std::uint32_t allowed) {
    const std::uint32_t sent = minute.add(clock_.now_ms);
    if (sent > allowed && clock_.now_ms - budgets_changed_ms_ > minute_ms) ++outcome_.over_budget;
    return sent;
  }

  std::int64_t measured_from_ms() const { return static_cast<std::int64_t>(what_.learning_days * day_ms); }
  bool measuring() const { return clock_.now_ms >= measured_from_ms(); }

  // Mean delay of the changes of `hours` hours from `from` on.
  static double mean_of(const std::vector<Hour>& all, std::int64_t from, std::int64_t hours) {
    Hour sum;
    for (std::int64_t hour = from; hour < from + hours; ++hour) {
      sum.sum_min += all[static_cast<std::size_t>(hour)].sum_min;
      sum.changes += all[static_cast<std::size_t>(hour)].changes;
    }
    return sum.mean_min();
  }
  void tell_recovery(FreshnessResult& result) const {
    constexpr std::int64_t block = 6;
    constexpr double back = 1.25;
    const std::int64_t from = fault_from_ms() / hour_ms;
    const bool lasts = what_.fault == Fault::links_deleted || what_.fault == Fault::links_added;
    const std::int64_t to = lasts ? from + block : fault_to_ms() / hour_ms;
    result.during_min = mean_of(hours_, from, to - from);
    result.calm_min = mean_of(calm_, from, to - from);
    result.second_day_min = mean_of(hours_, to + 24, 24);
    result.calm_second_day_min = mean_of(calm_, to + 24, 24);
    result.recovered_h = 0;
    // What was seen in the last day may have been seen too early to be a mean.
    const auto end = static_cast<std::int64_t>(hours_.size()) - 24;
    for (std::int64_t hour = to; hour + block <= end; ++hour) {
      const double mean = mean_of(hours_, hour, block);
      if ((hour - to) % block == 0) result.after_min.push_back(mean);
      // Behind the last six hours of two days that were not yet what they were.
      const bool is_back = mean <= back * mean_of(calm_, hour, block);
      if (!is_back && hour - to < 48) result.recovered_h = static_cast<double>(hour - to + 1);
    }
  }

  FreshnessResult result() {
    FreshnessResult result = outcome_;
    // What nobody has seen yet is as late as it is by now, at least.
    for (std::uint32_t at = 0; at < links_.size(); ++at) {
      const LinkState& link = links_[at];
      if (!link.here) continue;
      gap_max_ms_ = std::max(gap_max_ms_, gap_since(link.looked_ms));
      fetch_gap_max_ms_ = std::max(fetch_gap_max_ms_, gap_since(link.fetched_ms));
      for (const std::int64_t refreshed : link.unseen_ms)
        count_delay(at, refreshed);
    }
    if (what_.fault != Fault::none) tell_recovery(result);
    result.allowed_in_minute = budgets().sync_per_app;
    result.max_interval_h = static_cast<double>(planner_.max_interval().count()) / 3'600'000;
    result.gap_max_h = static_cast<double>(gap_max_ms_) / hour_ms;
    result.fetch_gap_max_h = static_cast<double>(fetch_gap_max_ms_) / hour_ms;
    result.calls_per_minute = static_cast<double>(result.fetches) / (what_.measured_days * 1440) / share_;
    const double link_days = static_cast<double>(links_.size()) * (what_.learning_days + what_.measured_days);
    result.refreshes_per_day = static_cast<double>(refreshes_seen_) / link_days;
    result.met_mean_min = met_ > 0 ? met_sum_min_ / static_cast<double>(met_) : 0;
    result.changes = delays_min_.size();
    result.changed_per_day =
        static_cast<double>(result.changes) / static_cast<double>(links_.size()) / what_.measured_days;
    if (delays_min_.empty()) return result;
    std::ranges::sort(delays_min_);
    double sum = 0;
    for (const float delay : delays_min_)
      sum += static_cast<double>(delay);
    const auto at = [this](double share) {
      return static_cast<double>(
          delays_min_[static_cast<std::size_t>(share * static_cast<double>(delays_min_.size() - 1))]);
    };
    result.heavy_mean_min = heavy_.mean_min();
    result.others_mean_min = others_.mean_min();
    result.mean_min = sum / static_cast<double>(delays_min_.size());
    result.p95_min = at(0.95);
    result.p99_min = at(0.99);
    const auto seen = std::ranges::upper_bound(delays_min_, 60.0F) - delays_min_.begin();
    result.within_hour = static_cast<double>(seen) / static_cast<double>(delays_min_.size());
    return result;
  }

  FreshnessRun what_;
  std::vector<Hour> calm_;  // of the same days without the fault
  std::mt19937_64 random_;
  std::vector<LinkSource> sources_;
  double share_;
  bool broken_ = false;
  std::uint64_t links_here_ = what_.fleet.links;
  HandClock clock_;
  api::RateGate gate_;
  core::VisitPlanner planner_;
  LinkTable table_;
  std::vector<LinkState> links_;
  std::vector<std::string> names_;
  Events refreshes_, hooks_;
  std::deque<std::uint32_t> urgent_;  // that were told of
  std::uint32_t hooks_in_a_row_ = 0;  // fetches since the last that the schedule made
  engine::PeekRow peek_row_;
  MinuteCount fetches_minute_, peeks_minute_;
  std::int64_t budgets_changed_ms_ = -minute_ms;
  std::vector<float> delays_min_;
  std::vector<Hour> hours_;  // by when upstream refreshed
  Hour heavy_, others_;
  FreshnessResult outcome_;
  std::int64_t gap_max_ms_ = 0, fetch_gap_max_ms_ = 0;
  std::uint64_t refreshes_seen_ = 0;
  double met_sum_min_ = 0;
  std::uint64_t met_ = 0;
  double sqrt_factor_ = 1;
};

}  // namespace

FreshnessResult run_freshness(const FreshnessRun& run) {
  if (run.fault == Fault::none) return Run(run).go();
  // The same days without it; of links that were added, as if they had always shared the budget.
  FreshnessRun calm = run;
  calm.fault = Fault::none;
  if (run.fault == Fault::links_added) {
    calm.links += calm.links / 2;
    calm.fleet.links += calm.fleet.links / 2;
  }
  Run usual(calm);
  usual.go();
  return Run(run, usual.hours()).go();
}

}  // namespace syncd::bench
