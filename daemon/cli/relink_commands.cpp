#include "daemon/cli/relink_commands.hpp"

#include <charconv>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "daemon/cli/confirm.hpp"
#include "daemon/cli/continuity.hpp"
#include "daemon/cli/flags.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"
#include "sync/core/conflict_codes.hpp"

// The relink queue, and the audit log of what people do.
namespace syncd::cli {

namespace {

using Kind = core::RelinkRequest::Kind;

std::uint64_t to_number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string_view verb_of(Kind kind) {
  const std::string_view name = core::action_name(kind);
  return name.substr(name.find('.') + 1);
}

std::string entry_path(const std::string& link_id, std::string_view rest = {}) {
  return fmt::format("/v1/relink/{}{}", percent_encoded(link_id), rest);
}

void add_filter(std::string& query, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (!query.empty()) query += '&';
  query += fmt::format("{}={}", name, percent_encoded(value));
}

std::string query_of(const RelinkListOptions& options) {
  std::string query;
  add_filter(query, "status", options.status == "all" ? "" : options.status);
  add_filter(query, "institution", options.institution);
  add_filter(query, "reason", options.reason);
  add_filter(query, "assignee", options.assignee);
  add_filter(query, "search", options.search);
  if (options.newest_first) add_filter(query, "order", "newest");
  return query;
}

core::RelinkStatus status_of(const JsonValue& entry) {
  const std::string status = entry.at("status");
  if (status == "claimed") return core::RelinkStatus::claimed;
  if (status == "session_issued") return core::RelinkStatus::session_issued;
  if (status == "open") return core::RelinkStatus::open;
  return entry.at("resolved_by") == "dismissed" ? core::RelinkStatus::dismissed
                                                : core::RelinkStatus::resolved;
}

std::optional<core::RelinkEventKind> event_kind_of(std::string_view word) {
  for (std::size_t number = 1; number <= core::relink_event_kind_count; ++number) {
    const auto kind = static_cast<core::RelinkEventKind>(number);
    if (core::to_string(kind) == word) return kind;
  }
  return std::nullopt;
}

core::RelinkRequest request_of(const RelinkActOptions& options, std::uint64_t version) {
  return {.kind = options.kind,
          .actor = fmt::format("uid:{}", ::getuid()),
          .version = version,
          .assignee = options.assignee,
          .take_over = options.take_over,
          .text = options.text};
}

std::string body_of(const RelinkActOptions& options, std::uint64_t version) {
  daemon::JsonWriter writer;
  writer.begin_object().member("version", version);
  if (!options.assignee.empty()) writer.member("assignee", std::string_view(options.assignee));
  if (options.take_over) writer.member("take_over", true);
  if (!options.text.empty()) writer.member("text", std::string_view(options.text));
  writer.end_object();
  return writer.take();
}

// What the daemon says about somebody else's claim, with what to type about it.
CliError with_next_step(CliError error, const RelinkActOptions& options, const JsonValue& entry) {
  const std::string assignee = entry.at("assignee", "");
  if (error.problem != core::claimed_by_other || assignee.empty()) return error;
  error.message = fmt::format("the entry of link {} is claimed by {}: say --take-over if that is agreed",
                              printable(options.link_id), printable(assignee));
  return error;
}

CliError refused_act(CliError error, const RelinkActOptions& options, const JsonValue& entry) {
  const char* const text = options.kind == Kind::note ? "TEXT" : "--reason";
  return with_next_step(
      in_flags(
          std::move(error),
          {{"assignee", "--for"}, {"take_over", "--take-over"}, {"text", text}, {"version", "--version"}}),
      options, entry);
}

CliResult<int> describe_act(const Session& session, const RelinkActOptions& options, const Answer& found,
                            std::uint64_t version) {
  const auto would = core::apply(entry_of(found.value), request_of(options, version), wall_now());
  if (!would) {
    const core::Error& why = would.error();
    const std::string kind = why.code == core::Errc::invalid ? "invalid" : "conflict";
    return std::unexpected(refused_act({.exit_code = daemon::exit_failure,
                                        .message = why.message,
                                        .problem = why.api_code.empty() ? kind : why.api_code},
                                       options, found.value));
  }
  const bool would_change = would->version != version;
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", verb_of(options.kind));
    writer.member("link_id", std::string_view(options.link_id));
    writer.member("status", core::to_string(would->status)).member("version", would->version);
    writer.member("would_change", would_change).end_object();
    return print_json(writer.take());
  }
  if (!would_change) {
    print(fmt::format("the entry of link {} is claimed so already; nothing would change\n",
                      printable(options.link_id)));
    return daemon::exit_ok;
  }
  print(fmt::format("would {} the entry of link {} (now {}, version {}); nothing was changed\n",
                    verb_of(options.kind), printable(options.link_id), printable(found.value.at("status")),
                    version));
  return daemon::exit_ok;
}

}  // namespace

