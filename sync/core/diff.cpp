#include "sync/core/diff.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <unordered_map>

#include "sync/core/plan.hpp"
#include "sync/core/row_facts.hpp"

namespace syncd::core {

namespace {

// Posted rows appear within this many days of the pending row they settle.
constexpr int posted_after_days_max = 10;

const StoredTransaction* find_row(const std::vector<StoredTransaction>& rows, std::string_view id) {
  const auto at = std::ranges::lower_bound(
      rows, id, {}, [](const StoredTransaction& row) -> std::string_view { return row.transaction_id; });
  return at != rows.end() && at->transaction_id == id ? &*at : nullptr;
}

// What a page finally says of one id.
struct Word {
  std::string_view id;
  const TransactionRow* row = nullptr;  // null: removed
  std::size_t order = 0;                // created, updated, removed
};

// The last word per id, sorted by id.
std::vector<Word> last_words(const Page& page) {
  std::vector<Word> words;
  words.reserve(page.created.size() + page.updated.size() + page.removed.size());
  for (const TransactionRow& row : page.created)
    words.push_back({row.transaction_id, &row, words.size()});
  for (const TransactionRow& row : page.updated)
    words.push_back({row.transaction_id, &row, words.size()});
  for (const std::string_view id : page.removed)
    words.push_back({id, nullptr, words.size()});
  std::ranges::sort(
      words, [](const Word& a, const Word& b) { return a.id != b.id ? a.id < b.id : a.order < b.order; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i + 1 < words.size() && words[i + 1].id == words[i].id) continue;
    words[kept++] = words[i];
  }
  words.resize(kept);
  return words;
}

class TransactionDiff {
 public:
  TransactionDiff(const StepInput& input, const Page& page, LinkUpdate& update)
      : input_(input), page_(page), update_(update), replaces_(replaces_pending(input.record, page)) {}

  void run() {
    const std::vector<Word> words = last_words(page_);
    drop_outdated_stage();
    match_posted(words);
    for (const Word& word : words)
      apply(word);
    if (replaces_) replace_pending(words);
    if (input_.record.resync && !page_.has_more) sweep(words);
    finish();
  }

 private:
  LinkRecord& record() { return update_.record; }

  // Rows staged by earlier pages are worthless once upstream has rebuilt its pending set in the middle of the
  // drain.
  void drop_outdated_stage() {
    const DrainState& drain = input_.record.drain;
    const bool rebuilt = drain.open && drain.clock != page_.link.transactions.refreshed_at;
    staged_valid_ = drain.open && !rebuilt;
    if (drain.staged > 0 && (rebuilt || !page_.has_more)) {
      update_.staged_clear = true;
      record().drain.staged = 0;
    }
    if (rebuilt) record().drain.brought_pending = false;
    if (brings_pending(page_)) record().drain.brought_pending = true;
  }

  void apply(const Word& word) {
    const StoredTransaction* held = find_row(input_.held->transactions, word.id);
    unstage(word.id);
    if (word.row == nullptr) {
      if (held != nullptr) erase(*held);
    } else if (word.row->pending) {
      take_pending(*word.row, held);
    } else {
      put(*word.row, held, posted_from_of(word.id, held));
    }
  }

  void unstage(std::string_view id) {
    if (input_.record.drain.staged > 0 && !update_.staged_clear) update_.staged_erases.push_back(id);
  }

  // On the last page the row joins the set that replaces the visible one; before that it waits out of sight.
  void take_pending(const TransactionRow& row, const StoredTransaction* held) {
    // A posted row that turns pending again is visible already: it changes in place, so that the last page
    // finds it among the pending rows.
    if (page_.has_more && held != nullptr && !held->pending) {
      write(row.transaction_id, row.account_id, row.json, true, held, held->posted_from);
    }
    if (page_.has_more) {
      if (!update_.staged_erases.empty() && update_.staged_erases.back() == row.transaction_id) {
        update_.staged_erases.pop_back();
      }
      update_.staged_puts.push_back(make_put(row.transaction_id, row.account_id, row.json, true, false, {}));
      ++record().drain.staged;
    } else {
      fresh_pending_.push_back({row.transaction_id, row.account_id, row.json});
    }
  }

  TransactionPut make_put(std::string_view id, std::string_view account_id, std::string_view json,
                          bool pending, bool was_pending, std::string_view posted_from) {
    return {.transaction_id = id,
            .account_id = account_id,
            .json = json,
            .pending = pending,
            .was_pending = was_pending,
            .generation = input_.record.generation,
            .posted_from = posted_from};
  }

