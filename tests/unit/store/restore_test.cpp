#include "store/restore.hpp"

#include "store/high_water.hpp"
#include "store/walk.hpp"
#include "tests/unit/store/backup_fixture.hpp"

// A backup put back: what it holds, the new epoch of its feed, and that nothing else is lost.
namespace syncd::test {
namespace {

namespace fs = std::filesystem;

class RestoreTest : public BackupFixture {
 protected:
  void SetUp() override {
    open();
    fill("a");
    fill("b");
    feed(0);  // shown: epoch 1 up to 100
    backup_ = take_backup();
    ASSERT_FALSE(backup_.empty());
  }
  store::RestorePlan restore_plan() const {
    return {.backup = backup_,
            .backup_directory = backups(),
            .store = options_,
            .replace = false,
            .tell = [](std::string_view, std::string_view) {},
            .prepare = {}};
  }
  std::string entry(std::string_view name) const { return options_.path + "/" + std::string(name); }
  void lose_the_store() {
    store_.reset();
    fs::remove_all(options_.path);
  }
  std::string restore_error(const store::RestorePlan& plan) {
    const auto restored = store::restore_backup(plan);
    EXPECT_FALSE(restored);
    return restored ? "" : restored.error().message;
  }
  std::vector<std::string> entries() const {
    std::vector<std::string> found;
    for (const auto& there : fs::directory_iterator(options_.path))
      found.push_back(there.path().filename().string());
    std::ranges::sort(found);
    return found;
  }

