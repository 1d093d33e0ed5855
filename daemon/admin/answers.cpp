#include "daemon/admin/answers.hpp"

#include <fmt/format.h>

#include "daemon/admin/shapes.hpp"
#include "sync/core/conflict_codes.hpp"

namespace syncd::daemon {

HttpResponse refuse_parameter(std::string_view detail) {
  return problem(400, "invalid_parameter", detail);
}

namespace {

HttpResponse conflict_answer(const core::Error& error) {
  if (error.api_code == core::space_low) return try_later(503, "space_low", error.message, look_again_after);
  return problem(409, conflict_code(error), error.message);
}

}  // namespace

std::string_view conflict_code(const core::Error& error) {
  return error.api_code.empty() ? "conflict" : std::string_view(error.api_code);
}

HttpResponse from_error(const core::Error& error) {
  switch (error.code) {
    case core::Errc::not_found:
      return problem(404, "not_found", error.message);
    case core::Errc::conflict:
      return conflict_answer(error);
    case core::Errc::invalid:
      return problem(400, "invalid", error.message);
    case core::Errc::storage:
      return try_later(503, "storage_failed", error.message, back_after_restart);
    case core::Errc::cancelled:
      return try_later(503, "stopping", "the daemon is stopping; try again later", back_after_restart);
    case core::Errc::auth:
      return try_later(503, "upstream_credentials_refused",
                       "upstream refuses this daemon's credentials; moneykitctl status says more",
                       credentials_after);
    case core::Errc::throttled:
      return try_later(503, "upstream_throttled", "not before upstream's limits allow it: " + error.message,
                       error.retry_after.value_or(credentials_after));
    case core::Errc::gone:
    case core::Errc::upstream_state:
    case core::Errc::relink_required:
      return problem(409, "upstream_state", error.message);
    case core::Errc::forbidden:
      return problem(502, "upstream_refused", error.message);
    case core::Errc::transport:
    case core::Errc::timeout:
    case core::Errc::server:
    case core::Errc::protocol:
    case core::Errc::cursor_rejected:
      break;
  }
  // Asked again, upstream may do it again: whoever tries once more should know.
  return problem(502, error.outcome_unknown ? "upstream_outcome_unknown" : "upstream_failed", error.message);
}

HttpResponse no_such_link(const core::LinkId& link_id) {
  return problem(
      404, "link_not_found",
      fmt::format("no link {} is registered here: misspelt, or not added yet (moneykitctl links add, "
                  "POST /v1/links)",
                  link_id.str()));
}

HttpResponse json(int status, JsonWriter& writer) {
  return {.status = status, .content_type = "application/json", .body = writer.take(), .allow = {}};
}

HttpResponse visit_answer(const core::LinkId& link_id, const std::optional<core::CycleReport>& report) {
  JsonWriter writer;
  if (report) {
    write_cycle(writer, *report);
    return json(200, writer);
  }
  writer.begin_object()
      .member("link_id", std::string_view(link_id.str()))
      .member("queued", true)
      .end_object();
  return json(202, writer);
}

engine::Requester requester_of(const HttpRequest& request) {
  return {
      .actor = request.actor, .request_key = request.key_digest, .request_digest = request.content_digest};
}

}  // namespace syncd::daemon
