#include "sync/engine/task_group.hpp"

#include <stdexcept>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include "tests/unit/engine/virtual_io.hpp"

namespace syncd::test {
namespace {

using core::Millis;
using std::chrono::hours;
using std::chrono::seconds;

api::Task<void> sleeps(VirtualTimers& timers, core::Millis time, int& ended, int& cancelled) {
  co_await timers.sleep_until(timers.steady_now() + time);
  const auto state = co_await boost::asio::this_coro::cancellation_state;
  if (state.cancelled() != boost::asio::cancellation_type::none) ++cancelled;
  ++ended;
}

api::Task<void> joins(engine::TaskGroup& group, bool& joined) {
  co_await group.join();
  joined = true;
}

api::Task<void> throws() {
  throw std::runtime_error("a defect");
  co_return;
}

struct TaskGroupTest : testing::Test {
  VirtualIo world;
  int ended = 0;
  int cancelled = 0;
};

TEST_F(TaskGroupTest, TasksEndByThemselves) {
  world.group.spawn(sleeps(world.timers, seconds(1), ended, cancelled));
  world.group.spawn(sleeps(world.timers, seconds(2), ended, cancelled));
  EXPECT_EQ(world.group.size(), 2u);
  world.pass(seconds(1));
  EXPECT_EQ(world.group.size(), 1u);
  world.pass(seconds(1));
  EXPECT_EQ(world.group.size(), 0u);
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(cancelled, 0);
}

TEST_F(TaskGroupTest, CancellationIsAStateAndNotAnException) {
  for (int i = 0; i < 100; ++i)
    world.group.spawn(sleeps(world.timers, hours(1), ended, cancelled));
  world.settle();
  world.stop();
  EXPECT_EQ(ended, 100);
  EXPECT_EQ(cancelled, 100);
  EXPECT_EQ(world.group.size(), 0u);
}

TEST_F(TaskGroupTest, LaterTasksAreNotCancelled) {
  world.start(sleeps(world.timers, hours(1), ended, cancelled));
  world.group.cancel();
  world.group.spawn(sleeps(world.timers, seconds(1), ended, cancelled));
  world.pass(seconds(1));
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(cancelled, 1);
}

TEST_F(TaskGroupTest, CancelTwiceAndOfNothingIsHarmless) {
  world.group.cancel();
  world.start(sleeps(world.timers, hours(1), ended, cancelled));
  world.group.cancel();
  world.group.cancel();
  world.stop();
  EXPECT_EQ(ended, 1);
}

TEST_F(TaskGroupTest, JoinWaitsForTheLastAndIsDeafToCancellation) {
  bool joined = false;
  engine::TaskGroup inner(world.io.get_executor(), [](std::exception_ptr) {});
  inner.spawn(sleeps(world.timers, seconds(5), ended, cancelled));
  world.start(joins(inner, joined));
  world.group.cancel();
  world.pass(seconds(4));
  EXPECT_FALSE(joined);
  world.pass(seconds(1));
  EXPECT_TRUE(joined);
}

TEST_F(TaskGroupTest, JoinOfAnEmptyGroupReturns) {
  bool joined = false;
  engine::TaskGroup inner(world.io.get_executor(), [](std::exception_ptr) {});
  world.start(joins(inner, joined));
  EXPECT_TRUE(joined);
}

TEST_F(TaskGroupTest, ExceptionReachesTheHandlerAndTheGroupGoesOn) {
  int defects = 0;
  engine::TaskGroup inner(world.io.get_executor(),
                          [&](std::exception_ptr error) { defects += error ? 1 : 0; });
  inner.spawn(throws());
  inner.spawn(sleeps(world.timers, seconds(1), ended, cancelled));
  world.pass(seconds(1));
  EXPECT_EQ(defects, 1);
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(inner.size(), 0u);
}

}  // namespace
}  // namespace syncd::test
