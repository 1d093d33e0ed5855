#include "daemon/cli/refresh_commands.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "daemon/cli/confirm.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

// Refreshes on demand.
namespace syncd::cli {

namespace {

std::string body_of(const RefreshOptions& options) {
  daemon::JsonWriter writer;
  writer.begin_object();
  if (!options.products.empty()) {
    writer.key("products").begin_array();
    for (const std::string& product : options.products)
      writer.string(product);
    writer.end_array();
  }
  writer.end_object();
  return writer.take();
}

std::string things_of(const RefreshOptions& options) {
  if (options.products.empty()) return "what [refresh] products says";
  return fmt::format("{}", fmt::join(options.products, " and "));
}

CliResult<int> describe(const Session& session, const RefreshOptions& options) {
  const auto link = session.client.get(link_path(options.link_id));
  if (!link) return std::unexpected(link.error());
  if (session.json) return print_json(link->body);
  print(fmt::format("would ask the bank of link {} for {}; nothing was asked\n", printable(options.link_id),
                    things_of(options)));
  return daemon::exit_ok;
}

}  // namespace

CliResult<int> refresh_link(const Session& session, const RefreshOptions& options) {
  if (session.dry_run) return describe(session, options);
  const std::string consequence =
      fmt::format("the bank of link {} is asked for {}, which MoneyKit may charge for",
                  printable(options.link_id), things_of(options));
  if (const auto ended = confirm(session, consequence)) return *ended;
  const auto answer = session.client.post(link_path(options.link_id, "/refresh"), body_of(options), wait_max);
  if (!answer) return std::unexpected(answer.error());
  const bool asked = answer->status == 202;
  const int code = asked ? daemon::exit_ok : daemon::exit_failure;
  if (session.json) {
    print_json(answer->body);
    return code;
  }
  const JsonValue* items = answer->value.find("items");
  for (const JsonValue& item : items == nullptr ? std::vector<JsonValue>{} : items->items) {
    if (item.at("asked") == "true") {
      print(fmt::format("{}: asked for; the link is visited when the bank has answered\n",
                        printable(item.at("product"))));
      continue;
    }
    const std::string retry_at = item.at("retry_at", "");
    print(fmt::format("{}: {}{}\n", printable(item.at("product")), printable(item.at("message")),
                      retry_at.empty() ? "" : fmt::format("; try again {}", age_of(retry_at, wall_now()))));
  }
  print(fmt::format("{} left\n",
                    plural(std::stoull("0" + answer->value.at("calls_left", "0")), "refresh", "refreshes")));
  return code;
}

}  // namespace syncd::cli
