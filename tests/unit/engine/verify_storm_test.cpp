#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/verify_world.hpp"

// Verifies while everything moves: refreshes between any two requests, answers of a server that lags behind,
// visits, holds and repairs. Takes about a second.
namespace syncd::test {
namespace {

using core::VerifyReport;
using core::VerifyResult;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;

api::Task<void> repair(engine::Engine& engine) {
  core::LinkId link_id{the_link};
  const auto begun = co_await engine.repair(std::move(link_id), by_a_test);
  static_cast<void>(begun);  // it may come at a bad time
}

// What upstream knows at a moment. The feed is a list of events and shows rows as they are now.
struct Knowledge {
  std::map<std::string, RowText> rows;
  std::vector<std::string> events;
  std::string accounts = account("acc_1");
  int clock = 0;
  int accounts_clock = 0;
};

bool has_pending(const Knowledge& known) {
  return std::ranges::any_of(known.rows, [](const auto& entry) { return entry.second.pending; });
}

struct Storm {
  explicit Storm(unsigned seed)
      : dice(seed),
        shows_clock(below(4) != 0),
        world({.sync_per_link = 4 + below(12), .accounts_per_link = 1 + below(4)},
              {.verify_interval = hours(below(2))}) {
    for (int i = 0; i < 5; ++i)
      refresh();
    world.instead = [this](const api::HttpCall& call) -> std::optional<FakeTransport::Answer> {
      // Without a clock nothing tells that an answer is older than the last. One in the middle of a drain may
      // tear a set of pending rows: the copy itself is wrong then.
      const bool lags = blows && shows_clock && below(12) == 0 && !has_pending(before) && !has_pending(now);
      FakeTransport::Answer answer = of(lags ? before : now, call);
      if (blows && below(10) == 0) refresh();
      return answer;
    };
    world.io.start(add(*world.engine));
    world.io.pass(minutes(10));
  }

  unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(dice); }

  void refresh() {
    before = now;
    ++now.clock;
    std::erase_if(now.rows, [](const auto& entry) { return entry.second.pending; });
    for (unsigned i = below(4); i > 0; --i) {
      const std::string id = fmt::format("t{}", below(8));
      if (below(5) == 0) {
        now.rows.erase(id);
      } else {
        now.rows[id] = {.id = id, .amount = fmt::format("{}.00", below(3))};
      }
      now.events.push_back(id);
    }
    // A set of pending rows that vanishes is told by the clock alone.
    for (unsigned i = shows_clock ? below(3) : 0; i > 0; --i) {
      const std::string id = fmt::format("p{}", below(3));
      now.rows[id] = {.id = id, .pending = true};
      now.events.push_back(id);
    }
    if (below(2) == 0) return;
    now.accounts = account("acc_1", fmt::format("{}.00", below(3)));
    ++now.accounts_clock;
  }

  std::string time_of(int minute) const {
    return shows_clock ? fmt::format("2025-05-{:02}T{:02}:{:02}:00Z", 1 + minute / 1440, minute / 60 % 24,
                                     minute % 60)
                       : std::string();
  }

  FakeTransport::Answer of(const Knowledge& known, const api::HttpCall& call) const {
    const LinkText link{.clock = time_of(known.clock), .accounts_clock = time_of(known.accounts_clock)};
    if (asks_for_accounts(call))
      return json_reply(200, fmt::format(R"({{"accounts":[{}],"link":{}}})", known.accounts, link.json()));
    if (!asks_for_page(call)) return json_reply(200, link.json());
    const std::string cursor = cursor_of(call);
    const std::size_t begin = cursor.empty() ? 0 : std::stoul(cursor.substr(1));
    const std::size_t end = std::max(begin, std::min<std::size_t>(begin + 5, known.events.size()));
    PageText page{.next = fmt::format("n{}", end), .more = end < known.events.size(), .link = link};
    page.accounts = {known.accounts};
    for (std::size_t at = begin; at < end; ++at) {
      const auto row = known.rows.find(known.events[at]);
      if (row != known.rows.end()) {
        page.created.push_back(row->second.json());
      } else if (known.events[at].starts_with('t')) {
        page.removed.push_back(known.events[at]);
      }
    }
    return json_reply(200, page.json());
  }

  void gust() {
    switch (below(8)) {
      case 0:
        refresh();
        break;
      case 1:
        EXPECT_TRUE(world.engine->sync_now(the_id()));
        break;
      case 2:
        if (below(3) == 0) world.io.start(repair(*world.engine));
        break;
      case 3:
        world.engine->hold(below(3) == 0);
        break;
      default:
        EXPECT_TRUE(world.engine->verify(the_id()));
    }
    world.io.pass(seconds(below(240)));
  }

  void calm() {
    blows = false;
    world.engine->hold(false);
    world.io.pass(hours(1));
    EXPECT_TRUE(world.engine->sync_now(the_id()));
    world.io.pass(minutes(10));
    world.observer.verifies.clear();
  }

  std::mt19937 dice;
  const bool shows_clock;
  bool blows = true;
  Knowledge now, before;
  VerifyWorld world;
};

// SYNCD_VERIFY_STORMS=N: that many, from SYNCD_VERIFY_STORM on.
unsigned number_of(const char* variable, unsigned otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::stoul(text));
}

TEST(VerifyStorm, ASoundCopyNeverDiffersAndDamageIsFoundBehindIt) {
  std::size_t matches = 0, incomplete = 0;
  const unsigned first = number_of("SYNCD_VERIFY_STORM", 1);
  const unsigned count = number_of("SYNCD_VERIFY_STORMS", 40);
  for (unsigned seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(seed);
    Storm storm(seed);
    for (int i = 0; i < 40; ++i)
      storm.gust();
    for (const VerifyReport& report : storm.world.observer.verifies) {
      ASSERT_NE(report.result, VerifyResult::mismatch)
          << testing::PrintToString(report.transactions.missing_ids)
          << testing::PrintToString(report.transactions.extra_ids)
          << testing::PrintToString(report.transactions.changed_ids) << report.accounts.changed;
      ++(report.result == VerifyResult::match ? matches : incomplete);
    }
    storm.calm();
    const auto victim =
        std::ranges::find_if(storm.world.rows(), [](const auto& row) { return !row.second.pending; });
    if (victim == storm.world.rows().end()) continue;
    const std::string id = victim->first;
    storm.world.lose(id);
    // One may be under way that has compared the row already.
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(storm.world.engine->verify(the_id()));
      storm.world.io.pass(minutes(40));
    }
    ASSERT_FALSE(storm.world.observer.verifies.empty());
    const VerifyReport report = storm.world.observer.verifies.back();
    EXPECT_EQ(report.result, VerifyResult::mismatch) << report.reason << report.detail;
    EXPECT_THAT(report.transactions.missing_ids, ElementsAre(id));
    EXPECT_EQ(report.transactions.extra + report.transactions.changed + report.accounts.changed, 0u);
    storm.world.io.start(repair(*storm.world.engine));
    storm.calm();
    EXPECT_TRUE(storm.world.rows().contains(id));
    EXPECT_EQ(storm.world.rows().size(), storm.now.rows.size());
  }
  RecordProperty("matches", static_cast<int>(matches));
  RecordProperty("incomplete", static_cast<int>(incomplete));
  if (count < 40) return;
  EXPECT_GT(matches, 100u);
  EXPECT_GT(incomplete, 20u);
}

}  // namespace
}  // namespace syncd::test
