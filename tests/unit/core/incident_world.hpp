#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "sync/core/incident.hpp"

// Links and the detector, without a schedule: a test says which link is visited when and what it finds.
namespace syncd::test {

struct IncidentWorld final : core::LinkMarks {
  struct Place {
    std::string institution;
    std::string provider;
  };

  explicit IncidentWorld(core::IncidentPolicy policy = {}) : incidents(*this, policy) {}

  std::uint32_t links() const override { return static_cast<std::uint32_t>(marks.size()); }
  core::LinkMark mark(std::uint32_t link) const override { return marks[link]; }
  void set_mark(std::uint32_t link, core::LinkMark mark) override { marks[link] = mark; }

  // The numbers of the first and behind the last of them.
  std::uint32_t add(const std::string& institution, std::uint32_t count, const std::string& provider = {},
                    core::Failing failing = core::Failing::no) {
    const std::uint32_t first = links();
    for (std::uint32_t at = 0; at < count; ++at) {
      marks.emplace_back();
      places.push_back({institution, provider});
      incidents.know(links() - 1, institution, provider, failing);
    }
    return first;
  }
  void visit(std::uint32_t link, core::VisitSign sign, bool worked_before = true) {
    incidents.visited(link, places[link].institution, places[link].provider, sign, worked_before, now);
  }
  void visit(std::uint32_t from, std::uint32_t count, core::VisitSign sign) {
    for (std::uint32_t at = from; at < from + count; ++at)
      visit(at, sign);
  }
  void pass(core::Millis span) {
    now.steady += span;
    now.wall += span;
  }
  // Makes what is asked for until then, each visit at its time: what it finds says `find`.
  template <class Find>
  void run(core::Millis span, Find find) {
    const core::Millis end = now.steady + span;
    for (;;) {
      for (const auto& visit_now : incidents.due(now)) {
        ++visits;
        canaries += visit_now.canary ? 1 : 0;
        visit(visit_now.link, find(visit_now.link));
      }
      const core::Millis next = std::max(now.steady, std::min(incidents.next_at(), end));
      if (next == now.steady && incidents.next_at() <= now.steady) continue;
      pass(next - now.steady);
      if (now.steady >= end) return;
    }
  }
  void run(core::Millis span, core::VisitSign sign) {
    run(span, [sign](std::uint32_t) { return sign; });
  }
  // `opened institution chase`, in their order.
  std::vector<std::string> told() {
    static const std::map<core::IncidentChange, std::string> words = {
        {core::IncidentChange::opened, "opened"},
        {core::IncidentChange::restored, "restored"},
        {core::IncidentChange::ramp, "ramp"},
        {core::IncidentChange::relapsed, "relapsed"},
        {core::IncidentChange::closed, "closed"}};
    std::vector<std::string> lines;
    for (const core::IncidentEvent& event : incidents.take_events()) {
      std::string line = words.at(event.change) + ' ' + std::string(to_string(event.incident.scope)) + ' ' +
                         event.incident.name;
      if (!event.how.empty()) line += ' ' + std::string(event.how);
      lines.push_back(line);
    }
    return lines;
  }
  bool held_back(std::uint32_t link) const { return incidents.held_back_by(link, now).has_value(); }

  std::vector<core::LinkMark> marks;
  std::vector<Place> places;
  core::Incidents::Now now{.steady = core::Millis{5'000},
                           .wall = core::WallTime{core::Millis{1'700'000'000'000}}};
  core::Incidents incidents;
  std::uint32_t visits = 0;  // that were asked for
  std::uint32_t canaries = 0;
};

}  // namespace syncd::test
