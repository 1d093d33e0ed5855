#include "sync/core/continuity.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/continuity_side.hpp"

namespace syncd::test {
namespace {

using core::ContinuityVerdict;
using core::Likeness;
using core::MappingVerdict;
using core::RowTally;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// ---- one side ----

TEST(ContinuitySnapshot, TakesPostedRowsOfTheWindow) {
  const auto day_before = core::continuity_from_day(continuity_now) - 1;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day_before))};
  EXPECT_EQ(date, std::chrono::year(2025) / 1 / 30);
  core::SnapshotBuilder builder(continuity_now, continuity_now, core::continuity_from_day(continuity_now),
                                {SideAccount{.id = "a"}.stored()});
  SideRow row{.id = "kept", .account = "a", .day = 3};
  builder.add(row.stored());
  const auto with = [&](auto change) {
    core::StoredTransaction other = row.stored();
    change(other);
    builder.add(other);
  };
  with([](auto& stored) { stored.pending = true; });
  with([](auto& stored) { stored.account_id = "unknown"; });
  with([](auto& stored) { stored.json = R"({"date":"2025-01-30","amount":"1"})"; });
  with([](auto& stored) { stored.json = R"({"date":"soon","amount":"1"})"; });
  with([](auto& stored) { stored.json = "not JSON"; });
  const auto snapshot = builder.take();
  ASSERT_EQ(snapshot.rows.size(), 1u);
  EXPECT_EQ(snapshot.rows[0].id, core::stable_hash("kept"));
  EXPECT_FALSE(snapshot.cut);
}

TEST(ContinuitySnapshot, TheSamePaymentIsTheSameHoweverItIsWritten) {
  const auto one = side_of({{.id = "a"}}, {{.id = "1", .account = "a", .day = 3, .amount = "10.10"}});
  const auto other = side_of({{.id = "a"}}, {{.id = "2", .account = "a", .day = 3, .amount = "1.01e1"}});
  const auto dearer = side_of({{.id = "a"}}, {{.id = "2", .account = "a", .day = 3, .amount = "10.11"}});
  EXPECT_EQ(one.rows[0].payment, other.rows[0].payment);
  EXPECT_NE(one.rows[0].payment, dearer.rows[0].payment);
}

TEST(ContinuitySnapshot, OfTooManyRowsWholeDaysStayWhateverTheirOrder) {
  std::vector<SideRow> rows;
  for (int i = 0; i < 40; ++i)
    rows.push_back({.id = fmt::format("t{}", i), .account = "a", .day = 1 + i / 4});
  const core::ContinuityLimits limits{.rows_max = 10};
  const auto snapshot = side_of({{.id = "a"}}, rows, limits);
  EXPECT_EQ(snapshot.rows.size(), 8u) << "the last two days; a third one would be too much";
  EXPECT_TRUE(snapshot.cut);
  EXPECT_EQ(snapshot.from_day, snapshot.rows.front().day);
  std::ranges::reverse(rows);
  EXPECT_EQ(side_of({{.id = "a"}}, rows, limits), snapshot);
  const auto none = side_of({{.id = "a"}}, rows, {.rows_max = 3});
  EXPECT_TRUE(none.rows.empty()) << "not a part of a day";
  EXPECT_FALSE(side_of({{.id = "a"}}, rows, {.rows_max = 40}).cut);
}

TEST(ContinuitySnapshot, OfTooManyAccountsTheFirstStayAndTheRestIsCounted) {
  const auto snapshot = side_of(
      {{.id = "c"}, {.id = "a"}, {.id = "b"}},
      {{.id = "1", .account = "c", .day = 1}, {.id = "2", .account = "a", .day = 1}}, {.accounts_max = 2});
  EXPECT_EQ(snapshot.accounts_left_out, 1u);
  EXPECT_EQ(snapshot.accounts.size(), 2u);
  EXPECT_EQ(snapshot.rows.size(), 1u);
}

