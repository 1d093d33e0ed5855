#include <fmt/format.h>

#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"

namespace syncd::cli {

namespace {

std::string session_of(const JsonValue& entry, core::WallTime now) {
  if (entry.at("session.issued_at") == "-") return "-";
  const bool expired = entry.at("session.expired") == "true";
  return fmt::format("{} by {}, {} {}", age_of(entry.at("session.issued_at"), now),
                     printable(entry.at("session.issued_by")), expired ? "expired" : "expires",
                     age_of(entry.at("session.expires_at"), now));
}

// One that is held back wants nothing of anybody now.
Cell status_cell(const JsonValue& entry) {
  const std::string status = entry.at("status");
  if (entry.at("held_back") != "-") return {status + " (held back)", Tone::dim};
  return {status, tone_of_state(status)};
}

// Who waits for so long may have given up.
constexpr core::Millis wait_age_max = std::chrono::days{7};

Cell opened_cell(const JsonValue& entry, core::WallTime now) {
  const std::string at = entry.at("opened_at");
  const bool waits = entry.at("resolved_at") == "-";
  return {age_of(at, now), waits ? tone_of_age(at, now, wait_age_max) : Tone::plain};
}

// `version=5 status=claimed`
std::string detail_of(const JsonValue& act) {
  const JsonValue* detail = act.find("detail");
  if (detail == nullptr || detail->members.empty()) return "-";
  std::string text;
  for (const JsonMember& member : detail->members)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", member.name, member.value.text);
  return text;
}

std::string history_of(const JsonValue& entry, const Look& look) {
  const JsonValue* history = entry.find("history");
  if (history == nullptr || history->items.empty()) return {};
  Table table({{"WHEN"}, {"WHAT"}, {"WHO", false, 40}, {"TEXT", false, 200}});
  for (const JsonValue& event : history->items)
    table.add({event.at("at"), event.at("kind"), event.at("actor", "the daemon"), event.at("text")});
  const std::string dropped = entry.at("history_dropped", "0");
  return "\n" + (dropped == "0" ? std::string() : dropped + " earlier steps are not kept\n") +
         table.text(look);
}

}  // namespace

std::string render_relinks(const Items& entries, core::WallTime now, const Look& look) {
  if (entries.empty()) return "no relink entries\n";
  Table table({{"LINK"},
               {"USER", false, 24},
               {"STATUS"},
               {"REASON"},
               {"INSTITUTION", false, 24},
               {"OPENED"},
               {"DAYS LOST", true},
               {"ASSIGNEE", false, 24},
               {"RESOLVED"},
               {"VERSION", true}});
  for (const JsonValue& entry : entries) {
    table.add({entry.at("link_id"), entry.at("customer_user_id"), status_cell(entry), entry.at("reason"),
               entry.at("institution_id"), opened_cell(entry, now), entry.at("days_lost"),
               entry.at("assignee"), age_of(entry.at("resolved_at"), now), entry.at("version")});
  }
  return table.text(look) + fmt::format("\n{}: {}\n",
                                        plural(entries.size(), "relink entry", "relink entries"),
                                        tally(entries, "status"));
}

std::string render_relink(const JsonValue& entry, core::WallTime now, const Look& look) {
  Sheet sheet(look);
  sheet.add("link", entry.at("link_id"));
  sheet.add("user", entry.at("customer_user_id"));
  sheet.add("status", entry.at("status"), tone_of_state(entry.at("status")));
  if (entry.at("held_back") != "-")
    sheet.add("held back",
              "by incident " + entry.at("held_back") + ": the bank is down, its owner can do nothing yet");
  sheet.add("reason", entry.at("reason"));
  sheet.add("institution", entry.at("institution_id"));
  sheet.add("opened", time_and_age(entry, "opened_at", now));
  sheet.add("no data since", time_and_age(entry, "last_success_at", now));
  sheet.add("days lost", entry.at("days_lost"));
  sheet.add("assignee", entry.at("assignee"));
  sheet.add("session", session_of(entry, now));
  sheet.add("resolved", time_and_age(entry, "resolved_at", now));
  sheet.add("resolved by", entry.at("resolved_by"));
  sheet.add("reopened", entry.at("reopened") + " times");
  sheet.add("version", entry.at("version"));
  return sheet.take() + history_of(entry, look);
}

std::string render_acts(const Items& acts, core::WallTime now, const Look& look) {
  if (acts.empty()) return "nobody has changed anything so far\n";
  Table table({{"ACT", true}, {"WHEN"}, {"WHO", false, 40}, {"WHAT"}, {"LINK"}, {"DETAIL", false, 80}});
  for (const JsonValue& act : acts) {
    table.add({act.at("sequence"), time_and_age(act, "at", now), act.at("actor"), act.at("action"),
               act.at("link_id"), detail_of(act)});
  }
  return table.text(look);
}

}  // namespace syncd::cli
