#include "daemon/admin/shapes.hpp"

#include <algorithm>

#include "daemon/admin/dead_letter_id.hpp"
#include "sync/core/hex.hpp"
#include "sync/core/schedule.hpp"

namespace syncd::daemon {

void write_time(JsonWriter& writer, std::string_view name, core::WallTime time) {
  writer.key(name);
  if (time == core::WallTime{}) {
    writer.null();
  } else {
    writer.string(core::format_wall_time(time));
  }
}

void write_optional_time(JsonWriter& writer, std::string_view name,
                         const std::optional<core::WallTime>& time) {
  write_time(writer, name, time.value_or(core::WallTime{}));
}

void write_optional_text(JsonWriter& writer, std::string_view name, std::string_view text) {
  writer.key(name);
  if (text.empty()) {
    writer.null();
  } else {
    writer.string(text);
  }
}

namespace {

void write_optional_json(JsonWriter& writer, std::string_view name, std::string_view json) {
  writer.key(name);
  if (json.empty()) {
    writer.null();
  } else {
    writer.raw(json);
  }
}

void write_last_error(JsonWriter& writer, const std::optional<core::ErrorNote>& error) {
  writer.key("last_error");
  if (!error) {
    writer.null();
    return;
  }
  writer.begin_object();
  writer.member("kind", core::to_string(error->code));
  writer.key("http_status");
  if (error->http_status == 0) {
    writer.null();
  } else {
    writer.integer(std::int64_t{error->http_status});
  }
  write_optional_text(writer, "code", error->api_code);
  writer.member("message", std::string_view(error->message));
  write_time(writer, "at", error->at);
  writer.end_object();
}

void write_status_links(JsonWriter& writer, const engine::EngineStatus& engine) {
  writer.key("links").begin_object();
  writer.member("total", engine.links);
  writer.key("by_status").begin_object();
  for (std::size_t number = 1; number <= core::link_status_count; ++number) {
    writer.member(core::to_string(static_cast<core::LinkStatus>(number)), engine.links_by_status[number]);
  }
  writer.end_object();
  writer.member("due", engine.due);
  writer.member("in_flight", engine.in_flight);
  write_optional_time(writer, "oldest_success_at", engine.oldest_success_at);
  write_optional_time(writer, "next_due_at", engine.next_due_at);
  writer.end_object();
}

void write_status_budget(JsonWriter& writer, const std::vector<api::BudgetUse>& budget) {
  writer.key("budget").begin_array();
  for (const api::BudgetUse& use : budget) {
    writer.begin_object();
    writer.member("endpoint", core::to_string(use.endpoint));
    writer.member("limit", use.limit);
    writer.member("used", use.used);
    writer.member("waiting", use.waiting);
    write_optional_time(writer, "frozen_until", use.frozen_until);
    writer.end_object();
  }
  writer.end_array();
}

void write_length(JsonWriter& writer, std::string_view name, const StatusView::Length& length) {
  writer.key(name).begin_object();
  writer.member("count", length.count).member("more", length.more).end_object();
}

// `head` is what is committed, `published` what a consumer has been shown. Only up to `published` are
// sequences promised never to carry other content, so a position to continue from comes from /v1/feed, not
// from here.
void write_status_store(JsonWriter& writer, const StatusView& status) {
  const store::StoreStats& store = status.store;
  writer.key("feed").begin_object();
  writer.member("epoch", store.feed_epoch)
      .member("first", store.feed_first)
      .member("head", store.feed_head)
      .member("published", store.published);
  writer.end_object();
  writer.key("store").begin_object();
  writer.member("healthy", status.engine.store_healthy);
  writer.member("write_stopped", store.write_stopped);
  writer.member("commits", store.commits);
  writer.member("disk_bytes", store.disk_bytes);
  writer.member("disk_free_bytes", store.disk_free_bytes);
  writer.member("space_low", status.space_low);
  write_time(writer, "scrubbed_at", status.scrubbed_at);
  writer.member("damaged_files", status.damaged_files);
  writer.member("memtable_bytes", store.memtable_bytes);
  writer.member("block_cache_bytes", store.block_cache_bytes);
  writer.member("pending_compaction_bytes", store.pending_compaction_bytes);
  writer.end_object();
}

void write_status_upstream(JsonWriter& writer, const StatusView& status) {
  writer.key("upstream").begin_object();
  writer.member("auth_refused", status.engine.auth_refused);
  write_optional_text(writer, "auth_error", status.auth_error);
  writer.key("connections").begin_object();
  writer.member("open", status.connections.open);
  writer.member("idle", status.connections.idle);
  writer.member("waiting", status.connections.waiting);
  writer.end_object();
  writer.key("discovery");
  if (status.discovery) {
    writer.begin_object();
    write_time(writer, "at", status.discovery->at);
    writer.member("only_upstream", status.discovery->only_upstream);
    writer.member("only_here", status.discovery->only_here);
    writer.end_object();
  } else {
    writer.null();
  }
  writer.end_object();
}

void write_status_admin_tcp(JsonWriter& writer, const StatusView& status) {
  writer.key("admin_tcp");
  const StatusView::AdminTcp& tcp = status.admin_tcp;
  if (!tcp.configured) {
    writer.null();
    return;
  }
  writer.begin_object().member("open", tcp.open);
  write_optional_time(writer, "certificate_expires_at", tcp.certificate_expires_at);
  writer.key("certificate_days_left");
  if (tcp.certificate_expires_at) {
    writer.integer(std::chrono::floor<std::chrono::days>(*tcp.certificate_expires_at - status.now).count());
  } else {
    writer.null();
  }
  write_optional_text(writer, "problem", tcp.problem);
  writer.end_object();
}

void write_session(JsonWriter& writer, const std::optional<core::RelinkSession>& session,
                   core::WallTime now) {
  writer.key("session");
  if (!session) {
    writer.null();
    return;
  }
  writer.begin_object();
  write_time(writer, "issued_at", session->issued_at);
  write_time(writer, "expires_at", session->expires_at);
  writer.member("expired", session->expires_at <= now);
  writer.member("issued_by", std::string_view(session->issued_by));
  writer.end_object();
}

void write_history(JsonWriter& writer, const core::RelinkEntry& entry) {
  writer.member("history_dropped", entry.history_dropped);
  writer.key("history").begin_array();
  for (const core::RelinkEvent& event : entry.history) {
    writer.begin_object();
    write_time(writer, "at", event.at);
    writer.member("kind", core::to_string(event.kind));
    write_optional_text(writer, "actor", event.actor);
    write_optional_text(writer, "text", event.text);
    writer.end_object();
  }
  writer.end_array();
}

void write_ids(JsonWriter& writer, std::string_view name, const std::vector<std::string>& ids) {
  writer.key(name).begin_array();
  for (const std::string& id : ids)
    writer.string(id);
  writer.end_array();
}

void write_tally(JsonWriter& writer, std::string_view name, bool compared,
                 const core::DifferenceTally& tally) {
  writer.key(name).begin_object();
  writer.member("compared", compared);
  writer.member("missing", tally.missing).member("extra", tally.extra).member("changed", tally.changed);
  write_ids(writer, "missing_ids", tally.missing_ids);
  write_ids(writer, "extra_ids", tally.extra_ids);
  write_ids(writer, "changed_ids", tally.changed_ids);
  writer.end_object();
}

void write_verify_report(JsonWriter& writer, const core::VerifyReport& report) {
  writer.begin_object();
  write_time(writer, "at", report.at);
  writer.member("result", core::to_string(report.result));
  write_optional_text(writer, "reason", report.reason);
  write_optional_text(writer, "detail", report.detail);
  write_tally(writer, "transactions", report.transactions_compared, report.transactions);
  write_tally(writer, "accounts", report.accounts_compared, report.accounts);
  writer.member("rows", report.rows);
  writer.member("pages", report.pages);
  writer.member("requests", report.requests);
  writer.member("by_audit", report.by_audit);
  writer.member("duration_ms", report.duration.count());
  writer.end_object();
}

std::string_view name_of(engine::VerifyState::Phase phase) {
  switch (phase) {
    case engine::VerifyState::Phase::never:
      return "never";
    case engine::VerifyState::Phase::waiting:
      return "waiting";
    case engine::VerifyState::Phase::running:
      return "running";
    case engine::VerifyState::Phase::done:
      return "done";
  }
  return "unknown";
}

}  // namespace

namespace {

void write_next_due(JsonWriter& writer, core::LinkStatus status, core::WallTime at) {
  write_time(writer, "next_due_at", core::visited_by_schedule(status) ? at : core::WallTime{});
}

void write_link_members(JsonWriter& writer, const core::LinkRecord& link, std::string_view link_ref) {
  writer.member("link_id", std::string_view(link.link_id.str()));
  writer.member("link_ref", link_ref);
  writer.member("status", core::to_string(link.status));
  write_optional_text(writer, "institution_id", link.institution_id);
  write_optional_text(writer, "provider", link.provider);
  write_optional_text(writer, "upstream_state", link.upstream_state);
  write_optional_text(writer, "upstream_error_code", link.upstream_error_code);
  write_optional_text(writer, "customer_user_id", link.customer_user_id);
  writer.key("tags").begin_array();
  for (const std::string& tag : link.tags)
    writer.string(tag);
  writer.end_array();
  writer.member("cursor_set", link.cursor.has_value());
  write_time(writer, "added_at", link.added_at);
  write_time(writer, "last_attempt_at", link.last_attempt_at);
  write_time(writer, "last_success_at", link.last_success_at);
  write_next_due(writer, link.status, link.next_due_at);
  writer.member("failures", link.failures);
  write_last_error(writer, link.last_error);
  writer.key("counts").begin_object();
  writer.member("accounts", link.counts.accounts);
  writer.member("transactions", link.counts.transactions);
  writer.member("pending", link.counts.pending);
  writer.end_object();
}

}  // namespace

void write_link(JsonWriter& writer, const core::LinkRecord& link, std::string_view link_ref) {
  writer.begin_object();
  write_link_members(writer, link, link_ref);
  writer.end_object();
}

void write_link(JsonWriter& writer, const core::LinkRecord& link, std::string_view link_ref,
                const std::string& object) {
  writer.begin_object();
  write_link_members(writer, link, link_ref);
  write_optional_json(writer, "data", object);
  writer.end_object();
}

void write_account(JsonWriter& writer, const core::StoredAccount& account) {
  writer.begin_object();
  writer.member("account_id", std::string_view(account.account_id));
  writer.member("gone", account.gone);
  write_time(writer, "gone_since", account.gone_since);
  write_optional_json(writer, "data", account.json);
  writer.end_object();
}

void write_transaction(JsonWriter& writer, const core::StoredTransaction& transaction) {
  writer.begin_object();
  writer.member("transaction_id", std::string_view(transaction.transaction_id));
  writer.member("account_id", std::string_view(transaction.account_id));
  writer.member("pending", transaction.pending);
  write_optional_text(writer, "posted_from", transaction.posted_from);
  write_optional_json(writer, "data", transaction.json);
  writer.end_object();
}

void write_feed_entry(JsonWriter& writer, const store::FeedEntry& entry) {
  writer.begin_object();
  writer.member("epoch", entry.epoch);
  writer.member("seq", entry.sequence);
  write_time(writer, "at", entry.at);
  writer.member("link_id", std::string_view(entry.link_id.str()));
  writer.member("kind", core::to_string(entry.kind));
  writer.member("id", std::string_view(entry.id));
  write_optional_json(writer, "before", entry.before);
  write_optional_json(writer, "after", entry.after);
  writer.member("cause", core::to_string(entry.cause));
  writer.end_object();
}

void write_relink_entry(JsonWriter& writer, const core::RelinkEntry& entry, const EntryMoment& moment,
                        bool whole) {
  writer.begin_object();
  writer.member("link_id", std::string_view(entry.link_id.str()));
  writer.member("status", core::to_string(entry.status));
  writer.member("reason", std::string_view(entry.reason));
  write_optional_text(writer, "institution_id", entry.institution_id);
  write_optional_text(writer, "provider", entry.provider);
  write_optional_text(writer, "customer_user_id", entry.customer_user_id);
  write_time(writer, "opened_at", entry.opened_at);
  write_time(writer, "resolved_at", entry.resolved_at);
  write_optional_text(writer, "resolved_by", entry.resolved_by);
  writer.member("reopened", entry.reopened);
  write_time(writer, "last_success_at", entry.last_success_at);
  writer.member("days_lost", core::days_lost(entry, moment.now));
  write_optional_text(writer, "assignee", entry.assignee);
  write_session(writer, entry.session, moment.now);
  write_optional_text(writer, "held_back", moment.held_back.value_or(""));
  writer.member("version", entry.version);
  if (whole) write_history(writer, entry);
  writer.end_object();
}

void write_audit_entry(JsonWriter& writer, const core::AuditEntry& entry) {
  writer.begin_object();
  writer.member("sequence", entry.sequence);
  write_time(writer, "at", entry.at);
  writer.member("actor", std::string_view(entry.note.actor));
  writer.member("action", std::string_view(entry.note.action));
  write_optional_text(writer, "link_id", entry.link_id.str());
  writer.key("detail");
  if (entry.note.detail.empty()) {
    writer.null();
  } else {
    writer.raw(entry.note.detail);
  }
  writer.member("hash", std::string_view(core::hex_of(entry.hash)));
  writer.end_object();
}

void write_incident(JsonWriter& writer, const engine::Incident& incident) {
  writer.begin_object();
  writer.member("id", std::string_view(incident.what.id));
  writer.member("scope", core::to_string(incident.what.scope));
  writer.member("name", std::string_view(incident.what.name));
  write_optional_text(writer, "provider", incident.what.provider);
  write_time(writer, "opened_at", incident.what.opened_at);
  writer.member("phase", core::to_string(incident.what.phase));
  writer.member("links_failing", incident.what.links_failing);
  writer.member("links_total", incident.what.links_total);
  writer.member("held_back", incident.what.held_back);
  if (incident.canary) writer.member("canary_link_id", std::string_view(incident.canary->str()));
  writer.end_object();
}

void write_cycle(JsonWriter& writer, const core::CycleReport& report) {
  writer.begin_object();
  writer.member("link_id", std::string_view(report.link_id.str()));
  writer.member("outcome", core::outcome_of(report));
  writer.member("cause", core::to_string(report.cause));
  writer.member("status", core::to_string(report.status_after));
  writer.member("pages", report.pages);
  writer.member("created", report.created);
  writer.member("updated", report.updated);
  writer.member("removed", report.removed);
  writer.member("account_changes", report.account_changes);
  writer.member("drained", report.drained);
  writer.member("relink_opened", report.relink_opened);
  writer.member("relink_resolved", report.relink_resolved);
  writer.member("duration_ms", report.duration.count());
  write_next_due(writer, report.status_after, report.next_due_at);
  write_optional_text(writer, "error",
                      report.error ? std::string_view(report.error->message) : std::string_view{});
  writer.end_object();
}

void write_dead_letter(JsonWriter& writer, const core::DeadLetter& letter, bool whole) {
  writer.begin_object();
  writer.member("id", std::string_view(to_text({.at = letter.at, .link_id = letter.link_id})));
  writer.member("link_id", std::string_view(letter.link_id.str()));
  writer.member("endpoint", core::to_string(letter.endpoint));
  write_time(writer, "at", letter.at);
  writer.member("reason", std::string_view(letter.reason));
  writer.member("body_bytes", letter.body_bytes);
  writer.member("body_sha256_prefix", std::string_view(core::hex_of(letter.body_digest)));
  write_time(writer, "retried_at", letter.retried_at);
  if (whole) write_optional_text(writer, "redacted_body", letter.redacted_body);
  writer.end_object();
}

void write_verify(JsonWriter& writer, const core::LinkId& link_id, const engine::VerifyState& state,
                  core::WallTime daemon_started_at) {
  writer.begin_object();
  writer.member("link_id", std::string_view(link_id.str()));
  writer.member("state", name_of(state.phase));
  write_time(writer, "daemon_started_at", daemon_started_at);
  writer.key("report");
  if (state.report) {
    write_verify_report(writer, *state.report);
  } else {
    writer.null();
  }
  writer.end_object();
}

namespace {

void write_status_config(JsonWriter& writer, const StatusView::ConfigState& config) {
  writer.key("config").begin_object();
  writer.member("last_reload_ok", config.problems == 0);
  write_time(writer, "last_reload_at", config.reloaded_at);
  writer.member("problems", config.problems);
  write_time(writer, "loaded_at", config.loaded_at);
  writer.key("pending_restart").begin_array();
  for (const std::string& key : config.pending_restart)
    writer.string(key);
  writer.end_array();
  writer.end_object();
}

}  // namespace

void write_status(JsonWriter& writer, const StatusView& status) {
  writer.begin_object();
  writer.member("version", std::string_view(status.version));
  writer.member("environment", std::string_view(status.environment));
  write_time(writer, "started_at", status.started_at);
  const auto uptime = std::chrono::floor<std::chrono::seconds>(status.now - status.started_at);
  writer.member("uptime_seconds", std::max<std::int64_t>(0, uptime.count()));
  writer.member("healthy", status.healthy);
  writer.member("ready", status.ready);
  write_status_links(writer, status.engine);
  write_status_budget(writer, status.budget);
  write_status_upstream(writer, status);
  write_status_store(writer, status);
  writer.key("queues").begin_object();
  write_length(writer, "relink_open", status.relinks_open);
  write_length(writer, "dead_letters", status.dead_letters);
  writer.end_object();
  writer.key("incidents").begin_array();
  for (const engine::Incident& incident : status.engine.incidents)
    write_incident(writer, incident);
  writer.end_array();
  write_status_admin_tcp(writer, status);
  write_status_config(writer, status.config);
  writer.end_object();
}

}  // namespace syncd::daemon
