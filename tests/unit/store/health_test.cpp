#include <stdexcept>

#include <gtest/gtest.h>

#include "store/health_impl.hpp"
#include "store/store.hpp"

namespace syncd::test {
namespace {

using namespace store;

TEST(Health, FirstReasonWinsAndIsToldOnce) {
  Health health;
  std::vector<std::string> told;
  health.on_failure([&told](std::string reason) { told.push_back(std::move(reason)); });
  EXPECT_TRUE(health.ok());
  health.fail("first");
  health.fail("second");
  EXPECT_FALSE(health.ok());
  EXPECT_EQ(health.reason(), "first");
  EXPECT_EQ(told, std::vector<std::string>{"first"});
}

TEST(Health, LateListenerHearsAnEarlierFailure) {
  Health health;
  health.fail("before");
  std::string told;
  health.on_failure([&told](std::string reason) { told = std::move(reason); });
  EXPECT_EQ(told, "before");
}

TEST(Health, ThrowingListenerDoesNotEscape) {
  Health health;
  health.on_failure([](const std::string&) { throw std::runtime_error("no"); });
  health.fail("reason");
  EXPECT_FALSE(health.ok());
}

TEST(Health, MessagesLoseKeysAndValues) {
  EXPECT_EQ(without_content("Corruption: 'acc_123' @ 5 : 1 in file 000012.sst"),
            "Corruption: (...) @ 5 : 1 in file 000012.sst");
  EXPECT_EQ(without_content("bad key \"secret\" unterminated 'x"), "bad key (...) unterminated (...)");
  EXPECT_EQ(without_content("key 000361626300010203aabb seq 7"), "key (...) seq 7");
  EXPECT_EQ(without_content("line\nbreak\x01"), "line break ");
}

void log_at(rocksdb::Logger& logger, rocksdb::InfoLogLevel level) {
  rocksdb::Log(level, &logger, "n=%d", 7);
}

TEST(Health, LoggerForwardsWarningsAndErrorsOnly) {
  std::vector<std::pair<int, std::string>> lines;
  const auto logger =
      make_logger([&lines](int level, std::string text) { lines.emplace_back(level, std::move(text)); });
  log_at(*logger, rocksdb::InfoLogLevel::DEBUG_LEVEL);
  log_at(*logger, rocksdb::InfoLogLevel::INFO_LEVEL);
  log_at(*logger, rocksdb::InfoLogLevel::HEADER_LEVEL);
  log_at(*logger, rocksdb::InfoLogLevel::WARN_LEVEL);
  log_at(*logger, rocksdb::InfoLogLevel::ERROR_LEVEL);
  const std::vector<std::pair<int, std::string>> expected{{log_warning, "n=7"}, {log_error, "n=7"}};
  EXPECT_EQ(lines, expected);
}

TEST(Health, LoggerSurvivesAThrowingSink) {
  const auto logger = make_logger([](int, const std::string&) { throw std::runtime_error("no"); });
  log_at(*logger, rocksdb::InfoLogLevel::ERROR_LEVEL);
  const auto none = make_logger(nullptr);
  log_at(*none, rocksdb::InfoLogLevel::ERROR_LEVEL);
}

}  // namespace
}  // namespace syncd::test
