#include "daemon/fill_page.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/gateway_fixture.hpp"

namespace syncd::test {

using daemon::page_calls_max;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

namespace {

using Numbers = core::Result<store::Listing<int>>;

class FillPageTest : public GatewayTest {
 protected:
  // Of the numbers from 1 to `end` those that `step` divides; a call looks at ten of them.
  Numbers read(const std::string& after, std::size_t limit) {
    asked_.emplace_back(after, limit);
    if (asked_.size() == fails_at_) return core::fail(core::Errc::storage, "no more");
    store::Listing<int> listing;
    int number = after.empty() ? 0 : std::stoi(after);
    const int last = std::min(end_, number + 10);
    while (number < last && listing.items.size() < limit) {
      if (++number % step_ == 0) listing.items.push_back(number);
    }
    if (number < end_) listing.next = std::to_string(number);
    return listing;
  }
  Numbers fill(std::size_t limit, const std::string& after = "") {
    Numbers page;
    run(fill_into(after, limit, page));
    return page;
  }
  api::Task<void> fill_into(std::string after, std::size_t limit, Numbers& page) {
    auto reading = [this](store::Store&, const std::string& from, std::size_t items) {
      return read(from, items);
    };
    auto filled = co_await daemon::fill_page(*gateway_, std::move(after), limit, std::move(reading));
    page = std::move(filled);
  }

  int end_ = 100;
  int step_ = 7;
  std::size_t fails_at_ = 0;  // the call that does; 0: none
  std::vector<std::pair<std::string, std::size_t>> asked_;
};

TEST_F(FillPageTest, GoesOnUntilThePageIsFull) {
  const auto page = fill(3);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_THAT(page->items, ElementsAre(7, 14, 21));
  EXPECT_EQ(page->next, "21");
  EXPECT_THAT(asked_, ElementsAre(Pair("", 3), Pair("10", 2), Pair("20", 1)));
}

TEST_F(FillPageTest, EndsWithTheList) {
  const auto page = fill(100, "80");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_THAT(page->items, ElementsAre(84, 91, 98));
  EXPECT_EQ(page->next, "");
}

TEST_F(FillPageTest, GivesOutWhatItHasAfterSoManyCalls) {
  end_ = 1'000'000;
  step_ = end_;
  const auto page = fill(1);
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_THAT(page->items, IsEmpty());
  EXPECT_EQ(page->next, std::to_string(10 * page_calls_max));
  EXPECT_EQ(asked_.size(), page_calls_max);
}

TEST_F(FillPageTest, AnErrorOnTheWayIsTheAnswer) {
  for (const std::size_t call : {1U, 3U}) {
    asked_.clear();
    fails_at_ = call;
    const auto page = fill(5);
    ASSERT_FALSE(page);
    EXPECT_EQ(page.error().message, "no more");
    EXPECT_EQ(asked_.size(), call);
  }
}

}  // namespace
}  // namespace syncd::test
