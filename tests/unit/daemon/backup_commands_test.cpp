#include "daemon/backup_commands.hpp"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/notes.hpp"
#include "tests/unit/store/backup_fixture.hpp"

// The commands that need no daemon: which backup they mean, what they say, how they end.
namespace syncd::test {

using testing::HasSubstr;

namespace {

namespace fs = std::filesystem;

class BackupCommands : public BackupFixture {
 protected:
  void SetUp() override {
    open();
    fill("a");
    backup_ = take_backup();
    take_backup(plan(backup_day + std::chrono::hours(1)));
    store_.reset();
    write_config("sandbox_0123");
  }
  void write_config(const std::string& client_id) {
    std::ofstream file(directory_ / "config.toml");
    file << "[upstream]\nbase_url = \"https://api.example.test\"\nclient_id = \"" << client_id
         << "\"\n[store]\npath = \"" << options_.path
         << "\"\nmin_free_to_open_mib = 1\n[backup]\ndirectory = \"" << backups() << "\"\n";
    ASSERT_TRUE(file.flush());
  }
  using Act = int (*)(const daemon::Options&, const daemon::Terminal&);
  int run(Act act, std::string backup, bool replace = false, std::string scratch = {}) {
    daemon::Options options;
    options.config_path = directory_ / "config.toml";
    options.backup = std::move(backup);
    options.replace = replace;
    options.scratch = std::move(scratch);
    out_.clear();
    error_.clear();
    return act(options, {.out = [this](std::string_view line) { out_ += std::string(line) + "\n"; },
                         .error = [this](std::string_view line) { error_ += std::string(line) + "\n"; }});
  }
  void damage(const std::string& path) {
    auto content = content_of(path);
    content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
    overwrite(path, content);
  }