TEST(ContinuitySnapshot, LongTextsAreCutBetweenCharacters) {
  std::string name;
  for (int i = 0; i < 100; ++i)
    name += "€";  // three bytes
  const auto snapshot = side_of({{.id = "a", .name = name}}, {});
  EXPECT_EQ(snapshot.accounts[0].name, name.substr(0, 255));
}

// ---- rows of an account that is kept ----

struct RowCase {
  const char* what;
  std::vector<SideRow> before;
  std::vector<SideRow> after;
  RowTally expected;
  ContinuityVerdict verdict;
};

TEST(Continuity, TellsWhatBecameOfRows) {
  const SideRow a{.id = "1", .account = "a", .day = 3};
  const SideRow b{.id = "2", .account = "a", .day = 5, .amount = "7.00"};
  const auto like = [](SideRow row, auto change) {
    change(row);
    return row;
  };
  const SideRow dearer = like(a, [](SideRow& row) { row.amount = "11.00"; });
  const SideRow renamed = like(a, [](SideRow& row) { row.id = "9"; });
  const SideRow reworded = like(renamed, [](SideRow& row) { row.words = "CAFE"; });
  const SideRow moved = like(a, [](SideRow& row) { row.day = 4; });
  const SideRow late{.id = "3", .account = "a", .day = 6};
  const SideRow early{.id = "4", .account = "a", .day = 4, .amount = "3.00"};
  using enum ContinuityVerdict;
  const RowCase cases[] = {
      {"nothing", {a, b}, {b, a}, {.before = 2, .after = 2}, intact},
      {"a later row", {a, b}, {a, b, late}, {.before = 2, .after = 3, .news = 1}, intact},
      {"an older row", {a, b}, {a, b, early}, {.before = 2, .after = 3, .appeared = 1}, intact},
      {"gone", {a, b}, {b}, {.before = 2, .after = 1, .vanished = 1}, attention},
      {"changed", {a, b}, {dearer, b}, {.before = 2, .after = 2, .changed = 1}, changed},
      {"moved by a day", {a, b}, {moved, b}, {.before = 2, .after = 2, .changed = 1}, changed},
      {"another id", {a, b}, {renamed, b}, {.before = 2, .after = 2, .renumbered = 1}, changed},
      {"another id and other words",
       {a, b},
       {reworded, b},
       {.before = 2, .after = 2, .renumbered = 1, .reworded = 1},
       changed},
      {"twice", {a, b}, {a, renamed, b}, {.before = 2, .after = 3, .duplicated = 1}, attention},
      {"twice with other words is another payment",
       {a, b},
       {a, reworded, b},
       {.before = 2, .after = 3, .appeared = 1},
       intact},
      {"two equal ones under new ids are no duplicates",
       {a, like(a, [](SideRow& row) { row.id = "1b"; })},
       {renamed, like(renamed, [](SideRow& row) { row.id = "9b"; })},
       {.before = 2, .after = 2, .renumbered = 2},
       changed},
      {"no row before", {}, {a, b}, {.before = 0, .after = 2, .news = 2}, intact},
      {"all gone", {a, b}, {}, {.before = 2, .after = 0, .vanished = 2}, attention},
  };
  for (const RowCase& test : cases) {
    SCOPED_TRACE(test.what);
    const auto report =
        core::compare(side_of({{.id = "a"}}, test.before), side_of({{.id = "a"}}, test.after));
    ASSERT_EQ(report.kept.size(), 1u);
    EXPECT_EQ(report.kept[0].rows, test.expected);
    EXPECT_EQ(report.rows, test.expected);
    EXPECT_EQ(report.verdict, test.verdict) << core::summary_of(report);
  }
}

