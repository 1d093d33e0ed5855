// What a link shows: its object, its accounts, its feed. The oracle's view of it is in link_oracle.cpp.
#include <algorithm>
#include <cstring>

#include "tests/sandbox/model/link.hpp"
#include "tests/sandbox/model/marks.hpp"

namespace syncd::sandbox {
namespace {

constexpr std::uint64_t stream_cursor = 0x301;
constexpr std::uint64_t stream_page = 0x302;
constexpr std::size_t sealed_bytes = 32;
constexpr std::size_t cursor_bytes = sealed_bytes + 2;  // 48 characters of base64url that end in "=="

bool holds(const std::vector<std::uint32_t>& rows, std::uint32_t row) {
  return std::ranges::find(rows, row) != rows.end();
}

void append_list(std::string& out, const std::vector<std::string>& items) {
  out.push_back('[');
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) {
      out.push_back(',');
    }
    append_json_string(out, items[i]);
  }
  out.push_back(']');
}

void append_text_or_null(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  if (text.empty()) {
    out.append("null");
  } else {
    append_json_string(out, text);
  }
}

void append_time_member(std::string& out, std::string_view name, std::optional<TimePoint> at,
                        const Switches& switches, std::uint64_t seed) {
  out.append(out.ends_with('{') ? "\"" : ",\"").append(name).append("\":");
  if (!at) {
    out.append("null");
    return;
  }
  out.push_back('"');
  const auto count = static_cast<std::uint64_t>(at->time_since_epoch().count());
  append_timestamp(out, *at, switches.timestamps, hash_words(seed, count));
  out.push_back('"');
}

void append_product(std::string& out, std::string_view name, const ProductClock& clock,
                    const Switches& switches, std::uint64_t seed, bool hide_success) {
  const bool expired = clock.error_code == "auth_expired";
  out.append("\"").append(name).append("\":{");
  append_time_member(out, "refreshed_at", hide_success ? std::nullopt : clock.refreshed_at, switches, seed);
  append_time_member(out, "last_attempted_at", clock.attempted_at, switches, seed);
  append_text_or_null(out, "error_code",
                      clock.error_code.empty() ? ""
                      : switches.unknown_enums ? "solar_flare"
                                               : clock.error_code);
  const bool marked = switches.marked_data;
  const std::string_view message = marked ? marks::product_message : "The last refresh failed";
  append_text_or_null(out, "error_message", clock.error_code.empty() ? "" : message);
  const std::string_view unavailable = marked ? marks::product_unavailable : "Link must be reconnected";
  append_text_or_null(out, "unavailable", expired ? unavailable : "");
  append_null_member(out, "settings", switches, seed / 2);
  if (name == "transactions") {
    out.append(",\"has_history\":true");
  }
  out.push_back('}');
}

}  // namespace

const std::string& Link::link_json() {
  if (!link_json_.empty()) {
    return link_json_;
  }
  const Switches& switches = world_->switches;
  std::string& out = link_json_;
  out.append("{\"link_id\":\"").append(id_).append("\",\"institution_id\":");
  append_json_string(out, institution_->id);
  out.append(",\"institution_name\":");
  append_json_string(out, institution_->name);
  out.append(",\"institution_avatar\":\"https://assets.example.com/")
      .append(institution_->id)
      .append(".png\"");
  out.append(",\"state\":\"").append(link_state_name(state_)).append("\"");
  if (state_ == LinkState::error || switches.nulls != NullForm::absent) {
    append_text_or_null(out, "error_code", error_code_);
  }
  const bool deleted = state_ == LinkState::deleted;
  append_time_member(out, "last_synced_at", deleted ? std::nullopt : transactions_clock_.refreshed_at,
                     switches, seed_);
  out.append(",\"provider\":");
  append_json_string(out, provider_);
  out.append(",\"link_tags\":");
  append_list(out, spec_.tags);
  out.append(",\"tags\":");
  append_list(out, spec_.tags);
  if (spec_.webhook) {
    out.append(",\"webhook\":");
    append_json_string(out, *spec_.webhook);
  } else {
    append_null_member(out, "webhook", switches, seed_);
  }
  out.append(",\"products\":{");
  if (!deleted) {
    append_product(out, "accounts", accounts_clock_, switches, seed_, switches.accounts_clock_is_null);
    if (spec_.transactions_product) {
      out.push_back(',');
      append_product(out, "transactions", transactions_clock_, switches, seed_, false);
    }
    if (seed_ % 4 == 0) {
      out.push_back(',');
      append_product(out, "identity", ProductClock{}, switches, seed_, false);
    } else if (seed_ % 4 == 1 && switches.nulls != NullForm::absent) {
      out.append(",\"investments\":null");
    }
  }
  out.append("},\"available_products\":");
  out.append(deleted ? "[]" : R"(["account_numbers","identity","investments"])");
  if (switches.unknown_members) {
    out.append(R"(,"x_future":{"consent_expires":"2031-01-01"})");
  }
  out.push_back('}');
  return link_json_;
}

