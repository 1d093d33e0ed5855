#include "tests/sim/feed_reader.hpp"

#include <algorithm>

namespace syncd::test {

namespace {

std::string name_of(const store::FeedEntry& entry) {
  return "feed " + std::to_string(entry.epoch) + "/" + std::to_string(entry.sequence) + " " +
         std::string(core::to_string(entry.kind)) + " " + entry.id;
}

// {"status":"active", ...: only the word, because the reason may change without an entry.
std::string status_in(std::string_view json) {
  constexpr std::string_view member = "\"status\":\"";
  const std::size_t at = json.find(member);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + member.size();
  return std::string(json.substr(begin, json.find('"', begin) - begin));
}

bool creates(core::ChangeKind kind) {
  using enum core::ChangeKind;
  return kind == transaction_created || kind == account_created || kind == account_returned;
}

bool removes(core::ChangeKind kind) {
  return kind == core::ChangeKind::transaction_removed || kind == core::ChangeKind::account_gone;
}

}  // namespace

void FeedReader::read(ModelStore& store, std::size_t limit, bool published_was_lost, Findings& findings) {
  for (;;) {
    const ShownFeed shown = store.read_feed(after_, limit);
    findings.expect(Invariant::gap_free_feed, store.published() <= store.head() && shown.head <= store.head(),
                    "the feed shows more than is durable");
    if (shown.epoch != epoch_) {
      findings.expect(Invariant::gap_free_feed, published_was_lost && shown.epoch > epoch_,
                      "a new epoch though nothing that was shown is lost, or an older one");
      begin_epoch(store, shown);
      break;
    }
    if (!read_slice(shown, findings)) break;
  }
  for (const core::LinkId& link_id : store.take_changed())
    compare(store, link_id, findings);
}

// False: that was the last.
bool FeedReader::read_slice(const ShownFeed& shown, Findings& findings) {
  findings.expect(Invariant::gap_free_feed, shown.head >= after_, "the head went back in an epoch");
  for (const auto& entry : shown.entries)
    take(*entry, findings);
  if (after_ < shown.head && !shown.entries.empty()) return true;
  findings.expect(Invariant::gap_free_feed, after_ == shown.head, "nothing follows, and it is not the head");
  return false;
}

void FeedReader::compare_all(const ModelStore& store, Findings& findings) const {
  for (const auto& [link_id, record] : store.links)
    compare(store, link_id, findings);
}

void FeedReader::begin_epoch(const ModelStore& store, const ShownFeed& shown) {
  ++epochs_begun_;
  epoch_ = shown.epoch;
  after_ = shown.head;
  transactions_.clear();
  accounts_.clear();
  status_.clear();
  relink_open_.clear();
  for (const auto& [link_id, record] : store.links) {
    take_as_it_is(store, link_id);
    status_[link_id.str()] = core::to_string(record.status);
  }
  for (const auto& [link_id, entry] : store.relink) {
    if (core::is_live(entry.status)) relink_open_.insert(link_id.str());
  }
}

void FeedReader::take_as_it_is(const ModelStore& store, const core::LinkId& link_id) {
  Rows& transactions = transactions_[link_id.str()];
  transactions.clear();
  if (const auto rows = store.rows.find(link_id); rows != store.rows.end()) {
    for (const auto& [id, row] : rows->second)
      transactions[id] = row.json;
  }
  Rows& accounts = accounts_[link_id.str()];
  accounts.clear();
  if (const auto held = store.accounts.find(link_id); held != store.accounts.end()) {
    for (const auto& [id, account] : held->second) {
      if (!account.gone) accounts[id] = account.json;
    }
  }
}

void FeedReader::take(const store::FeedEntry& entry, Findings& findings) {
  using enum core::ChangeKind;
  ++entries_read_;
  findings.looked(Invariant::gap_free_feed);
  if (entry.sequence != after_ + 1 || entry.epoch != epoch_)
    findings.broken(Invariant::gap_free_feed, name_of(entry) + ": follows " + std::to_string(after_));
  after_ = entry.sequence;
  const std::string& link = entry.link_id.str();
  switch (entry.kind) {
    case transaction_created:
    case transaction_updated:
    case transaction_removed:
      return take_row(entry, transactions_[link], findings);
    case account_created:
    case account_updated:
    case account_gone:
    case account_returned:
      return take_row(entry, accounts_[link], findings);
    case link_added:
    case link_status:
    case relink_opened:
    case relink_resolved:
    case link_purged:
      return take_link(entry, findings);
  }
}

void FeedReader::take_row(const store::FeedEntry& entry, Rows& rows, Findings& findings) {
  const auto held = rows.find(entry.id);
  const bool fresh = creates(entry.kind);
  const auto broken = [&](std::string_view what) {
    findings.broken(Invariant::exactly_once, name_of(entry) + ": " + std::string(what));
  };
  findings.looked(Invariant::exactly_once);
  if (fresh != (held == rows.end())) broken("does not follow from the entries before it");
  if (!fresh && held != rows.end() && held->second != entry.before) broken("before is not what was");
  if (removes(entry.kind)) {
    rows.erase(entry.id);
    return;
  }
  if (!fresh && same_text(entry.before, entry.after)) broken("changes nothing");
  rows[entry.id] = entry.after;
}

void FeedReader::take_link(const store::FeedEntry& entry, Findings& findings) {
  using enum core::ChangeKind;
  const std::string& link = entry.link_id.str();
  const auto expect = [&](Invariant which, bool holds, std::string_view what) {
    findings.looked(which);
    if (!holds) findings.broken(which, name_of(entry) + ": " + std::string(what));
  };
  if (entry.kind == link_purged) {
    transactions_.erase(link);
    accounts_.erase(link);
    status_.erase(link);
    relink_open_.erase(link);
  } else if (entry.kind == link_added) {
    expect(Invariant::exactly_once, !status_.contains(link), "added twice");
    status_[link] = status_in(entry.after);
  } else if (entry.kind == link_status) {
    expect(Invariant::exactly_once, status_[link] == status_in(entry.before), "before is not what was");
    expect(Invariant::exactly_once, status_in(entry.before) != status_in(entry.after), "changes nothing");
    status_[link] = status_in(entry.after);
  } else if (entry.kind == relink_opened) {
    expect(Invariant::relink, relink_open_.insert(link).second, "opened twice in a row");
  } else if (entry.kind == relink_resolved) {
    expect(Invariant::relink, relink_open_.erase(link) != 0, "was not open");
  }
}

namespace {

// `stored` in the order of its ids; those that `shown` says no to are not compared.
template <class Stored, class Shown>
bool same_rows(const std::map<std::string, std::string>& held, const Stored* stored, Shown shown) {
  std::size_t count = 0;
  if (stored != nullptr) {
    for (const auto& [id, row] : *stored) {
      if (!shown(row)) continue;
      const auto found = held.find(id);
      if (found == held.end() || !same_text(found->second, row.json)) return false;
      ++count;
    }
  }
  return count == held.size();
}

template <class Value>
const Value* find_link(const std::map<core::LinkId, Value>& all, const core::LinkId& link_id) {
  const auto found = all.find(link_id);
  return found == all.end() ? nullptr : &found->second;
}

}  // namespace

void FeedReader::compare(const ModelStore& store, const core::LinkId& link_id, Findings& findings) const {
  const core::LinkRecord* const record = find_link(store.links, link_id);
  if (record == nullptr) {
    const std::string& link = link_id.str();
    const bool nothing = !transactions_.contains(link) && !accounts_.contains(link) &&
                         !status_.contains(link) && !relink_open_.contains(link);
    findings.expect(Invariant::exactly_once, nothing,
                    "the feed's reader still has something of purged " + link);
    return;
  }
  static const Rows none;
  const auto of = [&](const std::map<std::string, Rows>& all) -> const Rows& {
    const auto found = all.find(link_id.str());
    return found == all.end() ? none : found->second;
  };
  const auto expect = [&](bool same, std::string_view what) {
    findings.looked(Invariant::exactly_once);
    if (same) return;
    findings.broken(Invariant::exactly_once, "feed reader at " + std::to_string(after_) + ": " +
                                                 std::string(what) + " of " + link_id.str() +
                                                 " differ from the store's");
  };
  const auto every = [](const core::StoredTransaction&) { return true; };
  const auto not_gone = [](const core::StoredAccount& account) { return !account.gone; };
  expect(same_rows(of(transactions_), find_link(store.rows, link_id), every), "transactions");
  expect(same_rows(of(accounts_), find_link(store.accounts, link_id), not_gone), "accounts");
  const auto status = status_.find(link_id.str());
  expect(status != status_.end() && status->second == core::to_string(record->status), "status");
  const core::RelinkEntry* const entry = find_link(store.relink, link_id);
  const bool open = entry != nullptr && core::is_live(entry->status);
  expect(open == relink_open_.contains(link_id.str()), "relink entries");
}

}  // namespace syncd::test
