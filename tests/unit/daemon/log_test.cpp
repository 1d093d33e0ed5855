#include "daemon/log.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace syncd::test {

using daemon::Log;
using daemon::LogFields;
using daemon::LogLevel;
using daemon::LogOptions;

namespace {

struct Capture {
  std::vector<std::string> lines;
  core::WallTime now{core::Millis{1'746'549'072'451}};

  Log make(LogOptions options = {}) {
    return Log(
        options, [this](LogLevel, const std::string& line) { lines.push_back(line); },
        [this] { return now; });
  }
};

}  // namespace

TEST(Log, WritesOneObjectPerLine) {
  Capture capture;
  Log log = capture.make();
  log.info("starting", "moneykit-syncd starts", LogFields{}.add("links", 3).add("store", "/var/lib/x"));
  ASSERT_EQ(capture.lines.size(), 1U);
  EXPECT_EQ(capture.lines[0], R"({"ts":"2025-05-06T16:31:12.451Z","level":"info","event":"starting",)"
                              R"("msg":"moneykit-syncd starts","links":3,"store":"/var/lib/x"})");
}

TEST(Log, NeverBreaksALine) {
  Capture capture;
  Log log = capture.make();
  log.info("ready", "two\nlines \x1b[31m \xFF", LogFields{}.add("error", "\"},{\"a\":\"\n"));
  ASSERT_EQ(capture.lines.size(), 1U);
  EXPECT_EQ(capture.lines[0].find('\n'), std::string::npos);
  EXPECT_EQ(capture.lines[0].find('\x1b'), std::string::npos);
  EXPECT_NE(capture.lines[0].find(R"("error":"\"},{\"a\":\"\n")"), std::string::npos) << capture.lines[0];
}

TEST(Log, PutsThePriorityInFrontForTheJournal) {
  Capture capture;
  Log log = capture.make({.level = LogLevel::debug, .journal_prefix = true});
  log.debug("ready", "a");
  log.info("ready", "a");
  log.warn("ready", "a");
  log.error("ready", "b");
  ASSERT_EQ(capture.lines.size(), 4U);
  EXPECT_TRUE(capture.lines[0].starts_with("<7>{"));
  EXPECT_TRUE(capture.lines[1].starts_with("<6>{"));
  EXPECT_TRUE(capture.lines[2].starts_with("<4>{"));
  EXPECT_TRUE(capture.lines[3].starts_with("<3>{"));
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  Capture capture;
  Log log = capture.make({.level = LogLevel::warn});
  log.info("ready", "a");
  log.warn("ready", "a");
  log.set_level(LogLevel::debug);
  log.debug("ready", "a");
  EXPECT_EQ(capture.lines.size(), 2U);
}

TEST(Log, SuppressesIdenticalWarningsAndSaysHowMany) {
  Capture capture;
  Log log = capture.make();
  for (int count = 0; count < 10; ++count)
    log.warn("store_notice", "low");
  log.warn("store_notice", "lower");
  EXPECT_EQ(capture.lines.size(), 2U) << "another message is another warning";
  capture.now += core::Millis{60'000};
  log.warn("store_notice", "low");
  ASSERT_EQ(capture.lines.size(), 3U);
  EXPECT_NE(capture.lines[2].find(R"("repeated":9)"), std::string::npos) << capture.lines[2];
  for (int count = 0; count < 3; ++count)
    log.info("cycle", "same");
  EXPECT_EQ(capture.lines.size(), 6U) << "cycles are never suppressed";
}

TEST(Log, TellsOfEachLineWhetherItWasWritten) {
  Capture capture;
  Log log = capture.make();
  std::vector<std::pair<LogLevel, bool>> told;
  log.set_tally([&told](LogLevel level, bool written) { told.emplace_back(level, written); });
  log.debug("ready", "below the level");
  log.info("ready", "a");
  log.warn("store_notice", "low");
  log.warn("store_notice", "low");
  log.error("store_notice", "low");
  EXPECT_EQ(told, (std::vector<std::pair<LogLevel, bool>>{{LogLevel::info, true},
                                                          {LogLevel::warn, true},
                                                          {LogLevel::warn, false},
                                                          {LogLevel::error, false}}));
}

TEST(Log, AClockThatWentBackDoesNotSilenceAWarningForEver) {
  Capture capture;
  Log log = capture.make();
  log.warn("store_notice", "low");
  capture.now -= core::Millis{86'400'000};
  log.warn("store_notice", "low");
  EXPECT_EQ(capture.lines.size(), 2U);
}

TEST(LinkNamer, HidesTheIdBehindTheSalt) {
  daemon::LinkNamer namer;
  namer.set_salt("salt");
  const core::LinkId link_id{"mk_link_1"};
  // printf 'saltmk_link_1' | sha256sum
  EXPECT_EQ(namer.link_ref(link_id).size(), 12U);
  EXPECT_EQ(namer.in_log(link_id), namer.link_ref(link_id));
  EXPECT_NE(namer.link_ref(link_id), namer.link_ref(core::LinkId{"mk_link_2"}));
  daemon::LinkNamer other;
  other.set_salt("pepper");
  EXPECT_NE(namer.link_ref(link_id), other.link_ref(link_id));
  namer.set_plain(true);
  EXPECT_EQ(namer.in_log(link_id), "mk_link_1");
}

}  // namespace syncd::test
