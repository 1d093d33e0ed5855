#include "sync/core/continuity.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sync/engine/continuity.hpp"
#include "tests/unit/engine/verify_world.hpp"

// What a relink did to a link's data, by the real engine over a store in memory and a bank.
namespace syncd::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* note_name = "continuity/mk_1";

// The bank has a row a day before the run, on one account; a relink may change what it says.
struct ContinuityWorld : VerifyWorld {
  explicit ContinuityWorld(Notes kept = {}) : VerifyWorld({}, {}, std::move(kept)) {
    truth.clear();
    for (int i = 0; i < 8; ++i)
      truth.push_back(row("old", i, fmt::format("t{}", i)));
    truth_accounts = {with_mask("old")};
    instead = [this](const api::HttpCall& call) { return at_the_bank(call); };
  }

  // The clock of the world begins at 2023-11-14.
  static std::string row(const std::string& account, int number, const std::string& id) {
    return RowText{.id = id,
                   .amount = fmt::format("{}.00", 10 + number),
                   .account = account,
                   .date = fmt::format("2023-11-{:02}", 5 + number)}
        .json();
  }
  static std::string with_mask(const std::string& id) {
    return fmt::format(R"({{"account_id":"{}","account_type":"depository.checking","name":"Everyday",)"
                       R"("account_mask":"4242","balances":{{"currency":"USD","current":1.00}}}})",
                       id);
  }

  // Behind the end of the history come the pages of `later`, one after the other.
  std::optional<FakeTransport::Answer> at_the_bank(const api::HttpCall& call) {
    ++requests;
    if (expired) {
      LinkText link{.id = the_link, .state = "error", .error_code = "auth_expired"};
      if (!asks_for_page(call)) return json_reply(200, link.json());
      PageText page{.next = "e", .link = link};
      page.accounts = truth_accounts;
      return json_reply(200, page.json());
    }
    if (!asks_for_page(call) || !cursor_of(call).starts_with("e")) return std::nullopt;
    const std::string& cursor = cursor_of(call);
    const std::size_t number = cursor == "e" ? 0 : std::stoul(cursor.substr(1));
    PageText page{.next = cursor, .link = {.clock = clock, .accounts_clock = accounts_clock}};
    page.accounts = truth_accounts;
    if (number < later.size()) {
      page.created = later[number].created;
      page.removed = later[number].removed;
      page.next = fmt::format("e{}", number + 1);
      page.more = number + 1 < later.size();
    }
    if (before_page) before_page(number);
    return json_reply(200, page.json());
  }

  void expire() {
    expired = true;
    visit();
    ASSERT_EQ(record().status, core::LinkStatus::relink);
  }
  void visit() {
    io.pass(minutes(2));
    ASSERT_TRUE(engine->sync_now(the_id()));
    io.pass(minutes(2));
  }
  // The owner reconnects; everything is under new ids then.
  void reconnect_with_new_ids() {
    expired = false;
    accounts_clock = clock_2;
    truth_accounts = {with_mask("new")};
    PageText gone;
    PageText fresh;
    for (int i = 0; i < 8; ++i) {
      gone.removed.push_back(fmt::format("t{}", i));
      fresh.created.push_back(row("new", i, fmt::format("n{}", i)));
    }
    later = {gone, fresh};
  }
  std::string note() { return port.notes[note_name]; }
  std::string report() { return core::report_from_note(note()).value_or("no report: " + note()); }
  std::optional<core::ContinuitySnapshot> snapshot() { return core::snapshot_from_note(note()); }

  bool expired = false;
  std::vector<PageText> later;
  std::function<void(std::size_t)> before_page;
  int requests = 0;
};

TEST(ContinuityOfALink, NewIdsAreMappedAndNothingElseIsSaid) {
  ContinuityWorld world;
  world.sync({the_link});
  EXPECT_FALSE(world.port.notes.contains(note_name)) << "the first connect has no before";
  world.expire();
  EXPECT_FALSE(world.port.notes.contains(note_name)) << "nothing changes while it waits";
  world.reconnect_with_new_ids();
  world.visit();
  EXPECT_EQ(world.record().status, core::LinkStatus::active);
  EXPECT_THAT(world.report(),
              AllOf(HasSubstr(R"("verdict":"changed")"), HasSubstr(R"("from":"old","to":"new")"),
                    HasSubstr(R"("verdict":"certain")"), HasSubstr(R"("rows_before":8,"rows_equal":8)"),
                    HasSubstr(R"("rows":8,"rows_left":0)"), Not(HasSubstr("COFFEE"))));
  EXPECT_EQ(world.port.model.relink.at(the_id()).resolved_by, "reconnected");
}

TEST(ContinuityOfALink, ItCostsNoRequest) {
  int requests[2] = {};
  for (const bool remembers : {false, true}) {
    ContinuityWorld world;
    world.sync({the_link});
    world.expire();
    world.requests = 0;
    world.expired = false;
    world.port.reads_fail = !remembers;
    world.visit();
    EXPECT_EQ(world.port.notes.contains(note_name), remembers);
    requests[remembers ? 1 : 0] = world.requests;
  }
  EXPECT_GT(requests[0], 0);
  EXPECT_EQ(requests[0], requests[1]);
}

