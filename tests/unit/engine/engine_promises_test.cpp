#include <algorithm>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/engine/engine_world.hpp"

// What the engine promises whatever happens: how much is under way at once, who stays in the schedule, and
// when it stops asking.
namespace syncd::test {
namespace {

using core::LinkStatus;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

api::Task<void> pause(engine::Engine& engine, bool& paused) {
  core::LinkId link_id{"mk_1"};
  const auto status = co_await engine.pause(std::move(link_id), by_a_test);
  paused = status.has_value();
}

api::Task<void> add(engine::Engine& engine, bool& added) {
  engine::NewLink link{core::LinkId{"mk_1"}, {}, {}};
  const auto outcome = co_await engine.add_link(std::move(link), by_a_test);
  added = outcome.has_value();
}

api::Task<void> stop(engine::Engine& engine, api::SteadyTime grace_end, bool& stopped) {
  co_await engine.stop(grace_end);
  stopped = true;
}

// ---- how much at once ----

TEST(Workers, NoMoreCyclesThanWorkers) {
  engine::EngineOptions options;
  options.workers = 3;
  EngineWorld world({}, options);
  std::uint64_t most = 0;
  world.answer = [&](const api::HttpCall& call) {
    most = std::max(most, world.engine->status().in_flight);
    return no_news(call);
  };
  for (int i = 0; i < 20; ++i)
    world.know("mk_" + std::to_string(i), world.now());
  world.start();
  world.io.pass(seconds(5));
  EXPECT_EQ(world.observer.cycles.size(), 20u);
  EXPECT_EQ(most, 3u);
}

// Asked for in the middle of its visit it is visited once more, and not at the same time.
TEST(Workers, ALinkIsVisitedOnceAtATime) {
  EngineWorld world;
  std::uint64_t most = 0;
  world.answer = [&](const api::HttpCall& call) {
    if (world.transport.calls().size() == 1) EXPECT_TRUE(world.engine->sync_now(core::LinkId{"mk_1"}));
    most = std::max(most, world.engine->status().in_flight);
    return no_news(call);
  };
  world.know("mk_1", world.now());
  world.start();
  world.io.pass(seconds(5));
  EXPECT_EQ(world.observer.cycles.size(), 2u);
  EXPECT_EQ(most, 1u);
}

// ---- a hold ----

// A history of ten pages.
api::HttpReply long_history(const api::HttpCall& call) {
  const std::size_t at = call.target.find("cursor=c") + 8;
  const int page = std::stoi(call.target.substr(at)) + 1;
  return empty_page(link_of(call.target), "c" + std::to_string(page), page < 10);
}

TEST(Hold, ACycleUnderWayEndsBehindItsPage) {
  EngineWorld world;
  world.answer = [&](const api::HttpCall& call) {
    if (world.transport.calls().size() == 3) world.engine->hold(true);
    return long_history(call);
  };
  world.know("mk_1", world.now());
  world.start();
  world.io.pass(minutes(30));
  EXPECT_EQ(world.transport.count("/transactions/sync"), 3u);
  EXPECT_EQ(world.store.links["mk_1"].cursor, core::Cursor{"c3"}) << "what was asked for is kept";
  ASSERT_EQ(world.observer.cycles.size(), 1u);
  EXPECT_TRUE(world.observer.cycles[0].yielded);
  world.answer = long_history;
  world.engine->hold(false);
  world.io.pass(minutes(1));
  EXPECT_EQ(world.store.links["mk_1"].cursor, core::Cursor{"c10"}) << "and it goes on where it was";
}

TEST(Hold, AccountsWaitForItsEnd) {
  EngineWorld world;
  world.answer = [&](const api::HttpCall& call) {
    world.engine->hold(true);
    return no_news(call);
  };
  world.know("mk_1", world.now());
  world.store.links["mk_1"].accounts_wanted = true;
  world.start();
  world.io.pass(minutes(30));
  EXPECT_EQ(world.transport.calls().size(), 1u);
  world.answer = no_news;
  world.engine->hold(false);
  world.io.pass(minutes(1));
  EXPECT_EQ(world.transport.count("/accounts"), 1u);
}

// Upstream has links that are not registered here, all on one page of the list or one on each of several.
struct Unregistered : EngineWorld {
  explicit Unregistered(bool one_each) : EngineWorld({}, registering()), several_pages(one_each) {
    answer = [this](const api::HttpCall& call) -> FakeTransport::Answer {
      if (!lists(call)) return no_news(call);
      if (lists_given_up == 0) return list(call);
      --lists_given_up;
      ++lists_asked;
      return std::unexpected(
          api::TransportError{.error = {.code = core::Errc::cancelled, .message = "given up"}});
    };
  }
  static engine::EngineOptions registering() {
    engine::EngineOptions options;
    options.discovery_registers = true;
    return options;
  }
  static bool lists(const api::HttpCall& call) { return call.target.starts_with("/links?"); }
  api::HttpReply list(const api::HttpCall& call) {
    ++lists_asked;
    if (hold_in_list == lists_asked) engine->hold(true);
    if (!several_pages)
      return json_reply(
          200, R"({"links":[{"link_id":"mk_1"},{"link_id":"mk_2"},{"link_id":"mk_3"}],"next_cursor":""})");
    const std::size_t at = call.target.find("cursor=n");
    const int page = at == std::string::npos ? 1 : std::stoi(call.target.substr(at + 8));
    const std::string next = page < 3 ? "n" + std::to_string(page + 1) : "";
    return json_reply(200, R"({"links":[{"link_id":"mk_)" + std::to_string(page) + R"("}],"next_cursor":")" +
                               next + R"("})");
  }

