#include <chrono>
#include <iterator>

#include <fmt/format.h>

#include "sync/core/continuity.hpp"
#include "sync/core/json_text.hpp"

// A report as words and as JSON.
namespace syncd::core {

namespace {

// Members of one object, in the order of the calls.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  ~ObjectText() { out_ += '}'; }
  ObjectText(const ObjectText&) = delete;
  ObjectText& operator=(const ObjectText&) = delete;

  std::string& member(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    append_json_string(out_, name);
    out_ += ':';
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_string(member(name), value); }
  void text_or_null(std::string_view name, std::string_view value) {
    if (value.empty()) {
      member(name) += "null";
    } else {
      text(name, value);
    }
  }
  void number(std::string_view name, std::int64_t value) { member(name) += std::to_string(value); }
  void number(std::string_view name, std::uint64_t value) { member(name) += std::to_string(value); }
  void flag(std::string_view name, bool value) { member(name) += value ? "true" : "false"; }
  void time(std::string_view name, WallTime value) { text(name, format_wall_time(value)); }
  void day(std::string_view name, int value) {
    const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(value))};
    text(name, fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                           static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day())));
  }
  template <class Items, class Append>
  void list(std::string_view name, const Items& items, Append append) {
    member(name) += '[';
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ',';
      first = false;
      append(out_, item);
    }
    out_ += ']';
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void add_account(ObjectText& object, const ContinuityAccount& account) {
  object.text("account_id", account.account_id);
  object.text_or_null("name", account.name);
  object.text_or_null("account_type", account.type);
  object.text_or_null("account_mask", account.mask);
  object.text_or_null("currency", account.currency);
}

void append_balances(std::string& out, const ContinuityAccount& account) {
  ObjectText object(out);
  object.text_or_null("current", account.current);
  object.text_or_null("available", account.available);
  object.text_or_null("limit", account.limit);
}

void append_tally(std::string& out, const RowTally& tally) {
  ObjectText object(out);
  object.number("before", tally.before);
  object.number("after", tally.after);
  object.number("changed", tally.changed);
  object.number("renumbered", tally.renumbered);
  object.number("reworded", tally.reworded);
  object.number("duplicated", tally.duplicated);
  object.number("vanished", tally.vanished);
  object.number("appeared", tally.appeared);
  object.number("news", tally.news);
}

void append_gap(std::string& out, const std::optional<Gap>& gap) {
  if (!gap) {
    out += "null";
    return;
  }
  ObjectText object(out);
  object.day("last_before", gap->last_before);
  object.day("first_after", gap->first_after);
  object.number("days", std::int64_t{gap->days});
  object.number("usual_days", std::int64_t{gap->usual_days});
  object.flag("unusual", gap->unusual);
}

void append_pair(std::string& out, const AccountPair& pair) {
  ObjectText object(out);
  add_account(object, pair.after);
  append_tally(object.member("rows"), pair.rows);
  append_balances(object.member("balances_before"), pair.before);
  append_balances(object.member("balances_after"), pair.after);
  append_gap(object.member("gap"), pair.gap);
}

void append_missing(std::string& out, const LoneAccount& lone) {
  ObjectText object(out);
  add_account(object, lone.account);
  append_balances(object.member("balances"), lone.account);
  object.number("rows", lone.rows);
  object.number("rows_left", lone.rows_left);
}

void append_new(std::string& out, const LoneAccount& lone) {
  ObjectText object(out);
  add_account(object, lone.account);
  append_balances(object.member("balances"), lone.account);
  object.number("rows", lone.rows);
}

void append_evidence(std::string& out, const Evidence& evidence) {
  ObjectText object(out);
  object.text("mask", to_string(evidence.mask));
  object.text("type", to_string(evidence.type));
  object.text("currency", to_string(evidence.currency));
  object.text("name", to_string(evidence.name));
  object.text("balance", to_string(evidence.balance));
  object.number("rows_before", evidence.rows_before);
  object.number("rows_equal", evidence.rows_equal);
  object.number("rows_worded", evidence.rows_worded);
  object.number("rows_after", evidence.rows_after);
}

void append_mapping(std::string& out, const Mapping& mapping) {
  ObjectText object(out);
  object.text("from", mapping.from);
  object.text_or_null("to", mapping.to);
  object.text("verdict", to_string(mapping.verdict));
  object.text_or_null("reason", mapping.reason);
  append_evidence(object.member("evidence"), mapping.evidence);
  object.list("candidates", mapping.candidates, append_json_string);
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::uint64_t count_of(const ContinuityReport& report, MappingVerdict verdict) {
  std::uint64_t count = 0;
  for (const Mapping& mapping : report.mappings)
    count += mapping.verdict == verdict ? 1 : 0;
  return count;
}

}  // namespace

std::string_view to_string(ContinuityVerdict verdict) {
  switch (verdict) {
    case ContinuityVerdict::intact:
      return "intact";
    case ContinuityVerdict::changed:
      return "changed";
    case ContinuityVerdict::attention:
      return "attention";
  }
  return "attention";
}

std::string_view to_string(Likeness likeness) {
  switch (likeness) {
    case Likeness::same:
      return "same";
    case Likeness::different:
      return "different";
    case Likeness::unknown:
      return "unknown";
  }
  return "unknown";
}

std::string_view to_string(MappingVerdict verdict) {
  switch (verdict) {
    case MappingVerdict::certain:
      return "certain";
    case MappingVerdict::likely:
      return "likely";
    case MappingVerdict::ambiguous:
      return "ambiguous";
  }
  return "ambiguous";
}

std::string summary_of(const ContinuityReport& report) {
  std::string out = counted(report.kept.size(), "account kept", "accounts kept");
  const auto add = [&out](std::uint64_t count, std::string_view one, std::string_view many) {
    if (count > 0) out += ", " + counted(count, one, many);
  };
  if (!report.missing.empty()) {
    out += fmt::format(", {} missing (what became of them: {} certain, {} likely, {} nobody can tell)",
                       report.missing.size(), count_of(report, MappingVerdict::certain),
                       count_of(report, MappingVerdict::likely), count_of(report, MappingVerdict::ambiguous));
  }
  if (!report.appeared.empty()) out += fmt::format(", {} new", report.appeared.size());
  add(report.rows.vanished, "row vanished", "rows vanished");
  add(report.rows.duplicated, "row there twice", "rows there twice");
  add(report.rows.renumbered, "row with a new id", "rows with new ids");
  add(report.rows.changed, "row changed", "rows changed");
  std::uint64_t gaps = 0;
  for (const AccountPair& pair : report.kept)
    gaps += pair.gap && pair.gap->unusual ? 1 : 0;
  add(gaps, "account with a gap", "accounts with a gap");
  return out;
}

std::string to_json(const LinkId& link_id, const ContinuityReport& report) {
  std::string out;
  {
    ObjectText object(out);
    object.text("link_id", link_id.str());
    object.text("verdict", to_string(report.verdict));
    object.text("summary", summary_of(report));
    object.time("opened_at", report.opened_at);
    object.time("snapshot_at", report.taken_at);
    object.time("compared_at", report.compared_at);
    object.day("rows_from", report.from_day);
    object.flag("rows_cut", report.cut);
    object.number("accounts_left_out", report.accounts_left_out);
    append_tally(object.member("rows"), report.rows);
    object.list("kept", report.kept, append_pair);
    object.list("missing", report.missing, append_missing);
    object.list("new", report.appeared, append_new);
    object.list("mappings", report.mappings, append_mapping);
  }
  return out;
}

}  // namespace syncd::core
