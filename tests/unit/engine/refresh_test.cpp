#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/engine_world.hpp"

// Refreshes on demand: paid for before they go out, never twice, and followed to their end.
namespace syncd::test {
namespace {

using core::Errc;
using core::RefreshProduct;
using core::RefreshStage;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

using Outcome = std::optional<core::Result<engine::RefreshAnswer>>;

api::Task<void> ask_for(engine::Engine& engine, std::string link, std::vector<RefreshProduct> products,
                        Outcome& outcome) {
  core::LinkId link_id{std::move(link)};
  outcome = co_await engine.refresh(std::move(link_id), std::move(products), by_a_test);
}

core::RefreshPolicy on() {
  return {.enabled = true, .calls_per_day = 3, .calls_per_month = 5, .accounts = false, .transactions = true};
}

struct Refresh : testing::Test {
  Refresh() {
    world.engine->set_refresh(on());
    world.answer = [this](const api::HttpCall& call) { return answer(call); };
    for (const char* id : {"mk_1", "mk_2", "mk_3", "mk_4", "mk_5"}) {
      world.know(id, world.now() + hours(6));
      core::LinkRecord& record = world.store.links.at(id);
      record.upstream_state = "connected";
      record.institution_id = "bank";
    }
  }
  std::string time(core::Millis after) const { return core::format_wall_time(begin_at + after); }
  std::string product_json() const {
    std::string text = R"({"refreshed_at":)" + (refreshed ? '"' + time(*refreshed) + '"' : "null");
    text += R"(,"last_attempted_at":)" + (attempted ? '"' + time(*attempted) + '"' : "null");
    return text + R"(,"error_code":)" + (failing ? "\"rate_limit\"" : "null") + '}';
  }
  FakeTransport::Answer answer(const api::HttpCall& call) {
    const std::string id = link_of(call.target);
    const std::string link = R"({"link_id":")" + id +
                             R"(","institution_id":"bank","state":"connected","products":{"transactions":)" +
                             product_json() + "}}";
    if (call.target.ends_with("/products")) {
      asked.push_back(id + " " + call.body);
      noted_before_call = world.store.notes;
      if (instead) return *instead;
      return json_reply(202, link);
    }
    if (call.target == "/links/" + id) {
      ++looks;
      return json_reply(200, link);
    }
    ++pages;
    return json_reply(200, R"({"transactions":{"created":[],"updated":[],"removed":[]},"accounts":[],)"
                           R"("cursor":{"next":"c1"},"has_more":false,"link":)" +
                               link + "}");
  }
  Outcome ask(const std::string& link = "mk_1", std::vector<RefreshProduct> products = {}) {
    Outcome outcome;
    world.io.start(ask_for(*world.engine, link, std::move(products), outcome));
    world.io.pass(seconds(1));
    EXPECT_TRUE(outcome);
    return outcome;
  }
  std::string word(const std::string& link = "mk_1") {
    const Outcome outcome = ask(link);
    if (!*outcome) return std::string(core::to_string(outcome->error().code));
    const engine::RefreshAsked& one = (*outcome)->products.at(0);
    return one.asked ? "asked" : one.reason;
  }
  core::RefreshSpending spent() {
    const auto found = world.store.notes.find(std::string(core::refresh_spending_note));
    return found == world.store.notes.end() ? core::RefreshSpending{}
                                            : core::decode_spending(found->second).value();
  }
  api::HttpReply refused(const std::string& after) {
    api::HttpReply reply = error_reply(429, "api_error.rate_limit_exceeded");
    reply.retry_after = after;
    return reply;
  }