  std::string backup_;
  std::string out_, error_;
};

TEST_F(BackupCommands, FindTheBackupByPathNameAndAge) {
  EXPECT_EQ(run(&daemon::verify_backup, backup_), 0) << error_;
  EXPECT_THAT(out_, HasSubstr("the backup " + backup_ + " is whole"));
  EXPECT_EQ(run(&daemon::verify_backup, backup_ + "/"), 0) << error_;
  EXPECT_EQ(run(&daemon::verify_backup, "20261130T005320.123Z"), 0) << error_;
  EXPECT_THAT(out_, HasSubstr(backup_));
  EXPECT_EQ(run(&daemon::verify_backup, "latest"), 0) << error_;
  EXPECT_THAT(out_, HasSubstr("20261130T015320.123Z"));
  EXPECT_EQ(run(&daemon::verify_backup, "20000101T000000.000Z"), 1);
  EXPECT_THAT(error_, HasSubstr("is no backup"));
  EXPECT_EQ(run(&daemon::verify_backup, directory_ / "nowhere"), 1);
  fs::remove_all(backups());
  EXPECT_EQ(run(&daemon::verify_backup, "latest"), 1);
  EXPECT_THAT(error_, HasSubstr("there is no backup in"));
}

TEST_F(BackupCommands, VerifyNamesWhatIsDamaged) {
  const auto copy = copy_of(backup_, "copy");
  damage(copy + "/db/CURRENT");
  overwrite(copy + "/extra", "");
  EXPECT_EQ(run(&daemon::verify_backup, copy), 74);
  EXPECT_THAT(error_, HasSubstr("db/CURRENT was changed"));
  EXPECT_THAT(error_, HasSubstr("extra is not in the manifest"));
  overwrite(copy + "/MANIFEST", "moneykit-syncd backup 2\n");
  EXPECT_EQ(run(&daemon::verify_backup, copy), 78) << error_;
}

TEST_F(BackupCommands, ADrillTellsItsStepsAndLeavesNothing) {
  const auto before = names();
  EXPECT_EQ(run(&daemon::drill_backup, "latest"), 0) << error_;
  for (const auto step : {"manifest", "files", "database", "audit log", "feed", "copy", "open", "read",
                          "start", "remove", "went well"})
    EXPECT_THAT(out_, HasSubstr(step));
  EXPECT_THAT(out_, HasSubstr("1 links, 0 accounts, 50 transactions"));
  EXPECT_EQ(names(), before);
  fs::create_directory(directory_ / "scratch");
  EXPECT_EQ(run(&daemon::drill_backup, backup_, false, directory_ / "scratch"), 0) << error_;
  EXPECT_TRUE(fs::is_empty(directory_ / "scratch"));
  EXPECT_EQ(run(&daemon::drill_backup, backup_, false, directory_ / "nowhere"), 74);
  EXPECT_THAT(error_, HasSubstr("--scratch"));
}

TEST_F(BackupCommands, ADrillClearsAwayWhatAKilledOneLeft) {
  fs::create_directories(directory_ / "scratch/drill-killed/db");
  overwrite(directory_ / "scratch/drill-killed/lock", "");
  fs::create_directories(directory_ / "scratch/drill-mine");  // of somebody else: no store was in it
  EXPECT_EQ(run(&daemon::drill_backup, backup_, false, directory_ / "scratch"), 0) << error_;
  EXPECT_FALSE(fs::exists(directory_ / "scratch/drill-killed"));
  EXPECT_TRUE(fs::exists(directory_ / "scratch/drill-mine"));
}

TEST_F(BackupCommands, ADrillOfADamagedBackupFailsAndLeavesNothing) {
  const auto copy = copy_of(backup_, "copy");
  damage(copy + "/db/CURRENT");
  fs::create_directory(directory_ / "scratch");
  EXPECT_EQ(run(&daemon::drill_backup, copy, false, directory_ / "scratch"), 74);
  EXPECT_THAT(error_, HasSubstr("db/CURRENT"));
  EXPECT_TRUE(fs::is_empty(directory_ / "scratch"));
}

TEST_F(BackupCommands, ARestoreLeavesItsTrace) {
  fs::remove_all(options_.path);
  EXPECT_EQ(run(&daemon::restore_backup, "20261130T005320.123Z"), 0) << error_;
  EXPECT_THAT(out_, HasSubstr("the feed begins anew with epoch"));
  EXPECT_THAT(out_, HasSubstr("next: start the daemon"));
  open();
  EXPECT_FALSE(*store_->note(daemon::budget_note));
  const auto note = store_->note(daemon::restored_note);
  ASSERT_TRUE(note && *note);
  const auto now = std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
  EXPECT_TRUE(daemon::restored_lately(**note, now));
  EXPECT_FALSE(daemon::restored_lately(**note, now + std::chrono::minutes(3)));
  EXPECT_TRUE(daemon::restored_lately(**note, now - std::chrono::hours(1))) << "a clock that was set back";
  EXPECT_TRUE(daemon::restored_lately("garbage", now));
  const auto acts = store_->audit_entries(0, 1);
  ASSERT_EQ(acts->entries.size(), 1u);
  EXPECT_EQ(acts->entries[0].note.action, "backup.restore");
  EXPECT_THAT(acts->entries[0].note.detail, HasSubstr("20261130T005320.123Z"));
  const auto whole = store_->check_audit({}, 1000);
  EXPECT_TRUE(whole && whole->finished && whole->broken_at == 0);
}

// A budget note in the store is of a stop before the backup: what was asked for since counts.
TEST_F(BackupCommands, ARestoreForgetsTheBudgetsOfAnEarlierStop) {
  open();
  ASSERT_TRUE(store_->put_note(daemon::budget_note, "old"));
  take_backup(plan(backup_day + std::chrono::hours(2)));
  store_.reset();
  EXPECT_EQ(run(&daemon::restore_backup, "latest", true), 0) << error_;
  open();
  EXPECT_FALSE(*store_->note(daemon::budget_note));
}

TEST_F(BackupCommands, ARestoreReplacesOnlyWhenAsked) {
  EXPECT_EQ(run(&daemon::restore_backup, "latest"), 78);
  EXPECT_THAT(error_, HasSubstr("--replace"));
  open();
  EXPECT_EQ(run(&daemon::restore_backup, "latest", true), 74);
  EXPECT_THAT(error_, HasSubstr("is in use"));
  store_.reset();
  EXPECT_EQ(run(&daemon::restore_backup, "latest", true), 0) << error_;
  EXPECT_THAT(out_, HasSubstr(options_.path + "/replaced-"));
}

TEST_F(BackupCommands, ARestoreIsForTheEnvironmentOfTheConfiguration) {
  write_config("live_0123");
  EXPECT_EQ(run(&daemon::restore_backup, "latest", true), 78);
  EXPECT_THAT(error_, HasSubstr("belongs to environment"));
  overwrite(directory_ / "config.toml", "nonsense");
  EXPECT_EQ(run(&daemon::restore_backup, backup_, true), 78);
  EXPECT_THAT(error_, HasSubstr("the configuration cannot be used"));
  EXPECT_EQ(run(&daemon::verify_backup, backup_), 0) << "which needs none";
}

}  // namespace
}  // namespace syncd::test