TEST(ContinuityOfALink, NothingChangedIsToldAsThat) {
  ContinuityWorld world;
  world.sync({the_link});
  world.expire();
  world.expired = false;
  world.visit();
  EXPECT_THAT(world.report(), HasSubstr(R"("verdict":"intact","summary":"1 account kept")"));
  EXPECT_THAT(world.report(), HasSubstr(R"("before":8,"after":8,"changed":0)"));
}

// What is stored when the drain begins is compared, not what is left of it in the middle: neither a yield nor
// another visit takes another look.
TEST(ContinuityOfALink, TheFirstLookIsFromBeforeAnyPageAndStays) {
  ContinuityWorld world;
  world.sync({the_link});
  world.expire();
  world.reconnect_with_new_ids();
  std::string first;
  world.before_page = [&](std::size_t number) {
    if (number == 0) first = world.note();
    if (number == 1) {
      EXPECT_EQ(world.note(), first);
      EXPECT_LT(world.rows().size(), 8u) << "the first page has taken rows away";
      world.engine->hold(true);  // the cycle yields in front of its next request
    }
  };
  world.visit();
  ASSERT_TRUE(core::snapshot_from_note(first));
  EXPECT_EQ(core::snapshot_from_note(first)->rows.size(), 8u);
  world.before_page = {};
  world.engine->hold(false);
  world.io.pass(minutes(10));
  EXPECT_THAT(world.report(), HasSubstr(R"("rows_before":8,"rows_equal":8)"));
}

// The daemon ends between two pages, and again between the end of the wait and the report.
TEST(ContinuityOfALink, ARestartGoesOnWhereItWas) {
  std::map<std::string, std::string> notes;
  ModelStore model;
  {
    ContinuityWorld world;
    world.sync({the_link});
    world.expire();
    world.reconnect_with_new_ids();
    world.before_page = [&](std::size_t number) {
      if (number != 1) return;
      model = world.port.model;  // as it is on the disk in the middle of the drain
      notes = world.port.notes;
    };
    world.visit();
  }
  ASSERT_TRUE(core::snapshot_from_note(notes[note_name]));
  ASSERT_TRUE(notes.contains(std::string(engine::continuity_awaited_note)));
  EXPECT_THAT(notes[std::string(engine::continuity_awaited_note)], Not(HasSubstr(the_link)));
  const std::string before = notes[note_name];

  ContinuityWorld world(notes);
  world.port.model = model;
  world.reconnect_with_new_ids();
  const auto& kept = model.links.at(the_id());
  world.engine->register_stored(
      {.link_id = the_id(), .status = kept.status, .next_due_at = kept.next_due_at, .recent_sends = {}});
  world.visit();
  EXPECT_EQ(world.record().status, core::LinkStatus::active);
  EXPECT_THAT(world.report(), AllOf(HasSubstr(R"("from":"old","to":"new","verdict":"certain")"),
                                    HasSubstr(R"("rows_before":8,"rows_equal":8)")));

  // The wait is over in the store, and the report was never written.
  auto cut = world.port.notes;
  cut[note_name] = before;
  ContinuityWorld later(cut);
  later.port.model = world.port.model;
  later.reconnect_with_new_ids();
  later.engine->register_stored(
      {.link_id = the_id(), .status = core::LinkStatus::active, .next_due_at = {}, .recent_sends = {}});
  later.visit();
  EXPECT_EQ(later.record().status, core::LinkStatus::active);
  EXPECT_THAT(later.report(), HasSubstr(R"("rows_before":8,"rows_equal":8)"));
}

TEST(ContinuityOfALink, ALaterWaitIsComparedAnew) {
  ContinuityWorld world;
  world.sync({the_link});
  world.expire();
  world.expired = false;
  world.visit();
  const std::string first = world.report();
  world.expire();
  world.reconnect_with_new_ids();
  world.visit();
  EXPECT_NE(world.report(), first);
  EXPECT_THAT(world.report(), HasSubstr(R"("to":"new")"));
}

TEST(ContinuityOfALink, OfALinkThatIsGoneNothingIsKept) {
  ContinuityWorld world;
  world.sync({the_link});
  world.expire();
  world.reconnect_with_new_ids();
  world.before_page = [&](std::size_t number) {
    if (number == 0) world.engine->hold(true);
  };
  world.visit();
  ASSERT_TRUE(world.snapshot());
  world.instead = [](const api::HttpCall& call) -> Answer {
    if (asks_for_page(call) || asks_for_accounts(call)) return error_reply(404, "link_error.not_found");
    return json_reply(200, LinkText{.state = "deleted"}.json());
  };
  world.engine->hold(false);
  world.io.pass(minutes(10));
  EXPECT_EQ(world.record().status, core::LinkStatus::gone);
  EXPECT_EQ(world.note(), "");
}

// The store cannot keep what is remembered: the link is synced all the same.
TEST(ContinuityOfALink, WhatFailsInItIsNoFailureOfTheLink) {
  ContinuityWorld world;
  world.sync({the_link});
  world.expire();
  world.reconnect_with_new_ids();
  world.port.reads_fail = true;  // of notes
  world.visit();
  EXPECT_EQ(world.record().status, core::LinkStatus::active);
  EXPECT_EQ(world.rows().size(), 8u);
  EXPECT_FALSE(world.port.notes.contains(note_name));
}

}  // namespace
}  // namespace syncd::test
