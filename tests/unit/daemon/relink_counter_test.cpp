#include "daemon/relink_counter.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>

#include "sync/engine/system_timers.hpp"
#include "sync/engine/task_group.hpp"
#include "tests/unit/store/store_fixture.hpp"

// The queue of a real store, counted through the real gateway.
namespace syncd::test {

using daemon::RelinkCounter;

namespace {

core::LinkUpdate entry_update(const std::string& link, core::RelinkStatus status) {
  core::LinkUpdate update = update_of(link, 0);
  update.relink = core::RelinkEntry{
      .link_id = update.link_id, .status = status, .reason = "auth_expired", .opened_at = at_ms(7)};
  return update;
}

class RelinkCounterTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    gateway_.emplace(*store_, io_.get_executor(), timers_, [](const core::CommitReport&) {});
    live_.emplace(*gateway_, RelinkCounter::Half::live);
    ended_.emplace(*gateway_, RelinkCounter::Half::ended);
  }
  void TearDown() override {
    run(gateway_->stop());
    gateway_.reset();
  }
  void run(api::Task<void> task) {
    group_.spawn(std::move(task));
    while (group_.size() > 0) {
      io_.restart();
      io_.run_one();
    }
  }
  api::Task<void> commit_into(core::LinkUpdate update, core::Result<void>& result) {
    result = co_await gateway_->commit(std::move(update));
  }
  void commit_by_the_daemon(const std::string& link, core::RelinkStatus status) {
    core::Result<void> result;
    run(commit_into(entry_update(link, status), result));
    ASSERT_TRUE(result) << result.error().message;
  }
  static api::Task<void> count_into(RelinkCounter& counter, core::Result<store::RelinkCensus>& census) {
    census = co_await counter.count();
  }
  std::uint64_t count(RelinkCounter& counter) {
    core::Result<store::RelinkCensus> census;
    run(count_into(counter, census));
    EXPECT_TRUE(census && census->finished);
    return census ? census->entries : 0;
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<api::IoExecutor> work_{io_.get_executor()};
  engine::SystemTimers timers_{io_.get_executor()};
  engine::TaskGroup group_{io_.get_executor(),
                           [](std::exception_ptr error) { std::rethrow_exception(error); }};
  std::optional<engine::StoreGateway> gateway_;
  std::optional<RelinkCounter> live_, ended_;
};

TEST_F(RelinkCounterTest, CountsItsHalfToTheEnd) {
  const std::size_t entries = store::relink_places_counted_max + 1;
  std::vector<core::LinkUpdate> updates{entry_update("ended", core::RelinkStatus::resolved)};
  for (std::size_t i = 0; i < entries; ++i)
    updates.push_back(entry_update("live" + std::to_string(i), core::RelinkStatus::open));
  std::vector<const core::LinkUpdate*> group;
  for (const core::LinkUpdate& update : updates)
    group.push_back(&update);
  ASSERT_TRUE(store_->commit(group));
  EXPECT_EQ(count(*live_), entries);
  EXPECT_EQ(count(*ended_), 1u);
}

TEST_F(RelinkCounterTest, CountsAgainOnlyWhenAnEntryHasChanged) {
  EXPECT_EQ(count(*live_), 0u);
  commit(entry_update("behind its back", core::RelinkStatus::open));
  EXPECT_EQ(count(*live_), 0u);
  commit_by_the_daemon("link", core::RelinkStatus::open);
  EXPECT_EQ(count(*live_), 2u);
}

TEST_F(RelinkCounterTest, AStoreThatFailsIsAnError) {
  ASSERT_TRUE(store_->close());
  core::Result<store::RelinkCensus> census;
  run(count_into(*live_, census));
  ASSERT_FALSE(census);
  EXPECT_EQ(census.error().code, core::Errc::storage);
}

}  // namespace
}  // namespace syncd::test
