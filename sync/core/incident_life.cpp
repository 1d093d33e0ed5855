#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "sync/core/incident_impl.hpp"

// What becomes of an incident once there is one.
namespace syncd::core {

namespace {

constexpr std::uint32_t ramp_first_min = 2;

// Neighbours may be of one bank or one customer: every stretch of the order is to be a sample of all.
void spread(std::vector<std::uint32_t>& links) {
  const std::size_t count = links.size();
  if (count < 3) return;
  std::size_t stride = count * 618 / 1000;  // the golden section
  while (std::gcd(stride, count) != 1)
    ++stride;
  std::vector<std::uint32_t> apart;
  apart.reserve(count);
  for (std::size_t at = 0; apart.size() < count; at = (at + stride) % count)
    apart.push_back(links[at]);
  links = std::move(apart);
}

}  // namespace

Incidents::Incident* Incidents::open(IncidentScope scope, std::uint16_t group, Now now) {
  if (open_.size() >= incidents_open_max) return nullptr;
  Incident& incident = *open_.emplace_back(std::make_unique<Incident>());
  incident.id = fmt::format("{}-{}", now.wall.time_since_epoch().count(), ++opened_);
  incident.scope = scope;
  incident.group = group;
  incident.opened_at = now.wall;
  incident.since = now.wall - policy_.window;
  incident.opened = now.steady;
  incident.canary_at = now.steady + canary_first;
  group_of(incident).incident = &incident;
  gather(incident);
  mark_affected(incident, now);
  forget_evidence(incident);
  tell(IncidentChange::opened, incident, now);
  next_at_ = std::min(next_at_, incident.canary_at);
  return &incident;
}

void Incidents::gather(Incident& incident) {
  incident.members.clear();
  for (std::uint32_t link = 0; link < marks_.links(); ++link) {
    if (in_scope(incident, marks_.mark(link))) incident.members.push_back(link);
  }
  spread(incident.members);
}

// Those that are known to have begun in the window, and all that say the bank is down.
void Incidents::mark_affected(Incident& incident, Now now) {
  const auto affect = [&](std::uint32_t link, Failing kind) {
    const LinkMark mark = marks_.mark(link);
    if (!in_scope(incident, mark) || mark.failing != kind || mark.affected) return;
    LinkMark after = mark;
    after.affected = true;
    put(link, mark, after);
    ++(kind == Failing::owner ? incident.owners : incident.outages);
  };
  for (const std::uint32_t link : incident.members)
    affect(link, Failing::outage);
  for (const Owner& owner : recent_owners_) {
    if (now.steady - owner.at <= policy_.window) affect(owner.link, Failing::owner);
  }
}

void Incidents::look_at_provider(std::uint16_t provider, Now now) {
  if (provider == 0) return;
  std::uint32_t institutions = 0;
  std::uint64_t links = 0;
  for (const auto& incident : open_) {
    const bool below =
        incident->scope == IncidentScope::institution && institutions_[incident->group].provider == provider;
    if (!below) continue;
    ++institutions;
    links += institutions_[incident->group].links;
  }
  const bool most = links * 100 >= std::uint64_t{providers_[provider].links} * policy_.min_share;
  if (institutions >= provider_institutions_min && most) open_provider(provider, now);
}

// It takes the incidents of its institutions over, and what they know.
void Incidents::open_provider(std::uint16_t provider, Now now) {
  WallTime since = now.wall - policy_.window;
  std::uint64_t owners = 0;
  std::uint64_t outages = 0;
  for (std::size_t at = open_.size(); at-- > 0;) {
    Incident& below = *open_[at];
    if (below.scope != IncidentScope::institution || institutions_[below.group].provider != provider)
      continue;
    since = std::min(since, below.since);
    owners += below.owners;
    outages += below.outages;
    close(below, "absorbed", now, below.group);
  }
  Incident* incident = open(IncidentScope::provider, provider, now);
  if (incident == nullptr) return;
  incident->since = since;
  incident->owners += owners;
  incident->outages += outages;
}

// The provider has recovered and one of its institutions has not: that one goes on alone.
void Incidents::narrow(Incident& incident, std::uint16_t institution, Now now) {
  const WallTime since = incident.since;
  close(incident, "narrowed", now, institution);
  if (Incident* own = open(IncidentScope::institution, institution, now)) own->since = since;
}

void Incidents::begin_ramp(Incident& incident, Now now) {
  incident.phase = IncidentPhase::ramp;
  incident.canary.reset();
  incident.ramp_at = now.steady;
  incident.ramp_from = 0;
  incident.given_back = 0;
  incident.in_line = 0;
  std::uint64_t waiting = 0;
  for (const std::uint32_t link : incident.members) {
    const LinkMark mark = marks_.mark(link);
    if (!in_scope(incident, mark)) continue;
    LinkMark after = mark;
    after.parked |= mark.affected;
    put(link, mark, after);
    waiting += after.parked ? 1 : 0;
  }
  incident.ramp_first =
      std::max<std::uint64_t>(ramp_first_min, (waiting + ramp_begins_with - 1) / ramp_begins_with);
  forget_evidence(incident);
  tell(IncidentChange::ramp, incident, now);
  next_at_ = now.steady;
}

void Incidents::relapse(Incident& incident, Now now) {
  // Some of its links work again and again, and the others do not: that is no outage of all of them.
  if (++incident.relapses >= relapses_max) {
    close(incident, "lasting", now);
    return;
  }
  incident.phase = IncidentPhase::open;
  incident.canary_wait = canary_longest;
  incident.canary_at = now.steady + canary_longest;
  for (const std::uint32_t link : incident.members) {
    const LinkMark mark = marks_.mark(link);
    if (!in_scope(incident, mark)) continue;
    LinkMark after = mark;
    after.parked |= mark.awaited;
    after.awaited = false;
    put(link, mark, after);
  }
  incident.in_line = 0;
  forget_evidence(incident);
  tell(IncidentChange::relapsed, incident, now);
  next_at_ = std::min(next_at_, incident.canary_at);
}

void Incidents::forget_evidence(const Incident& incident) {
  group_of(incident).onsets.clear();
  if (incident.scope == IncidentScope::institution) return;
  for (Group& institution : institutions_) {
    if (institution.provider == incident.group) institution.onsets.clear();
  }
}

void Incidents::close(Incident& incident, std::string_view how, Now now, std::uint16_t keep) {
  tell(IncidentChange::closed, incident, now, how);
  for (const std::uint32_t link : incident.members) {
    const LinkMark mark = marks_.mark(link);
    if (!in_scope(incident, mark)) continue;
    LinkMark after = mark;
    after.awaited = false;
    if (mark.group != keep) {
      after.affected = false;
      after.parked = false;
      if (mark.parked) left_over_.push_back(link);
    }
    put(link, mark, after);
  }
  forget_evidence(incident);
  group_of(incident).incident = nullptr;
  std::erase_if(open_, [&](const auto& each) { return each.get() == &incident; });
  next_at_ = now.steady;
}

// ---- what is to be done
// -------------------------------------------------------------------------------------

bool Incidents::holds(std::uint32_t link) const {
  if (open_.empty()) return false;
  const LinkMark mark = marks_.mark(link);
  const Incident* incident = incident_of(mark.group);
  if (incident == nullptr) return false;
  return incident->phase == IncidentPhase::open ? incident->canary != link : mark.parked;
}

void Incidents::park(std::uint32_t link) {
  const LinkMark mark = marks_.mark(link);
  LinkMark after = mark;
  after.parked = true;
  put(link, mark, after);
}

std::vector<Incidents::Visit> Incidents::due(Now now) {
  std::vector<Visit> visits;
  // One that closes takes itself out.
  for (std::size_t at = open_.size(); at-- > 0;)
    look_at(*open_[at], now, visits);
  for (const std::uint32_t link : left_over_)
    visits.push_back({.link = link});
  left_over_.clear();
  next_at_ = Millis::max();
  for (const auto& incident : open_)
    next_at_ = std::min(next_at_, next_of(*incident, now));
  return visits;
}

void Incidents::look_at(Incident& incident, Now now, std::vector<Visit>& visits) {
  if (incident.phase == IncidentPhase::open) {
    const bool lasts = incident.of_owners() && now.steady - incident.opened >= entries_held_longest;
    if (lasts) {
      close(incident, "lasting", now);
    } else if (incident.canary_at <= now.steady) {
      ask_canary(incident, now, visits);
    }
    return;
  }
  give_back(incident, now, visits);
  const bool all = incident.ramp_from == incident.members.size() && incident.in_line == 0;
  if (all) {
    close(incident, "recovered", now);
  } else if (now.steady - incident.ramp_at >= ramp_longest) {
    close(incident, "timeout", now);
  }
}

// Another link each time: one of them may really need its owner. Those that failed long before tell nothing.
void Incidents::ask_canary(Incident& incident, Now now, std::vector<Visit>& visits) {
  incident.canary.reset();
  const std::size_t count = incident.members.size();
  std::optional<std::size_t> chosen;
  std::optional<std::size_t> in_need;
  for (std::size_t step = 0; step < count && !chosen; ++step) {
    const std::size_t at = (incident.canary_from + step) % count;
    const LinkMark mark = marks_.mark(incident.members[at]);
    if (!in_scope(incident, mark)) continue;
    const bool tells = mark.failing == Failing::no || mark.affected;
    if (tells) chosen = at;
    if (!tells && !in_need) in_need = at;
  }
  if (!chosen) chosen = in_need;
  if (!chosen) {  // all its links are paused or gone
    close(incident, "recovered", now);
    return;
  }
  incident.canary_from = (*chosen + 1) % count;
  incident.canary = incident.members[*chosen];
  incident.canary_at = now.steady + incident.canary_wait;
  incident.canary_wait = std::min(incident.canary_wait * 2, canary_longest);
  visits.push_back({.link = *incident.canary, .canary = true});
}

void Incidents::give_back(Incident& incident, Now now, std::vector<Visit>& visits) {
  const std::uint64_t allowed = incident.allowance(now.steady);
  while (incident.ramp_from < incident.members.size() && incident.given_back < allowed &&
         incident.in_line < ramp_in_line_max) {
    const std::uint32_t link = incident.members[incident.ramp_from++];
    const LinkMark mark = marks_.mark(link);
    if (!in_scope(incident, mark) || !mark.parked) continue;
    LinkMark after = mark;
    after.parked = false;
    after.awaited = true;
    put(link, mark, after);
    ++incident.given_back;
    ++incident.in_line;
    visits.push_back({.link = link});
  }
}

Millis Incidents::next_of(const Incident& incident, Now now) {
  if (incident.phase == IncidentPhase::open) return incident.canary_at;
  const Millis end = incident.ramp_at + ramp_longest;
  // Where as many are in line as may be, each visit that ends is a time of its own.
  const bool more = incident.ramp_from < incident.members.size() && incident.in_line < ramp_in_line_max;
  if (!more) return end;
  const auto steps = (now.steady - incident.ramp_at) / ramp_step;
  return std::min(end, incident.ramp_at + (steps + 1) * ramp_step);
}

bool Incidents::holds_entries(const Incident& incident, Now now) const {
  return now.steady - incident.opened < entries_held_longest;
}

std::optional<std::string> Incidents::held_back_by(std::uint32_t link, Now now) const {
  const LinkMark mark = marks_.mark(link);
  const Incident* incident = incident_of(mark.group);
  const bool held =
      incident != nullptr && mark.affected && mark.failing == Failing::owner && holds_entries(*incident, now);
  if (!held) return std::nullopt;
  return incident->id;
}

IncidentView Incidents::view_of(const Incident& incident, Now now) const {
  const Group& group = group_of(incident);
  const bool institution = incident.scope == IncidentScope::institution;
  return {.id = incident.id,
          .scope = incident.scope,
          .name = group.name,
          .provider = institution ? providers_[group.provider].name : group.name,
          .opened_at = incident.opened_at,
          .phase = incident.phase,
          .links_failing = group.failing,
          .links_total = group.links,
          .held_back = holds_entries(incident, now) ? group.held : 0,
          .canary = incident.canary};
}

std::vector<IncidentView> Incidents::views(Now now) const {
  std::vector<IncidentView> all;
  for (const auto& incident : open_)
    all.push_back(view_of(*incident, now));
  return all;
}

void Incidents::tell(IncidentChange change, const Incident& incident, Now now, std::string_view how) {
  events_.push_back({.change = change, .incident = view_of(incident, now), .how = how});
}

std::vector<IncidentEvent> Incidents::take_events() {
  return std::exchange(events_, {});
}

}  // namespace syncd::core
