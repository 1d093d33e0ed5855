#include "daemon/relink_counter.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/daemon/gateway_fixture.hpp"

namespace syncd::test {

using daemon::RelinkCounter;

namespace {

core::LinkUpdate entry_update(const std::string& link, core::RelinkStatus status) {
  core::LinkUpdate update = update_of(link, 0);
  update.relink = core::RelinkEntry{
      .link_id = update.link_id, .status = status, .reason = "auth_expired", .opened_at = at_ms(7)};
  return update;
}

class RelinkCounterTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    live_.emplace(*gateway_, RelinkCounter::Half::live);
    ended_.emplace(*gateway_, RelinkCounter::Half::ended);
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

  std::optional<RelinkCounter> live_, ended_;
};

TEST_F(RelinkCounterTest, CountsItsHalfToTheEnd) {
  const std::size_t entries = store::relink_places_counted_max + 1;
  std::vector<core::LinkUpdate> updates;
  updates.push_back(entry_update("ended", core::RelinkStatus::resolved));
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
