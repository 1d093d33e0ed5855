#include "daemon/cli/consumer_commands.hpp"

#include <utility>

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

constexpr const char* consumers_path = "/v1/feed/consumers";

std::string consumer_path(const std::string& name, std::string_view rest = {}) {
  return fmt::format("{}/{}{}", consumers_path, percent_encoded(name), rest);
}

int print_dry_run(const Session& session, std::string_view action, const std::string& name,
                  const std::string& what, bool would_change) {
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", action);
    writer.member("name", std::string_view(name)).member("would_change", would_change).end_object();
    return print_json(writer.take());
  }
  print(would_change ? fmt::format("would {}; nothing was changed\n", what)
                     : fmt::format("{}; nothing would change\n", what));
  return daemon::exit_ok;
}

int print_consumer(const Session& session, const Answer& answer) {
  if (session.json) return print_json(answer.body);
  print(render_consumers({answer.value}, wall_now(), session.look));
  return daemon::exit_ok;
}

// Where `options` points to, in the words of the API.
struct Position {
  std::string epoch;
  std::string sequence;

  std::string body() const { return fmt::format(R"({{"epoch":{},"seq":{}}})", epoch, sequence); }
};

// Asks the daemon for what was not said.
CliResult<Position> position_of(const Session& session, const ConsumerOptions& options) {
  if (options.epoch && options.to != "head") return Position{std::to_string(*options.epoch), options.to};
  const auto look = session.client.get(consumer_path(options.name));
  if (!look) return std::unexpected(look.error());
  return Position{options.epoch ? std::to_string(*options.epoch) : look->value.at("feed.epoch", "0"),
                  options.to == "head" ? look->value.at("feed.head", "0") : options.to};
}

CliResult<int> move_consumer(const Session& session, const ConsumerOptions& options,
                             std::string_view action) {
  const auto position = position_of(session, options);
  if (!position) return std::unexpected(position.error());
  if (session.dry_run) {
    const auto look = session.client.get(consumer_path(options.name));
    if (!look) return std::unexpected(look.error());
    const std::string now = look->value.at("acknowledged", "0");
    const bool same = now == position->sequence && look->value.at("epoch", "0") == position->epoch;
    const std::string what =
        same ? fmt::format("consumer {} is at {} already", printable(options.name), now)
             : fmt::format("put consumer {} from {} to {} of epoch {}", printable(options.name), now,
                           position->sequence, position->epoch);
    return print_dry_run(session, action, options.name, what, !same);
  }
  const auto answer =
      session.client.post(consumer_path(options.name, fmt::format("/{}", action)), position->body());
  if (!answer) return std::unexpected(answer.error());
  return print_consumer(session, *answer);
}

}  // namespace

CliResult<int> list_consumers(const Session& session) {
  const auto consumers = session.client.list(consumers_path, {}, 0);
  if (!consumers) return std::unexpected(consumers.error());
  if (session.json) return print_items(*consumers);
  print(render_consumers(*consumers, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> show_consumer(const Session& session, const std::string& name) {
  const auto answer = session.client.get(consumer_path(name));
  if (!answer) return std::unexpected(answer.error());
  return print_consumer(session, *answer);
}

CliResult<int> add_consumer(const Session& session, const ConsumerOptions& options) {
  if (session.dry_run) {
    const auto there = session.client.get(consumer_path(options.name));
    if (!there && there.error().problem != "consumer_not_found") return std::unexpected(there.error());
    const std::string what =
        there ? fmt::format("there is a consumer {} already", printable(options.name))
              : fmt::format("add consumer {} at the {} of the feed", printable(options.name), options.from);
    return print_dry_run(session, "add", options.name, what, !there);
  }
  daemon::JsonWriter body;
  body.begin_object().member("name", std::string_view(options.name));
  body.member("from", std::string_view(options.from)).end_object();
  const auto answer = session.client.post(consumers_path, body.take());
  if (!answer) return std::unexpected(in_flags(answer.error(), {{"name", "NAME"}, {"from", "--from"}}));
  return print_consumer(session, *answer);
}

CliResult<int> remove_consumer(const Session& session, const std::string& name) {
  if (session.dry_run) {
    const auto there = session.client.get(consumer_path(name));
    if (!there) return std::unexpected(there.error());
    return print_dry_run(session, "remove", name, fmt::format("remove consumer {}", printable(name)), true);
  }
  const auto ended = confirm(
      session,
      fmt::format("the position of consumer {} is forgotten, and the feed is not kept for it any more",
                  printable(name)));
  if (ended) return *ended;
  const auto answer = session.client.post(consumer_path(name, "/remove"), {});
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(fmt::format("consumer {} is removed\n", printable(name)));
  return daemon::exit_ok;
}

CliResult<int> acknowledge_changes(const Session& session, const ConsumerOptions& options) {
  return move_consumer(session, options, "ack");
}

CliResult<int> reset_consumer(const Session& session, const ConsumerOptions& options) {
  return move_consumer(session, options, "reset");
}

}  // namespace syncd::cli