  bool several_pages;
  int lists_asked = 0;
  int lists_given_up = 0;  // the first ones
  int hold_in_list = 0;    // the page of a list with which a hold begins; 0: none
};

TEST(Hold, TheDiscoveryWaitsForItsEnd) {
  Unregistered world(false);
  world.engine->hold(true);
  world.start();
  world.io.pass(hours(30));
  EXPECT_EQ(world.transport.calls().size(), 0u);
  EXPECT_EQ(world.store.links.size(), 0u);
  world.engine->hold(false);
  world.io.pass(minutes(1));
  EXPECT_EQ(world.lists_asked, 1);
  EXPECT_EQ(world.store.links.size(), 3u);
}

// ---- settings that change while it runs ----

TEST(Settings, DiscoveryIsTurnedOnAndOff) {
  Unregistered world(false);
  world.engine->set_discovery({.compares = false});
  world.start();
  world.io.pass(hours(30));
  EXPECT_EQ(world.lists_asked, 0);
  world.engine->set_discovery({.compares = true, .interval = hours(10)});
  world.io.pass(minutes(1));
  EXPECT_EQ(world.lists_asked, 1) << "at once";
  EXPECT_EQ(world.store.links.size(), 0u) << "it only reports";
  world.io.pass(hours(10));
  EXPECT_EQ(world.lists_asked, 2);
  world.engine->set_discovery({.compares = true, .registers = true, .interval = hours(10)});
  world.io.pass(minutes(1));
  EXPECT_EQ(world.lists_asked, 3) << "what it knows already is registered now";
  EXPECT_EQ(world.store.links.size(), 3u);
  world.engine->set_discovery({.compares = false});
  world.io.pass(hours(30));
  EXPECT_EQ(world.lists_asked, 3);
  // Off and on again before its task has noticed: still one task.
  world.engine->set_discovery({.compares = true, .interval = hours(10)});
  world.engine->set_discovery({.compares = false});
  world.engine->set_discovery({.compares = true, .interval = hours(10)});
  world.io.pass(minutes(1));
  EXPECT_EQ(world.lists_asked, 4);
}

TEST(Settings, AnotherIntervalCountsFromTheLastComparison) {
  Unregistered world(false);
  world.start();
  world.io.pass(hours(5));
  EXPECT_EQ(world.lists_asked, 1);
  const auto every = [&world](core::Millis interval) {
    world.engine->set_discovery({.compares = true, .registers = true, .interval = interval});
  };
  every(hours(6));
  world.io.pass(minutes(59));
  EXPECT_EQ(world.lists_asked, 1);
  world.io.pass(minutes(2));
  EXPECT_EQ(world.lists_asked, 2);
  every(minutes(1));
  world.io.pass(seconds(30));
  EXPECT_EQ(world.lists_asked, 3);
  every(hours(24));
  world.io.pass(hours(23));
  EXPECT_EQ(world.lists_asked, 3);
}