  void put(const TransactionRow& row, const StoredTransaction* held, std::string_view posted_from) {
    write(row.transaction_id, row.account_id, row.json, false, held, posted_from);
  }

  // Compare before write; a row that only changes its generation (resync) is written without a feed entry.
  void write(std::string_view id, std::string_view account_id, std::string_view json, bool pending,
             const StoredTransaction* held, std::string_view posted_from) {
    const bool same = held != nullptr && held->pending == pending && same_json(held->json, json);
    if (same && held->generation == input_.record.generation) return;
    const bool was_pending = held != nullptr && held->pending;
    update_.transaction_puts.push_back(make_put(id, account_id, json, pending, was_pending, posted_from));
    count_pending(was_pending, pending);
    if (same) return;
    if (held == nullptr) {
      ++record().counts.transactions;
      ++update_.created;
      update_.changes.push_back({ChangeKind::transaction_created, id, {}, json});
    } else {
      ++update_.updated;
      update_.changes.push_back({ChangeKind::transaction_updated, id, held->json, json});
    }
  }

  void erase(const StoredTransaction& held) {
    update_.transaction_erases.push_back({held.transaction_id, held.pending});
    count_pending(held.pending, false);
    --record().counts.transactions;
    ++update_.removed;
    update_.changes.push_back({ChangeKind::transaction_removed, held.transaction_id, held.json, {}});
  }

  void count_pending(bool before, bool after) {
    record().counts.pending += (after ? 1u : 0u);
    record().counts.pending -= (before ? 1u : 0u);
  }

  struct PendingRow {
    std::string_view id, account_id, json;
  };

  static bool mentions(const std::vector<Word>& words, std::string_view id) {
    return std::ranges::binary_search(words, id, {}, &Word::id);
  }

  // The whole visible set gives way to what this drain brought: one generation, one commit.
  void replace_pending(const std::vector<Word>& words) {
    std::vector<PendingRow> set = fresh_pending_;
    if (staged_valid_) {
      for (const StoredTransaction& row : input_.held->staged) {
        if (!mentions(words, row.transaction_id))
          set.push_back({row.transaction_id, row.account_id, row.json});
      }
    }
    std::ranges::sort(set, {}, &PendingRow::id);
    for (const PendingRow& row : set) {
      write(row.id, row.account_id, row.json, true, find_row(input_.held->transactions, row.id), {});
    }
    for (const StoredTransaction& held : input_.held->transactions) {
      if (!held.pending) continue;
      const bool stays =
          std::ranges::binary_search(set, std::string_view(held.transaction_id), {}, &PendingRow::id);
      if (!stays && !mentions(words, held.transaction_id)) erase(held);
    }
    const std::optional<UpstreamTime>& clock = page_.link.transactions.refreshed_at;
    if (clock) record().pending_clock = clock;
  }

  // What a full replay did not mention no longer exists upstream.
  void sweep(const std::vector<Word>& words) {
    for (const StoredTransaction& held : input_.held->transactions) {
      const bool stale = held.generation < input_.record.generation;
      if (stale && !held.pending && !mentions(words, held.transaction_id)) erase(held);
    }
  }

  // Which pending row each newly posted row settles, where that is certain both ways.
  void match_posted(const std::vector<Word>& words) {
    if (input_.record.counts.pending == 0) return;
    std::unordered_map<std::string_view, int> claims;
    for (const Word& word : words) {
      if (word.row == nullptr || word.row->pending) continue;
      if (find_row(input_.held->transactions, word.id) != nullptr) continue;
      const StoredTransaction* settled = settled_by(*word.row, words);
      if (settled == nullptr) continue;
      posted_from_[word.id] = settled->transaction_id;
      ++claims[settled->transaction_id];
    }
    std::erase_if(posted_from_, [&](const auto& entry) { return claims[entry.second] > 1; });
  }

  const StoredTransaction* settled_by(const TransactionRow& posted, const std::vector<Word>& words) {
    const std::optional<RowFacts> facts = row_facts(posted.json);
    if (!facts) return nullptr;
    const StoredTransaction* best = nullptr;
    int best_score = 0;
    bool certain = false;
    for (const StoredTransaction& held : input_.held->transactions) {
      if (!held.pending || held.account_id != posted.account_id) continue;
      if (mentions(words, held.transaction_id) || still_pending(held.transaction_id)) continue;
      const int score = match_score(held, *facts);
      if (score == 0 || score < best_score) continue;
      certain = score > best_score;
      best_score = score;
      best = &held;
    }
    return certain ? best : nullptr;
  }

