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

  Reading endless;
  endless.policy.drain_pages_max = 5;
  int pages = 0;
  while (pages < 10 && !endless.add({.created = {posted("t" + std::to_string(pages))},
                                     .next = "n" + std::to_string(pages),
                                     .more = true}))
    ++pages;
  EXPECT_EQ(pages, 5);

  Reading foreign;
  ASSERT_TRUE(foreign.add({.link = {.id = "mk_2"}}));
}

// As in a resync: a page of a replay may well bring nothing.
TEST(SecondReading, PagesWithoutRowsAreNoReasonToStop) {
  Reading reading;
  reading.policy.drain_idle_pages_max = 3;
  for (int page = 0; page < 10; ++page)
    reading.with({.next = "n" + std::to_string(page), .more = true});
  reading.with({.created = {posted("a")}, .next = "end"});
  EXPECT_TRUE(reading.reading.ended());
  EXPECT_EQ(reading.reading.rows(), 1u);
}

TEST(SecondReading, HoldsNoMoreRowsThanItMay) {
  SecondReading reading(core::LinkId{the_link}, 2);
  const auto page = core::parse_page(PageText{.created = {posted("a"), posted("b"), posted("c")}}.json());
  const auto refusal = reading.add(**page, {});
  ASSERT_TRUE(refusal);
  EXPECT_TRUE(refusal->too_large);
}

// ---- what a difference is worth ----

std::optional<core::UpstreamTime> time_of(const char* text) {
  return core::parse_upstream_time(text);
}

// As a visit does it, of a link whose history has been read.
void hear(core::VisitNews& news, const PageText& text, bool resync = false) {
  const auto page = core::parse_page(text.json());
  ASSERT_TRUE(page);
  core::LinkRecord record;
  record.cursor = core::Cursor{"c0"};
  record.resync = resync;
  news.add(record, **page);
}

// A reading of `a` and the pending `p` under `clock`, and whether a difference of each is proven.
struct Worth {
  bool posted = false;
  bool pending = false;
  bool operator==(const Worth&) const = default;
};
Worth worth(const std::vector<const char*>& clocks_read, const char* before, const char* after,
            core::VisitNews news = {}) {
  hear(news, {.link = {.clock = after}});  // the end of the last visit
  Reading reading;
  for (std::size_t i = 0; i < clocks_read.size(); ++i) {
    PageText page{.next = "n" + std::to_string(i), .more = i + 1 < clocks_read.size()};
    page.link.clock = clocks_read[i];
    if (!page.more) page.created = {posted("a"), pending("p")};
    reading.with(page);
  }
  const core::CopyClocks clocks{.before = time_of(before), .after = time_of(after)};
  const core::StoredTransaction a = stored(posted("a", "2.00"), "a");
  const Worth found{.posted = reading.reading.proves("a", &a, clocks, news),
                    .pending = reading.reading.proves("p", nullptr, clocks, news)};
  // Whichever side calls it pending.
  const core::StoredTransaction kept = stored(pending("q"), "q", true);
  EXPECT_EQ(reading.reading.proves("q", &kept, clocks, news), found.pending);
  return found;
}

TEST(Proof, APostedRowThatNoVisitNamedHasNotChanged) {
  const Worth both{true, true}, posted_only{true, false}, nothing;
  EXPECT_EQ(worth({clock_1}, clock_1, clock_1), both);
  EXPECT_EQ(worth({clock_2}, clock_1, clock_2), both) << "the copy has caught up";
  EXPECT_EQ(worth({clock_1}, clock_1, clock_2), posted_only) << "the pending set was rebuilt since";
  EXPECT_EQ(worth({clock_2}, clock_1, clock_3), posted_only);
  EXPECT_EQ(worth({clock_1, clock_2}, clock_1, clock_2), posted_only) << "rebuilt between its pages";
  EXPECT_EQ(worth({"", clock_2}, clock_1, clock_2), nothing) << "its first page may lag behind";
  EXPECT_EQ(worth({clock_1}, clock_2, clock_2), nothing) << "the reading lags behind";
  EXPECT_EQ(worth({clock_1, clock_2}, clock_2, clock_2), nothing) << "its first page does";
  EXPECT_EQ(worth({clock_2}, clock_1, clock_1), nothing) << "the visit lags behind";
  EXPECT_EQ(worth({clock_2}, "", ""), nothing) << "the copy never saw a clock";
  EXPECT_EQ(worth({""}, "", ""), both) << "nobody shows one";
  EXPECT_EQ(worth({""}, clock_1, clock_2), nothing) << "it may lag behind, and says nothing";
}

