#include "daemon/cli/backup_commands.hpp"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "daemon/cli/output.hpp"
#include "daemon/cli/progress.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/duration.hpp"
#include "daemon/exit_codes.hpp"
#include "daemon/json_writer.hpp"

namespace syncd::cli {

namespace {

constexpr core::Millis look_every{500};

std::uint64_t number_at(const JsonValue& value, std::string_view path) {
  const std::string text = value.at(std::string(path), "0");
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// `before` as long as there is one that runs.
std::optional<std::string> running_backup(const std::vector<JsonValue>& backups) {
  for (const JsonValue& backup : backups) {
    if (backup.at("state") == "running") return backup.at("name");
  }
  return std::nullopt;
}

CliResult<int> describe_create(const Session& session) {
  const auto backups = session.client.list("/v1/backups", {}, 0);
  if (!backups) return std::unexpected(backups.error());
  if (const auto name = running_backup(*backups)) {
    return std::unexpected(CliError{daemon::exit_failure,
                                    fmt::format("the backup {} is being made already", printable(*name)),
                                    "backup_under_way"});
  }
  if (session.json) {
    daemon::JsonWriter writer;
    writer.begin_object().member("dry_run", true).member("action", "create");
    writer.member("would_change", true).end_object();
    return print_json(writer.take());
  }
  print("would make a backup of the store; nothing was changed\n");
  return daemon::exit_ok;
}

void show(ProgressLine& line, const JsonValue& backup) {
  const std::uint64_t all = number_at(backup, "progress.bytes_all");
  const std::uint64_t read = number_at(backup, "progress.bytes_read");
  line.show(read, read, all == 0 ? std::nullopt : std::optional(all));
}

// Until the backup has ended.
CliResult<Answer> wait_for_end(const Session& session, Answer answer) {
  ProgressLine line("bytes");
  const std::string path = fmt::format("/v1/backups/{}?wait={}", percent_encoded(answer.value.at("name")),
                                       daemon::format_duration(look_every));
  while (answer.value.at("state") == "running") {
    show(line, answer.value);
    auto next = session.client.get(path, look_every);
    if (!next) return next;
    answer = std::move(*next);
  }
  return answer;
}

}  // namespace

CliResult<int> create_backup(const Session& session) {
  if (session.dry_run) return describe_create(session);
  auto begun = session.client.post("/v1/backups", {});
  if (!begun) return std::unexpected(begun.error());
  const auto ended = wait_for_end(session, std::move(*begun));
  if (!ended) return std::unexpected(ended.error());
  const bool whole = ended->value.at("state") == "whole";
  if (!whole) {
    return std::unexpected(CliError{daemon::exit_io,
                                    fmt::format("the backup failed: {}", printable(ended->value.at("error"))),
                                    "failed"});
  }
  if (session.json) return print_json(ended->body);
  print(fmt::format("backup {} is whole: {} in {} files, {} links\n", printable(ended->value.at("name")),
                    bytes_of(ended->value.at("bytes")), grouped(ended->value.at("files")),
                    grouped(ended->value.at("links"))));
  return daemon::exit_ok;
}

CliResult<int> list_backups(const Session& session) {
  const auto backups = session.client.list("/v1/backups", {}, 0);
  if (!backups) return std::unexpected(backups.error());
  if (session.json) return print_items(*backups);
  print(render_backups(*backups, wall_now(), session.look));
  return daemon::exit_ok;
}

std::string render_backups(const Items& backups, core::WallTime now, const Look& look) {
  if (backups.empty()) return "no backups; moneykitctl backup create makes one\n";
  Table table({{"BACKUP"},
               {"STATE"},
               {"MADE"},
               {"BYTES", true},
               {"LINKS", true},
               {"FEED EPOCH", true},
               {"FEED HEAD", true},
               {"ERROR", false, 60}});
  for (const JsonValue& backup : backups) {
    const std::string state = backup.at("state");
    table.add({backup.at("name"), Cell(state, tone_of_state(state)), age_of(backup.at("created_at"), now),
               bytes_of(backup.at("bytes")), grouped(backup.at("links")), backup.at("feed.epoch"),
               grouped(backup.at("feed.head")), backup.at("error")});
  }
  return table.text(look) + fmt::format("\n{}\n", plural(backups.size(), "backup", "backups"));
}

}  // namespace syncd::cli