TEST(Settings, WorkersAndLinksFollowTheirLimits) {
  engine::EngineOptions options;
  options.workers = 2;
  EngineWorld world({}, options);
  std::uint64_t most = 0;
  world.answer = [&](const api::HttpCall& call) {
    most = std::max(most, world.engine->status().in_flight);
    return no_news(call);
  };
  for (int i = 0; i < 20; ++i)
    world.know("mk_known_" + std::to_string(i), world.now());
  world.engine->set_limits(5, 20);
  world.start();
  world.io.pass(seconds(5));
  EXPECT_EQ(most, 5u);
  most = 0;
  world.engine->set_limits(1, 20);
  world.io.pass(hours(7));
  EXPECT_EQ(most, 1u);
  bool added = false;
  world.io.group.spawn(add(*world.engine, added));
  world.io.pass(seconds(1));
  EXPECT_FALSE(added) << "as many links as there may be";
  world.engine->set_limits(1, 21);
  world.io.group.spawn(add(*world.engine, added));
  world.io.pass(seconds(1));
  EXPECT_TRUE(added);
}

TEST(Hold, NothingMoreIsRegisteredFromAListOfBefore) {
  Unregistered world(false);
  world.store.before_commit = [&] { world.engine->hold(true); };
  world.start();
  world.io.pass(hours(30));
  EXPECT_EQ(world.store.links.size(), 1u) << "what was handed over is kept";
  EXPECT_EQ(world.lists_asked, 1);
  world.store.before_commit = {};
  world.engine->hold(false);
  world.io.pass(minutes(1));
  EXPECT_EQ(world.lists_asked, 2) << "upstream may have changed meanwhile";
  EXPECT_EQ(world.store.links.size(), 3u);
}

TEST(Hold, AListIsNotReadOn) {
  Unregistered world(true);
  world.hold_in_list = 2;
  world.start();
  world.io.pass(hours(30));
  EXPECT_EQ(world.lists_asked, 2);
  EXPECT_EQ(world.store.links.size(), 0u);
  world.engine->hold(false);
  world.io.pass(minutes(1));
  EXPECT_EQ(world.lists_asked, 5);
  EXPECT_EQ(world.store.links.size(), 3u);
}

// A list that is given up without a hold is one that failed.
TEST(Hold, AListThatIsGivenUpOtherwiseIsAskedForAgainLater) {
  Unregistered world(false);
  world.lists_given_up = 1;
  world.start();
  world.io.pass(minutes(4));
  EXPECT_EQ(world.lists_asked, 1);
  world.io.pass(minutes(2));
  EXPECT_EQ(world.lists_asked, 2);
  EXPECT_EQ(world.store.links.size(), 3u);
}

TEST(Hold, IsNotInTheWayOfAStop) {
  Unregistered world(false);
  world.engine->hold(true);
  world.start();
  world.io.pass(minutes(1));
  bool stopped = false;
  world.stopped = true;
  world.io.start(stop(*world.engine, world.io.timers.steady_now(), stopped));
  EXPECT_TRUE(stopped);
}

// What is due waits for the budget then, and the clock had chosen a time far off.
TEST(Hold, ItsEndWakesTheClockThoughTheBudgetIsSpent) {
  EngineWorld world({.sync_per_app = 20}, {.policy = {}, .idle_look = hours(1)});
  world.know("mk_1", world.now() + seconds(2));
  world.start();
  world.engine->hold(true);
  world.io.pass(seconds(5));
  int links = 0;
  while (world.gate.try_take(core::Endpoint::sync, core::LinkId{"mk_o" + std::to_string(links)},
                             core::Cause::schedule))
    ++links;
  EXPECT_GE(links, 18);
  world.engine->hold(false);
  EXPECT_EQ(world.transport.calls().size(), 0u);
  world.io.pass(seconds(65));
  EXPECT_EQ(world.observer.cycles.size(), 1u);
}

// ---- when nothing may begin ----

TEST(Incident, RefusedCredentialsTouchNoLink) {
  EngineWorld world;
  world.answer = [](const api::HttpCall&) { return error_reply(401, "api_error.auth.unauthorized"); };
  world.know("mk_1", world.now());
  world.know("mk_2", world.now() + seconds(2));
  world.start();
  const auto before = world.store.links;
  world.io.pass(minutes(3));
  EXPECT_TRUE(world.engine->status().auth_refused);
  EXPECT_EQ(world.transport.count("/links/"), 1u);
  EXPECT_GE(world.transport.count("/auth/introspect"), 2u);
  EXPECT_EQ(world.store.links, before);
  ASSERT_EQ(world.observer.cycles.size(), 1u);
  EXPECT_EQ(world.observer.cycles[0].error->code, core::Errc::auth);

  world.answer = [](const api::HttpCall& call) {
    return call.target == "/auth/introspect" ? json_reply(200, "{}") : no_news(call);
  };
  world.io.pass(minutes(20));
  EXPECT_EQ(world.observer.incidents, (std::vector{true, false}));
  EXPECT_EQ(world.store.links["mk_1"].cursor, core::Cursor{"c1"});
  EXPECT_EQ(world.store.links["mk_2"].cursor, core::Cursor{"c1"});
}

