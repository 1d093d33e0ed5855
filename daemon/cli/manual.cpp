#include "daemon/cli/manual.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "daemon/cli/help_texts.hpp"
#include "daemon/man_page.hpp"

namespace syncd::cli {

namespace {

constexpr std::string_view program_name = "moneykitctl";

// `--limit COUNT`, `-y, --yes`.
std::string spelling(const GrammarOption& option) {
  std::string kind = option.kind;
  if (!option.values.empty()) kind = fmt::format("{}", fmt::join(option.values, "|"));
  return fmt::format("{}{}{}", fmt::join(option.names, ", "), option.takes_value ? " " : "",
                     option.takes_value ? kind : "");
}

std::string synopsis(const GrammarVerb& verb) {
  std::string text = "moneykitctl " + verb.path;
  for (const GrammarOption& operand : verb.operands)
    text += " " + operand.names.front();
  return text;
}

void add_verb(const GrammarVerb& verb, daemon::ManPage& page) {
  page.subsection(synopsis(verb));
  page.paragraph(verb.help + ".");
  for (const GrammarOption& operand : verb.operands) {
    const std::string values =
        operand.values.empty() ? "" : fmt::format(": {}", fmt::join(operand.values, ", "));
    page.entry(operand.names.front(), operand.help + values);
  }
  for (const GrammarOption& option : verb.options) {
    if (option.names.front() != "--help") page.entry(spelling(option), option.help);
  }
  const auto has_path = [&](const Example& example) { return example.path == verb.path; };
  const auto example = std::ranges::find_if(examples(), has_path);
  if (example != examples().end()) page.example(fmt::format("moneykitctl {}", example->arguments));
}

void add_ending(daemon::ManPage& page) {
  page.section("EXIT STATUS");
  page.entry("0", "Done.");
  page.entry("1", "Refused or failed; verify: something differs.");
  page.entry("2", "Wrong use, decided before the daemon is asked where it can be.");
  page.entry("65", "The daemon refused to verify or repair: no such link, or it is paused.");
  page.entry("69", "Nobody answers, or something could not be compared.");
  page.entry("70", "A defect of this program.");
  page.entry("74", "The store failed, or what was to be printed is lost.");
  page.entry("78", "The configuration that was named is wrong.");
  page.section("ENVIRONMENT");
  page.entry("MONEYKITCTL_SOCKET", "The daemon's admin socket, where --socket does not name one.");
  page.entry("NO_COLOR", "No colours, whatever the terminal can do; so does TERM=dumb.");
  page.section("FILES");
  page.entry("/run/moneykit-syncd/admin.sock",
             "The daemon's admin socket. Root and the group moneykit-admin may use it.");
  page.section("SEE ALSO");
  page.paragraph("`moneykit-syncd`(8), `moneykit-syncd.toml`(5)");
}

}  // namespace

std::string manual(const std::vector<GrammarVerb>& grammar) {
  const GrammarVerb& program = grammar.front();
  daemon::ManPage page(program_name, 1, "moneykit-syncd " SYNCD_VERSION, "User Commands");
  page.section("NAME");
  page.paragraph(fmt::format("{} - ask and steer a running moneykit-syncd", program_name));
  page.section("SYNOPSIS");
  page.paragraph("`moneykitctl` [OPTIONS] VERB [ARGUMENTS]");
  page.section("DESCRIPTION");
  page.paragraph(
      "Each verb is a request to the admin API of the daemon, over its unix socket. Tables are for people: "
      "they fit "
      "the terminal, and go whole into a file or a pipe. With `--json` a verb prints what the API answers. "
      "With "
      "`--dry-run` one that would change something says what it would do, and only reads. Verbs that take "
      "something "
      "away ask first; in scripts, say `--yes`.");
  page.section("OPTIONS");
  for (const GrammarOption& option : program.options)
    page.entry(spelling(option), option.help);
  page.section("VERBS");
  for (const GrammarVerb& verb : grammar) {
    const bool for_people = !verb.group.empty() && !verb.path.empty();
    if (for_people && verb.verbs.empty()) add_verb(verb, page);
  }
  add_ending(page);
  return std::move(page).text();
}

}  // namespace syncd::cli
