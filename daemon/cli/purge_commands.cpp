#include "daemon/cli/purge_commands.hpp"

#include <fmt/format.h>

#include "daemon/cli/confirm.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

// The end of a link, and what the feed tells of it.
namespace syncd::cli {

namespace {

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
  const std::string consequence =
      fmt::format("everything that is stored of link {} is taken away{}, for good",
                  printable(options.link_id), options.unlink ? ", and the link is ended at MoneyKit" : "");
  if (const auto ended = confirm(session, consequence)) return *ended;
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