// However long the wait for the next question has become.
TEST(Incident, OtherCredentialsAreTriedAtOnce) {
  EngineWorld world;
  world.answer = [](const api::HttpCall&) { return error_reply(401, "api_error.auth.unauthorized"); };
  world.know("mk_1", world.now());
  world.start();
  world.io.pass(hours(2));
  ASSERT_TRUE(world.engine->status().auth_refused);
  const std::size_t asked = world.transport.count("/auth/introspect");
  world.engine->take_new_credentials();
  world.io.settle();
  EXPECT_EQ(world.transport.count("/auth/introspect"), asked + 1);
  EXPECT_TRUE(world.engine->status().auth_refused) << "they are wrong, too";

  world.answer = [](const api::HttpCall& call) {
    return call.target == "/auth/introspect" ? json_reply(200, "{}") : no_news(call);
  };
  world.engine->take_new_credentials();
  world.io.settle();
  EXPECT_EQ(world.observer.incidents, (std::vector{true, false}));
  EXPECT_EQ(world.store.links["mk_1"].cursor, core::Cursor{"c1"});
}

TEST(Status, OldestSuccessIsOneThatHappened) {
  EngineWorld world;
  world.answer = [](const api::HttpCall&) { return error_reply(502, ""); };
  world.start();
  bool added = false;
  world.io.group.spawn(add(*world.engine, added));
  world.io.pass(minutes(1));
  ASSERT_TRUE(added);
  EXPECT_FALSE(world.engine->status().oldest_success_at);
  world.answer = no_news;
  world.io.pass(hours(1));
  ASSERT_TRUE(world.engine->status().oldest_success_at);
  EXPECT_GT(*world.engine->status().oldest_success_at, world.store.links["mk_1"].added_at);
}

// A page of a link without news, whose upstream refreshed at `clock`.
api::HttpReply page_of(const std::string& link_id, core::WallTime clock) {
  return json_reply(200, R"({"transactions":{"created":[],"updated":[],"removed":[]},"accounts":[],)"
                         R"("cursor":{"next":"c1"},"has_more":false,"link":{"link_id":")" +
                             link_id +
                             R"(","state":"connected","products":{"transactions":{"refreshed_at":")" +
                             core::format_wall_time(clock) + R"("}}}})");
}

// Who is late: the bank whose data is old at each of our visits, or we who do not visit.
TEST(Status, TellsLateUpstreamsFromLinksThatWeAreLateWith) {
  EngineWorld world;
  const core::WallTime begin = world.now();
  bool upstream_down = false;
  world.answer = [&](const api::HttpCall& call) -> FakeTransport::Answer {
    if (upstream_down) return error_reply(502, "");
    const std::string link = link_of(call.target);
    return page_of(link, link == "mk_late" ? begin - hours(1) : world.now());
  };
  world.know("mk_late", begin);
  world.know("mk_good", begin);
  world.start();
  world.io.pass(hours(12));
  EXPECT_EQ(world.engine->status().stale_upstream, 0u) << "refreshed within the longest interval";
  world.io.pass(hours(24));
  EXPECT_EQ(world.engine->status().stale_upstream, 1u);
  EXPECT_EQ(world.engine->status().stale, 0u);
  // Then it is our delay that counts, and the link is counted once.
  upstream_down = true;
  world.io.pass(hours(30));
  EXPECT_EQ(world.engine->status().stale_upstream, 0u);
  EXPECT_EQ(world.engine->status().stale, 2u);
}

TEST(Status, ARestartKnowsWhichUpstreamsWereLate) {
  EngineWorld world;
  const auto know = [&world](const char* link_id, core::Millis refreshed_before_success,
                             core::LinkStatus status = LinkStatus::active) {
    const core::WallTime success = world.now() - hours(1);
    world.engine->register_stored({.link_id = core::LinkId{link_id},
                                   .status = status,
                                   .next_due_at = world.now() + hours(5),
                                   .last_success_at = success,
                                   .recent_sends = {},
                                   .upstream_clock = success - refreshed_before_success});
  };
  know("mk_fresh", hours(23));
  know("mk_late", hours(25));
  know("mk_paused", hours(25), LinkStatus::paused);
  EXPECT_EQ(world.engine->status().stale_upstream, 1u);
}

