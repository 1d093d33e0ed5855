#include "sync/core/diff.hpp"

#include <algorithm>
#include <cassert>

#include "sync/core/pending_match.hpp"
#include "sync/core/plan.hpp"

namespace syncd::core {

namespace {

const StoredTransaction* find_row(const std::vector<StoredTransaction>& rows, std::string_view id) {
  const auto at = std::ranges::lower_bound(
      rows, id, {}, [](const StoredTransaction& row) -> std::string_view { return row.transaction_id; });
  return at != rows.end() && at->transaction_id == id ? &*at : nullptr;
}

// What a page finally says of one id.
struct Word {
  std::string_view id;
  const TransactionRow* row = nullptr;  // null: removed
  std::uint32_t order = 0;              // created, updated, removed
  std::uint64_t key = 0;                // see sort_key()
};

// What all ids begin with.
std::size_t common_prefix_bytes(const std::vector<Word>& words) {
  std::string_view prefix = words.empty() ? std::string_view{} : words.front().id;
  for (const Word& word : words) {
    const auto [end, other] = std::ranges::mismatch(prefix, word.id);
    prefix = {prefix.begin(), end};
  }
  return prefix.size();
}

// The eight bytes of an id behind its first `skip` ones as a number that orders like them. Ids differ there,
// so that sorting a page compares numbers and hardly ever texts, which would cost a third of the whole step.
std::uint64_t sort_key(std::string_view id, std::size_t skip) {
  std::uint64_t key = 0;
  for (std::size_t at = skip; at < skip + sizeof key; ++at)
    key = key << 8 | (at < id.size() ? static_cast<unsigned char>(id[at]) : 0u);
  return key;
}

bool in_order(const Word& a, const Word& b) {
  if (a.key != b.key) return a.key < b.key;
  const int compared = a.id.compare(b.id);
  return compared != 0 ? compared < 0 : a.order < b.order;
}

// The last word per id, sorted by id.
std::vector<Word> last_words(const Page& page) {
  std::vector<Word> words;
  words.reserve(page.created.size() + page.updated.size() + page.removed.size());
  const auto add = [&words](std::string_view id, const TransactionRow* row) {
    words.push_back({.id = id, .row = row, .order = static_cast<std::uint32_t>(words.size())});
  };
  for (const TransactionRow& row : page.created)
    add(row.transaction_id, &row);
  for (const TransactionRow& row : page.updated)
    add(row.transaction_id, &row);
  for (const std::string_view id : page.removed)
    add(id, nullptr);
  const std::size_t skip = common_prefix_bytes(words);
  for (Word& word : words)
    word.key = sort_key(word.id, skip);
  std::ranges::sort(words, in_order);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool more = i + 1 < words.size() && words[i + 1].key == words[i].key;
    if (more && words[i + 1].id == words[i].id) continue;
    words[kept++] = words[i];
  }
  words.resize(kept);
  return words;
}

const Word* find_word(const std::vector<Word>& words, std::string_view id) {
  const auto at = std::ranges::lower_bound(words, id, {}, &Word::id);
  return at != words.end() && at->id == id ? &*at : nullptr;
}

RowView view_of(const TransactionRow& row) {
  return {row.transaction_id, row.account_id, row.json};
}

RowView view_of(const StoredTransaction& row) {
  return {row.transaction_id, row.account_id, row.json};
}

class TransactionDiff {
 public:
  TransactionDiff(const StepInput& input, const Page& page, LinkUpdate& update)
      : input_(input),
        page_(page),
        update_(update),
        words_(last_words(page)),
        replaces_(replaces_pending(input.record, page)),
        rebuilt_(rebuilds_pending(input.record, page)) {}

  void run() {
    drop_outdated_stage();
    if (matches_posted(input_.record, page_)) settled_ = match_posted(posted_rows(), vanishing_rows());
    update_.transaction_puts.reserve(words_.size());
    update_.changes.reserve(update_.changes.size() + words_.size());
    for (const Word& word : words_)
      apply(word);
    if (replaces_) replace_pending();
    name_origins();
    if (input_.record.resync && !page_.has_more) sweep();
    finish();
  }

