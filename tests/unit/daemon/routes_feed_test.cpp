#include <string>

#include "tests/unit/daemon/fake_view.hpp"

// The feed's consumers, and a feed that was cut.
namespace syncd::test {
namespace {

using store::ConsumerMove;
using store::FeedPosition;
using testing::AllOf;
using Moved = store::MovedConsumer::Outcome;

constexpr const char* begin_anew = R"("feed":{"epoch":2,"first":1,"head":9})";

}  // namespace

TEST_F(Routes, ListsTheConsumersOfTheFeed) {
  const HttpResponse list = ask("GET", "/v1/feed/consumers");
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.body,
            R"({"items":[{"name":"books","state":"live","epoch":2,"acknowledged":4,"lag":5,)"
            R"("oldest_unread_at":"2025-05-06T16:31:12.000Z","acknowledged_at":null,"last_read_at":null,)"
            R"("created_at":"2025-05-06T16:31:12.451Z"}],"feed":{"epoch":2,"first":1,"head":9}})");
  const HttpResponse one = ask("GET", "/v1/feed/consumers/books");
  EXPECT_EQ(one.status, 200);
  EXPECT_THAT(one.body, AllOf(HasSubstr(R"("lag":5)"), HasSubstr(begin_anew)));
  const HttpResponse none = ask("GET", "/v1/feed/consumers/ledger");
  EXPECT_EQ(none.status, 404);
  EXPECT_THAT(none.body, AllOf(HasSubstr(R"("code":"consumer_not_found")"), HasSubstr("no consumer ledger")));
  EXPECT_THAT(ask("GET", "/v1/feed/consumers?after=books").body, HasSubstr(R"({"items":[],"feed")"));
  EXPECT_EQ(ask("GET", "/v1/feed/consumers?limit=0").status, 400);
  EXPECT_EQ(ask("GET", "/v1/feed/consumers/Books").status, 400);
  EXPECT_EQ(ask("GET", "/v1/feed/consumers/-x").status, 400);
  view.broken = true;
  EXPECT_EQ(ask("GET", "/v1/feed/consumers").status, 503);
}

TEST_F(Routes, AddsAndRemovesAConsumer) {
  const HttpResponse added = ask("POST", "/v1/feed/consumers", R"({"name":"ledger","from":"start"})");
  EXPECT_EQ(added.status, 201) << added.body;
  EXPECT_EQ(view.asked_start, store::ConsumerStart::first);
  EXPECT_EQ(view.noted, "consumers.add by uid:1000");
  EXPECT_EQ(ask("POST", "/v1/feed/consumers", R"({"name":"books","from":"head"})").status, 200);
  EXPECT_EQ(view.asked_start, store::ConsumerStart::head);
  const HttpResponse full = ask("POST", "/v1/feed/consumers", R"({"name":"full","from":"head"})");
  EXPECT_EQ(full.status, 409);
  EXPECT_THAT(full.body, HasSubstr(R"("code":"too_many_consumers")"));
  for (const char* body :
       {"", "{}", R"({"name":"a"})", R"({"from":"head"})", R"({"name":"A","from":"head"})",
        R"({"name":"a","from":"7"})", R"({"name":"a","from":"head","x":1})", R"({"name":7,"from":"head"})"})
    EXPECT_EQ(ask("POST", "/v1/feed/consumers", body).status, 400) << body;
  EXPECT_EQ(ask("POST", "/v1/feed/consumers/books/remove").body, R"({"name":"books","removed":true})");
  EXPECT_EQ(view.noted, "consumers.remove by uid:1000");
  EXPECT_EQ(ask("POST", "/v1/feed/consumers/ledger/remove").status, 404);
}

