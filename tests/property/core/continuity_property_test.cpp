#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sync/core/continuity.hpp"
#include "sync/core/page.hpp"
#include "tests/unit/core/continuity_side.hpp"

namespace syncd::test {
namespace {

struct Side {
  std::vector<SideAccount> accounts;
  std::vector<SideRow> rows;
  core::ContinuitySnapshot snapshot() const { return side_of(accounts, rows); }
};

// A few ids, masks and amounts, so that things meet.
Side any_side(const std::string& ids) {
  Side side;
  const int accounts = *rc::gen::inRange(0, 5);
  for (int i = 0; i < accounts; ++i) {
    SideAccount account{.id = fmt::format("{}{}", ids, i)};
    account.mask = *rc::gen::element<std::string>("", "1111", "2222");
    account.type = *rc::gen::element<std::string>("depository.checking", "depository.savings", "unknown");
    account.current = *rc::gen::element<std::string>("0.00", "12.50", "7");
    account.gone = *rc::gen::inRange(0, 6) == 0;
    side.accounts.push_back(account);
    const int rows = *rc::gen::inRange(0, 12);
    for (int row = 0; row < rows; ++row) {
      side.rows.push_back({.id = fmt::format("t{}", *rc::gen::inRange(0, 30)),
                           .account = account.id,
                           .day = *rc::gen::inRange(1, 8),
                           .amount = fmt::format("{}.00", *rc::gen::inRange(1, 4))});
    }
  }
  // An id is there once.
  std::set<std::string> seen;
  std::erase_if(side.rows, [&](const SideRow& row) { return !seen.insert(row.id).second; });
  return side;
}

RC_GTEST_PROP(ContinuityProperty, OfTheSameDataThereIsNothingToTell, ()) {
  const auto snapshot = any_side("a").snapshot();
  const auto report = core::compare(snapshot, snapshot);
  RC_ASSERT(report.verdict == core::ContinuityVerdict::intact);
  RC_ASSERT(report.missing.empty() && report.appeared.empty() && report.mappings.empty());
  core::RowTally same{.before = report.rows.before, .after = report.rows.before};
  RC_ASSERT(report.rows == same);
}

RC_GTEST_PROP(ContinuityProperty, TheOrderOfAccountsAndRowsIsNothing, ()) {
  Side before = any_side("a");
  Side after = any_side(*rc::gen::element<std::string>("a", "b"));
  const auto report = core::compare(before.snapshot(), after.snapshot());
  for (Side* side : {&before, &after}) {
    std::ranges::reverse(side->accounts);
    std::ranges::rotate(side->rows, side->rows.begin() + static_cast<std::ptrdiff_t>(side->rows.size() / 2));
  }
  RC_ASSERT(core::compare(before.snapshot(), after.snapshot()) == report);
}

// Each row before is exactly one of: there still, under a new id, gone; each row after likewise.
RC_GTEST_PROP(ContinuityProperty, EveryRowIsAccountedForOnce, ()) {
  const Side before = any_side("a");
  const Side after = any_side("a");
  const auto report = core::compare(before.snapshot(), after.snapshot());
  for (const core::AccountPair& pair : report.kept) {
    const core::RowTally& rows = pair.rows;
    const auto there_still = rows.before - rows.renumbered - rows.vanished;
    RC_ASSERT(rows.before >= rows.renumbered + rows.vanished);
    RC_ASSERT(rows.changed <= there_still && rows.reworded <= rows.renumbered);
    RC_ASSERT(rows.after == there_still + rows.renumbered + rows.duplicated + rows.appeared + rows.news);
  }
  RC_ASSERT(report.mappings.size() == report.missing.size());
}

RC_GTEST_PROP(ContinuityProperty, NothingIsMappedToTwoAndNoTwoToOne, ()) {
  const Side before = any_side("a");
  const Side after = any_side("b");
  const auto report = core::compare(before.snapshot(), after.snapshot());
  std::set<std::string> taken;
  for (const core::Mapping& mapping : report.mappings) {
    RC_ASSERT(mapping.to.empty() == (mapping.verdict == core::MappingVerdict::ambiguous));
    RC_ASSERT(mapping.to.empty() != mapping.reason.empty());
    if (!mapping.to.empty()) {
      RC_ASSERT(taken.insert(mapping.to).second);
    }
    const auto is_new = [&](const core::LoneAccount& lone) { return lone.account.account_id == mapping.to; };
    RC_ASSERT(mapping.to.empty() || std::ranges::any_of(report.appeared, is_new));
  }
}

// Each account of its own mask and with rows enough comes back under a new id, in any order, with new row
// ids.
RC_GTEST_PROP(ContinuityProperty, RenamedAccountsAreFoundWithCertainty, ()) {
  const int count = *rc::gen::inRange(1, 6);
  Side before;
  Side after;
  std::map<std::string, std::string> becomes;
  for (int i = 0; i < count; ++i) {
    SideAccount account{.id = fmt::format("old{}", i), .mask = fmt::format("{:04}", i)};
    before.accounts.push_back(account);
    for (SideRow row : payments(account.id, *rc::gen::inRange(5, 20), fmt::format("x{}_", i), i)) {
      before.rows.push_back(row);
      row.id = "new" + row.id;
      row.account = fmt::format("new{}", count - i);
      after.rows.push_back(row);
    }
    becomes[account.id] = fmt::format("new{}", count - i);
    account.id = becomes[account.id];
    after.accounts.push_back(account);
  }
  const auto report = core::compare(before.snapshot(), after.snapshot());
  RC_ASSERT(report.mappings.size() == static_cast<std::size_t>(count));
  for (const core::Mapping& mapping : report.mappings) {
    RC_ASSERT(mapping.verdict == core::MappingVerdict::certain);
    RC_ASSERT(mapping.to == becomes[mapping.from]);
    RC_ASSERT(mapping.evidence.rows_equal == mapping.evidence.rows_before);
  }
}

// Whatever becomes of one account, if it has an exact double nobody says which one it is.
RC_GTEST_PROP(ContinuityProperty, ExactDoublesAreNeverTakenForSomething, ()) {
  Side before = any_side("a");
  Side after = any_side("b");
  RC_PRE(!after.accounts.empty());
  const auto& model = after.accounts[*rc::gen::inRange<std::size_t>(0, after.accounts.size())];
  SideAccount twin = model;
  twin.id = "twin";
  std::vector<SideRow> rows;
  for (SideRow row : after.rows) {
    if (row.account != model.id) continue;
    row.id = "twin" + row.id;
    row.account = twin.id;
    rows.push_back(row);
  }
  const std::string original = model.id;
  after.accounts.push_back(twin);
  after.rows = both(after.rows, rows);
  const auto report = core::compare(before.snapshot(), after.snapshot());
  for (const core::Mapping& mapping : report.mappings)
    RC_ASSERT(mapping.to != original && mapping.to != "twin");
}

RC_GTEST_PROP(ContinuityProperty, ANoteIsReadAsItWasWritten, ()) {
  auto snapshot = any_side("a").snapshot();
  snapshot.opened_at = core::WallTime(core::Millis(*rc::gen::arbitrary<std::int64_t>()));
  for (core::ContinuityAccount& account : snapshot.accounts)
    account.name = (*rc::gen::arbitrary<std::string>()).substr(0, core::continuity_text_bytes_max);
  const std::string note = core::to_note(snapshot);
  RC_ASSERT(core::snapshot_from_note(note) == snapshot);
  // Damage is noticed wherever it is.
  std::string damaged = note;
  const auto at = *rc::gen::inRange<std::size_t>(0, note.size());
  damaged[at] = static_cast<char>(damaged[at] ^ (1 << *rc::gen::inRange(0, 8)));
  RC_ASSERT(!core::snapshot_from_note(damaged));
  RC_ASSERT(!core::snapshot_from_note(note.substr(0, at)));
  RC_ASSERT(!core::snapshot_from_note(note + note.substr(at)));
}

// Also behind a digest that fits, nothing but what is written in the one form is taken.
RC_GTEST_PROP(ContinuityProperty, WhatIsReadOfAForgedNoteIsWrittenTheSame, ()) {
  const std::string note = core::to_note(any_side("a").snapshot());
  const std::size_t begin = note.find('\n') + 1;
  std::string content = note.substr(begin);
  const int changes = *rc::gen::inRange(1, 4);
  for (int i = 0; i < changes; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, content.size());
    content[at] = *rc::gen::element('0', '1', '9', ' ', ':', '-', '+', 'x');
  }
  // A report's note of the same content has the digest that is needed.
  std::string forged = core::report_note(content);
  const std::string_view report_head = "continuity-report 1 ";
  forged.replace(0, report_head.size(), "continuity-before 1 ");
  const auto read = core::snapshot_from_note(forged);
  if (read) {
    RC_ASSERT(core::to_note(*read) == forged);
  }
}

RC_GTEST_PROP(ContinuityProperty, AReportIsJsonWhateverTheNamesAre, ()) {
  Side before = any_side("a");
  const auto snapshot = before.snapshot();
  auto after = any_side("b").snapshot();
  for (core::ContinuityAccount& account : after.accounts)
    account.name = *rc::gen::arbitrary<std::string>();
  const std::string json = core::to_json(core::LinkId{"mk_1"}, core::compare(snapshot, after));
  RC_ASSERT(!core::same_json(json, json + " x"));
  RC_ASSERT(core::same_json(json, " " + json));  // the strict reader takes it
  RC_ASSERT(core::report_from_note(core::report_note(json)) == json);
}

}  // namespace
}  // namespace syncd::test