  // An earlier page of this drain has listed the row among the pending ones.
  bool still_pending(std::string_view id) const {
    return staged_valid_ && find_row(input_.held->staged, id) != nullptr;
  }

  // 0: not the same payment. Otherwise higher for an equal description and a closer date.
  static int match_score(const StoredTransaction& pending, const RowFacts& posted) {
    const std::optional<RowFacts> facts = row_facts(pending.json);
    if (!facts || facts->amount != posted.amount || facts->type != posted.type) return 0;
    if (facts->currency != posted.currency) return 0;
    const std::optional<int> from = civil_day(facts->date);
    const std::optional<int> to = civil_day(posted.date);
    if (!from || !to || std::abs(*to - *from) > posted_after_days_max) return 0;
    const bool same_words =
        !facts->raw_description.empty() && facts->raw_description == posted.raw_description;
    return (same_words ? 100 : 0) + posted_after_days_max + 1 - std::abs(*to - *from);
  }

  std::string_view posted_from_of(std::string_view id, const StoredTransaction* held) const {
    if (held != nullptr) return held->posted_from;
    const auto found = posted_from_.find(id);
    return found == posted_from_.end() ? std::string_view{} : found->second;
  }

  void finish() {
    std::ranges::sort(update_.transaction_puts, {}, &TransactionPut::transaction_id);
    std::ranges::sort(update_.transaction_erases, {}, &TransactionErase::transaction_id);
  }

  const StepInput& input_;
  const Page& page_;
  LinkUpdate& update_;
  const bool replaces_;
  bool staged_valid_ = false;
  std::vector<PendingRow> fresh_pending_;
  std::unordered_map<std::string_view, std::string_view> posted_from_;
};

const StoredAccount* find_account(const std::vector<StoredAccount>& accounts, std::string_view id) {
  const auto found = std::ranges::find(accounts, id, &StoredAccount::account_id);
  return found == accounts.end() ? nullptr : &*found;
}

void diff_account(const StoredAccount* held, const AccountRow& row, LinkUpdate& update) {
  if (held != nullptr && !held->gone && same_json(held->json, row.json)) return;
  update.account_puts.push_back({.account_id = row.account_id, .json = row.json});
  if (held == nullptr) {
    ++update.record.counts.accounts;
    update.changes.push_back({ChangeKind::account_created, row.account_id, {}, row.json});
  } else if (held->gone) {
    ++update.record.counts.accounts;
    update.changes.push_back({ChangeKind::account_returned, row.account_id, held->json, row.json});
  } else {
    update.changes.push_back({ChangeKind::account_updated, row.account_id, held->json, row.json});
  }
}

}  // namespace

std::string_view keep_text(LinkUpdate& update, std::string text) {
  update.texts.push_back(std::make_unique<const std::string>(std::move(text)));
  return *update.texts.back();
}

void diff_transactions(const StepInput& input, const Page& page, LinkUpdate& update) {
  TransactionDiff(input, page, update).run();
}

void diff_accounts(const StepInput& input, const std::vector<AccountRow>& rows, bool complete,
                   LinkUpdate& update) {
  // A list that names an account twice: the last one counts.
  std::vector<const AccountRow*> last;
  for (const AccountRow& row : rows) {
    std::erase_if(last, [&](const AccountRow* other) { return other->account_id == row.account_id; });
    last.push_back(&row);
  }
  for (const AccountRow* row : last)
    diff_account(find_account(input.held->accounts, row->account_id), *row, update);
  if (!complete) return;
  for (const StoredAccount& held : input.held->accounts) {
    const bool listed =
        std::ranges::any_of(last, [&](const AccountRow* row) { return row->account_id == held.account_id; });
    if (listed || held.gone) continue;
    update.account_puts.push_back(
        {.account_id = held.account_id, .json = held.json, .gone = true, .gone_since = input.now});
    --update.record.counts.accounts;
    update.changes.push_back({ChangeKind::account_gone, held.account_id, held.json, {}});
  }
}

bool names_unknown_account(const StepInput& input, const Page& page) {
  const auto known = [&](std::string_view account_id) {
    const StoredAccount* held = find_account(input.held->accounts, account_id);
    if (held != nullptr && !held->gone) return true;
    return std::ranges::find(page.accounts, account_id, &AccountRow::account_id) != page.accounts.end();
  };
  const auto unknown = [&](const TransactionRow& row) { return !known(row.account_id); };
  return std::ranges::any_of(page.created, unknown) || std::ranges::any_of(page.updated, unknown);
}

}  // namespace syncd::core
