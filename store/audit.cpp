#include "store/audit.hpp"

#include <algorithm>
#include <cstring>
#include <ranges>
#include <utility>
#include <vector>

#include "store/codec.hpp"
#include "store/keys.hpp"
#include "store/store_impl.hpp"

namespace syncd::store {
namespace {

constexpr std::string_view entry_name = "audit entry";
constexpr std::string_view head_name = "end of the audit log";
constexpr std::size_t limit_max = 1000;
// Entries that a start looks at for the keys of requests.
constexpr std::size_t scanned_max = 100'000;

template <class Bytes>
void put_bytes(Writer& out, const Bytes& bytes) {
  for (const auto byte : bytes)
    out.u8(byte);
}

template <class Bytes>
void get_bytes(Reader& in, Bytes& bytes) {
  for (auto& byte : bytes)
    byte = in.u8();
}

core::Result<core::AuditEntry> entry_at(const Scan& scan) {
  const auto sequence = parse_audit_key(scan.key());
  if (!sequence) return std::unexpected(damaged("audit key"));
  return decode_audit_entry(*sequence, scan.value());
}

void put_entry(Database& database, const core::AuditEntry& entry, rocksdb::WriteBatch& batch) {
  std::string value;
  encode_audit_entry(value, entry);
  batch.Put(database.family(Family::audit), audit_key(entry.sequence), value);
}

void put_head(Database& database, const core::AuditHead& head, rocksdb::WriteBatch& batch) {
  std::string value;
  encode_audit_head(value, head);
  batch.Put(database.family(Family::meta), to_slice(meta_key::audit), value);
}

}  // namespace

void encode_audit_entry(std::string& out, const core::AuditEntry& entry) {
  Writer writer(out);
  writer.u8(value_format);
  put_time(writer, entry.at);
  writer.text(entry.link_id.str());
  writer.text(entry.note.actor);
  writer.text(entry.note.action);
  writer.text(entry.note.detail);
  put_bytes(writer, entry.note.request_key);
  put_bytes(writer, entry.note.request_digest);
  put_bytes(writer, entry.hash);
}

core::Result<core::AuditEntry> decode_audit_entry(std::uint64_t sequence, std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, entry_name); !format) return std::unexpected(format.error());
  core::AuditEntry entry;
  entry.sequence = sequence;
  entry.at = get_wall_time(in);
  entry.link_id = core::LinkId{std::string(in.text())};
  entry.note.actor = in.text();
  entry.note.action = in.text();
  entry.note.detail = in.text();
  get_bytes(in, entry.note.request_key);
  get_bytes(in, entry.note.request_digest);
  get_bytes(in, entry.hash);
  if (!in.finished()) return std::unexpected(damaged(entry_name));
  return entry;
}

void encode_audit_head(std::string& out, const core::AuditHead& head) {
  Writer writer(out);
  writer.u8(value_format);
  writer.varint(head.sequence);
  put_bytes(writer, head.hash);
}

core::Result<core::AuditHead> decode_audit_head(std::string_view value) {
  Reader in(value);
  if (auto format = read_format(in, head_name); !format) return std::unexpected(format.error());
  core::AuditHead head;
  head.sequence = in.varint();
  get_bytes(in, head.hash);
  if (!in.finished()) return std::unexpected(damaged(head_name));
  return head;
}

std::size_t AuditLog::DigestHash::operator()(const core::Digest& digest) const {
  std::size_t hash = 0;  // they are parts of a SHA-256: any of their bytes will do
  std::memcpy(&hash, digest.data(), sizeof(hash));
  return hash;
}

core::Result<void> AuditLog::load(Database& database, core::WallTime now) {
  const auto value = database.get(Family::meta, meta_key::audit);
  if (!value) return std::unexpected(value.error());
  if (!*value) return {};
  const auto head = decode_audit_head(**value);
  if (!head) return std::unexpected(head.error());
  head_ = *head;
  std::vector<core::AuditEntry> recent;  // newest first
  Scan scan(database, Family::audit, {}, {});
  scan.seek_back(audit_key(~std::uint64_t{0}));
  for (std::size_t seen = 0; scan.valid() && seen < scanned_max; scan.previous(), ++seen) {
    auto entry = entry_at(scan);
    if (!entry) return std::unexpected(entry.error());
    const bool last = seen == 0;
    if (last && (entry->sequence != head_.sequence || entry->hash != head_.hash))
      return std::unexpected(damaged(head_name));
    // Not the end: a clock that was wrong may have dated one in between.
    if (now - entry->at > request_keys_kept) continue;
    if (entry->note.request_key != core::Digest{}) recent.push_back(std::move(*entry));
    if (recent.size() == request_keys_max) break;
  }
  if (auto done = scan.finish("read the audit log"); !done) return done;
  for (const core::AuditEntry& entry : recent | std::views::reverse)
    remember(entry.note.request_key, entry.at, entry.sequence);
  return {};
}

