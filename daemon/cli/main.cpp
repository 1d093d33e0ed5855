#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/verify_commands.hpp"
#include "daemon/config.hpp"
#include "daemon/exit_codes.hpp"

namespace {

using namespace syncd;
using Command = std::function<cli::CliResult<int>(const cli::Session&)>;

struct Options {
  std::string socket;
  std::string config;
  bool json = false;
  bool dry_run = false;
  std::string link_id;
  std::string state;
  std::string relink_status = "open";
  std::string wait;
  cli::AddOptions add;
  std::size_t limit = 0;
  std::optional<std::uint64_t> after;
  bool follow = false;
  cli::VerifyOptions verify;
  bool yes = false;
  std::string letter;
};

// The option, the environment, the configuration, the default.
cli::CliResult<std::string> choose_socket(const Options& options) {
  if (!options.socket.empty()) return options.socket;
  if (const char* socket = std::getenv("MONEYKITCTL_SOCKET"); socket != nullptr && *socket != '\0')
    return socket;
  if (options.config.empty()) return "/run/moneykit-syncd/admin.sock";
  const auto loaded = daemon::load_config(options.config, daemon::process_environment());
  if (loaded) return loaded->config.admin.socket;
  std::string message = "the configuration cannot be used";
  for (const auto& problem : loaded.error())
    message += "\n" + daemon::describe(problem);
  return std::unexpected(cli::CliError{daemon::exit_config, std::move(message)});
}

// Every verb takes --json; `command` runs when the verb was given.
CLI::App* add_verb(CLI::App& parent, const char* name, const char* help, Options& options, Command& chosen,
                   Command command) {
  CLI::App* verb = parent.add_subcommand(name, help);
  verb->add_flag("--json", options.json, "Print JSON, for programs");
  verb->callback([&chosen, command = std::move(command)] { chosen = command; });
  return verb;
}

void add_link_argument(CLI::App* verb, Options& options) {
  verb->add_option("LINK", options.link_id, "Link id")->required();
}

void add_dry_run(CLI::App* verb, Options& options) {
  verb->add_flag("--dry-run", options.dry_run, "Say what would happen and change nothing");
}

void add_link_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* links = app.add_subcommand("links", "The links that are kept current");
  links->require_subcommand(1);
  CLI::App* ls = add_verb(*links, "ls", "List all links", o, chosen,
                          [&](const cli::Session& s) { return cli::list_links(s, o.state); });
  ls->add_option("--state", o.state, "Only links of this status")
      ->check(CLI::IsMember({"active", "backoff", "relink", "blocked", "quarantined", "paused", "gone"}));
  add_link_argument(add_verb(*links, "show", "Show one link", o, chosen,
                             [&](const cli::Session& s) { return cli::show_link(s, o.link_id); }),
                    o);
  CLI::App* add = add_verb(*links, "add", "Register a link; it is synced at once", o, chosen,
                           [&](const cli::Session& s) { return cli::add_link(s, o.add); });
  add->add_option("LINK", o.add.link_id, "Link id")->required();
  add->add_option("--user", o.add.customer_user_id, "Your id of the user whose link it is");
  add->add_option("--tag", o.add.tags, "A word to find it by; may be repeated");
  add_dry_run(add, o);
  CLI::App* sync = add_verb(*links, "sync", "Visit a link now, inside the budgets", o, chosen,
                            [&](const cli::Session& s) { return cli::sync_link(s, o.link_id, o.wait); });
  add_link_argument(sync, o);
  sync->add_option("--wait", o.wait, "Wait for the result, for example 30s (60s at most)");
  add_dry_run(sync, o);
  CLI::App* pause = add_verb(*links, "pause", "Stop visiting a link", o, chosen,
                             [&](const cli::Session& s) { return cli::pause_link(s, o.link_id); });
  add_link_argument(pause, o);
  add_dry_run(pause, o);
  CLI::App* resume = add_verb(*links, "resume", "Visit a paused link again", o, chosen,
                              [&](const cli::Session& s) { return cli::resume_link(s, o.link_id); });
  add_link_argument(resume, o);
  add_dry_run(resume, o);
}

