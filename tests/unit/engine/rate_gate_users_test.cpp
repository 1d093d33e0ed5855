#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sync/api/rate_gate.hpp"
#include "tests/unit/engine/virtual_io.hpp"

// The budget of a customer user, beside those of the app and of links.
namespace syncd::test {
namespace {

using api::BudgetOwner;
using api::SteadyTime;
using core::Cause;
using core::Endpoint;
using core::LinkId;
using core::Millis;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

struct RateGateUsers : testing::Test {
  ~RateGateUsers() override { world.stop(); }

  bool take(const std::string& user) { return take(gate, user); }
  static bool take(api::RateGate& of, const std::string& user) {
    return of.try_take(Endpoint::link_session, BudgetOwner::user(user), Cause::manual);
  }
  static bool is_open(api::RateGate& of, VirtualTimers& timers, const std::string& user) {
    const SteadyTime at = of.available_at(Endpoint::link_session, BudgetOwner::user(user), Cause::manual);
    return at <= timers.steady_now();
  }
  bool is_open(api::RateGate& of, const std::string& user) { return is_open(of, world.timers, user); }
  static std::uint32_t used(api::RateGate& of, Endpoint endpoint = Endpoint::link_session) {
    return of.use().at(static_cast<std::size_t>(endpoint) - 1).used;
  }
  static api::Task<void> wait_and_take(api::RateGate& gate, VirtualTimers& timers, const std::string& user,
                                       std::vector<SteadyTime>& grants) {
    api::RateGate::Turn turn(gate, Endpoint::link_session, BudgetOwner::user(user), Cause::manual);
    core::Result<void> result;
    do {
      result = co_await turn.wait();
    } while (result && !turn.take());
    if (result) grants.push_back(timers.steady_now());
  }