TEST(Continuity, AHoleIsUnusualWhenItIsLongerThanAnyBefore) {
  std::vector<SideRow> before = payments("a", 8, "t");  // April 1 to 8
  const auto gap = [&](int day) {
    auto after = both(before, {{.id = "new", .account = "a", .day = day, .amount = "1.00"}});
    return core::compare(side_of({{.id = "a"}}, before), side_of({{.id = "a"}}, after));
  };
  const auto usual = gap(12);
  ASSERT_TRUE(usual.kept[0].gap);
  EXPECT_EQ(usual.kept[0].gap->days, 3);
  EXPECT_FALSE(usual.kept[0].gap->unusual);
  EXPECT_EQ(usual.verdict, ContinuityVerdict::intact);
  const auto hole = gap(20);
  EXPECT_EQ(hole.kept[0].gap->days, 11);
  EXPECT_TRUE(hole.kept[0].gap->unusual);
  EXPECT_EQ(hole.verdict, ContinuityVerdict::attention);
  before[7].day = 16;  // such holes are usual here
  EXPECT_EQ(gap(20).verdict, ContinuityVerdict::intact);
  EXPECT_FALSE(core::compare(side_of({{.id = "a"}}, before), side_of({{.id = "a"}}, before)).kept[0].gap);
}

TEST(Continuity, BalancesAreShownAsTheyWereAndAre) {
  const auto report = core::compare(side_of({{.id = "a", .current = "12.50"}}, {}),
                                    side_of({{.id = "a", .current = "-3e2"}}, {}));
  EXPECT_EQ(report.kept[0].before.current, "12.50");
  EXPECT_EQ(report.kept[0].after.current, "-3e2");
  EXPECT_EQ(report.verdict, ContinuityVerdict::intact) << "a balance is what changes";
}

// ---- accounts ----

TEST(Continuity, ANewIdWithMaskAndRowsIsCertain) {
  const auto before = side_of({{.id = "old"}}, payments("old", 10, "x"));
  const auto after = side_of({{.id = "new"}, {.id = "old", .gone = true}}, payments("new", 10, "y"));
  const auto report = core::compare(before, after);
  EXPECT_TRUE(report.kept.empty());
  ASSERT_EQ(report.mappings.size(), 1u);
  const core::Mapping& mapping = report.mappings[0];
  EXPECT_EQ(mapping.from, "old");
  EXPECT_EQ(mapping.to, "new");
  EXPECT_EQ(mapping.verdict, MappingVerdict::certain);
  EXPECT_EQ(mapping.evidence, (core::Evidence{.mask = Likeness::same,
                                              .type = Likeness::same,
                                              .currency = Likeness::same,
                                              .name = Likeness::same,
                                              .balance = Likeness::same,
                                              .rows_before = 10,
                                              .rows_equal = 10,
                                              .rows_worded = 10,
                                              .rows_after = 10}));
  EXPECT_EQ(report.verdict, ContinuityVerdict::changed);
}

struct MappingCase {
  const char* what;
  SideAccount now;
  int rows_equal;  // of ten
  MappingVerdict verdict;
  const char* reason;
};

TEST(Continuity, WeighsTheEvidence) {
  using enum MappingVerdict;
  const MappingCase cases[] = {
      {"all of it", {.id = "n"}, 10, certain, ""},
      {"nine rows of ten", {.id = "n"}, 9, certain, ""},
      {"eight rows of ten", {.id = "n"}, 8, likely, ""},
      {"mask and type, but other rows", {.id = "n"}, 0, ambiguous, "too_little_evidence"},
      {"rows, but another mask", {.id = "n", .mask = "9999"}, 10, likely, ""},
      {"rows, but another mask, name and balance",
       {.id = "n", .mask = "9999", .name = "Else", .current = "9"},
       10,
       ambiguous,
       "too_little_evidence"},
      {"rows, but no mask", {.id = "n", .mask = ""}, 10, likely, ""},
      {"nothing but the type",
       {.id = "n", .mask = "", .name = "Else", .current = "9"},
       0,
       ambiguous,
       "no_candidate"},
      {"another currency", {.id = "n", .currency = "EUR"}, 10, ambiguous, "no_candidate"},
      {"another kind of account",
       {.id = "n", .type = "liability.credit_card"},
       10,
       ambiguous,
       "no_candidate"},
      {"a finer type of the same kind", {.id = "n", .type = "depository.cash"}, 10, likely, ""},
      {"a type that says nothing", {.id = "n", .type = "unknown"}, 10, likely, ""},
  };
  const auto before = side_of({{.id = "old"}}, payments("old", 10, "x"));
  for (const MappingCase& test : cases) {
    SCOPED_TRACE(test.what);
    auto rows = payments("n", 10, "y");
    for (int i = 0; i < 10 - test.rows_equal; ++i)
      rows[static_cast<std::size_t>(9 - i)].amount = "999.00";
    const auto report = core::compare(before, side_of({test.now}, rows));
    ASSERT_EQ(report.mappings.size(), 1u);
    EXPECT_EQ(report.mappings[0].verdict, test.verdict);
    EXPECT_EQ(report.mappings[0].reason, test.reason);
    EXPECT_EQ(report.mappings[0].to.empty(), test.verdict == ambiguous);
  }
}

