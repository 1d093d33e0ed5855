#include "daemon/options.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>

#include "daemon/exit_codes.hpp"

namespace syncd::daemon {

namespace {

struct BackupVerbs {
  const CLI::App* all;
  const CLI::App* verify;
  const CLI::App* drill;
  const CLI::App* restore;
};

BackupVerbs add_backup_verbs(CLI::App& app, Options& wanted) {
  CLI::App* all = app.add_subcommand(
      "backup", "Check and put back backups of the store; moneykitctl backup create makes one");
  all->require_subcommand(1);
  const auto add = [&](const char* name, const char* help) {
    CLI::App* verb = all->add_subcommand(name, help);
    verb->add_option("BACKUP", wanted.backup, "Its directory, its name in backup.directory, or latest")
        ->required();
    return verb;
  };
  const CLI::App* verify =
      add("verify", "Compare a backup with its manifest, and the manifest with its database");
  CLI::App* drill =
      add("drill", "Put a backup back into a scratch directory, read all of it, remove the copy");
  drill->add_option("--scratch", wanted.scratch,
                    "An existing directory for the copy; without: beside the backup");
  CLI::App* restore = add("restore", "Put a backup in the place of the store; the daemon must not run");
  restore->add_flag("--replace", wanted.replace, "Move the store that is there aside");
  return {all, verify, drill, restore};
}

}  // namespace

Ending ending_of(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream complaint;
  const bool asked = app.exit(error, out, complaint) == 0;
  return {asked ? exit_ok : exit_usage, out.str(), complaint.str()};
}

std::expected<Options, Ending> parse_arguments(std::vector<std::string> arguments) {
  Options wanted;
  CLI::App app{"Keeps an exact local copy of bank data from MoneyKit current.", "moneykit-syncd"};
  app.add_option("--config", wanted.config_path, "Configuration file")->capture_default_str();
  app.set_version_flag("--version", std::string("moneykit-syncd " SYNCD_VERSION));
  app.require_subcommand(0, 1);
  app.fallthrough();
  const CLI::App* run = app.add_subcommand("run", "Run the daemon in the foreground (the default)");
  CLI::App* check =
      app.add_subcommand("check-config", "Check the configuration and say everything that is wrong with it");
  check->add_flag("--online", wanted.online, "Also ask upstream whether it accepts the credentials");
  CLI::App* config = app.add_subcommand("config", "Show the configuration");
  config->require_subcommand(1);
  CLI::App* dump = config->add_subcommand("dump", "Print the configuration in effect as TOML");
  dump->add_flag("--effective", wanted.effective, "Say of the defaults, too, where they come from");
  dump->add_flag("--redacted", wanted.redacted,
                 "Leave out what tells who you are or may hold something secret");
  const CLI::App* reference = config->add_subcommand("reference", "Print all keys with defaults and ranges");
  const CLI::App* manual = config->add_subcommand("manual", "Print moneykit-syncd.toml(5), for man(1)");
  const CLI::App* version = app.add_subcommand("version", "Print the version");
  const BackupVerbs backup = add_backup_verbs(app, wanted);
  std::ranges::reverse(arguments);  // as the parser wants them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return std::unexpected(ending_of(app, error));
  }
  // Behind `--` the parser does not count them.
  const auto commands =
      std::ranges::count_if(std::array<const CLI::App*, 5>{run, check, config, version, backup.all},
                            [](const CLI::App* command) { return command->parsed(); });
  if (commands > 1) {
    return std::unexpected(Ending{exit_usage, {}, "one command at a time; --help shows them\n"});
  }
  if (version->parsed()) wanted.command = Options::Command::version;
  if (check->parsed()) wanted.command = Options::Command::check_config;
  if (manual->parsed()) wanted.command = Options::Command::config_manual;
  if (dump->parsed()) wanted.command = Options::Command::dump_config;
  if (reference->parsed()) wanted.command = Options::Command::config_reference;
  if (backup.verify->parsed()) wanted.command = Options::Command::backup_verify;
  if (backup.drill->parsed()) wanted.command = Options::Command::backup_drill;
  if (backup.restore->parsed()) wanted.command = Options::Command::backup_restore;
  return wanted;
}

}  // namespace syncd::daemon
