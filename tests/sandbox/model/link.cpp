// A link's bank: what happens to it in time. The feed that clients read is in link_feed.cpp.
#include "tests/sandbox/model/link.hpp"

#include <algorithm>
#include <cmath>

#include "tests/sandbox/model/refresh_habit.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::uint64_t stream_link = 0x201;
constexpr std::uint64_t stream_link_id = 0x202;
constexpr std::uint64_t stream_schedule = 0x203;
constexpr std::uint64_t stream_refresh = 0x204;
constexpr std::uint64_t stream_account = 0x205;
constexpr std::uint64_t stream_outcome = 0x206;

constexpr std::uint32_t rows_per_refresh_max = 400;
constexpr std::size_t accounts_max = 12;

std::int32_t day_number(TimePoint at) {
  return static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(at).time_since_epoch().count());
}

int day_of_month(std::int32_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return static_cast<int>(static_cast<unsigned>(date.day()));
}

std::uint32_t draw_cents(Rng& rng, const Merchant& merchant) {
  return static_cast<std::uint32_t>(rng.between(merchant.cents_min, merchant.cents_max));
}

/// States in which the institution is asked by itself.
bool refreshes(LinkState state) {
  return state == LinkState::connected;
}

}  // namespace

Link::Link(const World& world, NewLink spec, std::uint32_t number, TimePoint created_at)
    : world_(&world),
      spec_(std::move(spec)),
      number_(number),
      seed_(hash_words(world.seed, stream_link, number)),
      id_(make_id("mk_", hash_words(world.seed, stream_link_id, number, 1),
                  hash_words(world.seed, stream_link_id, number, 2))),
      created_at_(created_at),
      institution_(find_institution(spec_.institution)),
      state_(spec_.state),
      error_code_(spec_.state == LinkState::error ? spec_.error_code : ""),
      provider_(institution_->provider) {
  if (spec_.expires_after) {
    expires_at_ = created_at_ + *spec_.expires_after;
  }
}

void Link::touch() {
  link_json_.clear();
  idle_cursor_.clear();
}

void Link::forget_texts() {
  touch();
  kept_.clear();
}

void Link::build() {
  built_ = true;
  const std::size_t count = spec_.accounts != 0 ? spec_.accounts : 1 + seed_ % 5;
  for (std::size_t i = 0; i < std::min(count, accounts_max); ++i) {
    // The first account is always one with traffic; the rest walk through the kinds from a seeded place, so
    // that a few links together show all of them.
    const std::size_t kinds = account_kinds().size();
    add_account(i == 0 ? 0 : 1 + (number_ + i) % (kinds - 1), created_at_);
  }
  first_accounts_ = static_cast<std::uint8_t>(accounts_.size());
  if ((state_ == LinkState::connected || state_ == LinkState::error) && spec_.prefetch) {
    apply_refresh(planned() ? last_before_created() : created_at_, true, spec_.transactions_product, false);
  }
  if (state_ == LinkState::error) {
    note_link_error(created_at_);
  }
  if (made_up() && !planned()) {
    rows_per_day_ = activity_of(seed_);
    next_activity_ = next_activity(seed_, ++activity_step_, rows_per_day_, world_->refresh_pace, created_at_);
  }
  schedule_next(created_at_);
  find_next_event();
}

void Link::settle_slowly(TimePoint now) {
  if (!built_) {
    muted_ = true;
    build();
  }
  while (next_event_ <= now) {
    const TimePoint at = next_event_;
    if (expires_at_ && *expires_at_ == at) {
      expires_at_.reset();
      if (refreshes(state_)) {
        set_state(LinkState::error, "auth_expired", at);
      }
    } else if (next_activity_ == at) {
      happen(at);
    } else if (next_refresh_ == at) {
      refresh_by_schedule(at);
    } else {
      refresh_as_asked(at);
    }
    find_next_event();
  }
  muted_ = false;
}

void Link::refresh_by_schedule(TimePoint at) {
  const bool live = refreshes(state_) && !world_->refreshes_held;
  if (planned()) {
    if (live) {
      refresh_as_planned(at);
    }
    ++planned_at_;
    schedule_next(at);
    return;
  }
  const std::uint64_t draw = hash_words(seed_, stream_outcome, schedule_step_);
  const std::uint64_t failing = institution_->flaky ? 200U : world_->switches.refresh_failure_permille;
  if (live && draw % 1000 < failing) {
    constexpr std::array<std::string_view, 4> codes = {"institution_error", "timeout", "rate_limit",
                                                       "unknown"};
    fail_refresh(at, true, true, codes[draw / 1024 % codes.size()]);
  } else if (live) {
    // Most fetches cover both products; some only one, so that the two clocks do not march together.
    const std::uint64_t share = made_up() ? 50 : draw / 1024 % 100;
    apply_refresh(at, share >= 10 || !spec_.transactions_product, share < 85 && spec_.transactions_product,
                  false);
  }
  schedule_next(at);
}

