#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/backup_desk.hpp"
#include "daemon/admin/routes.hpp"
#include "sync/core/hex.hpp"

// Backups of the store.
namespace syncd::daemon {

namespace {

void write_facts(JsonWriter& writer, const BackupState& backup) {
  const store::BackupFacts& facts = backup.facts;
  writer.member("created_at", std::string_view(core::format_wall_time(facts.created_at)));
  writer.member("bytes", backup.bytes).member("files", backup.files).member("links", facts.links);
  writer.member("version", std::string_view(facts.program_version));
  writer.member("schema_version", facts.schema_version);
  writer.member("instance", std::string_view(facts.instance));
  writer.member("environment", std::string_view(facts.environment));
  writer.member("upstream", std::string_view(facts.upstream));
  writer.key("feed").begin_object();
  writer.member("epoch", facts.feed_epoch).member("head", facts.feed_head).end_object();
  writer.key("audit").begin_object().member("seq", facts.audit.sequence);
  writer.member("hash", std::string_view(core::hex_of(facts.audit.hash))).end_object();
}

void write_backup(JsonWriter& writer, const BackupState& backup) {
  writer.begin_object().member("name", std::string_view(backup.name));
  writer.member("state", to_string(backup.phase));
  if (backup.phase == BackupState::Phase::running) {
    writer.key("progress").begin_object().member("bytes_read", backup.bytes_read);
    writer.member("bytes_all", backup.bytes_all).end_object();
  }
  if (!backup.error.empty()) writer.member("error", std::string_view(backup.error));
  if (backup.phase == BackupState::Phase::whole) write_facts(writer, backup);
  writer.end_object();
}

HttpResponse backup_answer(int status, const BackupState& backup) {
  JsonWriter writer;
  write_backup(writer, backup);
  return json(status, writer);
}

}  // namespace

std::string_view to_string(BackupState::Phase phase) {
  switch (phase) {
    case BackupState::Phase::running:
      return "running";
    case BackupState::Phase::whole:
      return "whole";
    case BackupState::Phase::failed:
      return "failed";
    case BackupState::Phase::damaged:
      break;
  }
  return "damaged";
}

api::Task<HttpResponse> AdminRoutes::create_backup(Call call) {
  QueryReader query(call.target);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto backup = co_await view_.backups().create(wait, requester_of(call.request));
  if (!backup) co_return from_error(backup.error());
  view_.note_action("backup.create", core::LinkId{}, call.request.actor);
  co_return backup_answer(backup->phase == BackupState::Phase::running ? 202 : 200, *backup);
}

api::Task<HttpResponse> AdminRoutes::list_backups(Call call) {
  QueryReader query(call.target);
  const auto limit = query.number("limit", limit_default, 1, limit_max);
  const std::string after = query.text("after", after_bytes_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto all = co_await view_.backups().list();
  if (!all) co_return from_error(all.error());
  // Newest first: what comes behind `after` has a smaller name.
  const auto first =
      after.empty() ? all->begin()
                    : std::ranges::lower_bound(*all, after, std::ranges::greater_equal{}, &BackupState::name);
  const auto name_of = [](const BackupState& backup) { return backup.name; };
  co_return list_of(page_from(first, all->end(), limit, name_of), write_backup);
}

api::Task<HttpResponse> AdminRoutes::show_backup(Call call) {
  QueryReader query(call.target);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  auto backup = co_await view_.backups().show(call.id, wait);
  if (!backup) co_return from_error(backup.error());
  if (!*backup) {
    co_return problem(404, "backup_not_found",
                      fmt::format("there is no backup {}: it was removed, or never made", call.id));
  }
  co_return backup_answer(200, **backup);
}

}  // namespace syncd::daemon
