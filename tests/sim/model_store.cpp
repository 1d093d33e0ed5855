#include "tests/sim/model_store.hpp"

#include <algorithm>

#include "sync/core/page.hpp"

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

template <class Ids>
void mark(Ids& ids, std::string_view id, bool pending, NetChanges& net) {
  if (pending) {
    ids.emplace(id);
  } else if (const auto found = ids.find(id); found != ids.end()) {
    ids.erase(found);
    ++net.pending_left;
  }
}

}  // namespace

bool same_text(const std::string& a, const std::string& b) {
  return a == b || core::same_json(a, b);
}

store::CommitOutcome ModelStore::apply(const core::LinkUpdate& update) {
  const auto found = links.find(update.link_id);
  const std::uint64_t fence = found == links.end() ? 0 : found->second.fence;
  if (fence != update.expected_fence) return store::CommitOutcome::conflict;
  if (update.audit && find_act(update.audit->request_key) != nullptr) return store::CommitOutcome::conflict;

  changed_.insert(update.link_id);
  net_ = {};
  if (update.purge) {
    purge(update);
    return store::CommitOutcome::committed;
  }
  links[update.link_id] = update.record;
  apply_rows(update);
  apply_staged(update);
  for (const core::AccountPut& put : update.account_puts) {
    accounts[update.link_id][std::string(put.account_id)] = {std::string(put.account_id),
                                                             std::string(put.json), put.gone, put.gone_since};
  }
  append_changes(update);
  if (update.relink) relink[update.link_id] = *update.relink;
  apply_letters(update);
  apply_notes(update);
  if (update.audit) append_act(update.at, update.link_id, *update.audit);
  return store::CommitOutcome::committed;
}

void ModelStore::append_changes(const core::LinkUpdate& update) {
  for (const core::Change& change : update.changes) {
    feed.push_back(std::make_shared<const store::FeedEntry>(
        store::FeedEntry{.epoch = epoch,
                         .sequence = head() + (sabotaged(Sabotage::skips_a_sequence) ? 2 : 1),
                         .at = update.at,
                         .link_id = update.link_id,
                         .kind = change.kind,
                         .id = std::string(change.id),
                         .before = std::string(change.before),
                         .after = std::string(change.after),
                         .cause = update.cause}));
  }
}

void ModelStore::apply_notes(const core::LinkUpdate& update) {
  for (const core::NotePut& note : update.notes) {
    if (note.value) {
      notes[note.name] = *note.value;
    } else {
      notes.erase(note.name);
    }
  }
}

core::HintOutcome ModelStore::put_hint(const core::Hint& hint) {
  if (!links.contains(hint.link_id)) return core::HintOutcome::unknown_link;
  if (!hook_keys.insert(hint.key).second) return core::HintOutcome::duplicate;
  if (hint.replaces != hint.sequence) notes.erase(core::hint_note(hint.link_id, hint.replaces));
  notes[core::hint_note(hint.link_id, hint.sequence)] = {};
  return core::HintOutcome::accepted;
}

std::vector<core::Hint> ModelStore::hints() const {
  std::map<core::LinkId, std::uint64_t> latest;
  for (const auto& [name, value] : notes) {
    const auto hint = core::parse_hint_note(name);
    if (hint) latest[core::LinkId{std::string(hint->link_id)}] = hint->sequence;
  }
  std::vector<core::Hint> found;
  for (const auto& [link_id, sequence] : latest)
    found.push_back({.link_id = link_id, .sequence = sequence});
  return found;
}

// The entries are shared with copies: they are replaced, not changed.
void ModelStore::purge(const core::LinkUpdate& update) {
  const core::LinkId& link_id = update.link_id;
  links.erase(link_id);
  rows.erase(link_id);
  pending.erase(link_id);
  staged.erase(link_id);
  accounts.erase(link_id);
  relink.erase(link_id);
  std::erase_if(dead_letters, [&](const core::DeadLetter& letter) { return letter.link_id == link_id; });
  const std::string hints_of = core::hint_notes_of(link_id);
  std::erase_if(notes, [&](const auto& note) { return note.first.starts_with(hints_of); });
  letter_before_.reset();
  for (auto& entry : feed) {
    if (entry->link_id != link_id || entry->kind == core::ChangeKind::link_purged) continue;
    store::FeedEntry erased = *entry;
    erased.kind = core::ChangeKind::link_purged;
    erased.id = link_id.str();
    erased.before.clear();
    erased.after.clear();
    entry = std::make_shared<const store::FeedEntry>(std::move(erased));
  }
  append_changes(update);
  apply_notes(update);
  if (update.audit) append_act(update.at, link_id, *update.audit);
}

bool ModelStore::sabotaged(Sabotage kind) {
  if (sabotage_ != kind) return false;
  sabotage_ = Sabotage::none;
  return true;
}

// Puts first, as the real store: an id is in one of the lists only.
void ModelStore::apply_rows(const core::LinkUpdate& update) {
  for (const core::TransactionPut& put : update.transaction_puts)
    put_row(update.link_id, put);
  auto& visible = rows[update.link_id];
  for (const core::TransactionErase& erase : update.transaction_erases) {
    const auto row = visible.find(erase.transaction_id);
    if (row == visible.end()) continue;
    ++net_.removed;
    if (sabotaged(Sabotage::forgets_a_removal)) continue;
    mark(pending[update.link_id], erase.transaction_id, false, net_);
    visible.erase(row);
  }
}

