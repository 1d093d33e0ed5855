#include <fmt/format.h>

#include "daemon/cli/commands.hpp"
#include "daemon/cli/output.hpp"
#include "daemon/cli/render.hpp"
#include "daemon/cli/text.hpp"
#include "daemon/exit_codes.hpp"

namespace syncd::cli {

CliResult<int> list_incidents(const Session& session) {
  const auto incidents = session.client.list("/v1/incidents", {}, 0);
  if (!incidents) return std::unexpected(incidents.error());
  if (session.json) return print_items(*incidents);
  print(render_incidents(*incidents, wall_now(), session.look));
  return daemon::exit_ok;
}

std::string render_incidents(const Items& incidents, core::WallTime now, const Look& look) {
  if (incidents.empty()) return "no incidents: no institution's links fail together\n";
  Table table({{"INCIDENT"},
               {"SCOPE"},
               {"NAME", false, 40},
               {"PROVIDER", false, 20},
               {"OPENED"},
               {"PHASE"},
               {"FAILING", true},
               {"LINKS", true},
               {"HELD BACK", true}});
  for (const JsonValue& incident : incidents) {
    table.add({incident.at("id"), incident.at("scope"), incident.at("name"), incident.at("provider"),
               age_of(incident.at("opened_at"), now),
               Cell(incident.at("phase"), tone_of_state(incident.at("phase"))),
               grouped(incident.at("links_failing")), grouped(incident.at("links_total")),
               grouped(incident.at("held_back"))});
  }
  return table.text(look) + fmt::format("\n{}\n", plural(incidents.size(), "incident", "incidents"));
}

}  // namespace syncd::cli
