#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "daemon/admin/admin_view.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::daemon {

// The JSON shapes of the admin API. Rows' `data`, and the feed's `before` and `after`, are spliced in as
// stored: numbers keep their text.

// A member that is null for a time that never came: WallTime{}, or none at all.
void write_time(JsonWriter& writer, std::string_view name, core::WallTime time);
void write_optional_time(JsonWriter& writer, std::string_view name,
                         const std::optional<core::WallTime>& time);
// A member that is null for an empty text.
void write_optional_text(JsonWriter& writer, std::string_view name, std::string_view text);

// Without `data` in lists.
void write_link(JsonWriter& writer, const core::LinkRecord& link, std::string_view link_ref);
// The same with upstream's link object under `data`.
void write_link(JsonWriter& writer, const core::LinkRecord& link, std::string_view link_ref,
                const std::string& object);
void write_account(JsonWriter& writer, const core::StoredAccount& account);
void write_transaction(JsonWriter& writer, const core::StoredTransaction& transaction);
void write_feed_entry(JsonWriter& writer, const store::FeedEntry& entry);
// What is told of an entry beside what is stored of it.
struct EntryMoment {
  core::WallTime now{};
  std::optional<std::string> held_back;  // by this incident: nobody should act on it yet
};
// `whole`: with its history, which lists leave out.
void write_relink_entry(JsonWriter& writer, const core::RelinkEntry& entry, const EntryMoment& moment,
                        bool whole);
void write_audit_entry(JsonWriter& writer, const core::AuditEntry& entry);
// The canary only while one is asked.
void write_incident(JsonWriter& writer, const engine::Incident& incident);
void write_cycle(JsonWriter& writer, const core::CycleReport& report);
// `whole`: with the redacted body, which lists leave out.
void write_dead_letter(JsonWriter& writer, const core::DeadLetter& letter, bool whole);
// `daemon_started_at`: a report outlasts the daemon, a verify that is under way does not. Who waits for one
// sees in it whether the report is of that verify or of one before.
void write_verify(JsonWriter& writer, const core::LinkId& link_id, const engine::VerifyState& state,
                  core::WallTime daemon_started_at);
void write_status(JsonWriter& writer, const StatusView& status);

}  // namespace syncd::daemon