void Link::append_accounts(std::string& out, const std::vector<std::string>& filter) const {
  bool first = true;
  for (const Account& account : accounts_) {
    if (!account.listed || (!filter.empty() && std::ranges::find(filter, account.id) == filter.end())) {
      continue;
    }
    if (!first) {
      out.push_back(',');
    }
    first = false;
    append_account(out, world_->switches, account);
  }
}

const Account* Link::find_account(std::string_view account_id) const {
  const auto found = std::ranges::find(accounts_, account_id, &Account::id);
  return found == accounts_.end() || !found->listed ? nullptr : &*found;
}

bool Link::grants(std::string_view product) const {
  return product == "accounts" || (product == "transactions" && spec_.transactions_product) ||
         (product == "identity" && seed_ % 4 == 0);
}

RowState Link::state_of(std::uint32_t index) const {
  const Row& row = rows_[index];
  return RowState{row.revision, row.alive, row.pending, row.settled};
}

std::vector<std::uint32_t> Link::rows_by_date() const {
  std::vector<std::pair<std::int32_t, std::uint32_t>> order;
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].alive) {
      order.emplace_back(-day_of(i), i);
    }
  }
  std::ranges::sort(order);
  std::vector<std::uint32_t> out;
  out.reserve(order.size());
  for (const auto& entry : order) {
    out.push_back(entry.second);
  }
  return out;
}

void Link::append_row_json(std::string& out, std::uint32_t index) const {
  append_row(out, row_text(), index, rows_[index], state_of(index));
}

std::int32_t Link::day_of(std::uint32_t index) const {
  return row_day(seed_, index, rows_[index], state_of(index));
}

std::string_view Link::account_of(std::uint32_t index) const {
  return accounts_[row_account(row_text(), index, rows_[index], state_of(index))].id;
}

// Cursors are sealed: six words, masked by a stream that depends on a check value over them. A forged or
// foreign text, or one from before expire_cursors(), does not open.
std::string Link::encode(const Cursor& cursor) const {
  const std::array<std::uint32_t, 6> words = {cursor.position, cursor.pin,   cursor.start,
                                              cursor.chain,    cursor.nonce, cursor.detour};
  const std::uint64_t check = hash_words(seed_, stream_cursor, cursor_epoch_, words[0], words[1], words[2],
                                         words[3], words[4], words[5]);
  std::array<char, cursor_bytes> bytes{};
  std::memcpy(bytes.data(), &check, sizeof check);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto masked = words[i] ^ static_cast<std::uint32_t>(hash_words(check, seed_, i));
    std::memcpy(bytes.data() + sizeof check + i * sizeof masked, &masked, sizeof masked);
  }
  return base64url({bytes.data(), bytes.size()});
}

std::optional<Link::Cursor> Link::decode(std::string_view text) const {
  const auto bytes = base64url_decode(text);
  if (!bytes || bytes->size() != cursor_bytes ||
      !bytes->ends_with(std::string(cursor_bytes - sealed_bytes, '\0'))) {
    return std::nullopt;
  }
  std::uint64_t check = 0;
  std::memcpy(&check, bytes->data(), sizeof check);
  std::array<std::uint32_t, 6> words{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::uint32_t masked = 0;
    std::memcpy(&masked, bytes->data() + sizeof check + i * sizeof masked, sizeof masked);
    words[i] = masked ^ static_cast<std::uint32_t>(hash_words(check, seed_, i));
  }
  if (check != hash_words(seed_, stream_cursor, cursor_epoch_, words[0], words[1], words[2], words[3],
                          words[4], words[5])) {
    return std::nullopt;
  }
  return Cursor{words[0], words[1], words[2], words[3], words[4], words[5]};
}

void Link::expire_cursors() {
  ++cursor_epoch_;
  touch();
}

