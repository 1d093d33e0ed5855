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
  log.info("started", "moneykit-syncd started", LogFields{}.add("links", 3).add("path", "/var/lib/x"));
  ASSERT_EQ(capture.lines.size(), 1U);
  EXPECT_EQ(capture.lines[0], R"({"ts":"2025-05-06T16:31:12.451Z","level":"info","event":"started",)"
                              R"("msg":"moneykit-syncd started","links":3,"path":"/var/lib/x"})");
}

TEST(Log, NeverBreaksALine) {
  Capture capture;
  Log log = capture.make();
  log.info("x", "two\nlines \x1b[31m \xFF", LogFields{}.add("evil", "\"},{\"a\":\"\n"));
  ASSERT_EQ(capture.lines.size(), 1U);
  EXPECT_EQ(capture.lines[0].find('\n'), std::string::npos);
  EXPECT_EQ(capture.lines[0].find('\x1b'), std::string::npos);
  EXPECT_NE(capture.lines[0].find(R"("evil":"\"},{\"a\":\"\n")"), std::string::npos) << capture.lines[0];
}

TEST(Log, PutsThePriorityInFrontForTheJournal) {
  Capture capture;
  Log log = capture.make({.level = LogLevel::debug, .journal_prefix = true});
  log.debug("a", "a");
  log.info("a", "a");
  log.warn("a", "a");
  log.error("a", "b");
  ASSERT_EQ(capture.lines.size(), 4U);
  EXPECT_TRUE(capture.lines[0].starts_with("<7>{"));
  EXPECT_TRUE(capture.lines[1].starts_with("<6>{"));
  EXPECT_TRUE(capture.lines[2].starts_with("<4>{"));
  EXPECT_TRUE(capture.lines[3].starts_with("<3>{"));
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  Capture capture;
  Log log = capture.make({.level = LogLevel::warn});
  log.info("a", "a");
  log.warn("a", "a");
  log.set_level(LogLevel::debug);
  log.debug("a", "a");
  EXPECT_EQ(capture.lines.size(), 2U);
}

TEST(Log, SuppressesIdenticalWarningsAndSaysHowMany) {
  Capture capture;
  Log log = capture.make();
  for (int count = 0; count < 10; ++count)
    log.warn("disk", "low");
  log.warn("disk", "lower");
  EXPECT_EQ(capture.lines.size(), 2U) << "another message is another warning";
  capture.now += core::Millis{60'000};
  log.warn("disk", "low");
  ASSERT_EQ(capture.lines.size(), 3U);
  EXPECT_NE(capture.lines[2].find(R"("repeated":9)"), std::string::npos) << capture.lines[2];
  for (int count = 0; count < 3; ++count)
    log.info("cycle", "same");
  EXPECT_EQ(capture.lines.size(), 6U) << "cycles are never suppressed";
}

TEST(Log, AClockThatWentBackDoesNotSilenceAWarningForEver) {
  Capture capture;
  Log log = capture.make();
  log.warn("disk", "low");
  capture.now -= core::Millis{86'400'000};
  log.warn("disk", "low");
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
