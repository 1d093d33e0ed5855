#include "sync/core/note_numbers.hpp"
#include "sync/core/verify_report.hpp"

// The last verify of a link as the store keeps it: `v1`, the time, the result, six counts, the rows, what was
// compared, the reason; separated by blanks.
namespace syncd::core {

namespace {

constexpr std::string_view head = "v1 ";

}  // namespace

std::string to_note(const VerifyReport& report) {
  std::string note(head);
  const auto add = [&note](auto number) { note += std::to_string(number) + ' '; };
  add(report.at.time_since_epoch().count());
  add(static_cast<unsigned>(report.result));
  for (const DifferenceTally* tally : {&report.transactions, &report.accounts}) {
    add(tally->missing);
    add(tally->extra);
    add(tally->changed);
  }
  add(report.rows);
  add((report.transactions_compared ? 1u : 0u) + (report.accounts_compared ? 2u : 0u));
  return note + report.reason;
}

std::optional<VerifyReport> from_note(const LinkId& link_id, std::string_view note) {
  if (!note.starts_with(head)) return std::nullopt;
  note.remove_prefix(head.size());
  VerifyReport report;
  report.link_id = link_id;
  std::int64_t at_ms = 0;
  unsigned result = 0;
  unsigned compared = 0;
  DifferenceTally& rows = report.transactions;
  DifferenceTally& accounts = report.accounts;
  bool good = take_number(note, at_ms, ' ') && take_number(note, result, ' ');
  for (std::uint64_t* count : {&rows.missing, &rows.extra, &rows.changed, &accounts.missing, &accounts.extra,
                               &accounts.changed, &report.rows}) {
    good = good && take_number(note, *count, ' ');
  }
  good = good && take_number(note, compared, ' ') && result >= 1 && result <= 3 && compared <= 3;
  if (!good) return std::nullopt;
  report.at = WallTime(Millis(at_ms));
  report.result = static_cast<VerifyResult>(result);
  report.transactions_compared = (compared & 1) != 0;
  report.accounts_compared = (compared & 2) != 0;
  report.reason = note;
  return report;
}

}  // namespace syncd::core
