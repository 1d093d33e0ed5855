#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "store/backup.hpp"
#include "store/backup_verify.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {

inline constexpr core::WallTime backup_day{core::Millis{1'796'000'000'123}};  // 2026-11-30T00:53:20.123Z

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void overwrite(const std::string& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  ASSERT_TRUE(file.flush());
}

class BackupFixture : public StoreTest {
 protected:
  std::string backups() const { return directory_ / "backups"; }
  std::string backup(std::string_view name) const { return backups() + "/" + std::string(name); }

  // A link with rows, feed entries and an act in the audit log.
  void fill(std::string_view link, int rows = 50) {
    auto update = update_of(link, 0);
    std::vector<std::string> texts;
    for (int i = 0; i < rows; ++i)
      texts.push_back(std::string(link) + "_row_" + std::to_string(1000 + i));
    for (const auto& text : texts) {
      update.transaction_puts.push_back(row_of(text));
      update.changes.push_back(created(text, R"({"amount":"1.00"})"));
    }
    commit(update);
    act("links.add");
  }
  void act(std::string_view action) {
    const auto done = store_->record_act(at_ms(1'700'000'000'000),
                                         {.actor = "uid:1000", .action = std::string(action)}, std::nullopt);
    ASSERT_TRUE(done) << done.error().message;
  }

  store::BackupPlan plan(core::WallTime now = backup_day) const {
    return {.directory = backups(), .program_version = "1.2.3", .keep = 7, .now = now};
  }
  std::unique_ptr<store::BackupWriter> begin(const store::BackupPlan& wanted) {
    auto writer = store_->begin_backup(wanted);
    EXPECT_TRUE(writer) << writer.error().message;
    return writer ? std::move(*writer) : nullptr;
  }
  // Steps until `phase` is reached; false: an error came first.
  bool step_to(store::BackupWriter& writer, store::BackupWriter::Phase phase) {
    for (int steps = 0; steps < 100'000; ++steps) {
      const auto progress = writer.step();
      EXPECT_TRUE(progress) << progress.error().message;
      if (!progress) return false;
      if (progress->phase == phase) return true;
    }
    ADD_FAILURE() << "the backup does not end";
    return false;
  }
  // The path of a whole backup.
  std::string take_backup(const store::BackupPlan& wanted) {
    const auto writer = begin(wanted);
    if (!writer || !step_to(*writer, store::BackupWriter::Phase::done)) return {};
    EXPECT_TRUE(writer->troubles().empty());
    return backup(writer->name());
  }
  std::string take_backup() { return take_backup(plan()); }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(backups()))
      found.push_back(entry.path().filename().string());
    std::ranges::sort(found);
    return found;
  }
  // A copy that shares no bytes with the store.
  std::string copy_of(const std::string& path, std::string_view name) const {
    std::filesystem::copy(path, directory_ / name, std::filesystem::copy_options::recursive);
    return directory_ / name;
  }
  static std::vector<std::string> problems_of(const std::string& path) {
    const auto check = store::verify_backup(path, [](std::string_view, std::string_view) {});
    if (!check) return {check.error().message};
    return check->problems;
  }
};

}  // namespace syncd::test
