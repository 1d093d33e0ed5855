#include <utility>

#include <fmt/format.h>

#include "store/batch_impl.hpp"
#include "store/codec.hpp"
#include "store/keys.hpp"

namespace syncd::store {
namespace {

// A key whose link and kind stay while its id changes.
class KeyOf {
 public:
  KeyOf(std::string& key, std::string_view link_id, std::uint8_t kind) : key_(key) {
    key_ = kind_prefix(link_id, kind);
    prefix_bytes_ = key_.size();
  }
  std::string_view operator()(std::string_view id) {
    key_.resize(prefix_bytes_);
    key_.append(id);
    return key_;
  }

 private:
  std::string& key_;
  std::size_t prefix_bytes_;
};

core::Result<void> check_id(std::string_view what, std::string_view id) {
  if (is_storable_id(id)) return {};
  return core::fail(core::Errc::invalid, fmt::format("a {} id must have 1 to {} bytes, this one has {}", what,
                                                     core::id_bytes_max, id.size()));
}

}  // namespace

core::Result<void> check_update(const core::LinkUpdate& update) {
  if (auto ok = check_id("link", update.link_id.str()); !ok) return ok;
  if (update.record.link_id != update.link_id) {
    return core::fail(core::Errc::invalid, "an update carries the record of another link");
  }
  if (update.record.fence == 0)
    return core::fail(core::Errc::invalid, "a link record must have a fence above 0");
  for (const auto* rows : {&update.transaction_puts, &update.staged_puts}) {
    for (const auto& row : *rows) {
      if (auto ok = check_id("transaction", row.transaction_id); !ok) return ok;
    }
  }
  for (const auto& account : update.account_puts) {
    if (auto ok = check_id("account", account.account_id); !ok) return ok;
  }
  const bool writes_more = update.relink || update.dead_letter || update.link_object ||
                           !update.transaction_puts.empty() || !update.staged_puts.empty() ||
                           !update.account_puts.empty();
  if (update.purge && (writes_more || update.expected_fence == 0))
    return core::fail(core::Errc::invalid, "an update both purges a link and writes something of it");
  if (update.relink && update.relink->link_id != update.link_id) {
    return core::fail(core::Errc::invalid, "an update carries the relink entry of another link");
  }
  if (update.dead_letter && update.dead_letter->link_id != update.link_id) {
    return core::fail(core::Errc::invalid, "an update carries the dead letter of another link");
  }
  return {};
}

BatchBuilder::BatchBuilder(Database& database, RecordCache& cache, DeadLetterIndex& dead_letters,
                           AuditLog& audit, rocksdb::WriteBatch& batch, FeedState feed)
    : database_(database),
      cache_(cache),
      dead_letters_(dead_letters),
      audit_(audit),
      batch_(batch),
      feed_(feed) {
}

core::Result<CommitOutcome> BatchBuilder::add(const core::LinkUpdate& update) {
  const auto link = touch(update.link_id);
  if (!link) return std::unexpected(link.error());
  auto& touched = **link;
  if (touched.fence != update.expected_fence) return CommitOutcome::conflict;
  if (update.audit && audit_.find(update.audit->request_key)) return CommitOutcome::conflict;

  // Scans find nothing of what a batch has put itself. Only a caller that knew what is not written yet can
  // ask for that; as any other, it tries again.
  if (update.purge && touched.written) return CommitOutcome::conflict;
  if (update.purge) {
    if (auto purged = purge(update, touched); !purged) return std::unexpected(purged.error());
    put_feed(update);
    put_notes(update);
    put_audit(update);
    return CommitOutcome::committed;
  }
  touched.written = true;
  put_rows(update);
  if (auto staged = put_staged(update, touched); !staged) return std::unexpected(staged.error());
  put_accounts(update);
  put_record(update, touched);
  put_feed(update);
  if (auto relink = put_relink(update, touched); !relink) return std::unexpected(relink.error());
  if (auto letters = put_letters(update); !letters) return std::unexpected(letters.error());
  put_notes(update);
  put_audit(update);
  return CommitOutcome::committed;
}

core::Result<bool> BatchBuilder::finish() {
  if (feed_moved_) {
    value_.clear();
    encode_feed_state(value_, feed_);
    put(Family::meta, meta_key::feed, value_);
  }
  if (audit_moved_) {
    value_.clear();
    encode_audit_head(value_, audit_.head());
    put(Family::meta, meta_key::audit, value_);
  }
  if (!status_.ok())
    return std::unexpected(database_.failed("build a commit", status_, StoreOperation::write));
  return batch_.Count() > 0;
}

void BatchBuilder::remember() {
  for (auto& [link_id, touched] : touched_)
    cache_.put(link_id, touched.fence);
  touched_.clear();
}

core::Result<BatchBuilder::Touched*> BatchBuilder::touch(const core::LinkId& link_id) {
  const auto [it, is_new] = touched_.try_emplace(link_id.str());
  auto& touched = it->second;
  if (!is_new) return &touched;
  if (const auto known = cache_.fence(link_id.str())) {
    touched.fence = *known;
    return &touched;
  }
  rocksdb::PinnableSlice value;
  const auto found = database_.get(Family::links, link_key(link_id.str()), value);
  if (!found) return std::unexpected(found.error());
  if (!*found) return &touched;
  const auto fence = decode_link_fence(to_view(value));
  if (!fence) return std::unexpected(database_.failed("check a link", fence.error()));
  touched.fence = *fence;
  return &touched;
}

void BatchBuilder::put_record(const core::LinkUpdate& update, Touched& link) {
  value_.clear();
  encode_link(value_, update.record);
  put(Family::links, link_key(update.link_id.str()), value_);
  if (update.link_object) {
    value_.clear();
    encode_blob_head(value_);
    put(Family::accounts, link_object_key(update.link_id.str()), value_, *update.link_object);
  }
  // Whose link it is comes with its registration, or later by an act that completes that.
  const bool may_name_user = link.fence == 0 || update.audit.has_value();
  if (may_name_user && !update.record.customer_user_id.empty())
    put(Family::links, user_link_key(update.record.customer_user_id, update.link_id.str()), {});
  link.fence = update.record.fence;
}

void BatchBuilder::put_rows(const core::LinkUpdate& update) {
  const auto& link_id = update.link_id.str();
  {
    KeyOf key(key_, link_id, std::to_underlying(RowKind::visible));
    for (const auto& row : update.transaction_puts) {
      value_.clear();
      encode_row_head(value_, row);
      put(Family::transactions, key(row.transaction_id), value_, row.json);
    }
    for (const auto& row : update.transaction_erases)
      erase(Family::transactions, key(row.transaction_id));
  }
  KeyOf key(key_, link_id, std::to_underlying(RowKind::pending_index));
  for (const auto& row : update.transaction_puts) {
    if (row.pending && !row.was_pending) put(Family::transactions, key(row.transaction_id), {});
    if (!row.pending && row.was_pending) erase(Family::transactions, key(row.transaction_id));
  }
  for (const auto& row : update.transaction_erases) {
    if (row.was_pending) erase(Family::transactions, key(row.transaction_id));
  }
}

core::Result<void> BatchBuilder::put_staged(const core::LinkUpdate& update, Touched& link) {
  const auto& link_id = update.link_id.str();
  constexpr auto kind = std::to_underlying(RowKind::staged);
  KeyOf key(key_, link_id, kind);
  if (update.staged_clear) {
    Scan scan(database_, Family::transactions, kind_prefix(link_id, kind), kind_prefix_end(link_id, kind));
    for (; scan.valid(); scan.next())
      erase(Family::transactions, scan.key());
    if (auto done = scan.finish("clear staged rows"); !done) return done;
    for (const auto& id : link.staged)
      erase(Family::transactions, key(id));
    link.staged.clear();
  }
  for (const auto& row : update.staged_puts) {
    value_.clear();
    encode_row_head(value_, row);
    put(Family::transactions, key(row.transaction_id), value_, row.json);
    link.staged.emplace_back(row.transaction_id);
  }
  for (const auto id : update.staged_erases)
    erase(Family::transactions, key(id));
  return {};
}

void BatchBuilder::put_accounts(const core::LinkUpdate& update) {
  KeyOf key(key_, update.link_id.str(), std::to_underlying(AccountKind::account));
  for (const auto& account : update.account_puts) {
    value_.clear();
    encode_account_head(value_, account);
    put(Family::accounts, key(account.account_id), value_, account.json);
  }
}

void BatchBuilder::put_feed(const core::LinkUpdate& update) {
  if (update.changes.empty()) return;
  value_.clear();
  encode_feed_block(value_, update);
  put(Family::feed, feed_key(feed_.epoch, feed_.head + 1), value_);
  put(Family::accounts, link_feed_key(update.link_id.str(), feed_.epoch, feed_.head + 1), {});
  feed_.head += update.changes.size();
  feed_moved_ = true;
}

// The entry, and its place in the queue instead of the one that it had.
core::Result<void> BatchBuilder::put_relink(const core::LinkUpdate& update, Touched& link) {
  if (!update.relink) return {};
  const auto& link_id = update.link_id.str();
  const std::string key = link_key(link_id);
  if (!link.queue_place) {
    const auto held = database_.get(Family::relink, key);
    if (!held) return std::unexpected(held.error());
    if (*held) {
      const auto entry = decode_relink(link_id, **held);
      if (!entry) return std::unexpected(database_.failed("change a relink entry", entry.error()));
      link.queue_place = queue_key(*entry);
    }
  }
  std::string place = queue_key(*update.relink);
  if (link.queue_place && *link.queue_place != place) erase(Family::relink, *link.queue_place);
  value_.clear();
  encode_relink(value_, *update.relink);
  put(Family::relink, key, value_);
  value_.clear();
  encode_relink_place(value_, *update.relink);
  put(Family::relink, place, value_);
  link.queue_place = std::move(place);
  return {};
}

void BatchBuilder::put_notes(const core::LinkUpdate& update) {
  for (const core::NotePut& note : update.notes) {
    if (!note.value) {
      erase(Family::meta, note_key(note.name));
      continue;
    }
    value_.clear();
    encode_blob_head(value_);
    put(Family::meta, note_key(note.name), value_, *note.value);
  }
}

void BatchBuilder::put_audit(const core::LinkUpdate& update) {
  if (!update.audit) return;
  const core::AuditEntry entry = audit_.add(update.at, update.link_id, *update.audit);
  value_.clear();
  encode_audit_entry(value_, entry);
  put(Family::audit, audit_key(entry.sequence), value_);
  audit_moved_ = true;
}

core::Result<void> BatchBuilder::put_letters(const core::LinkUpdate& update) {
  const auto& link_id = update.link_id.str();
  if (!update.dead_letter && !update.dropped_dead_letter_at) return {};
  if (auto loaded = dead_letters_.load(database_); !loaded) return loaded;
  if (update.dead_letter) {
    // Two letters of one link in one millisecond would need two answers at once: there is one request in
    // flight per link. Should it happen, the later one stays.
    value_.clear();
    encode_dead_letter(value_, *update.dead_letter);
    put(Family::dead_letters, dead_letter_key(update.dead_letter->at, link_id), value_);
    for (const std::string& key : dead_letters_.add(update.dead_letter->at, link_id))
      erase(Family::dead_letters, key);
  }
  if (update.dropped_dead_letter_at) {
    dead_letters_.remove(*update.dropped_dead_letter_at, link_id);
    erase(Family::dead_letters, dead_letter_key(*update.dropped_dead_letter_at, link_id));
  }
  return {};
}

void BatchBuilder::put(Family family, std::string_view key, std::string_view value) {
  keep(batch_.Put(database_.family(family), to_slice(key), to_slice(value)));
}

void BatchBuilder::put(Family family, std::string_view key, std::string_view head, std::string_view tail) {
  const rocksdb::Slice key_part = to_slice(key);
  const rocksdb::Slice value_parts[] = {to_slice(head), to_slice(tail)};
  keep(batch_.Put(database_.family(family), rocksdb::SliceParts(&key_part, 1),
                  rocksdb::SliceParts(value_parts, 2)));
}

void BatchBuilder::erase(Family family, std::string_view key) {
  keep(batch_.Delete(database_.family(family), to_slice(key)));
}

void BatchBuilder::keep(const rocksdb::Status& status) {
  if (!status.ok() && status_.ok()) status_ = status;
}

}  // namespace syncd::store
