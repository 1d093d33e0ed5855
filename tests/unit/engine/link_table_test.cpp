#include "sync/engine/link_table.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace syncd::engine {
namespace {

using core::LinkStatus;

TEST(LinkTable, FindsWhatWasAddedAndNothingElse) {
  LinkTable table;
  EXPECT_FALSE(table.find("a"));
  std::vector<std::string> ids = {"a", "A", std::string(256, 'x'), std::string(255, 'x'), "\xc3\xa9"};
  for (int i = 0; i < 5000; ++i)
    ids.push_back("mk_" + std::to_string(i));
  for (const std::string& id : ids)
    table.add(id, LinkStatus::active);
  EXPECT_EQ(table.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(table.find(ids[i]), static_cast<LinkTable::Slot>(i));
    EXPECT_EQ(table.id(static_cast<LinkTable::Slot>(i)), ids[i]);
  }
  EXPECT_FALSE(table.find("mk_5000"));
  EXPECT_FALSE(table.find(""));
}

TEST(LinkTable, ABuriedLinkIsNotThereUntilItIsAddedAgain) {
  LinkTable table;
  const auto first = table.add("a", LinkStatus::active);
  const auto second = table.add("b", LinkStatus::relink);
  table.schedule(first, 7);
  table.schedule(second, 9);
  table.set_fresh_since_s(first, 5, true);
  table.set_wanted_cause(first, 3);
  table.bury(first);
  EXPECT_FALSE(table.find("a"));
  EXPECT_EQ(table.find("b"), second);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.slots(), 2u);
  EXPECT_TRUE(table.buried(first));
  EXPECT_EQ(table.status(first), LinkStatus::gone) << "nobody visits it";
  EXPECT_EQ(table.pop().slot, second);
  EXPECT_TRUE(table.nothing_due());
  for (int i = 0; i < 100; ++i)
    table.add("mk_" + std::to_string(i), LinkStatus::active);  // the index grows meanwhile
  EXPECT_FALSE(table.find("a"));

  EXPECT_EQ(table.add("a", LinkStatus::paused), first);
  EXPECT_EQ(table.find("a"), first);
  EXPECT_EQ(table.size(), 102u);
  EXPECT_EQ(table.status(first), LinkStatus::paused);
  EXPECT_EQ(table.fresh_since_s(first), 0u);
  EXPECT_EQ(table.wanted_cause(first), 0);
  EXPECT_FALSE(table.scheduled(first));
}

TEST(LinkTable, AVisitKeepsItsSlotOverABurial) {
  LinkTable table;
  const auto slot = table.add("a", LinkStatus::active);
  table.set_in_flight(slot, true);
  table.set_urgent(slot, true);
  table.bury(slot);
  EXPECT_TRUE(table.in_flight(slot));
  EXPECT_EQ(table.add("a", LinkStatus::active), slot);
  EXPECT_TRUE(table.in_flight(slot)) << "no second one begins beside it";
  EXPECT_TRUE(table.urgent(slot)) << "nor is it put into a queue twice";
}

TEST(LinkTable, ReservingChangesNothing) {
  LinkTable table;
  table.add("a", LinkStatus::paused);
  table.reserve(10'000);
  ASSERT_TRUE(table.find("a"));
  EXPECT_EQ(table.status(0), LinkStatus::paused);
  for (int i = 0; i < 9'000; ++i)
    table.add("mk_4567890123456789012" + std::to_string(10'000 + i), LinkStatus::active);
  EXPECT_LE(table.resident_bytes(), 10'000u * 64);
}

TEST(LinkTable, AnIdleLinkCostsLittle) {
  LinkTable table;
  table.reserve(100'000);
  for (int i = 0; i < 100'000; ++i)
    table.schedule(table.add("mk_4567890123456789" + std::to_string(100'000 + i), LinkStatus::active), 7);
  EXPECT_LE(table.resident_bytes() / 100'000, 64u);
}

TEST(LinkTable, MarksAreTheLinksOwn) {
  LinkTable table;
  const auto a = table.add("a", LinkStatus::active);
  const auto b = table.add("b", LinkStatus::relink);
  table.set_in_flight(a, true);
  table.set_wanted_cause(a, 3);
  table.set_urgent(a, true);
  table.set_fresh_since_s(a, 99, true);
  EXPECT_TRUE(table.in_flight(a) && table.urgent(a));
  EXPECT_EQ(table.wanted_cause(a), 3);
  EXPECT_FALSE(table.in_flight(b) || table.urgent(b));
  EXPECT_EQ(table.wanted_cause(b), 0);
  EXPECT_EQ(table.fresh_since_s(a), 99u);
  EXPECT_TRUE(table.has_succeeded(a) && !table.has_succeeded(b));
  table.set_fresh_since_s(a, 100, false);
  EXPECT_FALSE(table.has_succeeded(a));
  EXPECT_EQ(table.fresh_since_s(b), 0u);
}

// Against an ordered map, over any sequence of putting in, moving, taking out and popping.
TEST(DueHeap, AlwaysGivesTheEarliest) {
  std::mt19937_64 random(1);
  LinkTable table;
  constexpr std::uint32_t links = 200;
  for (std::uint32_t i = 0; i < links; ++i)
    table.add("mk_" + std::to_string(i), LinkStatus::active);
  std::map<LinkTable::Slot, LinkTable::Tick> due;
  const auto earliest = [&due] {
    LinkTable::Tick first = 0xffffffff;
    for (const auto& [slot, tick] : due)
      first = std::min(first, tick);
    return first;
  };
  for (int step = 0; step < 20'000; ++step) {
    const auto slot = static_cast<LinkTable::Slot>(random() % links);
    const auto tick = static_cast<LinkTable::Tick>(random() % 1000);
    switch (random() % 4) {
      case 0:
      case 1:
        table.schedule(slot, tick);
        due[slot] = tick;
        break;
      case 2:
        table.unschedule(slot);
        due.erase(slot);
        break;
      default:
        if (due.empty()) break;
        ASSERT_EQ(table.earliest(), earliest());
        const auto popped = table.pop().slot;
        ASSERT_EQ(due.at(popped), earliest());
        due.erase(popped);
    }
    ASSERT_EQ(table.scheduled_count(), due.size());
    ASSERT_EQ(table.nothing_due(), due.empty());
    ASSERT_EQ(table.scheduled(slot), due.contains(slot));
    const auto late = std::ranges::count_if(due, [&](const auto& entry) { return entry.second <= tick; });
    ASSERT_EQ(table.due_count(tick), static_cast<std::size_t>(late));
  }
}

TEST(LinkTable, WhatStandsInTheSameBytesIsKeptApart) {
  LinkTable table;
  const auto slot = table.add("mk_1", LinkStatus::quarantined);
  for (const bool late : {true, false}) {
    table.set_upstream_late(slot, late);
    for (std::uint8_t cause = 0; cause <= static_cast<std::uint8_t>(core::Cause::probe); ++cause) {
      table.set_wanted_cause(slot, cause);
      EXPECT_EQ(table.wanted_cause(slot), cause);
      EXPECT_EQ(table.upstream_late(slot), late);
      EXPECT_EQ(table.status(slot), LinkStatus::quarantined);
    }
  }
  table.set_upstream_late(slot, true);
  table.bury(slot);
  EXPECT_FALSE(table.upstream_late(table.add("mk_1", LinkStatus::active))) << "another link of that id";
}

}  // namespace
}  // namespace syncd::engine
