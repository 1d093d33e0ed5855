#include "sync/api/secret.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

namespace syncd::test {
namespace {

using api::load_secret_file;
using api::Secret;

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string> &&
              !std::is_convertible_v<Secret, std::string_view>);

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };
static_assert(!Printable<Secret>);

class SecretFile : public testing::Test {
 protected:
  SecretFile() {
    std::string pattern = testing::TempDir() + "secret-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~SecretFile() override { std::filesystem::remove_all(directory_); }

  std::filesystem::path write(const std::string& text, mode_t mode) {
    const std::filesystem::path path = directory_ / "secret";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  void expect_refused(const std::filesystem::path& path, const std::string& why) {
    const auto secret = load_secret_file(path);
    ASSERT_FALSE(secret);
    EXPECT_EQ(secret.error().code, core::Errc::invalid);
    EXPECT_NE(secret.error().message.find(path.string()), std::string::npos) << secret.error().message;
    EXPECT_NE(secret.error().message.find(why), std::string::npos) << secret.error().message;
  }

  std::filesystem::path directory_;
};

TEST_F(SecretFile, is_read_without_its_newline) {
  EXPECT_EQ(load_secret_file(write("s3cret\n", 0400))->reveal(), "s3cret");
  std::filesystem::remove(directory_ / "secret");
  EXPECT_EQ(load_secret_file(write("s3cret", 0600))->reveal(), "s3cret");
  std::filesystem::remove(directory_ / "secret");
  EXPECT_EQ(load_secret_file(write("s3cret\r\n", 0600))->reveal(), "s3cret");
}

TEST_F(SecretFile, must_be_its_owners_alone) {
  for (const mode_t mode : {0644U, 0640U, 0604U, 0660U, 0700U, 0440U}) {
    expect_refused(write("s3cret\n", mode), "chmod 0400");
    std::filesystem::remove(directory_ / "secret");
  }
}

TEST_F(SecretFile, in_the_credential_directory_is_protected_by_systemd) {
  const auto path = write("s3cret\n", 0440);
  const auto secret = load_secret_file(path, directory_);
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(secret->reveal(), "s3cret");
  EXPECT_FALSE(load_secret_file(path, directory_ / "below"));
  EXPECT_FALSE(load_secret_file(path, directory_.parent_path()));
}

TEST_F(SecretFile, must_hold_a_secret_and_nothing_else) {
  expect_refused(directory_ / "absent", "No such file");
  expect_refused(write("", 0600), "empty");
  expect_refused(write("\n", 0600), "empty");
  expect_refused(write("two\nlines\n", 0600), "alone");
  expect_refused(write("with space", 0600), "alone");
  expect_refused(write("caf\xc3\xa9", 0600), "alone");
  expect_refused(write(std::string(5000, 'a'), 0600), "longer than");
  expect_refused(directory_, "not a regular file");
}

TEST_F(SecretFile, errors_do_not_repeat_its_text) {
  const auto secret = load_secret_file(write("hunter2 hunter3", 0600));
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().message.find("hunter"), std::string::npos);
}

TEST_F(SecretFile, a_pipe_does_not_hang) {
  const auto path = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  expect_refused(path, "not a regular file");
}

TEST(secret, moves_and_compares) {
  Secret first("short");
  Secret second = std::move(first);
  EXPECT_EQ(second.reveal(), "short");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that it is wiped is the point
  EXPECT_TRUE(second.equals("short"));
  EXPECT_FALSE(second.equals("shorT"));
  EXPECT_FALSE(second.equals("shor"));
  first = std::move(second);
  EXPECT_EQ(first.reveal(), "short");
}

}  // namespace
}  // namespace syncd::test
