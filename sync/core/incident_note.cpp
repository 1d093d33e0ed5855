#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "sync/core/incident_impl.hpp"

// The incidents over a restart.
namespace syncd::core {

namespace {

std::string_view take_field(std::string_view& line) {
  const std::size_t end = std::min(line.find(incident_field_end), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

std::optional<WallTime> to_time(std::string_view text) {
  std::int64_t ms = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ms);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return WallTime(Millis(ms));
}

}  // namespace

std::string Incidents::note() const {
  std::string text;
  for (const auto& incident : open_) {
    const IncidentView view = view_of(*incident, {});
    text += fmt::format("{}{}{}{}{}{}{}{}{}{}{}\n", to_string(view.scope), incident_field_end, view.id,
                        incident_field_end, view.opened_at.time_since_epoch().count(), incident_field_end,
                        incident->since.time_since_epoch().count(), incident_field_end, view.name,
                        incident_field_end, view.provider);
  }
  return text;
}

void Incidents::restore(std::string_view note, Now now) {
  while (!note.empty() && policy_.enabled && open_.size() < incidents_open_max) {
    const std::size_t end = std::min(note.find('\n'), note.size());
    std::string_view line = note.substr(0, end);
    note.remove_prefix(std::min(end + 1, note.size()));
    const std::string_view scope = take_field(line);
    const std::string id{take_field(line)};
    const auto opened_at = to_time(take_field(line));
    const auto since = to_time(take_field(line));
    const std::string_view name = take_field(line);
    const bool institution = scope == to_string(IncidentScope::institution);
    const std::uint16_t number = institution ? institution_of(name, line) : provider_of(name);
    if (number == 0 || !opened_at || !since || id.empty()) continue;
    Group& group = institution ? institutions_[number] : providers_[number];
    if (group.incident != nullptr) continue;
    Incident& incident = *open_.emplace_back(std::make_unique<Incident>());
    incident.id = id;
    incident.scope = institution ? IncidentScope::institution : IncidentScope::provider;
    incident.group = number;
    // A time in the future was noted by a clock that was wrong.
    incident.opened_at = std::min(*opened_at, now.wall);
    incident.since = std::min(*since, incident.opened_at);
    incident.opened = now.steady - (now.wall - incident.opened_at);
    incident.canary_at = now.steady;
    group.incident = &incident;
    gather(incident);
    for (const std::uint32_t link : incident.members) {
      const LinkMark mark = marks_.mark(link);
      LinkMark after = mark;
      after.affected = mark.failing != Failing::no;
      put(link, mark, after);
      if (after.affected) ++(mark.failing == Failing::owner ? incident.owners : incident.outages);
    }
    tell(IncidentChange::restored, incident, now);
    next_at_ = now.steady;
  }
}

std::vector<std::uint32_t> Incidents::unsure() const {
  std::vector<std::uint32_t> links;
  for (const auto& incident : open_) {
    for (const std::uint32_t link : incident->members) {
      const LinkMark mark = marks_.mark(link);
      if (mark.affected && mark.failing == Failing::owner) links.push_back(link);
    }
  }
  return links;
}

void Incidents::waits_since(std::uint32_t link, WallTime opened_at) {
  const LinkMark mark = marks_.mark(link);
  Incident* incident = incident_of(mark.group);
  if (incident == nullptr || opened_at >= incident->since) return;
  LinkMark after = mark;
  after.affected = false;
  if (mark.affected && incident->owners > 0) --incident->owners;
  put(link, mark, after);
}

}  // namespace syncd::core
