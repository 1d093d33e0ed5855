#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace syncd::daemon {

// One kind of line that the daemon writes. The table below is the only place where a kind is made known: the
// name of an event or of a member that is not in it does not compile, and docs/logs.md is written from it.
struct LogEvent {
  std::string_view name;
  std::string_view levels;  // one or more of debug, info, warn, error, separated by blanks
  std::string_view fields;  // members behind ts, level, event and msg, separated by blanks
  std::string_view meaning;
};

struct LogMember {
  std::string_view name;
  std::string_view meaning;
};

inline constexpr auto log_events = std::to_array<LogEvent>({
    {"starting", "info", "version environment store", "The process begins to start."},
    {"config_problem", "error", "",
     "Something is wrong with the configuration; `msg` names place, key and next step."},
    {"listen_failed", "error", "", "A socket cannot be listened on; the process ends (69)."},
    {"socket_group", "warn", "", "The admin socket could not be given to its group."},
    {"store_open_failed", "error", "",
     "The store cannot be opened; the process ends: 74, or 78 when it is of a newer version, of another "
     "environment or upstream, or mixed from two."},
    {"store_notice", "warn", "",
     "What opening the store found: a new feed epoch and why, lax permissions, a torn write that was cut "
     "off."},
    {"store_read_failed", "error", "", "The store cannot be read at the start; the process ends (74)."},
    {"store_write_failed", "error", "", "The store cannot be written at the start; the process ends (74)."},
    {"unclean_stop", "info", "", "The last run was killed: budgets are taken for spent for a minute."},
    {"links_loaded", "info", "links", "The stored links are in the schedule."},
    {"listening", "info", "address", "A listener answers: the admin API or metrics, says `msg`."},
    {"ready", "info", "links", "Everything runs; READY=1 went to systemd."},
    {"cycle", "info",
     "link institution cause outcome pages created updated removed account_changes status duration_ms "
     "next_due_at error "
     "http_status code",
     "One visit to a link has ended. `error`, `http_status` and `code` only after a failure."},
    {"relink_opened", "info", "link institution", "The link needs its owner; there is a new relink entry."},
    {"relink_resolved", "info", "link institution",
     "The link is connected again, or gone, as `msg` says; its relink entry is closed."},
    {"link_quarantined", "warn", "link institution",
     "The link's answers broke the protocol again and again."},
    {"link_blocked", "warn", "link institution", "Upstream forbids us this link."},
    {"auth_refused", "error", "error", "Upstream refuses our credentials: nothing is fetched."},
    {"auth_accepted", "info", "", "Upstream accepts our credentials again."},
    {"secret_changed", "info", "", "The client secret was read again after SIGHUP, and is another one."},
    {"discovery", "info warn", "only_upstream only_here links_only_upstream links_only_here",
     "Upstream's list of links was compared with the store; a warning when they differ."},
    {"discovery_failed", "warn", "outcome error", "The comparison failed; it is tried again."},
    {"verify", "info warn",
     "link asked_by result rows_missing rows_extra rows_changed pages duration_ms reason error",
     "A link was read from its beginning and compared with the store; a warning when they differ. `reason` "
     "and "
     "`error` only when it is incomplete."},
    {"incident_opened", "warn",
     "incident scope institution provider links_failing links_total held_back restored",
     "Links of one institution, or of one provider, fail together: one of them is asked meanwhile, and their "
     "relink entries are held back. `restored`: it was open when the daemon stopped."},
    {"incident_ramps", "info", "incident scope institution provider links_failing links_total held_back",
     "The institution answers again: what waited is visited, some at first and twice as many each minute."},
    {"incident_relapsed", "warn", "incident scope institution provider links_failing links_total held_back",
     "What was visited in the ramp fails as before: the incident goes on."},
    {"incident_closed", "info", "incident scope institution provider links_failing links_total held_back how",
     "The incident is over; whose entry is still open really needs its owner."},
    {"link_purged", "info", "link by_retention accounts transactions",
     "Everything that was stored of a link was taken away: an operator asked for it, or "
     "`retention.gone_links` "
     "says so."},
    {"refresh", "info", "link product stage",
     "A refresh on demand was refused or asked for, or what came of it is known; `unanswered`: nothing "
     "within "
     "twenty minutes."},
    {"visits_not_recorded", "warn", "error",
     "The trace of visits (`schedule.record_mib`) cannot be written: what visits found is lost for it. "
     "Written once until it can."},
    {"visits_recorded", "info", "", "The trace of visits is written again."},
    {"feed_cut", "info", "records first",
     "Changes older than `feed.keep` were cut off the feed's front; `records` are those that could still be "
     "read."},
    {"feed_consumer_overtaken", "warn", "consumer first",
     "Changes older than `feed.keep_max` were cut off although this consumer has not acknowledged them: it "
     "must read the rows anew."},
    {"operator_action", "info", "action link actor", "Somebody changed something through the admin API."},
    {"admin_refused", "warn", "uid",
     "A user who may not use the admin socket reached it and was refused (403)."},
    {"admin_token_refused", "warn", "remote reason name",
     "A request to the admin API over TCP came with a bad token (401). Not written while whoever sends them "
     "is turned away (429)."},
    {"reads_limited", "warn", "actor reason",
     "A token or user has read as much of people's data as it may in a minute; `reason` is `requests` or "
     "`rows`. Written once until it has been quiet for a minute."},
    {"reads_not_traced", "error", "acts error",
     "Reads of people's data could not be written to the audit log, because the store failed."},
    {"admin_certificate", "info warn error", "expires_at error",
     "The certificate of the admin API's TCP listener was read: it is in use, it is and expires within 14 "
     "days, or it cannot be used, and the listener stays shut or keeps the one before."},
    {"token_created", "info", "name role actor", "An operator made a token of the admin API."},
    {"token_revoked", "info", "name actor", "An operator revoked a token of the admin API."},
    {"tokens_damaged", "error", "error",
     "The stored tokens of the admin API cannot be read: nobody is admitted over TCP."},
    {"database", "warn error", "", "A warning or error of RocksDB itself, stripped of keys and values."},
    {"store_failed", "error", "error", "The store failed: fetching stops, the process ends (74)."},
    {"hints_loaded", "info", "links",
     "Webhooks were received whose links had not been visited when the daemon stopped: they are due now."},
    {"webhook", "debug", "outcome link", "A webhook was received."},
    {"webhook_refused", "warn", "outcome reason",
     "A webhook was not taken: its signature does not hold, it cannot be read, or there is no room for it. "
     "Upstream sends again what is not answered with 200."},
    {"key_set", "info", "",
     "The keys that webhooks are signed with were fetched, or are those of the last run, as `msg` says."},
    {"key_set_failed", "warn", "outcome error",
     "The keys that webhooks are signed with could not be fetched; those there are stay in use for 24 "
     "hours."},
    {"storage_low", "error", "store space",
     "The disk of the store is nearly full: nothing is fetched, or the store is not even opened."},
    {"storage_enough", "info", "store space", "There is room on the disk again; fetching goes on."},
    {"store_damaged", "error", "error",
     "The scrub found a file of the store with a wrong checksum, or one that the disk cannot read."},
    {"store_scrub_put_off", "warn", "error",
     "The scrub could not read a file for a reason that is not the file's, such as too few descriptors; it "
     "is tried again."},
    {"store_scrubbed", "info", "files bytes damaged_files",
     "Every table file was read and compared with its checksums."},
    {"backup_begun", "info", "backup actor", "A backup of the store is being made."},
    {"backup_done", "info", "backup files bytes links duration_ms",
     "A backup is whole: its files are synced and listed with their checksums in its manifest."},
    {"backup_failed", "error", "backup error",
     "A backup could not be made; nothing of it is left, and older ones are as they were. `backup` is "
     "missing when it was not begun."},
    {"backup_removed", "info", "backup", "A backup beyond `backup.keep` was removed."},
    {"backup_not_removed", "warn", "error",
     "An old backup, or what is left of one that was not completed, could not be removed."},
    {"budget_cut", "warn", "endpoint calls_per_minute configured",
     "Upstream refused calls with 429 although the budget had room: another program uses the same "
     "credentials, or `[budget]` is above what is allowed. Fewer calls are made, and step by step more "
     "again. "
     "Written once until it is whole."},
    {"budget_whole", "info", "endpoint calls_per_minute configured",
     "It has been quiet for so long that all calls of the budget are made again."},
    {"stalled", "error", "heartbeat_moved store_writes",
     "The scheduler does not move or the store takes no write: systemd gets no ping and will restart the "
     "service."},
    {"reloaded", "info", "changed", "The configuration was read again; these keys have a new value."},
    {"restart_needed", "warn", "keys", "These keys were changed and take effect at the next start."},
    {"reload_failed", "error", "problems",
     "The new configuration is not acceptable; the old one stays in effect."},
    {"signal", "info", "signal", "A signal asked the process to stop."},
    {"stopped_at_once", "warn", "", "A second signal: the process ends without waiting."},
    {"stopping", "info", "", "The stop has begun."},
    {"budget_note_failed", "warn", "error",
     "The used budgets could not be kept: the next start begins carefully."},
    {"store_close_failed", "error", "error", "The store could not be closed cleanly."},
    {"stopped", "info", "exit_code", "The last line of a run."},
    {"defect", "error", "error", "An exception reached the top: the process ends; what is committed stays."},
});

