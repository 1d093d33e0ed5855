#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/arguments.hpp"
#include "daemon/cli/flags.hpp"
#include "daemon/cli/grammar.hpp"
#include "daemon/cli/help_texts.hpp"
#include "tests/unit/daemon/cli_help.hpp"

// What the command line takes, and what it says about what it does not take.
namespace syncd::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string complaint(const std::vector<std::string>& words) {
  cli::Invocation invocation;
  const auto ending = cli::parse_arguments(words, invocation);
  EXPECT_TRUE(ending) << "it was taken";
  if (!ending) return {};
  EXPECT_EQ(ending->exit_code, 2);
  EXPECT_EQ(ending->out, "");
  return ending->error;
}

TEST(CliGrammar, WhatIsUnknownIsNamedWithWhatIsLikeIt) {
  struct Case {
    std::vector<std::string> words;
    const char* message;
  };
  const Case cases[] = {
      {{"lnks"}, "there is no verb lnks; did you mean links?\nmoneykitctl --help lists them"},
      {{"links", "lss"}, "links has no verb lss; did you mean ls?\nmoneykitctl links --help lists them"},
      {{"links", "shwo", "mk_1"}, "links has no verb shwo; did you mean show?"},
      {{"frobnicate"}, "there is no verb frobnicate\n"},
      {{"__nothing"}, "there is no verb __nothing\n"},
      {{"links", "ls", "--stat", "relink"}, "links ls has no option --stat; did you mean --state?\n"},
      {{"links", "ls", "--sate=relink"}, "links ls has no option --sate; did you mean --state?\n"},
      {{"--sokcet", "/s", "status"}, "there is no option --sokcet; did you mean --socket?\n"},
      {{"status", "--colour", "never"}, "status has no option --colour; did you mean --color?\n"},
      {{"relink", "dismiss", "mk_1", "--forse"}, "relink dismiss has no option --forse\n"},
      {{"links", "show", "mk_1", "mk_2"}, "links show has no place for mk_2\n"},
      {{"status", "today"}, "status has no place for today\n"},
      {{"lnks\x1b[2J"}, "there is no verb lnks?[2J"},
      {{}, "a verb is missing: status, "},
      {{"relink"}, "relink: a verb is missing: ls, show, "},
      {{"links", "show"}, "LINK is required\nmoneykitctl links show --help says more"},
  };
  for (const Case& test : cases)
    EXPECT_THAT(complaint(test.words), StartsWith(test.message)) << testing::PrintToString(test.words);
}

TEST(CliGrammar, ValuesAreCheckedBeforeAnybodyIsAsked) {
  struct Case {
    std::vector<std::string> words;
    const char* message;
  };
  const std::string long_id(257, 'x');
  const Case cases[] = {
      {{"transactions", "mk_1", "--limit", "x"}, "--limit: must be a whole number"},
      {{"audit", "ls", "--limit", "99999999999999999999"}, "--limit: must be a whole number"},
      {{"feed", "tail", "--after", "1x"}, "--after: must be a whole number"},
      {{"relink", "claim", "mk_1", "--version", "-1"}, "--version: must be a whole number"},
      {{"links", "sync", "mk_1", "--wait", "3parsecs"}, "--wait: must be a duration from 0s to 1m"},
      {{"links", "sync", "mk_1", "--wait", "61s"}, "--wait: must be a duration from 0s to 1m"},
      {{"links", "ls", "--state", "happy"}, "--state: happy not in {active,"},
      {{"links", "ls", "--search", long_id}, "--search: must not have more than 256 bytes"},
      {{"links", "show", "two\nlines"}, "LINK: must be an id: 1 to 256 bytes"},
      {{"links", "add", long_id}, "LINK: must be an id"},
      {{"links", "add", "mk_1", "--user", "\xFF"}, "--user: must be an id"},
      {{"relink", "claim", long_id}, "LINK: must be an id"},
      {{"relink", "session", long_id}, "LINK: must be an id"},
      {{"relink", "claim", "mk_1", "--for", std::string(129, 'x')}, "--for: must not have more than 128"},
      {{"relink", "note", "mk_1", std::string(2001, 'x')}, "TEXT: must not have more than 2000 bytes"},
      {{"relink", "dismiss", "mk_1", "--reason", ""}, "--reason: is empty"},
      {{"relink", "ls", "--status", "closed"}, "--status: closed not in {live,"},
      {{"verify", "--link", long_id}, "--link: must be an id"},
      {{"dead-letters", "show", "mk_1"}, "LETTER: must be a time and a link id, for example"},
      {{"tokens", "create", "Ann", "--role", "read"}, "NAME: must have 1 to 64 characters of a-z"},
      {{"tokens", "revoke", "a b"}, "NAME: must have 1 to 64 characters of a-z"},
      {{"tokens", "create", "ann", "--role", "king"}, "--role: king not in {read,operate,admin}"},
      {{"tokens", "create", "ann", "--role", "read", "--lifetime", "366d"},
       "--lifetime: must be a duration from 1s to 365d"},
      {{"feed", "consumers", "add", "Ann"}, "CONSUMER: must have 1 to 64 characters of a-z"},
      {{"feed", "consumers", "ack", "ann", "seven"}, "TO: must be a sequence of the feed, or head"},
      {{"feed", "consumers", "add", "ann", "--from", "7"}, "--from: 7 not in {head,start}"},
      {{"--color", "red", "status"}, "--color: red not in {auto,always,never}"},
      {{"completion", "tcsh"}, "SHELL: tcsh not in {bash,zsh,fish}"},
  };
  for (const Case& test : cases)
    EXPECT_THAT(complaint(test.words), StartsWith(test.message)) << testing::PrintToString(test.words);
}

