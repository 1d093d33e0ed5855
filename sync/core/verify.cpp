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
    clock_moved_ = true;
    position_.drain.brought_pending = false;
    std::erase_if(rows_, [](const auto& entry) { return entry.second.pending; });
  }
  // The lists in this order: the last word on an id counts.
  const bool created = take(page.created);
  const bool updated = take(page.updated);
  const bool removed = remove(page.removed);
  ++pages_;
  if (rows_.size() > rows_max_) {
    return Error{.code = Errc::invalid,
                 .message = "the link has more than " + std::to_string(rows_max_) +
                            " transactions: a verify cannot hold them",
                 .too_large = true};
  }
  move_on(page, !created && !updated && !removed);
  return std::nullopt;
}

// Whether anything changed.
bool SecondReading::take(const std::vector<TransactionRow>& rows) {
  bool changed = false;
  for (const TransactionRow& row : rows) {
    const Row fresh = row_of(row.json, row.pending);
    const auto [place, is_new] = rows_.try_emplace(std::string(row.transaction_id), fresh);
    changed |= is_new || place->second != fresh;
    place->second = fresh;
  }
  return changed;
}

bool SecondReading::remove(const std::vector<std::string_view>& ids) {
  bool changed = false;
  for (const std::string_view id : ids) {
    const auto place = rows_.find(id);
    if (place == rows_.end()) continue;
    rows_.erase(place);
    changed = true;
  }
  return changed;
}

void SecondReading::move_on(const Page& page, bool idle) {
  DrainState& drain = position_.drain;
  drain.clock = drain_clock(position_, page);
  drain.brought_pending |= brings_pending(page);
  drain.open = true;
  ++drain.pages;
  drain.idle_pages = idle ? drain.idle_pages + 1 : 0;
  ended_ = !page.has_more;
  if (ended_) return;
  position_.cursor = Cursor{std::string(page.next)};
  drain.cursor_hashes.push_back(stable_hash(page.next));
  if (drain.cursor_hashes.size() > cursor_hashes_max) drain.cursor_hashes.erase(drain.cursor_hashes.begin());
}

bool SecondReading::moved(const std::optional<UpstreamTime>& before,
                          const std::optional<UpstreamTime>& after) const {
  if (clock_moved_) return true;
  const std::optional<UpstreamTime>& clock = position_.drain.clock;
  return clock && clock != before && clock != after;
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