void Link::refresh_as_asked(TimePoint at) {
  const auto due = std::ranges::min_element(refresh_requests_, {}, &RefreshRequest::due);
  const RefreshRequest request = *due;
  refresh_requests_.erase(due);
  if (!refreshes(state_) || request.fails) {
    fail_refresh(at, request.accounts, request.transactions,
                 refreshes(state_) ? "rate_limit" : "auth_expired");
  } else {
    apply_refresh(at, request.accounts, request.transactions, false);
  }
}

void Link::find_next_event() {
  next_event_ = state_ == LinkState::deleted ? TimePoint::max() : std::min(next_refresh_, next_activity_);
  if (expires_at_ && state_ != LinkState::deleted) {
    next_event_ = std::min(next_event_, *expires_at_);
  }
  for (const RefreshRequest& request : refresh_requests_) {
    next_event_ = std::min(next_event_, request.due);
  }
  if (world_->watcher != nullptr && spec_.webhook && next_event_ != announced_) {
    announced_ = next_event_;
    world_->watcher->due(number_, next_event_);
  }
}

void Link::schedule_next(TimePoint after) {
  ++schedule_step_;
  if (made_up()) {
    schedule_made_up(after);
    return;
  }
  const std::uint64_t draw = hash_words(seed_, stream_schedule, schedule_step_);
  const bool irregular = institution_->irregular && !spec_.refresh_every;
  const Milliseconds every = spec_.refresh_every.value_or(institution_->refresh_every);
  const std::int64_t period = std::max<std::int64_t>(every.count(), 1000);
  if (irregular) {
    const double unit = (static_cast<double>(draw >> 11U) + 1.0) * 0x1.0p-53;
    const double gap = std::clamp(-std::log(unit), 0.05, 5.0) * static_cast<double>(period);
    next_refresh_ = after + Milliseconds{static_cast<std::int64_t>(gap)};
    return;
  }
  // A phase of its own for each link, and a jitter of a fiftieth of the period around the grid.
  const auto phase =
      static_cast<std::int64_t>(hash_words(seed_, stream_schedule) % static_cast<std::uint64_t>(period));
  const std::int64_t jitter_max = spec_.refresh_every ? 0 : period / 50;
  const std::int64_t since = after.time_since_epoch().count() + jitter_max - phase;
  const std::int64_t slot = (since / period + 1) * period + phase;
  const std::int64_t jitter =
      jitter_max == 0
          ? 0
          : static_cast<std::int64_t>(draw % static_cast<std::uint64_t>(2 * jitter_max)) - jitter_max;
  next_refresh_ = std::max(TimePoint{Milliseconds{slot + jitter}}, after + Milliseconds{1});
}

void Link::set_state(LinkState state, std::string_view error_code, TimePoint now) {
  const bool was_live = refreshes(state_);
  const std::string code = state == LinkState::error ? std::string(error_code) : "";
  const bool news = state_ != state || error_code_ != code;
  state_ = state;
  error_code_ = code;
  if (news) {
    tell({.event = HookEvent::state_changed,
          .at = now,
          .state = std::string(link_state_name(state)),
          .error = code});
  }
  if (state == LinkState::deleted && !deleted_at_) {
    deleted_at_ = now;
  }
  if (state != LinkState::deleted) {
    deleted_at_.reset();
  }
  if (state == LinkState::error) {
    note_link_error(now);
  }
  if (refreshes(state) && !was_live && (spec_.prefetch || accounts_clock_.refreshed_at)) {
    apply_refresh(now, true, spec_.transactions_product, false);
  }
  touch();
  find_next_event();
}

void Link::note_link_error(TimePoint at) {
  if (error_code_ == "auth_expired") {
    fail_refresh(at, true, true, "auth_expired");
  } else if (error_code_ == "institution_error") {
    fail_refresh(at, true, true, "institution_error");
  }
}

void Link::set_webhook(std::optional<std::string> webhook) {
  spec_.webhook = std::move(webhook);
  touch();
  if (built_) {
    find_next_event();
  }
}

void Link::set_tags(std::vector<std::string> tags) {
  spec_.tags = std::move(tags);
  touch();
}

void Link::set_provider(std::string_view provider) {
  provider_ = provider;
  touch();
}

