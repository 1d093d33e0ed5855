#include <stdexcept>

#include <gtest/gtest.h>

#include "store/files.hpp"
#include "tests/crash/store/crashing_file_system.hpp"

// The disk that loses power is itself held to what it promises, because everything that is said about the
// store rests on it.
namespace syncd::test {
namespace {

class CrashModelTest : public testing::Test {
 protected:
  void begin(Faults faults = {}) {
    const auto image = files_ ? files_->image() : DiskImage{};
    files_ = std::make_shared<CrashingFileSystem>(image, journal_, std::move(faults));
  }
  std::unique_ptr<rocksdb::FSWritableFile> create(const std::string& path) {
    std::unique_ptr<rocksdb::FSWritableFile> file;
    EXPECT_TRUE(files_->NewWritableFile(path, {}, &file, nullptr).ok());
    return file;
  }
  bool sync_root() {
    std::unique_ptr<rocksdb::FSDirectory> directory;
    return files_->NewDirectory("/", {}, &directory, nullptr).ok() && directory->Fsync({}, nullptr).ok();
  }
  // After a power cut; nullopt: no such file.
  std::optional<std::string> left(const std::string& path, Policy policy, std::uint64_t seed) {
    Random random(seed);
    const auto after = files_->image().after_power_cut(policy, random);
    const auto file = after.find(path);
    if (!file) return std::nullopt;
    return after.content(*file);
  }

  Journal journal_{1 << 20};
  std::shared_ptr<CrashingFileSystem> files_;
};

TEST_F(CrashModelTest, OnlySyncedBytesOfSyncedNamesSurvive) {
  begin();
  const auto file = create("/f");
  ASSERT_TRUE(file->Append("one", {}, nullptr).ok());
  ASSERT_TRUE(file->Sync({}, nullptr).ok());
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    lost = lost || !left("/f", Policy::lose_all, seed);
  EXPECT_TRUE(lost) << "the name was never synced";
  ASSERT_TRUE(sync_root());
  ASSERT_TRUE(file->Append("two", {}, nullptr).ok());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(left("/f", Policy::lose_all, seed), "one");
    EXPECT_EQ(left("/f", Policy::keep_all, seed), "onetwo");
    const auto prefix = left("/f", Policy::prefix, seed);
    ASSERT_TRUE(prefix);
    EXPECT_TRUE(std::string("onetwo").starts_with(*prefix) && prefix->size() >= 3) << *prefix;
    EXPECT_EQ(left("/f", Policy::torn, seed)->substr(0, 3), "one");
  }
}

TEST_F(CrashModelTest, RenameIsOneOrTheOther) {
  begin();
  for (const auto* content : {"old", "new"}) {
    const auto file = create("/f.tmp");
    ASSERT_TRUE(file->Append(content, {}, nullptr).ok());
    ASSERT_TRUE(file->Sync({}, nullptr).ok());
    ASSERT_TRUE(files_->RenameFile("/f.tmp", "/f", {}, nullptr).ok());
    if (std::string_view(content) == "old") ASSERT_TRUE(sync_root());
  }
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    seen.insert(left("/f", Policy::lose_all, seed).value_or("nothing"));
  EXPECT_EQ(seen, (std::set<std::string>{"new", "old"}));
}

TEST_F(CrashModelTest, ALinkIsAnotherNameOfTheSameContent) {
  begin();
  const auto file = create("/f");
  ASSERT_TRUE(file->Append("one", {}, nullptr).ok());
  ASSERT_TRUE(file->Sync({}, nullptr).ok());
  ASSERT_TRUE(sync_root());
  ASSERT_TRUE(files_->LinkFile("/f", "/g", {}, nullptr).ok());
  EXPECT_FALSE(files_->LinkFile("/f", "/g", {}, nullptr).ok()) << "it is there";
  EXPECT_FALSE(files_->LinkFile("/nothing", "/h", {}, nullptr).ok());
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    lost = lost || !left("/g", Policy::lose_all, seed);
  EXPECT_TRUE(lost) << "the name was never synced";
  ASSERT_TRUE(sync_root());
  ASSERT_TRUE(files_->DeleteFile("/f", {}, nullptr).ok());
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(left("/g", Policy::lose_all, seed), "one") << "the other name is no matter";
}

TEST_F(CrashModelTest, ADirectoryIsRenamedWithWhatIsInIt) {
  begin();
  ASSERT_TRUE(files_->CreateDir("/d", {}, nullptr).ok());
  ASSERT_TRUE(sync_root());
  const auto file = create("/d/f");
  ASSERT_TRUE(file->Append("one", {}, nullptr).ok());
  ASSERT_TRUE(file->Sync({}, nullptr).ok());
  ASSERT_TRUE(files_->RenameFile("/d", "/e", {}, nullptr).ok());
  EXPECT_FALSE(files_->image().find("/d/f"));
  EXPECT_TRUE(files_->image().find("/e/f"));
  EXPECT_FALSE(files_->DeleteDir("/e", {}, nullptr).ok()) << "it is not empty";
  ASSERT_TRUE(sync_root());
  bool lost = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    lost = lost || !left("/e/f", Policy::lose_all, seed);
  EXPECT_TRUE(lost) << "the name in it was never synced";
  std::unique_ptr<rocksdb::FSDirectory> directory;
  ASSERT_TRUE(files_->NewDirectory("/e", {}, &directory, nullptr).ok());
  ASSERT_TRUE(directory->Fsync({}, nullptr).ok());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(left("/e/f", Policy::lose_all, seed), "one");
    EXPECT_FALSE(left("/d/f", Policy::lose_all, seed));
  }
  ASSERT_TRUE(files_->DeleteFile("/e/f", {}, nullptr).ok());
  EXPECT_TRUE(files_->DeleteDir("/e", {}, nullptr).ok());
  EXPECT_FALSE(files_->image().find("/e"));
}

