#include "daemon/cli/continuity.hpp"

#include <fmt/format.h>

#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"

namespace syncd::cli {

namespace {

std::string path_of(const std::string& link_id) {
  return fmt::format("/v1/relink/{}/continuity", percent_encoded(link_id));
}

// `attention: 1 account kept, 3 rows vanished`
std::string verdict_and_summary(const JsonValue& report) {
  return report.at("verdict") + ": " + report.at("summary");
}

const std::vector<JsonValue>& items_of(const JsonValue& report, std::string_view list) {
  static const std::vector<JsonValue> none;
  const JsonValue* found = report.find(list);
  return found == nullptr ? none : found->items;
}

std::string gap_of(const JsonValue& account) {
  if (account.at("gap.unusual", "false") != "true") return "-";
  return fmt::format("{} days without rows from {}", account.at("gap.days"), account.at("gap.last_before"));
}

std::string kept_of(const JsonValue& report) {
  const auto& kept = items_of(report, "kept");
  if (kept.empty()) return {};
  Table table({{"KEPT"},
               {"NAME", false, 24},
               {"ROWS", true},
               {"NOW", true},
               {"VANISHED", true},
               {"TWICE", true},
               {"NEW ID", true},
               {"CHANGED", true},
               {"BALANCE", true},
               {"NOW", true},
               {"GAP"}});
  for (const JsonValue& account : kept) {
    table.add({account.at("account_id"), account.at("name"), account.at("rows.before"),
               account.at("rows.after"), account.at("rows.vanished"), account.at("rows.duplicated"),
               account.at("rows.renumbered"), account.at("rows.changed"),
               account.at("balances_before.current"), account.at("balances_after.current"), gap_of(account)});
  }
  return "\n" + table.text();
}

std::string lone_of(const JsonValue& report, std::string_view list, std::string_view heading) {
  const auto& accounts = items_of(report, list);
  if (accounts.empty()) return {};
  Table table({{std::string(heading)},
               {"NAME", false, 24},
               {"TYPE"},
               {"MASK"},
               {"CURRENCY"},
               {"ROWS", true},
               {"BALANCE", true}});
  for (const JsonValue& account : accounts) {
    table.add({account.at("account_id"), account.at("name"), account.at("account_type"),
               account.at("account_mask"), account.at("currency"), account.at("rows"),
               account.at("balances.current")});
  }
  return "\n" + table.text();
}

// `mask same, type same, 57 of 60 rows equal`
std::string evidence_of(const JsonValue& mapping) {
  std::string text;
  for (const char* what : {"mask", "type", "currency", "name", "balance"}) {
    const std::string likeness = mapping.at(fmt::format("evidence.{}", what), "unknown");
    if (likeness != "unknown") text += fmt::format("{} {}, ", what, likeness);
  }
  return text + fmt::format("{} of {} rows equal", mapping.at("evidence.rows_equal"),
                            mapping.at("evidence.rows_before"));
}

std::string reason_of(const JsonValue& mapping) {
  const std::string reason = mapping.at("reason", "");
  if (reason == "rivals") return "several accounts could be it";
  if (reason == "too_little_evidence") return "too little evidence";
  if (reason == "no_candidate") return "no account could be it";
  return mapping.at("to");
}

std::string mappings_of(const JsonValue& report) {
  const auto& mappings = items_of(report, "mappings");
  if (mappings.empty()) return {};
  Table table({{"MISSING"}, {"BECAME"}, {"HOW SURE"}, {"EVIDENCE"}});
  for (const JsonValue& mapping : mappings)
    table.add({mapping.at("from"), reason_of(mapping), mapping.at("verdict"), evidence_of(mapping)});
  return "\n" + table.text() + "\nthese are proposals: the daemon merges nothing\n";
}

}  // namespace

std::string render_continuity(const JsonValue& report, core::WallTime now) {
  Sheet sheet;
  sheet.add("link", report.at("link_id"));
  sheet.add("result", verdict_and_summary(report));
  sheet.add("waited since", time_and_age(report, "opened_at", now));
  sheet.add("before", time_and_age(report, "snapshot_at", now));
  sheet.add("after", time_and_age(report, "compared_at", now));
  const bool cut = report.at("rows_cut") == "true";
  sheet.add("rows since", report.at("rows_from") + (cut ? " (later than usual: there are very many)" : ""));
  if (report.at("accounts_left_out", "0") != "0")
    sheet.add("not compared", report.at("accounts_left_out") + " accounts: there are very many");
  return sheet.take() + kept_of(report) + lone_of(report, "missing", "GONE") + lone_of(report, "new", "NEW") +
         mappings_of(report);
}

CliResult<int> show_continuity(const Session& session, const std::string& link_id) {
  const auto answer = session.client.get(path_of(link_id));
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_continuity(answer->value, wall_now()));
  return daemon::exit_ok;
}

std::string continuity_line(const Session& session, const std::string& link_id) {
  const auto answer = session.client.get(path_of(link_id));
  if (!answer) return {};
  Sheet sheet;
  sheet.add("continuity", verdict_and_summary(answer->value) + "; see `relink continuity`");
  return "\n" + sheet.take();
}

}  // namespace syncd::cli