void Link::refresh_now(TimePoint now, bool with_changes) {
  apply_refresh(now, true, spec_.transactions_product, with_changes);
  find_next_event();
}

void Link::request_refresh(bool accounts, bool transactions, TimePoint now) {
  const std::uint64_t draw =
      hash_words(seed_, stream_outcome, 0x52, static_cast<std::uint64_t>(now.time_since_epoch().count()));
  const bool fails = draw % 1000 < world_->switches.refresh_failure_permille;
  refresh_requests_.push_back(
      {now + Milliseconds{2000 + draw / 1024 % 18000}, accounts, transactions, fails});
  tell_refresh(now, accounts, transactions, "pending", "");
  find_next_event();
}

void Link::fail_refresh(TimePoint at, bool accounts, bool transactions, std::string_view code) {
  for (ProductClock* clock :
       {accounts ? &accounts_clock_ : nullptr, transactions ? &transactions_clock_ : nullptr}) {
    if (clock != nullptr) {
      clock->attempted_at = at;
      clock->error_code = code;
    }
  }
  touch();
  if (code != "auth_expired") {  // that is told as the link's own state
    tell_refresh(at, accounts, transactions, "failed", code);
  }
}

void Link::apply_refresh(TimePoint at, bool accounts, bool transactions, bool with_changes) {
  if (world_->record_past && !log_.empty()) {
    past_ = Past{log_length(), link_json(), accounts_};
  }
  ++refresh_number_;
  const std::uint32_t from = log_length();
  Rng rng(hash_words(seed_, stream_refresh, refresh_number_));
  const auto succeed = [&](ProductClock& clock, Milliseconds took) {
    TimePoint done = at;
    if (clock.refreshed_at && *clock.refreshed_at >= done) {
      done = *clock.refreshed_at + Milliseconds{1};  // two successes never share an instant
    }
    clock.refreshed_at = done;
    clock.attempted_at = done - took;
    clock.error_code = {};
  };
  const bool quiet = made_up() && history_loaded_;
  if (quiet) {
    refresh_made_up(at, accounts, transactions, with_changes);
  }
  if (accounts) {
    if (!quiet) {
      refresh_accounts(at, rng);
    }
    succeed(accounts_clock_, Milliseconds{rng.between(60, 400)});
  }
  if (transactions) {
    if (!quiet) {
      refresh_transactions(at, rng, with_changes);
    }
    succeed(transactions_clock_, Milliseconds{rng.between(60, 400)});
  }
  touch();
  note_refresh(at, accounts, transactions, from);
}

void Link::add_account(std::size_t kind, TimePoint at, const Account* like) {
  Account account;
  const auto index = accounts_.size();
  account.seed = hash_words(seed_, stream_account, index);
  account.id = make_id("acc_", hash_words(seed_, stream_account, index, 1),
                       hash_words(seed_, stream_account, index, 2));
  if (like != nullptr) {
    account.seed = like->seed;
    account.revision = like->revision;
    account.closed = like->closed;
  }
  account.kind = static_cast<std::uint8_t>(kind);
  account.balance_at = at;
  accounts_.push_back(account);
  note_account_form(accounts_.back());
}

void Link::note_account_form(const Account& account) {
  if (!world_->record_account_forms) {
    return;
  }
  auto found = std::ranges::find(account_forms_, account.id, &decltype(account_forms_)::value_type::first);
  if (found == account_forms_.end()) {
    account_forms_.emplace_back(account.id, std::vector<std::string>{});
    found = std::prev(account_forms_.end());
  }
  std::string text;
  append_account(text, world_->switches, account);
  found->second.push_back(std::move(text));
}

void Link::refresh_accounts(TimePoint at, Rng& rng) {
  for (std::size_t i = 0; i < accounts_.size(); ++i) {
    Account& account = accounts_[i];
    if (account.replaced) {
      continue;
    }
    bool changed = false;
    if (rng.permille(600)) {
      ++account.revision;
      account.balance_at = at;
      changed = true;
    }
    if (!account.listed) {
      account.listed = rng.permille(300);
    } else if (i != 0 && refresh_number_ > 1 && rng.permille(12)) {
      account.listed = false;
    } else if (i != 0 && !account.closed && rng.permille(4)) {
      account.closed = true;
      changed = true;
    }
    if (changed) {
      note_account_form(account);
    }
  }
  if (refresh_number_ > 1 && accounts_.size() < accounts_max && rng.permille(10)) {
    add_account(1 + rng.below(account_kinds().size() - 1), at);
  }
}

