#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.hpp"
#include "sync/api/task.hpp"
#include "sync/api/timers.hpp"
#include "sync/core/incident.hpp"
#include "sync/core/policy.hpp"
#include "sync/core/reports.hpp"
#include "sync/engine/link_table.hpp"
#include "sync/engine/store_port.hpp"
#include "sync/engine/task_group.hpp"

namespace syncd::engine {

// The note under which the open incidents outlive the process; see Engine::restore_incidents().
inline constexpr std::string_view incidents_note = "incidents";
// A link that is put off stands in the schedule so far ahead, and up to a fifth more, so that it comes back
// whatever becomes of the incident.
inline constexpr core::Millis put_off_for = std::chrono::minutes(5);

struct Incident {
  core::IncidentView what;
  std::optional<core::LinkId> canary;  // the link that is asked at the moment
};

// The schedule's side of core::Incidents: keeps its marks in the link table, its note in the store, and tells
// what happens. Everything referred to outlives it. Thread: the io thread.
class Outages final : private core::LinkMarks {
 public:
  using Slot = LinkTable::Slot;
  struct Hooks {
    // Brings the link's visit forward; `first`: before all that is due.
    std::function<void(Slot slot, bool first)> visit;
    std::function<void(const core::IncidentEvent&)> told;
    std::function<void(const core::Error&)> store_failed;
  };

  Outages(LinkTable& table, api::Timers& timers, StorePort& store, const core::IncidentPolicy& policy,
          Hooks hooks);

  // ---- before start() ----
  void know(Slot slot, const store::LinkSummary& summary);
  void restore(std::string_view note);

  // `tasks` is joined before this ends.
  void start(TaskGroup& tasks);
  void set_policy(const core::IncidentPolicy& policy);

  // A visit has ended and found something out. `succeeded_ever`: this one included.
  void visited(Slot slot, const core::CycleReport& report, bool succeeded_ever);
  void forget(Slot slot) { incidents_.forget(slot); }

  bool holds(Slot slot) const { return incidents_.holds(slot); }
  // Notes that the link is put off, and gives the time for which it is.
  core::Millis park(Slot slot);
  // Asks for the visits that are due; cheap when none are. To be called whenever the schedule looks.
  void act();
  // No later than this something is due.
  api::SteadyTime next_at() const;

  std::vector<Incident> incidents() const;
  std::vector<core::InstitutionTally> institutions() const { return incidents_.institutions(); }
  std::optional<std::string> held_back_by(Slot slot) const;
  // Grows with each change of an incident.
  std::uint64_t revision() const { return revision_; }

 private:
  std::uint32_t links() const override { return static_cast<std::uint32_t>(table_.slots()); }
  core::LinkMark mark(std::uint32_t link) const override { return table_.mark(link); }
  void set_mark(std::uint32_t link, core::LinkMark mark) override { table_.set_mark(link, mark); }

  core::Incidents::Now now() const;
  void tell();
  api::Task<void> keep();
  api::Task<void> look_at_entries(std::vector<Slot> links);

  LinkTable& table_;
  api::Timers& timers_;
  StorePort& store_;
  Hooks hooks_;
  core::Incidents incidents_;
  TaskGroup* tasks_ = nullptr;
  bool to_keep_ = false;
  bool keeping_ = false;
  std::uint64_t revision_ = 0;
};

}  // namespace syncd::engine