void ModelStore::put_row(const core::LinkId& link_id, const core::TransactionPut& put) {
  auto& visible = rows[link_id];
  mark(pending[link_id], put.transaction_id, put.pending, net_);
  const auto row = visible.find(put.transaction_id);
  if (row == visible.end()) {
    ++net_.created;
    net_.pending_came += put.pending ? 1 : 0;
    visible.emplace(std::string(put.transaction_id), stored(put));
    return;
  }
  core::StoredTransaction next = stored(put);
  if (!same_text(row->second.json, next.json)) {
    ++net_.updated;
    if (row->second.account_id != next.account_id) ++net_.moved;
  }
  row->second = std::move(next);
}

void ModelStore::apply_staged(const core::LinkUpdate& update) {
  auto& stage = staged[update.link_id];
  if (update.staged_clear) stage.clear();
  for (const core::TransactionPut& put : update.staged_puts)
    stage[std::string(put.transaction_id)] = stored(put);
  for (const std::string_view id : update.staged_erases) {
    if (const auto row = stage.find(id); row != stage.end()) stage.erase(row);
  }
}

// One of the same link and time is the same one, changed.
void ModelStore::apply_letters(const core::LinkUpdate& update) {
  letter_before_.reset();
  const auto take = [&](core::WallTime at) {
    const core::DeadLetter* const known = find_letter(update.link_id, at);
    if (known == nullptr) return;
    letter_before_ = *known;
    dead_letters.erase(dead_letters.begin() + (known - dead_letters.data()));
  };
  if (update.dead_letter) {
    take(update.dead_letter->at);
    dead_letters.push_back(*update.dead_letter);
  }
  if (update.dropped_dead_letter_at) take(*update.dropped_dead_letter_at);
}

const core::DeadLetter* ModelStore::find_letter(const core::LinkId& link_id, core::WallTime at) const {
  const auto same = [&](const core::DeadLetter& letter) {
    return letter.link_id == link_id && letter.at == at;
  };
  const auto found = std::ranges::find_if(dead_letters, same);
  return found == dead_letters.end() ? nullptr : &*found;
}

core::Result<void> ModelStore::record_act(core::WallTime at, const core::AuditNote& note) {
  if (find_act(note.request_key) != nullptr)
    return core::fail(core::Errc::conflict, "this request was answered before");
  append_act(at, core::LinkId{}, note);
  return {};
}

void ModelStore::append_act(core::WallTime at, const core::LinkId& link_id, const core::AuditNote& note) {
  const core::AuditHead end =
      audit.empty() ? core::AuditHead{} : core::AuditHead{audit.back().sequence, audit.back().hash};
  audit.push_back(core::next_entry(end, at, link_id, note));
}

const core::AuditEntry* ModelStore::find_act(const core::Digest& request_key) const {
  if (request_key == core::Digest{}) return nullptr;
  const auto same = [&](const core::AuditEntry& entry) { return entry.note.request_key == request_key; };
  const auto found = std::ranges::find_if(audit, same);
  return found == audit.end() ? nullptr : &*found;
}

core::Held ModelStore::lookup(const core::LookupRequest& request) const {
  core::Held held;
  if (const auto link = rows.find(request.link_id); link != rows.end()) {
    ById<const core::StoredTransaction*> wanted;
    const auto want = [&](std::string_view id) {
      if (const auto row = link->second.find(id); row != link->second.end())
        wanted.emplace(row->first, &row->second);
    };
    for (const std::string_view id : request.transaction_ids)
      want(id);
    if (const auto ids = pending.find(request.link_id); request.pending && ids != pending.end()) {
      for (const std::string& id : ids->second)
        want(id);
    }
    if (request.stale_below != 0) {
      std::uint32_t left = request.stale_limit;
      for (auto row = link->second.upper_bound(request.stale_after); row != link->second.end(); ++row) {
        if (row->second.generation >= request.stale_below) continue;
        wanted.emplace(row->first, &row->second);
        if (--left == 0) break;
      }
    }
    for (const auto& [id, row] : wanted)
      held.transactions.push_back(*row);
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
  if (const core::AuditEntry* const act = find_act(request.request_key)) held.earlier_act = *act;
  if (request.dead_letter_at) {
    const core::DeadLetter* const letter = find_letter(request.link_id, *request.dead_letter_at);
    if (letter != nullptr) held.dead_letter = *letter;
  }
  return held;
}

ShownFeed ModelStore::read_feed(std::uint64_t after, std::size_t limit) {
  published_epoch_ = epoch;
  published_ = head();
  const auto sequence = [](const auto& entry) { return entry->sequence; };
  const auto begin = std::ranges::upper_bound(feed, after, {}, sequence);
  const auto left = static_cast<std::size_t>(feed.end() - begin);
  return {.entries = {begin, std::min(limit, left)}, .epoch = epoch, .head = head()};
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
  for (const auto& [link_id, record] : links)
    changed_.insert(link_id);
}

}  // namespace syncd::test
