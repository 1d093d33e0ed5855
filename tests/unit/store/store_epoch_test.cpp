#include <fstream>

#include "store/high_water.hpp"
#include "tests/unit/store/store_fixture.hpp"

// The feed's epoch changes when something published was lost or may have been, and never otherwise.
namespace syncd::test {
namespace {

namespace fs = std::filesystem;

class StoreEpochTest : public StoreTest {
 protected:
  void SetUp() override {
    open();
    commit(update_of("link", 0));
  }
  void commit_change(std::string_view id) {
    auto update = update_of("link");
    update.changes.push_back(created(id, "{}"));
    commit(update);
  }
  void copy_database_to(const std::string& name) {
    fs::copy(options_.path + "/db", directory_ / name, fs::copy_options::recursive);
  }
  void put_database_back(const std::string& name) {
    store_.reset();
    fs::remove_all(options_.path + "/db");
    fs::copy(directory_ / name, options_.path + "/db", fs::copy_options::recursive);
  }
  std::string high_water_path() const { return options_.path + "/feed-high-water"; }
  void set_clock(std::int64_t ms) {
    options_.wall_now = [ms] { return at_ms(ms); };
  }
};

constexpr std::int64_t some_day = 1'700'000'000'000;

TEST_F(StoreEpochTest, OlderDatabaseBelowThePublishedMarkBeginsANewEpoch) {
  commit_change("a");
  store_.reset();
  copy_database_to("old");
  open();
  commit_change("b");
  EXPECT_EQ(feed(0).head, 2u);  // shown
  put_database_back("old");
  open();
  ASSERT_EQ(store_->notices().size(), 1u);
  EXPECT_NE(store_->notices()[0].find("ends at change 1, change 2 was published"), std::string::npos)
      << store_->notices()[0];
  EXPECT_NE(store_->notices()[0].find("epoch 2"), std::string::npos);
  EXPECT_EQ(feed(0).epoch, 2u);
  EXPECT_EQ(feed(0).head, 0u);
  commit_change("c");
  const auto slice = feed(0);
  ASSERT_EQ(slice.entries.size(), 1u);
  EXPECT_EQ(slice.entries[0].epoch, 2u);
  EXPECT_EQ(slice.entries[0].sequence, 1u);
  EXPECT_EQ(slice.entries[0].id, "c");
  reopen();
  EXPECT_TRUE(store_->notices().empty());
  EXPECT_EQ(feed(0).epoch, 2u);
  EXPECT_EQ(feed(0).entries.size(), 1u);
}

TEST_F(StoreEpochTest, OlderDatabaseAboveThePublishedMarkKeepsItsEpoch) {
  commit_change("a");
  feed(0);
  store_.reset();
  copy_database_to("old");
  open();
  commit_change("never_shown");
  put_database_back("old");
  open();
  EXPECT_TRUE(store_->notices().empty());
  commit_change("b");
  const auto slice = feed(0);
  EXPECT_EQ(slice.epoch, 1u);
  ASSERT_EQ(slice.entries.size(), 2u);
  EXPECT_EQ(slice.entries[1].id, "b");
}

TEST_F(StoreEpochTest, DatabaseOfAnOlderEpochBeginsYetAnother) {
  commit_change("a");
  feed(0);
  store_.reset();
  copy_database_to("old");
  ASSERT_TRUE(store::save_high_water(
      options_.path,
      {.instance = store::load_high_water(options_.path).value()->instance, .epoch = 5, .published = 0}));
  open();
  EXPECT_EQ(feed(0).epoch, 6u);
  ASSERT_EQ(store_->notices().size(), 1u);
}

TEST_F(StoreEpochTest, CrashBetweenTheTwoWritesOfANewEpochIsHarmless) {
  commit_change("a");
  feed(0);
  store_.reset();
  const auto instance = store::load_high_water(options_.path).value()->instance;
  ASSERT_TRUE(store::save_high_water(options_.path, {.instance = instance, .epoch = 1, .published = 7}));
  open();
  EXPECT_EQ(feed(0).epoch, 2u);
  store_.reset();
  // As if the database had been written and the file had not.
  ASSERT_TRUE(store::save_high_water(options_.path, {.instance = instance, .epoch = 1, .published = 7}));
  open();
  EXPECT_TRUE(store_->notices().empty());
  EXPECT_EQ(feed(0).epoch, 2u);
}

TEST_F(StoreEpochTest, MissingFileBeginsAnEpochAboveAllThatCountedUp) {
  commit_change("a");
  feed(0);
  store_.reset();
  fs::remove(high_water_path());
  set_clock(some_day);
  open();
  ASSERT_EQ(store_->notices().size(), 1u);
  EXPECT_NE(store_->notices()[0].find("feed-high-water is missing or damaged"), std::string::npos);
  const auto epoch = feed(0).epoch;
  EXPECT_EQ(epoch, static_cast<std::uint64_t>(some_day));
  EXPECT_EQ(feed(0).head, 0u);
  reopen();
  EXPECT_EQ(feed(0).epoch, epoch);
}

TEST_F(StoreEpochTest, DamagedFileCountsAsMissing) {
  store_.reset();
  std::ofstream(high_water_path()) << "garbage";
  open();
  EXPECT_GT(feed(0).epoch, 1u);
  EXPECT_EQ(store_->notices().size(), 1u);
}

TEST_F(StoreEpochTest, FileOfAnotherStoreIsRefused) {
  const auto other = directory_ / "other";
  auto second = store::Store::open(options_for(other));
  ASSERT_TRUE(second);
  second->reset();
  store_.reset();
  fs::copy_file(other + "/feed-high-water", high_water_path(), fs::copy_options::overwrite_existing);
  const auto refused = store::Store::open(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, core::Errc::invalid);
  EXPECT_NE(refused.error().message.find("mixes two stores"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(fs::exists(options_.path + "/clean-close"));
}

// What consumers hold of a store that was removed to the last file must not be given out again.
TEST_F(StoreEpochTest, StoreInPlaceOfOneThatWasRemovedWholeBeginsAboveIt) {
  for (const int days_later : {0, 1, 2}) {
    const auto before = feed(0).epoch;
    commit_change("a");
    feed(0);
    store_.reset();
    fs::remove_all(options_.path);
    set_clock(some_day + days_later * 86'400'000);
    open();
    EXPECT_GT(feed(0).epoch, before);
    EXPECT_EQ(feed(0).head, 0u);
    EXPECT_TRUE(store_->notices().empty());
    commit(update_of("link", 0));
  }
}

// As the messages advise: a file that is as old as the database beside it could not tell.
TEST_F(StoreEpochTest, WholeStorePutBackWithoutTheFileBeginsAboveWhatWasShownSince) {
  commit_change("a");
  feed(0);
  store_.reset();
  fs::copy(options_.path, directory_ / "whole", fs::copy_options::recursive);
  // An epoch of its own begins after the copy, and is shown.
  set_clock(some_day);
  fs::remove(high_water_path());
  open();
  commit_change("b");
  const auto shown = feed(0).epoch;
  store_.reset();
  fs::remove_all(options_.path);
  fs::copy(directory_ / "whole", options_.path, fs::copy_options::recursive);
  fs::remove(high_water_path());
  set_clock(some_day + 1);
  open();
  EXPECT_GT(feed(0).epoch, shown);
  EXPECT_EQ(feed(0).head, 0u);
  EXPECT_EQ(store_->notices().size(), 1u);
}

// The mark itself may be a copy, so an epoch that counts up from it could have been used.
TEST_F(StoreEpochTest, EveryNewEpochIsAboveTheClock) {
  commit_change("a");
  store_.reset();
  copy_database_to("old");
  open();
  commit_change("b");
  feed(0);
  put_database_back("old");
  set_clock(some_day);
  open();
  EXPECT_EQ(feed(0).epoch, static_cast<std::uint64_t>(some_day));
  set_clock(1);  // a clock that went back
  commit_change("c");
  feed(0);
  store_.reset();
  fs::remove_all(options_.path + "/db");
  open();
  EXPECT_EQ(feed(0).epoch, static_cast<std::uint64_t>(some_day) + 1);
}

TEST_F(StoreEpochTest, NewDatabaseBesideADamagedFileBeginsByTheClock) {
  commit_change("a");
  feed(0);
  store_.reset();
  fs::remove_all(options_.path + "/db");
  std::ofstream(high_water_path()) << "garbage";
  set_clock(some_day);
  open();
  EXPECT_EQ(feed(0).epoch, static_cast<std::uint64_t>(some_day));
}

TEST_F(StoreEpochTest, NewDatabaseBesideAnOldFileGoesOnWithALaterEpoch) {
  commit_change("a");
  feed(0);
  store_.reset();
  fs::remove_all(options_.path + "/db");
  open();
  EXPECT_EQ(feed(0).epoch, 2u);
  EXPECT_EQ(store_->notices().size(), 1u);
}

TEST_F(StoreEpochTest, CrashBeforeTheFirstIdentityLeavesNoTrace) {
  store_.reset();
  fs::remove_all(options_.path + "/db");  // the file was written, the database was not
  open();
  EXPECT_EQ(feed(0).epoch, 1u);
  EXPECT_TRUE(store_->notices().empty());
}

}  // namespace
}  // namespace syncd::test