  EngineWorld world;
  core::WallTime begin_at = world.now();
  std::optional<core::Millis> refreshed;
  std::optional<core::Millis> attempted;
  bool failing = false;
  std::optional<FakeTransport::Answer> instead;
  std::vector<std::string> asked;
  std::map<std::string, std::string> noted_before_call;
  int looks = 0;
  int pages = 0;
};

TEST_F(Refresh, IsPaidForBeforeItGoesOut) {
  world.start();
  const Outcome outcome = ask();
  ASSERT_TRUE(*outcome) << outcome->error().message;
  EXPECT_THAT(asked, ElementsAre(R"(mk_1 {"products":["transactions"]})"));
  EXPECT_EQ(core::decode_spending(noted_before_call.at(std::string(core::refresh_spending_note)))->in_day,
            1U);
  EXPECT_NE(core::decode_places(noted_before_call.at(core::refresh_note(core::LinkId("mk_1"))))[2].asked_at,
            core::WallTime{});
  EXPECT_EQ((*outcome)->calls_left, 2U);
  ASSERT_EQ(world.store.link_acts.size(), 1U);
  EXPECT_EQ(world.store.link_acts[0].action, "links.refresh");
  EXPECT_EQ(world.store.link_acts[0].detail, R"({"product":"transactions"})");
}

TEST_F(Refresh, IsNotAskedForTwiceWithinItsInterval) {
  world.start();
  EXPECT_EQ(word(), "asked");
  EXPECT_EQ(word(), "too_soon");
  world.io.pass(hours(23));
  EXPECT_EQ(word(), "too_soon");
  world.io.pass(hours(2));
  EXPECT_EQ(word(), "asked");
  EXPECT_EQ(asked.size(), 2U);
}

TEST_F(Refresh, StopsWhenTheDayIsSpentAlsoAfterARestart) {
  world.start();
  for (const char* id : {"mk_1", "mk_2", "mk_3"})
    EXPECT_EQ(word(id), "asked");
  EXPECT_EQ(word("mk_4"), "day_spent");
  world.engine->restore_refresh_spending(world.store.notes.at(std::string(core::refresh_spending_note)));
  EXPECT_EQ(word("mk_4"), "day_spent");
  world.engine->restore_refresh_spending("unreadable");
  EXPECT_EQ(word("mk_5"), "month_spent") << "what cannot be read may all be spent";
  EXPECT_EQ(asked.size(), 3U);
}

TEST_F(Refresh, ARefusalCostsNothingAndIsRemembered) {
  world.start();
  instead = refused("7200");
  EXPECT_EQ(word(), "too_soon");
  EXPECT_EQ(spent().in_day, 0U);
  instead.reset();
  EXPECT_EQ(word(), "too_soon");
  EXPECT_EQ(asked.size(), 1U) << "not before upstream's time";
  world.io.pass(hours(2) + minutes(3));  // openings are known to five minutes
  EXPECT_EQ(word(), "asked");
  instead = error_reply(422, "link_error.bad_state");
  EXPECT_EQ(word("mk_2"), "upstream_state");
  EXPECT_EQ(spent().in_day, 1U);
}

TEST_F(Refresh, WhatOneLinkIsToldOfTheBanksHoursHoldsForTheOthers) {
  world.start();
  instead = refused("5460");  // 91 minutes: an opening
  EXPECT_EQ(word("mk_1"), "too_soon");
  EXPECT_EQ(word("mk_2"), "bank_closed");
  EXPECT_EQ(asked.size(), 1U);
  world.store.links.at("mk_3").institution_id = "another";
  instead.reset();
  EXPECT_EQ(word("mk_3"), "asked");
}

TEST_F(Refresh, AFailureBehindWhichItMayBeDoneIsPaidFor) {
  world.start();
  instead = error_reply(503, "x");
  EXPECT_EQ(word(), "asked");
  EXPECT_EQ(spent().in_day, 1U);
  EXPECT_EQ(word(), "too_soon") << "never twice";
}

TEST_F(Refresh, ItsEndIsFoundByLooksAndTheLinkIsVisited) {
  world.start();
  EXPECT_EQ(word(), "asked");
  EXPECT_THAT(world.observer.refreshes, ElementsAre(RefreshStage::asked));
  world.io.pass(minutes(1));
  EXPECT_EQ(looks, 1);
  EXPECT_EQ(pages, 0);
  refreshed = minutes(1);
  attempted = minutes(1);
  world.io.pass(minutes(2));
  EXPECT_THAT(world.observer.refreshes, ElementsAre(RefreshStage::asked, RefreshStage::completed));
  EXPECT_EQ(pages, 1);
  world.io.pass(hours(1));
  EXPECT_EQ(looks, 2);
}

TEST_F(Refresh, AVisitThatFoundItFreshNeedsNoLook) {
  world.start();
  EXPECT_EQ(word(), "asked");
  refreshed = seconds(5);
  ASSERT_TRUE(world.engine->sync_now(core::LinkId("mk_1")));  // as a webhook would
  world.io.pass(minutes(1));
  EXPECT_THAT(world.observer.refreshes, ElementsAre(RefreshStage::asked, RefreshStage::completed));
  EXPECT_EQ(looks, 0);
}

TEST_F(Refresh, ItMayFailLaterOrNeverBeHeardOf) {
  failing = true;
  attempted = minutes(-60);
  world.start();
  EXPECT_EQ(word(), "asked");
  world.io.pass(minutes(2));
  EXPECT_THAT(world.observer.refreshes, ElementsAre(RefreshStage::asked)) << "that failure is an old one";
  attempted = minutes(2);
  world.io.pass(minutes(3));
  EXPECT_THAT(world.observer.refreshes, ElementsAre(RefreshStage::asked, RefreshStage::failed));
  failing = false;
  EXPECT_EQ(word("mk_2"), "asked");
  world.io.pass(minutes(20));
  EXPECT_EQ(world.observer.refreshes.back(), RefreshStage::unanswered);
  EXPECT_EQ(pages, 0);
}

TEST_F(Refresh, NobodyElsesLinkAndNothingWhileItIsOff) {
  world.start();
  EXPECT_EQ(word("mk_nobody"), "not_found");
  world.engine->set_refresh({});
  EXPECT_THAT((**ask("mk_1", {RefreshProduct::accounts})).products.at(0).message, HasSubstr("[refresh]"));
  EXPECT_TRUE(asked.empty());
  EXPECT_TRUE(world.store.link_acts.empty());
}

}  // namespace
}  // namespace syncd::test
