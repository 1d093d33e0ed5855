#include "sync/engine/peek_row.hpp"

#include <gtest/gtest.h>

namespace syncd::engine {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr api::SteadyTime opens{core::Millis(1'000'000)};

TEST(PeekRow, PlacesAreOneBehindTheOther) {
  PeekRow row;
  EXPECT_EQ(row.place(7, opens, 60), opens);
  EXPECT_EQ(row.place(8, opens, 60), opens + seconds(1));
  EXPECT_EQ(row.place(9, opens, 60), opens + seconds(2));
  EXPECT_EQ(row.size(), 3U);
  // Time went on, and nobody else came.
  EXPECT_EQ(row.place(10, opens + minutes(1), 60), opens + minutes(1));
}

TEST(PeekRow, WhoIsTurnedAwayAgainCountsOnce) {
  PeekRow row;
  row.place(7, opens, 60);
  EXPECT_EQ(row.place(7, opens, 60), opens + seconds(1));
  EXPECT_EQ(row.size(), 1U);
  row.left(7);
  row.left(8);
  EXPECT_EQ(row.size(), 0U);
}

TEST(PeekRow, NobodyWaitsLongerThanTheLongestWait) {
  PeekRow row;
  for (LinkTable::Slot slot = 0; slot < 200; ++slot) {
    const api::SteadyTime place = row.place(slot, opens, 1);
    EXPECT_LE(place, opens + PeekRow::wait_max);
  }
  // Those beyond the end took no place.
  EXPECT_EQ(row.place(200, opens + minutes(90), 1), opens + minutes(90));
}

TEST(PeekRow, KeepsAPaceOfMoreThanOneInAMillisecond) {
  PeekRow row;
  api::SteadyTime last = opens;
  for (LinkTable::Slot slot = 0; slot < 120'001; ++slot)
    last = row.place(slot, opens, 120'000);
  EXPECT_GE(last, opens + core::Millis(59'900));
  EXPECT_LE(last, opens + minutes(1));
}

}  // namespace
}  // namespace syncd::engine
