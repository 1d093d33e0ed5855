#include "sync/core/verify.hpp"

#include <algorithm>
#include <map>

#include "sync/core/json_digest.hpp"
#include "sync/core/plan.hpp"

namespace syncd::core {

namespace {

constexpr std::size_t cursor_hashes_max = 16;

}  // namespace

std::string_view to_string(VerifyResult result) {
  switch (result) {
    case VerifyResult::match:
      return "match";
    case VerifyResult::mismatch:
      return "mismatch";
    case VerifyResult::incomplete:
      return "incomplete";
  }
  return "unknown";  // a number from a newer version's disk
}

DifferenceTally tally_of(const std::vector<Difference>& differences) {
  DifferenceTally tally;
  const auto add = [](const std::string& id, std::uint64_t& count, std::vector<std::string>& ids) {
    ++count;
    if (ids.size() < verify_examples_max) ids.push_back(id);
  };
  for (const Difference& difference : differences) {
    switch (difference.kind) {
      case DifferenceKind::missing:
        add(difference.id, tally.missing, tally.missing_ids);
        break;
      case DifferenceKind::extra:
        add(difference.id, tally.extra, tally.extra_ids);
        break;
      case DifferenceKind::changed:
        add(difference.id, tally.changed, tally.changed_ids);
        break;
    }
  }
  return tally;
}

// ---- reading
// -------------------------------------------------------------------------------------------------

SecondReading::SecondReading(const LinkId& link_id, std::size_t rows_max) : rows_max_(rows_max) {
  position_.link_id = link_id;
}

SecondReading::Row SecondReading::row_of(std::string_view json, bool pending) {
  return {.digest = json_digest(json), .pending = pending};
}

std::optional<Error> SecondReading::add(const Page& page, const Policy& policy) {
  if (auto refusal = check_page(position_, page, policy)) return refusal;
  // Pending rows of earlier pages are worth nothing once upstream has rebuilt them.
  if (rebuilds_pending(position_, page)) {
    position_.drain.brought_pending = false;
    std::erase_if(rows_, [](const auto& entry) { return entry.second.pending; });
  }
  // The lists in this order: the last word on an id counts.
  take(page.created);
  take(page.updated);
  remove(page.removed);
  ++pages_;
  if (rows_.size() > rows_max_) {
    return Error{.code = Errc::invalid,
                 .message = "the link has more than " + std::to_string(rows_max_) +
                            " transactions: a verify cannot hold them",
                 .too_large = true};
  }
  note_clock(page);
  move_on(page);
  return std::nullopt;
}

void SecondReading::take(const std::vector<TransactionRow>& rows) {
  for (const TransactionRow& row : rows)
    rows_.insert_or_assign(std::string(row.transaction_id), row_of(row.json, row.pending));
}

void SecondReading::remove(const std::vector<std::string_view>& ids) {
  for (const std::string_view id : ids) {
    const auto place = rows_.find(id);
    if (place != rows_.end()) rows_.erase(place);
  }
}

void SecondReading::note_clock(const Page& page) {
  const std::optional<UpstreamTime>& clock = page.link.transactions.refreshed_at;
  if (!clock) {
    clock_missing_ = true;
    return;
  }
  if (!oldest_clock_ || *clock < *oldest_clock_) oldest_clock_ = clock;
  newest_clock_ = std::max(newest_clock_, clock);
}

// Pages that bring nothing are not counted, as in a resync: only drain_pages_max bounds them.
void SecondReading::move_on(const Page& page) {
  DrainState& drain = position_.drain;
  drain.clock = drain_clock(position_, page);
  drain.brought_pending |= brings_pending(page);
  drain.open = true;
  ++drain.pages;
  ended_ = !page.has_more;
  if (ended_) return;
  position_.cursor = Cursor{std::string(page.next)};
  drain.cursor_hashes.push_back(stable_hash(page.next));
  if (drain.cursor_hashes.size() > cursor_hashes_max) drain.cursor_hashes.erase(drain.cursor_hashes.begin());
}

// ---- what a difference is worth
// ----------------------------------------------------------------------------------

void VisitNews::add(const LinkRecord& record, const Page& page) {
  clock_ = page.link.transactions.refreshed_at;
  accounts_clock_ = page.link.accounts.refreshed_at;
  brought_pending_ |= brings_pending(page);
  const std::size_t named = page.created.size() + page.updated.size() + page.removed.size();
  everything_ |= record.resync || !record.cursor || ids_.size() + named > ids_max;
  if (everything_) return;
  for (const auto* rows : {&page.created, &page.updated}) {
    for (const TransactionRow& row : *rows)
      ids_.insert(hash_of(row.transaction_id));
  }
  for (const std::string_view id : page.removed)
    ids_.insert(hash_of(id));
}

bool SecondReading::proves(std::string_view id, const StoredTransaction* local, const CopyClocks& clocks,
                           const VisitNews& news) const {
  if (news.names(id)) return false;
  const auto read = rows_.find(id);
  const bool pending = (read != rows_.end() && read->second.pending) || (local != nullptr && local->pending);
  if (pending) return proves_pending(clocks, news);
  // A server that lags behind may have answered the reading, or the end of the visit. So may one that leaves
  // out a clock that others show.
  const bool reading_lags = clocks.before && (clock_missing_ || oldest_clock_ < clocks.before);
  const bool visit_lags = newest_clock_ > news.clock() || (clocks.after && !news.clock());
  return !reading_lags && !visit_lags;
}

// Pending rows go and come unnamed: only the clock tells whether both are of the same set. Where upstream
// shows none, a set that was rebuilt would have been brought.
bool SecondReading::proves_pending(const CopyClocks& clocks, const VisitNews& news) const {
  if (!oldest_clock_) return !news.brought_pending() && clocks.before == clocks.after;
  const bool one_clock = !clock_missing_ && oldest_clock_ == newest_clock_;
  return one_clock && oldest_clock_ == clocks.after && oldest_clock_ == news.clock();
}

// ---- comparing
// -----------------------------------------------------------------------------------------------

std::optional<DifferenceKind> SecondReading::judge(std::string_view id,
                                                   const StoredTransaction* local) const {
  const auto read = rows_.find(id);
  if (read == rows_.end()) return local == nullptr ? std::nullopt : std::optional(DifferenceKind::extra);
  if (local == nullptr) return DifferenceKind::missing;
  if (read->second == row_of(local->json, local->pending)) return std::nullopt;
  return DifferenceKind::changed;
}

void SecondReading::begin_comparison() {
  found_.clear();
  for (auto& [id, row] : rows_)
    row.met = false;
}

void SecondReading::compare(const StoredTransaction& local) {
  const auto difference = judge(local.transaction_id, &local);
  if (difference) found_.push_back({*difference, local.transaction_id});
  const auto read = rows_.find(local.transaction_id);
  if (read != rows_.end()) read->second.met = true;
}

std::vector<Difference> SecondReading::end_comparison() {
  std::vector<Difference> missing;
  for (const auto& [id, row] : rows_) {
    if (!row.met) missing.push_back({DifferenceKind::missing, id});
  }
  std::ranges::sort(missing, {}, &Difference::id);
  std::ranges::move(missing, std::back_inserter(found_));
  return std::move(found_);
}

std::vector<Difference> compare_accounts(const std::vector<AccountRow>& upstream,
                                         const std::vector<StoredAccount>& local) {
  std::map<std::string_view, Digest> listed;
  for (const AccountRow& row : upstream)
    listed.insert_or_assign(row.account_id, json_digest(row.json));
  std::vector<Difference> found;
  for (const StoredAccount& account : local) {
    if (account.gone) continue;
    const auto row = listed.find(account.account_id);
    if (row == listed.end()) {
      found.push_back({DifferenceKind::extra, account.account_id});
      continue;
    }
    if (row->second != json_digest(account.json))
      found.push_back({DifferenceKind::changed, account.account_id});
    listed.erase(row);
  }
  for (const auto& [id, digest] : listed)
    found.push_back({DifferenceKind::missing, std::string(id)});
  return found;
}

std::vector<Difference> in_both(const std::vector<Difference>& before, const std::vector<Difference>& after) {
  std::map<std::string_view, DifferenceKind> still;
  for (const Difference& difference : after)
    still.emplace(difference.id, difference.kind);
  std::vector<Difference> both;
  for (const Difference& difference : before) {
    const auto found = still.find(difference.id);
    if (found != still.end()) both.push_back({found->second, difference.id});
  }
  return both;
}

}  // namespace syncd::core