inline constexpr auto log_members = std::to_array<LogMember>({
    {"account_changes", "accounts created, updated, gone or returned"},
    {"accounts", "that were taken away"},
    {"action",
     "as in the audit log: `links.add`, `links.pause`, `relink.claim`, `relink.session`, "
     "`dead_letters.drop` ...; also `links.sync` and `links.verify`, which change nothing by themselves"},
    {"actor", "who did it: `uid:1000`, of the unix socket, or `token:NAME`"},
    {"acts", "entries of the audit log"},
    {"address", "of the listener: `127.0.0.1:9464`, a path, or `systemd`"},
    {"asked_by", "`operator` or `audit`"},
    {"backup", "its name: when it was made, in UTC"},
    {"by_retention", "`true` or `false`"},
    {"bytes", "how many"},
    {"calls_per_minute", "that are made at most"},
    {"cause", "why the link was visited: `schedule`, `manual`, `probe`, ..."},
    {"changed", "keys, separated by blanks"},
    {"code", "upstream's `error_code`, as sent"},
    {"configured", "calls a minute, by `[budget]`"},
    {"consumer", "its name"},
    {"created", "transactions"},
    {"damaged_files", "how many"},
    {"duration_ms", "of the whole visit, waits for a budget included, or of the backup"},
    {"endpoint", "`sync`, `accounts`, `link`, ..."},
    {"environment", "`sandbox` or `live`"},
    {"error", "what failed, for people; never a row's text or a secret"},
    {"exit_code", "of the process"},
    {"expires_at", "of the certificate"},
    {"files", "how many"},
    {"first", "the first sequence of the feed that is kept"},
    {"heartbeat_moved", "whether the scheduler moved since the last look"},
    {"held_back", "links whose relink entry waits for the incident's end"},
    {"how",
     "`recovered`, `absorbed` (by the provider's incident), `narrowed` (to one institution of the provider), "
     "`lasting` (its links really need their owners), `timeout` or `disabled`"},
    {"http_status", "of upstream's answer"},
    {"incident", "its id, as in `GET /v1/incidents`"},
    {"institution", "upstream's institution id, empty while it is not known"},
    {"keys", "keys, separated by blanks"},
    {"link", "the link's short name in logs (`link_ref`), or its id with `log.link_ids = \"plain\"`"},
    {"links", "how many"},
    {"links_failing", "of the incident's institution or provider, as far as known"},
    {"links_only_here", "the first twenty of them, as `link` writes them"},
    {"links_only_upstream", "the first twenty of them, as `link` writes them"},
    {"links_total", "of the incident's institution or provider"},
    {"name", "of the token"},
    {"next_due_at", "when the link will be visited again"},
    {"only_here", "links that upstream does not list"},
    {"only_upstream", "links that the store does not know"},
    {"outcome", "`success`, `yielded`, or the kind of the failure; of a webhook what became of it"},
    {"pages", "of upstream's feed"},
    {"problems", "how many"},
    {"product", "`accounts` or `transactions`"},
    {"provider", "upstream's word for who reaches the institution"},
    {"reason", "one word: `budget`, `hold`, `moved`, `too_large`, ..., or the kind of the failure"},
    {"records", "changes of the feed"},
    {"remote", "address of the other end of a connection"},
    {"removed", "transactions"},
    {"restored", "`true` or `false`"},
    {"result", "`match`, `mismatch` or `incomplete`"},
    {"role", "of the token: `read`, `operate` or `admin`"},
    {"rows_changed", "transactions and accounts whose content differs"},
    {"rows_extra", "transactions and accounts that only the store has"},
    {"rows_missing", "transactions and accounts that only upstream has"},
    {"scope", "`institution` or `provider`"},
    {"signal", "its number"},
    {"space", "how much is free on the disk and how much must be"},
    {"stage", "`refused`, `asked`, `completed`, `failed` or `unanswered`"},
    {"status", "of the link, afterwards"},
    {"store", "directory of the store"},
    {"store_writes", "whether a durable write of the probe was done"},
    {"transactions", "that were taken away"},
    {"uid", "the user at the other end of the admin socket, as the kernel says"},
    {"updated", "transactions"},
    {"version", "of the program"},
});

// Deliberately not defined: reached at compile time by a name that is not in the tables.
void this_name_is_not_in_the_tables_of_log_events();

// The name of an event in `log_events`.
class EventName {
 public:
  // Implicit, so that a line is written with its name in quotes.
  consteval EventName(const char* name) : text_(name) {
    if (!std::ranges::any_of(log_events, [this](const LogEvent& event) { return event.name == text_; })) {
      this_name_is_not_in_the_tables_of_log_events();
    }
  }
  constexpr operator std::string_view() const { return text_; }

 private:
  std::string_view text_;
};

// The name of a member in `log_members`.
class MemberName {
 public:
  consteval MemberName(const char* name) : text_(name) {
    if (!std::ranges::any_of(log_members, [this](const LogMember& member) { return member.name == text_; })) {
      this_name_is_not_in_the_tables_of_log_events();
    }
  }
  constexpr operator std::string_view() const { return text_; }

 private:
  std::string_view text_;
};

// The reference page, docs/logs.md.
std::string logs_reference();

}  // namespace syncd::daemon