TEST_F(CrashModelTest, WhatIsInADirectoryGoesWithIt) {
  begin();
  ASSERT_TRUE(files_->CreateDir("/d", {}, nullptr).ok());
  const auto file = create("/d/f");
  std::unique_ptr<rocksdb::FSDirectory> directory;
  ASSERT_TRUE(files_->NewDirectory("/d/", {}, &directory, nullptr).ok());
  ASSERT_TRUE(directory->Fsync({}, nullptr).ok());
  std::set<bool> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed)
    seen.insert(left("/d/f", Policy::lose_all, seed).has_value());
  EXPECT_EQ(seen.size(), 2u);
  ASSERT_TRUE(sync_root());
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_TRUE(left("/d/f", Policy::lose_all, seed));
}

TEST_F(CrashModelTest, AfterTheCutEverythingFails) {
  begin({.cut_at = 3});
  const auto file = create("/f");
  ASSERT_TRUE(file->Append("a", {}, nullptr).ok());
  EXPECT_FALSE(file->Append("b", {}, nullptr).ok());
  EXPECT_FALSE(file->Sync({}, nullptr).ok());
  EXPECT_FALSE(files_->FileExists("/f", {}, nullptr).ok());
  EXPECT_FALSE(files_->RenameFile("/f", "/g", {}, nullptr).ok());
  EXPECT_FALSE(sync_root());
  std::uint64_t bytes = 0;
  EXPECT_FALSE(files_->GetFreeSpace("/", {}, &bytes, nullptr).ok());
  EXPECT_EQ(files_->image().content(*files_->image().find("/f")), "a");
}

TEST_F(CrashModelTest, OneErrorAndABytesThatALaterSyncDoesNotBringBack) {
  begin({.error_at = 4});
  const auto file = create("/f");
  ASSERT_TRUE(sync_root());
  ASSERT_TRUE(file->Append("lost", {}, nullptr).ok());
  EXPECT_FALSE(file->Sync({}, nullptr).ok());
  EXPECT_TRUE(file->Sync({}, nullptr).ok());
  EXPECT_EQ(files_->image().content(*files_->image().find("/f")), "lost") << "still in memory";
  EXPECT_EQ(left("/f", Policy::keep_all, 1), std::string(4, '\0'));
}

TEST_F(CrashModelTest, FullDiskTakesAPartAndThenNothing) {
  begin({.full_from = 2});
  const auto file = create("/f");
  const auto full = file->Append("1234", {}, nullptr);
  EXPECT_TRUE(full.IsNoSpace());
  EXPECT_TRUE(file->Append("5678", {}, nullptr).IsNoSpace());
  EXPECT_EQ(files_->image().content(*files_->image().find("/f")), "12");
  std::uint64_t bytes = 1;
  ASSERT_TRUE(files_->GetFreeSpace("/", {}, &bytes, nullptr).ok());
  EXPECT_EQ(bytes, 0u);
}

