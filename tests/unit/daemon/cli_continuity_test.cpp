#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/arguments.hpp"
#include "daemon/cli/continuity.hpp"
#include "daemon/cli/render.hpp"
#include "sync/core/continuity.hpp"
#include "tests/unit/core/continuity_side.hpp"

// The daemon's report on a relink as people see it.
namespace syncd::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string shown(const core::ContinuityReport& report) {
  const auto value = cli::parse_json(core::to_json(core::LinkId{"mk_1"}, report));
  EXPECT_TRUE(value);
  return value ? cli::render_continuity(*value, continuity_now) : std::string();
}

TEST(CliContinuity, OfAnIntactLinkThereIsLittle) {
  const auto side = side_of({{.id = "acc_1"}}, payments("acc_1", 6, "t"));
  const std::string text = shown(core::compare(side, side));
  EXPECT_THAT(text, AllOf(HasSubstr("intact: 1 account kept\n"), HasSubstr("acc_1"), HasSubstr("12.50"),
                          Not(HasSubstr("GONE")), Not(HasSubstr("MISSING")), Not(HasSubstr("not compared"))));
}

TEST(CliContinuity, ProposalsCarryTheirEvidence) {
  const auto before = side_of({{.id = "old"}}, payments("old", 8, "x"));
  const auto after = side_of({{.id = "new"}}, payments("new", 8, "y"));
  EXPECT_THAT(
      shown(core::compare(before, after)),
      AllOf(HasSubstr("changed: 0 accounts kept"), HasSubstr("GONE"), HasSubstr("NEW"), HasSubstr("certain"),
            HasSubstr("mask same, type same, currency same, name same, balance same, 8 of 8 rows equal"),
            HasSubstr("the daemon merges nothing")));
}

TEST(CliContinuity, RefusalsSayWhy) {
  const auto before = side_of({{.id = "old"}}, payments("old", 8, "x"));
  const auto twins =
      side_of({{.id = "n1"}, {.id = "n2"}}, both(payments("n1", 8, "y"), payments("n2", 8, "z")));
  EXPECT_THAT(shown(core::compare(before, twins)), HasSubstr("several accounts could be it"));
  const auto none = side_of({}, {});
  EXPECT_THAT(shown(core::compare(before, none)), HasSubstr("no account could be it"));
}

TEST(CliContinuity, NamesAreHarmlessForATerminal) {
  auto side = side_of({{.id = "acc_1"}}, {});
  side.accounts[0].name = "\x1b[2Jgone\x07";
  EXPECT_THAT(shown(core::compare(side, side)), Not(HasSubstr("\x1b")));
}

TEST(CliContinuity, IsAVerbOfRelink) {
  cli::Invocation invocation;
  EXPECT_FALSE(cli::parse_arguments({"relink", "continuity", "mk_1", "--json"}, invocation));
  EXPECT_EQ(invocation.options.link_id, "mk_1");
  EXPECT_TRUE(cli::parse_arguments({"relink", "continuity"}, invocation));
}

}  // namespace
}  // namespace syncd::test