 private:
  LinkRecord& record() { return update_.record; }
  const StoredTransaction* held(std::string_view id) const { return find_row(input_.held->transactions, id); }
  bool mentions(std::string_view id) const { return find_word(words_, id) != nullptr; }

  // Rows staged by earlier pages are worthless once upstream has rebuilt its pending set in the middle of the
  // drain.
  void drop_outdated_stage() {
    const DrainState& drain = input_.record.drain;
    if (drain.staged > 0 && (rebuilt_ || !page_.has_more)) {
      update_.staged_clear = true;
      record().drain.staged = 0;
    }
    if (rebuilt_) record().drain.brought_pending = false;
    if (brings_pending(page_)) record().drain.brought_pending = true;
  }

  // Earlier pages of this drain have listed the row among the pending ones.
  bool is_staged(std::string_view id) const {
    return !rebuilt_ && find_row(input_.held->staged, id) != nullptr;
  }

  void apply(const Word& word) {
    const StoredTransaction* before = held(word.id);
    unstage(word.id);
    if (word.row == nullptr) {
      if (before != nullptr) erase(*before);
    } else if (word.row->pending) {
      take_pending(*word.row, before);
    } else {
      if (before == nullptr) remember_posted(word.id);
      write(view_of(*word.row), false, before);
    }
  }

  void unstage(std::string_view id) {
    if (input_.record.drain.staged > 0 && !update_.staged_clear) update_.staged_erases.push_back(id);
  }

  // On the last page the row joins the set that replaces the visible one; before that it waits out of sight.
  void take_pending(const TransactionRow& row, const StoredTransaction* before) {
    if (!page_.has_more) {
      fresh_pending_.push_back(view_of(row));
      return;
    }
    // A posted row that turns pending again is visible already: it changes in place, so that the last page
    // finds it among the pending rows. From then on these are no longer those from before the drain.
    if (before != nullptr && !before->pending) {
      write(view_of(row), true, before);
      give_up_matching();
    }
    if (!update_.staged_erases.empty()) {  // unstage() has just named this row: it is written over instead
      assert(update_.staged_erases.back() == row.transaction_id);
      update_.staged_erases.pop_back();
    }
    update_.staged_puts.push_back(make_put(view_of(row), true, false, {}));
    ++record().drain.staged;
  }

  TransactionPut make_put(const RowView& row, bool pending, bool was_pending, std::string_view posted_from) {
    return {.transaction_id = row.id,
            .account_id = row.account_id,
            .json = row.json,
            .pending = pending,
            .was_pending = was_pending,
            .generation = input_.record.generation,
            .posted_from = posted_from};
  }

  // Compare before write. A row of which upstream says what it said before, but whose generation (resync) or
  // origin changes, is written without a feed entry.
  void write(const RowView& row, bool pending, const StoredTransaction* before) {
    const std::string_view posted_from = posted_from_of(row.id, before);
    const bool same = before != nullptr && before->pending == pending && same_json(before->json, row.json);
    const bool in_place = same && before->generation == input_.record.generation;
    if (in_place && before->posted_from == posted_from) return;
    const bool was_pending = before != nullptr && before->pending;
    update_.transaction_puts.push_back(make_put(row, pending, was_pending, posted_from));
    count_pending(was_pending, pending);
    if (same) return;
    if (before == nullptr) {
      ++record().counts.transactions;
      ++update_.created;
      update_.changes.push_back({ChangeKind::transaction_created, row.id, {}, row.json});
    } else {
      ++update_.updated;
      update_.changes.push_back({ChangeKind::transaction_updated, row.id, before->json, row.json});
    }
  }

