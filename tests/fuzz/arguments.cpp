#include "daemon/cli/arguments.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/command_line.hpp"
#include "tests/fuzz/support/target.hpp"

// The command line of moneykitctl. Any words lead to a command, to help, or to a refusal with the exit code
// of wrong usage and something to read; nothing is thrown. A command line that is put together by the rules
// is taken, and each value is what was given: a link id that looks like a number or a path stays as it is,
// and what can be no id is refused.
namespace syncd::fuzz {
namespace {

Words any_words(Choices& choices) {
  constexpr std::string_view words[] = {"links",      "ls",
                                        "show",       "add",
                                        "sync",       "pause",
                                        "resume",     "status",
                                        "accounts",   "transactions",
                                        "relink",     "feed",
                                        "tail",       "--json",
                                        "--dry-run",  "--state",
                                        "active",     "--status",
                                        "open",       "--limit",
                                        "--after",    "--follow",
                                        "-f",         "--wait",
                                        "--user",     "--tag",
                                        "--socket",   "--config",
                                        "--help",     "--version",
                                        "--",         "-",
                                        "--limit=-1", "--limit=99999999999999999999",
                                        "--after=1",  "-ff"};
  return draw_words(choices, words, 16, 64);
}

void try_any(Choices& choices) {
  cli::Invocation invocation;
  const auto ending = cli::parse_arguments(any_words(choices), invocation);
  if (!ending) return FUZZ_CHECK(invocation.command != nullptr, "a command line that is taken has a command");
  check_ending(*ending);
}

void try_good(Choices& choices) {
  const std::string link_id = any_value(choices);
  const std::string user = any_value(choices);
  const std::string tag = any_value(choices);
  const std::string socket = any_value(choices);
  std::vector<std::string> line{"links", "add"};
  const bool json = choices.flag();
  if (json) line.emplace_back("--json");
  line.push_back("--user=" + user);
  line.push_back("--tag=" + tag);
  line.push_back("--socket=" + socket);
  line.emplace_back("--");
  line.push_back(link_id);
  cli::Invocation invocation;
  const auto ending = cli::parse_arguments(line, invocation);
  if (!core::is_valid_id(link_id) || !core::is_valid_id(user)) {
    FUZZ_CHECK(ending && ending->exit_code == daemon::exit_usage, "what is no id is refused here");
    return check_ending(*ending);
  }
  FUZZ_CHECK_SAYING(!ending, "a good command line is taken", ending ? ending->error : "");
  const cli::Options& options = invocation.options;
  FUZZ_CHECK(options.add.link_id == link_id, "the link id is the one given");
  FUZZ_CHECK(options.add.customer_user_id == user, "the user is the one given");
  FUZZ_CHECK(options.add.tags == std::vector{tag}, "the tag is the one given");
  FUZZ_CHECK(options.socket == socket && options.json == json && !options.dry_run,
             "the options are those given");
}

}  // namespace

FUZZ_TARGET(arguments) {
  Choices choices(bytes);
  return choices.once_in(4) ? try_good(choices) : try_any(choices);
}

}  // namespace syncd::fuzz
