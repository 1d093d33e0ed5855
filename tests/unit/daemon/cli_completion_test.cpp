#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/daemon/cli_help.hpp"
#include "tests/unit/daemon/scripted_daemon.hpp"

// What the shells complete, asked of the shells themselves with the script that the program prints.
namespace syncd::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

using Words = std::vector<std::string>;

std::string in_quotes(const std::string& word) {
  std::string out = "'";
  for (const char c : word)
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string joined(const Words& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : " ") + in_quotes(word);
  return out;
}

// Standard output of a command line.
std::string output_of(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "re");
  EXPECT_NE(pipe, nullptr);
  std::string out;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    out.append(buffer.data(), got);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return out;
}

Words lines_of(const std::string& text) {
  Words lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::ranges::sort(lines);
  return lines;
}

bool is_installed(const char* shell) {
  return std::system((std::string("command -v ") + shell + " >/dev/null 2>&1").c_str()) == 0;
}

class CliCompletion : public testing::Test {
 protected:
  // The program's script, and below it what the test adds.
  std::string script(const std::string& shell, const std::string& more) const {
    const std::string printed = output_of(in_quotes(MONEYKITCTL_PROGRAM) + " completion " + shell);
    EXPECT_FALSE(printed.empty());
    return scratch_.write("script." + shell, printed + more);
  }
  // What bash would offer for each of the lines, whose last word is being typed, as bash breaks them.
  std::vector<Words> in_bash(const std::vector<Words>& lines) const {
    std::string asks = "\n";
    for (const Words& line : lines) {
      asks += "COMP_WORDS=(" + in_quotes(MONEYKITCTL_PROGRAM) + " " + joined(line) + ")\n";
      asks += "COMP_CWORD=" + std::to_string(line.size()) + "\n";
      asks += "_moneykitctl " + in_quotes(MONEYKITCTL_PROGRAM) + " " + in_quotes(line.back()) + " ''\n";
      asks += "printf '%s\\n' \"${COMPREPLY[@]}\" ---\n";
    }
    const std::string out = output_of("bash --norc --noprofile " + in_quotes(script("bash", asks)));
    std::vector<Words> answers;
    for (std::size_t at = 0; at < out.size();) {
      const std::size_t end = out.find("---\n", at);
      if (end == std::string::npos) break;
      answers.push_back(lines_of(out.substr(at, end - at)));
      at = end + 4;
    }
    EXPECT_EQ(answers.size(), lines.size());
    answers.resize(lines.size());
    return answers;
  }
  Words in_bash(const Words& line) const { return in_bash(std::vector<Words>{line}).front(); }

  ScratchDirectory scratch_;
};

// Compared with the help, which the parser writes: nothing that it takes is missing.
TEST_F(CliCompletion, BashKnowsEachVerbAndEachOption) {
  const std::vector<HelpPage> pages = all_pages();
  std::vector<Words> lines;
  for (const HelpPage& page : pages) {
    for (const char* typed : {"", "-"}) {
      lines.push_back(words_of(page.path));
      lines.back().emplace_back(typed);
    }
  }
  const std::vector<Words> answers = in_bash(lines);
  for (std::size_t at = 0; at < pages.size(); ++at) {
    SCOPED_TRACE(pages[at].path);
    if (!pages[at].verbs.empty())
      EXPECT_THAT(answers[2 * at], testing::UnorderedElementsAreArray(pages[at].verbs));
    EXPECT_THAT(answers[2 * at + 1], IsSupersetOf(pages[at].options));
    EXPECT_THAT(answers[2 * at + 1], Contains("--socket")) << "it may be said anywhere";
    EXPECT_THAT(answers[2 * at], Not(Contains("__complete")));
  }
}

