#include "store/files.hpp"

#include <fstream>
#include <sys/stat.h>

#include "tests/unit/store/store_fixture.hpp"

namespace syncd::test {
namespace {

using namespace store;

TEST(Files, WrittenContentReplacesTheOldAndLeavesNoTemporary) {
  const TempDir directory;
  ASSERT_TRUE(write_durably(directory.str(), "f", "one"));
  ASSERT_TRUE(write_durably(directory.str(), "f", "two"));
  EXPECT_EQ(read_small_file(directory / "f", 100), "two");
  EXPECT_FALSE(std::filesystem::exists(directory / "f.tmp"));
}

TEST(Files, MissingFileIsNotAnError) {
  const TempDir directory;
  const auto content = read_small_file(directory / "f", 100);
  ASSERT_TRUE(content);
  EXPECT_FALSE(*content);
  EXPECT_TRUE(remove_durably(directory.str(), "f"));
}

TEST(Files, LargeFileIsCutWhereItCanBeNoticed) {
  const TempDir directory;
  ASSERT_TRUE(write_durably(directory.str(), "f", std::string(50, 'x')));
  const auto content = read_small_file(directory / "f", 10);
  ASSERT_TRUE(content && *content);
  EXPECT_EQ((*content)->size(), 11u);
}

TEST(Files, ErrorsNameFileAndCause) {
  const TempDir directory;
  const auto written = write_durably(directory / "missing", "f", "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, core::Errc::storage);
  EXPECT_NE(written.error().message.find("missing/f.tmp: No such file"), std::string::npos)
      << written.error().message;
}

TEST(Files, TooLittleSpaceIsRefusedWithNumbers) {
  const TempDir directory;
  ASSERT_TRUE(require_free_space(directory.str(), 1));
  const auto refused = require_free_space(directory.str(), std::uint64_t{1} << 60);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("MiB of free disk space and needs"), std::string::npos);
  EXPECT_NE(refused.error().message.find(directory.str()), std::string::npos);
}

TEST(Files, CreatedDirectoryIsPrivate) {
  const TempDir directory;
  ASSERT_TRUE(prepare_directory(directory / "new"));
  struct stat info = {};
  ASSERT_EQ(::stat((directory / "new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST(Files, LockIsExclusiveUntilReleased) {
  const TempDir directory;
  {
    const auto first = lock_store(directory.str());
    ASSERT_TRUE(first);
    const auto second = lock_store(directory.str());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().message,
              "store " + directory.str() +
                  " is in use by another process (lock held); stop it or choose another "
                  "[store] path");
  }
  EXPECT_TRUE(lock_store(directory.str()));
}

}  // namespace
}  // namespace syncd::test
