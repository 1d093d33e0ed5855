#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sync/core/result.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// ---- the relink queue: one entry per link that needs, or needed, its owner ----

inline constexpr std::size_t relink_text_bytes_max = 2'000;  // of a note
inline constexpr std::size_t relink_assignee_bytes_max = 128;
// Names somebody who works on entries, as `token:NAME`, `uid:1000` or an account elsewhere: 1 to
// relink_assignee_bytes_max ASCII letters, digits and `. _ @ + - :`. So nobody writes into it what belongs in
// a note: it stands in the audit log, which is kept whatever becomes of the link. Entries of before may hold
// other texts.
bool is_valid_assignee(std::string_view text);
// Of the history the last so many steps are kept; how many went before is counted.
inline constexpr std::size_t relink_history_max = 100;

// Numbers are stored.
enum class RelinkStatus : std::uint8_t {
  open = 1,
  resolved = 2,
  claimed = 3,         // somebody works on it
  session_issued = 4,  // its owner can reconnect with a session that was made for it
  dismissed = 5,       // closed by a person while the link still waits; shown as resolved, by `dismissed`
};
inline constexpr std::size_t relink_status_count = 5;
std::string_view to_string(RelinkStatus status);
// Somebody should act: open, claimed or session issued.
bool is_live(RelinkStatus status);
// The link waits for its owner: live or dismissed.
bool is_waiting(RelinkStatus status);

// Numbers are stored.
enum class RelinkEventKind : std::uint8_t {
  opened = 1,
  reason_changed = 2,
  claimed = 3,
  released = 4,
  noted = 5,
  session_issued = 6,
  dismissed = 7,
  reopened = 8,
  resolved = 9,
};
inline constexpr std::size_t relink_event_kind_count = 9;
std::string_view to_string(RelinkEventKind kind);

// One step of an entry's history.
struct RelinkEvent {
  WallTime at{};
  RelinkEventKind kind = RelinkEventKind::opened;
  std::string actor = {};  // empty: the daemon itself
  std::string text = {};   // reason, note, assignee or how it was resolved
  bool operator==(const RelinkEvent&) const = default;
};

// The last session that was issued for the entry; its token is nowhere.
struct RelinkSession {
  WallTime issued_at{};
  WallTime expires_at{};
  std::string issued_by = {};
  bool operator==(const RelinkSession&) const = default;
};

// One link that needs its owner. There is at most one per link; a later expiry opens the same entry again.
struct RelinkEntry {
  LinkId link_id;
  RelinkStatus status = RelinkStatus::open;
  std::string reason = {};  // upstream's code, for instance auth_expired
  std::string institution_id = {};
  std::string provider = {};
  std::string customer_user_id = {};  // as registered; may be empty
  WallTime opened_at{};
  WallTime resolved_at{};        // epoch while live
  std::string resolved_by = {};  // reconnected, gone, dismissed; empty while live
  std::uint32_t reopened = 0;
  std::uint64_t version = 1;   // raised by each change
  WallTime last_success_at{};  // of the link when the entry was opened: since when data is missing
  std::string assignee = {};   // empty: nobody
  std::optional<RelinkSession> session = {};
  std::uint64_t history_dropped = 0;      // steps before the first of `history`
  std::vector<RelinkEvent> history = {};  // oldest first; at most relink_history_max
  bool operator==(const RelinkEntry&) const = default;
};
// The entry as the admin API and the feed show it, without its history.
std::string to_json(const RelinkEntry& entry);
void note_event(RelinkEntry& entry, RelinkEvent event);

// ---- what a person may do to an entry ----

struct RelinkRequest {
  enum class Kind : std::uint8_t { claim = 1, release, note, dismiss, reopen, session };
  Kind kind = Kind::claim;
  std::string actor = {};
  std::optional<std::uint64_t> version = {};  // the entry as the person saw it; nullopt: any (notes)
  std::string assignee = {};                  // claim: for whom; empty: the actor
  bool take_over = false;                     // claim, release: also from somebody else
  std::string text = {};                      // note, dismiss
  WallTime session_expires_at{};              // session
};
inline constexpr std::size_t relink_request_kind_count = 6;
// `relink.claim` and so on, as the audit log names it.
std::string_view action_name(RelinkRequest::Kind kind);

// Error::api_code of a conflict because of the version alone.
inline constexpr std::string_view relink_version_conflict = "version_conflict";
// The entry afterwards; the same version: there was nothing to do. Errors: conflict (another version, or a
// state in which this cannot be done), with what is so and what to do; invalid (a text, empty or too long).
Result<RelinkEntry> apply(const RelinkEntry& entry, const RelinkRequest& request, WallTime now);

// Whole days without data: from the last success (or, without one, the opening) to `now` or the resolution.
std::int64_t days_lost(const RelinkEntry& entry, WallTime now);

}  // namespace syncd::core