  std::string backup_;
};

TEST_F(RestoreTest, TheStoreIsAsItWasAndItsFeedBeginsAnew) {
  fill("c");  // lost
  lose_the_store();
  std::vector<std::string> steps;
  auto plan = restore_plan();
  plan.tell = [&](std::string_view step, std::string_view) { steps.emplace_back(step); };
  const auto restored = store::restore_backup(plan);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->epoch, 2u);
  EXPECT_EQ(restored->replaced, "");
  EXPECT_EQ(restored->manifest.facts.links, 2u);
  EXPECT_EQ(steps,
            (std::vector<std::string>{"manifest", "files", "database", "audit log", "feed", "copy", "open"}));
  open();
  EXPECT_TRUE(store_->notices().empty()) << "an opening like any other";
  EXPECT_EQ(feed(0).epoch, 2u);
  EXPECT_EQ(feed(0).head, 0u);
  const auto walk = store::walk_store(*store_);
  ASSERT_TRUE(walk) << walk.error().message;
  EXPECT_EQ(walk->links, 2u);
  EXPECT_EQ(walk->transactions, 100u);
  EXPECT_EQ(walk->acts, 2u);
  fill("c");
  EXPECT_EQ(feed(0).entries.front().epoch, 2u);
  EXPECT_EQ(entries(), (std::vector<std::string>{"db", "feed-high-water", "lock"}));
}

TEST_F(RestoreTest, SharesNoFileWithTheBackup) {
  lose_the_store();
  ASSERT_TRUE(store::restore_backup(restore_plan()));
  for (const auto& there : fs::directory_iterator(entry("db")))
    EXPECT_EQ(fs::hard_link_count(there.path()), 1u) << there.path();
  open();
  fill("c");
  store_.reset();
  EXPECT_EQ(problems_of(backup_), std::vector<std::string>{});
}

TEST_F(RestoreTest, AStoreThatIsThereIsRefusedOrMovedAsideWhole) {
  fill("c");
  EXPECT_NE(restore_error(restore_plan()).find("is in use"), std::string::npos) << "by ourselves";
  store_.reset();
  const auto refusal = restore_error(restore_plan());
  EXPECT_NE(refusal.find("--replace"), std::string::npos) << refusal;
  auto plan = restore_plan();
  plan.replace = true;
  plan.store.wall_now = [] { return backup_day; };
  const auto restored = store::restore_backup(plan);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_EQ(restored->replaced, entry("replaced-20261130T005320.123Z"));
  open();
  EXPECT_EQ(store_->links({}, 100, std::nullopt)->items.size(), 2u);
  // What was there is a store still.
  options_.path = restored->replaced;
  reopen();
  EXPECT_EQ(store_->links({}, 100, std::nullopt)->items.size(), 3u);
  EXPECT_TRUE(store_->notices().empty()) << store_->notices()[0];
}

TEST_F(RestoreTest, TheEpochIsAboveEachThatTheMachineKnows) {
  store_.reset();
  auto plan = restore_plan();
  plan.replace = true;
  // Of the store that is replaced.
  ASSERT_TRUE(store::save_high_water(options_.path,
                                     {store::load_high_water(options_.path)->value().instance, 700, 5}));
  EXPECT_EQ(store::restore_backup(plan)->epoch, 701u);
  // Of one that was replaced before.
  for (const auto& name : entries()) {
    if (name.starts_with("replaced-")) ASSERT_TRUE(store::save_high_water(entry(name), {{}, 800, 5}));
  }
  EXPECT_EQ(store::restore_backup(plan)->epoch, 801u);
  // Of a later backup, also when it is not beside the one that is restored.
  open();
  const auto later = take_backup(this->plan(backup_day + std::chrono::hours(1)));
  store_.reset();
  lose_the_store();
  plan.backup = copy_of(backup_, "elsewhere");
  EXPECT_EQ(store::restore_backup(plan)->epoch, 802u);
  lose_the_store();
  plan.backup = backup_;
  plan.backup_directory.clear();
  EXPECT_EQ(store::restore_backup(plan)->epoch, 802u) << "beside it";
  // And not below the clock.
  lose_the_store();
  plan.store.wall_now = [] { return at_ms(1'700'000'000'000); };
  EXPECT_EQ(store::restore_backup(plan)->epoch, 1'700'000'000'000u);
}

TEST_F(RestoreTest, ADamagedBackupIsRefusedBeforeAnythingIsTouched) {
  store_.reset();
  auto plan = restore_plan();
  plan.backup = copy_of(backup_, "damaged");
  plan.replace = true;
  overwrite(plan.backup + "/db/CURRENT", "MANIFEST-000001\n");
  const auto before = entries();
  const auto refusal = restore_error(plan);
  EXPECT_NE(refusal.find("nothing was restored"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("db/CURRENT"), std::string::npos) << refusal;
  EXPECT_EQ(entries(), before);
  open();
  EXPECT_EQ(feed(0).epoch, 1u);
}

TEST_F(RestoreTest, AnotherEnvironmentOrUpstreamIsRefused) {
  lose_the_store();
  auto plan = restore_plan();
  plan.store.environment = "live";
  EXPECT_NE(restore_error(plan).find("belongs to environment \"sandbox\""), std::string::npos);
  plan = restore_plan();
  plan.store.upstream = "elsewhere";
  EXPECT_NE(restore_error(plan).find("belongs to upstream"), std::string::npos);
}

TEST_F(RestoreTest, TooLittleRoomIsRefused) {
  lose_the_store();
  auto plan = restore_plan();
  plan.store.min_free_bytes = std::uint64_t{1} << 62;
  EXPECT_NE(restore_error(plan).find("free disk space"), std::string::npos);
  EXPECT_EQ(entries(), std::vector<std::string>{"lock"});
}

TEST_F(RestoreTest, WhatIsPreparedIsInTheStoreThatIsPutBack) {
  lose_the_store();
  auto plan = restore_plan();
  plan.prepare = [](store::Store& store) { return store.put_note("restored", "now"); };
  ASSERT_TRUE(store::restore_backup(plan));
  open();
  EXPECT_EQ(store_->note("restored")->value_or(""), "now");
}

TEST_F(RestoreTest, AFailureOfThePreparationLeavesThePlaceAsItWas) {
  store_.reset();
  auto plan = restore_plan();
  plan.replace = true;
  plan.prepare = [](store::Store&) { return core::fail(core::Errc::storage, "no"); };
  EXPECT_EQ(restore_error(plan), "no");
  open();
  EXPECT_EQ(feed(0).epoch, 1u);
  EXPECT_EQ(feed(0).head, 100u);
  store_.reset();
  plan.prepare = {};
  EXPECT_TRUE(store::restore_backup(plan)) << "what the first one left is no obstacle";
  EXPECT_FALSE(fs::exists(entry("restore.partial")));
}

// A kill between two renames at the end: whoever opens the store then finds the old one, the new one, or a
// new one that begins one more epoch.
TEST_F(RestoreTest, TheDatabaseWithoutItsMarkBeginsOneMoreEpoch) {
  lose_the_store();
  ASSERT_TRUE(store::restore_backup(restore_plan()));
  fs::remove(entry("feed-high-water"));
  fs::remove(entry("clean-close"));
  open();
  EXPECT_EQ(feed(0).epoch, 3u);
}

}  // namespace
}  // namespace syncd::test
