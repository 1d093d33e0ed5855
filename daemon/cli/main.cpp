#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "daemon/cli/arguments.hpp"
#include "daemon/cli/commands.hpp"
#include "daemon/cli/look.hpp"
#include "daemon/cli/output.hpp"
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

cli::ColorChoice color_choice(const cli::Options& options) {
  if (options.color == "always") return cli::ColorChoice::always;
  return options.color == "never" ? cli::ColorChoice::never : cli::ColorChoice::automatic;
}

void complain(const std::string& message, cli::ColorChoice color) {
  const cli::Look look = cli::look_of(fileno(stderr), color);
  fmt::print(stderr, "{} {}\n", cli::painted("moneykitctl:", cli::Tone::bad, look), message);
}

cli::CliResult<int> carry_out(const cli::Invocation& invocation) {
  const cli::Options& options = invocation.options;
  const auto socket = choose_socket(options);
  if (!socket) return std::unexpected(socket.error());
  return invocation.command(cli::Session{.client = cli::Client(*socket),
                                         .json = options.json,
                                         .dry_run = options.dry_run,
                                         .confirmed = options.confirmed,
                                         .look = cli::look_of(fileno(stdout), color_choice(options))});
}

int run(int argc, char** argv) {
  cli::Invocation invocation;
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const auto ending = cli::parse_arguments(arguments, invocation);
  if (ending && ending->exit_code != daemon::exit_ok) {
    complain(ending->error, cli::ColorChoice::automatic);
    return ending->exit_code;
  }
  if (ending) cli::print(ending->out);
  const auto result = ending ? cli::CliResult<int>(ending->exit_code) : carry_out(invocation);
  const cli::ColorChoice color = color_choice(invocation.options);
  // What was printed may be a token that is shown once: that it is lost must be known.
  if (std::fflush(stdout) != 0 || cli::print_failed()) {
    complain("standard output cannot be written: what was to be printed is lost", color);
    return daemon::exit_io;
  }
  if (result) return *result;
  complain(result.error().message, color);
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