std::uint32_t Link::add_row(const Row& row) {
  rows_.push_back(row);
  return static_cast<std::uint32_t>(rows_.size() - 1);
}

std::uint8_t Link::spending_account(Rng& rng) const {
  // Three quarters of the traffic is on the first account; retired ones get nothing new.
  std::vector<std::uint8_t> open;
  for (std::size_t i = 0; i < accounts_.size(); ++i) {
    if (!accounts_[i].replaced && accounts_[i].listed && !accounts_[i].closed) {
      open.push_back(static_cast<std::uint8_t>(i));
    }
  }
  if (open.empty()) {
    return 0;
  }
  return rng.permille(600) ? open.front() : open[rng.below(open.size())];
}

void Link::add_days(Rng& rng, std::int32_t after, std::int32_t until, std::uint32_t random_rows,
                    Batch& batch) {
  if (until > after) {
    const std::uint8_t account = spending_account(rng);
    for (std::size_t m = 0; m < merchants().size(); ++m) {
      const Merchant& merchant = merchants()[m];
      if (merchant.habit == Habit::random || hash_words(seed_, m) % 3 == 0) {
        continue;  // not everybody has every standing order
      }
      const int due = merchant.habit == Habit::twice_monthly ? 1 : 1 + static_cast<int>(m * 5 % 28);
      for (std::int32_t day = after + 1; day <= until; ++day) {
        const int today = day_of_month(day);
        if (today == due || (merchant.habit == Habit::twice_monthly && today == 15)) {
          batch.push_back(
              pack(Event::created, add_row({day, draw_cents(rng, merchant), 0, account,
                                            static_cast<std::uint8_t>(m), true, false, false, false})));
        }
      }
    }
  }
  for (std::uint32_t i = 0; i < random_rows; ++i) {
    std::size_t m = rng.below(merchants().size());
    while (merchants()[m].habit != Habit::random) {
      m = rng.below(merchants().size());
    }
    const auto day = static_cast<std::int32_t>(rng.between(std::min(after + 1, until), until));
    batch.push_back(
        pack(Event::created, add_row({day, draw_cents(rng, merchants()[m]), 0, spending_account(rng),
                                      static_cast<std::uint8_t>(m), true, false, false, false})));
  }
}

void Link::load_history(TimePoint at, Rng& rng) {
  history_loaded_ = true;
  const std::int32_t today = day_number(at);
  const std::int32_t first = today - static_cast<std::int32_t>(spec_.history_months * 365 / 12);
  // A third of the institutions answer with 90 days at once and with the rest at a later refresh.
  const std::int32_t from = seed_ % 3 == 0 ? std::max(first, today - 90) : first;
  if (from != first) {
    backlog_from_ = first;
    backlog_until_ = from;
  }
  Batch batch;
  // About eleven rows a month come from standing orders.
  const std::uint32_t random_a_month =
      spec_.transactions_per_month > 11 ? spec_.transactions_per_month - 11 : 0;
  if (spec_.history_months != 0 && spec_.transactions_per_month != 0) {
    add_days(rng, from, today, static_cast<std::uint32_t>(today - from) * random_a_month / 30, batch);
  }
  add_pending(rng, today, batch);
  shuffle_into_log(rng, batch);
  rows_.shrink_to_fit();
  log_.shrink_to_fit();
  last_day_ = today;
  last_content_at_ = at;
}

void Link::refresh_transactions(TimePoint at, Rng& rng, bool with_changes) {
  log_.push_back(pack(Event::refresh, 0));
  if (!history_loaded_) {
    load_history(at, rng);
    return;
  }
  Batch batch;
  const std::int32_t today = std::max(day_number(at), last_day_);
  settle_pending(rng, today, batch);
  const double days = static_cast<double>((at - last_content_at_).count()) / 86'400'000.0;
  const double expected = days * spec_.transactions_per_month / 30.0;
  auto random_rows =
      static_cast<std::uint32_t>(std::min(expected + rng.unit(), double{rows_per_refresh_max}));
  if (with_changes) {
    random_rows = std::max(random_rows, 1U);
  }
  if (spec_.transactions_per_month != 0) {
    add_days(rng, last_day_, today, random_rows, batch);
  }
  if (backlog_until_ != 0 && rng.permille(500)) {
    const auto span = static_cast<std::uint32_t>(backlog_until_ - backlog_from_);
    add_days(rng, backlog_from_, backlog_until_, span * spec_.transactions_per_month / 60, batch);
    backlog_until_ = 0;
  } else if (rng.permille(60) && spec_.transactions_per_month != 0) {
    add_days(rng, today - 200, today - 200, static_cast<std::uint32_t>(1 + rng.below(5)),
             batch);  // late rows
  }
  revise_rows(rng, with_changes, batch);
  add_pending(rng, today, batch);
  shuffle_into_log(rng, batch);
  last_day_ = today;
  last_content_at_ = std::max(at, last_content_at_);
}

