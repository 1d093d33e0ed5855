#include "sync/core/plan.hpp"

#include <algorithm>
#include <string>

#include "sync/core/classify.hpp"

namespace syncd::core {

namespace {

bool has_rows(const Page& page) {
  return !page.created.empty() || !page.updated.empty() || !page.removed.empty();
}

// An entry can only be open while the link waits for its owner, or was paused while it did.
bool relink_may_be_open(const LinkRecord& record) {
  return record.status == LinkStatus::relink || record.status == LinkStatus::paused;
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
  for (const TransactionRow& row : page.created)
    hashes_.insert(stable_hash(row.transaction_id));
  for (const TransactionRow& row : page.updated)
    hashes_.insert(stable_hash(row.transaction_id));
  if (hashes_.size() > rows_max) {
    gave_up_ = true;
    hashes_.clear();
  }
}

std::optional<Error> check_page(const LinkRecord& record, const Page& page, const Policy& policy) {
  const auto refuse = [&](std::string message) {
    return Error{.code = Errc::protocol,
                 .message = std::move(message),
                 .http_status = 200,
                 .body_bytes = page.body.size(),
                 .body_digest = digest_of(page.body)};
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

bool replaces_pending(const LinkRecord& record, const Page& page) {
  if (page.has_more) return false;
  if (record.resync) return true;
  const std::optional<UpstreamTime>& clock = page.link.transactions.refreshed_at;
  const bool advanced = clock && (!record.pending_clock || *clock > *record.pending_clock);
  // Rows that earlier pages staged count only while upstream has not rebuilt the set since.
  const bool staged = record.drain.open && record.drain.brought_pending && record.drain.clock == clock;
  return advanced || staged || brings_pending(page);
}

LookupRequest plan_lookup(const LinkRecord& record, const Page& page, const SeenRows* seen) {
  LookupRequest request;
  request.link_id = record.link_id;
  const bool rows = has_rows(page);
  if (rows && record.counts.transactions > 0) {
    const auto want = [&](std::string_view id) {
      if (seen == nullptr || seen->may_hold(id)) request.transaction_ids.push_back(id);
    };
    for (const TransactionRow& row : page.created)
      want(row.transaction_id);
    for (const TransactionRow& row : page.updated)
      want(row.transaction_id);
    for (const std::string_view id : page.removed)
      want(id);
    std::ranges::sort(request.transaction_ids);
    const auto repeated = std::ranges::unique(request.transaction_ids);
    request.transaction_ids.erase(repeated.begin(), repeated.end());
  }
  const bool replaces = replaces_pending(record, page);
  request.pending = record.counts.pending > 0 && (rows || replaces);
  request.staged = record.drain.staged > 0 && replaces;
  const bool accounts_changed = page.accounts_present && page.accounts_digest != record.accounts_digest;
  request.accounts = rows || accounts_changed;
  const LinkHealth health = condition_of(page.link).health;
  request.relink = relink_may_be_open(record) || health == LinkHealth::needs_owner;
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

LookupRequest plan_lookup(const LinkRecord& record) {
  LookupRequest request;
  request.link_id = record.link_id;
  request.relink = true;
  return request;
}

}  // namespace syncd::core
