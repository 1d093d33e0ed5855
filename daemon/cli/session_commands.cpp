#include "daemon/cli/session_commands.hpp"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <unistd.h>

#include <fmt/format.h>

#include "daemon/cli/flags.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/relink_commands.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"
#include "sync/core/link_session.hpp"

// Link sessions and the exchange of their tokens.
namespace syncd::cli {

namespace {

// The daemon asks upstream meanwhile, twice for a relink.
constexpr core::Millis upstream_patience{120'000};

const std::initializer_list<FlagName> session_flags{
    {"customer_user.id", "--user"},     {"customer_user", "--user"}, {"institution_id", "--institution"},
    {"redirect_uri", "--redirect-uri"}, {"webhook", "--webhook"},    {"link_tags", "--tag"},
    {"products", "--product"},          {"version", "--version"}};
const std::initializer_list<FlagName> exchange_flags{
    {"exchangeable_token", "the token"}, {"customer_user_id", "--user"}, {"tags", "--tag"}};

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

CliResult<int> describe_relink_session(const Session& session, const RelinkSessionOptions& options,
                                       const Answer& entry, std::uint64_t version) {
  const auto would = core::apply(
      entry_of(entry.value), {.kind = core::RelinkRequest::Kind::session, .version = version}, wall_now());
  if (!would) return std::unexpected(CliError{daemon::exit_failure, would.error().message, "conflict"});
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", "session");
    writer.member("link_id", std::string_view(options.link_id))
        .member("status", std::string_view(entry.value.at("status")))
        .end_object();
    return print_json(writer.take());
  }
  print(fmt::format(
      "would look at link {} upstream and, if it still waits, make a session; nothing was changed\n",
      printable(options.link_id)));
  return daemon::exit_ok;
}

// How many links of the user are registered. Without a user: only whether the daemon is there.
CliResult<std::size_t> count_links_of(const Client& client, const std::string& user) {
  if (user.empty()) {
    const auto answer = client.get("/v1/whoami");
    if (!answer) return std::unexpected(answer.error());
    return std::size_t{0};
  }
  const auto links = client.list("/v1/links", "search=" + percent_encoded(user), 0);
  if (!links) return std::unexpected(links.error());
  return static_cast<std::size_t>(std::ranges::count_if(
      *links, [&user](const JsonValue& link) { return link.at("customer_user_id", "") == user; }));
}

// `what` would be done, for `user`, who may be nobody.
CliResult<int> describe_for_user(const Session& session, std::string_view action, std::string_view what,
                                 const std::string& user) {
  const auto links = count_links_of(session.client, user);
  if (!links) return std::unexpected(links.error());
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", action).key("customer_user_id");
    if (user.empty()) {
      writer.null().end_object();
    } else {
      writer.string(user).member("links", std::uint64_t{*links}).end_object();
    }
    return print_json(writer.take());
  }
  const std::string has =
      user.empty() ? ""
                   : fmt::format(" (user {} has {} here)", printable(user), plural(*links, "link", "links"));
  print(fmt::format("would {}{}; nothing was changed\n", what, has));
  return daemon::exit_ok;
}

CliError wrong_use(std::string message) {
  return {daemon::exit_usage, std::move(message), "invalid_body"};
}

// Empty: the configured one, which is not known here.
std::optional<CliError> redirect_refusal(const std::string& redirect_uri) {
  const auto fault = core::redirect_uri_fault(redirect_uri);
  if (redirect_uri.empty() || !fault) return std::nullopt;
  return wrong_use(fmt::format("--redirect-uri {}", *fault));
}

// By the rules of upstream, before anybody is asked.
std::optional<CliError> refusal_of(const SessionOptions& options) {
  if (auto refusal = redirect_refusal(options.redirect_uri)) return refusal;
  const auto webhook_fault = core::webhook_fault(options.webhook);
  if (!options.webhook.empty() && webhook_fault)
    return wrong_use(fmt::format("--webhook {}", *webhook_fault));
  core::SessionRequest request;
  request.customer_user_id = options.customer_user_id;
  request.redirect_uri = "https://localhost/";
  request.institution_id = options.institution_id;
  request.link_tags = options.tags;
  const auto body = core::session_body(request);
  if (body) return std::nullopt;
  return in_flags(wrong_use(body.error().message), session_flags);
}

}  // namespace

CliResult<int> issue_relink_session(const Session& session, const RelinkSessionOptions& options) {
  if (const auto refusal = redirect_refusal(options.redirect_uri)) return std::unexpected(*refusal);
  const std::string path = "/v1/relink/" + percent_encoded(options.link_id);
  const auto entry = session.client.get(path);
  if (!entry) return std::unexpected(entry.error());
  const std::uint64_t version = options.version.value_or(entry_of(entry->value).version);
  if (session.dry_run) return describe_relink_session(session, options, *entry, version);
  daemon::JsonWriter writer;
  writer.begin_object().member("version", version);
  add_text(writer, "redirect_uri", options.redirect_uri);
  if (options.force) writer.member("force", true);
  writer.end_object();
  const auto answer = session.client.post(path + "/session", writer.take(), upstream_patience);
  if (!answer) return std::unexpected(in_flags(answer.error(), session_flags));
  return print_session(session, *answer, "the owner of link " + printable(options.link_id));
}

CliResult<int> issue_session(const Session& session, const SessionOptions& options) {
  if (const auto refusal = refusal_of(options)) return std::unexpected(*refusal);
  if (session.dry_run) {
    return describe_for_user(session, "sessions.create",
                             "make a session upstream with which a bank is connected",
                             options.customer_user_id);
  }
  const auto answer = session.client.post("/v1/link-sessions", body_of(options), upstream_patience);
  if (!answer) return std::unexpected(in_flags(answer.error(), session_flags));
  return print_session(session, *answer, "user " + printable(options.customer_user_id));
}

CliResult<int> exchange_token(const Session& session, const ExchangeOptions& options) {
  if (session.dry_run) {
    return describe_for_user(session, "links.exchange",
                             "exchange the token, which is not read now, and register its link",
                             options.customer_user_id);
  }
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
  if (!answer) return std::unexpected(in_flags(answer.error(), exchange_flags));
  if (session.json) return print_json(answer->body);
  const bool added = answer->status == 201;
  print(fmt::format("link {} {}\n", printable(answer->value.at("link_id")),
                    added ? "is registered and will be synced at once" : "was registered already"));
  return daemon::exit_ok;
}

}  // namespace syncd::cli
