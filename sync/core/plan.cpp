#include "sync/core/plan.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "sync/core/classify.hpp"
#include "sync/core/redact.hpp"

namespace syncd::core {

namespace {

bool has_rows(const Page& page) {
  return !page.created.empty() || !page.updated.empty() || !page.removed.empty();
}

// An entry can only be open while the link waits for its owner, or was paused while it did.
bool relink_may_be_open(const LinkRecord& record) {
  return record.status == LinkStatus::relink || record.status == LinkStatus::paused;
}

// Its entry is opened or changed, or may end.
bool touches_relink(const LinkRecord& record, const LinkObject& link) {
  return relink_may_be_open(record) || condition_of(link).health == LinkHealth::needs_owner;
}

bool accounts_changed(const LinkRecord& record, const Page& page) {
  return page.accounts_present && page.accounts_digest != record.accounts_digest;
}

// Sorted, each once: what the page names and, at the end of a drain, what its earlier pages have posted.
std::vector<std::string_view> ids_to_look_up(const LinkRecord& record, const Page& page,
                                             const SeenRows* seen) {
  std::vector<std::string_view> ids;
  if (record.counts.transactions == 0) return ids;
  const auto want = [&](std::string_view id) {
    if (seen == nullptr || seen->may_hold(id)) ids.push_back(id);
  };
  for (const TransactionRow& row : page.created)
    want(row.transaction_id);
  for (const TransactionRow& row : page.updated)
    want(row.transaction_id);
  for (const std::string_view id : page.removed)
    want(id);
  if (matches_posted(record, page)) {
    ids.insert(ids.end(), record.drain.posted_ids.begin(), record.drain.posted_ids.end());
  }
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

}  // namespace

std::optional<SeenRows> SeenRows::for_first_drain(const LinkRecord& record) {
  const bool untouched =
      !record.cursor && !record.resync && !record.drain.open && record.counts.transactions == 0;
  if (!untouched) return std::nullopt;
  return SeenRows{};
}

void SeenRows::add(const Page& page) {
  if (gave_up_) return;
  const std::size_t rows = rows_ + page.created.size() + page.updated.size();
  if (rows > rows_max) {
    gave_up_ = true;
    slots_ = {};
    return;
  }
  make_room(rows);
  add(page.created);
  add(page.updated);
}

void SeenRows::add(const std::vector<TransactionRow>& rows) {
  for (const TransactionRow& row : rows) {
    const std::uint64_t hash = hash_of(row.transaction_id);
    std::uint64_t& slot = slots_[slot_of(hash)];
    if (slot != free_slot) continue;
    slot = hash;
    ++rows_;
  }
}

std::size_t SeenRows::slot_of(std::uint64_t hash) const {
  std::size_t at = hash & (slots_.size() - 1);
  while (slots_[at] != free_slot && slots_[at] != hash)
    at = (at + 1) & (slots_.size() - 1);
  return at;
}

// At most half of the slots are taken, so that a search is short and always ends.
void SeenRows::make_room(std::size_t rows) {
  std::size_t slots = std::max(slots_.size(), slots_min);
  while (slots < 2 * rows)
    slots *= 2;
  if (slots == slots_.size()) return;
  const std::vector<std::uint64_t> before =
      std::exchange(slots_, std::vector<std::uint64_t>(slots, free_slot));
  for (const std::uint64_t hash : before) {
    if (hash != free_slot) slots_[slot_of(hash)] = hash;
  }
}

std::optional<Error> check_page(const LinkRecord& record, const Page& page, const Policy& policy) {
  const auto refuse = [&](std::string message) {
    return with_evidence({.code = Errc::protocol, .message = std::move(message), .http_status = 200},
                         page.body);
  };
  if (page.link.link_id != record.link_id.str()) return refuse("the answer is about another link");
  if (!page.has_more) return std::nullopt;
  if (page.next.empty()) return refuse("has_more is true but cursor.next is missing, null or empty");
  if (record.cursor && record.cursor->text == page.next)
    return refuse("has_more is true but cursor.next repeats");
  const std::uint64_t hash = stable_hash(page.next);
  if (record.drain.open &&
      std::ranges::find(record.drain.cursor_hashes, hash) != record.drain.cursor_hashes.end()) {
    return refuse("has_more is true but cursor.next goes round in a circle");
  }
  if (record.drain.open && record.drain.idle_pages >= policy.drain_idle_pages_max) {
    return refuse("has_more stays true though " + std::to_string(record.drain.idle_pages) +
                  " pages in a row changed nothing");
  }
  if (record.drain.open && record.drain.pages >= policy.drain_pages_max) {
    return refuse("has_more stays true after " + std::to_string(record.drain.pages) + " pages");
  }
  return std::nullopt;
}

bool brings_pending(const Page& page) {
  const auto is_pending = [](const TransactionRow& row) { return row.pending; };
  return std::ranges::any_of(page.created, is_pending) || std::ranges::any_of(page.updated, is_pending);
}

std::optional<UpstreamTime> drain_clock(const LinkRecord& record, const Page& page) {
  const std::optional<UpstreamTime>& clock = page.link.transactions.refreshed_at;
  if (!record.drain.open) return clock;
  // What was collected is no worse for a page of a server that lags behind.
  if (!clock || record.drain.brought_pending) return std::max(record.drain.clock, clock);
  return clock;
}

bool rebuilds_pending(const LinkRecord& record, const Page& page) {
  if (!record.drain.open || !record.drain.clock) return false;
  return drain_clock(record, page) > record.drain.clock;
}

bool replaces_pending(const LinkRecord& record, const Page& page) {
  if (page.has_more) return false;
  if (record.resync) return true;
  const bool advanced = drain_clock(record, page) > record.pending_clock;
  // Rows that earlier pages staged count only while upstream has not rebuilt the set since.
  const bool staged = record.drain.open && record.drain.brought_pending && !rebuilds_pending(record, page);
  return advanced || staged || brings_pending(page);
}

bool matches_posted(const LinkRecord& record, const Page& page) {
  return record.counts.pending > 0 && !record.drain.match_given_up && replaces_pending(record, page);
}

LookupRequest plan_lookup(const LinkRecord& record, const Page& page, const SeenRows* seen) {
  LookupRequest request;
  request.link_id = record.link_id;
  request.transaction_ids = ids_to_look_up(record, page, seen);
  const bool replaces = replaces_pending(record, page);
  request.pending = record.counts.pending > 0 && replaces;
  request.staged = record.drain.staged > 0 && replaces;
  request.accounts = has_rows(page) || accounts_changed(record, page);
  request.relink = touches_relink(record, page.link);
  request.stale_below = record.resync && !page.has_more ? record.generation : 0;
  return request;
}

LookupRequest plan_lookup(const LinkRecord& record, const AccountsAnswer&) {
  LookupRequest request;
  request.link_id = record.link_id;
  request.accounts = true;
  request.relink = true;
  return request;
}

LookupRequest plan_lookup(const LinkRecord& record, const LinkAnswer& answer) {
  LookupRequest request;
  request.link_id = record.link_id;
  request.relink = touches_relink(record, answer.link);
  return request;
}

LookupRequest plan_lookup(const LinkRecord& record) {
  LookupRequest request;
  request.link_id = record.link_id;
  request.relink = true;
  return request;
}

}  // namespace syncd::core
