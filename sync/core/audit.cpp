#include "sync/core/audit.hpp"

#include <utility>

namespace syncd::core {

namespace {

void append_u64(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out.push_back(static_cast<char>((value >> shift) & 0xff));
}

// With its length, so that no two entries are written alike.
void append_text(std::string& out, std::string_view text) {
  append_u64(out, text.size());
  out.append(text);
}

template <class Bytes>
void append_bytes(std::string& out, const Bytes& bytes) {
  for (const std::uint8_t byte : bytes)
    out.push_back(static_cast<char>(byte));
}

}  // namespace

Hash chain_hash(const Hash& before, const AuditEntry& entry) {
  std::string text;
  append_bytes(text, before);
  append_u64(text, entry.sequence);
  append_u64(text, static_cast<std::uint64_t>(entry.at.time_since_epoch().count()));
  append_text(text, entry.link_id.str());
  append_text(text, entry.note.actor);
  append_text(text, entry.note.action);
  append_text(text, entry.note.detail);
  append_bytes(text, entry.note.request_key);
  append_bytes(text, entry.note.request_digest);
  return sha256_of(text);
}

AuditEntry next_entry(const AuditHead& head, WallTime at, LinkId link_id, AuditNote note) {
  AuditEntry entry{
      .sequence = head.sequence + 1, .at = at, .link_id = std::move(link_id), .note = std::move(note)};
  entry.hash = chain_hash(head.hash, entry);
  return entry;
}

}  // namespace syncd::core