// The set that the visit left is of the clock of its first page; its last one came from a server that lags
// behind.
TEST(Proof, APendingRowNeedsTheVisitsEndUnderItsClock) {
  Reading reading;
  reading.with({.created = {pending("p")}, .link = {.clock = clock_2}});
  const core::CopyClocks clocks{.before = time_of(clock_1), .after = time_of(clock_2)};
  core::VisitNews news;
  hear(news, {.link = {.clock = clock_2}});
  EXPECT_TRUE(reading.reading.proves("p", nullptr, clocks, news));
  hear(news, {.link = {.clock = clock_1}});
  EXPECT_FALSE(reading.reading.proves("p", nullptr, clocks, news));
}

// Its earlier pages showed one: the last one may be of a server that lags behind.
TEST(Proof, AVisitThatEndsWithoutAClockProvesNothing) {
  Reading reading;
  reading.with({.created = {posted("a")}, .link = {.clock = ""}});
  core::VisitNews news;
  hear(news, {.link = {.clock = ""}});
  const core::StoredTransaction a = stored(posted("a", "2.00"), "a");
  EXPECT_TRUE(reading.reading.proves("a", &a, {}, news)) << "nobody shows one";
  EXPECT_FALSE(reading.reading.proves("a", &a, {.before = {}, .after = time_of(clock_1)}, news));
}

TEST(Proof, ARowThatAVisitNamedMayHaveChanged) {
  const Worth nothing, pending_only{false, true}, posted_only{true, false};
  core::VisitNews named;
  EXPECT_FALSE(named.names("a"));
  hear(named, {.updated = {posted("a")}, .removed = {"b"}});
  EXPECT_TRUE(named.names("a") && named.names("b"));
  EXPECT_FALSE(named.names("c"));
  EXPECT_EQ(worth({clock_1}, clock_1, clock_1, named), pending_only);
  core::VisitNews rebuilt;
  hear(rebuilt, {.created = {pending("z")}});
  EXPECT_EQ(worth({""}, "", "", rebuilt), posted_only) << "the set was replaced";
  EXPECT_EQ(worth({clock_2}, clock_1, clock_2, rebuilt), (Worth{true, true})) << "by what was read";
  core::VisitNews replay;
  hear(replay, {}, true);
  EXPECT_TRUE(replay.names("anything"));
  EXPECT_EQ(worth({clock_1}, clock_1, clock_1, replay), nothing);
}

TEST(Proof, MoreNewsThanCanBeKeptNameEverything) {
  core::VisitNews news;
  PageText page;
  page.removed.reserve(10'000);
  for (int i = 0; i < 10'000; ++i)
    page.removed.push_back("t" + std::to_string(i));
  for (int round = 0; round < 9; ++round)
    hear(news, page);
  EXPECT_FALSE(news.names("other"));
  for (int round = 0; round < 10; ++round) {
    for (std::string& id : page.removed)
      id += 'x';
    hear(news, page);
  }
  EXPECT_TRUE(news.names("other"));
}

TEST(Proof, TheLatestPageTellsTheClocks) {
  core::VisitNews news;
  EXPECT_FALSE(news.accounts_clock());
  EXPECT_FALSE(news.clock());
  hear(news, {.link = {.clock = clock_1, .accounts_clock = clock_2}});
  EXPECT_EQ(news.clock(), time_of(clock_1));
  EXPECT_EQ(news.accounts_clock(), time_of(clock_2));
  hear(news, {.link = {.accounts_clock = ""}});
  EXPECT_FALSE(news.accounts_clock());
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
  EXPECT_EQ(core::to_string(core::VerifyResult::incomplete), "incomplete");
  EXPECT_EQ(core::to_string(static_cast<core::VerifyResult>(9)), "unknown") << "of a newer version";
  for (const char* bad : {"", "v1", "v1 ", "v1 1", "v1 1x1 0 0 0 0 0 0 0 0 ", "v1 1 x 0 0 0 0 0 0 0 0 ",
                          "v1 1 1 0 0 0 0 0 0 0 x ", "v2 1 1 0 0 0 0 0 0 0 0 ", "v1 1 0 0 0 0 0 0 0 0 0 ",
                          "v1 1 4 0 0 0 0 0 0 0 0 ", "v1 1 1 0 0 0 0 0 0 0 4 ", "v1 1 1 0 0 0 0 0 0 x 0 "}) {
    EXPECT_FALSE(core::from_note(report.link_id, bad)) << bad;
  }
}

}  // namespace
}  // namespace syncd::test
