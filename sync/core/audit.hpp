#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sync/core/types.hpp"

namespace syncd::core {

// ---- the audit log: who changed what ----

// What an act leaves behind, written in the batch of its change.
struct AuditNote {
  std::string actor;     // `uid:1000`, `token:NAME`
  std::string action;    // `links.pause`, `relink.claim` ...
  std::string detail{};  // a JSON object without secrets and without people's data; empty: nothing to add
  // Of a request with an Idempotency-Key: the key with its actor, and everything that was asked. Zeros: none.
  Digest request_key{};
  Digest request_digest{};
  bool operator==(const AuditNote&) const = default;
};

struct AuditEntry {
  std::uint64_t sequence = 0;  // 1, 2, 3 ...
  WallTime at{};
  LinkId link_id;  // empty: about no link
  AuditNote note;
  Hash hash{};  // of the entry before (zeros: of none) and everything above
  bool operator==(const AuditEntry&) const = default;
};

// Where the chain ends.
struct AuditHead {
  std::uint64_t sequence = 0;
  Hash hash{};
  bool operator==(const AuditHead&) const = default;
};

// The hash that `entry` must carry behind an entry with the hash `before`. Whoever changes an entry must
// change all that follow, and the head; a copy of any later hash, kept elsewhere, then tells.
Hash chain_hash(const Hash& before, const AuditEntry& entry);
// The next entry of the chain.
AuditEntry next_entry(const AuditHead& head, WallTime at, LinkId link_id, AuditNote note);

}  // namespace syncd::core
