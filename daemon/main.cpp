#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "daemon/app.hpp"
#include "daemon/backup_commands.hpp"
#include "daemon/config.hpp"
#include "daemon/config_check.hpp"
#include "daemon/config_manual.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/online_check.hpp"
#include "daemon/options.hpp"

namespace {

using namespace syncd::daemon;

int report(const std::vector<ConfigProblem>& problems) {
  for (const ConfigProblem& problem : problems) {
    fmt::print(stderr, "{}\n", describe(problem));
  }
  fmt::print(stderr, "{} {} in the configuration\n", problems.size(),
             problems.size() == 1 ? "problem" : "problems");
  return exit_config;
}

int check_config(const std::string& path, bool online) {
  const auto loaded = load_checked_config(path, process_environment());
  if (!loaded) return report(loaded.error());
  if (!online) {
    fmt::print("ok\n");
    return exit_ok;
  }
  const OnlineCheck result = check_online(loaded->config);
  fmt::print(result.exit_code == exit_ok ? stdout : stderr, "{}{}\n",
             result.exit_code == exit_ok ? "ok: " : "", result.message);
  return result.exit_code;
}

int dump(const std::string& path, const DumpOptions& options) {
  const auto loaded = load_config(path, process_environment());
  if (!loaded) return report(loaded.error());
  fmt::print("{}", dump_config(*loaded, options));
  return exit_ok;
}

int run_daemon(const std::string& path) {
  auto loaded = load_checked_config(path, process_environment(), MachineCheck::needed);
  if (!loaded) return report(loaded.error());
  App app(std::move(*loaded), path);
  return app.run();
}

Terminal terminal() {
  return {.out =
              [](std::string_view line) {
                fmt::print("{}\n", line);
                std::fflush(stdout);
              },
          .error = [](std::string_view line) { fmt::print(stderr, "moneykit-syncd: {}\n", line); }};
}

int run(int argc, char** argv) {
  const auto arguments = parse_arguments({argv + std::min(argc, 1), argv + argc});
  if (!arguments) {
    fmt::print("{}", arguments.error().out);
    fmt::print(stderr, "{}", arguments.error().error);
    return arguments.error().exit_code;
  }
  switch (arguments->command) {
    case Options::Command::version:
      fmt::print("moneykit-syncd {}\n", SYNCD_VERSION);
      return exit_ok;
    case Options::Command::check_config:
      return check_config(arguments->config_path, arguments->online);
    case Options::Command::dump_config:
      return dump(arguments->config_path,
                  {.effective = arguments->effective, .redacted = arguments->redacted});
    case Options::Command::config_reference:
      fmt::print("{}", configuration_reference());
      return exit_ok;
    case Options::Command::config_manual:
      fmt::print("{}", configuration_manual());
      return exit_ok;
    case Options::Command::backup_verify:
      return verify_backup(*arguments, terminal());
    case Options::Command::backup_drill:
      return drill_backup(*arguments, terminal());
    case Options::Command::backup_restore:
      return restore_backup(*arguments, terminal());
    case Options::Command::run:
      break;
  }
  return run_daemon(arguments->config_path);
}

}  // namespace

int main(int argc, char** argv) {
  harden_process();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    // tidy: allow exception-text: a defect or a lack of memory, with nothing of anybody's data in it
    fmt::print(stderr, "moneykit-syncd: {}\n", error.what());
    return exit_failure;
  }
}
