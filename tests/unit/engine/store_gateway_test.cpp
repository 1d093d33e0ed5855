#include "sync/engine/store_gateway.hpp"

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>

#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

// A real store behind the real gateway; the io thread is the test's.
class StoreGatewayTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    gateway_.emplace(*store_, io_.get_executor(), timers_,
                     [this](const core::CommitReport& report) { reports_.push_back(report); });
  }
  void TearDown() override {
    run(gateway_->stop());
    gateway_.reset();
  }
  // Until every task of the group has ended.
  void run_all() {
    while (group_.size() > 0) {
      io_.restart();
      io_.run_one();
    }
  }
  void run(api::Task<void> task) {
    group_.spawn(std::move(task));
    run_all();
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<api::IoExecutor> work_{io_.get_executor()};
  engine::SystemTimers timers_{io_.get_executor()};
  engine::TaskGroup group_{io_.get_executor(),
                           [](std::exception_ptr error) { std::rethrow_exception(error); }};
  std::vector<core::CommitReport> reports_;
  std::optional<engine::StoreGateway> gateway_;
};

api::Task<void> add_link(engine::StoreGateway& gateway, std::string link, core::Result<void>& result) {
  core::LinkUpdate update = update_of(link, 0);
  core::Change change{.kind = core::ChangeKind::link_added, .id = link, .before = {}, .after = "{}"};
  update.changes.push_back(change);
  result = co_await gateway.commit(std::move(update));
}

api::Task<void> load_link(engine::StoreGateway& gateway, std::string link,
                          core::Result<std::optional<core::LinkRecord>>& result) {
  core::LinkId link_id{std::move(link)};
  result = co_await gateway.load(std::move(link_id));
}

api::Task<void> wait_feed(engine::StoreGateway& gateway, std::uint64_t after, api::SteadyTime deadline,
                          std::uint64_t& head) {
  co_await gateway.wait_for_feed(after, deadline);
  head = gateway.feed_head();
}

TEST_F(StoreGatewayTest, WhatIsCommittedIsLoaded) {
  core::Result<void> added;
  run(add_link(*gateway_, "mk_1", added));
  ASSERT_TRUE(added) << added.error().message;
  core::Result<std::optional<core::LinkRecord>> loaded;
  run(load_link(*gateway_, "mk_1", loaded));
  ASSERT_TRUE(loaded && *loaded);
  EXPECT_EQ((*loaded)->link_id.str(), "mk_1");
  run(load_link(*gateway_, "mk_2", loaded));
  ASSERT_TRUE(loaded);
  EXPECT_FALSE(*loaded);
  EXPECT_EQ(gateway_->feed_head(), 1u);
}

TEST_F(StoreGatewayTest, ConflictIsAnErrorOfItsOwn) {
  core::Result<void> first;
  core::Result<void> second;
  run(add_link(*gateway_, "mk_1", first));
  run(add_link(*gateway_, "mk_1", second));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, core::Errc::conflict);
  EXPECT_TRUE(gateway_->healthy());
}

TEST_F(StoreGatewayTest, WaitingCommitsShareASyncedWrite) {
  std::vector<core::Result<void>> added(64);
  boost::asio::post(io_, [&] {
    for (std::size_t i = 0; i < added.size(); ++i)
      group_.spawn(add_link(*gateway_, "mk_" + std::to_string(i), added[i]));
  });
  io_.restart();
  io_.run_one();
  run_all();
  std::uint32_t updates = 0;
  for (const auto& result : added)
    EXPECT_TRUE(result);
  for (const core::CommitReport& report : reports_)
    updates += report.updates;
  EXPECT_EQ(updates, 64u);
  EXPECT_EQ(reports_.size(), 2u);  // the first alone, all others while it was written
}

TEST_F(StoreGatewayTest, CommitThatWasHandedOverIsFinishedInSpiteOfCancellation) {
  core::Result<void> added = core::fail(core::Errc::invalid, "not yet");
  group_.spawn(add_link(*gateway_, "mk_1", added));
  group_.cancel();
  run_all();
  EXPECT_TRUE(added);
}

TEST_F(StoreGatewayTest, FeedWaitersWakeWithTheCommit) {
  std::uint64_t head = 0;
  group_.spawn(wait_feed(*gateway_, 0, timers_.steady_now() + std::chrono::hours(1), head));
  core::Result<void> added;
  group_.spawn(add_link(*gateway_, "mk_1", added));
  run_all();
  EXPECT_EQ(head, 1u);
}

TEST_F(StoreGatewayTest, FeedWaiterReturnsAtItsDeadlineAndWhenCancelled) {
  std::uint64_t head = 9;
  run(wait_feed(*gateway_, 0, timers_.steady_now(), head));
  EXPECT_EQ(head, 0u);
  head = 9;
  group_.spawn(wait_feed(*gateway_, 0, timers_.steady_now() + std::chrono::hours(1), head));
  io_.restart();
  io_.poll();
  group_.cancel();
  run_all();
  EXPECT_EQ(head, 0u);
}

TEST_F(StoreGatewayTest, AnyOtherWorkRunsOnTheStoreThread) {
  std::thread::id store_thread;
  const auto ask = [](engine::StoreGateway& gateway, std::thread::id& thread) -> api::Task<void> {
    auto work = [](store::Store&) { return std::this_thread::get_id(); };
    thread = co_await gateway.run(std::move(work));
  };
  run(ask(*gateway_, store_thread));
  EXPECT_NE(store_thread, std::this_thread::get_id());
  EXPECT_NE(store_thread, std::thread::id());
}

}  // namespace
}  // namespace syncd::test
