// The oracle's view of a link: what a correct client holds at a cursor, and what is true now.
#include <algorithm>

#include "tests/sandbox/model/link.hpp"

namespace syncd::sandbox {

const Link::KeptText& Link::kept_text(std::uint32_t index, const RowState& state) const {
  if (kept_.size() < rows_.size()) {
    kept_.resize(rows_.size());
  }
  KeptText& kept = kept_[index];
  if (kept.json.empty() || kept.state != state) {
    if (kept.id.empty()) {
      append_row_id(kept.id, seed_, index);
    }
    kept.state = state;
    kept.json.clear();
    append_row(kept.json, row_text(), index, rows_[index], state);
  }
  return kept;
}

std::vector<RowState> Link::states_at(std::uint32_t length) const {
  std::vector<RowState> states(rows_.size());
  std::vector<std::uint32_t> pending;
  for (std::uint32_t i = 0; i < length; ++i) {
    const Event event = event_of(log_[i]);
    if (event == Event::refresh) {  // of no row, and there may be none at all
      for (const std::uint32_t each : std::exchange(pending, {})) {
        states[each].alive = states[each].alive && !states[each].pending;
      }
      continue;
    }
    const std::uint32_t row = row_of(log_[i]);
    RowState& state = states[row];
    switch (event) {
      case Event::refresh:
        break;
      case Event::created:
        state = RowState{0, true, rows_[row].born_pending, false};
        if (state.pending) {
          pending.push_back(row);
        }
        break;
      case Event::settled:
        ++state.revision;
        state.alive = true;
        state.pending = false;
        state.settled = true;
        break;
      case Event::relisted:
        pending.push_back(row);
        [[fallthrough]];
      case Event::updated:
      case Event::returned:
        ++state.revision;
        state.alive = true;
        break;
      case Event::removed:
        state.alive = false;
        break;
    }
  }
  return states;
}

void Link::fold(std::uint32_t from, std::uint32_t to, std::uint32_t pin,
                std::map<std::uint32_t, RowState>& rows) const {
  const std::vector<RowState> shown = states_at(pin);
  for (std::uint32_t i = from; i < to; ++i) {
    const std::uint32_t row = row_of(log_[i]);
    const Event event = event_of(log_[i]);
    if (event == Event::refresh) {
      continue;
    }
    if (event == Event::removed) {
      rows.erase(row);
    } else if (shown[row].alive && !shown[row].pending) {
      rows[row] = shown[row];
    }
  }
}

std::optional<Held> Link::held_at(std::string_view text) const {
  Held held;
  if (text.empty()) {
    held.drained = true;
    held.from_start = true;
    return held;
  }
  const auto cursor = decode(text);
  if (!cursor) {
    return std::nullopt;
  }
  held.drained = drained(*cursor);
  held.from_start = !held.drained && cursor->start == 0;
  held.caught_up = held.drained && cursor->pin == log_length();

  std::map<std::uint32_t, RowState> posted;
  const std::vector<RowState> before = states_at(cursor->start);
  for (std::uint32_t row = 0; row < before.size(); ++row) {
    if (before[row].alive && !before[row].pending) {
      posted[row] = before[row];
    }
  }
  std::vector<Chain> pages;  // oldest first
  for (std::uint32_t chain = cursor->chain; chain != 0; chain = chains_[chain - 1].previous) {
    pages.insert(pages.begin(), chains_[chain - 1]);
  }
  pages.push_back({0, cursor->position, cursor->pin});
  std::uint32_t from = cursor->start;
  for (const Chain& page : pages) {
    fold(from, page.until, page.pin, posted);
    from = page.until;
  }
  for (const auto& [row, state] : posted) {
    const KeptText& kept = kept_text(row, state);
    held.posted.emplace(kept.id, kept.json);
  }
  // `start` is the end of the drain before, and of this one once it has ended. A row that settled under its
  // id and was removed since is listed in removed, and leaves the pending set with that.
  std::vector<std::uint32_t> removed;
  for (std::uint32_t i = cursor->start; i < cursor->position; ++i) {
    if (event_of(log_[i]) == Event::removed) {
      removed.push_back(row_of(log_[i]));
    }
  }
  for (std::uint32_t row = 0; row < before.size(); ++row) {
    if (before[row].alive && before[row].pending && !posted.contains(row) &&
        std::ranges::find(removed, row) == removed.end()) {
      const KeptText& kept = kept_text(row, before[row]);
      held.pending.emplace(kept.id, kept.json);
    }
  }
  return held;
}

Truth Link::truth() {
  Truth truth;
  truth.state = state_;
  truth.error_code = error_code_;
  truth.link = link_json();
  truth.transactions_refreshed_at = transactions_clock_.refreshed_at;
  for (const Account& account : accounts_) {
    if (account.listed) {
      append_account(truth.accounts[account.id], world_->switches, account);
    }
  }
  for (std::uint32_t row = 0; row < rows_.size(); ++row) {
    if (rows_[row].alive) {
      auto& set = rows_[row].pending ? truth.pending : truth.posted;
      const KeptText& text = kept_text(row, state_of(row));
      set.emplace(text.id, text.json);
    }
  }
  return truth;
}

std::vector<std::pair<std::string, std::string>> Link::settled_from() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [posted, was] : settled_) {
    out.emplace_back(row_id(seed_, posted), row_id(seed_, was));
  }
  return out;
}

}  // namespace syncd::sandbox