TEST(Continuity, WithoutRowsMaskTypeAndCurrencyAreLikelyAndNoMore) {
  const auto report = core::compare(side_of({{.id = "old"}}, {}), side_of({{.id = "new"}}, {}));
  EXPECT_EQ(report.mappings[0].verdict, MappingVerdict::likely);
  EXPECT_EQ(report.verdict, ContinuityVerdict::attention) << "a person has to agree";
}

TEST(Continuity, TwinsAreRefused) {
  const auto rows = both(payments("n1", 10, "y"), payments("n2", 10, "z"));
  const auto one = core::compare(side_of({{.id = "old"}}, payments("old", 10, "x")),
                                 side_of({{.id = "n1"}, {.id = "n2"}}, rows));
  ASSERT_EQ(one.mappings.size(), 1u);
  EXPECT_EQ(one.mappings[0].to, "");
  EXPECT_EQ(one.mappings[0].reason, "rivals");
  EXPECT_THAT(one.mappings[0].candidates, ElementsAre("n1", "n2"));
  EXPECT_EQ(one.verdict, ContinuityVerdict::attention);
  // Two that became one: neither may have it.
  const auto merged = core::compare(
      side_of({{.id = "o1"}, {.id = "o2"}}, both(payments("o1", 10, "y"), payments("o2", 10, "z"))),
      side_of({{.id = "new"}}, payments("new", 10, "x")));
  ASSERT_EQ(merged.mappings.size(), 2u);
  for (const core::Mapping& mapping : merged.mappings) {
    EXPECT_EQ(mapping.to, "");
    EXPECT_EQ(mapping.reason, "rivals");
  }
}

TEST(Continuity, TwinsWhoseRowsDifferAreToldApart) {
  const auto before =
      side_of({{.id = "o1"}, {.id = "o2"}}, both(payments("o1", 10, "a", 1), payments("o2", 10, "b", 2)));
  const auto after =
      side_of({{.id = "n1"}, {.id = "n2"}}, both(payments("n1", 10, "c", 2), payments("n2", 10, "d", 1)));
  const auto report = core::compare(before, after);
  ASSERT_EQ(report.mappings.size(), 2u);
  EXPECT_EQ(report.mappings[0].to, "n2");
  EXPECT_EQ(report.mappings[1].to, "n1");
  EXPECT_EQ(report.mappings[0].verdict, MappingVerdict::certain);
}

// The other account's history may begin later: only what it could show counts.
TEST(Continuity, RowsBeforeTheNewHistoryAreNotHeldAgainstIt) {
  auto rows = payments("new", 10, "y");
  rows.erase(rows.begin(), rows.begin() + 4);
  const auto report =
      core::compare(side_of({{.id = "old"}}, payments("old", 10, "x")), side_of({{.id = "new"}}, rows));
  EXPECT_EQ(report.mappings[0].evidence.rows_before, 6u);
  EXPECT_EQ(report.mappings[0].verdict, MappingVerdict::certain);
}

TEST(Continuity, AnAccountThatReturnedIsNewAndOneThatWasGoneIsNotMissing) {
  const auto before = side_of({{.id = "a"}, {.id = "b", .gone = true}, {.id = "c", .gone = true}}, {});
  const auto after = side_of({{.id = "a"}, {.id = "b"}, {.id = "c", .gone = true}}, {});
  const auto report = core::compare(before, after);
  EXPECT_EQ(report.kept.size(), 1u);
  EXPECT_TRUE(report.missing.empty());
  ASSERT_EQ(report.appeared.size(), 1u);
  EXPECT_EQ(report.appeared[0].account.account_id, "b");
}

