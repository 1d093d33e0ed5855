#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/database_impl.hpp"
#include "sync/core/audit.hpp"

namespace syncd::store {

// How long, and how many at most, the keys of requests are remembered: so long does a repeated request find
// its first one.
inline constexpr core::Millis request_keys_kept = std::chrono::hours(24);
inline constexpr std::size_t request_keys_max = 10'000;

// The end of the audit chain and the keys of its last requests. What was noted for a batch that could not be
// written is of no matter: the store takes no write after that.
class AuditLog {
 public:
  // Reads the head and, backwards from it, the last keys.
  core::Result<void> load(Database& database, core::WallTime now);

  const core::AuditHead& head() const { return head_; }
  // The sequence of the act with this key; nullopt for zeros and for one that is not known (any more).
  std::optional<std::uint64_t> find(const core::Digest& request_key) const;
  // The next entry, which is about to be written.
  core::AuditEntry add(core::WallTime at, core::LinkId link_id, core::AuditNote note);

 private:
  void remember(const core::Digest& request_key, core::WallTime at, std::uint64_t sequence);
  void forget_old(core::WallTime now);

  struct Known {
    core::WallTime at{};
    core::Digest key{};
  };
  struct DigestHash {
    std::size_t operator()(const core::Digest& digest) const;
  };
  core::AuditHead head_;
  std::deque<Known> known_;  // in the order of their entries
  std::unordered_map<core::Digest, std::uint64_t, DigestHash> by_key_;
};

// As Store::check_audit, of a chain that should end with `head`.
core::Result<AuditCheck> walk_audit(Database& database, const core::AuditHead& from,
                                    const core::AuditHead& head, std::size_t limit);

// Adds an act about no link to a batch.
void put_act(Database& database, AuditLog& audit, core::WallTime at, const core::AuditNote& note,
             rocksdb::WriteBatch& batch);

}  // namespace syncd::store
