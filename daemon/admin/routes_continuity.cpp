#include <fmt/format.h>

#include "daemon/admin/answers.hpp"
#include "daemon/admin/routes.hpp"
#include "sync/core/continuity.hpp"

// What a relink did to a link's data.
namespace syncd::daemon {

namespace {

HttpResponse no_report(const core::LinkId& link_id, bool under_way) {
  if (under_way) {
    return problem(404, "continuity_pending",
                   fmt::format("link {} was reconnected and is read again: its data is compared when its "
                               "relink entry is resolved",
                               link_id.str()));
  }
  return problem(404, "continuity_not_found",
                 fmt::format("no relink of link {} was compared: it had no data before, or none has ended "
                             "since this version runs",
                             link_id.str()));
}

}  // namespace

api::Task<HttpResponse> AdminRoutes::show_continuity(Call call) {
  QueryReader query(call.target);
  const core::Millis wait = query.duration("wait", wait_max);
  if (const std::string refusal = query.finish(); !refusal.empty()) co_return refuse_parameter(refusal);
  const core::LinkId link_id{call.id};
  if (!view_.knows(link_id)) co_return no_such_link(link_id);
  auto note = co_await view_.continuity(link_id, wait);
  if (!note) co_return from_error(note.error());
  const std::string text = std::move(*note).value_or(std::string());
  const std::optional<std::string> report = core::report_from_note(text);
  if (!report) co_return no_report(link_id, core::snapshot_from_note(text).has_value());
  // Names and balances of the link's accounts.
  note_read(call, {.link_id = link_id, .kind = DataKind::accounts, .rows = 1});
  JsonWriter writer;
  writer.raw(*report);
  co_return json(200, writer);
}

}  // namespace syncd::daemon