TEST(Incident, AStoreThatFailedStopsTheFetching) {
  EngineWorld world;
  world.know("mk_1", world.now() + minutes(1));
  world.start();
  world.store.well = false;
  world.io.pass(minutes(5));
  EXPECT_TRUE(world.transport.calls().empty());
  world.store.well = true;
  world.io.pass(seconds(5));
  EXPECT_EQ(world.transport.calls().size(), 1u);
}

TEST(Stopping, ADrainEndsWithThePageThatIsUnderWay) {
  EngineWorld world;
  int pages = 0;
  world.answer = [&](const api::HttpCall&) {
    if (++pages == 2) {
      world.io.group.spawn(stop(*world.engine, world.io.timers.steady_now() + seconds(10), world.stopped));
    }
    return empty_page("mk_1", "p" + std::to_string(pages), true);
  };
  world.know("mk_1", world.now());
  world.start();
  world.io.pass(seconds(30));
  EXPECT_TRUE(world.stopped);
  EXPECT_EQ(pages, 2);
  EXPECT_EQ(world.store.links["mk_1"].cursor, core::Cursor{"p2"});  // what was fetched is not thrown away
}

// ---- who is in the schedule ----

TEST(Schedule, EveryStatusButTwoIsVisited) {
  EngineWorld world;
  for (std::size_t i = 1; i <= core::link_status_count; ++i)
    world.know("mk_" + std::to_string(i), world.now(), static_cast<LinkStatus>(i));
  world.start();
  world.io.pass(minutes(1));
  for (std::size_t i = 1; i <= core::link_status_count; ++i) {
    const auto status = static_cast<LinkStatus>(i);
    const bool visited = world.transport.count("/links/mk_" + std::to_string(i)) > 0;
    EXPECT_EQ(visited, status != LinkStatus::paused && status != LinkStatus::gone) << core::to_string(status);
  }
}

// It is put back in the schedule by what its visit said of it, too.
TEST(Schedule, AQuarantinedLinkIsVisitedAgain) {
  EngineWorld world;
  world.answer = [](const api::HttpCall&) { return json_reply(200, "[]"); };
  world.know("mk_1", world.now());
  world.store.links["mk_1"].protocol_failures = core::Policy{}.protocol_failures_max - 1;
  world.start();
  world.io.pass(seconds(5));
  ASSERT_EQ(world.store.links["mk_1"].status, LinkStatus::quarantined);
  world.answer = no_news;
  world.io.pass(core::Policy{}.max_interval * 11 / 10);
  EXPECT_EQ(world.store.links["mk_1"].status, LinkStatus::active);
}

TEST(Schedule, ACycleThatMeetsAConflictComesBack) {
  EngineWorld world;
  world.know("mk_1", world.now());
  world.store.after_load = [&] { ++world.store.links["mk_1"].fence; };  // somebody else was faster
  world.start();
  world.io.pass(seconds(5));
  EXPECT_EQ(world.transport.calls().size(), 2u);
  EXPECT_EQ(world.observer.cycles.size(), 1u);
  EXPECT_EQ(world.store.links["mk_1"].cursor, core::Cursor{"c1"});
}

TEST(Schedule, APausedLinkIsTakenOut) {
  EngineWorld world;
  world.know("mk_1", world.now() + hours(1));
  world.start();
  bool paused = false;
  world.io.start(pause(*world.engine, paused));
  ASSERT_TRUE(paused);
  EXPECT_FALSE(world.engine->status().next_due_at);
}

TEST(Schedule, AStoredTimeOfAWrongClockIsCut) {
  EngineWorld world;
  world.know("mk_1", world.now() + hours(24 * 365 * 50));
  ASSERT_TRUE(world.engine->status().next_due_at);
  EXPECT_LE(*world.engine->status().next_due_at,
            world.now() + core::Policy{}.max_interval * 11 / 10 + seconds(1));
}

TEST(Schedule, AWindowIsStoredWhenItOpens) {
  EngineWorld world;
  world.answer = [](const api::HttpCall&) {
    api::HttpReply reply = error_reply(429, "api_error.rate_limit");
    reply.retry_after = "40";
    return reply;
  };
  world.know("mk_1", world.now());
  world.start();
  world.io.pass(seconds(5));
  ASSERT_EQ(world.store.freezes.size(), 1u);
  EXPECT_EQ(world.store.freezes[0].endpoint, core::Endpoint::sync);
  EXPECT_GE(world.store.freezes[0].until, world.now() + seconds(35));
}

}  // namespace
}  // namespace syncd::test
