// What a link tells of itself, what happens at made-up institutions, and what a reconnection does to its
// rows.
#include <algorithm>

#include "tests/sandbox/model/link.hpp"
#include "tests/sandbox/model/refresh_habit.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::uint64_t stream_refresh = 0x204;  // as in link.cpp: these are refreshes of the same link
constexpr std::uint64_t stream_hook = 0x207;
constexpr std::uint64_t stream_made_up = 0x208;
constexpr std::size_t accounts_max = 12;

// How long an event-driven institution takes to notice.
constexpr std::int64_t notices_after_ms_min = 60'000;
constexpr std::int64_t notices_after_ms_max = 1'200'000;

}  // namespace

std::uint64_t Link::next_hook_draw() {
  return hash_words(seed_, stream_hook, ++hook_count_);
}

void Link::tell(HookNews news) {
  if (world_->watcher != nullptr && spec_.webhook && !muted_) {
    world_->watcher->heard(*this, news);
  }
}

void Link::tell_product(TimePoint at, std::string_view product, std::string_view state,
                        std::string_view error) {
  tell({.event = HookEvent::product_refresh,
        .at = at,
        .state = std::string(state),
        .error = std::string(error),
        .product = std::string(product)});
}

void Link::tell_refresh(TimePoint at, bool accounts, bool transactions, std::string_view state,
                        std::string_view error) {
  if (accounts) {
    tell_product(at, "accounts", state, error);
  }
  if (transactions && spec_.transactions_product) {
    tell_product(at, "transactions", state, error);
  }
}

void Link::note_refresh(TimePoint at, bool accounts, bool transactions, std::uint32_t from) {
  if (world_->watcher == nullptr || muted_) {
    return;
  }
  RefreshNote note{.link_id = id_, .at = at, .accounts = accounts, .transactions = transactions};
  for (std::uint32_t i = from; i < log_length(); ++i) {
    const Event event = event_of(log_[i]);
    note.rows += event == Event::refresh ? 0U : 1U;
    if (event == Event::created && note.created_row.empty()) {
      append_row_id(note.created_row, seed_, row_of(log_[i]));
    }
  }
  const bool changed = note.rows != 0;
  world_->watcher->refreshed(std::move(note));
  if (under_way_ == nullptr) {
    tell_refresh(at, accounts, transactions, "completed", "");
  }
  if (changed) {
    HookNews news{.event = HookEvent::updates_available, .at = at};
    if (under_way_ != nullptr) {
      news.travel = under_way_->hook;
    }
    tell(std::move(news));
  }
}

void Link::schedule_made_up(TimePoint after) {
  if (planned()) {
    const bool more = planned_at_ < spec_.refreshes->size();
    next_refresh_ = more ? std::max((*spec_.refreshes)[planned_at_].at, after) : TimePoint::max();
    return;
  }
  const RefreshHabit& habit = *institution_->habit;
  if (habit.event_driven) {
    const auto longest = static_cast<double>(habit.period.count()) / world_->refresh_pace;
    next_refresh_ = after + Milliseconds{std::max<std::int64_t>(1000, static_cast<std::int64_t>(longest))};
    return;
  }
  const RefreshSlot next = next_slot(habit, seed_, world_->refresh_pace, slot_, after);
  slot_ = next.slot;
  next_refresh_ = next.at;
}

void Link::happen(TimePoint at) {
  ++unseen_;
  next_activity_ = next_activity(seed_, ++activity_step_, rows_per_day_, world_->refresh_pace, at);
  if (institution_->habit->event_driven) {
    Rng rng(hash_words(seed_, stream_made_up, activity_step_));
    const auto notices = static_cast<double>(rng.between(notices_after_ms_min, notices_after_ms_max));
    const auto after = static_cast<std::int64_t>(notices / world_->refresh_pace);
    next_refresh_ = std::min(next_refresh_, at + Milliseconds{std::max<std::int64_t>(1, after)});
  }
}

