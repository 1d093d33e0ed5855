#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sync/core/policy.hpp"
#include "sync/core/reports.hpp"
#include "sync/core/types.hpp"

namespace syncd::core {

// When the links of an institution or of a provider fail together, that is one incident and not as many
// relinks (decision 014). Here it is decided that there is one and when it is over, which visits wait for
// that, and which link is asked meanwhile. Pure: what is known comes in, the time with it.

// ---- bounds: memory is bounded by these, whatever upstream names ----
inline constexpr std::size_t incident_institutions_max = 65'535;  // the links of further ones are no group
inline constexpr std::size_t incident_providers_max = 1'024;
inline constexpr std::size_t incident_name_bytes_max = 128;  // a longer name is no group
inline constexpr std::size_t incidents_open_max = 256;       // a further one is not opened
inline constexpr std::size_t recent_owners_max = 16'384;     // links that began to wait for their owner

// ---- patience ----
inline constexpr Millis canary_first = std::chrono::minutes(1);
inline constexpr Millis canary_longest = std::chrono::minutes(5);
inline constexpr Millis ramp_step = std::chrono::minutes(1);
inline constexpr Millis ramp_longest = std::chrono::hours(1);
inline constexpr std::uint32_t ramp_begins_with = 64;  // this part of what waits
inline constexpr std::uint32_t ramp_in_line_max = 32;  // visits given back and not ended
inline constexpr std::uint32_t provider_institutions_min = 3;
inline constexpr std::uint32_t baseline_times = 5;
inline constexpr Millis entries_held_longest = std::chrono::hours(24);
inline constexpr std::uint32_t relapses_max = 3;

// What a visit says about the institution behind the link.
enum class VisitSign : std::uint8_t {
  ok,
  owner,   // the link's owner must act, it says, or said before and has not worked since
  outage,  // the institution, the provider or MoneyKit is down
  none,    // another failure: neither
};
VisitSign sign_of(const CycleReport& report);

enum class Failing : std::uint8_t { no = 0, outage = 1, owner = 2 };
// The same of a stored link that was not visited since the start.
Failing failing_of(LinkStatus status, std::string_view upstream_error_code);

// What is known of one link. The caller keeps it beside the link, where there is room that costs nothing.
struct LinkMark {
  std::uint16_t group = 0;  // 0: none
  Failing failing = Failing::no;
  bool affected = false;  // began to fail in the window of its incident, or later
  bool parked = false;    // its visit was put off
  bool awaited = false;   // its visit was given back and has not ended
  bool operator==(const LinkMark&) const = default;
};
class LinkMarks {
 public:
  virtual ~LinkMarks() = default;
  // Links have the numbers below this.
  virtual std::uint32_t links() const = 0;
  virtual LinkMark mark(std::uint32_t link) const = 0;
  virtual void set_mark(std::uint32_t link, LinkMark mark) = 0;
};

enum class IncidentScope : std::uint8_t { institution = 1, provider = 2 };
inline constexpr std::size_t incident_scope_count = 2;
std::string_view to_string(IncidentScope scope);
enum class IncidentPhase : std::uint8_t { open = 1, ramp = 2 };
std::string_view to_string(IncidentPhase phase);

struct IncidentView {
  std::string id;  // unique in the life of a store
  IncidentScope scope = IncidentScope::institution;
  std::string name;      // the institution's id, or the provider
  std::string provider;  // by which the institution is reached; may be empty
  WallTime opened_at{};
  IncidentPhase phase = IncidentPhase::open;
  std::uint64_t links_failing = 0;
  std::uint64_t links_total = 0;  // of the group, those that are visited
  std::uint64_t held_back = 0;    // links whose relink entry waits for the incident's end
  std::optional<std::uint32_t> canary;
};

// How many of an institution's visited links there are, and how many of them fail as Failing says. The name
// lives as long as Incidents.
struct InstitutionTally {
  std::string_view name;
  std::uint32_t links = 0;
  std::uint32_t failing = 0;
};

enum class IncidentChange : std::uint8_t { opened, restored, ramp, relapsed, closed };
struct IncidentEvent {
  IncidentChange change = IncidentChange::opened;
  IncidentView incident;
  // How it closed: recovered; absorbed (by the provider's); narrowed (one institution of the provider stays);
  // lasting (its links really need their owners); timeout (what it gave back was not visited); disabled.
  std::string_view how = {};
};

class Incidents {
 public:
  // Of the caller's clocks. Waiting uses the steady one, from any beginning; the other is stored and shown.
  struct Now {
    Millis steady{};
    WallTime wall{};
  };
  // A visit that is to be made now.
  struct Visit {
    std::uint32_t link = 0;
    bool canary = false;
  };

  // `marks` outlives this.
  Incidents(LinkMarks& marks, const IncidentPolicy& policy);
  ~Incidents();
  Incidents(const Incidents&) = delete;
  Incidents& operator=(const Incidents&) = delete;

  void set_policy(const IncidentPolicy& policy, Now now);

  // ---- at the start ----
  void know(std::uint32_t link, std::string_view institution, std::string_view provider, Failing failing);
  // Behind the last know(). What is not understood is left out.
  void restore(std::string_view note, Now now);
  // Links whose entries count as held back until it is known since when they wait; see waits_since().
  std::vector<std::uint32_t> unsure() const;
  void waits_since(std::uint32_t link, WallTime opened_at);

