#include "tests/fuzz/support/step_oracle.hpp"

#include <algorithm>

#include "sync/core/page.hpp"
#include "tests/fuzz/support/target.hpp"

namespace syncd::fuzz {

using core::ChangeKind;

void RowOracle::page(const OraclePage& page) {
  if (!draining_) drain_clock_.reset();
  // Only a clock that advanced says that upstream rebuilt its pending rows in the middle of the drain.
  if (page.clock && drain_clock_ && *page.clock > *drain_clock_) {
    collected_.clear();
    brought_ = false;
  }
  // What was collected is no worse for a page of a server that lags behind; before that, the latest page
  // tells.
  drain_clock_ = page.clock && !brought_ ? page.clock : std::max(drain_clock_, page.clock);
  std::map<std::string, const OracleRow*> last;
  for (const OracleRow& row : page.created)
    last[row.id] = &row;
  for (const OracleRow& row : page.updated)
    last[row.id] = &row;
  for (const std::string& id : page.removed)
    last[id] = nullptr;
  brought_ = brought_ || std::ranges::any_of(page.created, &OracleRow::pending) ||
             std::ranges::any_of(page.updated, &OracleRow::pending);
  for (const auto& [id, row] : last)
    word(id, row);
  draining_ = page.more;
  if (!page.more) end_drain();
}

void RowOracle::word(const std::string& id, const OracleRow* row) {
  collected_.erase(id);
  if (row == nullptr) {
    posted_.erase(id);
    pending_.erase(id);
  } else if (!row->pending) {
    pending_.erase(id);
    posted_[id] = row->json;
    met_.insert(id);
  } else {
    collected_[id] = row->json;
    // A posted row that turns pending again changes where it is.
    if (posted_.erase(id) > 0) pending_[id] = row->json;
  }
}

void RowOracle::end_drain() {
  const bool advanced = drain_clock_ && (!pending_clock_ || *drain_clock_ > *pending_clock_);
  if (brought_ || advanced || resyncing_) {
    pending_ = collected_;
    if (drain_clock_) pending_clock_ = drain_clock_;
  }
  if (resyncing_) std::erase_if(posted_, [this](const auto& row) { return !met_.contains(row.first); });
  resyncing_ = false;
  collected_.clear();
  brought_ = false;
}

void RowOracle::resync() {
  met_.clear();
  collected_.clear();
  brought_ = false;
  draining_ = false;
  resyncing_ = true;
}

void RowOracle::gone() {
  collected_.clear();
  brought_ = false;
  draining_ = false;
}

std::map<std::string, std::string> RowOracle::visible() const {
  std::map<std::string, std::string> all = posted_;
  all.insert(pending_.begin(), pending_.end());
  return all;
}

void FeedConsumer::read(const std::vector<test::FeedLine>& feed) {
  for (; at_ < feed.size(); ++at_)
    apply(feed[at_]);
}

void FeedConsumer::apply(const test::FeedLine& line) {
  const auto holds = [&](const std::map<std::string, std::string>& rows) {
    const auto held = rows.find(line.id);
    return held != rows.end() && core::same_json(held->second, line.before);
  };
  const bool changes = !core::same_json(line.before, line.after);
  FUZZ_CHECK_SAYING(changes, "no entry says what was known", core::to_string(line.kind));
  switch (line.kind) {
    case ChangeKind::transaction_created:
      FUZZ_CHECK(!rows_.contains(line.id) && line.before.empty(), "only a new row is created");
      rows_[line.id] = line.after;
      break;
    case ChangeKind::transaction_updated:
      FUZZ_CHECK(holds(rows_) && !line.after.empty(), "only a held row is updated");
      rows_[line.id] = line.after;
      break;
    case ChangeKind::transaction_removed:
      FUZZ_CHECK(holds(rows_) && line.after.empty(), "only a held row is removed");
      rows_.erase(line.id);
      break;
    case ChangeKind::account_created:
      FUZZ_CHECK(!accounts_.contains(line.id) && !gone_.contains(line.id), "only a new account is created");
      accounts_[line.id] = line.after;
      break;
    case ChangeKind::account_updated:
      FUZZ_CHECK(holds(accounts_), "only a held account is updated");
      accounts_[line.id] = line.after;
      break;
    case ChangeKind::account_gone:
      FUZZ_CHECK(holds(accounts_), "only a held account goes");
      gone_[line.id] = line.before;
      accounts_.erase(line.id);
      break;
    case ChangeKind::account_returned:
      FUZZ_CHECK(gone_.contains(line.id) && line.before.empty(), "only a gone account returns");
      accounts_[line.id] = line.after;
      gone_.erase(line.id);
      break;
    case ChangeKind::relink_opened:
    case ChangeKind::relink_resolved:
      FUZZ_CHECK(relink_open_ == (line.kind == ChangeKind::relink_resolved),
                 "an entry opens and closes in turn");
      relink_open_ = !relink_open_;
      break;
    default:
      break;
  }
}

bool same_rows(const std::map<std::string, std::string>& a, const std::map<std::string, std::string>& b) {
  return a.size() == b.size() && std::ranges::equal(a, b, [](const auto& left, const auto& right) {
           return left.first == right.first && core::same_json(left.second, right.second);
         });
}

}  // namespace syncd::fuzz
