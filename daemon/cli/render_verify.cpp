#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"

namespace syncd::cli {

namespace {

constexpr std::size_t bar_width = 20;

std::string joined(const JsonValue* list) {
  std::string text;
  if (list == nullptr) return text;
  for (const JsonValue& item : list->items)
    text += (text.empty() ? "" : ", ") + item.text;
  return text;
}

// `2 missing, 1 changed`, `as upstream has them` or `not compared`
std::string tally_of(const JsonValue& report, const std::string& what) {
  std::string text;
  for (const char* kind : {"missing", "extra", "changed"}) {
    const std::string count = report.at(what + "." + kind, "0");
    if (count != "0") text += fmt::format("{}{} {}", text.empty() ? "" : ", ", grouped(count), kind);
  }
  if (!text.empty()) return text;
  return report.at(what + ".compared") == "true" ? "as upstream has them" : "not compared";
}

void add_examples(const JsonValue& report, const std::string& what, Sheet& sheet) {
  for (const char* kind : {"missing", "extra", "changed"}) {
    const std::string ids = joined(report.find(fmt::format("{}.{}_ids", what, kind)));
    if (!ids.empty()) sheet.add(std::string("  ") + kind, ids);
  }
}

std::uint64_t count_of(const JsonValue& report, const char* kind) {
  std::uint64_t sum = 0;
  for (const char* what : {"transactions", "accounts"}) {
    const std::string text = report.at(fmt::format("{}.{}", what, kind), "0");
    std::uint64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    sum += count;
  }
  return sum;
}

}  // namespace

std::string render_verify(const JsonValue& answer, core::WallTime now, const Look& look) {
  Sheet sheet(look);
  sheet.add("link", answer.at("link_id"));
  const JsonValue* report = answer.find("report");
  if (report == nullptr || report->kind != JsonValue::Kind::object) {
    sheet.add("result", answer.at("state"));
    return sheet.take();
  }
  const std::string result = report->at("result");
  sheet.add("result",
            result == "incomplete"
                ? fmt::format("incomplete ({}): {}", report->at("reason"), report->at("detail"))
                : result,
            tone_of_state(result));
  if (result != "incomplete") {
    for (const char* what : {"transactions", "accounts"}) {
      sheet.add(what, tally_of(*report, what));
      add_examples(*report, what, sheet);
    }
  }
  sheet.add("read", fmt::format("{} rows in {} pages, {} requests", grouped(report->at("rows")),
                                grouped(report->at("pages")), grouped(report->at("requests"))));
  sheet.add("ended", time_and_age(*report, "at", now));
  if (result == "mismatch") sheet.add("next step", "moneykitctl repair " + answer.at("link_id"));
  return sheet.take();
}

std::string render_verifies(const Items& answers, const Look& look) {
  if (answers.empty()) return "no links\n";
  Table table(
      {{"LINK"}, {"RESULT"}, {"MISSING", true}, {"EXTRA", true}, {"CHANGED", true}, {"REASON", false, 60}});
  std::size_t differing = 0;
  std::size_t incomplete = 0;
  for (const JsonValue& answer : answers) {
    const JsonValue* report = answer.find("report");
    static const JsonValue nothing;
    const JsonValue& from = report == nullptr ? nothing : *report;
    const std::string result = from.at("result");
    differing += result == "mismatch" ? 1 : 0;
    incomplete += result != "mismatch" && result != "match" ? 1 : 0;
    std::string reason = from.at("reason", "");
    if (!reason.empty()) reason += ": " + from.at("detail");
    table.add({answer.at("link_id"), Cell(result, tone_of_state(result)),
               grouped(std::to_string(count_of(from, "missing"))),
               grouped(std::to_string(count_of(from, "extra"))),
               grouped(std::to_string(count_of(from, "changed"))), reason.empty() ? "-" : reason});
  }
  return table.text(look) + fmt::format("\n{}, {} as upstream has them, {} different, {} incomplete\n",
                                        plural(answers.size(), "link", "links"),
                                        answers.size() - differing - incomplete, differing, incomplete);
}

std::string render_progress(std::size_t done, std::size_t all, std::size_t differing) {
  const std::size_t filled = all == 0 ? bar_width : std::min(bar_width, done * bar_width / all);
  return fmt::format("[{}{}] {}/{} links, {} different", std::string(filled, '#'),
                     std::string(bar_width - filled, '.'), done, all, differing);
}

std::string render_dead_letters(const Items& letters, core::WallTime now, const Look& look) {
  if (letters.empty()) return "no dead letters\n";
  Table table({{"LETTER"}, {"WRITTEN"}, {"ENDPOINT"}, {"BYTES", true}, {"RETRIED"}, {"REASON", false, 60}});
  for (const JsonValue& letter : letters) {
    table.add({letter.at("id"), age_of(letter.at("at"), now), letter.at("endpoint"),
               grouped(letter.at("body_bytes")), age_of(letter.at("retried_at"), now), letter.at("reason")});
  }
  return table.text(look) + fmt::format("\n{}\n", plural(letters.size(), "dead letter", "dead letters"));
}

std::string render_dead_letter(const JsonValue& letter, core::WallTime now, const Look& look) {
  Sheet sheet(look);
  sheet.add("letter", letter.at("id"));
  sheet.add("link", letter.at("link_id"));
  sheet.add("endpoint", letter.at("endpoint"));
  sheet.add("written", time_and_age(letter, "at", now));
  sheet.add("reason", letter.at("reason"));
  sheet.add("body", grouped(letter.at("body_bytes")) + " bytes");
  sheet.add("SHA-256 begins", letter.at("body_sha256_prefix"));
  sheet.add("retried", time_and_age(letter, "retried_at", now));
  const std::string body = letter.at("redacted_body", "");
  if (body.empty()) {
    sheet.add("structure", "not kept; see store.dead_letter_bodies");
    return sheet.take();
  }
  return sheet.take() + "\n" + printable(body) + "\n";
}

}  // namespace syncd::cli
