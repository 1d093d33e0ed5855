#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <utility>

#include <gtest/gtest.h>

#include "daemon/visit_file.hpp"
#include "daemon/visit_line.hpp"
#include "tests/unit/daemon/scratch.hpp"

// The trace of visits: its lines, and the two files that they are in.
namespace syncd::test {

namespace {

using daemon::append_visits;
using daemon::AppendedVisits;
using daemon::VisitLine;

core::WallTime at_ms(std::int64_t millis) {
  return core::WallTime(core::Millis(millis));
}

VisitLine some_visit() {
  return {.at = at_ms(1'767'225'600'123),
          .link = 0x00ab'cdef'0123'4567,
          .institution = 0xffff'ffff'ffff'fffe,
          .refreshed_at = at_ms(1'767'225'500'000),
          .fetched = true,
          .changed = true,
          .cause = core::Cause::webhook};
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// `count` lines of 78 bytes or so, no two alike.
std::string lines_of(int count, int from = 0) {
  std::string lines;
  for (int i = 0; i < count; ++i) {
    VisitLine visit = some_visit();
    visit.link = static_cast<std::uint64_t>(from + i);
    lines += daemon::format_visit(visit);
  }
  return lines;
}

struct TraceFiles : testing::Test {
  std::string newer() const { return text_of(scratch.path("visits.trace")); }
  std::string before() const { return text_of(scratch.path("visits.trace.1")); }
  AppendedVisits append(const std::string& lines, std::uint64_t bytes_max = 1 << 20) const {
    return append_visits(scratch.path(""), lines, bytes_max);
  }
  ScratchDirectory scratch;
  const std::string head{daemon::visit_trace_head};
};

}  // namespace

// Traces of older versions are read by newer ones.
TEST(VisitLine, HasTheFormThatIsDocumented) {
  EXPECT_EQ(daemon::format_visit(some_visit()),
            "1767225600123 00abcdef01234567 fffffffffffffffe 1767225500000 fetch 1 webhook\n");
  EXPECT_EQ(daemon::visit_trace_head, "moneykit-syncd visits 1\n");
}

TEST(VisitLine, IsReadAsItWasWritten) {
  VisitLine visit = some_visit();
  for (int cause = 1; cause <= 6; ++cause) {
    for (const bool flag : {false, true}) {
      visit.cause = static_cast<core::Cause>(cause);
      visit.fetched = flag;
      visit.changed = !flag;
      const std::string line = daemon::format_visit(visit);
      EXPECT_LE(line.size(), daemon::visit_line_bytes_max);
      EXPECT_EQ(daemon::parse_visit(line.substr(0, line.size() - 1)), visit) << line;
    }
  }
}

// Also with times that no clock should show.
TEST(VisitLine, IsNeverLongerThanItsBound) {
  VisitLine visit = some_visit();
  visit.at = visit.refreshed_at = core::WallTime::min();
  visit.cause = core::Cause::schedule;
  EXPECT_LE(daemon::format_visit(visit).size(), daemon::visit_line_bytes_max);
}

TEST(VisitLine, DamagedIsNotRead) {
  const std::string whole = daemon::format_visit(some_visit());
  const std::string line = whole.substr(0, whole.size() - 1);
  ASSERT_TRUE(daemon::parse_visit(line));
  for (std::size_t length = 0; length < line.size(); ++length)
    EXPECT_FALSE(daemon::parse_visit(line.substr(0, length))) << line.substr(0, length);
  for (std::size_t at = 0; at < line.size(); ++at) {
    std::string other = line;
    other[at] = '~';
    EXPECT_FALSE(daemon::parse_visit(other)) << other;
  }
  EXPECT_FALSE(daemon::parse_visit(line + " "));
  EXPECT_FALSE(daemon::parse_visit(line + " more"));
  EXPECT_FALSE(daemon::parse_visit(whole));
  EXPECT_FALSE(daemon::parse_visit(" " + line));
  EXPECT_FALSE(daemon::parse_visit("moneykit-syncd visits 1"));
}

TEST(VisitLine, NamesDependOnTheSaltAndOnNothingElse) {
  const core::LinkId link("mk_1");
  EXPECT_EQ(daemon::visit_link_name("salt", link), daemon::visit_link_name("salt", link));
  EXPECT_NE(daemon::visit_link_name("salt", link), daemon::visit_link_name("tlas", link));
  EXPECT_NE(daemon::visit_link_name("salt", link), daemon::visit_link_name("salt", core::LinkId("mk_2")));
  EXPECT_EQ(daemon::visit_institution_name("salt", "chase", "plaid"),
            daemon::visit_institution_name("salt", "chase", "plaid"));
  EXPECT_NE(daemon::visit_institution_name("salt", "chase", "plaid"),
            daemon::visit_institution_name("salt", "chase", "mx"));
  EXPECT_NE(daemon::visit_institution_name("salt", "ab", "c"),
            daemon::visit_institution_name("salt", "a", "bc"));
}

// Or a log and a trace together would say more than each alone.
TEST(VisitLine, ItsNameOfALinkIsNotTheLogs) {
  const core::Digest in_log = core::digest_of("salt" + std::string("mk_1"));
  std::uint64_t begin = 0;
  for (std::size_t at = 0; at < sizeof begin; ++at)
    begin = begin << 8 | in_log[at];
  EXPECT_NE(daemon::visit_link_name("salt", core::LinkId("mk_1")), begin);
}

TEST_F(TraceFiles, BeginWithTheHeadAndGrow) {
  EXPECT_EQ(append(lines_of(2)).lines, 2U);
  const AppendedVisits more = append(lines_of(3, 2));
  EXPECT_EQ(more.lines, 3U);
  EXPECT_FALSE(more.error);
  EXPECT_EQ(newer(), head + lines_of(5));
  EXPECT_FALSE(std::filesystem::exists(scratch.path("visits.trace.1")));
}

TEST_F(TraceFiles, AreForTheirOwnerOnly) {
  const mode_t before_mask = umask(0);
  append(lines_of(1));
  umask(before_mask);
  struct stat about{};
  ASSERT_EQ(stat(scratch.path("visits.trace").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
}

TEST_F(TraceFiles, NeverGrowBeyondTheirBound) {
  constexpr std::uint64_t most = 1'000;
  for (int i = 0; i < 100; ++i) {
    const AppendedVisits appended = append(lines_of(3, 3 * i), most);
    EXPECT_EQ(appended.lines, 3U);
    EXPECT_FALSE(appended.error);
    EXPECT_LE(newer().size(), most);
    EXPECT_LE(before().size(), most);
  }
  // What is there are the latest lines, without a gap and each once.
  ASSERT_TRUE(before().starts_with(head));
  ASSERT_TRUE(newer().starts_with(head));
  const std::string kept = before().substr(head.size()) + newer().substr(head.size());
  EXPECT_TRUE(lines_of(300).ends_with(kept));
  EXPECT_GT(kept.size(), most);
}

TEST_F(TraceFiles, OneWriteMayFillBoth) {
  constexpr std::uint64_t most = 1'000;
  const AppendedVisits appended = append(lines_of(50), most);
  EXPECT_EQ(appended.lines, 50U);
  const std::string kept = before().substr(head.size()) + newer().substr(head.size());
  EXPECT_TRUE(lines_of(50).ends_with(kept));
}

TEST_F(TraceFiles, ABoundThatHoldsNoLineIsAnErrorAndNotAnEndlessLoop) {
  const AppendedVisits appended = append(lines_of(2), 50);
  EXPECT_EQ(appended.lines, 0U);
  ASSERT_TRUE(appended.error);
  EXPECT_EQ(appended.error->code, core::Errc::storage);
}

TEST_F(TraceFiles, ALineThatACrashCutOffIsEnded) {
  scratch.write("visits.trace", head + "17672256001");
  EXPECT_EQ(append(lines_of(1)).lines, 1U);
  EXPECT_EQ(newer(), head + "17672256001\n" + lines_of(1));
}

TEST_F(TraceFiles, OfAnotherFormAreSetAside) {
  scratch.write("visits.trace", "moneykit-syncd visits 2\nsomething\n");
  EXPECT_EQ(append(lines_of(1)).lines, 1U);
  EXPECT_EQ(newer(), head + lines_of(1));
  EXPECT_EQ(before(), "moneykit-syncd visits 2\nsomething\n");
}

TEST_F(TraceFiles, MayBeMovedAwayAtAnyTime) {
  append(lines_of(1));
  std::filesystem::rename(scratch.path("visits.trace"), scratch.path("taken"));
  EXPECT_EQ(append(lines_of(1, 1)).lines, 1U);
  EXPECT_EQ(newer(), head + lines_of(1, 1));
}

TEST_F(TraceFiles, ADirectoryThatIsNotThereIsAnErrorWithItsName) {
  const AppendedVisits appended = append_visits(scratch.path("nowhere"), lines_of(1), 1'000);
  EXPECT_EQ(appended.lines, 0U);
  ASSERT_TRUE(appended.error);
  EXPECT_NE(appended.error->message.find("nowhere/visits.trace"), std::string::npos);
}

// As on a full disk: the file system takes a part of what is written.
TEST_F(TraceFiles, OfAWriteThatStoppedHalfwayNothingIsLeft) {
  append(lines_of(2));
  const std::string whole = newer();
  const auto before_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before_limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before_limit), 0);
  const rlimit limit{.rlim_cur = whole.size() + 40, .rlim_max = before_limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  const AppendedVisits appended = append(lines_of(2, 2));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before_limit), 0);
  std::signal(SIGXFSZ, before_handler);
  EXPECT_EQ(appended.lines, 0U);
  EXPECT_TRUE(appended.error);
  EXPECT_EQ(newer(), whole);
  EXPECT_EQ(append(lines_of(1, 2)).lines, 1U);
  EXPECT_EQ(newer(), head + lines_of(3));
}

// Somebody's link or device in its place is not written through.
TEST_F(TraceFiles, OnlyAFileIsWritten) {
  const std::string other = scratch.write("other", "");
  std::filesystem::create_symlink(other, scratch.path("visits.trace"));
  EXPECT_TRUE(append(lines_of(1)).error);
  EXPECT_EQ(text_of(other), "");
  std::filesystem::remove(scratch.path("visits.trace"));
  ASSERT_EQ(mkfifo(scratch.path("visits.trace").c_str(), 0600), 0);
  EXPECT_TRUE(append(lines_of(1)).error);
}

}  // namespace syncd::test
