#include "sync/core/step_parts.hpp"

namespace syncd::core {

namespace {

std::string quoted(std::string_view word) {
  // Words of upstream reach the feed: everything that could end or bend a JSON string is left out.
  std::string text = "\"";
  for (const char c : word) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') text += c;
  }
  return text + '"';
}

std::string_view reason_of(const LinkRecord& record) {
  return record.last_error && record.status != LinkStatus::active
             ? std::string_view(record.last_error->api_code)
             : std::string_view{};
}

}  // namespace

LinkUpdate begin_step(const StepInput& input) {
  LinkUpdate update;
  update.link_id = input.record.link_id;
  update.expected_fence = input.record.fence;
  update.record = input.record;
  ++update.record.fence;
  update.record.last_attempt_at = input.now;
  update.record.recent_sends = input.recent_sends;
  update.at = input.now;
  update.cause = input.cause;
  update.keep_alive.push_back(input.held);
  return update;
}

std::string status_json(LinkStatus status, std::string_view reason) {
  std::string text = "{\"status\":" + quoted(to_string(status));
  if (!reason.empty()) text += ",\"reason\":" + quoted(reason);
  return text + '}';
}

std::string_view link_id_text(LinkUpdate& update) {
  return keep_text(update, update.record.link_id.str());
}

void note_status(const StepInput& input, LinkUpdate& update) {
  if (update.record.status == input.record.status) return;
  update.changes.push_back({ChangeKind::link_status, link_id_text(update),
                            keep_text(update, status_json(input.record.status, reason_of(input.record))),
                            keep_text(update, status_json(update.record.status, reason_of(update.record)))});
}

bool relink_waits(const StepInput& input) {
  return input.held->relink && is_waiting(input.held->relink->status);
}

void begin_replay(const StepInput& input, LinkUpdate& update) {
  LinkRecord& record = update.record;
  record.cursor.reset();
  // Also when a resync is itself refused: the replay begins anew, and a row that only the earlier attempt has
  // met may be gone from upstream since.
  ++record.generation;
  record.resync = true;
  update.staged_clear = record.drain.staged > 0;
  record.drain = {};
  record.next_due_at = input.now;
}

}  // namespace syncd::core
