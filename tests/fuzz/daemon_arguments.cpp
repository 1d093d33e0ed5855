#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/options.hpp"
#include "tests/fuzz/support/choices.hpp"
#include "tests/fuzz/support/command_line.hpp"
#include "tests/fuzz/support/target.hpp"

// The command line of moneykit-syncd. Any words lead to a command, to help, or to a refusal with the exit
// code of wrong usage and something to read; nothing is thrown, and nothing is done or read that no word asks
// for. A command line that is put together by the rules is taken, with the option before or behind the
// command, and each value is what was given.
namespace syncd::fuzz {
namespace {

using daemon::Options;
using Command = Options::Command;

Words any_words(Choices& choices) {
  constexpr std::string_view words[] = {"run",       "check-config", "config",     "dump",       "version",
                                        "--config",  "--config=",    "--config=a", "--online",   "--online=1",
                                        "--help",    "--version",    "-h",         "--",         "-",
                                        "--online=", "--confi",      "--config=b", "--help-all", "backup",
                                        "verify",    "drill",        "restore",    "latest",     "--scratch",
                                        "--replace"};
  return draw_words(choices, words, 12, 32);
}

bool has(const Words& line, std::string_view word) {
  return std::ranges::find(line, word) != line.end();
}

// Some word begins with it: `--online` may have a value behind a `=`.
bool begins(const Words& line, std::string_view front) {
  return std::ranges::any_of(line, [front](const std::string& word) { return word.starts_with(front); });
}

void try_any(Choices& choices) {
  const Words line = any_words(choices);
  const auto arguments = daemon::parse_arguments(line);
  if (!arguments) return check_ending(arguments.error());
  const Command command = arguments->command;
  FUZZ_CHECK(command != Command::check_config || has(line, "check-config"), "a check was asked for");
  FUZZ_CHECK(command != Command::version || has(line, "version"), "the version was asked for");
  FUZZ_CHECK(command != Command::dump_config || (has(line, "config") && has(line, "dump")),
             "the configuration was asked for");
  FUZZ_CHECK(!arguments->online || (command == Command::check_config && begins(line, "--online")),
             "upstream is asked by a check that was told to");
  FUZZ_CHECK(!arguments->replace || (command == Command::backup_restore && begins(line, "--replace")),
             "a store is replaced by a restore that was told to");
  const bool of_backup = command == Command::backup_verify || command == Command::backup_drill ||
                         command == Command::backup_restore;
  FUZZ_CHECK(!of_backup || (has(line, "backup") && has(line, arguments->backup)), "a backup was named");
  const std::string& path = arguments->config_path;
  FUZZ_CHECK(path == Options{}.config_path || has(line, path) || has(line, "--config=" + path),
             "the configuration is the usual one or the one given");
}

void try_good(Choices& choices) {
  struct Form {
    Words words;
    Command command;
    bool online = false;
  };
  const std::vector<Form> forms{{{}, Command::run},
                                {{"run"}, Command::run},
                                {{"check-config"}, Command::check_config},
                                {{"check-config", "--online"}, Command::check_config, true},
                                {{"config", "dump"}, Command::dump_config},
                                {{"version"}, Command::version},
                                {{"backup", "verify", "latest"}, Command::backup_verify},
                                {{"backup", "drill", "latest", "--scratch", "x"}, Command::backup_drill},
                                {{"backup", "restore", "latest"}, Command::backup_restore}};
  const Form& form = forms[choices.below(static_cast<std::uint32_t>(forms.size()))];
  Words line = form.words;
  const bool given = choices.flag();
  const bool in_front = choices.flag();
  const bool one_word = choices.flag();
  const std::string path = any_value(choices);
  const Words option = one_word ? Words{"--config=" + path} : Words{"--config", path};
  if (given) line.insert(in_front ? line.begin() : line.end(), option.begin(), option.end());
  const auto arguments = daemon::parse_arguments(line);
  FUZZ_CHECK_SAYING(arguments.has_value(), "a good command line is taken",
                    arguments ? "" : arguments.error().error);
  FUZZ_CHECK(arguments->command == form.command, "the command is the one given");
  FUZZ_CHECK(arguments->online == form.online, "upstream is asked when it was asked for");
  FUZZ_CHECK(arguments->config_path == (given ? path : Options{}.config_path),
             "the configuration is the one given");
}

}  // namespace

FUZZ_TARGET(daemon_arguments) {
  Choices choices(bytes);
  return choices.once_in(4) ? try_good(choices) : try_any(choices);
}

}  // namespace syncd::fuzz
