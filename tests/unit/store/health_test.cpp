#include <cstdarg>
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

TEST(Health, WhatRocksDbSaysBesideACallIsCounted) {
  const auto health = std::make_shared<Health>();
  const auto listener = make_listener(health);
  auto status = rocksdb::Status::IOError("no");
  listener->OnBackgroundError(rocksdb::BackgroundErrorReason::kFlush, &status);
  listener->OnBackgroundError(rocksdb::BackgroundErrorReason::kCompaction, &status);
  EXPECT_EQ(health->errors(StoreOperation::background), 2u);
  EXPECT_EQ(health->errors(StoreOperation::write), 0u);
  EXPECT_FALSE(health->ok());
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

// The two ways into a logger that rocksdb::Log() does not take for these levels.
void log_directly(rocksdb::Logger& logger, const rocksdb::InfoLogLevel* level, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (level == nullptr) {
    logger.Logv(format, arguments);
  } else {
    logger.Logv(*level, format, arguments);
  }
  va_end(arguments);
}

TEST(Health, LoggerDropsWhatHasNoLevelOrNoText) {
  std::size_t lines = 0;
  const auto logger = make_logger([&lines](int, const std::string&) { ++lines; });
  log_directly(*logger, nullptr, "n=%d", 7);
  const auto info = rocksdb::InfoLogLevel::INFO_LEVEL;
  const auto header = rocksdb::InfoLogLevel::HEADER_LEVEL;
  const auto error = rocksdb::InfoLogLevel::ERROR_LEVEL;
  log_directly(*logger, &info, "n=%d", 7);
  log_directly(*logger, &header, "n=%d", 7);
  log_directly(*logger, &error, "%s", "");
  EXPECT_EQ(lines, 0u);
  log_directly(*logger, &error, "n=%d", 7);
  EXPECT_EQ(lines, 1u);
}

TEST(Health, ErrorsOfRocksDbsOwnThreadsAreFailuresWithoutContent) {
  const auto health = std::make_shared<Health>();
  const auto listener = make_listener(health);
  rocksdb::Status status = rocksdb::Status::IOError("write of 'acc_123'");
  listener->OnBackgroundError(rocksdb::BackgroundErrorReason::kFlush, &status);
  EXPECT_FALSE(health->ok());
  EXPECT_EQ(health->reason(), "IO error: write of (...)");
}

// A disk that refused one write is not written again behind our back.
TEST(Health, RocksDbDoesNotRecoverByItself) {
  const auto listener = make_listener(std::make_shared<Health>());
  bool recovers = true;
  listener->OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason::kFlush, rocksdb::Status::IOError(),
                                 &recovers);
  EXPECT_FALSE(recovers);
}

TEST(Health, CountsTheTimesThatWritersWereStopped) {
  const auto health = std::make_shared<Health>();
  const auto listener = make_listener(health);
  rocksdb::WriteStallInfo info;
  for (const auto now : {rocksdb::WriteStallCondition::kDelayed, rocksdb::WriteStallCondition::kStopped,
                         rocksdb::WriteStallCondition::kNormal, rocksdb::WriteStallCondition::kStopped}) {
    info.condition.cur = now;
    listener->OnStallConditionsChanged(info);
  }
  EXPECT_EQ(health->stops(), 2u);
  EXPECT_TRUE(health->ok());
}

TEST(Health, FailsWithoutAListenerToo) {
  Health health;
  health.fail("first");
  health.on_failure(nullptr);
  EXPECT_FALSE(health.ok());
  EXPECT_EQ(without_content("caf\xc3\xa9"), "caf  ");
}

}  // namespace
}  // namespace syncd::test