bool Link::drained(const Cursor& cursor) {
  return cursor.position == cursor.pin && cursor.start == cursor.pin;
}

// A replica cannot answer for a cursor that is ahead of it: then the page is one of the present.
Link::View Link::view_for(const Cursor& at, RowFault fault) {
  if (fault == RowFault::lag && past_ && at.pin <= past_->length && at.position <= past_->length) {
    return View{past_->length, states_at(past_->length), past_->link_json, past_->accounts};
  }
  return View{log_length(), {}, link_json(), accounts_};
}

Link::Page Link::collect(std::uint32_t from, std::uint32_t size, const View& view) const {
  Page page;
  std::vector<std::uint32_t> removed_alive;  // listed in removed although the row is back by now
  std::uint32_t i = from;
  const auto full = [&] { return page.created.size() + page.updated.size() + page.removed.size() >= size; };
  for (; i < view.length; ++i) {
    const Event event = event_of(log_[i]);
    const std::uint32_t row = row_of(log_[i]);
    if (event == Event::refresh) {
      continue;
    }
    if (event == Event::removed) {
      if (full()) {
        break;
      }
      if (!holds(page.removed, row)) {
        page.removed.push_back(row);
      }
      if (alive(view, row)) {
        removed_alive.push_back(row);
      }
      continue;
    }
    if (!alive(view, row)) {
      continue;  // there is no current form to show; its removal, if it was posted, comes later in the log
    }
    if (!removed_alive.empty() && holds(removed_alive, row)) {
      break;  // removed and created of one row never share a page: the client would end with the removal
    }
    const bool is_update = event == Event::updated || event == Event::settled;
    std::vector<std::uint32_t>& list = is_update ? page.updated : page.created;
    const bool first_listing = event == Event::created;
    if (!first_listing && holds(list, row)) {
      continue;
    }
    if (is_update && !world_->switches.duplicate_in_updated && holds(page.created, row)) {
      continue;
    }
    if (full()) {
      break;
    }
    list.push_back(row);
  }
  page.end = i;
  return page;
}

// An update of a row that was never created, and the removal of one that never was.
void Link::make_odd(Page& page, const View& view) const {
  constexpr std::uint32_t never_made = 0x1fffff00U;
  std::erase_if(page.created, [&](std::uint32_t row) {
    const bool moves = row % 3 == 0 && !state_in(view, row).pending && !holds(page.updated, row);
    if (moves) {
      page.updated.push_back(row);
    }
    return moves;
  });
  page.removed.push_back(never_made + page.end % 7);
}

Link::Cursor Link::after_page(const Cursor& at, std::uint32_t end, std::uint32_t length) {
  Cursor next = at;
  if (end == length) {
    return Cursor{end, end, end, 0, 0, 0};
  }
  if (drained(at)) {
    next.start = at.position;
    next.chain = 0;
  } else if (at.pin != length) {
    // The feed grew between two pages of this drain: remember what the earlier pages looked like.
    const Chain link{at.chain, at.position, at.pin};
    const auto found = std::ranges::find(chains_, link);
    if (found == chains_.end()) {
      chains_.push_back(link);
      next.chain = static_cast<std::uint32_t>(chains_.size());
    } else {
      next.chain = static_cast<std::uint32_t>(found - chains_.begin()) + 1;
    }
  }
  next.position = end;
  next.pin = length;
  next.nonce = 0;
  next.detour = 0;
  return next;
}

std::string Link::next_member(const SyncQuery& query, const Cursor& at, const Cursor& next) const {
  Cursor other = at;
  switch (query.fault) {
    case CursorFault::repeat:
      return "{\"next\":" + json_string(query.cursor.value_or(encode(at))) + "}";
    case CursorFault::cyclic:
      other.detour = (at.detour + 1) % std::max(1U, query.cycle_length);
      return "{\"next\":\"" + encode(other) + "\"}";
    case CursorFault::endless:
      other.detour = at.detour + 1;
      return "{\"next\":\"" + encode(other) + "\"}";
    case CursorFault::null:
      return R"({"next":null})";
    case CursorFault::empty:
      return R"({"next":""})";
    case CursorFault::absent:
      return "{}";
    case CursorFault::number:
      return R"({"next":42})";
    case CursorFault::huge:
      return "{\"next\":\"" + std::string(1U << 20U, 'A') + "\"}";
    case CursorFault::none:
      break;
  }
  return "{\"next\":\"" + encode(next) + "\"}";
}

