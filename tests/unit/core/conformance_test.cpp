#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

// The vendor publishes a sample client. Four things in it must not be copied; each has a test here (the token
// in tests/unit/engine, where the client can be driven).
namespace syncd::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The sample asks for every page with the cursor of the first one, and so never gets past a second page.
TEST(VendorSampleDefects, SecondPageIsReadFromTheNewCursor) {
  OneLink link;
  const auto first = link.page({.created = {posted("t1")}, .next = "page_2", .more = true});
  EXPECT_TRUE(first.more);
  EXPECT_EQ(link.record().cursor->text, "page_2");
  const auto second = link.page({.created = {posted("t2")}, .next = "page_3"});
  EXPECT_FALSE(second.more);
  EXPECT_EQ(link.record().cursor->text, "page_3");
  EXPECT_THAT(link.visible(), ElementsAre("t1", "t2"));
}

// The sample inserts blindly: a row that comes again breaks it, or is there twice.
TEST(VendorSampleDefects, RepeatedRowIsNotInsertedTwice) {
  OneLink link;
  link.page({.created = {posted("t1")}, .next = "c1"});
  link.news();
  link.page({.created = {posted("t1")}, .updated = {posted("t1")}, .next = "c2"});
  EXPECT_THAT(link.visible(), ElementsAre("t1"));
  EXPECT_THAT(link.news(), IsEmpty());
  link.page({.created = {posted("t1", "12.00")}, .next = "c3"});
  EXPECT_THAT(link.visible(), ElementsAre("t1"));
  EXPECT_THAT(link.news(), ElementsAre("transaction.updated t1"));
}

// The sample keeps every pending row for ever, because none of them is ever reported as removed.
TEST(VendorSampleDefects, PendingRowsAreReplaced) {
  OneLink link;
  link.page({.created = {pending("p1"), pending("p2")}, .next = "c1"});
  EXPECT_THAT(link.visible(), ElementsAre("p1?", "p2?"));
  link.page({.created = {pending("p3"), posted("t1")}, .next = "c2", .link = {.clock = clock_2}});
  EXPECT_THAT(link.visible(), ElementsAre("p3?", "t1"));
}

}  // namespace
}  // namespace syncd::test