  // ---- in the life of a link ----
  // `worked_before`: a visit of the link has succeeded some time; one that never worked begins nothing.
  void visited(std::uint32_t link, std::string_view institution, std::string_view provider, VisitSign sign,
               bool worked_before, Now now);
  // It is not visited any more: paused or gone.
  void forget(std::uint32_t link);

  // ---- the schedule ----
  // An ordinary visit of the link has to wait. Constant time.
  bool holds(std::uint32_t link) const;
  void park(std::uint32_t link);
  // What is to be done now. To be called after visited(), and at next_at().
  std::vector<Visit> due(Now now);
  // On the steady clock; Millis::max(): nothing is to be done.
  Millis next_at() const { return next_at_; }

  // ---- what there is ----
  // The incident that holds back the link's relink entry.
  std::optional<std::string> held_back_by(std::uint32_t link, Now now) const;
  std::vector<IncidentView> views(Now now) const;
  bool none() const { return open_.empty(); }
  // Those that have links; one that several providers reach comes once for each.
  std::vector<InstitutionTally> institutions() const;
  // What has happened since the last call.
  std::vector<IncidentEvent> take_events();
  // For restore() after a restart.
  std::string note() const;

 private:
  struct Onset {
    std::uint32_t key = 0;  // a link; at a provider an institution, in its ramp a link
    Millis at{};
    std::uint32_t oks = 0;  // of the group until then
  };
  struct Incident;
  struct Group {
    std::string name;
    std::uint16_t provider = 0;  // of an institution
    std::uint32_t links = 0;
    std::uint32_t failing = 0;
    std::uint32_t held = 0;
    std::uint32_t oks = 0;  // visits, modulo 2^32
    // Of some hundred visits outside of incidents.
    std::uint16_t calm_oks = 0;
    std::uint16_t calm_onsets = 0;
    std::vector<Onset> onsets;  // at most min_links, oldest first
    Incident* incident = nullptr;
  };

  std::uint16_t provider_of(std::string_view name);
  std::uint16_t institution_of(std::string_view name, std::string_view provider);
  Group* provider_behind(const Group& institution);
  Incident* incident_of(std::uint16_t institution) const;
  bool in_scope(const Incident& incident, const LinkMark& mark) const;
  Group& group_of(const Incident& incident);
  const Group& group_of(const Incident& incident) const;

  void count(const LinkMark& mark, std::uint32_t by);
  void put(std::uint32_t link, const LinkMark& before, const LinkMark& after);
  LinkMark join(std::uint32_t link, std::string_view institution, std::string_view provider);

  void succeeded(std::uint32_t link, LinkMark mark, Now now);
  void failed(std::uint32_t link, LinkMark mark, Failing kind, bool worked_before, Now now);
  void weigh(std::uint32_t link, std::uint16_t institution, Now now);
  void note_owner(std::uint32_t link, Now now);

  bool push(Group& group, std::uint32_t key, Now now) const;
  static void retire(Group& group, std::uint32_t onsets, std::uint32_t oks);
  std::uint32_t threshold(const Group& group) const;

  Incident* open(IncidentScope scope, std::uint16_t group, Now now);
  void open_provider(std::uint16_t provider, Now now);
  void look_at_provider(std::uint16_t provider, Now now);
  void narrow(Incident& incident, std::uint16_t institution, Now now);
  void gather(Incident& incident);
  void take_in(Incident& incident, std::uint32_t link);
  void mark_affected(Incident& incident, Now now);
  void begin_ramp(Incident& incident, Now now);
  void relapse(Incident& incident, Now now);
  void forget_evidence(const Incident& incident);
  // `keep`: the institution whose marks stay; 0: none.
  void close(Incident& incident, std::string_view how, Now now, std::uint16_t keep = 0);

  void ask_canary(Incident& incident, Now now, std::vector<Visit>& visits);
  void give_back(Incident& incident, Now now, std::vector<Visit>& visits);
  void look_at(Incident& incident, Now now, std::vector<Visit>& visits);
  static Millis next_of(const Incident& incident, Now now);
  bool holds_entries(const Incident& incident, Now now) const;
  IncidentView view_of(const Incident& incident, Now now) const;
  void tell(IncidentChange change, const Incident& incident, Now now, std::string_view how = {});

  LinkMarks& marks_;
  IncidentPolicy policy_;
  std::vector<Group> institutions_;  // the first stands for none
  std::vector<Group> providers_;
  std::unordered_map<std::string, std::uint16_t> institution_numbers_;
  std::unordered_map<std::string, std::uint16_t> provider_numbers_;
  struct Owner {
    std::uint32_t link = 0;
    Millis at{};
  };
  std::deque<Owner> recent_owners_;
  std::vector<std::unique_ptr<Incident>> open_;
  std::vector<std::uint32_t> left_over_;  // of an incident that closed early: to be visited now
  std::vector<IncidentEvent> events_;
  Millis next_at_ = Millis::max();
  std::uint64_t opened_ = 0;
};

}  // namespace syncd::core
