#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/audit.hpp"
#include "sync/core/relink.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// Numbers are stored.
enum class ChangeKind : std::uint8_t {
  link_added = 1,
  link_status = 2,
  account_created = 3,
  account_updated = 4,
  account_gone = 5,
  account_returned = 6,
  transaction_created = 7,
  transaction_updated = 8,
  transaction_removed = 9,
  relink_opened = 10,
  relink_resolved = 11,
  link_purged = 12,
};
inline constexpr std::size_t change_kind_count = 12;
// `transaction.created` and so on, as the feed shows it.
std::string_view to_string(ChangeKind kind);

// One net difference: one entry of the feed. `before` and `after` are JSON texts, empty for none.
struct Change {
  ChangeKind kind = ChangeKind::link_added;
  std::string_view id;  // transaction, account or link id
  std::string_view before;
  std::string_view after;
};

// A row to be written whole; views live as long as the update (see LinkUpdate::keep_alive).
struct TransactionPut {
  std::string_view transaction_id;
  std::string_view account_id;
  std::string_view json;
  bool pending = false;
  bool was_pending = false;  // the row it replaces was visible and pending
  std::uint32_t generation = 1;
  std::string_view posted_from;
};

struct TransactionErase {
  std::string_view transaction_id;
  bool was_pending = false;
};

struct AccountPut {
  std::string_view account_id;
  std::string_view json;
  bool gone = false;
  WallTime gone_since{};
};

// A small value that the commit puts beside the link's data, or takes away (see Store::put_note).
struct NotePut {
  std::string name;
  std::optional<std::string> value;  // nullopt: the note goes
};

// A Retry-After window that must survive a restart; stored by itself, because some are about no link.
struct GateFreeze {
  Endpoint endpoint = Endpoint::sync;
  WallTime until{};
  bool operator==(const GateFreeze&) const = default;
};

// Everything that one answer (or one failure, or one operator action) changes: committed in one synced batch
// or not at all. Made by the pure functions of step.hpp.
struct LinkUpdate {
  LinkId link_id;
  // The stored record must carry this fence, otherwise nothing is written (Errc::conflict). 0: the link must
  // not exist yet.
  std::uint64_t expected_fence = 0;
  LinkRecord record;
  WallTime at{};  // of the feed entries
  Cause cause = Cause::schedule;

  // Each id at most once over both lists; sorted by id.
  std::vector<TransactionPut> transaction_puts;
  std::vector<TransactionErase> transaction_erases;
  // Pending rows of a drain that has not ended: invisible to every reader.
  bool staged_clear = false;  // drop all of them first
  std::vector<TransactionPut> staged_puts;
  std::vector<std::string_view> staged_erases;
  std::vector<AccountPut> account_puts;
  // Upstream's link object, whole, when it differs from the one that is stored.
  std::optional<std::string_view> link_object;

  std::vector<Change> changes;  // in order
  std::optional<RelinkEntry> relink;
  std::optional<DeadLetter> dead_letter;           // a new one, or a known one that changed
  std::optional<WallTime> dropped_dead_letter_at;  // the link's letter of that time goes
  // Everything of the link goes: record, rows, entry, letters. What the feed told of it so far reads as
  // link.purged from then on, one for each entry, so that sequences stay gap-free and nothing of the link's
  // data is left; `changes` holds the receipt. Nothing else of the update may speak of rows.
  bool purge = false;
  std::vector<NotePut> notes;
  // Of a person's act. One whose request_key is known already (within a day) is a conflict.
  std::optional<AuditNote> audit;

  // For the cycle, not for the store:
  bool more = false;                                    // has_more was true: fetch the next page
  bool accounts_next = false;                           // a full accounts pull is due in this cycle
  std::uint32_t created = 0, updated = 0, removed = 0;  // transaction changes
  bool looked = false;                                  // the answer showed the link and its upstream clock
  bool fetched =
      false;  // it ended what a visit is for: the drain, or the pull of a link that has accounts only
  bool waits =
      false;  // the link is well and nothing is left to do: the schedule says when it is visited next

  // Owners of what the views point into.
  std::vector<std::shared_ptr<const void>> keep_alive;
  // Stable storage for texts made by step(): entries are heap strings, never moved.
  std::vector<std::unique_ptr<const std::string>> texts;

  LinkUpdate() = default;
  LinkUpdate(LinkUpdate&&) = default;
  LinkUpdate& operator=(LinkUpdate&&) = default;
};

// What step() must know of the store before it can decide.
struct LookupRequest {
  LinkId link_id;
  std::vector<std::string_view> transaction_ids;  // sorted, unique; may be empty
  bool pending = false;                           // also all visible pending rows
  bool staged = false;                            // also all staged rows
  bool accounts = false;                          // all accounts of the link, gone ones included
  bool relink = false;                            // the link's relink entry
  std::uint32_t stale_below = 0;  // also every visible row with a generation below this; 0: none
  // Of those, the first this many behind an id, for whoever cannot hold all at once. A store that keeps
  // everything in memory may give more than that, and rows before the id.
  std::uint32_t stale_limit = 0;  // 0: all
  std::string_view stale_after = {};
  std::optional<WallTime> dead_letter_at = {};  // the link's dead letter of that time
  Digest request_key = {};                      // also what the audit log holds of it; zeros: nothing
};

struct Held {
  std::vector<StoredTransaction> transactions;  // sorted by id, unique; visible rows only
  std::vector<StoredTransaction> staged;        // sorted by id
  std::vector<StoredAccount> accounts;          // sorted by id
  std::optional<RelinkEntry> relink;
  std::optional<DeadLetter> dead_letter;
  std::optional<AuditEntry> earlier_act;  // the one with that request_key
};

}  // namespace syncd::core
