#include "tests/sim/model_store.hpp"

#include <algorithm>

namespace syncd::test {

namespace {

core::StoredTransaction stored(const core::TransactionPut& put) {
  return {.transaction_id = std::string(put.transaction_id),
          .account_id = std::string(put.account_id),
          .json = std::string(put.json),
          .pending = put.pending,
          .generation = put.generation,
          .posted_from = std::string(put.posted_from)};
}

}  // namespace

store::CommitOutcome ModelStore::apply(const core::LinkUpdate& update) {
  const auto found = links.find(update.link_id);
  const std::uint64_t fence = found == links.end() ? 0 : found->second.fence;
  if (fence != update.expected_fence) return store::CommitOutcome::conflict;

  links[update.link_id] = update.record;
  auto& visible = rows[update.link_id];
  for (const core::TransactionErase& erase : update.transaction_erases)
    visible.erase(std::string(erase.transaction_id));
  for (const core::TransactionPut& put : update.transaction_puts)
    visible[std::string(put.transaction_id)] = stored(put);
  auto& stage = staged[update.link_id];
  if (update.staged_clear) stage.clear();
  for (const std::string_view id : update.staged_erases)
    stage.erase(std::string(id));
  for (const core::TransactionPut& put : update.staged_puts)
    stage[std::string(put.transaction_id)] = stored(put);
  for (const core::AccountPut& put : update.account_puts) {
    accounts[update.link_id][std::string(put.account_id)] = {std::string(put.account_id),
                                                             std::string(put.json), put.gone, put.gone_since};
  }
  for (const core::Change& change : update.changes) {
    feed.push_back({.epoch = epoch,
                    .sequence = head() + 1,
                    .at = update.at,
                    .link_id = update.link_id,
                    .kind = change.kind,
                    .id = std::string(change.id),
                    .before = std::string(change.before),
                    .after = std::string(change.after),
                    .cause = update.cause});
  }
  if (update.relink) relink[update.link_id] = *update.relink;
  if (update.dead_letter) dead_letters.push_back(*update.dead_letter);
  return store::CommitOutcome::committed;
}

core::Held ModelStore::lookup(const core::LookupRequest& request) const {
  core::Held held;
  if (const auto link = rows.find(request.link_id); link != rows.end()) {
    for (const auto& [id, row] : link->second) {
      const bool asked = std::ranges::binary_search(request.transaction_ids, std::string_view(id));
      const bool stale = request.stale_below != 0 && row.generation < request.stale_below;
      if (asked || stale || (request.pending && row.pending)) held.transactions.push_back(row);
    }
  }
  if (const auto link = staged.find(request.link_id); request.staged && link != staged.end()) {
    for (const auto& [id, row] : link->second)
      held.staged.push_back(row);
  }
  if (const auto link = accounts.find(request.link_id); request.accounts && link != accounts.end()) {
    for (const auto& [id, account] : link->second)
      held.accounts.push_back(account);
  }
  if (const auto entry = relink.find(request.link_id); request.relink && entry != relink.end()) {
    held.relink = entry->second;
  }
  return held;
}

store::FeedSlice ModelStore::read_feed(std::uint64_t after, std::size_t limit) {
  published_epoch_ = epoch;
  published_ = head();
  store::FeedSlice slice{.entries = {}, .epoch = epoch, .head = head()};
  const auto begin = std::ranges::upper_bound(feed, after, {}, &store::FeedEntry::sequence);
  const auto left = static_cast<std::size_t>(feed.end() - begin);
  slice.entries.assign(begin, begin + static_cast<std::ptrdiff_t>(std::min(limit, left)));
  return slice;
}

void ModelStore::reopen() {
  const bool lost = published_epoch_ > epoch || (published_epoch_ == epoch && published_ > head());
  if (!lost) return;
  epoch = published_epoch_ + 1;
  published_epoch_ = epoch;
  published_ = 0;
  feed.clear();
}

void ModelStore::put_back(const ModelDatabase& copy) {
  static_cast<ModelDatabase&>(*this) = copy;
}

}  // namespace syncd::test
