#include "tests/sim/feed_reader.hpp"

#include <algorithm>

#include "sync/core/page.hpp"

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

bool same_rows(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b) {
  return std::ranges::equal(a, b, [](const auto& one, const auto& other) {
    return one.first == other.first && core::same_json(one.second, other.second);
  });
}

bool removes(core::ChangeKind kind) {
  return kind == core::ChangeKind::transaction_removed || kind == core::ChangeKind::account_gone;
}

}  // namespace

void FeedReader::read(ModelStore& store, std::size_t limit, bool published_was_lost, Violations& violations) {
  for (;;) {
    const store::FeedSlice slice = store.read_feed(after_, limit);
    if (slice.epoch != epoch_) {
      if (!published_was_lost)
        violations.push_back("feed: a new epoch though nothing that was shown is lost");
      begin_epoch(store, slice);
      break;
    }
    if (slice.head < after_) violations.push_back("feed: the head went back in an epoch");
    for (const store::FeedEntry& entry : slice.entries)
      take(entry, violations);
    if (after_ >= slice.head || slice.entries.empty()) {
      if (after_ != slice.head) violations.push_back("feed: nothing follows " + std::to_string(after_));
      break;
    }
  }
  compare(store, violations);
}

void FeedReader::begin_epoch(const ModelStore& store, const store::FeedSlice& slice) {
  ++epochs_begun_;
  epoch_ = slice.epoch;
  after_ = slice.head;
  transactions_.clear();
  accounts_.clear();
  status_.clear();
  relink_open_.clear();
  for (const auto& [link_id, rows] : store.rows) {
    for (const auto& [id, row] : rows)
      transactions_[link_id.str()][id] = row.json;
  }
  for (const auto& [link_id, accounts] : store.accounts) {
    for (const auto& [id, account] : accounts) {
      if (!account.gone) accounts_[link_id.str()][id] = account.json;
    }
  }
  for (const auto& [link_id, record] : store.links)
    status_[link_id.str()] = core::to_string(record.status);
  for (const auto& [link_id, entry] : store.relink) {
    if (entry.status == core::RelinkStatus::open) relink_open_.insert(link_id.str());
  }
}

void FeedReader::take(const store::FeedEntry& entry, Violations& violations) {
  using enum core::ChangeKind;
  ++entries_read_;
  if (entry.sequence != after_ + 1)
    violations.push_back("feed: " + std::to_string(entry.sequence) + " follows " + std::to_string(after_));
  after_ = entry.sequence;
  const std::string& link = entry.link_id.str();
  switch (entry.kind) {
    case transaction_created:
    case transaction_updated:
    case transaction_removed:
      return take_row(entry, transactions_[link], violations);
    case account_created:
    case account_updated:
    case account_gone:
    case account_returned:
      return take_row(entry, accounts_[link], violations);
    case link_added:
    case link_status:
    case relink_opened:
    case relink_resolved:
    case link_purged:
      return take_link(entry, violations);
  }
}

void FeedReader::take_row(const store::FeedEntry& entry, Rows& rows, Violations& violations) {
  const auto held = rows.find(entry.id);
  const bool fresh = creates(entry.kind);
  if (fresh != (held == rows.end()))
    violations.push_back(name_of(entry) + ": does not follow from the entries before it");
  if (!fresh && held != rows.end() && held->second != entry.before)
    violations.push_back(name_of(entry) + ": before is not what was");
  if (removes(entry.kind)) {
    rows.erase(entry.id);
    return;
  }
  if (!fresh && core::same_json(entry.before, entry.after))
    violations.push_back(name_of(entry) + ": changes nothing");
  rows[entry.id] = entry.after;
}

void FeedReader::take_link(const store::FeedEntry& entry, Violations& violations) {
  using enum core::ChangeKind;
  const std::string& link = entry.link_id.str();
  if (entry.kind == link_added) {
    if (status_.contains(link)) violations.push_back(name_of(entry) + ": added twice");
    status_[link] = status_in(entry.after);
  } else if (entry.kind == link_status) {
    if (status_[link] != status_in(entry.before))
      violations.push_back(name_of(entry) + ": before is not what was");
    if (status_in(entry.before) == status_in(entry.after))
      violations.push_back(name_of(entry) + ": changes nothing");
    status_[link] = status_in(entry.after);
  } else if (entry.kind == relink_opened) {
    if (!relink_open_.insert(link).second) violations.push_back(name_of(entry) + ": opened twice in a row");
  } else if (entry.kind == relink_resolved) {
    if (relink_open_.erase(link) == 0) violations.push_back(name_of(entry) + ": was not open");
  }
}

void FeedReader::compare(const ModelStore& store, Violations& violations) const {
  const auto differs = [&](const core::LinkId& link_id, std::string_view what) {
    violations.push_back("feed reader at " + std::to_string(after_) + ": " + std::string(what) + " of " +
                         link_id.str() + " differ from the store's");
  };
  static const Rows none;
  const auto of = [](const std::map<std::string, Rows>& all, const core::LinkId& link_id) -> const Rows& {
    const auto found = all.find(link_id.str());
    return found == all.end() ? none : found->second;
  };
  for (const auto& [link_id, record] : store.links) {
    Rows rows;
    Rows accounts;
    if (const auto held = store.rows.find(link_id); held != store.rows.end()) {
      for (const auto& [id, row] : held->second)
        rows[id] = row.json;
    }
    if (const auto held = store.accounts.find(link_id); held != store.accounts.end()) {
      for (const auto& [id, account] : held->second) {
        if (!account.gone) accounts[id] = account.json;
      }
    }
    if (!same_rows(rows, of(transactions_, link_id))) differs(link_id, "transactions");
    if (!same_rows(accounts, of(accounts_, link_id))) differs(link_id, "accounts");
    const auto status = status_.find(link_id.str());
    if (status == status_.end() || status->second != core::to_string(record.status))
      differs(link_id, "status");
    const auto entry = store.relink.find(link_id);
    const bool open = entry != store.relink.end() && entry->second.status == core::RelinkStatus::open;
    if (open != relink_open_.contains(link_id.str())) differs(link_id, "relink entries");
  }
}

}  // namespace syncd::test
