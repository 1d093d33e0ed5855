#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

namespace syncd::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Holds posted t1 and pending p1, written under clock_1.
OneLink with_p1() {
  OneLink link;
  link.page({.created = {posted("t1", "1.00"), pending("p1", "2.00")}, .next = "c1"});
  link.accounts({account("acc_1")});
  link.news();
  return link;
}

TEST(Pending, CreatedOnTheLastPageIsVisible) {
  OneLink link = with_p1();
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1"));
  EXPECT_EQ(link.record().counts.pending, 1u);
}

TEST(Pending, OverSeveralPagesAppearsWithTheLast) {
  OneLink link;
  link.page({.created = {pending("p1"), posted("t1")}, .next = "c1", .more = true});
  EXPECT_THAT(link.visible(), ElementsAre("t1"));
  EXPECT_EQ(link.record().drain.staged, 1u);
  link.page({.created = {pending("p2")}, .next = "c2", .more = true});
  EXPECT_THAT(link.visible(), ElementsAre("t1"));
  link.page({.created = {pending("p3")}, .next = "c3"});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "p2?", "p3?", "t1"));
  EXPECT_THAT(link.store.staged, IsEmpty());
  EXPECT_EQ(link.record().drain, core::DrainState{});
}

TEST(Pending, OldSetStaysUntilTheDrainEnds) {
  OneLink link = with_p1();
  link.page({.created = {pending("p2")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1"));
  link.page({.next = "c3", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("p2?", "t1"));
  EXPECT_THAT(link.news(), ElementsAre("transaction.created p2", "transaction.removed p1"));
}

TEST(Pending, IsReplacedWhenTheClockAdvanced) {
  OneLink link = with_p1();
  link.page({.next = "c2", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("t1"));
  EXPECT_THAT(link.news(), ElementsAre("transaction.removed p1"));
}

TEST(Pending, IsLeftAloneByAnEmptyPageUnderTheSameClock) {
  OneLink link = with_p1();
  link.page({.next = "c2"});
  link.page({.created = {posted("t2", "3.00")}, .next = "c3"});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1", "t2"));
}

TEST(Pending, IsLeftAloneWhenUpstreamShowsNoClock) {
  OneLink link = with_p1();
  link.page({.next = "c2", .link = {.clock = ""}});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1"));
}

TEST(Pending, IsReplacedWhenTheDrainBroughtAPendingRow) {
  OneLink link = with_p1();
  link.page({.created = {pending("p2")}, .next = "c2"});
  EXPECT_THAT(link.visible(), ElementsAre("p2?", "t1"));
}

TEST(Pending, RebuiltUnchangedIsNoNews) {
  OneLink link = with_p1();
  link.page({.created = {pending("p1", "2.00")}, .next = "c2", .link = {.clock = clock_2}});
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "t1"));
}

TEST(Pending, RebuiltWithAnotherAmountIsOneUpdate) {
  OneLink link = with_p1();
  link.page({.created = {pending("p1", "2.50")}, .next = "c2", .link = {.clock = clock_2}});
  EXPECT_THAT(link.news(), ElementsAre("transaction.updated p1"));
}

TEST(Pending, ClockThatMovesInTheMiddleDropsWhatWasCollected) {
  OneLink link = with_p1();
  link.page({.created = {pending("old")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  link.page({.created = {pending("new")}, .next = "c3", .link = {.clock = clock_3}});
  EXPECT_THAT(link.visible(), ElementsAre("new?", "t1"));
  EXPECT_THAT(link.store.staged, IsEmpty());
}

TEST(Pending, ClockThatMovesBetweenFurtherPagesDropsTheEarlierOnes) {
  OneLink link = with_p1();
  link.page({.created = {pending("old")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  link.page({.created = {pending("new")}, .next = "c3", .more = true, .link = {.clock = clock_3}});
  link.page({.next = "c4", .link = {.clock = clock_3}});
  EXPECT_THAT(link.visible(), ElementsAre("new?", "t1"));
}

// Only a clock that advanced says that upstream rebuilt the set.
TEST(Pending, ClockThatIsMissingOrOlderInTheMiddleChangesNothing) {
  for (const char* last : {"", clock_1, clock_2}) {
    for (const char* middle : {"", clock_1, clock_2}) {
      OneLink link = with_p1();
      link.page({.created = {pending("p2")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
      link.page({.created = {pending("p3")}, .next = "c3", .more = true, .link = {.clock = middle}});
      link.page({.created = {posted("t2")}, .next = "c4", .link = {.clock = last}});
      EXPECT_THAT(link.visible(), ElementsAre("p2?", "p3?", "t1", "t2")) << middle << ", " << last;
      EXPECT_EQ(link.record().pending_clock, core::parse_upstream_time(clock_2)) << middle << ", " << last;
    }
  }
}

// A server that lags behind answers in the middle: what it shows is of the time before the refresh that the
// other pages know.
TEST(Pending, RowsOfAServerThatLagsBehindAreDroppedByAPageThatDoesNot) {
  OneLink link = with_p1();
  link.page({.created = {posted("t2")}, .next = "c2", .more = true, .link = {.clock = clock_3}});
  link.page({.created = {pending("old")}, .next = "c3", .more = true, .link = {.clock = clock_2}});
  link.page({.created = {pending("new")}, .next = "c4", .link = {.clock = clock_3}});
  EXPECT_THAT(link.visible(), ElementsAre("new?", "t1", "t2"));
  EXPECT_EQ(link.record().pending_clock, core::parse_upstream_time(clock_3));
}

TEST(Pending, DrainThatEndsAtAServerThatLagsBehindIsMadeUpForByTheNext) {
  OneLink link = with_p1();
  link.page({.next = "c2", .more = true, .link = {.clock = clock_3}});
  link.page({.created = {pending("p2")}, .next = "c3", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("p2?", "t1"));
  link.page({.next = "c4", .link = {.clock = clock_3}});
  EXPECT_THAT(link.visible(), ElementsAre("t1")) << "rebuilt as an empty set meanwhile";
}

TEST(Pending, ClockThatAppearsInTheMiddleChangesNothing) {
  OneLink link = with_p1();
  link.page({.created = {pending("p2")}, .next = "c2", .more = true, .link = {.clock = ""}});
  link.page({.next = "c3", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("p2?", "t1"));
}

TEST(Pending, ClockThatMovesBehindAMissingOneDropsWhatWasCollected) {
  OneLink link = with_p1();
  link.page({.created = {pending("old")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  link.page({.created = {pending("older")}, .next = "c3", .more = true, .link = {.clock = ""}});
  link.page({.created = {pending("new")}, .next = "c4", .link = {.clock = clock_3}});
  EXPECT_THAT(link.visible(), ElementsAre("new?", "t1"));
}

TEST(Pending, IsReplacedWhenOnlyAnEarlierPageShowedTheNewClock) {
  OneLink link = with_p1();
  link.page({.created = {posted("t2")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  link.page({.next = "c3", .link = {.clock = ""}});
  EXPECT_THAT(link.visible(), ElementsAre("t1", "t2"));
  EXPECT_EQ(link.record().pending_clock, core::parse_upstream_time(clock_2));
}

TEST(Pending, PostedUnderTheSameIdIsAnUpdate) {
  OneLink link = with_p1();
  link.page({.updated = {posted("p1", "2.00")}, .next = "c2", .link = {.clock = clock_2}});
  EXPECT_THAT(link.news(), ElementsAre("transaction.updated p1"));
  EXPECT_THAT(link.visible(), ElementsAre("p1", "t1"));
  EXPECT_EQ(link.store.rows["p1"].posted_from, "");
}

TEST(Pending, PostedUnderANewIdNamesItsOrigin) {
  OneLink link = with_p1();
  link.page({.created = {posted("t9", "2.00")}, .next = "c2", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("t1", "t9"));
  EXPECT_EQ(link.store.rows["t9"].posted_from, "p1");
  EXPECT_THAT(link.news(), ElementsAre("transaction.created t9", "transaction.removed p1"));
}

TEST(Pending, CollectedThenPostedOnALaterPageIsPosted) {
  OneLink link = with_p1();
  link.page({.created = {pending("p2")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
  link.page({.updated = {posted("p2")}, .next = "c3", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("p2", "t1"));
  EXPECT_THAT(link.news(), ElementsAre("transaction.created p2", "transaction.removed p1"));
}

TEST(Pending, CollectedThenRemovedOnALaterPageIsNotThere) {
  for (const bool on_last_page : {true, false}) {
    OneLink link = with_p1();
    link.page({.created = {pending("p2")}, .next = "c2", .more = true, .link = {.clock = clock_2}});
    link.page({.removed = {"p2"}, .next = "c3", .more = !on_last_page, .link = {.clock = clock_2}});
    if (!on_last_page) link.page({.next = "c4", .link = {.clock = clock_2}});
    EXPECT_THAT(link.visible(), ElementsAre("t1"));
  }
}

TEST(Pending, PostedRowThatTurnsPendingAgainStaysOneRow) {
  for (const bool on_last_page : {true, false}) {
    OneLink link = with_p1();
    link.page({.created = {pending("t1", "1.00")},
               .next = "c2",
               .more = !on_last_page,
               .link = {.clock = clock_2}});
    if (!on_last_page) link.page({.next = "c3", .link = {.clock = clock_2}});
    EXPECT_THAT(link.visible(), ElementsAre("t1?"));
  }
}

TEST(Pending, LastPageAnsweredAgainAddsNothing) {
  OneLink link = with_p1();
  const PageText page{
      .created = {pending("p2"), posted("t2")}, .removed = {"t1"}, .next = "c2", .link = {.clock = clock_2}};
  link.page(page);
  link.news();
  const Lines rows = link.visible();
  link.page(page);
  EXPECT_THAT(link.news(), IsEmpty());
  EXPECT_EQ(link.visible(), rows);
}

}  // namespace
}  // namespace syncd::test