  void erase(const StoredTransaction& row) {
    update_.transaction_erases.push_back({row.transaction_id, row.pending});
    count_pending(row.pending, false);
    --record().counts.transactions;
    ++update_.removed;
    update_.changes.push_back({ChangeKind::transaction_removed, row.transaction_id, row.json, {}});
  }

  void count_pending(bool before, bool after) {
    record().counts.pending += (after ? 1u : 0u);
    record().counts.pending -= (before ? 1u : 0u);
  }

  // The whole visible set gives way to what this drain brought: one generation, one commit.
  void replace_pending() {
    std::vector<RowView> set = std::move(fresh_pending_);
    for (const StoredTransaction& row : input_.held->staged) {
      if (!rebuilt_ && !mentions(row.transaction_id)) set.push_back(view_of(row));
    }
    std::ranges::sort(set, {}, &RowView::id);
    for (const RowView& row : set)
      write(row, true, held(row.id));
    for (const StoredTransaction& row : input_.held->transactions) {
      if (!row.pending || mentions(row.transaction_id)) continue;
      if (!std::ranges::binary_search(set, std::string_view(row.transaction_id), {}, &RowView::id))
        erase(row);
    }
    const std::optional<UpstreamTime> clock = drain_clock(input_.record, page_);
    if (clock) record().pending_clock = clock;
  }

  // What a full replay did not mention no longer exists upstream.
  void sweep() {
    for (const StoredTransaction& row : input_.held->transactions) {
      const bool stale = row.generation < input_.record.generation;
      if (stale && !row.pending && !mentions(row.transaction_id)) erase(row);
    }
  }

  // ---- which pending row a posted one settles: known when the drain ends, over all its pages ----

  // A page before the last one only remembers its new rows: which pending rows vanish is not known yet.
  void remember_posted(std::string_view id) {
    DrainState& drain = record().drain;
    if (!page_.has_more || input_.record.counts.pending == 0 || drain.match_given_up) return;
    if (drain.posted_ids.size() >= drain_posted_max) {
      give_up_matching();
    } else {
      drain.posted_ids.emplace_back(id);
    }
  }

  void give_up_matching() {
    record().drain.posted_ids.clear();
    record().drain.match_given_up = true;
  }

  // All that are new in this drain and still posted at its end.
  std::vector<RowView> posted_rows() const {
    std::vector<RowView> rows;
    for (const Word& word : words_) {
      const bool posted = word.row != nullptr && !word.row->pending;
      if (posted && held(word.id) == nullptr) rows.push_back(view_of(*word.row));
    }
    std::vector<std::string_view> earlier(input_.record.drain.posted_ids.begin(),
                                          input_.record.drain.posted_ids.end());
    std::ranges::sort(earlier);
    const auto repeated = std::ranges::unique(earlier);
    earlier.erase(repeated.begin(), repeated.end());
    for (const std::string_view id : earlier) {
      const StoredTransaction* row = held(id);
      if (row == nullptr) continue;
      assert(!row->pending && "one that turned pending ends the matching");
      const Word* word = find_word(words_, id);
      if (word == nullptr) {
        rows.push_back(view_of(*row));
      } else if (word->row != nullptr && !word->row->pending) {
        rows.push_back(view_of(*word->row));
      }
    }
    return rows;
  }

  // The visible pending rows of which this drain knows nothing any more.
  std::vector<RowView> vanishing_rows() const {
    std::vector<RowView> rows;
    for (const StoredTransaction& row : input_.held->transactions) {
      if (row.pending && !mentions(row.transaction_id) && !is_staged(row.transaction_id))
        rows.push_back(view_of(row));
    }
    return rows;
  }

  std::string_view posted_from_of(std::string_view id, const StoredTransaction* before) const {
    const auto at = std::ranges::lower_bound(settled_, id, {}, &Settled::posted_id);
    if (at != settled_.end() && at->posted_id == id) return at->pending_id;
    return before == nullptr ? std::string_view{} : before->posted_from;
  }

