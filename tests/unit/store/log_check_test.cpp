#include <filesystem>
#include <fstream>

#include "store/log_check_impl.hpp"
#include "tests/unit/store/store_fixture.hpp"
#include "tests/unit/store/table_log.hpp"

namespace syncd::test {
namespace {

constexpr store::InstanceId own{1, 2, 3};
constexpr store::InstanceId foreign{9, 9, 9};

// Logs in the form in which RocksDB writes them, beside a CURRENT.
class LogCheckTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    const auto directory = std::filesystem::path(directory_.str()) / "db";
    std::filesystem::create_directories(directory);
    std::ofstream(directory / "CURRENT") << "MANIFEST-000001\n";
    std::ofstream(directory / name, std::ios::binary) << content;
  }
  core::Result<void> check() {
    store::StoreOptions options;
    options.path = directory_.str();
    return store::check_logs(options, store::host_disk(), own);
  }

 private:
  TempDir directory_;
};

TEST_F(LogCheckTest, ARecordOfAnyLengthSaysWhoseItIs) {
  // The mark in one part, split between two at each of its bytes, and behind several blocks.
  for (const std::size_t bytes : {0u, 100u, 32'700u, 32'720u, 32'730u, 32'735u, 32'740u, 32'745u, 32'750u,
                                  32'755u, 32'760u, 32'761u, 32'762u, 70'000u, 200'000u}) {
    std::string log;
    append_record(log, std::string(bytes, 'x') + store::log_mark(own));
    write("000004.log", log);
    EXPECT_TRUE(check()) << bytes;
    log.clear();
    append_record(log, std::string(bytes, 'x') + store::log_mark(foreign));
    write("000004.log", log);
    const auto refused = check();
    ASSERT_FALSE(refused) << bytes;
    EXPECT_TRUE(refused.error().message.contains("000004.log")) << refused.error().message;
    EXPECT_TRUE(refused.error().message.contains(store::to_hex(foreign))) << refused.error().message;
    EXPECT_EQ(refused.error().code, core::Errc::invalid);
  }
}

TEST_F(LogCheckTest, RecordsWithoutAMarkArePassedOver) {
  std::string log;
  append_record(log, "of an earlier version");
  append_record(log, std::string(40'000, 'y'));
  write("000004.log", log);
  EXPECT_TRUE(check());
  append_record(log, "x" + store::log_mark(foreign));
  write("000004.log", log);
  EXPECT_FALSE(check());
}

TEST_F(LogCheckTest, EachLogIsAsked) {
  std::string log;
  append_record(log, "x" + store::log_mark(own));
  write("000004.log", log);
  write("000006.log", "");
  EXPECT_TRUE(check());
  log.clear();
  append_record(log, "x" + store::log_mark(foreign));
  write("000007.log", log);
  EXPECT_FALSE(check());
}

// Whatever is wrong with it, opening has the rules for that.
TEST_F(LogCheckTest, WhatIsNoLogIsLeftToTheOpening) {
  std::string log;
  append_record(log, "x" + store::log_mark(foreign));
  log[10] ^= 1;
  write("000004.log", log);
  EXPECT_TRUE(check());
  write("000004.log", log.substr(0, 3));
  EXPECT_TRUE(check());
}

}  // namespace
}  // namespace syncd::test