core::RelinkEntry entry_of(const JsonValue& shown) {
  core::RelinkEntry entry;
  entry.status = status_of(shown);
  entry.version = to_number(shown.at("version", "0"));
  entry.assignee = shown.at("assignee", "");
  entry.resolved_by = shown.at("resolved_by", "");
  if (const auto at = core::parse_upstream_time(shown.at("resolved_at", "")))
    entry.resolved_at = std::chrono::floor<core::Millis>(*at);
  const JsonValue* history = shown.find("history");
  if (history == nullptr) return entry;
  for (const JsonValue& event : history->items) {
    const auto kind = event_kind_of(event.at("kind"));
    const auto at = core::parse_upstream_time(event.at("at", ""));
    if (!kind || !at) continue;
    entry.history.push_back(
        {std::chrono::floor<core::Millis>(*at), *kind, event.at("actor", ""), event.at("text", "")});
  }
  return entry;
}

CliResult<int> list_relinks(const Session& session, const RelinkListOptions& options) {
  const auto entries = session.client.list("/v1/relink", query_of(options), options.limit);
  if (!entries) return std::unexpected(entries.error());
  if (session.json) return print_items(*entries);
  print(render_relinks(*entries, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> show_relink(const Session& session, const std::string& link_id) {
  const auto answer = session.client.get(entry_path(link_id));
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_relink(answer->value, wall_now(), session.look) + continuity_line(session, link_id));
  return daemon::exit_ok;
}

CliResult<int> act_on_relink(const Session& session, const RelinkActOptions& options) {
  const auto found = session.client.get(entry_path(options.link_id));
  if (!found) return std::unexpected(found.error());
  const std::uint64_t version = options.version.value_or(to_number(found->value.at("version", "0")));
  if (session.dry_run) return describe_act(session, options, *found, version);
  if (options.kind == Kind::dismiss) {
    const auto ended = confirm(
        session,
        fmt::format("link {} still waits for its owner; dismissed, nobody is told of it until the reason "
                    "changes",
                    printable(options.link_id)));
    if (ended) return *ended;
  }
  const auto answer = session.client.post(
      entry_path(options.link_id, fmt::format("/{}", verb_of(options.kind))), body_of(options, version));
  if (!answer) return std::unexpected(refused_act(answer.error(), options, found->value));
  if (session.json) return print_json(answer->body);
  print(render_relink(answer->value, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> list_acts(const Session& session, std::size_t limit) {
  const auto acts = session.client.list("/v1/audit", {}, limit);
  if (!acts) return std::unexpected(acts.error());
  if (session.json) return print_items(*acts);
  print(render_acts(*acts, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> check_acts(const Session& session) {
  const auto answer = session.client.get("/v1/audit/check");
  if (!answer) return std::unexpected(answer.error());
  const bool intact = answer->value.at("intact") == "true";
  const int code = intact ? daemon::exit_ok : daemon::exit_failure;
  if (session.json) {
    print_json(answer->body);
  } else if (intact) {
    print(fmt::format("the audit log is whole: {} acts, the last with hash {}\n",
                      grouped(answer->value.at("entries")), printable(answer->value.at("hash"))));
  } else {
    print(
        fmt::format("THE AUDIT LOG WAS CHANGED: act {} is missing or is not what was written; compare with a "
                    "backup\n",
                    answer->value.at("broken_at")));
  }
  return code;
}

}  // namespace syncd::cli