void Link::append_rows(std::string& out, std::vector<std::uint32_t> list, const View& view, Rng& rng,
                       bool with_outdated, std::vector<std::uint8_t>& concerned) const {
  for (std::size_t i = list.size(); i > 1; --i) {
    std::swap(list[i - 1], list[rng.below(i)]);
  }
  const RowText text{&world_->switches, seed_, &view.accounts, first_accounts_};
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i != 0) {
      out.push_back(',');
    }
    const Row& row = rows_[list[i]];
    const RowState state = state_in(view, list[i]);
    if (with_outdated && rng.permille(300)) {
      RowState outdated = state;
      outdated.revision = static_cast<std::uint16_t>(state.revision + 9);
      append_row(out, text, list[i], row, outdated);
      out.push_back(',');
    }
    append_row(out, text, list[i], row, state);
    const std::uint8_t account = row_account(text, list[i], row, state);
    if (std::ranges::find(concerned, account) == concerned.end()) {
      concerned.push_back(account);
    }
  }
  out.push_back(']');
}

void Link::append_removed(std::string& out, std::vector<std::uint32_t> list, Rng& rng) const {
  for (std::size_t i = list.size(); i > 1; --i) {
    std::swap(list[i - 1], list[rng.below(i)]);
  }
  for (std::size_t i = 0; i < list.size(); ++i) {
    out.append(i == 0 ? "\"" : ",\"");
    append_row_id(out, seed_, list[i]);
    out.push_back('"');
  }
  out.push_back(']');
}

std::string Link::sync_body(const Page& page, std::string_view next, bool has_more, const View& view,
                            RowFault fault) {
  std::string out;
  out.reserve(1200 + 520 * (page.created.size() + page.updated.size()));
  Rng rng(hash_words(seed_, stream_page, page.end, view.length));
  std::vector<std::uint8_t> concerned;
  const bool with_outdated = fault == RowFault::repeated;
  out.append("{\"transactions\":{\"created\":[");
  append_rows(out, page.created, view, rng, with_outdated, concerned);
  out.append(",\"updated\":[");
  append_rows(out, page.updated, view, rng, with_outdated, concerned);
  out.append(",\"removed\":[");
  append_removed(out, page.removed, rng);
  out.push_back('}');
  if (!world_->switches.sync_without_accounts) {
    out.append(",\"accounts\":[");
    bool first = true;
    for (const std::uint8_t index : concerned) {
      if (view.accounts[index].listed) {
        out.append(first ? "" : ",");
        first = false;
        append_account(out, world_->switches, view.accounts[index]);
      }
    }
    out.push_back(']');
  }
  out.append(",\"cursor\":").append(next);
  out.append(has_more ? ",\"has_more\":true,\"link\":" : ",\"has_more\":false,\"link\":");
  out.append(view.link_json);
  out.push_back('}');
  return out;
}

std::optional<std::string> Link::sync(const SyncQuery& query) {
  const bool faultless = query.fault == CursorFault::none && query.rows == RowFault::none;
  if (query.cursor && faultless && !idle_cursor_.empty() && *query.cursor == idle_cursor_) {
    return idle_body_;
  }
  Cursor at;
  if (query.cursor && !query.cursor->empty()) {
    const auto decoded = decode(*query.cursor);
    if (!decoded) {
      return std::nullopt;
    }
    at = *decoded;
  }
  const View view = view_for(at, query.rows);
  if (query.fault != CursorFault::none) {
    // Nothing is consumed, so that the data are still there when the fault is gone.
    return sync_body(Page{}, next_member(query, at, at), true, view, RowFault::none);
  }
  Page page = collect(at.position, query.size, view);
  const bool idle = at.position == view.length && drained(at);
  Cursor next = idle ? at : after_page(at, page.end, view.length);
  if (idle && world_->switches.idle_cursor_changes) {
    next.nonce = ++nonce_;
    next.detour = 0;
  }
  const bool has_more = page.end != view.length;
  if (query.rows == RowFault::odd_lists) {
    make_odd(page, view);
  }
  std::string body = sync_body(page, next_member(query, at, next), has_more, view, query.rows);
  if (idle && query.cursor && faultless && !world_->switches.idle_cursor_changes) {
    idle_cursor_ = *query.cursor;
    idle_body_ = body;
  }
  return body;
}

}  // namespace syncd::sandbox