void add_reading_verbs(CLI::App& app, Options& o, Command& chosen) {
  add_verb(app, "status", "What the daemon is doing", o, chosen,
           [](const cli::Session& s) { return cli::show_status(s); });
  add_link_argument(add_verb(app, "accounts", "List a link's accounts and balances", o, chosen,
                             [&](const cli::Session& s) { return cli::list_accounts(s, o.link_id); }),
                    o);
  CLI::App* transactions =
      add_verb(app, "transactions", "List a link's transactions", o, chosen,
               [&](const cli::Session& s) { return cli::list_transactions(s, o.link_id, o.limit); });
  add_link_argument(transactions, o);
  transactions->add_option("--limit", o.limit, "At most this many; 0: all")->capture_default_str();
  CLI::App* relink = app.add_subcommand("relink", "The links that need their owner");
  relink->require_subcommand(1);
  CLI::App* ls = add_verb(*relink, "ls", "List the relink queue", o, chosen,
                          [&](const cli::Session& s) { return cli::list_relinks(s, o.relink_status); });
  ls->add_option("--status", o.relink_status, "open, resolved or all")
      ->check(CLI::IsMember({"open", "resolved", "all"}))
      ->capture_default_str();
  add_link_argument(add_verb(*relink, "show", "Show one relink entry", o, chosen,
                             [&](const cli::Session& s) { return cli::show_relink(s, o.link_id); }),
                    o);
  CLI::App* feed = app.add_subcommand("feed", "The change feed");
  feed->require_subcommand(1);
  CLI::App* tail = add_verb(*feed, "tail", "Print the last changes", o, chosen,
                            [&](const cli::Session& s) { return cli::tail_feed(s, o.after, o.follow); });
  tail->add_option("--after", o.after, "Begin behind this sequence instead");
  tail->add_flag("--follow,-f", o.follow, "Go on until interrupted");
}

void add_repair_verbs(CLI::App& app, Options& o, Command& chosen) {
  CLI::App* verify = add_verb(app, "verify", "Compare links with upstream and change nothing", o, chosen,
                              [&](const cli::Session& s) { return cli::verify_links(s, o.verify); });
  auto* which = verify->add_option_group("links")->require_option(1);
  which->add_option("--link", o.verify.link_id, "This link");
  which->add_option("--sample", o.verify.sample, "So many active links, drawn by lot")
      ->check(CLI::Range(1, 1'000'000));
  CLI::App* repair =
      add_verb(app, "repair", "Read a link's whole history again and correct what differs", o, chosen,
               [&](const cli::Session& s) { return cli::repair_link(s, o.link_id, o.yes); });
  add_link_argument(repair, o);
  repair->add_flag("--yes,-y", o.yes, "Do not ask");
  repair->add_flag("--dry-run", o.dry_run, "Verify instead: say what differs and change nothing");
  CLI::App* letters = app.add_subcommand("dead-letters", "Evidence of answers that were refused");
  letters->require_subcommand(1);
  add_verb(*letters, "ls", "List all dead letters", o, chosen,
           [](const cli::Session& s) { return cli::list_dead_letters(s); });
  struct Verb {
    const char* name;
    const char* help;
    cli::CliResult<int> (*run)(const cli::Session&, const std::string&);
    bool changes;
  };
  for (const Verb& entry : {Verb{"show", "Show one dead letter", &cli::show_dead_letter, false},
                            Verb{"retry", "Take its link out of the quarantine and visit it at once",
                                 &cli::retry_dead_letter, true},
                            Verb{"drop", "Throw a dead letter away", &cli::drop_dead_letter, true}}) {
    CLI::App* verb = add_verb(*letters, entry.name, entry.help, o, chosen,
                              [&o, run = entry.run](const cli::Session& s) { return run(s, o.letter); });
    verb->add_option("LETTER", o.letter, "Its name, as ls prints it")->required();
    if (entry.changes) add_dry_run(verb, o);
  }
}

int run(int argc, char** argv) {
  CLI::App app{"Asks and steers a running moneykit-syncd."};
  Options options;
  Command chosen;
  app.add_option("--socket", options.socket, "The daemon's admin socket (or environment MONEYKITCTL_SOCKET)");
  app.add_option("--config", options.config, "Take the socket from this configuration of the daemon");
  app.set_version_flag("--version", std::string("moneykitctl " SYNCD_VERSION));
  app.require_subcommand(1);
  app.fallthrough();
  add_reading_verbs(app, options, chosen);
  add_link_verbs(app, options, chosen);
  add_repair_verbs(app, options, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? daemon::exit_ok : daemon::exit_usage;
  }
  const auto socket = choose_socket(options);
  const auto result = socket ? chosen(cli::Session{cli::Client(*socket), options.json, options.dry_run})
                             : cli::CliResult<int>(std::unexpected(socket.error()));
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
    return daemon::exit_failure;
  }
}
