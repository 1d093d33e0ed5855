#include "sync/core/pending_match.hpp"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/core/one_link.hpp"

namespace syncd::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Rows with the texts that their views point into.
class Rows {
 public:
  Rows() = default;
  Rows(std::initializer_list<RowText> rows) {
    for (const RowText& row : rows)
      add(row);
  }
  void add(const RowText& row) {
    const RowText& kept = rows_.emplace_back(row);
    add(kept.id, kept.account, texts_.emplace_back(kept.json()));
  }
  void add(std::string_view id, std::string_view account, std::string_view json) {
    views_.push_back({id, account, json});
  }
  const std::vector<core::RowView>& views() const { return views_; }

 private:
  std::deque<RowText> rows_;
  std::deque<std::string> texts_;
  std::vector<core::RowView> views_;
};

// `posted < pending` per match.
Lines matches(const Rows& posted, const Rows& pending) {
  Lines lines;
  for (const core::Settled& pair : core::match_posted(posted.views(), pending.views()))
    lines.push_back(std::string(pair.posted_id) + " < " + std::string(pair.pending_id));
  return lines;
}

TEST(MatchPosted, OfNothingIsNothing) {
  EXPECT_THAT(matches({}, {{.id = "p1"}}), IsEmpty());
  EXPECT_THAT(matches({{.id = "t1"}}, {}), IsEmpty());
}

TEST(MatchPosted, RowsWithoutADayAreLeftOut) {
  const std::string undated = RowText{.id = "p1", .date = "soon"}.json();
  Rows pending{{.id = "p2"}};
  pending.add("p1", "acc_1", undated);
  EXPECT_THAT(matches({{.id = "t1"}}, pending), ElementsAre("t1 < p2"));
  Rows only;
  only.add("p1", "acc_1", undated);
  EXPECT_THAT(matches({{.id = "t1"}}, only), IsEmpty());
}

TEST(MatchPosted, AreInTheOrderOfThePostedIds) {
  EXPECT_THAT(matches({{.id = "t2", .amount = "1.00"}, {.id = "t1", .amount = "2.00"}},
                      {{.id = "p1", .amount = "1.00"}, {.id = "p2", .amount = "2.00"}}),
              ElementsAre("t1 < p2", "t2 < p1"));
}

TEST(MatchPosted, EarlierAndLaterByTheSameDaysAreEquallyClose) {
  const Rows pending{{.id = "p1", .date = "2025-04-29"}, {.id = "p2", .date = "2025-05-01"}};
  EXPECT_THAT(matches({{.id = "t1", .date = "2025-04-30"}}, pending), IsEmpty());
  EXPECT_THAT(matches({{.id = "t1", .date = "2025-05-02"}}, pending), ElementsAre("t1 < p2"));
  EXPECT_THAT(matches({{.id = "t1", .date = "2025-04-20"}}, pending), ElementsAre("t1 < p1"));
}

TEST(MatchPosted, TheSameWordsCountMoreThanACloserDate) {
  const Rows pending{{.id = "p1", .date = "2025-04-22", .words = "TEA"}, {.id = "p2", .date = "2025-04-30"}};
  EXPECT_THAT(matches({{.id = "t1", .words = "TEA"}}, pending), ElementsAre("t1 < p1"));
  EXPECT_THAT(matches({{.id = "t1", .words = "CAKE"}}, pending), ElementsAre("t1 < p2"));
  // Too old to be the same: its words count no longer.
  EXPECT_THAT(matches({{.id = "t1", .date = "2025-05-05", .words = "TEA"}}, pending), ElementsAre("t1 < p2"));
}

TEST(MatchPosted, TheSameWordsTwiceAreNotDecidedByAnythingElse) {
  EXPECT_THAT(matches({{.id = "t1", .words = "TEA"}},
                      {{.id = "p1", .words = "TEA"}, {.id = "p2", .words = "TEA"}, {.id = "p3"}}),
              IsEmpty());
}

TEST(MatchPosted, WithoutWordsTheDateDecides) {
  EXPECT_THAT(matches({{.id = "t1", .words = ""}},
                      {{.id = "p1", .date = "2025-04-29", .words = ""}, {.id = "p2", .words = "TEA"}}),
              ElementsAre("t1 < p2"));
}

TEST(MatchPosted, RivalsForOneRowDoNotDisturbOthers) {
  EXPECT_THAT(matches({{.id = "t1"}, {.id = "t2", .amount = "2.00"}, {.id = "t3"}, {.id = "t4"}},
                      {{.id = "p1"}, {.id = "p2", .amount = "2.00"}}),
              ElementsAre("t2 < p2"));
}

TEST(MatchPosted, RowsThatAreNoneAreNoMatch) {
  Rows posted{{.id = "t1"}};
  posted.add("t2", "acc_1", "[]");
  posted.add("t3", "acc_1", R"({"amount":"10.00","type":"debit","currency":"USD","date":"soon"})");
  Rows pending{{.id = "p1"}};
  pending.add("p2", "acc_1", "17");
  EXPECT_THAT(matches(posted, pending), ElementsAre("t1 < p1"));
}

// Far more than a page brings: every posted row has its own among the others of the same payment.
TEST(MatchPosted, OfVeryManyAlikeRows) {
  constexpr int count = 20'000;
  Rows posted, pending;
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    posted.add({.id = "t" + number, .date = "2025-05-02", .words = "TEA " + number});
    pending.add({.id = "p" + std::to_string(count - 1 - i), .words = "TEA " + std::to_string(count - 1 - i)});
  }
  const auto pairs = core::match_posted(posted.views(), pending.views());
  ASSERT_EQ(pairs.size(), static_cast<std::size_t>(count));
  for (const core::Settled& pair : pairs)
    ASSERT_EQ(pair.posted_id.substr(1), pair.pending_id.substr(1));
}

}  // namespace
}  // namespace syncd::test
