#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "sync/core/refresh_demand.hpp"

namespace syncd::engine {

// What the engine knows about refreshes on demand. What refusals have taught is in memory alone: a refusal
// costs nothing, and teaches it again.
struct RefreshState {
  static constexpr std::size_t institutions_max = 10'000;  // whose hours are kept

  core::RefreshVerdict judge(const core::LinkRecord& record, core::RefreshProduct product,
                             const core::RefreshPlace& place, const core::RefreshPolicy& policy,
                             core::WallTime now) const;
  // Refused at `asked_at` until `until`; the last success or accepted request was at `last`. What no interval
  // explains is the bank's hours.
  void learn_from_refusal(const core::LinkRecord& record, core::RefreshProduct product, core::WallTime last,
                          core::WallTime asked_at, core::WallTime until);
  void learn_from_acceptance(const core::LinkRecord& record, core::RefreshProduct product,
                             core::WallTime last, core::WallTime asked_at);

  // Of the day and the month; what the store's note says is never less. nullopt: the note cannot be read, and
  // all may be spent.
  std::optional<core::RefreshSpending> spending = core::RefreshSpending{};
  std::array<core::RefreshInterval, core::refresh_product_count + 1> intervals;
  std::unordered_map<std::string, core::RefreshHours> hours;  // by institution
  std::unordered_set<std::string> asking;                     // links that are being asked for
  std::size_t followed = 0;
};

}  // namespace syncd::engine
