#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sync/core/incident.hpp"

namespace syncd::core {

inline constexpr char incident_field_end = '\x1f';  // no name has a control character

struct Incidents::Incident {
  std::string id;
  IncidentScope scope = IncidentScope::institution;
  std::uint16_t group = 0;
  WallTime opened_at{};
  WallTime since{};  // links that began to fail then or later belong to it
  Millis opened{};   // on the steady clock
  IncidentPhase phase = IncidentPhase::open;
  std::uint64_t owners = 0;  // links that began to wait for their owner in it
  std::uint64_t outages = 0;
  std::uint32_t relapses = 0;
  std::vector<std::uint32_t> members;

  std::optional<std::uint32_t> canary;
  std::size_t canary_from = 0;  // in members
  Millis canary_wait = canary_first;
  Millis canary_at{};

  Millis ramp_at{};
  std::size_t ramp_from = 0;  // in members
  std::uint64_t ramp_first = 0;
  std::uint64_t given_back = 0;
  std::uint32_t in_line = 0;

  bool of_owners() const { return owners > outages; }
  // So many visits may have been given back by then: twice as many each minute.
  std::uint64_t allowance(Millis now) const {
    const auto steps = static_cast<std::uint64_t>((now - ramp_at) / ramp_step);
    return ramp_first * ((std::uint64_t{2} << std::min<std::uint64_t>(steps, 30)) - 1);
  }
};

}  // namespace syncd::core
