#include "daemon/cli/schedule_commands.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"

// Why a link is due when it is, and what the budget buys.
namespace syncd::cli {

namespace {

std::optional<double> number_at(const JsonValue& value, std::string_view path) {
  const std::string text = value.at(path, "");
  double number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// In so many digits as say something; `-` for none.
std::string number_text(const JsonValue& value, std::string_view path) {
  const auto number = number_at(value, path);
  return number ? fmt::format("{:.3g}", *number) : "-";
}

std::string percent_text(const JsonValue& value, std::string_view path, double of_one) {
  const auto number = number_at(value, path);
  return number ? fmt::format("{:.0f} %", *number * of_one) : "-";
}

// Expectations, to two or three digits: `22 s`, `3.3 min`, `56 min`, `5.2 h`, `12.1 d`.
std::string span_at(const JsonValue& value, std::string_view path) {
  const auto seconds = number_at(value, path);
  if (!seconds || !(*seconds >= 0)) return "-";
  if (*seconds < 1) return "less than 1 s";
  if (*seconds < 60) return fmt::format("{:.0f} s", *seconds);
  const double minutes = *seconds / 60;
  if (minutes < 10) return fmt::format("{:.1f} min", minutes);
  if (minutes < 180) return fmt::format("{:.0f} min", minutes);
  const double hours = minutes / 60;
  return hours < 72 ? fmt::format("{:.1f} h", hours) : fmt::format("{:.1f} d", hours / 24);
}

std::string visit_text(const JsonValue& visit) {
  const std::string reason = visit.at("reason", "");
  return reason + (visit.at("peek") == "true" ? ", by a peek" : "");
}

std::string rhythm_text(const JsonValue& told) {
  const std::string knowledge = told.at("rhythm.knowledge");
  if (knowledge == "regular")
    return fmt::format("every {}, give or take {}", span_at(told, "rhythm.period_seconds"),
                       span_at(told, "rhythm.spread_seconds"));
  if (knowledge == "irregular")
    return fmt::format("none; {} between two refreshes, in the middle",
                       span_at(told, "rhythm.median_gap_seconds"));
  return "not known yet";
}

std::string webhook_text(const JsonValue& told) {
  if (told.at("webhook.present") != "true") return "none";
  return fmt::format("expected to tell {} of the changes ({} told, {} missed)",
                     percent_text(told, "webhook.recall", 100), number_text(told, "webhook.told"),
                     number_text(told, "webhook.missed"));
}

std::string moment_text(const JsonValue& told) {
  const std::string moment = told.at("moment");
  if (moment == "visited") return "is being visited";
  if (moment == "queued") return "asked for, is visited before all that is due";
  if (moment == "put_off") return "put off: its institution or provider is down, see moneykitctl incidents";
  if (moment == "budget") {
    const std::string again = told.at("next_try_at", "");
    return again.empty()
               ? "its time has come, waits until a call of the budget is left for it"
               : fmt::format("its time has come, the budget of its peek is spent; again at {}", again);
  }
  return "waits for its time";
}

void add_knowledge(Sheet& sheet, const JsonValue& told) {
  sheet.add("changes",
            fmt::format("{} a day (seen {} in {} days; {} in {} days assumed of any link here)",
                        number_text(told, "changes.per_day"), number_text(told, "changes.seen"),
                        number_text(told, "changes.days_watched"), number_text(told, "changes.prior_changes"),
                        number_text(told, "changes.prior_days")));
  sheet.add("webhook", webhook_text(told));
  sheet.add("rhythm", rhythm_text(told));
  if (told.at("change_chance") != "-")
    sheet.add("chance", fmt::format("{} that a refresh brings a change which no webhook tells",
                                    percent_text(told, "change_chance", 100)));
  const std::string tag = told.at("weight_tag", "");
  sheet.add("weight", number_text(told, "weight") + (tag.empty() ? "" : fmt::format(", by its tag {}", tag)));
}

std::string delay_at(const JsonValue& plan, const std::string& path) {
  return plan.at(path, "").empty() ? "over the budget" : span_at(plan, path);
}

std::string calls_at(const JsonValue& plan, const std::string& path) {
  const auto calls = number_at(plan, path);
  return calls ? grouped(fmt::format("{:.0f}", *calls)) : "-";
}

std::string what_is_known(const JsonValue& plan) {
  return fmt::format(
      "Of the links {} are at institutions whose rhythm is known, and {} have a webhook now. A webhook tells "
      "{} of the changes of its link.\n",
      percent_text(plan, "model.known_percent", 1), percent_text(plan, "model.webhook_percent", 1),
      percent_text(plan, "model.webhook_recall", 100));
}

}  // namespace

std::string render_explanation(const JsonValue& told, core::WallTime now, const Look& look) {
  Sheet sheet(look);
  sheet.add("link", told.at("link_id"));
  sheet.add("status", told.at("status"), tone_of_state(told.at("status")));
  const std::string arm = told.at("arm", "");
  sheet.add("schedule", told.at("policy") + (arm == "control" ? ", control group" : ""));
  sheet.add("next due", time_and_age(told, "next_due_at", now), Tone::strong);
  sheet.add("why", told.at("why"));
  if (const std::string visit = visit_text(told); !visit.empty()) sheet.add("reason", visit);
  sheet.add("now", moment_text(told));
  add_knowledge(sheet, told);
  sheet.add("upstream clock", time_and_age(told, "refreshed_at", now));
  sheet.add("feed asked", time_and_age(told, "fetched_at", now));
  sheet.add("clock looked at", time_and_age(told, "looked_at", now));
  if (told.at("policy") == "adaptive") {
    sheet.add("price of a fetch",
              fmt::format("a change must be seen {} sooner by it", span_at(told, "prices.fetch_seconds")));
    sheet.add("price of a peek",
              fmt::format("a change must be seen {} sooner by it", span_at(told, "prices.peek_seconds")));
  }
  sheet.add("bounds", fmt::format("{} to {}; in turn it would be every {}",
                                  span_at(told, "bounds.min_interval_seconds"),
                                  span_at(told, "bounds.max_interval_seconds"),
                                  span_at(told, "bounds.turn_interval_seconds")));
  const JsonValue* preview = told.find("if_visited_now");
  if (preview != nullptr && preview->kind == JsonValue::Kind::object) {
    const std::string refreshes = preview->at("refreshes", "0");
    sheet.add("if visited now",
              fmt::format(
                  "due {}, {}{}", age_of(preview->at("due_at"), now), visit_text(*preview),
                  refreshes == "0" || refreshes == "1" ? "" : fmt::format(", for {} refreshes", refreshes)));
  }
  return sheet.take();
}

std::string render_plan(const JsonValue& plan, const Look& look) {
  const std::string whole =
      fmt::format("{} links, {} % with a webhook; {} fetches and {} peeks a minute are allowed.",
                  grouped(plan.at("links")), plan.at("webhook_percent"),
                  grouped(plan.at("budget.sync_per_minute")), grouped(plan.at("budget.link_per_minute")));
  std::string text = printable(whole) + "\n\n";
  struct Row {
    const char* member;
    const char* name;
  };
  Table table(
      {{"SCHEDULE"}, {"MEAN DELAY", true}, {"95 %", true}, {"FETCHES/MIN", true}, {"PEEKS/MIN", true}});
  const std::string in_use = plan.at("in_use", "");
  for (const Row& row : {Row{"in_turn", "visits in turn"},
                         {"without_peeks", "adaptive, without peeks"},
                         {"with_peeks", "adaptive, with peeks"}}) {
    const std::string member = row.member;
    table.add({std::string(row.name) + (member == in_use ? " (in use)" : ""),
               delay_at(plan, member + ".mean_seconds"), delay_at(plan, member + ".p95_seconds"),
               calls_at(plan, member + ".fetches_per_minute"), calls_at(plan, member + ".peeks_per_minute")});
  }
  text += table.text(look) + "\n" + what_is_known(plan) + "Assumed:\n";
  if (const JsonValue* assumptions = plan.find("assumptions")) {
    for (const JsonValue& one : assumptions->items)
      text += fmt::format("- {}\n", printable(one.text));
  }
  return text;
}

CliResult<int> explain_schedule(const Session& session, const std::string& link_id) {
  const auto answer = session.client.get(link_path(link_id, "/schedule"));
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_explanation(answer->value, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> plan_budget(const Session& session, const PlanOptions& options) {
  std::string target = "/v1/schedule/plan";
  char sign = '?';
  if (options.links) target += fmt::format("{}links={}", std::exchange(sign, '&'), *options.links);
  if (options.webhook_percent) target += fmt::format("{}webhooks={}", sign, *options.webhook_percent);
  const auto answer = session.client.get(target);
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_plan(answer->value, session.look));
  return daemon::exit_ok;
}

}  // namespace syncd::cli
