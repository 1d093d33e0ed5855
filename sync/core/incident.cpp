#include <algorithm>
#include <utility>

#include "sync/core/classify.hpp"
#include "sync/core/incident_impl.hpp"

namespace syncd::core {

namespace {

constexpr std::uint32_t permille_max = 900;   // of what the baseline may ask for
constexpr std::uint32_t baseline_prior = 20;  // visits: a young group has no baseline yet
constexpr std::uint16_t baseline_visits = 2'000;
constexpr std::size_t members_spare = 64;

Failing failing_of_code(std::string_view code) {
  const LinkCondition condition = condition_of_error_code(code);
  if (condition.health == LinkHealth::needs_owner) return Failing::owner;
  return condition.health == LinkHealth::outage && condition.known ? Failing::outage : Failing::no;
}

bool may_be_name(std::string_view name) {
  return name.size() <= incident_name_bytes_max && is_valid_id(name);
}

}  // namespace

std::string_view to_string(IncidentScope scope) {
  return scope == IncidentScope::institution ? "institution" : "provider";
}

std::string_view to_string(IncidentPhase phase) {
  return phase == IncidentPhase::open ? "open" : "ramp";
}

VisitSign sign_of(const CycleReport& report) {
  if (!report.error) return report.status_after == LinkStatus::active ? VisitSign::ok : VisitSign::none;
  const Error& error = *report.error;
  if (error.code == Errc::relink_required) return VisitSign::owner;
  if (error.code != Errc::upstream_state) return VisitSign::none;
  const std::string& code = error.link_error_code.empty() ? error.api_code : error.link_error_code;
  if (failing_of_code(code) != Failing::outage) return VisitSign::none;
  return report.status_after == LinkStatus::relink ? VisitSign::owner : VisitSign::outage;
}

Failing failing_of(LinkStatus status, std::string_view upstream_error_code) {
  if (status == LinkStatus::relink) return Failing::owner;
  if (status != LinkStatus::backoff) return Failing::no;
  return failing_of_code(upstream_error_code) == Failing::outage ? Failing::outage : Failing::no;
}

Incidents::Incidents(LinkMarks& marks, const IncidentPolicy& policy)
    : marks_(marks), policy_(policy), institutions_(1), providers_(1) {
}

Incidents::~Incidents() = default;

void Incidents::set_policy(const IncidentPolicy& policy, Now now) {
  policy_ = policy;
  while (!policy_.enabled && !open_.empty())
    close(*open_.back(), "disabled", now);
}

// ---- groups
// -------------------------------------------------------------------------------------------------

std::uint16_t Incidents::provider_of(std::string_view name) {
  if (!may_be_name(name)) return 0;
  const auto [place, is_new] = provider_numbers_.try_emplace(std::string(name), std::uint16_t{0});
  if (!is_new) return place->second;
  if (providers_.size() > incident_providers_max) {
    provider_numbers_.erase(place);
    return 0;
  }
  place->second = static_cast<std::uint16_t>(providers_.size());
  providers_.emplace_back().name = name;
  return place->second;
}

std::uint16_t Incidents::institution_of(std::string_view name, std::string_view provider) {
  if (!may_be_name(name) || (!provider.empty() && !may_be_name(provider))) return 0;
  std::string key{name};
  key += incident_field_end;
  key += provider;
  const auto found = institution_numbers_.find(key);
  if (found != institution_numbers_.end()) return found->second;
  if (institutions_.size() > incident_institutions_max) return 0;
  const auto number = static_cast<std::uint16_t>(institutions_.size());
  Group& group = institutions_.emplace_back();
  group.name = name;
  group.provider = provider_of(provider);
  institution_numbers_.emplace(std::move(key), number);
  return number;
}

Incidents::Group* Incidents::provider_behind(const Group& institution) {
  return institution.provider == 0 ? nullptr : &providers_[institution.provider];
}

Incidents::Incident* Incidents::incident_of(std::uint16_t institution) const {
  if (institution == 0) return nullptr;
  const Group& group = institutions_[institution];
  return group.incident != nullptr ? group.incident : providers_[group.provider].incident;
}

bool Incidents::in_scope(const Incident& incident, const LinkMark& mark) const {
  if (mark.group == 0) return false;
  return incident.scope == IncidentScope::institution ? mark.group == incident.group
                                                      : institutions_[mark.group].provider == incident.group;
}

Incidents::Group& Incidents::group_of(const Incident& incident) {
  return incident.scope == IncidentScope::institution ? institutions_[incident.group]
                                                      : providers_[incident.group];
}

const Incidents::Group& Incidents::group_of(const Incident& incident) const {
  return const_cast<Incidents*>(this)->group_of(incident);
}

std::vector<InstitutionTally> Incidents::institutions() const {
  std::vector<InstitutionTally> tallies;
  for (std::size_t at = 1; at < institutions_.size(); ++at) {
    const Group& group = institutions_[at];
    if (group.links > 0)
      tallies.push_back({.name = group.name, .links = group.links, .failing = group.failing});
  }
  return tallies;
}

// `by`: one, or minus one modulo 2^32.
void Incidents::count(const LinkMark& mark, std::uint32_t by) {
  if (mark.group == 0) return;
  Group& institution = institutions_[mark.group];
  for (Group* group : {&institution, provider_behind(institution)}) {
    if (group == nullptr) continue;
    group->links += by;
    if (mark.failing != Failing::no) group->failing += by;
    if (mark.affected && mark.failing == Failing::owner) group->held += by;
  }
}

void Incidents::put(std::uint32_t link, const LinkMark& before, const LinkMark& after) {
  if (before == after) return;
  count(before, static_cast<std::uint32_t>(-1));
  count(after, 1);
  if (before.awaited && !after.awaited) {
    Incident* incident = incident_of(before.group);
    if (incident != nullptr && incident->in_line > 0) --incident->in_line;
  }
  marks_.set_mark(link, after);
}

// The link's mark, in the group that its last answer names.
LinkMark Incidents::join(std::uint32_t link, std::string_view institution, std::string_view provider) {
  const LinkMark mark = marks_.mark(link);
  if (mark.group != 0) {
    const Group& group = institutions_[mark.group];
    if (group.name == institution && providers_[group.provider].name == provider) return mark;
  }
  LinkMark joined;
  joined.group = institution_of(institution, provider);
  joined.failing = mark.failing;
  if (joined.group == 0) joined.failing = Failing::no;
  if (joined.group == mark.group) return mark;
  put(link, mark, joined);
  if (Incident* incident = incident_of(joined.group)) take_in(*incident, link);
  return joined;
}

void Incidents::take_in(Incident& incident, std::uint32_t link) {
  incident.members.push_back(link);
  // Links that came, went and came again stand there more than once.
  if (incident.members.size() <= 2 * std::size_t{group_of(incident).links} + members_spare) return;
  gather(incident);
  incident.ramp_from = 0;
}

void Incidents::know(std::uint32_t link, std::string_view institution, std::string_view provider,
                     Failing failing) {
  LinkMark mark;
  mark.group = institution_of(institution, provider);
  if (mark.group == 0) return;
  mark.failing = failing;
  put(link, {}, mark);
}

void Incidents::forget(std::uint32_t link) {
  const LinkMark mark = marks_.mark(link);
  Incident* incident = incident_of(mark.group);
  put(link, mark, {});
  if (incident == nullptr) return;
  if (incident->canary == link) incident->canary.reset();
  next_at_ = Millis::min();  // it may have been the last one that was waited for
}

// ---- evidence
// -----------------------------------------------------------------------------------------------

void Incidents::visited(std::uint32_t link, std::string_view institution, std::string_view provider,
                        VisitSign sign, bool worked_before, Now now) {
  const LinkMark mark = join(link, institution, provider);
  if (mark.group == 0) return;
  switch (sign) {
    case VisitSign::ok:
      succeeded(link, mark, now);
      break;
    case VisitSign::owner:
      failed(link, mark, Failing::owner, worked_before, now);
      break;
    case VisitSign::outage:
      failed(link, mark, Failing::outage, worked_before, now);
      break;
    case VisitSign::none: {
      LinkMark after = mark;
      after.awaited = false;
      put(link, mark, after);
      break;
    }
  }
  Incident* incident = incident_of(mark.group);
  if (incident == nullptr) return;
  if (incident->canary == link) incident->canary.reset();
  if (incident->phase == IncidentPhase::ramp) next_at_ = now.steady;
}

void Incidents::succeeded(std::uint32_t link, LinkMark mark, Now now) {
  Group& institution = institutions_[mark.group];
  Incident* incident = incident_of(mark.group);
  const bool was_asked = incident != nullptr && incident->canary == link;
  const bool recovered = was_asked || mark.failing != Failing::no;
  put(link, mark, {.group = mark.group});
  for (Group* group : {&institution, provider_behind(institution)}) {
    if (group == nullptr) continue;
    ++group->oks;
    if (incident == nullptr) retire(*group, 0, 1);
    std::erase_if(group->onsets, [&](const Onset& onset) {
      const bool of_links = group == &institution || group->incident != nullptr;
      return onset.key == (of_links ? link : mark.group);
    });
  }
  if (incident != nullptr && incident->phase == IncidentPhase::open && recovered) begin_ramp(*incident, now);
}

void Incidents::failed(std::uint32_t link, LinkMark mark, Failing kind, bool worked_before, Now now) {
  Incident* incident = incident_of(mark.group);
  // What is given back and fails again counts as if it had worked in between: as far as is known it had.
  const bool begins = worked_before && (mark.failing == Failing::no || mark.awaited);
  const bool begins_to_wait = kind == Failing::owner && mark.failing != Failing::owner;
  LinkMark after = mark;
  // Its entry waits for the owner until it is connected, whatever else goes wrong with it meanwhile.
  if (mark.failing != Failing::owner) after.failing = kind;
  after.awaited = false;
  if (incident != nullptr && (begins || begins_to_wait)) after.affected = true;
  put(link, mark, after);
  if (begins_to_wait) note_owner(link, now);
  if (!begins || !policy_.enabled) return;
  if (incident != nullptr && mark.failing == Failing::no)
    ++(kind == Failing::owner ? incident->owners : incident->outages);
  weigh(link, mark.group, now);
}

// One more link of the institution has begun to fail.
void Incidents::weigh(std::uint32_t link, std::uint16_t institution, Now now) {
  Group& group = institutions_[institution];
  Incident* own = group.incident;
  Group* provider = provider_behind(group);
  Incident* wider = provider != nullptr ? provider->incident : nullptr;
  const bool waits =
      incident_of(institution) != nullptr && incident_of(institution)->phase == IncidentPhase::open;
  if (wider != nullptr && wider->phase == IncidentPhase::ramp && push(*provider, link, now)) {
    relapse(*wider, now);
    return;
  }
  if (!waits && push(group, link, now)) {
    if (own != nullptr) {
      relapse(*own, now);
    } else if (wider != nullptr) {
      narrow(*wider, institution, now);
    } else if (open(IncidentScope::institution, institution, now) != nullptr) {
      look_at_provider(group.provider, now);
    }
  }
  if (provider == nullptr || provider->incident != nullptr) return;
  if (push(*provider, institution, now)) open_provider(group.provider, now);
}

void Incidents::note_owner(std::uint32_t link, Now now) {
  const auto is_old = [&](const Owner& owner) { return now.steady - owner.at > policy_.window; };
  while (!recent_owners_.empty() &&
         (is_old(recent_owners_.front()) || recent_owners_.size() >= recent_owners_max))
    recent_owners_.pop_front();
  recent_owners_.push_back({.link = link, .at = now.steady});
}

// True: enough of them began to fail together.
bool Incidents::push(Group& group, std::uint32_t key, Now now) const {
  std::vector<Onset>& onsets = group.onsets;
  std::erase_if(onsets, [&](const Onset& onset) { return onset.key == key; });
  const auto leaves = [&](const Onset& onset) {
    return now.steady - onset.at > policy_.window || onsets.size() >= policy_.min_links;
  };
  while (!onsets.empty() && leaves(onsets.front())) {
    onsets.erase(onsets.begin());
    if (group.incident == nullptr) retire(group, 1, 0);
  }
  onsets.push_back({.key = key, .at = now.steady, .oks = group.oks});
  if (onsets.size() < policy_.min_links) return false;
  const std::uint64_t failed = onsets.size();
  const std::uint64_t well = group.oks - onsets.front().oks;
  return failed * 1000 >= threshold(group) * (failed + well);
}

void Incidents::retire(Group& group, std::uint32_t onsets, std::uint32_t oks) {
  group.calm_onsets = static_cast<std::uint16_t>(group.calm_onsets + onsets);
  group.calm_oks = static_cast<std::uint16_t>(group.calm_oks + oks);
  if (group.calm_onsets + group.calm_oks < baseline_visits) return;
  group.calm_onsets /= 2;
  group.calm_oks /= 2;
}

// In parts of a thousand.
std::uint32_t Incidents::threshold(const Group& group) const {
  const std::uint32_t visits = std::uint32_t{group.calm_onsets} + group.calm_oks + baseline_prior;
  const std::uint32_t baseline = std::uint32_t{group.calm_onsets} * 1000 / visits;
  return std::max(policy_.min_share * 10, std::min(baseline * baseline_times, permille_max));
}

}  // namespace syncd::core
