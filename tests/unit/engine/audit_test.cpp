#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/verify_world.hpp"

// The rolling audit when links cannot be read: it comes back to them.
namespace syncd::test {
namespace {

using core::VerifyReport;
using core::VerifyResult;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// `link result`, or `link reason` of an incomplete one.
Lines told(const VerifyWorld& world) {
  Lines lines;
  for (const VerifyReport& report : world.observer.verifies) {
    EXPECT_TRUE(report.by_audit);
    const bool ended = report.result != VerifyResult::incomplete;
    lines.push_back(fmt::format("{} {}", report.link_id.str(),
                                ended ? core::to_string(report.result) : std::string_view(report.reason)));
  }
  return lines;
}

// An audit of three links, one in an hour; three minutes of it have passed.
struct Audit3 {
  explicit Audit3(api::Budgets budgets = {}) : world(budgets, {.verify_interval = hours(3)}) {
    world.sync({"mk_1", "mk_2", "mk_3"});
  }
  VerifyWorld world;
};

TEST(AuditComesBack, NothingIsSkippedWhileNothingMayBeAsked) {
  Audit3 audit;
  audit.world.engine->hold(true);
  audit.world.io.pass(hours(5));
  EXPECT_THAT(told(audit.world), IsEmpty());
  audit.world.engine->hold(false);
  audit.world.io.pass(minutes(150));
  EXPECT_THAT(told(audit.world), ElementsAre("mk_1 match", "mk_2 match", "mk_3 match"));
}

TEST(AuditComesBack, AfterAnAuthIncident) {
  Audit3 audit;
  bool refused = true;
  audit.world.instead = [&](const api::HttpCall& call) -> Answer {
    if (refused && (is_reading(call) || call.target == "/auth/introspect"))
      return error_reply(401, "api_error.auth.unauthorized");
    return std::nullopt;
  };
  audit.world.io.pass(hours(6));
  EXPECT_THAT(told(audit.world), ElementsAre("mk_1 auth"));
  refused = false;
  audit.world.io.pass(hours(1));
  EXPECT_THAT(told(audit.world), ElementsAre("mk_1 auth", "mk_1 match"));
}

TEST(AuditComesBack, WhenOthersNeededTheBudget) {
  Audit3 audit({.sync_per_app = 20});
  const core::LinkId other{"mk_other"};
  for (int i = 0; i < 4 * 75; ++i) {
    for (int k = 0; k < 3; ++k)
      EXPECT_TRUE(audit.world.gate.try_take(core::Endpoint::sync, other, core::Cause::schedule));
    audit.world.io.pass(seconds(15));
  }
  EXPECT_THAT(told(audit.world), ElementsAre("mk_1 budget"));
  EXPECT_EQ(audit.world.null_cursor_calls, 0u);
  audit.world.io.pass(hours(1));
  EXPECT_THAT(told(audit.world), ElementsAre("mk_1 budget", "mk_1 match"));
}

// Upstream has trouble with the one link: it gets a few tries, and the others their turn.
TEST(AuditComesBack, NotForEverToOneLink) {
  Audit3 audit;
  audit.world.instead = [&](const api::HttpCall& call) -> Answer {
    if (is_reading(call) && call.target.starts_with("/links/mk_1/")) return error_reply(503, "down");
    return std::nullopt;
  };
  audit.world.io.pass(hours(4));
  EXPECT_THAT(told(audit.world),
              ElementsAre("mk_1 server", "mk_1 server", "mk_1 server", "mk_2 match", "mk_3 match"));
}

// Nor when upstream has its own idea of how often one link may be read.
TEST(AuditComesBack, NotForEverToALinkWhoseReadingIsThrottled) {
  Audit3 audit;
  audit.world.instead = [&](const api::HttpCall& call) -> Answer {
    if (!is_reading(call) || !call.target.starts_with("/links/mk_1/")) return std::nullopt;
    return error_reply(429, "api_error.rate_limit");
  };
  audit.world.io.pass(hours(4));
  EXPECT_THAT(told(audit.world),
              ElementsAre("mk_1 throttled", "mk_1 throttled", "mk_1 throttled", "mk_2 match", "mk_3 match"));
}

// What will not pass by itself is told once.
TEST(AuditComesBack, NotToALinkThatCannotBeVerified) {
  Audit3 audit;
  audit.world.record("mk_1").counts.transactions = core::verify_rows_max + 1;
  audit.world.io.pass(minutes(190));
  EXPECT_THAT(told(audit.world), ElementsAre("mk_1 too_large", "mk_2 match", "mk_3 match"));
}

TEST(AuditComesBack, AStoreThatCannotBeReadIsTold) {
  Audit3 audit;
  audit.world.port.reads_fail = true;
  audit.world.io.pass(hours(2));
  EXPECT_FALSE(audit.world.observer.store_failures.empty());
  EXPECT_LT(audit.world.observer.store_failures.size(), 130u) << "once a minute";
  EXPECT_THAT(told(audit.world), IsEmpty());
  audit.world.port.reads_fail = false;
  audit.world.io.pass(minutes(150));
  EXPECT_THAT(told(audit.world), ElementsAre("mk_1 match", "mk_2 match", "mk_3 match"));
}

// Its place cannot be read at the start: it does not begin anew.
TEST(AuditComesBack, ToThePlaceThatCouldNotBeRead) {
  VerifyWorld::Notes notes{{"verify", "1700000000000 mk_1"}};
  VerifyWorld world({}, {.verify_interval = hours(3)}, notes, false);
  world.sync({"mk_1", "mk_2", "mk_3"});
  EXPECT_FALSE(world.observer.store_failures.empty());
  world.port.reads_fail = false;
  world.io.pass(minutes(80));
  EXPECT_THAT(told(world), ElementsAre("mk_2 match"));
}

}  // namespace
}  // namespace syncd::test