TEST_F(Routes, GivesAConsumerWhatFollowsItsPosition) {
  const HttpResponse changes = ask("GET", "/v1/feed/consumers/books/changes?limit=2&wait=30s");
  EXPECT_EQ(changes.status, 200);
  EXPECT_EQ(view.waited.count(), 30'000);
  EXPECT_THAT(changes.body,
              AllOf(HasSubstr(R"("seq":5)"), HasSubstr(R"("seq":6)"), Not(HasSubstr(R"("seq":7)")),
                    HasSubstr(R"("next":"6","epoch":2,"head":9,"acknowledged":4})")));
  EXPECT_THAT(ask("GET", "/v1/feed/consumers/books").body,
              HasSubstr(R"("last_read_at":"2025-05-06T16:31:12.451Z")"));
  const HttpResponse behind = ask("GET", "/v1/feed/consumers/books/changes?after=7&epoch=2");
  EXPECT_THAT(behind.body, AllOf(HasSubstr(R"("seq":8)"), Not(HasSubstr(R"("seq":7)"))));
  EXPECT_EQ(ask("GET", "/v1/feed/consumers/ledger/changes").status, 404);
  for (const char* query : {"after=x", "limit=0", "wait=1h", "epoch=0", "before=1"})
    EXPECT_EQ(ask("GET", "/v1/feed/consumers/books/changes?" + std::string(query)).status, 400) << query;
}

// Whoever keeps a position of an earlier epoch is never given changes of the present one.
TEST_F(Routes, ANewEpochCannotBeOverlooked) {
  const HttpResponse asked = ask("GET", "/v1/feed/consumers/books/changes?after=7&epoch=1");
  EXPECT_EQ(asked.status, 409);
  EXPECT_THAT(asked.body, AllOf(HasSubstr(R"("code":"epoch_changed")"), HasSubstr(begin_anew),
                                HasSubstr("read the rows anew")));
  view.consumer_epoch = 1;
  const HttpResponse kept = ask("GET", "/v1/feed/consumers/books/changes");
  EXPECT_EQ(kept.status, 409);
  EXPECT_THAT(kept.body, HasSubstr(R"("code":"epoch_changed")"));
  EXPECT_THAT(ask("GET", "/v1/feed/consumers").body,
              AllOf(HasSubstr(R"("state":"other_epoch")"), HasSubstr(R"("lag":9)")));
}

TEST_F(Routes, WhatIsCutOffIsGoneAndNotPassedOver) {
  view.feed_first = 7;
  for (const char* target : {"/v1/feed?after=5", "/v1/feed", "/v1/feed/consumers/books/changes"}) {
    const HttpResponse cut = ask("GET", target);
    EXPECT_EQ(cut.status, 410) << target;
    EXPECT_THAT(cut.body,
                AllOf(HasSubstr(R"("title":"Gone")"), HasSubstr(R"("code":"feed_cut")"),
                      HasSubstr(R"("feed":{"epoch":2,"first":7,"head":9})"), HasSubstr("read the rows anew")))
        << target;
  }
  EXPECT_EQ(ask("GET", "/v1/feed?after=6").status, 200);
  EXPECT_EQ(ask("GET", "/v1/feed?after=18446744073709551615").status, 200);
  EXPECT_EQ(ask("GET", "/v1/feed/consumers/books/changes?after=6").status, 200);
  EXPECT_THAT(ask("GET", "/v1/feed/consumers/books").body, HasSubstr(R"("state":"overtaken")"));
}

TEST_F(Routes, AcknowledgesAndResets) {
  const HttpResponse moved = ask("POST", "/v1/feed/consumers/books/ack", R"({"epoch":2,"seq":6})");
  EXPECT_EQ(moved.status, 200) << moved.body;
  EXPECT_THAT(moved.body, HasSubstr(R"("name":"books")"));
  EXPECT_EQ(view.asked_move, (std::pair{FeedPosition{2, 6}, ConsumerMove::acknowledge}));
  EXPECT_EQ(view.noted, "") << "it happens a thousand times an hour";
  EXPECT_EQ(ask("POST", "/v1/feed/consumers/books/reset", R"({"epoch":2,"seq":0})").status, 200);
  EXPECT_EQ(view.asked_move, (std::pair{FeedPosition{2, 0}, ConsumerMove::reset}));
  EXPECT_EQ(view.noted, "consumers.reset by uid:1000");
  EXPECT_EQ(ask("POST", "/v1/feed/consumers/ledger/ack", R"({"epoch":2,"seq":6})").status, 404);
  for (const char* body : {"", "{}", R"({"epoch":2})", R"({"seq":6})", R"({"epoch":2,"seq":-1})",
                           R"({"epoch":2,"seq":1.5})", R"({"epoch":"2","seq":6})",
                           R"({"epoch":2,"seq":18446744073709551616})", R"({"epoch":2,"seq":6,"x":1})"})
    EXPECT_EQ(ask("POST", "/v1/feed/consumers/books/ack", body).status, 400) << body;
}

TEST_F(Routes, RefusesPositionsThatCannotBeWithWhatThereIs) {
  struct Case {
    Moved outcome;
    int status;
    const char* code;
  };
  for (const Case& test :
       {Case{Moved::behind, 409, "behind"}, Case{Moved::ahead, 409, "ahead"},
        Case{Moved::other_epoch, 409, "epoch_changed"}, Case{Moved::cut, 410, "feed_cut"}}) {
    view.move_outcome = test.outcome;
    const HttpResponse refused = ask("POST", "/v1/feed/consumers/books/ack", R"({"epoch":2,"seq":6})");
    EXPECT_EQ(refused.status, test.status) << test.code;
    EXPECT_THAT(refused.body,
                AllOf(HasSubstr("\"code\":\"" + std::string(test.code) + "\""), HasSubstr(begin_anew)));
  }
}

}  // namespace syncd::test
