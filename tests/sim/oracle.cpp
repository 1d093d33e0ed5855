#include "tests/sim/oracle.hpp"

#include <map>
#include <string_view>

#include "sync/core/page.hpp"

namespace syncd::test {

namespace {

using Rows = std::map<std::string, std::string>;

Rows visible(const ModelStore& store, const core::LinkId& link_id, bool pending) {
  Rows rows;
  const auto found = store.rows.find(link_id);
  if (found == store.rows.end()) return rows;
  for (const auto& [id, row] : found->second) {
    if (row.pending == pending) rows[id] = row.json;
  }
  return rows;
}

void compare(const std::string& what, const Rows& expected, const Rows& actual, Violations& violations) {
  for (const auto& [id, json] : expected) {
    const auto found = actual.find(id);
    if (found == actual.end()) {
      violations.push_back(what + ": missing " + id);
    } else if (!core::same_json(found->second, json)) {
      violations.push_back(what + ": differs " + id + "\n   here     " + found->second + "\n   upstream " +
                           json);
    }
  }
  for (const auto& [id, json] : actual) {
    if (!expected.contains(id)) violations.push_back(what + ": extra " + id);
  }
}

// State that the feed describes, rebuilt from its entries alone.
struct Replay {
  std::map<std::string, Rows> transactions;
  std::map<std::string, Rows> accounts;  // not gone
  std::map<std::string, bool> relink_open;
};

void replay_row(const store::FeedEntry& entry, Rows& rows, bool created, bool removed,
                Violations& violations) {
  const std::string what = "feed " + std::to_string(entry.sequence) + " " +
                           std::string(core::to_string(entry.kind)) + " " + entry.id;
  const auto held = rows.find(entry.id);
  if (created != (held == rows.end()))
    violations.push_back(what + ": does not follow from the entries before it");
  if (!created && held != rows.end() && held->second != entry.before)
    violations.push_back(what + ": before is not what was");
  if (removed) {
    rows.erase(entry.id);
    return;
  }
  if (!created && core::same_json(entry.before, entry.after))
    violations.push_back(what + ": changes nothing");
  rows[entry.id] = entry.after;
}

void replay_entry(const store::FeedEntry& entry, Replay& replay, Violations& violations) {
  using enum core::ChangeKind;
  const std::string& link = entry.link_id.str();
  switch (entry.kind) {
    case transaction_created:
      return replay_row(entry, replay.transactions[link], true, false, violations);
    case transaction_updated:
      return replay_row(entry, replay.transactions[link], false, false, violations);
    case transaction_removed:
      return replay_row(entry, replay.transactions[link], false, true, violations);
    case account_created:
      return replay_row(entry, replay.accounts[link], true, false, violations);
    case account_updated:
      return replay_row(entry, replay.accounts[link], false, false, violations);
    case account_gone:
      return replay_row(entry, replay.accounts[link], false, true, violations);
    case account_returned:
      replay.accounts[link][entry.id] = entry.after;
      return;
    case relink_opened:
    case relink_resolved: {
      bool& open = replay.relink_open[link];
      const bool opens = entry.kind == relink_opened;
      if (open == opens)
        violations.push_back("feed " + std::to_string(entry.sequence) + ": relink entry twice in a row");
      open = opens;
      return;
    }
    case link_status:
      if (entry.before == entry.after)
        violations.push_back("feed " + std::to_string(entry.sequence) + ": status unchanged");
      return;
    case link_added:
    case link_purged:
      return;
  }
}

bool relink_open(const ModelStore& store, const core::LinkId& link_id) {
  const auto entry = store.relink.find(link_id);
  return entry != store.relink.end() && entry->second.status == core::RelinkStatus::open;
}

}  // namespace

void check_rows_at_cursor(const ModelStore& store, sandbox::Upstream& upstream, const core::LinkId& link_id,
                          sandbox::TimePoint now, Violations& violations) {
  const core::LinkRecord& record = store.links.at(link_id);
  if (!record.cursor || record.resync) return;
  const auto expected = upstream.truth_at_cursor(link_id.str(), record.cursor->text, now);
  if (!expected) return;  // upstream has ended this cursor meanwhile
  const std::string what = "link " + link_id.str() + " at cursor " + record.cursor->text;
  compare(what + ": posted", expected->posted, visible(store, link_id, false), violations);
  if (!record.drain.open)
    compare(what + ": pending", expected->pending, visible(store, link_id, true), violations);
}

void check_converged(const ModelStore& store, sandbox::Upstream& upstream, sandbox::TimePoint now,
                     Violations& violations) {
  for (const auto& [link_id, record] : store.links) {
    const auto truth = upstream.truth(link_id.str(), now);
    const std::string what = "at rest, link " + link_id.str();
    if (!truth || truth->state == sandbox::LinkState::deleted) {
      if (record.status != core::LinkStatus::gone) {
        violations.push_back(what + ": deleted upstream but " + std::string(core::to_string(record.status)));
      }
      continue;
    }
    if (record.status != core::LinkStatus::active) {
      violations.push_back(what + ": healthy upstream but " + std::string(core::to_string(record.status)) +
                           (record.last_error ? " (" + record.last_error->message + ")" : ""));
      continue;
    }
    check_rows_at_cursor(store, upstream, link_id, now, violations);
    const bool current = truth->transactions_refreshed_at && record.transactions_clock &&
                         std::chrono::floor<std::chrono::milliseconds>(*record.transactions_clock) ==
                             *truth->transactions_refreshed_at;
    if (!current) continue;  // refreshed after the last visit: the next one brings it
    compare(what + ": posted", truth->posted, visible(store, link_id, false), violations);
    compare(what + ": pending", truth->pending, visible(store, link_id, true), violations);
  }
}

void check_feed(const ModelStore& store, Violations& violations) {
  Replay replay;
  std::uint64_t expected_sequence = 1;
  for (const store::FeedEntry& entry : store.feed) {
    if (entry.sequence != expected_sequence++)
      violations.push_back("feed: gap or repeat at " + std::to_string(entry.sequence));
    replay_entry(entry, replay, violations);
  }
  for (const auto& [link_id, rows] : store.rows) {
    Rows all;
    for (const auto& [id, row] : rows)
      all[id] = row.json;
    compare("feed replay, transactions of " + link_id.str(), all, replay.transactions[link_id.str()],
            violations);
  }
  for (const auto& [link_id, accounts] : store.accounts) {
    Rows present;
    for (const auto& [id, account] : accounts) {
      if (!account.gone) present[id] = account.json;
    }
    compare("feed replay, accounts of " + link_id.str(), present, replay.accounts[link_id.str()], violations);
  }
  for (const auto& [link_id, record] : store.links) {
    if (replay.relink_open[link_id.str()] != relink_open(store, link_id)) {
      violations.push_back("feed replay: relink entry of " + link_id.str() + " differs");
    }
  }
}

void check_relink(const ModelStore& store, const core::LinkId& link_id, Violations& violations) {
  const core::LinkStatus status = store.links.at(link_id).status;
  const bool open = relink_open(store, link_id);
  if (status == core::LinkStatus::paused) return;  // keeps what it had
  if (open != (status == core::LinkStatus::relink)) {
    violations.push_back("link " + link_id.str() + " is " + std::string(core::to_string(status)) +
                         (open ? " with" : " without") + " an open relink entry");
  }
}

void check_counts(const ModelStore& store, const core::LinkId& link_id, Violations& violations) {
  const core::Counts& counts = store.links.at(link_id).counts;
  core::Counts real;
  if (const auto rows = store.rows.find(link_id); rows != store.rows.end()) {
    for (const auto& [id, row] : rows->second) {
      ++real.transactions;
      real.pending += row.pending ? 1 : 0;
    }
  }
  if (const auto accounts = store.accounts.find(link_id); accounts != store.accounts.end()) {
    for (const auto& [id, account] : accounts->second)
      real.accounts += account.gone ? 0 : 1;
  }
  if (counts == real) return;
  violations.push_back("link " + link_id.str() + ": counts say " + std::to_string(counts.accounts) + "/" +
                       std::to_string(counts.transactions) + "/" + std::to_string(counts.pending) +
                       ", rows are " + std::to_string(real.accounts) + "/" +
                       std::to_string(real.transactions) + "/" + std::to_string(real.pending));
}

void check_budgets(const sandbox::Upstream& upstream, Violations& violations) {
  for (const auto& [endpoint, statistics] : upstream.statistics().endpoints) {
    const std::string what = "endpoint " + std::string(sandbox::endpoint_name(endpoint));
    if (statistics.throttled_by_budget > 0) {
      violations.push_back(what + ": " + std::to_string(statistics.throttled_by_budget) +
                           " requests over budget");
    }
  }
}

}  // namespace syncd::test