TEST(CliGrammar, TheNearestWord) {
  const std::vector<std::string> known{"links", "relink", "status", "tokens", "transactions"};
  EXPECT_EQ(cli::nearest("link", known), "links");
  EXPECT_EQ(cli::nearest("lniks", known), "links") << "two letters in each other's place";
  EXPECT_EQ(cli::nearest("statsu", known), "status");
  EXPECT_EQ(cli::nearest("transact", known), "transactions") << "a beginning";
  EXPECT_EQ(cli::nearest("x", known), std::nullopt);
  EXPECT_EQ(cli::nearest("", known), std::nullopt);
  EXPECT_EQ(cli::nearest("banana", known), std::nullopt);
  EXPECT_EQ(cli::nearest(std::string(100'000, 'l'), known), std::nullopt);
}

// What the API says of its members, in the words that were typed.
TEST(CliGrammar, RefusalsNameFlags) {
  const auto translated = [](const char* message, const char* problem = "invalid_body") {
    return cli::in_flags({.exit_code = 1, .message = message, .problem = problem},
                         {{"customer_user_id", "--user"},
                          {"customer_user.id", "--user"},
                          {"tags", "--tag"},
                          {"text", "--reason"}});
  };
  EXPECT_EQ(translated("the body: customer_user_id must have 1 to 256 bytes").message,
            "--user must have 1 to 256 bytes");
  EXPECT_EQ(translated("link session: customer_user.id must have 4 characters", "invalid").message,
            "--user must have 4 characters");
  EXPECT_EQ(translated("the body: tags[3] must have 1 to 128 bytes").message,
            "--tag[3] must have 1 to 128 bytes");
  EXPECT_EQ(translated("text is no text").message, "--reason is no text") << "only where it is a name";
  EXPECT_EQ(translated("the value of customer_user_id is odd").message, "the value of --user is odd");
  EXPECT_EQ(translated("text is empty").exit_code, 2);
  EXPECT_EQ(translated("upstream refused the token", "invalid").exit_code, 1) << "nobody typed that";
  EXPECT_EQ(translated("text is taken", "conflict").message, "text is taken");
  EXPECT_EQ(translated("text is taken", "conflict").exit_code, 1);
}

TEST(CliHelp, EachVerbHasAnExampleThatIsTaken) {
  std::set<std::string_view> shown;
  for (const cli::Example& example : cli::examples()) {
    EXPECT_TRUE(shown.insert(example.path).second) << example.path << " twice";
    EXPECT_THAT(std::string(example.arguments), StartsWith(std::string(example.path)));
    std::vector<std::string> words = words_of(std::string(example.arguments));
    // What the shell keeps for itself.
    words.erase(
        std::ranges::find_if(words, [](const std::string& word) { return word == ">" || word == "<"; }),
        words.end());
    cli::Invocation invocation;
    const auto ending = cli::parse_arguments(words, invocation);
    EXPECT_FALSE(ending) << example.arguments << ": " << ending->error;
  }
  for (const HelpPage& page : all_pages()) {
    if (!page.verbs.empty()) continue;
    EXPECT_TRUE(shown.contains(page.path)) << page.path << " has no example: see help_texts.cpp";
    EXPECT_THAT(page.text, HasSubstr("Example: moneykitctl " + page.path)) << page.path;
  }
}

TEST(CliHelp, TheProgramShowsItsVerbsInGroups) {
  const HelpPage program = all_pages().front();
  for (const char* group :
       {"\nLook:\n", "\nKeep links current:\n", "\nCheck and repair:\n", "\nAdminister:\n"})
    EXPECT_THAT(program.text, HasSubstr(group));
  EXPECT_THAT(program.text, testing::Not(HasSubstr("\nSubcommands:\n")))
      << "a verb is in no group: see help_texts.cpp";
  EXPECT_THAT(program.text, testing::Not(HasSubstr("__complete")));
  EXPECT_GE(program.verbs.size(), 14U);
}

}  // namespace
}  // namespace syncd::test
