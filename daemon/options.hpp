#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace syncd::daemon {

// What a command line of moneykit-syncd asks for.
struct Options {
  enum class Command : std::uint8_t { run, check_config, dump_config, version };
  Command command = Command::run;
  std::string config_path = "/etc/moneykit-syncd/config.toml";
  bool online = false;  // of check_config: ask upstream, too
};

// Nothing is to be done: help or the version was asked for (exit code 0), or something is wrong (exit_usage).
struct Ending {
  int exit_code = 0;
  std::string out;    // for standard output
  std::string error;  // for standard error
};

// Reads the arguments behind the program's name.
std::expected<Options, Ending> parse_arguments(std::vector<std::string> arguments);

}  // namespace syncd::daemon
