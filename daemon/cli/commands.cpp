#include "daemon/cli/commands.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <thread>

#include <fmt/format.h>

#include "daemon/admin/link_request.hpp"
#include "daemon/cli/flags.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/duration.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

constexpr std::uint64_t tail_entries = 20;
constexpr core::Millis follow_wait{30'000};
constexpr core::Millis retry_first{250};
constexpr core::Millis retry_max{10'000};

std::uint64_t to_number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// What a dry run found. `status` empty: the link is not registered.
int print_dry_run(const Session& session, std::string_view verb, const std::string& link_id,
                  const std::string& status, bool would_change) {
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", verb);
    writer.member("link_id", std::string_view(link_id)).key("status");
    if (status.empty()) {
      writer.null();
    } else {
      writer.string(status);
    }
    writer.member("would_change", would_change).end_object();
    return print_json(writer.take());
  }
  const std::string name = printable(link_id);
  if (status.empty()) {
    print(fmt::format("would register link {} and sync it at once; nothing was changed\n", name));
  } else if (would_change) {
    print(fmt::format("would {} link {} (now {}); nothing was changed\n", verb, name, printable(status)));
  } else {
    print(fmt::format("link {} is {} already; nothing would change\n", name,
                      verb == "add" ? "registered" : printable(status)));
  }
  return daemon::exit_ok;
}

// A change that is only described, by the rules of the daemon: an unknown or impossible id and a link that is
// gone are the errors they would be in earnest.
CliResult<int> describe_change(const Session& session, const std::string& link_id, std::string_view verb) {
  const auto link = session.client.get(link_path(link_id));
  if (!link) return std::unexpected(link.error());
  const std::string status = link->value.at("status");
  if (const auto refusal = dry_run_refusal(verb, status)) {
    return std::unexpected(CliError{daemon::exit_failure, *refusal, "conflict"});
  }
  const bool paused = status == "paused";
  const bool would_change = verb == "sync" || (verb == "pause") != paused;
  return print_dry_run(session, verb, link_id, status, would_change);
}

CliResult<int> change_state(const Session& session, const std::string& link_id, std::string_view verb) {
  if (session.dry_run) return describe_change(session, link_id, verb);
  const auto answer = session.client.post(link_path(link_id, fmt::format("/{}", verb)), {});
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  const std::string status = answer->value.at("status");
  const bool as_wanted = verb != "resume" || status == "active" || status == "relink";
  print(fmt::format("link {} is {}{}\n", printable(link_id), printable(status),
                    as_wanted ? "" : "; it was not paused, and nothing was changed"));
  return daemon::exit_ok;
}

struct FeedPosition {
  std::uint64_t sequence = 0;  // of the last entry that was printed
  std::string epoch;           // empty: nothing was read yet
};

// False: the feed began anew, the position is back at its start and nothing was printed.
bool print_feed_page(const Session& session, const JsonValue& page, FeedPosition& position) {
  const std::string epoch = page.at("epoch");
  const bool anew = !position.epoch.empty() && position.epoch != epoch;
  if (anew) {
    fmt::print(stderr, "the feed began anew (epoch {} after {}): reading it from the start\n",
               printable(epoch), printable(position.epoch));
    position.sequence = 0;
  }
  position.epoch = epoch;
  const JsonValue* items = page.find("items");
  if (anew || items == nullptr) return !anew;
  for (const JsonValue& entry : items->items) {
    print(session.json ? entry.raw + "\n" : render_feed_entry(entry));
    position.sequence = to_number(entry.at("seq", "0"));
  }
  return true;
}

CliError ahead_of(std::uint64_t sequence, std::uint64_t head) {
  return {daemon::exit_failure,
          fmt::format("the feed ends at {}, so {} is of no entry of it: was it noted in another epoch? Then "
                      "read the rows anew and begin at the head; docs/feed.md says how",
                      head, sequence)};
}

std::string new_link_body(const AddOptions& options) {
  daemon::JsonWriter writer;
  writer.begin_object().member("link_id", std::string_view(options.link_id));
  if (!options.customer_user_id.empty()) {
    writer.member("customer_user_id", std::string_view(options.customer_user_id));
  }
  if (!options.tags.empty()) {
    writer.key("tags").begin_array();
    for (const std::string& tag : options.tags)
      writer.string(tag);
    writer.end_array();
  }
  writer.end_object();
  return writer.take();
}

// By the rules of the daemon, before it is asked.
std::optional<CliError> refusal_of(const AddOptions& options) {
  const auto body = daemon::parse_new_link(new_link_body(options));
  if (body) return std::nullopt;
  return in_flags(CliError{daemon::exit_usage, body.error(), "invalid_body"},
                  {{"link_id", "LINK"}, {"customer_user_id", "--user"}, {"tags", "--tag"}});
}

CliResult<int> describe_add(const Session& session, const AddOptions& options) {
  const auto known = session.client.get(link_path(options.link_id));
  if (known) return print_dry_run(session, "add", options.link_id, known->value.at("status"), false);
  if (known.error().problem != "link_not_found") return std::unexpected(known.error());
  return print_dry_run(session, "add", options.link_id, {}, true);
}

}  // namespace

std::optional<std::string> dry_run_refusal(std::string_view verb, std::string_view status) {
  if (verb == "sync" && (status == "paused" || status == "gone")) {
    return fmt::format("the link is {}: it is not visited", status);
  }
  if (status == "gone") return "the link is gone upstream: it is not visited any more";
  return std::nullopt;
}

