#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "daemon/app.hpp"
#include "daemon/config.hpp"
#include "daemon/config_check.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/online_check.hpp"

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

int dump(const std::string& path) {
  const auto loaded = load_config(path, process_environment());
  if (!loaded) return report(loaded.error());
  fmt::print("{}", dump_config(*loaded));
  return exit_ok;
}

int run_daemon(const std::string& path) {
  auto loaded = load_checked_config(path, process_environment());
  if (!loaded) return report(loaded.error());
  App app(std::move(*loaded), path);
  return app.run();
}

int run(int argc, char** argv) {
  CLI::App app{"Keeps an exact local copy of bank data from MoneyKit current."};
  std::string config_path = "/etc/moneykit-syncd/config.toml";
  bool online = false;
  app.add_option("--config", config_path, "Configuration file")->capture_default_str();
  app.set_version_flag("--version", std::string("moneykit-syncd " SYNCD_VERSION));
  app.require_subcommand(0, 1);
  app.fallthrough();
  const CLI::App* daemon = app.add_subcommand("run", "Run the daemon in the foreground (the default)");
  CLI::App* check =
      app.add_subcommand("check-config", "Check the configuration and say everything that is wrong with it");
  check->add_flag("--online", online, "Also ask upstream whether it accepts the credentials");
  CLI::App* config = app.add_subcommand("config", "Show the configuration");
  config->require_subcommand(1);
  const CLI::App* dump_command = config->add_subcommand("dump", "Print the configuration in effect as TOML");
  const CLI::App* version = app.add_subcommand("version", "Print the version");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  if (version->parsed()) {
    fmt::print("moneykit-syncd {}\n", SYNCD_VERSION);
    return exit_ok;
  }
  if (check->parsed()) return check_config(config_path, online);
  if (dump_command->parsed()) return dump(config_path);
  static_cast<void>(daemon);
  return run_daemon(config_path);
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
