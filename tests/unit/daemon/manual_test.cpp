#include "daemon/cli/manual.hpp"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config_manual.hpp"
#include "daemon/config_table.hpp"
#include "daemon/man_page.hpp"
#include "tests/unit/daemon/cli_help.hpp"

// The pages for man(1). That they have no error for those who format them is the package's test.
namespace syncd::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// As it stands on a page.
std::string on_the_page(std::string text) {
  for (std::size_t at = 0; (at = text.find('-', at)) != std::string::npos; at += 2)
    text.insert(at, "\\");
  return text;
}

TEST(ManPage, TextsCannotBecomeRequests) {
  daemon::ManPage page("moneykit-syncd", 8, "moneykit-syncd 1", "System");
  page.section("NAME");
  page.paragraph(".so /etc/passwd\n'tis `bold` \\fI not\n`open");
  page.entry("--a \"b\"", "c");
  page.example(".de\n\nwith-hyphen ^ ~");
  EXPECT_EQ(std::move(page).text(),
            ".TH \"MONEYKIT\\-SYNCD\" 8 \"\" \"moneykit\\-syncd 1\" \"System\"\n"
            ".SH \"NAME\"\n"
            "\\&.so /etc/passwd\n"
            "\\(aqtis \\fBbold\\fR \\(rsfI not\n"
            "\\fBopen\\fR\n"
            ".TP\n\\fB\\-\\-a \"b\"\\fR\nc\n"
            ".PP\n.nf\n.RS 4\n\\&.de\n\nwith\\-hyphen \\(ha \\(ti\n.RE\n.fi\n");
}

TEST(ManPage, OnlyTheFirstParagraphBelowAHeadingNeedsNoMacro) {
  daemon::ManPage page("a", 1, "b", "c");
  page.section("NAME");
  page.paragraph("one");
  page.paragraph("two");
  EXPECT_THAT(std::move(page).text(), HasSubstr(".SH \"NAME\"\none\n.PP\ntwo\n"));
}

TEST(Manual, HasEveryVerbAndOptionOfTheHelp) {
  cli::Invocation invocation;
  ASSERT_FALSE(cli::parse_arguments({"manual"}, invocation));
  const cli::Session nobody{cli::Client("/nowhere")};
  testing::internal::CaptureStdout();
  EXPECT_EQ(invocation.command(nobody), 0);
  const std::string page = testing::internal::GetCapturedStdout();
  EXPECT_THAT(page, StartsWith(".TH \"MONEYKITCTL\" 1 \"\""));
  std::size_t verbs = 0;
  for (const HelpPage& help : all_pages()) {
    if (!help.verbs.empty()) continue;
    ++verbs;
    EXPECT_THAT(page, HasSubstr(on_the_page("moneykitctl " + help.path)));
    for (const std::string& option : help.options)
      EXPECT_THAT(page, HasSubstr(on_the_page(option))) << help.path;
  }
  EXPECT_GT(verbs, 30u);
  EXPECT_THAT(page, Not(HasSubstr("__complete"))) << "it is not for people";
}

std::string help_of(std::vector<std::string> words) {
  words.emplace_back("--help");
  const auto options = daemon::parse_arguments(std::move(words));
  return options ? "" : options.error().out;
}

// The page of the daemon is written by hand: nothing that its help lists may be missing.
TEST(Manual, OfTheDaemonHasEveryCommandAndOptionOfItsHelp) {
  std::ifstream file(std::string(SYNCD_SOURCE_DIR) + "/systemd/moneykit-syncd.8");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::vector<std::vector<std::string>> commands = {
      {},         {"check-config"},    {"config"},           {"config", "dump"},
      {"backup"}, {"backup", "drill"}, {"backup", "restore"}};
  std::size_t met = 0;
  for (const auto& words : commands) {
    HelpPage help;
    const std::string text = help_of(words);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("  ")) read_line(line, true, help);
    }
    for (const auto* names : {&help.verbs, &help.options}) {
      for (const std::string& name : *names) {
        if (name == "-h" || name == "BACKUP") continue;
        ++met;
        EXPECT_THAT(page, HasSubstr(on_the_page(name))) << testing::PrintToString(words);
      }
    }
  }
  EXPECT_GT(met, 15u);
}

TEST(Manual, HasEveryKeyOfTheConfiguration) {
  const std::string page = daemon::configuration_manual();
  for (const daemon::ConfigKey& key : daemon::config_keys())
    EXPECT_THAT(page, HasSubstr(on_the_page(std::string(key.name) + " = "))) << key.full_name();
  for (const daemon::ConfigSection& section : daemon::config_sections())
    EXPECT_THAT(page, HasSubstr(".SH \"[" + std::string(section.name) + "]\""));
}

}  // namespace
}  // namespace syncd::test
