#include <string>

#include <gtest/gtest.h>

#include "sync/api/rate_gate.hpp"
#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {
namespace {

using core::Cause;
using core::Endpoint;
using core::LinkId;
using std::chrono::minutes;
using std::chrono::seconds;

// What upstream's refusals do to the budgets.
struct RateGateRefused : testing::Test {
  ~RateGateRefused() override { world.stop(); }

  // How many requests of other links each go out at this moment.
  int send_all(Endpoint endpoint, Cause cause = Cause::manual) {
    int sent = 0;
    while (gate.try_take(endpoint, LinkId("link_" + std::to_string(++links)), cause))
      ++sent;
    return sent;
  }
  int send(const std::string& link, int requests) {
    int sent = 0;
    for (int i = 0; i < requests; ++i)
      sent += gate.try_take(Endpoint::sync, LinkId(link), Cause::schedule) ? 1 : 0;
    return sent;
  }
  void refuse(Endpoint endpoint, const std::string& link = "some", core::Millis retry_after = seconds(60)) {
    const LinkId link_id(link);
    gate.freeze(endpoint, world.timers.wall_now() + retry_after);
    gate.refused(endpoint, link_id);
  }

  VirtualIo world;
  api::RateGate gate{world.timers, {.sync_per_app = 200, .sync_per_link = 10, .link_per_app = 100}};
  int links = 0;
};

TEST_F(RateGateRefused, HalfOfTheEndpointsBudgetIsLeftBehindTheWindow) {
  EXPECT_EQ(send_all(Endpoint::sync), 200);
  refuse(Endpoint::sync);
  EXPECT_EQ(gate.allowed(Endpoint::sync), 100u);
  EXPECT_EQ(gate.allowed(Endpoint::link), 100u) << "whole";
  EXPECT_EQ(send_all(Endpoint::sync), 0);
  EXPECT_EQ(send_all(Endpoint::link), 100);
  world.pass(seconds(62));
  EXPECT_EQ(send_all(Endpoint::sync), 100);
}

TEST_F(RateGateRefused, TheBudgetComesBackAndIsNeverMoreThanConfigured) {
  refuse(Endpoint::sync);
  for (int minute = 0; minute < 60; ++minute) {
    EXPECT_LE(gate.allowed(Endpoint::sync), 200u);
    world.pass(minutes(1));
  }
  EXPECT_EQ(gate.allowed(Endpoint::sync), 200u);
  EXPECT_EQ(send_all(Endpoint::sync), 200);
}

TEST_F(RateGateRefused, TheReservesAreOfWhatIsLeft) {
  refuse(Endpoint::sync);
  world.pass(seconds(60));
  EXPECT_EQ(send_all(Endpoint::sync, Cause::verify), 50);
  EXPECT_EQ(send_all(Endpoint::sync, Cause::schedule), 40);
  EXPECT_EQ(send_all(Endpoint::sync, Cause::manual), 10);
}

TEST_F(RateGateRefused, ABurstOfAnswersCountsOnce) {
  for (int i = 0; i < 20; ++i) {
    refuse(Endpoint::sync, "link_" + std::to_string(i));
    world.pass(seconds(1));
  }
  EXPECT_EQ(gate.allowed(Endpoint::sync), 100u);
  world.pass(minutes(2));
  refuse(Endpoint::sync);
  EXPECT_EQ(gate.allowed(Endpoint::sync), 51u) << "half of what was left and has come back";
}

TEST_F(RateGateRefused, OfALinkThatSentMostItIsTheLinksBudget) {
  ASSERT_EQ(send("busy", 3), 3);  // 3 of its 10, where all together sent 3 of 200
  refuse(Endpoint::sync, "busy");
  EXPECT_TRUE(gate.frozen_until(Endpoint::sync)) << "the window is kept all the same";
  EXPECT_EQ(gate.allowed(Endpoint::sync), 200u);
}

TEST_F(RateGateRefused, ABusyLinkDoesNotHideThatTheAppHasSentMore) {
  ASSERT_EQ(send("busy", 3), 3);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(send("link_" + std::to_string(i), 1), 1);
  refuse(Endpoint::sync, "busy");
  EXPECT_EQ(gate.allowed(Endpoint::sync), 100u);
}

TEST_F(RateGateRefused, OneRequestInAMinuteIsNoBurstOfALink) {
  ASSERT_EQ(send("quiet", 1), 1);
  refuse(Endpoint::sync, "quiet");
  EXPECT_EQ(gate.allowed(Endpoint::sync), 100u) << "somebody else uses what was configured";
}

TEST_F(RateGateRefused, WhatIsShownAndWhatIsReloadedKnowsOfIt) {
  refuse(Endpoint::sync);
  EXPECT_EQ(gate.use()[0].limit, 100u);
  gate.set_budgets({.sync_per_app = 200, .sync_per_link = 10, .link_per_app = 100});
  EXPECT_EQ(gate.use()[0].limit, 100u) << "a reload of the same configuration says nothing new";
  EXPECT_EQ(gate.budgets().sync_per_app, 200u);
}

}  // namespace
}  // namespace syncd::test