TEST_F(CliCompletion, BashKnowsTheValues) {
  const std::vector<Words> answers = in_bash(std::vector<Words>{
      {"links", "ls", "--state", ""},
      {"links", "ls", "--state", "=", "re"},
      {"links", "ls", "--state", "="},
      {"relink", "ls", "--limit", "5", "--status", "c"},
      {"tokens", "create", "ann", "--role", ""},
      {"--color", "a"},
      {"completion", ""},
      {"--socket", "/s", "links", "sh"},
      {"links", "ls", "--state", "relink", "--se"},
      {"relink", "note", "mk_1", ""},
  });
  EXPECT_THAT(answers[0],
              ElementsAre("active", "backoff", "blocked", "gone", "paused", "quarantined", "relink"));
  EXPECT_THAT(answers[1], ElementsAre("relink"));
  EXPECT_EQ(answers[2].size(), 7U);
  EXPECT_THAT(answers[3], ElementsAre("claimed"));
  EXPECT_THAT(answers[4], ElementsAre("admin", "operate", "read"));
  EXPECT_THAT(answers[5], ElementsAre("always", "auto"));
  EXPECT_THAT(answers[6], ElementsAre("bash", "fish", "zsh"));
  EXPECT_THAT(answers[7], ElementsAre("show"));
  EXPECT_THAT(answers[8], ElementsAre("--search"));
  EXPECT_THAT(answers[9], IsEmpty()) << "a note is anybody's guess";
}

TEST_F(CliCompletion, IdsAreAskedOfTheDaemon) {
  ScriptedDaemon daemon;
  const auto answer = [&](const std::string& body, Words line) {
    daemon.answers({{200, body}});
    line.insert(line.begin(), {"--socket", daemon.path()});
    return in_bash(line);
  };
  const std::string two = R"({"items":[{"link_id":"mk_a1"},{"link_id":"mk_b2"},{"link_id":"other"}]})";
  EXPECT_THAT(answer(two, {"links", "show", "mk_"}), ElementsAre("mk_a1", "mk_b2"));
  EXPECT_THAT(daemon.asked(), ElementsAre("GET /v1/links?limit=100&search=mk_"));
  EXPECT_THAT(answer(two, {"relink", "claim", ""}), ElementsAre("mk_a1", "mk_b2", "other"));
  EXPECT_THAT(daemon.asked(), ElementsAre("GET /v1/relink?limit=100"));
  EXPECT_THAT(answer(two, {"verify", "--link", "mk_b"}), ElementsAre("mk_b2"));
  EXPECT_THAT(answer(R"({"items":[{"name":"ann"},{"name":"bob"}]})", {"tokens", "revoke", ""}),
              ElementsAre("ann", "bob"));
  EXPECT_THAT(answer(two, {"links", "add", "mk_"}), IsEmpty()) << "a new one is not known here";
  EXPECT_THAT(daemon.asked(), IsEmpty());
  // Bash breaks a word at its colons, and completes what is behind the last one.
  const std::string letters = R"({"items":[{"id":"17:mk_a1"},{"id":"18:mk_b2"}]})";
  EXPECT_THAT(answer(letters, {"dead-letters", "show", ""}), ElementsAre("17:mk_a1", "18:mk_b2"));
  EXPECT_THAT(answer(letters, {"dead-letters", "show", "17", ":"}), ElementsAre("mk_a1"));
  EXPECT_THAT(answer(letters, {"dead-letters", "show", "17", ":", "mk"}), ElementsAre("mk_a1"));
}

// What upstream calls a link must not be carried out by a shell.
TEST_F(CliCompletion, AnIdThatIsNoPlainWordIsNotOffered) {
  ScriptedDaemon daemon;
  const std::string mark = scratch_.path("carried-out");
  daemon.answers({{200, R"({"items":[{"link_id":"mk_$(touch )" + mark +
                            R"x()"},{"link_id":"mk_`id`"},)x"
                            R"({"link_id":"mk_a b"},{"link_id":"mk_*"},{"link_id":"mk_good"},)"
                            R"({"link_id":"--yes"},{"link_id":"mk_\u001b[2J"}]})"}});
  EXPECT_THAT(in_bash({"--socket", daemon.path(), "links", "show", ""}), ElementsAre("mk_good"));
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST_F(CliCompletion, NobodyIsTroubledByADaemonThatIsNotThere) {
  EXPECT_THAT(in_bash({"--socket", scratch_.path("none.sock"), "links", "show", ""}), IsEmpty());
  ScriptedDaemon daemon;  // closes without an answer
  EXPECT_THAT(in_bash({"--socket", daemon.path(), "links", "show", ""}), IsEmpty());
  daemon.answers({{403, R"({"code":"role_too_low","detail":"no"})"}});
  EXPECT_THAT(in_bash({"--socket", daemon.path(), "tokens", "revoke", ""}), IsEmpty());
}

