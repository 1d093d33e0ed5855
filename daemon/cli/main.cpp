#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "daemon/cli/arguments.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/config.hpp"
#include "daemon/exit_codes.hpp"

namespace {

using namespace syncd;

// What the command line names, the environment, the default.
cli::CliResult<std::string> choose_socket(const cli::Options& options) {
  if (!options.socket.empty()) return options.socket;
  const char* const socket = std::getenv("MONEYKITCTL_SOCKET");
  if (options.config.empty() && socket != nullptr && *socket != '\0') return socket;
  if (options.config.empty()) return "/run/moneykit-syncd/admin.sock";
  const auto loaded = daemon::load_config(options.config, daemon::process_environment());
  if (loaded) return loaded->config.admin.socket;
  std::string message = "the configuration cannot be used";
  for (const auto& problem : loaded.error())
    message += "\n" + daemon::describe(problem);
  return std::unexpected(cli::CliError{daemon::exit_config, std::move(message)});
}

int run(int argc, char** argv) {
  cli::Invocation invocation;
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (const auto ending = cli::parse_arguments(arguments, invocation)) {
    fmt::print("{}", ending->out);
    fmt::print(stderr, "{}", ending->error);
    return ending->exit_code;
  }
  const cli::Options& options = invocation.options;
  const auto socket = choose_socket(options);
  const auto result =
      socket ? invocation.command(cli::Session{cli::Client(*socket), options.json, options.dry_run})
             : cli::CliResult<int>(std::unexpected(socket.error()));
  // What was printed may be a token that is shown once: that it is lost must be known.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "moneykitctl: standard output cannot be written: what was to be printed is lost\n");
    return daemon::exit_io;
  }
  if (result) return *result;
  fmt::print(stderr, "moneykitctl: {}\n", result.error().message);
  return result.error().exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    // tidy: allow exception-text: a defect or a lack of memory, with nothing of anybody's data in it
    fmt::print(stderr, "moneykitctl: {}\n", error.what());
    return daemon::exit_defect;
  }
}