TEST_F(CrashModelTest, FullDiskTakesNoNewNameEither) {
  begin({.full_from = 3, .names_need_space = true});
  const auto file = create("/f");
  ASSERT_TRUE(files_->RenameFile("/f", "/g", {}, nullptr).ok());
  EXPECT_TRUE(files_->RenameFile("/g", "/h", {}, nullptr).IsNoSpace());
  EXPECT_TRUE(files_->CreateDir("/d", {}, nullptr).IsNoSpace());
  std::unique_ptr<rocksdb::FSWritableFile> another;
  EXPECT_TRUE(files_->NewWritableFile("/i", {}, &another, nullptr).IsNoSpace());
  EXPECT_TRUE(files_->NewWritableFile("/g", {}, &another, nullptr).ok()) << "its name is there";
  EXPECT_TRUE(files_->DeleteFile("/g", {}, nullptr).ok());
}

TEST_F(CrashModelTest, WhatIsPromisedAfterThePowerWentIsRemembered) {
  begin({.cut_at = 1});
  EXPECT_FALSE(sync_root());
  files_->mark(7, 42);
  std::uint64_t seen = 0;
  for (std::size_t at = 0; at < journal_.end();) {
    Operation operation;
    at = journal_.read(at, operation);
    if (operation.op == Op::mark && operation.file == 7) seen = operation.value;
  }
  EXPECT_EQ(seen, 42u);
}

TEST_F(CrashModelTest, NoExceptionLeavesIt) {
  begin({.before_each = [] { throw std::runtime_error("made up"); }});
  std::unique_ptr<rocksdb::FSWritableFile> file;
  EXPECT_TRUE(files_->NewWritableFile("/f", {}, &file, nullptr).IsIOError());
  std::vector<std::string> names;
  EXPECT_TRUE(files_->GetChildren("/", {}, &names, nullptr).IsIOError());
  EXPECT_TRUE(files_->RenameFile("/f", "/g", {}, nullptr).IsIOError());
}

TEST_F(CrashModelTest, JournalTellsTheSameDisk) {
  begin();
  const store::Disk disk(files_);
  ASSERT_TRUE(store::prepare_directory("/store", disk));
  ASSERT_TRUE(store::write_durably("/store", "f", "one", disk));
  ASSERT_TRUE(store::write_durably("/store", "f", "two", disk));
  ASSERT_TRUE(store::remove_durably("/store", "missing", disk));
  DiskImage replayed;
  std::size_t operations = 0;
  for (std::size_t at = 0; at < journal_.end(); ++operations) {
    Operation operation;
    at = journal_.read(at, operation);
    replayed.apply(operation);
  }
  EXPECT_EQ(operations, files_->operations());
  EXPECT_EQ(replayed.names(), files_->image().names());
  Random random(1);
  const auto after = replayed.after_power_cut(Policy::lose_all, random);
  ASSERT_TRUE(after.find("/store/f"));
  EXPECT_EQ(after.content(*after.find("/store/f")), "two");
}

// Who removed the file was killed, or refused by the disk, before that was durable; the next one finds
// nothing.
TEST_F(CrashModelTest, RemovalThatWasNotFinishedIsFinishedByTheNext) {
  begin();
  ASSERT_TRUE(store::write_durably("/", "f", "x", store::Disk(files_)));
  begin({.error_at = 2});
  EXPECT_FALSE(store::remove_durably("/", "f", store::Disk(files_)));
  EXPECT_FALSE(files_->image().find("/f"));
  ASSERT_TRUE(store::remove_durably("/", "f", store::Disk(files_)));
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_FALSE(left("/f", Policy::lose_all, seed));
}

TEST_F(CrashModelTest, DirectoryThatWasNotFinishedIsFinishedByTheNext) {
  begin({.error_at = 2});
  EXPECT_FALSE(store::prepare_directory("/store", store::Disk(files_)));
  ASSERT_TRUE(store::prepare_directory("/store", store::Disk(files_)));
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    EXPECT_TRUE(files_->image().after_power_cut(Policy::lose_all, random).find("/store"));
  }
}

}  // namespace
}  // namespace syncd::test