TEST(Continuity, RowsOfAMissingAccountThatAreStoredStillAreCounted) {
  const auto rows = both(payments("old", 10, "x"), payments("new", 10, "y"));
  const auto report = core::compare(side_of({{.id = "old"}}, payments("old", 10, "x")),
                                    side_of({{.id = "old", .gone = true}, {.id = "new"}}, rows));
  ASSERT_EQ(report.missing.size(), 1u);
  EXPECT_EQ(report.missing[0].rows, 10u);
  EXPECT_EQ(report.missing[0].rows_left, 10u);
}

TEST(Continuity, TheShorterWindowIsTheOneThatIsCompared) {
  const auto before = side_of({{.id = "a"}}, payments("a", 10, "x"));
  const auto after = side_of({{.id = "a"}}, payments("a", 10, "x"), {.rows_max = 4});
  const auto report = core::compare(before, after);
  EXPECT_TRUE(report.cut);
  EXPECT_EQ(report.rows, (RowTally{.before = 4, .after = 4}));
  EXPECT_EQ(report.verdict, ContinuityVerdict::intact);
}

// ---- words and notes ----

TEST(Continuity, TheSummaryHasNumbersAndNoNames) {
  const auto report = core::compare(
      side_of({{.id = "old"}, {.id = "kept"}}, both(payments("old", 10, "x"), payments("kept", 3, "k"))),
      side_of({{.id = "new"}, {.id = "kept"}}, payments("new", 10, "y")));
  EXPECT_EQ(core::summary_of(report),
            "1 account kept, 1 missing (what became of them: 1 certain, 0 likely, 0 nobody can tell), 1 new, "
            "3 rows vanished");
  const std::string json = core::to_json(core::LinkId{"mk_1"}, report);
  EXPECT_THAT(json, HasSubstr(R"("rows_from":"2025-01-31","rows_cut":false,"accounts_left_out":0)"));
  EXPECT_THAT(json, HasSubstr(R"("mappings":[{"from":"old","to":"new","verdict":"certain","reason":null,)"));
  EXPECT_THAT(json, Not(HasSubstr("COFFEE")));
}

TEST(ContinuityNote, GoldenBytes) {
  core::ContinuitySnapshot snapshot{.opened_at = core::WallTime(core::Millis(1)),
                                    .taken_at = core::WallTime(core::Millis(-2)),
                                    .from_day = 3,
                                    .cut = true,
                                    .accounts_left_out = 4};
  snapshot.accounts.push_back({.account_id = "a:b", .name = "n\n", .currency = "USD", .gone = true});
  snapshot.rows.push_back({.account = 0, .day = 5, .id = 6, .payment = 18446744073709551615ull, .words = 8});
  const std::string note = core::to_note(snapshot);
  EXPECT_EQ(note,
            "continuity-before 1 d68a0f3641a43edbc21e654f045e45b5\n"
            "1 -2 3 1 4 1 3:a:b2:n\n0:0:3:USD0:0:0:1 1 0 5 6 18446744073709551615 8 ");
  EXPECT_EQ(core::snapshot_from_note(note), snapshot);
}

TEST(ContinuityNote, ASnapshotIsNoReportAndTheOtherWayRound) {
  const std::string before = core::to_note(side_of({{.id = "a"}}, payments("a", 3, "x")));
  const std::string report = core::report_note(R"({"a":1})");
  EXPECT_TRUE(core::snapshot_from_note(before));
  EXPECT_FALSE(core::report_from_note(before));
  EXPECT_EQ(core::report_from_note(report), R"({"a":1})");
  EXPECT_FALSE(core::snapshot_from_note(report));
  EXPECT_FALSE(core::snapshot_from_note(""));
  EXPECT_FALSE(core::report_from_note(""));
  EXPECT_EQ(core::continuity_note(core::LinkId{"mk_1"}), "continuity/mk_1");
}

}  // namespace
}  // namespace syncd::test
