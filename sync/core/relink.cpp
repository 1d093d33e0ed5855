#include "sync/core/relink.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sync/core/conflict_codes.hpp"
#include "sync/core/json_text.hpp"

namespace syncd::core {

namespace {

constexpr std::string_view assignee_marks = "._@+-:";  // beside letters and digits

void append_time_or_null(std::string& out, WallTime time) {
  if (time == WallTime{}) {
    out.append("null");
  } else {
    append_json_string(out, format_wall_time(time));
  }
}

void append_text_or_null(std::string& out, std::string_view text) {
  if (text.empty()) {
    out.append("null");
  } else {
    append_json_string(out, text);
  }
}

std::unexpected<Error> conflict(std::string message) {
  return fail(Errc::conflict, std::move(message));
}

std::string who(std::string_view actor) {
  return actor.empty() ? std::string("the daemon") : std::string(actor);
}

// Who changed the entry last, for the person whose act came too late.
std::string last_change(const RelinkEntry& entry) {
  if (entry.history.empty()) return "somebody";
  const RelinkEvent& last = entry.history.back();
  return fmt::format("{} ({}, {})", who(last.actor), to_string(last.kind), format_wall_time(last.at));
}

// It was `actor` who claimed the entry for whoever has it now. Also false: its history does not say (any
// more).
bool claimed_by(const RelinkEntry& entry, std::string_view actor) {
  for (auto event = entry.history.rbegin(); event != entry.history.rend(); ++event) {
    if (event->kind == RelinkEventKind::claimed)
      return event->actor == actor && event->text == entry.assignee;
    if (event->kind == RelinkEventKind::released || event->kind == RelinkEventKind::reopened) return false;
  }
  return false;
}

const std::string& assignee_of(const RelinkRequest& request) {
  return request.assignee.empty() ? request.actor : request.assignee;
}

// The same person has said the same before: no news for anybody.
bool says_nothing_new(const RelinkEntry& entry, const RelinkRequest& request) {
  return request.kind == RelinkRequest::Kind::claim && entry.status != RelinkStatus::open &&
         entry.assignee == assignee_of(request) && claimed_by(entry, request.actor);
}

Result<RelinkEntry> claim(RelinkEntry entry, const RelinkRequest& request) {
  const std::string& assignee = assignee_of(request);
  if (!is_valid_assignee(assignee)) {
    return fail(Errc::invalid,
                fmt::format("assignee must be a name of 1 to {} ASCII letters, digits and . _ @ + - : (no "
                            "blanks); what else there is to say belongs in a note",
                            relink_assignee_bytes_max));
  }
  const bool taken = !entry.assignee.empty() && entry.assignee != assignee;
  if (taken && !request.take_over) {
    auto refused =
        conflict(fmt::format("the entry is claimed by {}; take it over if that is agreed", entry.assignee));
    refused.error().api_code = claimed_by_other;
    return refused;
  }
  entry.assignee = assignee;
  if (entry.status == RelinkStatus::open) entry.status = RelinkStatus::claimed;
  return entry;
}

// One's own: what one works on, or claimed for somebody.
Result<RelinkEntry> release(RelinkEntry entry, const RelinkRequest& request) {
  if (entry.assignee.empty()) return conflict("the entry is claimed by nobody: there is nothing to release");
  const bool own = entry.assignee == request.actor || claimed_by(entry, request.actor);
  if (!own && !request.take_over) {
    auto refused = conflict(fmt::format(
        "the entry is claimed by {}; release it as a take-over if that is agreed", entry.assignee));
    refused.error().api_code = claimed_by_other;
    return refused;
  }
  entry.assignee.clear();
  if (entry.status == RelinkStatus::claimed) entry.status = RelinkStatus::open;
  return entry;
}

RelinkEntry dismiss(RelinkEntry entry, WallTime now) {
  entry.status = RelinkStatus::dismissed;
  entry.resolved_at = now;
  entry.resolved_by = "dismissed";
  return entry;
}

RelinkEntry reopen(RelinkEntry entry) {
  entry.status = RelinkStatus::open;
  entry.resolved_at = WallTime{};
  entry.resolved_by.clear();
  entry.assignee.clear();
  entry.session.reset();
  ++entry.reopened;
  return entry;
}

RelinkEntry issue(RelinkEntry entry, const RelinkRequest& request, WallTime now) {
  entry.session =
      RelinkSession{.issued_at = now, .expires_at = request.session_expires_at, .issued_by = request.actor};
  entry.status = RelinkStatus::session_issued;
  if (entry.assignee.empty()) entry.assignee = request.actor.substr(0, relink_assignee_bytes_max);
  return entry;
}

Result<void> check_state(const RelinkEntry& entry, RelinkRequest::Kind kind) {
  using enum RelinkRequest::Kind;
  if (kind == note) return {};
  if (kind == reopen) {
    if (entry.status == RelinkStatus::dismissed) return {};
    if (is_live(entry.status)) return conflict("the entry is open already");
    return conflict(
        fmt::format("the entry was resolved ({}): it opens by itself when the link needs its owner again",
                    entry.resolved_by));
  }
  if (is_live(entry.status)) return {};
  const std::string_view next =
      entry.status == RelinkStatus::dismissed ? "; reopen it first" : ": nothing is left to do";
  return conflict(fmt::format("the entry was resolved ({}) at {}{}", entry.resolved_by,
                              format_wall_time(entry.resolved_at), next));
}

Result<RelinkEntry> changed(const RelinkEntry& entry, const RelinkRequest& request, WallTime now) {
  switch (request.kind) {
    case RelinkRequest::Kind::claim:
      return claim(entry, request);
    case RelinkRequest::Kind::release:
      return release(entry, request);
    case RelinkRequest::Kind::note:
      return entry;
    case RelinkRequest::Kind::dismiss:
      return dismiss(entry, now);
    case RelinkRequest::Kind::reopen:
      return reopen(entry);
    case RelinkRequest::Kind::session:
      return issue(entry, request, now);
  }
  return entry;
}

struct Step {
  RelinkEventKind kind;
  std::string_view action;
};

Step step_of(RelinkRequest::Kind kind) {
  switch (kind) {
    case RelinkRequest::Kind::claim:
      return {RelinkEventKind::claimed, "relink.claim"};
    case RelinkRequest::Kind::release:
      return {RelinkEventKind::released, "relink.release"};
    case RelinkRequest::Kind::note:
      return {RelinkEventKind::noted, "relink.note"};
    case RelinkRequest::Kind::dismiss:
      return {RelinkEventKind::dismissed, "relink.dismiss"};
    case RelinkRequest::Kind::reopen:
      return {RelinkEventKind::reopened, "relink.reopen"};
    case RelinkRequest::Kind::session:
      return {RelinkEventKind::session_issued, "relink.session"};
  }
  return {RelinkEventKind::noted, "relink.note"};
}

}  // namespace

std::string_view to_string(RelinkStatus status) {
  switch (status) {
    case RelinkStatus::open:
      return "open";
    case RelinkStatus::claimed:
      return "claimed";
    case RelinkStatus::session_issued:
      return "session_issued";
    case RelinkStatus::resolved:
    case RelinkStatus::dismissed:
      return "resolved";
  }
  return "unknown";
}

bool is_valid_assignee(std::string_view text) {
  const bool named = std::ranges::all_of(text, [](char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || assignee_marks.contains(c);
  });
  return named && !text.empty() && text.size() <= relink_assignee_bytes_max;
}

bool is_live(RelinkStatus status) {
  return status == RelinkStatus::open || status == RelinkStatus::claimed ||
         status == RelinkStatus::session_issued;
}

bool is_waiting(RelinkStatus status) {
  return is_live(status) || status == RelinkStatus::dismissed;
}

std::string_view to_string(RelinkEventKind kind) {
  switch (kind) {
    case RelinkEventKind::opened:
      return "opened";
    case RelinkEventKind::reason_changed:
      return "reason_changed";
    case RelinkEventKind::claimed:
      return "claimed";
    case RelinkEventKind::released:
      return "released";
    case RelinkEventKind::noted:
      return "noted";
    case RelinkEventKind::session_issued:
      return "session_issued";
    case RelinkEventKind::dismissed:
      return "dismissed";
    case RelinkEventKind::reopened:
      return "reopened";
    case RelinkEventKind::resolved:
      return "resolved";
  }
  return "unknown";
}

std::string_view action_name(RelinkRequest::Kind kind) {
  return step_of(kind).action;
}

std::string to_json(const RelinkEntry& entry) {
  std::string out = "{\"link_id\":";
  append_json_string(out, entry.link_id.str());
  out.append(",\"status\":");
  append_json_string(out, to_string(entry.status));
  out.append(",\"reason\":");
  append_json_string(out, entry.reason);
  out.append(",\"institution_id\":");
  append_json_string(out, entry.institution_id);
  out.append(",\"provider\":");
  append_json_string(out, entry.provider);
  out.append(",\"customer_user_id\":");
  append_text_or_null(out, entry.customer_user_id);
  out.append(",\"opened_at\":");
  append_time_or_null(out, entry.opened_at);
  out.append(",\"resolved_at\":");
  append_time_or_null(out, entry.resolved_at);
  out.append(",\"resolved_by\":");
  append_text_or_null(out, entry.resolved_by);
  out.append(",\"last_success_at\":");
  append_time_or_null(out, entry.last_success_at);
  out.append(",\"assignee\":");
  append_text_or_null(out, entry.assignee);
  fmt::format_to(std::back_inserter(out), ",\"reopened\":{},\"version\":{}}}", entry.reopened, entry.version);
  return out;
}

void note_event(RelinkEntry& entry, RelinkEvent event) {
  entry.history.push_back(std::move(event));
  const std::size_t over = entry.history.size() - std::min(entry.history.size(), relink_history_max);
  entry.history.erase(entry.history.begin(), entry.history.begin() + static_cast<std::ptrdiff_t>(over));
  entry.history_dropped += over;
}

Result<RelinkEntry> apply(const RelinkEntry& entry, const RelinkRequest& request, WallTime now) {
  if (request.text.size() > relink_text_bytes_max)
    return fail(Errc::invalid, fmt::format("text has more than {} bytes", relink_text_bytes_max));
  if (request.kind == RelinkRequest::Kind::note && request.text.empty())
    return fail(Errc::invalid, "text is empty: a note says something");
  if (request.version && *request.version != entry.version) {
    auto late = conflict(
        fmt::format("the entry has version {} by now, not {}: {} changed it; look at it and try again",
                    entry.version, *request.version, last_change(entry)));
    late.error().api_code = relink_version_conflict;
    return late;
  }
  if (auto allowed = check_state(entry, request.kind); !allowed) return std::unexpected(allowed.error());
  if (says_nothing_new(entry, request)) return entry;
  auto result = changed(entry, request, now);
  if (!result) return result;
  ++result->version;
  const bool of_claim = request.kind == RelinkRequest::Kind::claim;
  note_event(*result, {.at = now,
                       .kind = step_of(request.kind).kind,
                       .actor = request.actor,
                       .text = of_claim ? result->assignee : request.text});
  return result;
}

std::int64_t days_lost(const RelinkEntry& entry, WallTime now) {
  const WallTime since = entry.last_success_at == WallTime{} ? entry.opened_at : entry.last_success_at;
  const bool over = entry.status == RelinkStatus::resolved;
  const WallTime until = over ? entry.resolved_at : now;
  return std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::days>(until - since).count(), 0);
}

}  // namespace syncd::core
