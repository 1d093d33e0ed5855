#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace syncd::daemon {

// What a command line of moneykit-syncd asks for.
struct Options {
  enum class Command : std::uint8_t {
    run,
    check_config,
    dump_config,
    config_reference,
    config_manual,
    version,
    backup_verify,
    backup_drill,
    backup_restore,
  };
  Command command = Command::run;
  std::string config_path = "/etc/moneykit-syncd/config.toml";
  bool online = false;     // of check_config: ask upstream, too
  bool effective = false;  // of dump_config, as DumpOptions
  bool redacted = false;
  std::string backup;    // of backup_*: a directory, a name of the backup directory, or `latest`
  std::string scratch;   // of backup_drill; empty: beside the backup
  bool replace = false;  // of backup_restore: a store that is there is moved aside
};

// A command line, of this program or of moneykitctl, that leads to nothing to be done: help or the version
// was asked for (exit code 0), or something is wrong (exit_usage).
struct Ending {
  int exit_code = 0;
  std::string out;    // for standard output
  std::string error;  // for standard error
};

// What the parser has to say instead of taking a command line.
Ending ending_of(const CLI::App& app, const CLI::ParseError& error);

// Reads the arguments behind the program's name.
std::expected<Options, Ending> parse_arguments(std::vector<std::string> arguments);

}  // namespace syncd::daemon
