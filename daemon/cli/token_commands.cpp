#include "daemon/cli/token_commands.hpp"

#include <cstdio>
#include <optional>

#include <fmt/format.h>

#include "daemon/cli/confirm.hpp"
#include "daemon/cli/flags.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

std::string body_of(const TokenOptions& options) {
  daemon::JsonWriter writer;
  writer.begin_object().member("name", std::string_view(options.name));
  writer.member("role", std::string_view(options.role));
  writer.member("lifetime", std::string_view(options.lifetime)).end_object();
  return writer.take();
}

// `state` empty: there is no such token.
int print_dry_run(const Session& session, std::string_view verb, const std::string& name,
                  const std::string& state, bool would_change) {
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", verb);
    writer.member("name", std::string_view(name)).key("state");
    if (state.empty()) {
      writer.null();
    } else {
      writer.string(state);
    }
    writer.member("would_change", would_change).end_object();
    return print_json(writer.take());
  }
  print(would_change ? fmt::format("would {} token {}; nothing was changed\n", verb, printable(name))
                     : fmt::format("token {} is {} already; nothing would change\n", printable(name), state));
  return daemon::exit_ok;
}

// The state of the token of this name; nullopt: there is none.
CliResult<std::optional<std::string>> state_of(const Session& session, const std::string& name) {
  const auto tokens = session.client.list("/v1/tokens", {}, 0);
  if (!tokens) return std::unexpected(tokens.error());
  for (const JsonValue& token : *tokens) {
    if (token.at("name") == name) return token.at("state");
  }
  return std::nullopt;
}

}  // namespace

CliResult<int> list_tokens(const Session& session) {
  const auto tokens = session.client.list("/v1/tokens", {}, 0);
  if (!tokens) return std::unexpected(tokens.error());
  if (session.json) return print_items(*tokens);
  print(render_tokens(*tokens, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> create_token(const Session& session, const TokenOptions& options) {
  if (session.dry_run) {
    const auto state = state_of(session, options.name);
    if (!state) return std::unexpected(state.error());
    if (*state == "live") {
      return std::unexpected(
          CliError{daemon::exit_failure,
                   fmt::format("there is a live token {} already", printable(options.name)), "conflict"});
    }
    return print_dry_run(session, "create", options.name, state->value_or(""), true);
  }
  const auto answer = session.client.post("/v1/tokens", body_of(options));
  if (!answer) {
    return std::unexpected(
        in_flags(answer.error(), {{"name", "NAME"}, {"role", "--role"}, {"lifetime", "--lifetime"}}));
  }
  if (session.json) return print_json(answer->body);
  fmt::print(stderr, "token {} has the role {} until {}; it is shown only now:\n",
             printable(answer->value.at("name")), printable(answer->value.at("role")),
             printable(answer->value.at("expires_at")));
  print(printable(answer->value.at("token")) + "\n");
  return daemon::exit_ok;
}

CliResult<int> revoke_token(const Session& session, const std::string& name) {
  if (session.dry_run) {
    const auto state = state_of(session, name);
    if (!state) return std::unexpected(state.error());
    if (!*state) {
      return std::unexpected(CliError{
          daemon::exit_failure, fmt::format("there is no token {}", printable(name)), "token_not_found"});
    }
    return print_dry_run(session, "revoke", name, **state, **state != "revoked");
  }
  const auto ended =
      confirm(session, fmt::format("nobody is admitted with token {} any more, for ever", printable(name)));
  if (ended) return *ended;
  const auto answer = session.client.post("/v1/tokens/" + percent_encoded(name) + "/revoke", {});
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(fmt::format("token {} is revoked: nobody is admitted with it any more\n", printable(name)));
  return daemon::exit_ok;
}

}  // namespace syncd::cli
