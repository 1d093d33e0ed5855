#include "daemon/budget_watch.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {
namespace {

using core::Endpoint;
using std::chrono::minutes;
using testing::HasSubstr;
using testing::IsEmpty;

struct BudgetWatchTest : testing::Test {
  ~BudgetWatchTest() override { world.stop(); }

  // What is written of the budgets as they are now.
  std::string look() {
    lines.clear();
    watch.look(gate.use());
    return lines;
  }
  // Upstream wants no more before a minute has passed.
  void refuse(Endpoint endpoint) {
    const core::LinkId link_id{"mk_1"};
    gate.freeze(endpoint, world.timers.wall_now() + minutes(1));
    gate.refused(endpoint, link_id);
  }

  VirtualIo world;
  api::RateGate gate{world.timers, {.sync_per_app = 600, .accounts_per_app = 500}};
  std::string lines;
  daemon::Log log{{},
                  [this](daemon::LogLevel, const std::string& line) { lines += line + "\n"; },
                  [this] { return world.timers.wall_now(); }};
  daemon::BudgetWatch watch{log};
};

TEST_F(BudgetWatchTest, SaysOnceThatABudgetIsCutAndOnceThatItIsWhole) {
  EXPECT_THAT(look(), IsEmpty());
  refuse(Endpoint::sync);
  const std::string cut = look();
  EXPECT_THAT(cut, HasSubstr(R"("event":"budget_cut")"));
  EXPECT_THAT(cut, HasSubstr(R"("endpoint":"sync","calls_per_minute":300,"configured":600)"));
  EXPECT_THAT(look(), IsEmpty());
  world.pass(minutes(2));
  refuse(Endpoint::sync);
  EXPECT_THAT(look(), IsEmpty()) << "one line, however often";
  world.pass(minutes(30));
  EXPECT_THAT(look(), IsEmpty()) << "not yet";
  world.pass(minutes(120));
  const std::string whole = look();
  EXPECT_THAT(whole, HasSubstr(R"("event":"budget_whole")"));
  EXPECT_THAT(whole, HasSubstr(R"("calls_per_minute":600,"configured":600)"));
  EXPECT_THAT(look(), IsEmpty());
  refuse(Endpoint::sync);
  EXPECT_THAT(look(), HasSubstr("budget_cut"));
}

TEST_F(BudgetWatchTest, TellsEndpointsApart) {
  refuse(Endpoint::sync);
  EXPECT_THAT(look(), HasSubstr(R"("endpoint":"sync")"));
  refuse(Endpoint::accounts);
  EXPECT_THAT(look(), HasSubstr(R"("endpoint":"accounts","calls_per_minute":250,"configured":500)"));
}

// A smaller budget that somebody has configured is no cut.
TEST_F(BudgetWatchTest, ABudgetThatIsSetToLessIsWhole) {
  gate.set_budgets({.sync_per_app = 60});
  EXPECT_THAT(look(), IsEmpty());
}

}  // namespace
}  // namespace syncd::test