CliResult<int> show_status(const Session& session) {
  const auto answer = session.client.get("/v1/status");
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_status(answer->value, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> list_links(const Session& session, const std::string& state, const std::string& search) {
  std::string query;
  if (!state.empty()) query = "state=" + percent_encoded(state);
  if (!search.empty()) query = "search=" + percent_encoded(search);
  const auto links = session.client.list("/v1/links", query, 0);
  if (!links) return std::unexpected(links.error());
  if (session.json) return print_items(*links);
  print(render_links(*links, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> show_link(const Session& session, const std::string& link_id) {
  const auto answer = session.client.get(link_path(link_id));
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_link(answer->value, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> add_link(const Session& session, const AddOptions& options) {
  if (const auto refusal = refusal_of(options)) return std::unexpected(*refusal);
  if (session.dry_run) return describe_add(session, options);
  const auto answer = session.client.post("/v1/links", new_link_body(options));
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  const bool added = answer->status == 201;
  print(fmt::format(
      "link {} {}\n", printable(options.link_id),
      added ? "is registered and will be synced at once" : "was registered already; nothing changed"));
  return daemon::exit_ok;
}

CliResult<int> sync_link(const Session& session, const std::string& link_id, const std::string& wait) {
  if (session.dry_run) return describe_change(session, link_id, "sync");
  const auto wanted = daemon::parse_duration(wait);
  const std::string query = wait.empty() ? "" : "?wait=" + percent_encoded(wait);
  const core::Millis waiting = wanted.value_or(core::Millis{0});
  const auto answer = session.client.post(link_path(link_id, "/sync" + query), {}, waiting);
  if (!answer) return std::unexpected(answer.error());
  const bool ended = answer->status == 200;
  const bool failed =
      ended && answer->value.at("outcome") != "success" && answer->value.at("outcome") != "yielded";
  const int code = failed ? daemon::exit_failure : daemon::exit_ok;
  if (session.json) {
    print_json(answer->body);
    return code;
  }
  if (ended) {
    print(render_cycle(answer->value, wall_now(), session.look));
  } else {
    print(fmt::format("link {} is queued{}\n", printable(link_id),
                      wait.empty() ? ""
                                   : "; the sync had not ended when the wait was over: moneykitctl status "
                                     "tells what holds the daemon up"));
  }
  return code;
}

CliResult<int> pause_link(const Session& session, const std::string& link_id) {
  return change_state(session, link_id, "pause");
}

CliResult<int> resume_link(const Session& session, const std::string& link_id) {
  return change_state(session, link_id, "resume");
}

CliResult<int> list_accounts(const Session& session, const std::string& link_id) {
  const auto accounts = session.client.list(link_path(link_id, "/accounts"), {}, 0);
  if (!accounts) return std::unexpected(accounts.error());
  if (session.json) return print_items(*accounts);
  print(render_accounts(*accounts, wall_now(), session.look));
  return daemon::exit_ok;
}

CliResult<int> list_transactions(const Session& session, const std::string& link_id, std::size_t limit) {
  const auto rows = session.client.list(link_path(link_id, "/transactions"), {}, limit);
  if (!rows) return std::unexpected(rows.error());
  if (session.json) return print_items(*rows);
  print(render_transactions(*rows, session.look));
  return daemon::exit_ok;
}

CliResult<int> tail_feed(const Session& session, std::optional<std::uint64_t> after, bool follow) {
  FeedPosition position;
  position.sequence = after.value_or(0);
  if (!after) {
    const auto status = session.client.get("/v1/status");
    if (!status) return std::unexpected(status.error());
    const std::uint64_t head = to_number(status->value.at("feed.head", "0"));
    const std::uint64_t first = std::max<std::uint64_t>(to_number(status->value.at("feed.first", "1")), 1);
    position.sequence = std::max(head > tail_entries ? head - tail_entries : 0, first - 1);
    position.epoch = status->value.at("feed.epoch", "");
  }
  core::Millis pause = retry_first;
  bool answered = false;
  while (true) {
    const auto answer =
        session.client.get(fmt::format("/v1/feed?after={}&limit=500{}", position.sequence,
                                       follow ? "&wait=" + daemon::format_duration(follow_wait) : ""),
                           follow ? follow_wait : core::Millis{0});
    if (answer) {
      answered = true;
      pause = retry_first;
      const bool printed = print_feed_page(session, answer->value, position);
      if (print_failed()) return daemon::exit_io;  // nobody reads on
      const std::uint64_t head = to_number(answer->value.at("head", "0"));
      if (printed && position.sequence > head) return std::unexpected(ahead_of(position.sequence, head));
      if (printed && !follow && answer->value.at("next", "").empty()) return daemon::exit_ok;
      continue;
    }
    // A daemon that is restarted comes back; one that was never there is told at once.
    const bool comes_back = follow && answered && answer.error().daemon_is_away();
    if (!comes_back) return std::unexpected(answer.error());
    if (pause == retry_first) fmt::print(stderr, "{}; trying again\n", answer.error().message);
    // tidy: allow sleep: the pause between two looks at a daemon that is down, which nothing announces
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, retry_max);
  }
}

}  // namespace syncd::cli