  // The rows of earlier pages that found theirs: upstream says nothing else of them than before.
  void name_origins() {
    for (const Settled& pair : settled_) {
      const StoredTransaction* row = held(pair.posted_id);
      if (row != nullptr && !mentions(pair.posted_id)) write(view_of(*row), false, row);
    }
  }

  void finish() {
    const auto by_id = [](auto& rows, auto id) {
      if (!std::ranges::is_sorted(rows, {}, id)) std::ranges::sort(rows, {}, id);
    };
    by_id(update_.transaction_puts, &TransactionPut::transaction_id);
    by_id(update_.transaction_erases, &TransactionErase::transaction_id);
  }

  const StepInput& input_;
  const Page& page_;
  LinkUpdate& update_;
  const std::vector<Word> words_;  // by id
  const bool replaces_;
  const bool rebuilt_;
  std::vector<RowView> fresh_pending_;
  std::vector<Settled> settled_;  // by posted id
};

const StoredAccount* find_account(const std::vector<StoredAccount>& accounts, std::string_view id) {
  const auto at = std::ranges::lower_bound(
      accounts, id, {}, [](const StoredAccount& account) -> std::string_view { return account.account_id; });
  return at != accounts.end() && at->account_id == id ? &*at : nullptr;
}

// By id. A list that names an account twice: the last one counts.
std::vector<const AccountRow*> last_accounts(const std::vector<AccountRow>& rows) {
  std::vector<const AccountRow*> last;
  last.reserve(rows.size());
  for (const AccountRow& row : rows)
    last.push_back(&row);
  std::ranges::sort(last, [](const AccountRow* a, const AccountRow* b) {
    return a->account_id != b->account_id ? a->account_id < b->account_id : a > b;
  });
  const auto repeated = std::ranges::unique(last, {}, &AccountRow::account_id);
  last.erase(repeated.begin(), repeated.end());
  return last;
}

void diff_account(const StoredAccount* held, const AccountRow& row, LinkUpdate& update) {
  if (held != nullptr && !held->gone && same_json(held->json, row.json)) return;
  update.account_puts.push_back({.account_id = row.account_id, .json = row.json});
  if (held == nullptr) {
    ++update.record.counts.accounts;
    update.changes.push_back({ChangeKind::account_created, row.account_id, {}, row.json});
  } else if (held->gone) {
    ++update.record.counts.accounts;
    // As if it came anew: when it went, the feed said that nothing was left of it.
    update.changes.push_back({ChangeKind::account_returned, row.account_id, {}, row.json});
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
  const std::vector<const AccountRow*> last = last_accounts(rows);
  for (const AccountRow* row : last)
    diff_account(find_account(input.held->accounts, row->account_id), *row, update);
  if (!complete) return;
  for (const StoredAccount& held : input.held->accounts) {
    const bool listed =
        std::ranges::binary_search(last, std::string_view(held.account_id), {}, &AccountRow::account_id);
    if (listed || held.gone) continue;
    update.account_puts.push_back(
        {.account_id = held.account_id, .json = held.json, .gone = true, .gone_since = input.now});
    --update.record.counts.accounts;
    update.changes.push_back({ChangeKind::account_gone, held.account_id, held.json, {}});
  }
}

bool names_unknown_account(const StepInput& input, const Page& page) {
  if (page.created.empty() && page.updated.empty()) return false;
  std::vector<std::string_view> known;
  known.reserve(input.held->accounts.size() + page.accounts.size());
  for (const StoredAccount& account : input.held->accounts) {
    if (!account.gone) known.push_back(account.account_id);
  }
  for (const AccountRow& account : page.accounts)
    known.push_back(account.account_id);
  std::ranges::sort(known);
  const auto unknown = [&](const TransactionRow& row) {
    return !std::ranges::binary_search(known, row.account_id);
  };
  return std::ranges::any_of(page.created, unknown) || std::ranges::any_of(page.updated, unknown);
}

}  // namespace syncd::core