// Each thing that happened is one new row; a refresh after nothing happened moves the clocks and nothing
// else.
void Link::refresh_made_up(TimePoint at, bool accounts, bool transactions, bool with_changes) {
  const std::uint32_t happened = with_changes ? std::max(unseen_, 1U) : unseen_;
  if (happened == 0) {
    return;
  }
  Rng rng(hash_words(seed_, stream_made_up, refresh_number_, 1));
  if (accounts) {
    ++accounts_.front().revision;
    accounts_.front().balance_at = at;
    note_account_form(accounts_.front());
  }
  if (transactions) {
    Batch batch;
    const auto today =
        static_cast<std::int32_t>(std::chrono::floor<std::chrono::days>(at).time_since_epoch().count());
    add_days(rng, today, today, happened, batch);
    if (with_changes) {
      revise_rows(rng, true, batch);
    }
    log_.push_back(pack(Event::refresh, 0));
    shuffle_into_log(rng, batch);
    last_day_ = std::max(last_day_, today);
    last_content_at_ = std::max(at, last_content_at_);
    unseen_ = 0;
  }
}

// History: the clock that the link shows to begin with. Nothing that happened before is told or noted.
TimePoint Link::last_before_created() {
  TimePoint last = created_at_;
  for (; planned_at_ < spec_.refreshes->size(); ++planned_at_) {
    const TimePoint at = (*spec_.refreshes)[planned_at_].at;
    if (at > created_at_) {
      break;
    }
    last = at;
  }
  return last;
}

void Link::refresh_as_planned(TimePoint at) {
  under_way_ = &(*spec_.refreshes)[planned_at_];
  unseen_ = under_way_->changed ? 1 : 0;
  apply_refresh(at, true, spec_.transactions_product, false);
  under_way_ = nullptr;
}

bool Link::replace_accounts(TimePoint now, bool with_twin) {
  if (accounts_.size() + accounts_max > 255) {
    return false;
  }
  Rng rng(hash_words(seed_, stream_refresh, 0x7777, refresh_number_));
  log_.push_back(pack(Event::refresh, 0));
  for (const std::uint32_t row : pending_) {
    rows_[row].alive = false;
  }
  pending_.clear();
  Batch batch;
  const auto old_accounts = accounts_.size();
  std::vector<std::uint8_t> becomes(old_accounts);
  std::optional<std::size_t> doubled;
  for (std::size_t i = 0; i < old_accounts; ++i) {
    if (!accounts_[i].replaced) {
      accounts_[i].replaced = true;
      accounts_[i].listed = false;
      becomes[i] = static_cast<std::uint8_t>(accounts_.size());
      add_account(accounts_[i].kind, now, &accounts_[i]);
      doubled = doubled.value_or(i);
    }
  }
  const auto twin = static_cast<std::uint8_t>(accounts_.size());
  if (with_twin) {
    add_account(accounts_[*doubled].kind, now, &accounts_[*doubled]);
  }
  const auto old_rows = static_cast<std::uint32_t>(rows_.size());
  for (std::uint32_t row = 0; row < old_rows; ++row) {
    if (!rows_[row].alive) {
      continue;
    }
    Row copy = rows_[row];
    rows_[row].alive = false;
    batch.push_back(pack(Event::removed, row));
    const bool twice = with_twin && copy.account == *doubled;
    copy.account = becomes[copy.account];
    copy.revision = 0;
    copy.settled = false;
    copy.born_pending = false;
    batch.push_back(pack(Event::created, add_row(copy)));
    if (twice) {
      copy.account = twin;
      batch.push_back(pack(Event::created, add_row(copy)));
    }
  }
  shuffle_into_log(rng, batch);
  set_state(LinkState::connected, "", now);
  refresh_now(now, false);
  tell({.event = HookEvent::updates_available, .at = now});
  past_.reset();  // what it looked like in the middle of this was never shown
  return true;
}

void Link::lose_rows() {
  Rng rng(hash_words(seed_, stream_refresh, 0x7778, refresh_number_));
  Batch batch;
  for (std::uint32_t row = 0; row < rows_.size(); row += 3) {
    if (rows_[row].alive && !rows_[row].pending) {
      rows_[row].alive = false;
      batch.push_back(pack(Event::removed, row));
    }
  }
  shuffle_into_log(rng, batch);
  touch();
}

}  // namespace syncd::sandbox