// Zsh without its line editor: what it would add is printed.
TEST_F(CliCompletion, Zsh) {
  if (!is_installed("zsh")) GTEST_SKIP() << "zsh is not installed";
  const auto in_zsh = [&](const Words& line) {
    const std::string before = scratch_.write("before.zsh",
                                              "compdef() { : }\ncompset() { : }\n_files() { print files }\n"
                                              "compadd() { shift; print -rl -- \"$@\" }\n");
    const std::string asks = "\nwords=(" + in_quotes(MONEYKITCTL_PROGRAM) + " " + joined(line) +
                             ")\nCURRENT=" + std::to_string(line.size() + 1) + "\n_moneykitctl\n";
    return lines_of(output_of("zsh -f -c 'source " + before + "; source " + script("zsh", asks) + "'"));
  };
  for (const HelpPage& page : all_pages()) {
    SCOPED_TRACE(page.path);
    Words line = words_of(page.path);
    line.emplace_back("-");
    EXPECT_THAT(in_zsh(line), IsSupersetOf(page.options));
    line.back() = "";
    if (!page.verbs.empty()) EXPECT_THAT(in_zsh(line), testing::UnorderedElementsAreArray(page.verbs));
  }
  EXPECT_THAT(in_zsh({"links", "ls", "--state="}), Contains("relink"));
  EXPECT_THAT(in_zsh({"tokens", "create", "ann", "--role", ""}), ElementsAre("admin", "operate", "read"));
  EXPECT_THAT(in_zsh({"--config", ""}), ElementsAre("files"));
}

TEST_F(CliCompletion, Fish) {
  if (!is_installed("fish")) GTEST_SKIP() << "fish is not installed";
  std::string asks = "\n";
  const std::vector<HelpPage> pages = all_pages();
  for (const HelpPage& page : pages) {
    for (const char* typed : {"", "-"})
      asks += "complete -C 'moneykitctl " + page.path + (page.path.empty() ? "" : " ") + typed +
              "' | string replace -r '\\t.*' ''\necho ---\n";
  }
  asks += "complete -C 'moneykitctl links ls --state ' | string replace -r '\\t.*' ''\necho ---\n";
  ScriptedDaemon daemon;
  daemon.answers({{200, R"({"items":[{"link_id":"mk_a1"},{"link_id":"mk_$(id) x"}]})"}});
  asks += "complete -C 'moneykitctl --socket " + daemon.path() + " links show mk_'\necho ---\n";
  const std::string programs = std::filesystem::path(MONEYKITCTL_PROGRAM).parent_path();
  const std::string out = output_of("HOME=" + in_quotes(scratch_.path("")) +
                                    " MONEYKITCTL_SOCKET=/nowhere PATH=" + in_quotes(programs) +
                                    ":$PATH fish --no-config " + in_quotes(script("fish", asks)));
  std::vector<Words> answers;
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t end = out.find("---\n", at);
    ASSERT_NE(end, std::string::npos) << out;
    answers.push_back(lines_of(out.substr(at, end - at)));
    at = end + 4;
  }
  ASSERT_EQ(answers.size(), 2 * pages.size() + 2);
  for (std::size_t at = 0; at < pages.size(); ++at) {
    SCOPED_TRACE(pages[at].path);
    if (!pages[at].verbs.empty())
      EXPECT_THAT(answers[2 * at], testing::UnorderedElementsAreArray(pages[at].verbs));
    EXPECT_THAT(answers[2 * at + 1], IsSupersetOf(pages[at].options));
  }
  EXPECT_THAT(answers.at(2 * pages.size()), Contains("quarantined"));
  EXPECT_THAT(answers.back(), ElementsAre("mk_a1"));
}

}  // namespace
}  // namespace syncd::test
