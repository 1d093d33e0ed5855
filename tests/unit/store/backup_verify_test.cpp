#include "store/backup_verify.hpp"

#include "store/backup.hpp"
#include "tests/unit/store/backup_fixture.hpp"

// Every kind of damage to a backup is found.
namespace syncd::test {
namespace {

namespace fs = std::filesystem;

class BackupVerifyTest : public BackupFixture {
 protected:
  void SetUp() override {
    open();
    fill("a");
    fill("b");
    whole_ = copy_of(take_backup(), "whole");
    store_.reset();
    ASSERT_EQ(problems_of(whole_), std::vector<std::string>{});
  }
  // What verify says of a copy that `damage` was done to.
  template <class Damage>
  std::vector<std::string> problems_after(Damage damage) {
    const auto path = copy_of(whole_, "damaged-" + std::to_string(++copies_));
    damage(path);
    return problems_of(path);
  }
  // With a manifest that fits its own checksum.
  std::vector<std::string> problems_of_manifest(const std::function<void(store::BackupManifest&)>& edit) {
    return problems_after([&](const std::string& path) {
      auto manifest = store::read_backup_manifest(path);
      ASSERT_TRUE(manifest);
      edit(*manifest);
      overwrite(path + "/MANIFEST", store::encode_backup_manifest(*manifest));
    });
  }
  std::vector<std::string> files() const {
    std::vector<std::string> found;
    for (const auto& file : store::read_backup_manifest(whole_)->files)
      found.push_back(file.name);
    return found;
  }

  std::string whole_;
  int copies_ = 0;
};

TEST_F(BackupVerifyTest, AFlippedBitInAnyFile) {
  ASSERT_GT(files().size(), 5u);
  for (const auto& name : files()) {
    const auto problems = problems_after([&](const std::string& path) {
      auto content = content_of(path + "/" + name);
      if (content.empty()) {
        content = "?";  // an empty file has no bit
      } else {
        content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
      }
      overwrite(path + "/" + name, content);
    });
    ASSERT_EQ(problems.size(), 1u) << name;
    EXPECT_TRUE(problems[0].starts_with(name)) << problems[0];
  }
}

TEST_F(BackupVerifyTest, AFileThatIsMissingOrCutShort) {
  for (const auto& name : files()) {
    const auto missing = problems_after([&](const std::string& path) { fs::remove(path + "/" + name); });
    EXPECT_EQ(missing, std::vector<std::string>{name + " is missing"});
    const auto size = fs::file_size(whole_ + "/" + name);
    if (size == 0) continue;
    const auto cut =
        problems_after([&](const std::string& path) { fs::resize_file(path + "/" + name, size - 1); });
    ASSERT_EQ(cut.size(), 1u);
    EXPECT_NE(cut[0].find("bytes, the manifest says"), std::string::npos) << cut[0];
  }
}

TEST_F(BackupVerifyTest, AFileTooMany) {
  EXPECT_EQ(problems_after([](const std::string& path) { overwrite(path + "/db/000999.log", "x"); }),
            std::vector<std::string>{"db/000999.log is not in the manifest"});
  EXPECT_EQ(problems_after([](const std::string& path) { overwrite(path + "/other", ""); }),
            std::vector<std::string>{"other is not in the manifest"});
}

TEST_F(BackupVerifyTest, AManifestThatWasEdited) {
  const auto edited = problems_after([](const std::string& path) {
    auto text = content_of(path + "/MANIFEST");
    text.replace(text.find("links 2"), 7, "links 3");
    overwrite(path + "/MANIFEST", text);
  });
  ASSERT_EQ(edited.size(), 1u);
  EXPECT_NE(edited[0].find("does not fit its own checksum"), std::string::npos) << edited[0];
  const auto none = problems_after([](const std::string& path) { fs::remove(path + "/MANIFEST"); });
  ASSERT_EQ(none.size(), 1u);
  EXPECT_NE(none[0].find("is no backup"), std::string::npos) << none[0];
}

TEST_F(BackupVerifyTest, AManifestThatSaysSomethingElseThanTheDatabase) {
  using Manifest = store::BackupManifest;
  const std::vector<std::pair<std::string, std::function<void(Manifest&)>>> edits{
      {"number of links", [](Manifest& m) { ++m.facts.links; }},
      {"feed head", [](Manifest& m) { ++m.facts.feed_head; }},
      {"feed epoch", [](Manifest& m) { ++m.facts.feed_epoch; }},
      {"audit log", [](Manifest& m) { m.facts.audit.hash[0] ^= 1; }},
      {"audit log", [](Manifest& m) { --m.facts.audit.sequence; }},
      {"schema version", [](Manifest& m) { --m.facts.schema_version; }},
      {"instance", [](Manifest& m) { m.facts.instance[0] = m.facts.instance[0] == '0' ? '1' : '0'; }},
      {"environment", [](Manifest& m) { m.facts.environment = "live"; }},
      {"upstream", [](Manifest& m) { m.facts.upstream = "elsewhere"; }},
  };
  for (const auto& [what, edit] : edits) {
    const auto problems = problems_of_manifest(edit);
    ASSERT_EQ(problems.size(), 1u) << what;
    EXPECT_NE(problems[0].find(what), std::string::npos) << problems[0];
  }
}

// The files are those of the manifest, but they are no whole database.
TEST_F(BackupVerifyTest, AManifestThatWasMadeToFitDamage) {
  const auto problems = problems_after([](const std::string& path) {
    auto manifest = store::read_backup_manifest(path);
    ASSERT_TRUE(manifest);
    const auto first = std::ranges::find_if(
        manifest->files, [](const store::BackupFile& file) { return file.name.ends_with(".sst"); });
    ASSERT_NE(first, manifest->files.end());
    fs::remove(path + "/" + first->name);
    manifest->files.erase(first);
    overwrite(path + "/MANIFEST", store::encode_backup_manifest(*manifest));
  });
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("cannot be opened"), std::string::npos) << problems[0];
}

TEST_F(BackupVerifyTest, OneOfANewerVersionIsNotJudged) {
  const auto problems = problems_of_manifest([](store::BackupManifest& m) { m.facts.schema_version = 99; });
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("newer version"), std::string::npos) << problems[0];
}

TEST_F(BackupVerifyTest, LooksAndTouchesNothing) {
  const auto before = store::read_backup_manifest(whole_)->files.size();
  std::vector<std::string> steps;
  const auto check = store::verify_backup(
      whole_, [&](std::string_view step, std::string_view) { steps.emplace_back(step); });
  ASSERT_TRUE(check);
  EXPECT_EQ(steps, (std::vector<std::string>{"manifest", "files", "database", "audit log", "feed"}));
  EXPECT_EQ(problems_of(whole_), std::vector<std::string>{}) << "still no file too many";
  EXPECT_EQ(store::read_backup_manifest(whole_)->files.size(), before);
}

}  // namespace
}  // namespace syncd::test