std::optional<std::uint64_t> AuditLog::find(const core::Digest& request_key) const {
  const auto known = by_key_.find(request_key);
  if (known == by_key_.end()) return std::nullopt;
  return known->second;
}

core::AuditEntry AuditLog::add(core::WallTime at, core::LinkId link_id, core::AuditNote note) {
  core::AuditEntry entry = core::next_entry(head_, at, std::move(link_id), std::move(note));
  head_ = {.sequence = entry.sequence, .hash = entry.hash};
  forget_old(at);
  if (entry.note.request_key != core::Digest{}) remember(entry.note.request_key, at, entry.sequence);
  return entry;
}

void AuditLog::remember(const core::Digest& request_key, core::WallTime at, std::uint64_t sequence) {
  by_key_[request_key] = sequence;
  known_.push_back({.at = at, .key = request_key});
}

void AuditLog::forget_old(core::WallTime now) {
  while (!known_.empty() &&
         (known_.size() >= request_keys_max || now - known_.front().at > request_keys_kept)) {
    by_key_.erase(known_.front().key);
    known_.pop_front();
  }
}

void put_act(Database& database, AuditLog& audit, core::WallTime at, const core::AuditNote& note,
             rocksdb::WriteBatch& batch) {
  put_entry(database, audit.add(at, core::LinkId{}, note), batch);
  put_head(database, audit.head(), batch);
}

core::Result<CommitOutcome> Store::record_act(core::WallTime at, const core::AuditNote& note,
                                              const std::optional<NoteChange>& change) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (impl_->audit.find(note.request_key)) return CommitOutcome::conflict;
  auto& batch = impl_->batch;
  batch.Clear();
  put_act(*impl_->database, impl_->audit, at, note, batch);
  if (change) {
    std::string value;
    encode_blob_head(value);
    value += change->value;
    batch.Put(impl_->database->family(Family::meta), note_key(change->name), value);
  }
  if (auto written = impl_->database->write(batch, impl_->options.sync_writes); !written)
    return std::unexpected(written.error());
  ++impl_->commits;
  return CommitOutcome::committed;
}

core::Result<void> Store::record_acts(core::WallTime at, std::span<const LinkAct> acts) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  if (acts.empty()) return {};
  auto& batch = impl_->batch;
  batch.Clear();
  for (const LinkAct& act : acts)
    put_entry(*impl_->database, impl_->audit.add(at, act.link_id, act.note), batch);
  put_head(*impl_->database, impl_->audit.head(), batch);
  if (auto written = impl_->database->write(batch, impl_->options.sync_writes); !written)
    return std::unexpected(written.error());
  ++impl_->commits;
  return {};
}

core::Result<AuditSlice> Store::audit_entries(std::uint64_t before, std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  AuditSlice slice{.entries = {}, .head = impl_->audit.head()};
  Scan scan(*impl_->database, Family::audit, {}, {});
  scan.seek_back(audit_key(before == 0 ? ~std::uint64_t{0} : before - 1));
  limit = std::clamp<std::size_t>(limit, 1, limit_max);
  for (; scan.valid() && slice.entries.size() < limit; scan.previous()) {
    auto entry = entry_at(scan);
    if (!entry) return std::unexpected(impl_->database->failed("read the audit log", entry.error()));
    slice.entries.push_back(std::move(*entry));
  }
  if (auto done = scan.finish("read the audit log"); !done) return std::unexpected(done.error());
  return slice;
}

core::Result<AuditCheck> Store::check_audit(const core::AuditHead& from, std::size_t limit) {
  if (auto ready = impl_->ready(); !ready) return std::unexpected(ready.error());
  return walk_audit(*impl_->database, from, impl_->audit.head(), limit);
}

core::Result<AuditCheck> walk_audit(Database& database, const core::AuditHead& from,
                                    const core::AuditHead& head, std::size_t limit) {
  AuditCheck check{.end = from};
  Scan scan(database, Family::audit, audit_key(from.sequence + 1), {}, true);
  for (; scan.valid() && limit > 0; scan.next(), --limit) {
    const auto entry = entry_at(scan);
    const std::uint64_t expected = check.end.sequence + 1;
    const bool fits =
        entry && entry->sequence == expected && entry->hash == core::chain_hash(check.end.hash, *entry);
    if (!fits) {
      check.broken_at = expected;
      return check;
    }
    check.end = {.sequence = entry->sequence, .hash = entry->hash};
  }
  if (scan.valid()) return check;
  if (auto done = scan.finish("check the audit log"); !done) return std::unexpected(done.error());
  check.finished = true;
  if (check.end != head) check.broken_at = check.end.sequence + 1;
  return check;
}

}  // namespace syncd::store
