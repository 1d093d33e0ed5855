#include "daemon/cli/purge_commands.hpp"

#include <cstdio>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

// The end of a link, and what the feed tells of it.
namespace syncd::cli {

namespace {

// A purge cannot be taken back: a key that is pressed too fast must not be enough.
bool confirmed_on_terminal(const PurgeOptions& options) {
  fmt::print(stderr,
             "This takes away everything that is stored of link {}{}. It cannot be taken back.\n"
             "Type the link's id to go on: ",
             printable(options.link_id), options.unlink ? ", and ends it at MoneyKit" : "");
  std::fflush(stderr);
  std::string line;
  std::getline(std::cin, line);
  return line == options.link_id;
}

CliResult<int> describe_purge(const Session& session, const PurgeOptions& options) {
  const auto link = session.client.get(link_path(options.link_id));
  if (!link) return std::unexpected(link.error());
  const std::string accounts = link->value.at("counts.accounts", "0");
  const std::string transactions = link->value.at("counts.transactions", "0");
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", "purge");
    writer.member("link_id", std::string_view(options.link_id)).member("unlink", options.unlink);
    writer.key("accounts").raw(accounts).key("transactions").raw(transactions).end_object();
    return print_json(writer.take());
  }
  print(fmt::format("would purge link {} with {} accounts and {} transactions{}; nothing was changed\n",
                    printable(options.link_id), accounts, transactions,
                    options.unlink ? " and end it at MoneyKit" : ""));
  return daemon::exit_ok;
}

}  // namespace

CliResult<int> purge_link(const Session& session, const PurgeOptions& options) {
  if (session.dry_run) return describe_purge(session, options);
  if (!options.confirmed && isatty(STDIN_FILENO) != 1) {
    return std::unexpected(
        CliError{daemon::exit_usage,
                 "purge asks before it takes anything away, and there is no terminal to ask "
                 "on: say --yes, or --dry-run to see what there is"});
  }
  if (!options.confirmed && !confirmed_on_terminal(options)) {
    print("nothing was changed\n");
    return daemon::exit_failure;
  }
  const std::string body = options.unlink ? "{\"unlink\":true}" : "{}";
  const auto answer = session.client.post(link_path(options.link_id, "/purge"), body);
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(fmt::format("link {} is purged: {} accounts and {} transactions were taken away{}\n",
                    printable(options.link_id), answer->value.at("accounts", "0"),
                    answer->value.at("transactions", "0"),
                    options.unlink ? ", and it is ended at MoneyKit" : ""));
  return daemon::exit_ok;
}

CliResult<int> list_link_feed(const Session& session, const std::string& link_id, std::size_t limit) {
  const auto entries = session.client.list(link_path(link_id, "/feed"), {}, limit);
  if (!entries) return std::unexpected(entries.error());
  if (session.json) return print_items(*entries);
  for (const JsonValue& entry : *entries)
    print(render_feed_entry(entry));
  return daemon::exit_ok;
}

}  // namespace syncd::cli