  VirtualIo world;
  api::Budgets budgets{.link_session_per_app = 10, .link_session_per_user = 3};
  api::RateGate gate{world.timers, budgets};
};

TEST_F(RateGateUsers, EachHasABudgetOfItsOwn) {
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(take("ann"));
  EXPECT_FALSE(take("ann"));
  EXPECT_TRUE(take("bob"));
  EXPECT_EQ(used(gate), 4u);
  world.pass(seconds(60));
  EXPECT_FALSE(take("ann"));
  world.pass(seconds(1));
  EXPECT_TRUE(take("ann"));
}

TEST_F(RateGateUsers, TheAppsBudgetHoldsBesideIt) {
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(take("user" + std::to_string(i)));
  EXPECT_FALSE(take("another"));
}

TEST_F(RateGateUsers, OneWhoWaitsForItsOwnBudgetHoldsNobodyUp) {
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(take("ann"));
  std::vector<SteadyTime> grants;
  const std::string ann = "ann";
  world.start(wait_and_take(gate, world.timers, ann, grants));
  EXPECT_TRUE(grants.empty());
  for (int i = 0; i < 7; ++i)
    EXPECT_TRUE(take("user" + std::to_string(i))) << i;
  world.pass(seconds(61));
  EXPECT_EQ(grants.size(), 1u);
}

TEST_F(RateGateUsers, AreNotLinks) {
  api::Budgets narrow = budgets;
  narrow.sync_per_link = 1;
  gate.set_budgets(narrow);
  const LinkId same_name("ann");
  EXPECT_TRUE(gate.try_take(Endpoint::sync, same_name, Cause::manual));
  EXPECT_FALSE(gate.try_take(Endpoint::sync, same_name, Cause::manual));
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(take("ann")) << i;
  EXPECT_FALSE(take("ann"));
  EXPECT_EQ(gate.recent_sends(same_name).size(), 1u) << "a user's requests are in no link's record";
  // An endpoint counts by one of them only.
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(gate.try_take(Endpoint::link_session, same_name, Cause::manual)) << i;
  EXPECT_TRUE(gate.try_take(Endpoint::sync, BudgetOwner::user("ann"), Cause::manual));
}

TEST_F(RateGateUsers, NobodyInParticularIsNotLimited) {
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(take("")) << i;
  EXPECT_FALSE(take(""));
}

TEST_F(RateGateUsers, ABudgetMayChange) {
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(take("ann"));
  budgets.link_session_per_user = 4;
  gate.set_budgets(budgets);
  EXPECT_TRUE(take("ann"));
  EXPECT_FALSE(take("ann"));
  budgets.link_session_per_user = 1;
  gate.set_budgets(budgets);
  world.pass(seconds(61));
  EXPECT_TRUE(take("ann"));
  EXPECT_FALSE(take("ann"));
}

TEST_F(RateGateUsers, AreForgottenAfterAMinute) {
  budgets.link_session_per_app = 1000;
  gate.set_budgets(budgets);
  for (int i = 0; i < 500; ++i)
    EXPECT_TRUE(take("user" + std::to_string(i)));
  EXPECT_GT(gate.snapshot().size(), 500u * 10);
  world.pass(seconds(61));
  EXPECT_TRUE(take("last"));
  const std::string snapshot = gate.snapshot();
  EXPECT_EQ(std::ranges::count(snapshot, '\n'), 2) << snapshot;
}

// ---- across a restart ----

TEST_F(RateGateUsers, ASnapshotKeepsTheirRequests) {
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(take("ann b"));
  EXPECT_TRUE(take("bob"));
  const std::string snapshot = gate.snapshot();
  world.pass(seconds(5));
  api::RateGate next(world.timers, budgets);
  ASSERT_TRUE(next.restore(snapshot));
  EXPECT_EQ(used(next), 4u);
  EXPECT_FALSE(take(next, "ann b"));
  EXPECT_TRUE(take(next, "bob"));
  world.pass(seconds(56));
  EXPECT_TRUE(take(next, "ann b")) << "the minute goes on from when they were sent";
}

TEST_F(RateGateUsers, ASnapshotTellsUsersFromLinks) {
  EXPECT_TRUE(take("same"));
  EXPECT_TRUE(gate.try_take(Endpoint::link, LinkId("same"), Cause::manual));
  api::RateGate next(world.timers, budgets);
  ASSERT_TRUE(next.restore(gate.snapshot()));
  EXPECT_EQ(next.recent_sends(LinkId("same")), gate.recent_sends(LinkId("same")));
  EXPECT_EQ(next.recent_sends(LinkId("same")).size(), 1u);
  EXPECT_EQ(used(next), 1u);
  EXPECT_EQ(used(next, Endpoint::link), 1u);
  EXPECT_TRUE(take(next, "same"));
  EXPECT_TRUE(take(next, "same"));
  EXPECT_FALSE(take(next, "same"));
}

TEST_F(RateGateUsers, AfterACrashTheyAreTakenForUsedUp) {
  budgets.link_session_per_user = 100;
  api::RateGate next(world.timers, budgets);
  next.assume_crash(1);
  EXPECT_EQ(used(next), 10u);
  EXPECT_FALSE(is_open(next, "ann"));
  // Somebody raises the app's budget within the minute: what ann was granted before is not known all the
  // same.
  budgets.link_session_per_app = 1000;
  next.set_budgets(budgets);
  EXPECT_FALSE(take(next, "ann"));
  world.pass(seconds(60));
  EXPECT_FALSE(take(next, "ann"));
  world.pass(seconds(1));
  EXPECT_TRUE(take(next, "ann"));
}

TEST_F(RateGateUsers, TheCallsThatNobodyRecordsAreSpentAfterACrash) {
  gate.assume_crash(1);
  for (const Endpoint endpoint :
       {Endpoint::link_session, Endpoint::exchange_token, Endpoint::user_links, Endpoint::delete_link}) {
    EXPECT_FALSE(gate.try_take(endpoint, LinkId(), Cause::manual)) << core::to_string(endpoint);
    EXPECT_EQ(gate.available_at(endpoint, LinkId(), Cause::manual), world.timers.steady_now() + seconds(61));
  }
}

TEST_F(RateGateUsers, AClockSetBackCountsTheirRequestsAsNow) {
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(take("ann"));
  const std::string snapshot = gate.snapshot();
  world.timers.jump_wall_clock(-hours(2));
  api::RateGate next(world.timers, budgets);
  ASSERT_TRUE(next.restore(snapshot));
  world.pass(seconds(60));
  EXPECT_FALSE(take(next, "ann"));
  world.pass(seconds(1));
  EXPECT_TRUE(take(next, "ann"));
}

// No sliding minute exceeds a user's budget, whatever the pattern of calls, reloads and clean restarts.
TEST_F(RateGateUsers, NoSlidingMinuteExceedsABudget) {
  std::mt19937_64 random(11);
  std::optional<api::RateGate> running(std::in_place, world.timers, budgets);
  std::vector<std::pair<std::string, SteadyTime>> grants;
  for (int step = 0; step < 4000; ++step) {
    const std::string user = "user" + std::to_string(random() % 5);
    if (take(*running, user)) grants.emplace_back(user, world.timers.steady_now());
    if (random() % 50 == 0) {
      const std::string snapshot = running->snapshot();
      world.pass(Millis(random() % 3000));
      running.emplace(world.timers, budgets);
      ASSERT_TRUE(running->restore(snapshot));
    }
    world.pass(Millis(random() % 4000));
  }
  ASSERT_GT(grants.size(), 500u);
  for (auto from = grants.begin(); from != grants.end(); ++from) {
    std::size_t all = 0;
    std::size_t own = 0;
    for (auto to = from; to != grants.end() && to->second <= from->second + seconds(60); ++to) {
      ++all;
      own += to->first == from->first ? 1 : 0;
    }
    ASSERT_LE(all, 10u);
    ASSERT_LE(own, 3u);
  }
}

}  // namespace
}  // namespace syncd::test
