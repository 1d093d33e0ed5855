#include "sync/core/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

namespace syncd::test {
namespace {

using core::Difference;
using core::DifferenceKind;
using core::SecondReading;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A reading of the one link, page by page.
struct Reading {
  std::optional<core::Error> add(const PageText& text) {
    const auto page = core::parse_page(text.json());
    EXPECT_TRUE(page) << (page ? "" : page.error().message);
    return reading.add(**page, policy);
  }
  // Takes a page that must be acceptable.
  Reading& with(const PageText& text) {
    const auto refusal = add(text);
    EXPECT_FALSE(refusal) << refusal->message;
    return *this;
  }
  std::vector<std::string> against(const std::vector<core::StoredTransaction>& rows) {
    static constexpr const char* words[] = {"missing ", "extra ", "changed "};
    reading.begin_comparison();
    for (const core::StoredTransaction& row : rows)
      reading.compare(row);
    std::vector<std::string> found;
    for (const Difference& difference : reading.end_comparison())
      found.push_back(words[static_cast<std::size_t>(difference.kind)] + difference.id);
    return found;
  }

  core::Policy policy;
  SecondReading reading{core::LinkId{the_link}};
};

core::StoredTransaction stored(const std::string& json, std::string id, bool is_pending = false) {
  return {.transaction_id = std::move(id),
          .account_id = "acc_1",
          .json = json,
          .pending = is_pending,
          .posted_from = {}};
}

TEST(SecondReading, FindsEachKindOfDifferenceExactly) {
  Reading reading;
  reading.with({.created = {posted("a"), posted("b"), posted("c"), pending("p")}});
  EXPECT_TRUE(reading.reading.ended());
  EXPECT_THAT(reading.against({stored(posted("a"), "a"), stored(posted("b"), "b"), stored(posted("c"), "c"),
                               stored(pending("p"), "p", true)}),
              IsEmpty());
  EXPECT_THAT(reading.against({stored(posted("a"), "a"), stored(posted("b", "10.0"), "b"),
                               stored(posted("x"), "x"), stored(pending("p"), "p", true)}),
              ElementsAre("changed b", "extra x", "missing c"));
  // The flag that readers filter by must say what the row says.
  EXPECT_THAT(reading.against({stored(posted("a"), "a"), stored(posted("b"), "b", true),
                               stored(posted("c"), "c"), stored(pending("p"), "p", true)}),
              ElementsAre("changed b"));
  EXPECT_THAT(reading.against({}), ElementsAre("missing a", "missing b", "missing c", "missing p"));
}

TEST(SecondReading, ComparesByMeaningAndNumbersByTheirText) {
  Reading reading;
  reading.with({.created = {RowText{.id = "a"}.json()}});
  EXPECT_THAT(reading.against({stored(reordered({.id = "a"}), "a")}), IsEmpty());
  EXPECT_THAT(reading.against({stored(reordered({.id = "a", .amount = "10.000"}), "a")}),
              ElementsAre("changed a"));
  EXPECT_THAT(reading.against({stored("not json", "a")}), ElementsAre("changed a"));
}

TEST(SecondReading, TheLastWordOverAllPagesCounts) {
  Reading reading;
  reading.with({.created = {posted("a"), posted("b")}, .next = "c1", .more = true});
  EXPECT_EQ(reading.reading.cursor(), core::Cursor{"c1"});
  EXPECT_FALSE(reading.reading.ended());
  reading.with({.created = {posted("a", "1.00")},
                .updated = {posted("a", "2.00"), posted("b", "3.00")},
                .removed = {"b", "never"},
                .next = "c2"});
  EXPECT_THAT(reading.against({stored(posted("a", "2.00"), "a")}), IsEmpty());
  EXPECT_EQ(reading.reading.pages(), 2u);
}

TEST(SecondReading, PendingRowsOfARebuiltSetGiveWay) {
  Reading reading;
  reading.with({.created = {pending("old"), posted("a")}, .next = "c1", .more = true});
  reading.with({.created = {pending("new")}, .next = "c2", .link = {.clock = clock_2}});
  EXPECT_THAT(reading.against({stored(posted("a"), "a"), stored(pending("new"), "new", true)}), IsEmpty());
  EXPECT_THAT(reading.against({stored(posted("a"), "a"), stored(pending("new"), "new", true),
                               stored(pending("old"), "old", true)}),
              ElementsAre("extra old"));
}

TEST(SecondReading, RefusesPagesThatDoNotEnd) {
  Reading circle;
  circle.with({.created = {posted("a")}, .next = "c1", .more = true});
  circle.with({.created = {posted("b")}, .next = "c2", .more = true});
  const auto round = circle.add({.created = {posted("c")}, .next = "c1", .more = true});
  ASSERT_TRUE(round);
  EXPECT_THAT(round->message, HasSubstr("goes round in a circle"));

  Reading repeats;
  repeats.with({.created = {posted("a")}, .next = "c1", .more = true});
  ASSERT_TRUE(repeats.add({.created = {posted("b")}, .next = "c1", .more = true}));

  Reading idle;
  idle.policy.drain_idle_pages_max = 3;
  int pages = 0;
  while (!idle.add({.next = "n" + std::to_string(pages), .more = true}) && pages < 10)
    ++pages;
  EXPECT_EQ(pages, 3);

  Reading endless;
  endless.policy.drain_pages_max = 5;
  pages = 0;
  while (pages < 10 && !endless.add({.created = {posted("t" + std::to_string(pages))},
                                     .next = "n" + std::to_string(pages),
                                     .more = true}))
    ++pages;
  EXPECT_EQ(pages, 5);

  Reading foreign;
  ASSERT_TRUE(foreign.add({.link = {.id = "mk_2"}}));
}

TEST(SecondReading, HoldsNoMoreRowsThanItMay) {
  SecondReading reading(core::LinkId{the_link}, 2);
  const auto page = core::parse_page(PageText{.created = {posted("a"), posted("b"), posted("c")}}.json());
  const auto refusal = reading.add(**page, {});
  ASSERT_TRUE(refusal);
  EXPECT_TRUE(refusal->too_large);
}

TEST(SecondReading, KnowsWhenUpstreamMayHaveMovedTwice) {
  const auto time = [](const char* text) { return core::parse_upstream_time(text); };
  Reading reading;
  reading.with({.link = {.clock = clock_2}});
  EXPECT_FALSE(reading.reading.moved(time(clock_2), time(clock_3))) << "read before the refresh";
  EXPECT_FALSE(reading.reading.moved(time(clock_1), time(clock_2))) << "read behind it";
  EXPECT_TRUE(reading.reading.moved(time(clock_1), time(clock_3))) << "a refresh on either side";
  Reading without;
  without.with({.link = {.clock = ""}});
  EXPECT_FALSE(without.reading.moved(time(clock_1), time(clock_3))) << "nothing is known";
  Reading torn;
  torn.with({.created = {posted("a")}, .next = "c1", .more = true});
  torn.with({.created = {posted("b")}, .next = "c2", .link = {.clock = clock_2}});
  EXPECT_TRUE(torn.reading.moved(time(clock_2), time(clock_2))) << "a refresh between two of its pages";
}

TEST(Verify, AccountsThatAreGoneAreNotThere) {
  const std::string a = account("a"), b = account("b", "2.00"), c = account("c");
  const std::vector<core::AccountRow> upstream{{"a", a}, {"b", b}, {"c", c}};
  const std::vector<core::StoredAccount> local{{.account_id = "a", .json = a},
                                               {.account_id = "b", .json = account("b", "1.00")},
                                               {.account_id = "c", .json = c, .gone = true},
                                               {.account_id = "x", .json = "{}"},
                                               {.account_id = "y", .json = "{}", .gone = true}};
  EXPECT_THAT(core::compare_accounts(upstream, local),
              ElementsAre(Difference{DifferenceKind::changed, "b"}, Difference{DifferenceKind::extra, "x"},
                          Difference{DifferenceKind::missing, "c"}));
}

TEST(Verify, OnlyWhatStillDiffersCounts) {
  using enum DifferenceKind;
  EXPECT_THAT(core::in_both({{missing, "a"}, {changed, "b"}, {extra, "c"}}, {{changed, "a"}, {extra, "c"}}),
              ElementsAre(Difference{changed, "a"}, Difference{extra, "c"}));
}

TEST(Verify, TallyNamesTheFirstOfEachKind) {
  std::vector<Difference> many;
  for (int i = 0; i < 100; ++i)
    many.push_back({i % 2 == 0 ? DifferenceKind::missing : DifferenceKind::extra, std::to_string(i)});
  const auto tally = core::tally_of(many);
  EXPECT_EQ(tally.missing, 50u);
  EXPECT_EQ(tally.extra, 50u);
  EXPECT_EQ(tally.changed, 0u);
  EXPECT_EQ(tally.missing_ids.size(), core::verify_examples_max);
  EXPECT_EQ(tally.missing_ids.front(), "0");
  EXPECT_TRUE(tally.any());
  EXPECT_FALSE(core::DifferenceTally{}.any());
}

TEST(VerifyNote, ComesBackWithoutItsExamples) {
  core::VerifyReport report;
  report.link_id = core::LinkId{"mk 1"};
  report.at = core::WallTime(core::Millis(1'700'000'000'123));
  report.result = core::VerifyResult::mismatch;
  report.transactions = {
      .missing = 1, .extra = 2, .changed = 3, .missing_ids = {"secret"}, .extra_ids = {}, .changed_ids = {}};
  report.accounts.extra = 4;
  report.rows = 77;
  report.transactions_compared = true;
  const std::string note = core::to_note(report);
  EXPECT_EQ(note, "v1 1700000000123 2 1 2 3 0 4 0 77 1 ");
  const auto back = core::from_note(report.link_id, note);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->at, report.at);
  EXPECT_EQ(back->result, core::VerifyResult::mismatch);
  EXPECT_EQ(back->transactions.changed, 3u);
  EXPECT_EQ(back->accounts.extra, 4u);
  EXPECT_EQ(back->rows, 77u);
  EXPECT_TRUE(back->transactions_compared);
  EXPECT_FALSE(back->accounts_compared);
  report.result = core::VerifyResult::incomplete;
  report.reason = "too_large";
  EXPECT_EQ(core::from_note(report.link_id, core::to_note(report))->reason, "too_large");
  for (const char* bad : {"", "v1", "v1 ", "v2 1 1 0 0 0 0 0 0 0 0 ", "v1 1 0 0 0 0 0 0 0 0 0 ",
                          "v1 1 4 0 0 0 0 0 0 0 0 ", "v1 1 1 0 0 0 0 0 0 0 4 ", "v1 1 1 0 0 0 0 0 0 x 0 "}) {
    EXPECT_FALSE(core::from_note(report.link_id, bad)) << bad;
  }
}

}  // namespace
}  // namespace syncd::test