void Link::settle_pending(Rng& rng, std::int32_t today, Batch& batch) {
  const std::vector<std::uint32_t> before = std::exchange(pending_, {});
  const bool in_place = world_->switches.pending_mode == PendingMode::settled_in_place;
  for (const std::uint32_t index : before) {
    rows_[index].alive = false;
    const std::uint64_t fate = rng.below(100);
    if (fate >= 85) {
      continue;  // the authorisation lapsed
    }
    const bool settles = fate < 55;
    if (in_place) {
      Row& row = rows_[index];
      row.alive = true;
      row.pending = !settles;
      row.settled = settles;
      ++row.revision;
      batch.push_back(pack(settles ? Event::settled : Event::relisted, index));
      if (!settles) {
        pending_.push_back(index);
      }
      continue;
    }
    Row copy = rows_[index];
    copy.alive = true;
    copy.pending = !settles;
    copy.born_pending = !settles;
    copy.day = settles ? std::min(copy.day + static_cast<std::int32_t>(rng.below(3)), today) : copy.day;
    copy.cents += settles && rng.permille(200) ? static_cast<std::uint32_t>(rng.below(600)) : 0U;  // the tip
    const std::uint32_t fresh = add_row(copy);
    batch.push_back(pack(Event::created, fresh));
    if (settles) {
      settled_.emplace_back(fresh, index);
    } else {
      pending_.push_back(fresh);
    }
  }
}

void Link::add_pending(Rng& rng, std::int32_t today, Batch& batch) {
  const std::uint64_t draw = rng.below(10);
  std::uint64_t count = draw < 4 ? 0 : draw / 3;
  count = spec_.transactions_per_month == 0 || made_up() ? 0 : count;
  for (; count > 0; --count) {
    std::size_t m = rng.below(merchants().size());
    while (merchants()[m].habit != Habit::random) {
      m = rng.below(merchants().size());
    }
    const auto day = today - static_cast<std::int32_t>(rng.below(2));
    const std::uint32_t row = add_row({day, draw_cents(rng, merchants()[m]), 0, spending_account(rng),
                                       static_cast<std::uint8_t>(m), true, true, false, true});
    pending_.push_back(row);
    batch.push_back(pack(Event::created, row));
  }
}

void Link::revise_rows(Rng& rng, bool force, Batch& batch) {
  std::vector<std::uint32_t> taken;
  for (const std::uint32_t entry : batch) {
    taken.push_back(row_of(entry));
  }
  const auto pick = [&](bool alive) -> std::optional<std::uint32_t> {
    for (int tries = 0; tries < 40 && !rows_.empty(); ++tries) {
      // Mostly recent rows, sometimes any.
      const std::size_t span = rng.permille(700) ? std::min<std::size_t>(rows_.size(), 80) : rows_.size();
      const auto index = static_cast<std::uint32_t>(rows_.size() - 1 - rng.below(span));
      const Row& row = rows_[index];
      const bool fits =
          alive ? row.alive && !row.pending
                : !row.alive && !row.pending && !row.born_pending && !accounts_[row.account].replaced;
      if (fits && std::ranges::find(taken, index) == taken.end()) {
        taken.push_back(index);
        return index;
      }
    }
    return std::nullopt;
  };
  const std::uint64_t updates = force ? 1 + rng.below(2) : rng.permille(250) ? 1 + rng.below(3) : 0;
  for (std::uint64_t i = 0; i < updates; ++i) {
    if (const auto index = pick(true)) {
      ++rows_[*index].revision;
      batch.push_back(pack(Event::updated, *index));
    }
  }
  if (force || rng.permille(80)) {
    if (const auto index = pick(true)) {
      rows_[*index].alive = false;
      batch.push_back(pack(Event::removed, *index));
    }
  }
  if (rng.permille(30)) {
    if (const auto index = pick(false)) {
      rows_[*index].alive = true;
      ++rows_[*index].revision;
      batch.push_back(pack(Event::returned, *index));
    }
  }
}

void Link::shuffle_into_log(Rng& rng, Batch& batch) {
  for (std::size_t i = batch.size(); i > 1; --i) {
    std::swap(batch[i - 1], batch[rng.below(i)]);
  }
  log_.insert(log_.end(), batch.begin(), batch.end());
}

}  // namespace syncd::sandbox
