#include "daemon/cli/session_commands.hpp"

#include <charconv>
#include <cstdio>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

// Link sessions and the exchange of their tokens.
namespace syncd::cli {

namespace {

// The daemon asks upstream meanwhile, twice for a relink.
constexpr core::Millis upstream_patience{120'000};

void add_text(daemon::JsonWriter& writer, std::string_view name, const std::string& text) {
  if (!text.empty()) writer.member(name, std::string_view(text));
}

void add_words(daemon::JsonWriter& writer, std::string_view name, const std::vector<std::string>& words) {
  if (words.empty()) return;
  writer.key(name).begin_array();
  for (const std::string& word : words)
    writer.string(word);
  writer.end_array();
}

int print_session(const Session& session, const Answer& answer, std::string_view whose) {
  if (session.json) return print_json(answer.body);
  fmt::print(stderr, "session for {}, until {}; the token is shown this once:\n", whose,
             printable(answer.value.at("expires_at")));
  print(printable(answer.value.at("link_session_token")) + "\n");
  return daemon::exit_ok;
}

std::string body_of(const SessionOptions& options) {
  daemon::JsonWriter writer;
  writer.begin_object().key("customer_user").begin_object();
  writer.member("id", std::string_view(options.customer_user_id)).end_object();
  add_text(writer, "institution_id", options.institution_id);
  add_text(writer, "redirect_uri", options.redirect_uri);
  add_text(writer, "webhook", options.webhook);
  add_words(writer, "link_tags", options.tags);
  if (!options.products.empty()) {
    writer.key("products").begin_object();
    for (const std::string& product : options.products)
      writer.key(product).begin_object().member("required", true).end_object();
    writer.end_object();
  }
  writer.end_object();
  return writer.take();
}

CliResult<int> describe_session(const Session& session, const std::string& link_id, const Answer& entry) {
  const std::string status = entry.value.at("status");
  if (status == "resolved") {
    return std::unexpected(CliError{
        daemon::exit_failure,
        fmt::format("the entry of link {} was resolved: no session would be made", printable(link_id)),
        "conflict"});
  }
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", "session");
    writer.member("link_id", std::string_view(link_id))
        .member("status", std::string_view(status))
        .end_object();
    return print_json(writer.take());
  }
  print(fmt::format(
      "would look at link {} upstream and, if it still waits, make a session; nothing was changed\n",
      printable(link_id)));
  return daemon::exit_ok;
}

}  // namespace

CliResult<int> issue_relink_session(const Session& session, const RelinkSessionOptions& options) {
  const std::string path = "/v1/relink/" + percent_encoded(options.link_id);
  const auto entry = session.client.get(path);
  if (!entry) return std::unexpected(entry.error());
  if (session.dry_run) return describe_session(session, options.link_id, *entry);
  std::uint64_t found = 0;
  const std::string shown = entry->value.at("version", "0");
  std::from_chars(shown.data(), shown.data() + shown.size(), found);
  daemon::JsonWriter writer;
  writer.begin_object().member("version", options.version.value_or(found));
  add_text(writer, "redirect_uri", options.redirect_uri);
  if (options.force) writer.member("force", true);
  writer.end_object();
  const auto answer = session.client.post(path + "/session", writer.take(), upstream_patience);
  if (!answer) return std::unexpected(answer.error());
  return print_session(session, *answer, "the owner of link " + printable(options.link_id));
}

CliResult<int> issue_session(const Session& session, const SessionOptions& options) {
  const auto answer = session.client.post("/v1/link-sessions", body_of(options), upstream_patience);
  if (!answer) return std::unexpected(answer.error());
  return print_session(session, *answer, "user " + printable(options.customer_user_id));
}

CliResult<int> exchange_token(const Session& session, const ExchangeOptions& options) {
  if (isatty(STDIN_FILENO) == 1) fmt::print(stderr, "exchangeable token: ");
  std::string token;
  std::getline(std::cin, token);
  if (token.empty()) {
    return std::unexpected(
        CliError{daemon::exit_usage,
                 "there is no token on standard input: pipe the exchangeable token into this "
                 "command"});
  }
  daemon::JsonWriter writer;
  writer.begin_object().member("exchangeable_token", std::string_view(token));
  add_text(writer, "customer_user_id", options.customer_user_id);
  add_words(writer, "tags", options.tags);
  writer.end_object();
  const auto answer = session.client.post("/v1/links:exchange", writer.take(), upstream_patience);
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  const bool added = answer->status == 201;
  print(fmt::format("link {} {}\n", printable(answer->value.at("link_id")),
                    added ? "is registered and will be synced at once" : "was registered already"));
  return daemon::exit_ok;
}

}  // namespace syncd::cli
