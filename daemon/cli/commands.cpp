#include "daemon/cli/commands.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>

#include <fmt/format.h>

#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

constexpr std::uint64_t tail_entries = 20;

core::WallTime wall_now() {
  return std::chrono::floor<core::Millis>(std::chrono::system_clock::now());
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int print_json(std::string_view json) {
  print(std::string(json) + "\n");
  return daemon::exit_ok;
}

int print_items(const std::vector<JsonValue>& items) {
  std::string out = "{\"items\":[";
  for (std::size_t at = 0; at < items.size(); ++at)
    out += (at == 0 ? "\n" : ",\n") + items[at].raw;
  return print_json(out + "]}");
}

std::string link_path(const std::string& link_id, std::string_view rest = {}) {
  return fmt::format("/v1/links/{}{}", percent_encoded(link_id), rest);
}

std::uint64_t to_number(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A change that is only described: looks the link up, so that a wrong id is found out.
CliResult<int> describe_change(const Session& session, const std::string& link_id, std::string_view verb) {
  const auto link = session.client.get(link_path(link_id));
  if (!link) return std::unexpected(link.error());
  print(fmt::format("would {} link {} (now {}); nothing was changed\n", verb, printable(link_id),
                    link->value.at("status")));
  return daemon::exit_ok;
}

CliResult<int> change_state(const Session& session, const std::string& link_id, std::string_view verb) {
  if (session.dry_run) return describe_change(session, link_id, verb);
  const auto answer = session.client.post(link_path(link_id, fmt::format("/{}", verb)), {});
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(fmt::format("link {} is {}\n", printable(link_id), answer->value.at("status")));
  return daemon::exit_ok;
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

}  // namespace

CliResult<int> show_status(const Session& session) {
  const auto answer = session.client.get("/v1/status");
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_status(answer->value, wall_now()));
  return daemon::exit_ok;
}

CliResult<int> list_links(const Session& session, const std::string& state) {
  const auto links =
      session.client.list("/v1/links", state.empty() ? "" : "state=" + percent_encoded(state), 0);
  if (!links) return std::unexpected(links.error());
  if (session.json) return print_items(*links);
  print(render_links(*links, wall_now()));
  return daemon::exit_ok;
}

CliResult<int> show_link(const Session& session, const std::string& link_id) {
  const auto answer = session.client.get(link_path(link_id));
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_link(answer->value, wall_now()));
  return daemon::exit_ok;
}

CliResult<int> add_link(const Session& session, const AddOptions& options) {
  if (session.dry_run) {
    const auto known = session.client.get(link_path(options.link_id));
    if (!known && known.error().exit_code != daemon::exit_failure) return std::unexpected(known.error());
    print(known ? fmt::format("link {} is registered already; nothing would change\n",
                              printable(options.link_id))
                : fmt::format("would register link {} and sync it at once; nothing was changed\n",
                              printable(options.link_id)));
    return daemon::exit_ok;
  }
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
  const std::string query = wait.empty() ? "" : "?wait=" + percent_encoded(wait);
  const auto answer = session.client.post(link_path(link_id, "/sync" + query), {});
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
    print(render_cycle(answer->value, wall_now()));
  } else {
    print(fmt::format("link {} is queued{}\n", printable(link_id),
                      wait.empty() ? "" : "; the sync had not ended when the wait was over"));
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
  print(render_accounts(*accounts, wall_now()));
  return daemon::exit_ok;
}

CliResult<int> list_transactions(const Session& session, const std::string& link_id, std::size_t limit) {
  const auto rows = session.client.list(link_path(link_id, "/transactions"), {}, limit);
  if (!rows) return std::unexpected(rows.error());
  if (session.json) return print_items(*rows);
  print(render_transactions(*rows));
  return daemon::exit_ok;
}

CliResult<int> list_relinks(const Session& session, const std::string& status) {
  const auto entries =
      session.client.list("/v1/relink", status == "all" ? "" : "status=" + percent_encoded(status), 0);
  if (!entries) return std::unexpected(entries.error());
  if (session.json) return print_items(*entries);
  print(render_relinks(*entries, wall_now()));
  return daemon::exit_ok;
}

CliResult<int> show_relink(const Session& session, const std::string& link_id) {
  const auto answer = session.client.get("/v1/relink/" + percent_encoded(link_id));
  if (!answer) return std::unexpected(answer.error());
  if (session.json) return print_json(answer->body);
  print(render_relink(answer->value, wall_now()));
  return daemon::exit_ok;
}

CliResult<int> tail_feed(const Session& session, std::optional<std::uint64_t> after, bool follow) {
  std::string epoch;
  std::uint64_t position = after.value_or(0);
  if (!after) {
    const auto status = session.client.get("/v1/status");
    if (!status) return std::unexpected(status.error());
    const std::uint64_t head = to_number(status->value.at("feed.head", "0"));
    position = head > tail_entries ? head - tail_entries : 0;
  }
  while (true) {
    const auto answer =
        session.client.get(fmt::format("/v1/feed?after={}&limit=500{}", position, follow ? "&wait=30s" : ""));
    if (!answer) return std::unexpected(answer.error());
    const std::string now_epoch = answer->value.at("epoch");
    if (!epoch.empty() && epoch != now_epoch) {
      fmt::print(stderr, "the feed began anew (epoch {} after {}): reading it from the start\n", now_epoch,
                 epoch);
      epoch = now_epoch;
      position = 0;
      continue;
    }
    epoch = now_epoch;
    const JsonValue* items = answer->value.find("items");
    const bool found = items != nullptr && !items->items.empty();
    for (std::size_t at = 0; found && at < items->items.size(); ++at) {
      const JsonValue& entry = items->items[at];
      print(session.json ? entry.raw + "\n" : render_feed_entry(entry));
      position = to_number(entry.at("seq", "0"));
    }
    if (!follow && answer->value.at("next", "").empty()) return daemon::exit_ok;
  }
}

}  // namespace syncd::cli
