#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "store/bytes.hpp"
#include "store/store.hpp"
#include "sync/core/audit.hpp"
#include "sync/core/relink.hpp"
#include "sync/core/types.hpp"
#include "sync/core/update.hpp"

namespace syncd::store {

// Values on disk; a contract with every store ever written. The first byte says how the rest is written. The
// golden tests hold the exact bytes of each.
inline constexpr std::uint8_t value_format = 1;
inline constexpr std::uint8_t value_format_encrypted = 0x7f;  // reserved: sealed with the link's key

// Every decoder refuses with Errc::storage what it did not write: truncated, with bytes left over, numbers
// outside their enum, another format. `what` in the message names the value's kind, never its content.

// ---- transactions ----
// The row's value without its last field's bytes, the JSON text itself, which follows directly: callers hand
// both to the write batch without joining them.
void encode_row_head(std::string& out, const core::TransactionPut& row);
core::Result<core::StoredTransaction> decode_row(std::string_view transaction_id, std::string_view value);
// The generation alone, for scans that skip most rows.
core::Result<std::uint32_t> decode_row_generation(std::string_view value);

// ---- accounts ----
void encode_account_head(std::string& out, const core::AccountPut& account);  // JSON follows, as above
core::Result<core::StoredAccount> decode_account(std::string_view account_id, std::string_view value);

// ---- links ----
// Everything but link_id (in the key). Upstream's link object is a value of its own, because it is several
// times the size of the rest and seldom changes. The fence comes first, then what the start-up scan wants.
void encode_link(std::string& out, const core::LinkRecord& record);
core::Result<core::LinkRecord> decode_link(std::string_view link_id, std::string_view value);
core::Result<std::uint64_t> decode_link_fence(std::string_view value);
core::Result<core::LinkStatus> decode_link_status(std::string_view value);
// Fills everything but link_id; reuses the memory of summary.recent_sends.
core::Result<void> decode_link_summary(std::string_view value, LinkSummary& summary);

// ---- the link object, meta values, notes: format byte and bytes ----
void encode_blob_head(std::string& out);
core::Result<std::string_view> decode_blob(std::string_view what, std::string_view value);

// ---- relink (relink_codec.cpp) ----
// Written in the second format; the first, of before there were assignees and a history, is read as well.
inline constexpr std::uint8_t relink_format = 2;
void encode_relink(std::string& out, const core::RelinkEntry& entry);
core::Result<core::RelinkEntry> decode_relink(std::string_view link_id, std::string_view value);
// Without its history, which is not looked at.
core::Result<core::RelinkEntry> decode_relink_head(std::string_view link_id, std::string_view value);
// What the queue is filtered by, without the rest: the value of an entry's place in it.
struct RelinkPlace {
  core::RelinkStatus status = core::RelinkStatus::open;
  std::string_view reason;
  std::string_view institution_id;
  std::string_view assignee;
  std::string_view customer_user_id;
};
void encode_relink_place(std::string& out, const core::RelinkEntry& entry);
core::Result<RelinkPlace> decode_relink_place(std::string_view value);

// ---- audit (audit.cpp) ----
void encode_audit_entry(std::string& out, const core::AuditEntry& entry);
core::Result<core::AuditEntry> decode_audit_entry(std::uint64_t sequence, std::string_view value);
void encode_audit_head(std::string& out, const core::AuditHead& head);
core::Result<core::AuditHead> decode_audit_head(std::string_view value);

// ---- dead letters, freezes ----
void encode_dead_letter(std::string& out, const core::DeadLetter& letter);
core::Result<core::DeadLetter> decode_dead_letter(core::WallTime at, std::string_view link_id,
                                                  std::string_view value);
void encode_freeze(std::string& out, core::WallTime until);
core::Result<core::WallTime> decode_freeze(std::string_view value);

// ---- shared by the decoders ----
// Consumes the format byte; the answer says what was wrong with it, if anything.
core::Result<void> read_format(Reader& in, std::string_view what);
core::Error damaged(std::string_view what);

inline void put_time(Writer& out, core::WallTime time) {
  out.zigzag(time.time_since_epoch().count());
}
inline core::WallTime get_wall_time(Reader& in) {
  return core::WallTime{core::Millis{in.zigzag()}};
}

}  // namespace syncd::store
